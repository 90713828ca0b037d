//! Who waits for which server, in the order of the revisions that they wait for.

use super::Touched;
use freehold_core::address::awaits;
use freehold_core::model::Phase;
use freehold_core::name::{AddressName, ServerName};
use freehold_core::{Revision, State};
use std::collections::{BTreeMap, BTreeSet};

/// What an address waits for: a server, or none, and a revision.
type Awaited = (Option<ServerName>, Revision);

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
        for assignment in state.assignments().filter(|assignment| assignment.phase == Phase::Pending) {
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
    pub(super) fn note(&mut self, state: &State, name: &AddressName) -> Option<Option<ServerName>> {
        self.forget(name);
        let assignment = state.assignment(name).filter(|assignment| assignment.phase == Phase::Pending)?;
        let server = awaits(state, name).map(|(server, _)| server);
        let revision = assignment.stamp.revision;
        self.by_server.entry(server.clone()).or_default().insert((revision, name.clone()));
        self.by_name.insert(name.clone(), (server.clone(), revision));
        Some(server)
    }

    pub(super) fn forget(&mut self, name: &AddressName) {
        let Some((server, revision)) = self.by_name.remove(name) else { return };
        if let Some(names) = self.by_server.get_mut(&server) {
            names.remove(&(revision, name.clone()));
            if names.is_empty() {
                self.by_server.remove(&server);
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

    /// Those that wait for `server` to run no later revision than this; they wait no more.
    pub(super) fn take(&mut self, server: Option<&ServerName>, proven: Revision) -> Vec<AddressName> {
        let names = self.by_server.get(&server.cloned()).into_iter().flatten();
        let ready: Vec<_> =
            names.take_while(|(revision, _)| *revision <= proven).map(|(_, name)| name.clone()).collect();
        ready.iter().for_each(|name| self.forget(name));
        ready
    }

    /// The newest revision that is waited for on `server`.
    pub(super) fn newest(&self, server: &ServerName) -> Option<Revision> {
        let names = self.by_server.get(&Some(server.clone()))?;
        names.last().map(|(revision, _)| *revision)
    }
}
