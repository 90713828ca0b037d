//! The invariants of a state, each stated once more, independently of `decide`, as a test of the whole.
//!
//! Used by property tests, by the simulation, and by `freehold-controller check` on a store.

use crate::model::{PrefixKind, Scope, ScopeStatus};
use crate::state::State;
use std::collections::BTreeSet;

/// Everything that is wrong with `state`, one sentence each; empty if nothing is. Costs a scan of all records.
pub fn check(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    plan(state, &mut wrong);
    scopes(state, &mut wrong);
    reservations(state, &mut wrong);
    hosts(state, &mut wrong);
    for (index, is, should) in state.index_sizes() {
        if is != should {
            wrong.push(format!("the index of {index} has {is} entries, not {should}"));
        }
    }
    wrong
}

fn plan(state: &State, wrong: &mut Vec<String>) {
    for prefix in state.prefixes().values() {
        if state.space(&prefix.name.space).is_none() {
            wrong.push(format!("{} is in a space that does not exist", prefix.name));
        }
        let parent_is_network = state.parent_of(&prefix.name).is_some_and(|parent| parent.kind == PrefixKind::Network);
        if parent_is_network {
            wrong.push(format!("{} lies inside a network", prefix.name));
        }
    }
}

fn scopes(state: &State, wrong: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    let mut by_place: Vec<&Scope> = state.scopes().values().map(AsRef::as_ref).collect();
    by_place.sort_by_key(|scope| (scope.space.clone(), scope.network));
    for pair in by_place.windows(2) {
        if pair[0].space == pair[1].space && pair[0].network.overlaps(&pair[1].network) {
            wrong.push(format!("{} and {} share addresses", pair[0].name, pair[1].name));
        }
    }
    for scope in by_place {
        let name = &scope.name;
        if !ids.insert(scope.subnet_id) || scope.subnet_id >= state.next_subnet_id() {
            wrong.push(format!("{name} has the subnet id {}, which is not its own", scope.subnet_id));
        }
        if state.prefix(&scope.prefix()).is_none_or(|prefix| prefix.kind != PrefixKind::Network) {
            wrong.push(format!("{name} serves no network of the plan"));
        }
        for pool in scope.pools() {
            if !scope.network.usable(pool.start()) || !scope.network.usable(pool.end()) {
                wrong.push(format!("{name} would lease {pool}, not all of which a host can have"));
            }
            if scope.exclusions.iter().any(|exclusion| exclusion.range.overlaps(&pool)) {
                wrong.push(format!("{name} would lease {pool}, part of which is excluded"));
            }
        }
        if let Some(server) = &scope.server {
            match state.server(server) {
                None => wrong.push(format!("{name} is served by {server}, which does not exist")),
                Some(server) => {
                    let clash = server.foreign_subnets.iter().find(|foreign| foreign.network.overlaps(&scope.network));
                    if let Some(foreign) = clash
                        .filter(|_| scope.status == ScopeStatus::Active && scope.stamp.revision > server.stamp.revision)
                    {
                        wrong.push(format!(
                            "{name} shares addresses with {}, which {} serves itself",
                            foreign.network, server.name
                        ));
                    }
                }
            }
        }
    }
}

fn reservations(state: &State, wrong: &mut Vec<String>) {
    for reservation in state.reservations().values() {
        let name = &reservation.name;
        match state.scope(&name.scope) {
            None => wrong.push(format!("{name} is in a scope that does not exist")),
            Some(scope) => {
                if !scope.network.usable(name.address) {
                    wrong.push(format!("{name} is not an address that a client can have"));
                }
                if scope.excludes(name.address) {
                    wrong.push(format!("{name} is excluded"));
                }
            }
        }
        if state.reserved_for(&name.scope, &reservation.client) != Some(name.address) {
            wrong.push(format!("{name}: its client is found under another address"));
        }
    }
}

fn hosts(state: &State, wrong: &mut Vec<String>) {
    for server in state.servers().values() {
        if state.agent(server.name.agent()).is_none() {
            wrong.push(format!("{} has no agent", server.name));
        }
    }
}
