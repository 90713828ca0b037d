//! The addresses of a network in order: each used one as a row, each gap between them as one.

use super::look::{AddressView, look_in, unusable};
use crate::lease::LeaseBook;
use crate::model::{Assignment, Exclusion, Prefix, Scope};
use crate::name::AddressName;
use crate::net::{AddressRange, from_number, to_number};
use crate::occupied::{AddressSet, Members, Union};
use crate::state::State;
use std::iter::Peekable;
use std::net::IpAddr;
use std::sync::Arc;

/// One row of a list of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// An address that something is known of.
    Address(Box<AddressView>),
    /// Neighbouring addresses that are free.
    Free(AddressRange),
    /// Neighbouring addresses of which nothing is known but that they are excluded.
    Excluded(AddressRange),
}

impl Row {
    /// The last address of it; the next row begins behind that.
    pub fn last(&self) -> IpAddr {
        match self {
            Row::Address(view) => view.name.address,
            Row::Free(range) | Row::Excluded(range) => range.end(),
        }
    }
}

/// The addresses of `network` in `range`, in order. Begins anywhere at the cost of a tree's depth, and walks from row to row.
pub fn list<'a>(
    state: &'a State,
    book: &'a LeaseBook,
    network: &'a Arc<Prefix>,
    range: &AddressRange,
) -> impl Iterator<Item = Row> + use<'a> {
    let (cidr, space) = (&network.name.cidr, &network.name.space);
    let scope = state.scope_of_network(&network.name);
    let leased = scope.map_or(AddressSet::none(), |scope| book.leased(scope.subnet_id, cidr.family()));
    let routers = scope.map_or_else(Vec::new, |scope| scope.routers());
    let edges = [cidr.network(), cidr.last()].into_iter().chain(routers.iter().map(AddressRange::start));
    let mut apart: Vec<u128> = edges.filter(|edge| unusable(network, scope, *edge).is_some()).map(to_number).collect();
    let seen = state.sightings_within(space, cidr.family(), range.numbers());
    apart.extend(seen.map(|sighting| to_number(sighting.name.address)));
    apart.sort_unstable();
    let first = to_number(range.start()).max(to_number(cidr.network()));
    let last = to_number(range.end()).min(to_number(cidr.last()));
    let left = range.family() == cidr.family() && first <= last;
    let used = Union::of([state.taken(space, cidr.family()), leased]);
    Rows {
        state,
        book,
        network,
        scope,
        used: used.iter_in(first..=last).peekable(),
        assigned: state.assignments_within(space, cidr.family(), first..=last).peekable(),
        apart,
        exclusions: scope.map_or(&[], |scope: &Arc<Scope>| &scope.exclusions),
        next: left.then_some(first),
        last,
    }
}

/// The rows of a list; what is used and what is assigned is read beside them.
struct Rows<'a, A: Iterator> {
    state: &'a State,
    book: &'a LeaseBook,
    network: &'a Arc<Prefix>,
    scope: Option<&'a Arc<Scope>>,
    used: Peekable<Members<'a, 2>>,
    assigned: Peekable<A>,
    /// What no host can have, and where somebody answers of whom nothing is known; ascending.
    apart: Vec<u128>,
    /// Ascending.
    exclusions: &'a [Exclusion],
    next: Option<u128>,
    last: u128,
}

impl<A: Iterator<Item = Arc<Assignment>>> Iterator for Rows<'_, A> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let first = self.next?;
        let (row, last) = match self.next_known(first) {
            Some(known) if known == first => (Row::Address(Box::new(self.look(first))), first),
            known => self.gap(first, known),
        };
        self.next = last.checked_add(1).filter(|next| *next <= self.last);
        Some(row)
    }
}

impl<A: Iterator<Item = Arc<Assignment>>> Rows<'_, A> {
    /// The first address from `from` on that is used or cannot be.
    fn next_known(&mut self, from: u128) -> Option<u128> {
        while self.used.next_if(|number| *number < from).is_some() {}
        let apart = self.apart.iter().copied().find(|number| *number >= from);
        apart.into_iter().chain(self.used.peek().copied()).min()
    }

    fn look(&mut self, number: u128) -> AddressView {
        let name = AddressName { space: self.network.name.space.clone(), address: self.address(number) };
        let upto = std::iter::from_fn(|| self.assigned.next_if(|assigned| assigned.name.address <= name.address));
        let assigned = upto.last().filter(|assigned| assigned.name == name);
        look_in(self.state, self.book, Some(self.network), self.scope, name, assigned)
    }

    /// The gap from `first` on, up to `known` behind it, to where an exclusion begins or ends, or to the list's end.
    fn gap(&self, first: u128, known: Option<u128>) -> (Row, u128) {
        let behind = self.exclusions.partition_point(|exclusion| to_number(exclusion.range.end()) < first);
        let exclusion = self.exclusions.get(behind).map(|exclusion| exclusion.range.numbers());
        let last = known.map_or(self.last, |known| self.last.min(known - 1));
        let range =
            |last| AddressRange::new(self.address(first), self.address(last)).expect("ascending, of one family");
        match exclusion {
            Some(excluded) if excluded.contains(&first) => {
                let last = last.min(*excluded.end());
                (Row::Excluded(range(last)), last)
            }
            Some(excluded) => {
                let last = last.min(excluded.start() - 1);
                (Row::Free(range(last)), last)
            }
            None => (Row::Free(range(last)), last),
        }
    }

    fn address(&self, number: u128) -> IpAddr {
        from_number(self.network.name.cidr.family(), number).expect("a number within the network")
    }
}
