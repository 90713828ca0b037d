//! Who waits for which server, in the order of the revisions that they wait for.

use super::Touched;
use freehold_core::address::awaits;
use freehold_core::model::{Left, Phase};
use freehold_core::name::{AddressName, ServerName};
use freehold_core::{Revision, State};
use std::collections::{BTreeMap, BTreeSet};

/// What an address still waits for: servers, each up to a revision; or none, from the revision that made it on.
type Awaited = BTreeMap<Option<ServerName>, Revision>;

/// The PENDING assignments. The two maps hold the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    by_server: BTreeMap<Option<ServerName>, BTreeSet<(Revision, AddressName)>>,
    by_name: BTreeMap<AddressName, Awaited>,
}

impl Waiting {
    /// All that are PENDING.
    pub(super) fn of(state: &State) -> Self {
        let mut waiting = Self::default();
        for assignment in state.assignments_in(Phase::Pending) {
            waiting.note(state, &assignment.name);
        }
        waiting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Everybody who is waited for.
    pub(super) fn servers(&self) -> Touched {
        self.by_server.keys().cloned().collect()
    }

    /// Takes note of what an address waits for now, and says for whom; nothing, if it does not wait.
    pub(super) fn note(&mut self, state: &State, name: &AddressName) -> Touched {
        self.forget(name);
        let Some(assignment) = state.assignment(name).filter(|assignment| assignment.phase == Phase::Pending) else {
            return Touched::new();
        };
        let mut awaited: Awaited =
            awaits(state, name).into_iter().map(|(server, since)| (Some(server), since)).collect();
        if awaited.is_empty() {
            awaited.insert(None, assignment.stamp.revision);
        }
        for (server, revision) in &awaited {
            self.by_server.entry(server.clone()).or_default().insert((*revision, name.clone()));
        }
        let servers = awaited.keys().cloned().collect();
        self.by_name.insert(name.clone(), awaited);
        servers
    }

    pub(super) fn forget(&mut self, name: &AddressName) {
        for (server, revision) in self.by_name.remove(name).unwrap_or_default() {
            self.strike(&server, revision, name);
        }
    }

    fn strike(&mut self, server: &Option<ServerName>, revision: Revision, name: &AddressName) {
        if let Some(names) = self.by_server.get_mut(server) {
            names.remove(&(revision, name.clone()));
            if names.is_empty() {
                self.by_server.remove(server);
            }
        }
    }

    /// Looks up again whom each waits for.
    pub(super) fn again(&mut self, state: &State) {
        let names: Vec<_> = self.by_name.keys().cloned().collect();
        for name in names {
            self.note(state, &name);
        }
    }

    /// Those that waited for `server` to run no later revision than this, and wait for nobody else; they wait no more.
    pub(super) fn take(&mut self, server: Option<&ServerName>, proven: Revision) -> Vec<AddressName> {
        let server = server.cloned();
        let names = self.by_server.get(&server).into_iter().flatten();
        let done: Vec<_> = names.take_while(|(revision, _)| *revision <= proven).cloned().collect();
        let mut ready = Vec::new();
        for (revision, name) in done {
            self.strike(&server, revision, &name);
            if let Some(awaited) = self.by_name.get_mut(&name) {
                awaited.remove(&server);
                if awaited.is_empty() {
                    self.by_name.remove(&name);
                    ready.push(name);
                }
            }
        }
        ready
    }

    /// The newest revision that is waited for on `server`.
    pub(super) fn newest(&self, server: &ServerName) -> Option<Revision> {
        let names = self.by_server.get(&Some(server.clone()))?;
        names.last().map(|(revision, _)| *revision)
    }

    /// Whether an address waits, for whomever, in a network that a server was taken off.
    pub(super) fn any_in(&self, left: &Left) -> bool {
        self.by_name.keys().any(|name| name.space == left.space && left.network.contains(name.address))
    }
}
