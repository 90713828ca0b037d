//! Who answers on addresses that were to be given out.

use super::time;
use crate::v1;
use freehold_core::client::HardwareAddress;
use freehold_core::model::Sighting;
use freehold_core::name::{AddressName, AgentName};
use freehold_core::refusal::Refusal;

/// The message of a sighting.
pub fn message(sighting: &Sighting) -> v1::Sighting {
    v1::Sighting {
        name: sighting.name.to_string(),
        hardware_address: sighting.hardware.as_ref().map(ToString::to_string).unwrap_or_default(),
        agent: sighting.agent.to_string(),
        create_time: Some(time::message(sighting.stamp.created)),
        update_time: Some(time::message(sighting.stamp.updated)),
        expire_time: Some(time::message(sighting.until)),
        etag: time::etag(sighting.stamp.revision),
    }
}

/// The sighting of a message, as it was stored.
pub fn parse(message: &v1::Sighting) -> Result<Sighting, Refusal> {
    let hardware = (!message.hardware_address.is_empty()).then(|| message.hardware_address.parse::<HardwareAddress>());
    Ok(Sighting {
        name: message.name.parse::<AddressName>().map_err(|refusal| refusal.at("name"))?,
        hardware: hardware.transpose().map_err(|refusal| refusal.at("hardware_address"))?,
        agent: message.agent.parse::<AgentName>().map_err(|refusal| refusal.at("agent"))?,
        until: time::parse(message.expire_time.as_ref()),
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_core::model::Stamp;
    use freehold_core::{Revision, Timestamp};

    #[test]
    fn a_sighting_comes_back_as_it_was() {
        for hardware in [None, Some(HardwareAddress::from_bytes(&[2, 0, 0, 0, 0, 7]).expect("an address"))] {
            let sighting = Sighting {
                name: "spaces/default/addresses/10.1.2.3".parse().expect("a name"),
                hardware,
                agent: AgentName::from_id("berlin-1").expect("a name"),
                until: Timestamp(700_000),
                stamp: Stamp { created: Timestamp(1_000), updated: Timestamp(2_000), revision: Revision(7) },
            };
            assert_eq!(parse(&message(&sighting)), Ok(sighting));
        }
    }
}
