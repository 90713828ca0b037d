//! The open connections by identity, so that a revocation reaches them at once.
//!
//! A connection is entered first and its standing asked afterwards; the follower sees a revocation in the snapshot first and looks
//! for connections afterwards. So whichever comes first, one of the two finds the other.

use super::peer::Peer;
use super::standing;
use crate::api::status;
use crate::engine::Engine;
use freehold_certs::identity::{Identity, Name, Uuid};
use freehold_core::name::OperatorName;
use freehold_core::{State, Timestamp};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// The open connections whose peers showed a certificate.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    peers: BTreeMap<(Identity, u64), Peer>,
}

/// A place in the table, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    connections: &'a Connections,
    key: (Identity, u64),
}

impl Connections {
    /// Enters a connection; `None` if its peer showed no certificate.
    pub(super) fn enter(&self, peer: &Peer) -> Option<Place<'_>> {
        let shown = peer.certificate.as_ref()?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.next += 1;
        let key = (shown.identity.clone(), open.next);
        open.peers.insert(key.clone(), peer.clone());
        Some(Place { connections: self, key })
    }

    /// Follows the engine and cuts off whoever loses standing, until told to stop or the engine ends.
    pub(super) async fn follow(&self, engine: Engine, stop: CancellationToken) {
        let mut revisions = engine.revisions();
        let mut seen = engine.state();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = revisions.changed() => if changed.is_err() { return },
            }
            let state = engine.state();
            for identity in touched(&seen, &state) {
                self.judge(&identity, &state, engine.now());
            }
            seen = state;
        }
    }

    fn judge(&self, identity: &Identity, state: &State, now: Timestamp) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, peer) in open.peers.range((identity.clone(), 0)..=(identity.clone(), u64::MAX)) {
            let shown = peer.certificate.as_ref().expect("only peers with a certificate are entered");
            if let Err(refusal) = standing::principal(state, shown, now) {
                tracing::info!(%identity, address = %peer.address, reason = %refusal.reason, "cut off");
                peer.end(status::unauthenticated(&refusal));
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.connections.open.lock().unwrap_or_else(PoisonError::into_inner).peers.remove(&self.key);
    }
}

/// The identities whose records are not the same in both.
fn touched(before: &State, after: &State) -> Vec<Identity> {
    let mut identities = Vec::new();
    for agent in differing(before.agents(), after.agents()) {
        identities.push(Identity::Agent(Uuid::from_bytes(agent.id)));
    }
    for operator in differing(before.operators(), after.operators()) {
        identities.push(identity_of(&operator.name));
    }
    identities
}

/// Every value that only one of the two maps has. Parts that they share are not visited.
fn differing<'a, K: Ord + Clone, V: PartialEq>(before: &'a OrdMap<K, V>, after: &'a OrdMap<K, V>) -> Vec<&'a V> {
    let mut values = Vec::new();
    for item in before.diff(after) {
        match item {
            DiffItem::Add(_, value) | DiffItem::Remove(_, value) => values.push(value),
            DiffItem::Update { old: (_, old), new: (_, new) } => values.extend([old, new]),
        }
    }
    values
}

fn identity_of(operator: &OperatorName) -> Identity {
    let name: Name = operator.id().parse().expect("an operator's id has only characters that identities take");
    Identity::Operator(name)
}
