//! How many addresses are what, and the sums of that.

use crate::address::unusable;
use crate::lease::LeaseBook;
use crate::model::{Prefix, Scope, ScopeStatus};
use crate::net::{AddressRange, to_number};
use crate::occupied::{AddressSet, Union};
use crate::state::State;
use std::sync::Arc;

/// How many addresses are what, each counted once: as the state that [`look`](crate::address::look) gives it.
///
/// Sums over IPv6 are modulo 2^128, which shows where all of it is planned in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All that were counted.
    pub total: u128,
    /// Put aside for a caller.
    pub held: u64,
    /// Given to a client.
    pub claimed: u64,
    /// Fixed for a DHCP client.
    pub reserved: u64,
    /// Leased, and nothing firmer.
    pub leased: u64,
    /// Excluded, and not used.
    pub excluded: u128,
    /// No host can have them.
    pub not_usable: u64,
    /// Free.
    pub available: u128,
}

impl Counts {
    /// Held, claimed, reserved or leased.
    pub fn used(&self) -> u64 {
        self.held + self.claimed + self.reserved + self.leased
    }

    /// How much is used of what is used or free, in percent; `None` if there is neither.
    pub fn used_percent(&self) -> Option<f64> {
        let used = self.used() as f64;
        let all = used + self.available as f64;
        (all > 0.0).then(|| 100.0 * used / all)
    }

    /// Of both.
    #[must_use]
    fn plus(self, other: &Self) -> Self {
        self.each(other, u64::wrapping_add, u128::wrapping_add)
    }

    /// The same without `other`, which is in it.
    #[must_use]
    fn less(self, other: &Self) -> Self {
        self.each(other, u64::wrapping_sub, u128::wrapping_sub)
    }

    fn each(self, other: &Self, small: fn(u64, u64) -> u64, large: fn(u128, u128) -> u128) -> Self {
        Self {
            total: large(self.total, other.total),
            held: small(self.held, other.held),
            claimed: small(self.claimed, other.claimed),
            reserved: small(self.reserved, other.reserved),
            leased: small(self.leased, other.leased),
            excluded: large(self.excluded, other.excluded),
            not_usable: small(self.not_usable, other.not_usable),
            available: large(self.available, other.available),
        }
    }
}

/// What is counted of networks and of the scopes in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The addresses of the networks.
    pub addresses: Counts,
    /// Of these, the ones in the ranges of scopes that are active.
    pub pools: Counts,
    /// How many networks.
    pub networks: u64,
    /// How many scopes that are active.
    pub scopes: u64,
    /// How many that are not; nothing else of them is counted as theirs.
    pub inactive_scopes: u64,
}

impl Tally {
    /// Of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            addresses: self.addresses.plus(&other.addresses),
            pools: self.pools.plus(&other.pools),
            networks: self.networks.wrapping_add(other.networks),
            scopes: self.scopes.wrapping_add(other.scopes),
            inactive_scopes: self.inactive_scopes.wrapping_add(other.inactive_scopes),
        }
    }

    /// Of it alone, without `other`, which is in it.
    #[must_use]
    pub(super) fn less(&self, other: &Self) -> Self {
        Self {
            addresses: self.addresses.less(&other.addresses),
            pools: self.pools.less(&other.pools),
            networks: self.networks.wrapping_sub(other.networks),
            scopes: self.scopes.wrapping_sub(other.scopes),
            inactive_scopes: self.inactive_scopes.wrapping_sub(other.inactive_scopes),
        }
    }
}

/// Counts a network. Costs what its taken and leased addresses have in common, by 256 addresses.
pub(super) fn of_network(state: &State, book: &LeaseBook, network: &Prefix) -> Tally {
    let scope = state.scope_of_network(&network.name);
    let counted = Counted::new(state, book, network, scope);
    let active = scope.filter(|scope| scope.status == ScopeStatus::Active);
    Tally {
        addresses: counted.over(&[network.name.cidr.range()]),
        pools: active.map_or_else(Counts::default, |scope| counted.over(&scope.ranges)),
        networks: 1,
        scopes: active.is_some().into(),
        inactive_scopes: (scope.is_some() && active.is_none()).into(),
    }
}

/// Counts the ranges of a scope, active or not.
pub fn of_scope(state: &State, book: &LeaseBook, scope: &Arc<Scope>) -> Counts {
    let network = state.prefix(&scope.prefix());
    network.map_or_else(Counts::default, |network| Counted::new(state, book, network, Some(scope)).over(&scope.ranges))
}

/// What is known of a network's addresses, to be counted over parts of it.
struct Counted<'a> {
    taken: &'a AddressSet,
    held: &'a AddressSet,
    reserved: &'a AddressSet,
    leased: &'a AddressSet,
    exclusions: Vec<AddressRange>,
    /// Ascending.
    unusable: Vec<u128>,
}

impl<'a> Counted<'a> {
    fn new(state: &'a State, book: &'a LeaseBook, network: &Prefix, scope: Option<&Arc<Scope>>) -> Self {
        let (cidr, space) = (&network.name.cidr, &network.name.space);
        let family = cidr.family();
        let routers = scope.map_or_else(Vec::new, |scope| scope.routers());
        let edges = [cidr.network(), cidr.last()].into_iter().chain(routers.iter().map(AddressRange::start));
        let edges = edges.filter(|edge| cidr.contains(*edge) && unusable(network, scope, *edge).is_some());
        let mut unusable: Vec<u128> = edges.map(to_number).collect();
        unusable.sort_unstable();
        unusable.dedup();
        Self {
            taken: state.taken(space, family),
            held: state.held(space, family),
            reserved: state.reserved(space, family),
            leased: scope.map_or(AddressSet::none(), |scope| book.leased(scope.subnet_id, family)),
            exclusions: scope.map_or_else(Vec::new, |scope| scope.exclusions.iter().map(|e| e.range).collect()),
            unusable,
        }
    }

    /// Counts these ranges of the network, which do not overlap.
    fn over(&self, ranges: &[AddressRange]) -> Counts {
        ranges.iter().fold(Counts::default(), |all, range| all.plus(&self.range(range)))
    }

    fn range(&self, range: &AddressRange) -> Counts {
        let (numbers, total) = (range.numbers(), range.size());
        let used = Union::of([self.taken, self.leased]);
        let in_range = |set: &AddressSet| set.count_in(numbers.clone());
        let (taken, held, reserved) = (in_range(self.taken), in_range(self.held), in_range(self.reserved));
        let all_used = used.count_in(numbers.clone());
        let excluded =
            self.exclusions.iter().filter(|exclusion| exclusion.overlaps(range)).fold(0u128, |sum, other| {
                let other = other.numbers();
                let both = *other.start().max(numbers.start())..=*other.end().min(numbers.end());
                sum.wrapping_add(used.free_in(both))
            });
        let free = |number: &&u128| !used.contains(**number) && !self.excludes(**number);
        let not_usable = self.unusable.iter().filter(|number| numbers.contains(number)).filter(free).count() as u64;
        Counts {
            total,
            held,
            claimed: taken - held - reserved,
            reserved,
            leased: all_used - taken,
            excluded,
            not_usable,
            available: total.wrapping_sub(all_used.into()).wrapping_sub(excluded).wrapping_sub(not_usable.into()),
        }
    }

    fn excludes(&self, number: u128) -> bool {
        self.exclusions.iter().any(|exclusion| exclusion.numbers().contains(&number))
    }
}
