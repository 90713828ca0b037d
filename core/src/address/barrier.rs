//! What stands between an assignment and the certainty that no server leases its address.

use crate::lease::{Lease, LeaseBook};
use crate::model::{Assignment, Left, Management, Phase, Scope, ScopeStatus, SubnetId};
use crate::name::{AddressName, ServerName, SpaceName};
use crate::state::State;
use crate::time::Revision;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Whether a server could lease `address` of the space right now, for all that is known.
///
/// That is the server of its scope if Freehold manages it, or did and left it its configuration, and the address is in a
/// pool, or may have been in one of a form of the scope that the server runs; and every server that the network was taken
/// off and that was not proven to run without it.
pub(crate) fn could_lease(state: &State, scope: Option<&Scope>, space: &SpaceName, address: IpAddr) -> bool {
    scope.is_some_and(|scope| its_server_could(state, scope, address)) || left(state, space, address).next().is_some()
}

fn its_server_could(state: &State, scope: &Scope, address: IpAddr) -> bool {
    let Some((name, server)) = scope.server.as_ref().and_then(|name| Some((name, state.server(name)?))) else {
        return false;
    };
    let status = state.status(name);
    let applied = status.and_then(|status| status.applied.as_ref());
    if server.management != Management::Managed && applied.is_none() {
        return false;
    }
    let in_pool = || scope.status == ScopeStatus::Active && scope.leases(address);
    let may_have_been = || applied.is_some_and(|applied| applied.revision < scope.stamp.revision);
    in_pool() || may_have_been() || status.is_some_and(|status| status.runs_older(scope))
}

/// The servers that may still run a network that covers the address, although it was taken off them, and since when.
fn left<'a>(
    state: &'a State,
    space: &'a SpaceName,
    address: IpAddr,
) -> impl Iterator<Item = (&'a ServerName, SubnetId, Revision)> {
    let covers = move |left: &Left| left.space == *space && left.network.contains(address);
    state.leaving().flat_map(move |status| {
        let covering = status.left.iter().filter(move |(_, left)| covers(left));
        covering.map(|(id, left)| (&status.server, *id, left.since))
    })
}

/// What a PENDING assignment waits for: servers, and the revision of which each has to have applied a bundle, or of a later
/// one, with its lease events up to then. Nothing if it waits for nothing.
pub fn awaits(state: &State, name: &AddressName) -> BTreeMap<ServerName, Revision> {
    let Some(assignment) = state.assignment(name).filter(|assignment| assignment.phase == Phase::Pending) else {
        return BTreeMap::new();
    };
    let former = left(state, &name.space, name.address).map(|(server, _, since)| (server.clone(), since));
    let present = state.scope_at(&name.space, name.address).and_then(|scope| scope.server.clone());
    former.chain(present.map(|server| (server, assignment.stamp.revision))).collect()
}

/// A lease on the address of `assignment` that is another client's, and the server that granted it.
pub fn lease_against<'a>(
    state: &'a State,
    book: &'a LeaseBook,
    assignment: &'a Assignment,
) -> Option<(&'a ServerName, &'a Arc<Lease>)> {
    let is_its = |lease: &Lease| assignment.client.as_ref().is_some_and(|client| lease.is_of(client));
    leases_there(state, book, &assignment.name).find(|(_, lease)| !is_its(lease))
}

/// The leases on an address: in its scope, and where it was served before and may be still.
pub(crate) fn leases_there<'a>(
    state: &'a State,
    book: &'a LeaseBook,
    name: &'a AddressName,
) -> impl Iterator<Item = (&'a ServerName, &'a Arc<Lease>)> {
    let AddressName { space, address } = name;
    let present = state.scope_at(space, *address).map(|scope| scope.subnet_id);
    let former = left(state, space, *address).map(|(_, id, _)| id).filter(move |id| Some(*id) != present);
    let mut subnets: Vec<SubnetId> = former.chain(present).collect();
    subnets.sort_unstable();
    subnets.dedup();
    subnets.into_iter().flat_map(move |id| book.leases_on(id, *address))
}
