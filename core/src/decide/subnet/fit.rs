//! Whether what a network holds fits into the network that it would lie in.

use crate::change::{Change, Record};
use crate::decide::Moment;
use crate::decide::obstacles::Obstacles;
use crate::model::{Assignment, Scope, ScopeStatus};
use crate::name::{AddressName, PrefixName, SpaceName};
use crate::net::{Cidr, subtract};
use crate::state::State;
use std::sync::Arc;

/// Names all of `scope` that would not fit, were `to` its network.
pub(super) fn scope_into(state: &State, scope: &Scope, to: Cidr, obstacles: &mut Obstacles) {
    let name = &scope.name;
    for range in &scope.ranges {
        if !to.range().covers(range) {
            obstacles.add(name, || format!("the range {range} of {name} does not lie in {to}"));
        } else if let Some(edge) = [range.start(), range.end()].into_iter().find(|address| !to.usable(*address)) {
            obstacles.add(name, || format!("the range {range} of {name} holds {edge}, which no host in {to} can have"));
        }
    }
    for router in scope.options.routers().iter().copied() {
        if scope.network.contains(router) && !to.usable(router) {
            obstacles.add(name, || format!("the router {router} of {name} is not an address of a host in {to}"));
        }
    }
    for router in scope.options.routers().iter().copied() {
        let address = AddressName { space: scope.space.clone(), address: router };
        if !scope.network.contains(router) && to.contains(router) && state.assignment(&address).is_some() {
            obstacles.add(&address, || format!("{address} is held or claimed, and a router of {name}"));
        }
    }
    for reservation in state.reservations_in(name).filter(|reservation| !to.usable(reservation.name.address)) {
        let reserved = &reservation.name;
        obstacles.add(reserved, || format!("{reserved} is not an address of a host in {to}"));
    }
    let Some(server) = scope.server.as_ref().and_then(|server| state.server(server)) else { return };
    if scope.status == ScopeStatus::Active {
        let met = |network: &Cidr| network.overlaps(&to) && !network.overlaps(&scope.network);
        for foreign in server.foreign_subnets.iter().filter(|foreign| met(&foreign.network)) {
            obstacles.add(&server.name, || {
                format!(
                    "{} serves {} by its own configuration, which {name} would then overlap",
                    server.name, foreign.network
                )
            });
        }
    }
}

/// Names the held and claimed addresses of the network `from` that no host could have, were `to` their network.
pub(super) fn assignments_into(state: &State, space: &SpaceName, from: Cidr, to: Cidr, obstacles: &mut Obstacles) {
    for outside in subtract(&[from.range()], &[to.hosts()]) {
        for assignment in state.assignments_within(space, outside.family(), outside.numbers()) {
            let name = &assignment.name;
            obstacles.add(name, || format!("{name} is held or claimed, and not an address of a host in {to}"));
        }
    }
}

/// Names the claims in the parts of the network `whole` whose client would have another address of it, too.
pub(super) fn claims_alone(state: &State, whole: &PrefixName, scope: Option<&Scope>, obstacles: &mut Obstacles) {
    let range = whole.cidr.range();
    let here =
        |claim: &Assignment| !claim.is_hold() && claim.name.space == whole.space && range.contains(claim.name.address);
    for claim in state.assignments_within(&whole.space, range.family(), range.numbers()).filter(|found| here(found)) {
        let Some(client) = &claim.client else { continue };
        for client in [Some(client.clone()), client.twin()].iter().flatten() {
            let name = &claim.name;
            if let Some(other) = state.assignments_for(client).find(|other| here(other) && other.name > *name) {
                obstacles.add(name, || format!("{client} claims {} and {}", name.address, other.name.address));
            }
            if let Some(reserved) = scope.and_then(|scope| state.reserved_for(&scope.name, client)) {
                obstacles.add(name, || format!("{client} claims {} and has {reserved} reserved", name.address));
            }
        }
    }
}

/// The change that makes `to` the network of `scope`.
pub(super) fn moved(at: Moment, scope: Arc<Scope>, to: Cidr) -> Change {
    let after = Scope { network: to, stamp: at.changed(scope.stamp), ..Scope::clone(&scope) };
    Change::changed(Record::Scope(scope), Record::Scope(Arc::new(after)))
}
