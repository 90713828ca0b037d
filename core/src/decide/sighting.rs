//! Who answers on addresses that were to be given out: noted, cleared, forgotten in time.

use super::Moment;
use super::lookup::{self, etag_matches};
use crate::change::{Change, Record};
use crate::client::HardwareAddress;
use crate::command::Etag;
use crate::model::Sighting;
use crate::name::{AddressName, AgentName};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::sync::Arc;

/// Takes note that somebody answers; that of before is renewed.
pub(super) fn record(
    state: &State,
    at: Moment,
    name: &AddressName,
    hardware: Option<&HardwareAddress>,
    agent: &AgentName,
) -> Result<Vec<Change>, Refusal> {
    lookup::space(state, &name.space)?;
    let before = state.sighting(name).cloned();
    let sighting = Sighting {
        name: name.clone(),
        hardware: hardware.cloned(),
        agent: agent.clone(),
        until: at.now.plus_seconds(Sighting::SECONDS),
        stamp: before.as_ref().map_or_else(|| at.made(), |before| at.changed(before.stamp)),
    };
    Ok(match before {
        // Heard twice in one moment.
        Some(before) if Sighting { stamp: before.stamp, ..sighting.clone() } == *before => Vec::new(),
        Some(before) => vec![Change::changed(Record::Sighting(before), Record::Sighting(Arc::new(sighting)))],
        None => vec![Change::made(Record::Sighting(Arc::new(sighting)))],
    })
}

/// Forgets who answers.
pub(super) fn clear(state: &State, name: &AddressName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let Some(before) = state.sighting(name).cloned() else {
        let message = format!("nobody is known to answer on {name}");
        return Err(Refusal::new(Reason::SightingNotFound, message).at("name").about(name));
    };
    etag_matches(etag, before.stamp, name)?;
    Ok(vec![Change::gone(Record::Sighting(before))])
}

/// Forgets those that are over, the first to end first; `most` of them.
pub(super) fn expire(state: &State, at: Moment, most: usize) -> Vec<Change> {
    let over = state.sightings_ending().take_while(|found| found.until <= at.now);
    over.take(most).map(|found| Change::gone(Record::Sighting(Arc::clone(found)))).collect()
}

/// Refuses an address on which somebody answers.
pub(super) fn not_seen(state: &State, name: &AddressName) -> Result<(), Refusal> {
    match state.sighting(name) {
        Some(seen) => {
            let who = seen.hardware.as_ref().map_or_else(|| "somebody".to_owned(), ToString::to_string);
            let message = format!(
                "{who} answers on {}, though nothing is known of it; find it, then clear the address, or accept the risk",
                name.address
            );
            Err(Refusal::new(Reason::AddressAnswers, message).about(name))
        }
        None => Ok(()),
    }
}
