//! Utilisation along a history: followed step by step it is what counting from the start gives, and that is what looking at every
//! address says.

use freehold_core::State;
use freehold_core::address::{AddressState, Why, look};
use freehold_core::lease::LeaseBook;
use freehold_core::model::{PrefixKind, ScopeStatus};
use freehold_core::name::{AddressName, PrefixName, SpaceName};
use freehold_core::net::{AddressRange, Family, from_number};
use freehold_core::usage::{Counts, Usage, of_scope};
use std::sync::Arc;

/// Utilisation that goes along with a history.
#[derive(Default)]
pub(crate) struct Counted {
    book: Arc<LeaseBook>,
    usage: Usage,
}

/// Ranges with more addresses are not gone through.
const SMALL: u128 = 512;

impl Counted {
    /// What is leased from now on.
    pub(crate) fn lease(&mut self, book: &LeaseBook) {
        self.book = Arc::new(book.clone());
    }

    /// Goes on to `state` and tests all of it.
    pub(crate) fn follow(&mut self, state: &State) {
        self.usage.follow(&Arc::new(state.clone()), &self.book);
        let mut anew = Usage::default();
        anew.follow(&Arc::new(state.clone()), &self.book);
        assert_eq!(self.usage, anew, "followed, and counted from the start");
        for prefix in state.prefixes().values() {
            let tally = self.usage.of_prefix(&prefix.name);
            match prefix.kind {
                PrefixKind::Network => self.network(state, &prefix.name),
                PrefixKind::Container => {
                    let inside = state.inside_of(&prefix.name).filter(|inside| inside.kind == PrefixKind::Network);
                    let all = inside.fold(Default::default(), |all: freehold_core::usage::Tally, network| {
                        all.plus(&self.usage.of_prefix(&network.name))
                    });
                    assert_eq!(tally, all, "{}", prefix.name);
                }
            }
        }
        for space in state.spaces().keys() {
            for family in [Family::V4, Family::V6] {
                let networks = state.prefixes_in(space).filter(|prefix| prefix.kind == PrefixKind::Network);
                let networks = networks.filter(|prefix| prefix.name.cidr.family() == family);
                let all = networks.fold(Default::default(), |all: freehold_core::usage::Tally, network| {
                    all.plus(&self.usage.of_prefix(&network.name))
                });
                assert_eq!(self.usage.of_space(space, family), all, "{space} {family:?}");
            }
        }
    }

    fn network(&self, state: &State, name: &PrefixName) {
        let tally = self.usage.of_prefix(name);
        let counted = |range: &AddressRange| by_looking(state, &self.book, &name.space, range);
        if let Some(counts) = counted(&name.cidr.range()) {
            assert_eq!(tally.addresses, counts, "{name}");
        }
        let Some(scope) = state.scope_of_network(name) else {
            assert_eq!((tally.pools, tally.scopes, tally.inactive_scopes), (Counts::default(), 0, 0));
            return;
        };
        let ranges: Option<Vec<Counts>> = scope.ranges.iter().map(counted).collect();
        if let Some(ranges) = ranges {
            assert_eq!(
                of_scope(state, &self.book, scope),
                ranges.iter().fold(Counts::default(), sum),
                "{}",
                scope.name
            );
        }
        let pools = match scope.status {
            ScopeStatus::Active => (of_scope(state, &self.book, scope), 1, 0),
            ScopeStatus::Inactive => (Counts::default(), 0, 1),
        };
        assert_eq!((tally.pools, tally.scopes, tally.inactive_scopes), pools);
    }
}

fn sum(all: Counts, other: &Counts) -> Counts {
    Counts {
        total: all.total + other.total,
        held: all.held + other.held,
        claimed: all.claimed + other.claimed,
        reserved: all.reserved + other.reserved,
        leased: all.leased + other.leased,
        excluded: all.excluded + other.excluded,
        not_usable: all.not_usable + other.not_usable,
        available: all.available + other.available,
    }
}

/// Looks at every address of a small range.
fn by_looking(state: &State, book: &LeaseBook, space: &SpaceName, range: &AddressRange) -> Option<Counts> {
    if range.size() > SMALL {
        return None;
    }
    let mut counts = Counts { total: range.size(), ..Counts::default() };
    for number in range.numbers() {
        let address = from_number(range.family(), number)?;
        let seen = look(state, book, &AddressName { space: space.clone(), address });
        // Who answers on an address does not make it another one in the plan.
        let planned = seen.reasons.iter().find(|why| !matches!(why, Why::Answers(_)));
        match planned.map_or(AddressState::Available, Why::state) {
            AddressState::Held => counts.held += 1,
            AddressState::Claimed => counts.claimed += 1,
            AddressState::Reserved => counts.reserved += 1,
            AddressState::Leased => counts.leased += 1,
            AddressState::Excluded => counts.excluded += 1,
            AddressState::NotUsable => counts.not_usable += 1,
            AddressState::Available => counts.available += 1,
            AddressState::Unplanned | AddressState::Answering => panic!("{address} is in a network"),
        }
    }
    Some(counts)
}
