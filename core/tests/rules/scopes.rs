//! What scopes lease, what they are numbered by, and what may be changed about them.

use crate::world::{NOW, after, exclusions, hall, reservation, routers, scope, state, with_drift, word};
use freehold_core::command::{Command, NewScope, ScopePatch};
use freehold_core::model::{Scope, SubnetId};
use freehold_core::{Reason, State, decide};
use std::sync::Arc;

fn found(state: &State, name: &str) -> Arc<Scope> {
    state.scope(&word(name)).cloned().expect("the scope")
}

fn pools(state: &State) -> Vec<String> {
    found(state, "scopes/hall").pools().iter().map(ToString::to_string).collect()
}

#[test]
fn pools_are_ranges_without_exclusions_and_routers() {
    let state = state();
    assert_eq!(pools(&state), ["10.0.0.10-10.0.0.19", "10.0.0.30-10.0.0.99"]);
    let patch = ScopePatch { options: Some(routers("10.0.0.1,10.0.0.40")), ..ScopePatch::default() };
    let state = after(state, &hall(patch), NOW);
    assert_eq!(pools(&state), ["10.0.0.10-10.0.0.19", "10.0.0.30-10.0.0.39", "10.0.0.41-10.0.0.99"]);
}

#[test]
fn lists_are_kept_in_order_whatever_order_they_came_in() {
    let patch = ScopePatch {
        ranges: Some(vec![word("10.0.0.90-10.0.0.99"), word("10.0.0.10-10.0.0.89")]),
        exclusions: Some(exclusions(&["10.0.0.95", "10.0.0.11"])),
        ..ScopePatch::default()
    };
    let state = after(state(), &hall(patch.clone()), NOW);
    assert_eq!(found(&state, "scopes/hall").ranges, [word("10.0.0.10-10.0.0.89"), word("10.0.0.90-10.0.0.99")]);
    assert_eq!(pools(&state), ["10.0.0.10-10.0.0.10", "10.0.0.12-10.0.0.94", "10.0.0.96-10.0.0.99"]);
    assert_eq!(decide(&state, &hall(patch), NOW), Ok(Vec::new()), "the same again, in the same odd order");
}

#[test]
fn subnet_ids_are_new_and_step_over_those_of_the_servers_own_subnets() {
    let state = state();
    let next = state.next_subnet_id().number();
    assert_eq!(next, SubnetId::FIRST.number() + 5);
    let own = crate::world::server("servers/a/full", &[("192.0.2.0/24", next), ("198.51.100.0/24", next + 1)]);
    let state = after(state, &own, NOW);
    let new = NewScope { server: Some(word("servers/a/full")), ..scope("scopes/new", "10.0.2.0/24", "10.0.2.9") };
    let state = after(state, &Command::CreateScope(new), NOW);
    assert_eq!(found(&state, "scopes/new").subnet_id.number(), next + 2);
    let state = after(state, &Command::DeleteScope { name: word("scopes/new"), etag: None, force: false }, NOW);
    let state = after(state, &Command::CreateScope(scope("scopes/new", "10.0.2.0/24", "10.0.2.9")), NOW);
    assert_eq!(found(&state, "scopes/new").subnet_id.number(), next + 3);
}

/// What a server grew by itself is drift; an address must be excludable all the same.
#[test]
fn drift_keeps_nobody_from_changing_a_scope_that_is_served() {
    let state = with_drift(state());
    let patch = ScopePatch { exclusions: Some(exclusions(&["10.0.0.60"])), ..ScopePatch::default() };
    let state = after(state, &hall(patch), NOW);
    let moved = ScopePatch { server: Some(None), ..ScopePatch::default() };
    let state = after(state, &hall(moved), NOW);
    let back = hall(ScopePatch { server: Some(Some(word("servers/a/kea4"))), ..ScopePatch::default() });
    let refused = decide(&state, &back, NOW).map_err(|refusal| refusal.reason);
    assert_eq!(refused, Err(Reason::ServedByServerItself));
}

#[test]
fn the_same_addresses_and_clients_may_be_in_two_spaces_and_scopes() {
    let other =
        NewScope { space: word("spaces/other"), ..scope("scopes/elsewhere", "10.0.0.0/24", "10.0.0.10-10.0.0.99") };
    let state = after(state(), &Command::CreateScope(other), NOW);
    let state = after(state, &reservation("scopes/elsewhere/reservations/10.0.0.50", "02:00:00:00:00:01"), NOW);
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
}

#[test]
fn force_deletes_a_scope_with_its_reservations_and_nothing_else() {
    let before = state();
    let force = Command::DeleteScope { name: word("scopes/hall"), etag: None, force: true };
    let after = after(before.clone(), &force, NOW);
    let gone: Vec<_> =
        before.records().filter(|r| after.record(&r.key()).is_none()).map(|r| r.key().to_string()).collect();
    let wanted = ["scopes/hall", "scopes/hall/reservations/10.0.0.50", "scopes/hall/reservations/10.0.0.51"];
    assert_eq!(gone, wanted);
}
