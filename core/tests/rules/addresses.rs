//! Addresses given out: which, in what phase, and what becomes of them.

use crate::world::{NOW, after, allocation, client, details, exclusions, hall, managed, reservation, state, word};
use freehold_core::address::{AddressState, look};
use freehold_core::change::Change;
use freehold_core::command::{Allocation, Choice, Command, Place, Purpose, ScopePatch};
use freehold_core::desired::desired;
use freehold_core::lease::LeaseBook;
use freehold_core::model::{Phase, PrefixKind};
use freehold_core::{Reason, Record, State, decide};
use std::net::IpAddr;

/// The addresses that `order` is given, in order.
fn given(state: &State, order: &Allocation) -> Vec<IpAddr> {
    let changes = decide(state, &Command::Allocate(order.clone()), NOW).expect("there is room");
    let address = |change: &Change| match change.after() {
        Some(Record::Address(assignment)) => assignment.name.address,
        Some(Record::Reservation(reservation)) => reservation.name.address,
        other => panic!("not an address: {other:?}"),
    };
    changes.iter().map(address).collect()
}

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|address| word(address)).collect()
}

fn phase(state: &State, name: &str) -> Option<Phase> {
    state.assignment(&word(name)).map(|assignment| assignment.phase)
}

fn seen(state: &State, name: &str) -> AddressState {
    look(state, &LeaseBook::default(), &word(name)).state
}

#[test]
fn a_scope_gives_from_its_pools_and_a_network_from_what_is_left() {
    let state = state();
    let hold = Allocation { count: 12, ..allocation(Place::Scope(word("scopes/hall"))) };
    let pool = given(&state, &hold);
    assert_eq!(pool[0], word::<IpAddr>("10.0.0.10"));
    assert_eq!(pool[9..], addresses(&["10.0.0.19", "10.0.0.30", "10.0.0.31"]));
    let hall = Place::Network(word("spaces/default/prefixes/10.0.0.0-24"));
    let around = given(&state, &Allocation { count: 9, ..allocation(hall.clone()) });
    assert_eq!(around[0], word::<IpAddr>("10.0.0.2"), "neither the network's own nor the router");
    assert_eq!(around[7..], addresses(&["10.0.0.9", "10.0.0.100"]));
    let all = Allocation { count: 163, ..allocation(hall.clone()) };
    assert_eq!(given(&state, &all).last(), Some(&word("10.0.0.254")), "not the broadcast address");
    let refused = decide(&state, &Command::Allocate(Allocation { count: 164, ..allocation(hall) }), NOW);
    assert_eq!(refused.map_err(|refusal| refusal.reason), Err(Reason::NoFreeAddress));
}

#[test]
fn what_is_given_is_taken_and_what_is_released_is_free() {
    let order = allocation(Place::Scope(word("scopes/hall")));
    let mut state = after(state(), &Command::Allocate(order.clone()), NOW);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.10"), AddressState::Held);
    assert_eq!(given(&state, &order), addresses(&["10.0.0.11"]));
    state = after(state, &Command::Release { name: word("spaces/default/addresses/10.0.0.10"), etag: None }, NOW);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.10"), AddressState::Available);
    assert_eq!(given(&state, &order), addresses(&["10.0.0.10"]));
}

#[test]
fn what_a_server_could_lease_is_pending_and_out_of_its_pools() {
    let state = managed(state());
    let claim = |address: &str, hardware: &str, accept_risk| {
        Command::Allocate(Allocation {
            choice: Choice::Given(addresses(&[address])),
            purpose: Purpose::Claim { expires: None },
            details: vec![details(Some(hardware))],
            accept_risk,
            ..allocation(Place::Network(word("spaces/default/prefixes/10.0.0.0-24")))
        })
    };
    let state = after(state, &claim("10.0.0.12", "02:00:00:00:00:61", false), NOW);
    let state = after(state, &claim("10.0.0.13", "02:00:00:00:00:62", true), NOW);
    let state = after(state, &claim("10.0.0.22", "02:00:00:00:00:63", false), NOW);
    let phases =
        ["10.0.0.12", "10.0.0.13", "10.0.0.22"].map(|n| phase(&state, &format!("spaces/default/addresses/{n}")));
    assert_eq!(phases, [Some(Phase::Pending), Some(Phase::Active), Some(Phase::Active)]);
    let desired = desired(&state, &word("servers/a/kea4"));
    let pools: Vec<_> = desired.scopes[0].pools.iter().map(ToString::to_string).collect();
    assert_eq!(pools, ["10.0.0.10-10.0.0.11", "10.0.0.14-10.0.0.19", "10.0.0.30-10.0.0.99"]);
    let claims: Vec<_> = desired.claims.iter().map(|(_, claim)| claim.client.clone()).collect();
    assert_eq!(claims, ["61", "62", "63"].map(|n| Some(client(&format!("02:00:00:00:00:{n}")))));
}

#[test]
fn a_network_with_assignments_stays_and_they_outlive_their_scope() {
    let order = allocation(Place::Network(word("spaces/default/prefixes/10.0.2.0-24")));
    let state = after(state(), &Command::Allocate(order), NOW);
    let name = word::<freehold_core::name::PrefixName>("spaces/default/prefixes/10.0.2.0-24");
    let gone = Command::DeletePrefix { name: name.clone(), etag: None };
    let patch = freehold_core::command::PrefixPatch { kind: Some(PrefixKind::Container), ..Default::default() };
    let container = Command::UpdatePrefix { name, etag: None, patch };
    for command in [gone, container] {
        let refusal = decide(&state, &command, NOW).expect_err("in use");
        assert_eq!(refusal.reason, Reason::InUse, "{refusal}");
        assert!(refusal.message.contains("spaces/default/addresses/10.0.2.1"), "{refusal}");
    }
    let state = after(state, &Command::Allocate(allocation(Place::Scope(word("scopes/hall")))), NOW);
    let state = after(state, &Command::DeleteScope { name: word("scopes/hall"), etag: None, force: true }, NOW);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.10"), AddressState::Held);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.50"), AddressState::Available, "its reservation is gone");
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
}

#[test]
fn reasons_are_all_told_the_firmest_first() {
    let order = Allocation {
        choice: Choice::Given(addresses(&["10.0.0.25"])),
        ..allocation(Place::Network(word("spaces/default/prefixes/10.0.0.0-24")))
    };
    let state = after(state(), &Command::Allocate(order), NOW);
    let view = look(&state, &LeaseBook::default(), &word("spaces/default/addresses/10.0.0.25"));
    let states: Vec<_> = view.reasons.iter().map(freehold_core::address::Why::state).collect();
    assert_eq!((view.state, states), (AddressState::Held, vec![AddressState::Held, AddressState::Excluded]));
    for (address, wanted) in [
        ("10.0.0.0", AddressState::NotUsable),
        ("10.0.0.1", AddressState::NotUsable),
        ("10.0.0.255", AddressState::NotUsable),
        ("10.0.0.20", AddressState::Excluded),
        ("10.0.0.50", AddressState::Reserved),
        ("10.0.0.52", AddressState::Available),
        ("10.9.0.1", AddressState::Unplanned),
        ("2001:db8::", AddressState::NotUsable),
        ("2001:db8::1", AddressState::Available),
    ] {
        assert_eq!(seen(&state, &format!("spaces/default/addresses/{address}")), wanted, "{address}");
    }
}

#[test]
fn an_assigned_address_is_neither_reserved_nor_made_a_router_but_may_be_excluded() {
    let state = after(state(), &Command::Allocate(allocation(Place::Scope(word("scopes/hall")))), NOW);
    let reserve = reservation("scopes/hall/reservations/10.0.0.10", "02:00:00:00:00:0a");
    let router = hall(ScopePatch { options: Some(crate::world::routers("10.0.0.10")), ..ScopePatch::default() });
    for command in [reserve, router] {
        assert_eq!(decide(&state, &command, NOW).map_err(|refusal| refusal.reason), Err(Reason::AddressTaken));
    }
    let exclude = hall(ScopePatch { exclusions: Some(exclusions(&["10.0.0.10"])), ..ScopePatch::default() });
    let state = after(state, &exclude, NOW);
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
}
