//! What one server should run, as a function of the state alone.

use crate::model::{Management, Reservation, Scope, ScopeStatus};
use crate::name::ServerName;
use crate::state::State;
use std::sync::Arc;

/// The records that a server should serve, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desired {
    /// Active scopes of the server.
    pub scopes: Vec<Arc<Scope>>,
    /// The reservations in them.
    pub reservations: Vec<Arc<Reservation>>,
}

/// What `server` should run at this state; nothing if it is not managed.
///
/// Quarantined resources are still in it: their hash decides whether they are tried again, and hashes
/// belong to the wire form.
pub fn desired(state: &State, server: &ServerName) -> Desired {
    if state.server(server).is_none_or(|server| server.management == Management::Unmanaged) {
        return Desired::default();
    }
    let scopes: Vec<_> = state.scopes_of(server).filter(|scope| scope.status == ScopeStatus::Active).cloned().collect();
    let reservations = scopes.iter().flat_map(|scope| state.reservations_in(&scope.name)).cloned().collect();
    Desired { scopes, reservations }
}
