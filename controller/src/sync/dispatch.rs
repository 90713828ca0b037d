//! Who has to hear of a change: from an entry of the ledger to the servers whose bundle it may alter, and from there to
//! their sessions. A commit wakes the sessions that it concerns and no others.

use super::questions::{PreviewOrder, ProbeOrder};
use super::waits::Decision;
use crate::engine::{Engine, HistoryError};
use freehold_core::name::ServerName;
use freehold_core::{Change, Record, State, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Entries looked at together.
const STRIDE: usize = 4096;

/// What one session is to hear. It is woken once however much has come together.
#[derive(Debug, Default)]
pub(super) struct Signal {
    heard: Mutex<Heard>,
    wake: Notify,
}

/// What has come together for a session.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Servers whose bundle may be different, and since when.
    pub(super) changed: BTreeMap<ServerName, Timestamp>,
    /// Servers that may be sent a snapshot now.
    pub(super) granted: Vec<ServerName>,
    /// A newer session of the same agent is open.
    pub(super) superseded: bool,
    /// Some agent proved that the store went backwards.
    pub(super) regressed: bool,
    /// The store's incarnation has risen.
    pub(super) reincarnated: bool,
    /// What a person decided about servers, in order.
    pub(super) decisions: Vec<(ServerName, Decision)>,
    /// Listings of leases that a person allowed.
    pub(super) allowed: Vec<u64>,
    /// Addresses that somebody wants to be probed.
    pub(super) probes: Vec<ProbeOrder>,
    /// What somebody wants to know of servers.
    pub(super) previews: Vec<PreviewOrder>,
}

impl Signal {
    /// Says something to the session.
    pub(super) fn say(&self, say: impl FnOnce(&mut Heard)) {
        say(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    /// Waits until there is something to hear. Cancelling loses nothing.
    pub(super) async fn hear(&self) -> Heard {
        self.wake.notified().await;
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Which session follows which server, or which stream of lease events is of it.
#[derive(Debug, Default)]
pub(super) struct Dispatch(Mutex<BTreeMap<ServerName, Arc<Signal>>>);

impl Dispatch {
    /// From now on `signal` hears of `server`.
    pub(super) fn follow(&self, server: ServerName, signal: Arc<Signal>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(server, signal);
    }

    /// `signal` hears of `server` no more, unless another session does by now.
    pub(super) fn forget(&self, server: &ServerName, signal: &Arc<Signal>) {
        let mut following = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if following.get(server).is_some_and(|current| Arc::ptr_eq(current, signal)) {
            following.remove(server);
        }
    }

    /// The session that follows `server`.
    pub(super) fn signal(&self, server: &ServerName) -> Option<Arc<Signal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(server).cloned()
    }

    /// Follows the engine until `stop`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) async fn run(&self, engine: Engine, stop: CancellationToken) -> Result<(), HistoryError> {
        let mut entries = engine.entries_after(engine.state().revision());
        loop {
            let new = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                new = entries.next(STRIDE) => match new? {
                    Some(new) => new,
                    None => return Ok(()),
                },
            };
            let state = engine.state();
            let mut changed: BTreeMap<ServerName, Timestamp> = BTreeMap::new();
            for entry in &new {
                for server in concerned(&state, &state, entry.changes()) {
                    changed.entry(server).or_insert(entry.at);
                }
            }
            for (server, since) in changed {
                if let Some(signal) = self.signal(&server) {
                    signal.say(|heard| {
                        heard.changed.entry(server).or_insert(since);
                    });
                }
            }
        }
    }
}

/// The servers whose bundle these changes may alter, which lead from one state to another. Of changes that were made the new state says enough:
/// what is gone from it is among them.
pub(crate) fn concerned(before: &State, after: &State, changes: &[Change]) -> BTreeSet<ServerName> {
    let servers = |change: &Change| {
        let side = |state: &State, record: Option<&Record>| record.and_then(|record| serves(state, record));
        [side(before, change.before()), side(after, change.after())]
    };
    changes.iter().flat_map(servers).flatten().collect()
}

fn serves(state: &State, record: &Record) -> Option<ServerName> {
    match record {
        Record::Scope(scope) => scope.server.clone(),
        Record::Reservation(reservation) => state.scope(&reservation.name.scope)?.server.clone(),
        Record::Address(assignment) => state.scope_at(&assignment.name.space, assignment.name.address)?.server.clone(),
        Record::Server(server) => Some(server.name.clone()),
        // What a server refused is left out of its bundle, or not sent at all; what it was proven to run is not news to it.
        Record::ServerStatus(status) => {
            (!status.quarantine.is_empty() || status.refused.is_some()).then(|| status.server.clone())
        }
        Record::Space(_)
        | Record::Prefix(_)
        | Record::Sighting(_)
        | Record::Agent(_)
        | Record::Token(_)
        | Record::Operator(_)
        | Record::Field(_)
        | Record::View(_)
        | Record::NextSubnetId(_) => None,
    }
}
