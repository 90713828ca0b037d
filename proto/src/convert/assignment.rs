//! Held and claimed addresses.

use super::plan::text;
use super::{label, time};
use crate::v1::{self, assignment::Client};
use freehold_core::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use freehold_core::model::{Assignment, AssignmentKind, Phase, Rare};
use freehold_core::name::AddressName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::HostName;

/// The message of an assignment.
pub fn message(assignment: &Assignment) -> v1::Assignment {
    named(assignment, assignment.name.to_string())
}

/// The same with its name, which is written already.
pub(super) fn named(assignment: &Assignment, name: String) -> v1::Assignment {
    let rare = assignment.rare();
    let kind = if assignment.is_hold() { v1::assignment::Kind::Hold } else { v1::assignment::Kind::Claim };
    v1::Assignment {
        name,
        kind: kind.into(),
        phase: phase(assignment.phase).into(),
        risk_accepted: assignment.risk_accepted,
        holder: (*assignment.holder).to_owned(),
        client: assignment.client.as_ref().map(|client| match client {
            ClientIdentity::Hardware(address) => Client::HardwareAddress(address.to_string()),
            ClientIdentity::ClientId(id) => Client::ClientId(id.to_string()),
            ClientIdentity::Duid(duid) => Client::Duid(duid.to_string()),
        }),
        host_name: assignment.host_name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
        comment: rare.comment.as_str().to_owned(),
        owner: rare.owner.as_str().to_owned(),
        conflict: rare.conflict.as_str().to_owned(),
        end_time: assignment.ends().map(time::message),
        create_time: Some(time::message(assignment.stamp.created)),
        update_time: Some(time::message(assignment.stamp.updated)),
        etag: time::etag(assignment.stamp.revision),
        tags: label::tags_message(&rare.labels),
        fields: label::fields_message(&rare.labels),
    }
}

/// The message of a phase.
pub fn phase(phase: Phase) -> v1::assignment::Phase {
    match phase {
        Phase::Pending => v1::assignment::Phase::Pending,
        Phase::Active => v1::assignment::Phase::Active,
        Phase::Conflict => v1::assignment::Phase::Conflict,
    }
}

/// The assignment of a message, as it was stored.
pub fn parse(message: &v1::Assignment) -> Result<Assignment, Refusal> {
    let rare = Rare {
        comment: text(&message.comment, "comment")?,
        owner: text(&message.owner, "owner")?,
        conflict: text(&message.conflict, "conflict")?,
        labels: label::parse(&message.tags, &message.fields)?,
    };
    let host_name = (!message.host_name.is_empty()).then(|| HostName::parse(&message.host_name)).transpose();
    Ok(Assignment {
        name: message.name.parse::<AddressName>().map_err(|refusal| refusal.at("name"))?,
        kind: parse_kind(message)?,
        phase: parse_phase(message)?,
        risk_accepted: message.risk_accepted,
        holder: message.holder.as_str().into(),
        client: message.client.as_ref().map(parse_client).transpose()?,
        host_name: host_name.map_err(|refusal| refusal.at("host_name"))?,
        rare: rare.boxed(),
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

fn parse_kind(message: &v1::Assignment) -> Result<AssignmentKind, Refusal> {
    let end = message.end_time.as_ref().map(|end| time::parse(Some(end)));
    match (v1::assignment::Kind::try_from(message.kind), end) {
        (Ok(v1::assignment::Kind::Hold), Some(until)) => Ok(AssignmentKind::Hold { until }),
        (Ok(v1::assignment::Kind::Claim), expires) => Ok(AssignmentKind::Claim { expires }),
        _ => Err(Refusal::new(Reason::InvalidValue, "neither a hold with a deadline nor a claim").at("kind")),
    }
}

fn parse_phase(message: &v1::Assignment) -> Result<Phase, Refusal> {
    match v1::assignment::Phase::try_from(message.phase) {
        Ok(v1::assignment::Phase::Pending) => Ok(Phase::Pending),
        Ok(v1::assignment::Phase::Active) => Ok(Phase::Active),
        Ok(v1::assignment::Phase::Conflict) => Ok(Phase::Conflict),
        Ok(v1::assignment::Phase::Unspecified) | Err(_) => {
            Err(Refusal::new(Reason::InvalidValue, format!("no phase has the number {}", message.phase)).at("phase"))
        }
    }
}

fn parse_client(client: &Client) -> Result<ClientIdentity, Refusal> {
    match client {
        Client::HardwareAddress(text) => text
            .parse::<HardwareAddress>()
            .map(ClientIdentity::Hardware)
            .map_err(|refusal| refusal.at("hardware_address")),
        Client::ClientId(text) => {
            text.parse::<ClientId>().map(ClientIdentity::ClientId).map_err(|refusal| refusal.at("client_id"))
        }
        Client::Duid(text) => text.parse::<Duid>().map(ClientIdentity::Duid).map_err(|refusal| refusal.at("duid")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{claim_resource, reservation_resource};
    use crate::convert::stored::{decode_record, encode_record};
    use freehold_core::labels::Labels;
    use freehold_core::model::{Reservation, Stamp};
    use freehold_core::text::Text;
    use freehold_core::{Record, Revision, Timestamp};
    use std::sync::Arc;

    fn claim() -> Assignment {
        let text = |words| Text::parse(words).expect("text");
        Assignment {
            name: "spaces/default/addresses/10.1.2.3".parse().expect("a name"),
            kind: AssignmentKind::Claim { expires: Some(Timestamp(1_700_000_000_123)) },
            phase: Phase::Conflict,
            risk_accepted: true,
            holder: "operators/alice".into(),
            client: Some(ClientIdentity::Hardware("02:00:5e:10:00:01".parse().expect("an address"))),
            host_name: Some(HostName::parse("printer-7").expect("a host name")),
            rare: Rare {
                comment: text("third floor"),
                owner: text("facilities"),
                conflict: text("another"),
                labels: Labels::new(
                    ["voice".parse().expect("a tag")].into(),
                    [("fieldDefinitions/site".parse().expect("a name"), text("berlin"))].into(),
                ),
            }
            .boxed(),
            stamp: Stamp { created: Timestamp(1), updated: Timestamp(2), revision: Revision(7) },
        }
    }

    #[test]
    fn what_is_stored_reads_back() {
        let bare = Assignment {
            name: "spaces/lab/addresses/2001:db8::7".parse().expect("a name"),
            kind: AssignmentKind::Hold { until: Timestamp(5) },
            phase: Phase::Pending,
            risk_accepted: false,
            client: None,
            host_name: None,
            rare: None,
            ..claim()
        };
        let endless = Assignment { kind: AssignmentKind::Claim { expires: None }, phase: Phase::Active, ..claim() };
        for assignment in [claim(), bare, endless] {
            let record = Record::Address(Arc::new(assignment));
            assert_eq!(decode_record(&encode_record(&record)).expect("it reads"), record);
        }
    }

    #[test]
    fn damage_is_refused_by_its_field() {
        let field = |message: &v1::Assignment| parse(message).map_err(|refusal| refusal.field);
        let hold = v1::assignment::Kind::Hold.into();
        assert_eq!(field(&v1::Assignment { kind: hold, end_time: None, ..message(&claim()) }), Err("kind".to_owned()));
        assert_eq!(field(&v1::Assignment { phase: 9, ..message(&claim()) }), Err("phase".to_owned()));
        let name = "spaces/default/10.1.2.3".to_owned();
        assert_eq!(field(&v1::Assignment { name, ..message(&claim()) }), Err("name".to_owned()));
    }

    /// An agent need not know of claims to serve one.
    #[test]
    fn a_claim_is_served_as_a_reservation() {
        let claim = claim();
        let scope = "scopes/berlin-voice".parse::<freehold_core::name::ScopeName>().expect("a name");
        let reservation = Reservation {
            prefixes: Vec::new(),
            name: freehold_core::name::ReservationName { scope: scope.clone(), address: claim.name.address },
            client: claim.client.clone().expect("a client"),
            host_name: claim.host_name.clone(),
            description: Text::default(),
            labels: freehold_core::labels::Labels::NONE,
            stamp: claim.stamp,
        };
        assert_eq!(claim_resource(&scope, &claim), Some(reservation_resource(&reservation)));
        assert_eq!(claim_resource(&scope, &Assignment { client: None, ..claim }), None);
    }
}
