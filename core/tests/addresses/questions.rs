//! Every question about a drawn network, answered by going through its addresses.

use crate::model::{NOW, SIZE, World, word, worlds};
use freehold_core::address::{AddressState, Room, Row, list, look};
use freehold_core::command::{Choice, Command, Place, Purpose};
use freehold_core::name::AddressName;
use freehold_core::net::to_number;
use freehold_core::{Reason, Record, check, decide};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn places(world: &World) -> [(Place, Vec<u8>); 2] {
    let free = |is_free: &dyn Fn(u8) -> bool| (0..SIZE).filter(|n| is_free(*n)).collect::<Vec<_>>();
    [
        (Place::Scope(word("scopes/s")), free(&|n| world.plain.free_in_scope(n))),
        (Place::Network(world.network()), free(&|n| world.plain.free_in_network(n))),
    ]
}

/// The numbers that are given for `choice`; `None` if there are too few.
fn given(world: &World, place: &Place, choice: Choice, count: u32) -> Option<Vec<u8>> {
    let order = world.order(place.clone(), choice, count, Purpose::Hold { until: NOW.plus_seconds(60) });
    let number = |change: &freehold_core::Change| match change.after() {
        Some(Record::Address(assignment)) => world.number(assignment.name.address),
        other => panic!("not an assignment: {other:?}"),
    };
    match decide(&world.state, &Command::Allocate(order), NOW) {
        Ok(changes) => Some(changes.iter().map(number).collect()),
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::NoFreeAddress, "{refusal}");
            None
        }
    }
}

/// The states of all rows' addresses, one after the other.
fn expanded(world: &World, rows: impl Iterator<Item = Row>, first: u8) -> Vec<AddressState> {
    let mut states = Vec::new();
    for row in rows {
        let (from, to, state) = match &row {
            Row::Address(view) => (view.name.address, view.name.address, view.state),
            Row::Free(range) => (range.start(), range.end(), AddressState::Available),
            Row::Excluded(range) => (range.start(), range.end(), AddressState::Excluded),
        };
        assert_eq!(usize::from(world.number(from)), usize::from(first) + states.len(), "rows leave nothing out");
        states.extend((world.number(from)..=world.number(to)).map(|_| state));
    }
    states
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_address_is_what_the_plain_definition_says(world in worlds()) {
        prop_assert_eq!(check(&world.state), Vec::<String>::new());
        for n in 0..SIZE {
            let name = AddressName { space: word("spaces/default"), address: world.address(n) };
            let view = look(&world.state, &world.book, &name);
            prop_assert_eq!(view.state, world.plain.state(n), "{}", n);
            prop_assert_eq!(view.reasons.is_empty(), view.state == AddressState::Available);
        }
    }

    #[test]
    fn a_list_has_every_address_once_from_wherever_it_begins(world in worlds(), first in 0..SIZE, size in 0..SIZE) {
        let last = (first + size).min(SIZE - 1);
        let network = world.state.prefix(&world.network()).expect("the network");
        let rows = || list(&world.state, &world.book, network, &world.range(first, last));
        let wanted: Vec<_> = (first..=last).map(|n| world.plain.state(n)).collect();
        prop_assert_eq!(expanded(&world, rows(), first), wanted);
        let rows: Vec<_> = rows().collect();
        for pair in rows.windows(2) {
            prop_assert!(!matches!(pair, [Row::Free(_), Row::Free(_)]), "two gaps in a row: {:?}", pair);
        }
    }

    #[test]
    fn next_and_random_give_what_is_free_and_all_or_none(world in worlds(), from in 0..SIZE, count in 1u32..20, seed in any::<[u8; 16]>()) {
        for (place, free) in places(&world) {
            let behind: Vec<_> = free.iter().copied().filter(|n| *n >= from).take(count as usize).collect();
            let next = given(&world, &place, Choice::Next { from: Some(world.address(from)) }, count);
            prop_assert_eq!(next, Some(behind).filter(|behind| behind.len() == count as usize));
            match given(&world, &place, Choice::Random { seed }, count) {
                None => prop_assert!(free.len() < count as usize),
                Some(drawn) => {
                    let distinct: BTreeSet<_> = drawn.iter().copied().collect();
                    prop_assert_eq!(distinct.len(), count as usize);
                    prop_assert!(distinct.iter().all(|n| free.contains(n)), "{:?} not all of {:?}", distinct, free);
                }
            }
        }
    }

    #[test]
    fn a_room_counts_what_is_free(world in worlds()) {
        let [(_, in_scope), (_, in_network)] = places(&world);
        let scope = world.state.scope(&word("scopes/s")).expect("the scope");
        let network = world.state.prefix(&world.network()).expect("the network");
        prop_assert_eq!(Room::of_scope(&world.state, &world.book, scope).free(), in_scope.len() as u128);
        prop_assert_eq!(Room::of_network(&world.state, &world.book, network).free(), in_network.len() as u128);
        let pools = world.state.pools_of(scope);
        for n in 0..SIZE {
            let pooled = pools.iter().any(|pool| pool.contains(world.address(n)));
            let assigned = world.plain.held.contains(&n) || world.plain.claimed.contains(&n);
            let in_scope = scope.leases(world.address(n));
            prop_assert_eq!(pooled, in_scope && !assigned, "{} in the pools", n);
        }
        for pair in pools.windows(2) {
            prop_assert!(to_number(pair[0].end()) + 1 < to_number(pair[1].start()), "not merged, or out of order");
        }
    }
}

/// The largest number there is belongs to a network, too.
#[test]
fn the_last_network_of_ipv6_is_listed_to_its_end() {
    use freehold_core::command::{Command, PrefixDraft};
    let name: freehold_core::name::PrefixName =
        "spaces/default/prefixes/ffff:ffff:ffff:ffff::-64".parse().expect("a name");
    let mut state = freehold_core::State::default();
    let (title, description) = Default::default();
    let labels = freehold_core::labels::Labels::NONE;
    let draft = PrefixDraft::of(freehold_core::model::PrefixKind::Network);
    for command in [
        Command::CreateSpace { name: name.space.clone(), title, description, labels },
        Command::CreatePrefix { name: name.clone(), draft },
    ] {
        let changes = freehold_core::decide(&state, &command, freehold_core::Timestamp(1)).expect("the rules allow it");
        state.apply_changes(&changes);
    }
    let network = state.prefix(&name).expect("the network");
    let book = freehold_core::lease::LeaseBook::default();
    let rows: Vec<_> = list(&state, &book, network, &name.cidr.range()).collect();
    let free = "ffff:ffff:ffff:ffff::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().expect("a range");
    assert!(matches!(&rows[..], [Row::Address(_), Row::Free(range)] if *range == free), "{rows:?}");
}
