//! The addresses that a place gives out, and the free ones among them.

use crate::lease::LeaseBook;
use crate::model::{Prefix, Scope};
use crate::name::SpaceName;
use crate::net::{AddressRange, Family, subtract, to_number};
use crate::occupied::{AddressSet, Union};
use crate::state::State;
use std::ops::RangeInclusive;

/// How often a random address that turns out to be leased is drawn again before the free ones are counted.
const DRAWS: usize = 32;

/// The addresses that a scope or a network gives out.
///
/// A scope gives out its pools. A network gives out what its scope does not lease from, so that nobody who does not mean
/// to takes from what DHCP clients need.
#[derive(Debug, Clone)]
pub struct Room<'a> {
    family: Family,
    ranges: Vec<RangeInclusive<u128>>,
    taken: AddressSet,
    leased: &'a AddressSet,
}

impl<'a> Room<'a> {
    /// What `scope` gives out.
    pub fn of_scope(state: &State, book: &'a LeaseBook, scope: &Scope) -> Self {
        let (network, family) = (&scope.network, scope.network.family());
        let edges = subtract(&[network.range()], &[network.hosts()]);
        let leased = book.leased(scope.subnet_id, family);
        Self::new(state, &scope.space, leased, family, &subtract(&scope.pools(), &edges))
    }

    /// What `network` gives out.
    pub fn of_network(state: &State, book: &'a LeaseBook, network: &Prefix) -> Self {
        let (cidr, scope) = (&network.name.cidr, state.scope_of_network(&network.name));
        let leased = scope.map_or(AddressSet::none(), |scope| book.leased(scope.subnet_id, cidr.family()));
        let held_back: Vec<_> = scope.map_or_else(Vec::new, |scope| [scope.ranges.clone(), scope.routers()].concat());
        let ranges = subtract(&[cidr.hosts()], &held_back);
        Self::new(state, &network.name.space, leased, cidr.family(), &ranges)
    }

    fn new(state: &State, space: &SpaceName, leased: &'a AddressSet, family: Family, ranges: &[AddressRange]) -> Self {
        let ranges: Vec<_> = ranges.iter().map(AddressRange::numbers).collect();
        let mut taken = state.taken(space, family).clone();
        let seen = ranges.iter().flat_map(|range| state.sightings_within(space, family, range.clone()));
        for sighting in seen {
            taken.insert(to_number(sighting.name.address));
        }
        Self { family, ranges, taken, leased }
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        self.family
    }

    /// How many are free.
    pub fn free(&self) -> u128 {
        self.both().free_among(self.ranges.iter().cloned())
    }

    /// The first free one from `from` on.
    pub fn next(&self, from: u128) -> Option<u128> {
        self.both().first_free_among(self.ranges.iter().cloned(), from)
    }

    /// A free one, each as likely as any other if `below` gives every number below its argument as likely.
    pub fn any(&self, mut below: impl FnMut(u128) -> u128) -> Option<u128> {
        // Of the taken ones alone the counts are kept. What is leased as well is drawn again; where most is leased that takes
        // too long, and both are counted.
        let taken = self.taken.alone();
        let open = taken.free_among(self.ranges.iter().cloned());
        let drawn = |below: &mut dyn FnMut(u128) -> u128| {
            let number = taken.nth_free_among(self.ranges.iter().cloned(), below(open))?;
            Some(number).filter(|number| !self.leased.contains(*number))
        };
        if open == 0 {
            return None;
        }
        if let Some(number) = (0..DRAWS).find_map(|_| drawn(&mut below)) {
            return Some(number);
        }
        match self.free() {
            0 => None,
            free => self.both().nth_free_among(self.ranges.iter().cloned(), below(free)),
        }
    }

    /// Counts a number as taken.
    pub(crate) fn take(&mut self, number: u128) {
        self.taken.insert(number);
    }

    fn both(&self) -> Union<'_, 2> {
        Union::of([&self.taken, self.leased])
    }
}
