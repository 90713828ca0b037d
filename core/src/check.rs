//! The invariants of a state, each stated once more, independently of `decide`, as a test of the whole.
//!
//! Used by property tests, by the simulation, and by `freehold-controller check` on a store.
//!
//! One thing that one might look for is not here: that no scope meets a subnet of its server's own. `decide`
//! never lets a scope become active against one, but a server may grow one later; that is drift, and a fact.

use crate::client::ClientIdentity;
use crate::model::{Agent, AgentState, Assignment, EnrolmentToken, FieldDefinition, PrefixKind, Reservation, Scope};
use crate::name::{AddressName, FieldName, PrefixName, SpaceName};
use crate::net::{AddressRange, Family, family, to_number};
use crate::occupied::AddressSet;
use crate::state::{Carved, State};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Everything that is wrong with `state`, one sentence each; empty if nothing is. Costs a scan of all records.
pub fn check(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    plan(state, &mut wrong);
    addresses_have_one_scope(state, &mut wrong);
    for scope in state.scopes().values() {
        within(scope, &mut wrong);
        around(state, scope, &mut wrong);
    }
    for reservation in state.reservations().values() {
        reserved(state, reservation, &mut wrong);
    }
    assigned(state, &mut wrong);
    for sighting in state.sightings().filter(|sighting| state.space(&sighting.name.space).is_none()) {
        wrong.push(format!("somebody is seen on {}, in a space that does not exist", sighting.name));
    }
    tree(state, &mut wrong);
    labels(state, &mut wrong);
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
        if state.parent_of(&prefix.name).is_some_and(|parent| parent.kind == PrefixKind::Network) {
            wrong.push(format!("{} lies inside a network", prefix.name));
        }
    }
}

/// Direct children, counted from the prefixes alone, one after the other.
fn tree(state: &State, wrong: &mut Vec<String>) {
    let mut counts: BTreeMap<&PrefixName, Carved> = BTreeMap::new();
    let mut roots: BTreeMap<(SpaceName, Family), Carved> = BTreeMap::new();
    let mut around: Vec<&PrefixName> = Vec::new();
    for name in state.prefixes().keys() {
        while around.last().is_some_and(|last| last.space != name.space || !last.cidr.covers(&name.cidr)) {
            around.pop();
        }
        let carved = match around.last() {
            Some(parent) => counts.entry(parent).or_default(),
            None => roots.entry((name.space.clone(), name.cidr.family())).or_default(),
        };
        *carved = carved.and(&name.cidr);
        let is_parent = state.parent_of(name).map(|parent| &parent.name) == around.last().copied();
        if !is_parent || !state.around(name).map(|prefix| &prefix.name).eq(around.iter().rev().copied()) {
            wrong.push(format!("{name} is found in other prefixes than those around it"));
        }
        around.push(name);
    }
    let (kept, kept_roots) = (state.kept_carved(), state.kept_roots());
    if !counts.into_iter().eq(kept.iter().map(|(name, carved)| (name, *carved))) || !roots.iter().eq(kept_roots.iter())
    {
        wrong.push("the numbers and sizes of direct children are not what the prefixes say".to_owned());
    }
}

fn labels(state: &State, wrong: &mut Vec<String>) {
    let mut uses: BTreeMap<FieldName, u64> = BTreeMap::new();
    for record in state.records() {
        let Some(kind) = record.labelled_kind() else { continue };
        for (name, value) in record.labels().fields() {
            *uses.entry(name.clone()).or_default() += 1;
            let fits =
                |field: &FieldDefinition| field.applies_to.contains(&kind) && field.value(value).as_ref() == Ok(value);
            if !state.field(name).is_some_and(|field| fits(field)) {
                wrong.push(format!("{} has a value of {name} that does not fit", record.key()));
            }
        }
    }
    if !uses.iter().eq(state.kept_field_uses().iter()) {
        wrong.push("the numbers of uses of custom fields are not what the labels say".to_owned());
    }
}

fn addresses_have_one_scope(state: &State, wrong: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    let mut by_place: Vec<&Scope> = state.scopes().values().map(AsRef::as_ref).collect();
    by_place.sort_by_key(|scope| (scope.space.clone(), scope.network));
    for pair in by_place.windows(2) {
        if pair[0].space == pair[1].space && pair[0].network.overlaps(&pair[1].network) {
            wrong.push(format!("{} and {} share addresses", pair[0].name, pair[1].name));
        }
    }
    for scope in by_place {
        if !ids.insert(scope.subnet_id) || scope.subnet_id >= state.next_subnet_id() {
            wrong.push(format!("{} has the subnet id {}, which is not its own", scope.name, scope.subnet_id));
        }
    }
}

/// What must hold of a scope by itself.
fn within(scope: &Scope, wrong: &mut Vec<String>) {
    let name = &scope.name;
    let exclusions: Vec<AddressRange> = scope.exclusions.iter().map(|exclusion| exclusion.range).collect();
    for (what, list) in [("ranges", &scope.ranges), ("exclusions", &exclusions)] {
        if let Some(pair) = list.windows(2).find(|pair| pair[0].end() >= pair[1].start()) {
            wrong.push(format!("{name} has {what} out of order: {} before {}", pair[0], pair[1]));
        }
    }
    for range in scope.ranges.iter().filter(|range| !scope.network.range().covers(range)) {
        wrong.push(format!("{name} has the range {range}, which is not in its network"));
    }
    for exclusion in exclusions.iter().filter(|exclusion| !scope.ranges.iter().any(|range| range.covers(exclusion))) {
        wrong.push(format!("{name} has the exclusion {exclusion}, which is not in a range"));
    }
    for pool in scope.pools() {
        if !scope.network.usable(pool.start()) || !scope.network.usable(pool.end()) {
            wrong.push(format!("{name} would lease {pool}, not all of which a host can have"));
        }
        if exclusions.iter().any(|exclusion| exclusion.overlaps(&pool)) {
            wrong.push(format!("{name} would lease {pool}, part of which is excluded"));
        }
        if scope.options.routers().iter().any(|router| pool.contains(*router)) {
            wrong.push(format!("{name} would lease {pool}, in which is a router"));
        }
    }
    if scope.options.family().is_some_and(|family| family != scope.family()) {
        wrong.push(format!("{name} has options of another protocol"));
    }
    if let Some(pair) =
        scope.prefix_pools.windows(2).find(|pair| pair[0] > pair[1] || pair[0].prefix.overlaps(&pair[1].prefix))
    {
        wrong.push(format!("{name} has prefix pools out of order: {} before {}", pair[0], pair[1]));
    }
}

/// What must hold of a scope and what it names.
fn around(state: &State, scope: &Scope, wrong: &mut Vec<String>) {
    let name = &scope.name;
    if state.prefix(&scope.prefix()).is_none_or(|prefix| prefix.kind != PrefixKind::Network) {
        wrong.push(format!("{name} serves no network of the plan"));
    }
    let found = |by: Option<&std::sync::Arc<Scope>>| by.is_some_and(|found| found.name == *name);
    if !found(state.scope_of_network(&scope.prefix())) || !found(state.scope_of_subnet_id(scope.subnet_id)) {
        wrong.push(format!("{name} is not found by its network or subnet id"));
    }
    delegated(state, scope, wrong);
    let Some(server) = &scope.server else { return };
    match state.server(server).map(|server| server.kind) {
        None => wrong.push(format!("{name} is served by {server}, which does not exist")),
        Some(kind) if kind.family() != scope.family() => {
            wrong.push(format!("{name} is {}, and {server} speaks {}", scope.family(), kind.protocol()));
        }
        Some(_) => {}
    }
    if !state.has_indexed_under(server, name) {
        wrong.push(format!("{name} is not found by its server"));
    }
}

/// What a scope may delegate belongs to nobody else.
fn delegated(state: &State, scope: &Scope, wrong: &mut Vec<String>) {
    for pool in &scope.prefix_pools {
        let mut others = state.prefix_pools_overlapping(&scope.space, pool.prefix);
        if let Some((other, of)) = others.find(|(found, of)| (*found, *of) != (pool.prefix, &scope.name)) {
            wrong.push(format!("{} delegates out of {pool}, and {of} out of {other}", scope.name));
        }
        if let Some(network) = state.networks_overlapping(&scope.space, pool.prefix).next() {
            wrong.push(format!("{} delegates out of {pool}, in which is {network}", scope.name));
        }
    }
}

fn reserved(state: &State, reservation: &Reservation, wrong: &mut Vec<String>) {
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
            if scope.options.routers().contains(&name.address) {
                wrong.push(format!("{name} is a router of its scope"));
            }
        }
    }
    if state.reserved_for(&name.scope, &reservation.client) != Some(name.address) {
        wrong.push(format!("{name}: its client is found under another address"));
    }
    if let Some(other) = reservation.client.twin().and_then(|twin| state.reserved_for(&name.scope, &twin)) {
        wrong.push(format!("{name}: its client has {other} reserved, too"));
    }
}

/// Assigned addresses are in networks, and nobody else's; what counts as taken is just those and the reserved ones.
fn assigned(state: &State, wrong: &mut Vec<String>) {
    let mut taken: BTreeMap<(SpaceName, Family), AddressSet> = BTreeMap::new();
    let mut held: BTreeMap<(SpaceName, Family), AddressSet> = BTreeMap::new();
    let mut reserved: BTreeMap<(SpaceName, Family), AddressSet> = BTreeMap::new();
    let mut take = |space: &SpaceName, address: IpAddr| {
        let set = taken.entry((space.clone(), family(address))).or_default();
        set.insert(to_number(address))
    };
    for assignment in state.assignments() {
        let AddressName { space, address } = &assignment.name;
        match state.network_at(space, *address) {
            None => wrong.push(format!("{} is in no network", assignment.name)),
            Some(network) if !network.name.cidr.gives(*address) => {
                wrong.push(format!("{} is not an address that a host can have", assignment.name));
            }
            Some(_) => {}
        }
        if assignment.is_hold() {
            held.entry((space.clone(), family(*address))).or_default().insert(to_number(*address));
        }
        if state.assignment(&assignment.name).as_ref() != Some(&assignment) || !take(space, *address) {
            wrong.push(format!("{} is not found by its name, or assigned twice", assignment.name));
        }
        let routes = |scope: &Arc<Scope>| scope.options.routers().contains(address);
        if state.scope_at(space, *address).is_some_and(routes) {
            wrong.push(format!("{} is a router", assignment.name));
        }
        if let Some(client) = &assignment.client {
            if !state.assignments_for(client).any(|found| found == assignment) {
                wrong.push(format!("{} is not found by its client", assignment.name));
            }
            if !assignment.is_hold() {
                claims_alone(state, &assignment, client, wrong);
            }
        }
    }
    for reservation in state.reservations().values() {
        let Some(scope) = state.scope(&reservation.name.scope) else { continue };
        let (space, address) = (&scope.space, reservation.name.address);
        reserved.entry((space.clone(), family(address))).or_default().insert(to_number(address));
        if !take(space, address) {
            wrong.push(format!("{} is taken by another", reservation.name));
        }
    }
    for space in state.spaces().keys() {
        for family in [Family::V4, Family::V6] {
            let kept = [state.taken(space, family), state.held(space, family), state.reserved(space, family)];
            for (what, (all, kept)) in
                ["taken", "held", "reserved"].iter().zip([&taken, &held, &reserved].iter().zip(kept))
            {
                let set = all.get(&(space.clone(), family)).unwrap_or(AddressSet::none());
                if kept != set {
                    wrong.push(format!("{space} counts {kept:?} as {what}, not {set:?}"));
                }
            }
        }
    }
}

/// A client has one claim or reservation in a network.
fn claims_alone(state: &State, claim: &Assignment, client: &ClientIdentity, wrong: &mut Vec<String>) {
    let AddressName { space, address } = &claim.name;
    let Some(network) = state.network_at(space, *address) else { return };
    for client in [Some(client.clone()), client.twin()].iter().flatten() {
        let here = |found: &Assignment| found.name.space == *space && network.name.cidr.contains(found.name.address);
        if let Some(other) = state.assignments_for(client).find(|f| !f.is_hold() && here(f) && f.name != claim.name) {
            wrong.push(format!("{}: its client claims {}, too", claim.name, other.name));
        }
        let scope = state.scope_of_network(&network.name);
        if let Some(other) = scope.and_then(|scope| state.reserved_for(&scope.name, client)) {
            wrong.push(format!("{}: its client has {other} reserved, too", claim.name));
        }
    }
}

fn hosts(state: &State, wrong: &mut Vec<String>) {
    for server in state.servers().values().filter(|server| state.agent(server.name.agent()).is_none()) {
        wrong.push(format!("{} has no agent", server.name));
    }
    for status in state.statuses().values().filter(|status| state.server(&status.server).is_none()) {
        wrong.push(format!("there is a status of {}, which does not exist", status.server));
    }
    for operator in state.operators().values() {
        for grant in operator.grants.iter().filter(|grant| state.space(&grant.place.space).is_none()) {
            wrong.push(format!("{} is {grant}, in a space that does not exist", operator.name));
        }
    }
    for agent in state.agents().values() {
        if state.agent_by_id(&agent.id).is_none_or(|found| found.name != agent.name) {
            wrong.push(format!("{} is not found by its identity", agent.name));
        }
        let shows = match agent.state {
            AgentState::Active => 1..=Agent::CERTIFICATES_MAX,
            AgentState::Revoked => 0..=0,
        };
        if !shows.contains(&agent.certificates.len()) {
            wrong.push(format!("{} may show {} certificates", agent.name, agent.certificates.len()));
        }
    }
    for token in state.tokens().values().filter(|token| token.wrong_secrets > EnrolmentToken::WRONG_SECRETS_MAX) {
        wrong.push(format!("{} was not burnt in time", token.name));
    }
}
