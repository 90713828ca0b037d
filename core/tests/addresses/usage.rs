//! Utilisation of a drawn network: what its addresses are, one by one.

use crate::model::{Plain, SIZE, World, word, worlds};
use freehold_core::address::AddressState;
use freehold_core::lease::LeaseBook;
use freehold_core::net::{Cidr, Family};
use freehold_core::usage::{Counts, Tally, Usage, of_scope};
use proptest::prelude::*;
use std::sync::Arc;

fn counted(plain: &Plain, numbers: impl Iterator<Item = u8> + Clone) -> Counts {
    let of = |state: AddressState| numbers.clone().filter(|n| plain.state(*n) == state).count() as u64;
    Counts {
        total: numbers.clone().count() as u128,
        held: of(AddressState::Held),
        claimed: of(AddressState::Claimed),
        reserved: of(AddressState::Reserved),
        leased: of(AddressState::Leased),
        excluded: of(AddressState::Excluded).into(),
        not_usable: of(AddressState::NotUsable),
        available: of(AddressState::Available).into(),
    }
}

fn of(world: &World) -> Usage {
    let mut usage = Usage::default();
    usage.follow(&Arc::new(world.state.clone()), &Arc::new(world.book.clone()));
    usage
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_address_is_counted_once_as_what_it_is(world in worlds()) {
        let usage = of(&world);
        let plain = &world.plain;
        let in_ranges = (0..SIZE).filter(|n| plain.ranges.iter().any(|(first, last)| first <= n && n <= last));
        let pools = counted(plain, in_ranges);
        let wanted = Tally { addresses: counted(plain, 0..SIZE), pools, networks: 1, scopes: 1, inactive_scopes: 0 };
        prop_assert_eq!(usage.of_prefix(&world.network()), wanted);
        let family = if plain.v6 { Family::V6 } else { Family::V4 };
        prop_assert_eq!(usage.of_space(&world.network().space, family), wanted);
        prop_assert_eq!(of_scope(&world.state, &world.book, world.state.scope(&word("scopes/s")).expect("s")), pools);
        let used = wanted.addresses.used() > 0 && plain.v6;
        let around: Cidr = word("2001:db8::/32");
        prop_assert_eq!(usage.used_64s(&world.network().space, &around), u64::from(used));
        prop_assert_eq!(usage.used_64s_of_space(&world.network().space), u64::from(used));
    }

    #[test]
    fn leases_that_end_are_followed(world in worlds()) {
        let mut usage = of(&world);
        let state = Arc::clone(usage.state());
        usage.follow(&state, &Arc::new(LeaseBook::default()));
        let mut anew = Usage::default();
        anew.follow(&state, &Arc::new(LeaseBook::default()));
        prop_assert_eq!(usage, anew);
    }
}
