//! Which prefixes are delegated or may be: the pools of scopes, and what reservations give their clients.

use super::State;
use crate::model::{PrefixKind, Reservation, Scope};
use crate::name::{PrefixName, ReservationName, ScopeName, SpaceName};
use crate::net::Cidr;
use imbl::OrdSet;
use std::net::IpAddr;

/// Blocks by address, with whose they are. The space is that of the scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Delegated {
    pools: OrdSet<(Cidr, ScopeName)>,
    reserved: OrdSet<(Cidr, ReservationName)>,
}

impl Delegated {
    pub(super) fn put_scope(&mut self, scope: &Scope) {
        self.pools.extend(scope.prefix_pools.iter().map(|pool| (pool.prefix, scope.name.clone())));
    }

    pub(super) fn take_scope(&mut self, scope: &Scope) {
        for pool in &scope.prefix_pools {
            self.pools.remove(&(pool.prefix, scope.name.clone()));
        }
    }

    pub(super) fn put_reservation(&mut self, reservation: &Reservation) {
        self.reserved.extend(reservation.prefixes.iter().map(|prefix| (*prefix, reservation.name.clone())));
    }

    pub(super) fn take_reservation(&mut self, reservation: &Reservation) {
        for prefix in &reservation.prefixes {
            self.reserved.remove(&(*prefix, reservation.name.clone()));
        }
    }

    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.pools.len(), self.reserved.len()]
    }
}

/// The members of `set` whose block shares an address with `block`; `first` sorts before every real second part.
fn overlapping<T: Ord + Clone>(set: &OrdSet<(Cidr, T)>, block: Cidr, first: T) -> impl Iterator<Item = &(Cidr, T)> {
    let inside = set.range((block, first.clone())..).take_while(move |(found, _)| block.covers(found));
    let around = block
        .ancestors()
        .flat_map(move |around| set.range((around, first.clone())..).take_while(move |(found, _)| *found == around));
    inside.chain(around)
}

impl State {
    /// The networks of the plan in `space` that share an address with `block`.
    pub fn networks_overlapping<'a>(
        &'a self,
        space: &'a SpaceName,
        block: Cidr,
    ) -> impl Iterator<Item = &'a PrefixName> {
        let name = move |cidr| PrefixName { space: space.clone(), cidr };
        let inside = self.prefixes.range(name(block)..).map(|(_, prefix)| prefix);
        let inside = inside.take_while(move |prefix| prefix.name.space == *space && block.covers(&prefix.name.cidr));
        let around = block.ancestors().filter_map(move |cidr| self.prefixes.get(&name(cidr)));
        inside.chain(around).filter(|prefix| prefix.kind == PrefixKind::Network).map(|prefix| &prefix.name)
    }

    /// The pools of delegated prefixes in `space` that share an address with `block`, with their scopes.
    pub fn prefix_pools_overlapping<'a>(
        &'a self,
        space: &'a SpaceName,
        block: Cidr,
    ) -> impl Iterator<Item = (Cidr, &'a ScopeName)> {
        let here = move |name: &ScopeName| self.scopes.get(name).is_some_and(|scope| scope.space == *space);
        overlapping(&self.delegated.pools, block, super::first_scope_name())
            .filter(move |(_, name)| here(name))
            .map(|(block, name)| (*block, name))
    }

    /// The prefixes that reservations in `space` delegate and that share an address with `block`.
    pub fn reserved_prefixes_overlapping<'a>(
        &'a self,
        space: &'a SpaceName,
        block: Cidr,
    ) -> impl Iterator<Item = (Cidr, &'a ReservationName)> {
        let here = move |name: &ScopeName| self.scopes.get(name).is_some_and(|scope| scope.space == *space);
        let first = ReservationName { scope: super::first_scope_name(), address: IpAddr::V4(0.into()) };
        overlapping(&self.delegated.reserved, block, first)
            .filter(move |(_, name)| here(&name.scope))
            .map(|(block, name)| (*block, name))
    }
}
