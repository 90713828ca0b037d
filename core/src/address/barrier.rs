//! What stands between an assignment and the certainty that no server leases its address.

use crate::lease::{Lease, LeaseBook};
use crate::model::{Assignment, Management, Phase, Scope, ScopeStatus};
use crate::name::{AddressName, ServerName};
use crate::state::State;
use crate::time::Revision;
use std::net::IpAddr;
use std::sync::Arc;

/// The server that could lease `address` of the scope right now, for all that is known.
///
/// That is the scope's server if Freehold manages it, or did and left it its configuration, and the address is in a
/// pool, or may have been in one of the scope's form that the server runs.
pub(crate) fn could_lease<'a>(state: &State, scope: &'a Scope, address: IpAddr) -> Option<&'a ServerName> {
    let server = scope.server.as_ref()?;
    let applied = state.status(server).and_then(|status| status.applied.as_ref());
    let managed = state.server(server)?.management == Management::Managed;
    if !managed && applied.is_none() {
        return None;
    }
    let in_pool = || scope.status == ScopeStatus::Active && scope.leases(address);
    let may_have_been = || applied.is_some_and(|applied| applied.revision < scope.stamp.revision);
    (in_pool() || may_have_been()).then_some(server)
}

/// What a PENDING assignment waits for: the server that has to have applied a bundle made at this revision or later,
/// with its lease events up to then. `None` if it waits for nothing.
pub fn awaits(state: &State, name: &AddressName) -> Option<(ServerName, Revision)> {
    let assignment = state.assignment(name).filter(|assignment| assignment.phase == Phase::Pending)?;
    let server = state.scope_at(&name.space, name.address)?.server.clone()?;
    Some((server, assignment.stamp.revision))
}

/// A lease on the address of `assignment` that is another client's, and the server that granted it.
pub fn lease_against<'a>(
    state: &State,
    book: &'a LeaseBook,
    assignment: &Assignment,
) -> Option<(&'a ServerName, &'a Arc<Lease>)> {
    let scope = state.scope_at(&assignment.name.space, assignment.name.address)?;
    let is_its = |lease: &Lease| assignment.client.as_ref().is_some_and(|client| lease.is_of(client));
    book.leases_on(scope.subnet_id, assignment.name.address).find(|(_, lease)| !is_its(lease))
}
