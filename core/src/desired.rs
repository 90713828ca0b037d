//! What one server should run, as a function of the state alone.

use crate::model::{Assignment, Management, Reservation, Scope, ScopeStatus};
use crate::name::{ScopeName, ServerName};
use crate::net::AddressRange;
use crate::state::State;
use std::sync::Arc;

/// A scope as a server should serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The scope.
    pub scope: Arc<Scope>,
    /// What it leases: its pools without the addresses that are held or claimed.
    pub pools: Vec<AddressRange>,
}

/// The records that a server should serve, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desired {
    /// Active scopes of the server.
    pub scopes: Vec<Served>,
    /// The reservations in them.
    pub reservations: Vec<Arc<Reservation>>,
    /// The claims in their networks that name a client: it gets its address by DHCP, too.
    pub claims: Vec<(ScopeName, Arc<Assignment>)>,
}

/// What `server` should run at this state; nothing if it is not managed.
///
/// Quarantined resources are still in it: their hash decides whether they are tried again, and hashes
/// belong to the wire form.
pub fn desired(state: &State, server: &ServerName) -> Desired {
    if state.server(server).is_none_or(|server| server.management == Management::Unmanaged) {
        return Desired::default();
    }
    let scopes: Vec<_> = state.scopes_of(server).filter(|scope| scope.status == ScopeStatus::Active).collect();
    Desired {
        scopes: scopes.iter().map(|&scope| Served { scope: Arc::clone(scope), pools: state.pools_of(scope) }).collect(),
        reservations: scopes.iter().flat_map(|scope| state.reservations_in(&scope.name)).cloned().collect(),
        claims: scopes
            .iter()
            .flat_map(|scope| claims_in(state, scope).map(|claim| (scope.name.clone(), claim)))
            .collect(),
    }
}

/// The claims in the network of `scope` that name a client, by address.
fn claims_in<'a>(state: &'a State, scope: &Scope) -> impl Iterator<Item = Arc<Assignment>> + use<'a> {
    let range = scope.network.range();
    state
        .assignments_within(&scope.space, range.family(), range.numbers())
        .filter(|found| !found.is_hold() && found.client.is_some())
}
