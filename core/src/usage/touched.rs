//! What may count otherwise in one picture than in another.

use crate::lease::LeaseBook;
use crate::model::{Prefix, PrefixKind, Scope};
use crate::name::{PrefixName, SpaceName};
use crate::net::{Cidr, Family, to_number};
use crate::occupied::AddressSet;
use crate::state::State;
use imbl::ordmap::DiffItem;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What to count anew. What is not named here counts as before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) networks: BTreeSet<PrefixName>,
    pub(super) containers_gone: Vec<PrefixName>,
    /// In order.
    pub(super) containers_new: Vec<PrefixName>,
    /// By the first 64 bits.
    pub(super) sixty_fours: BTreeSet<(SpaceName, u64)>,
}

impl Touched {
    /// What differs between two pictures. Costs what does.
    pub(super) fn between(before: (&State, &LeaseBook), after: (&State, &LeaseBook)) -> Self {
        let mut touched = Self::default();
        touched.plan(before.0, after.0);
        touched.scopes(before, after);
        touched.taken(before.0, after.0);
        touched.leased(before.1, after);
        touched
    }

    fn plan(&mut self, before: &State, after: &State) {
        for difference in before.prefixes().diff(after.prefixes()) {
            let (old, new) = match difference {
                DiffItem::Add(_, new) => (None, Some(new)),
                DiffItem::Update { old, new } => (Some(old.1), Some(new.1)),
                DiffItem::Remove(_, old) => (Some(old), None),
            };
            let kind = |prefix: Option<&Arc<Prefix>>| prefix.map(|prefix| prefix.kind);
            if kind(old) == kind(new) {
                continue;
            }
            if let Some(old) = old {
                match old.kind {
                    PrefixKind::Network => drop(self.networks.insert(old.name.clone())),
                    PrefixKind::Container => self.containers_gone.push(old.name.clone()),
                }
            }
            if let Some(new) = new {
                match new.kind {
                    PrefixKind::Network => drop(self.networks.insert(new.name.clone())),
                    PrefixKind::Container => self.containers_new.push(new.name.clone()),
                }
            }
        }
    }

    fn scopes(&mut self, before: (&State, &LeaseBook), after: (&State, &LeaseBook)) {
        let mut touch = |scope: &Scope, book: &LeaseBook| {
            self.networks.insert(scope.prefix());
            let leased = book.leased(scope.subnet_id, Family::V6);
            self.sixty_fours_of(&scope.space, leased);
        };
        for difference in before.0.scopes().diff(after.0.scopes()) {
            match difference {
                DiffItem::Add(_, new) => touch(new, after.1),
                DiffItem::Remove(_, old) => touch(old, before.1),
                DiffItem::Update { old: (_, old), new: (_, new) } if counts_alike(old, new) => {}
                DiffItem::Update { old, new } => {
                    touch(old.1, before.1);
                    touch(new.1, after.1);
                }
            }
        }
    }

    fn taken(&mut self, before: &State, after: &State) {
        let spaces: BTreeSet<&SpaceName> = before.spaces_taken().chain(after.spaces_taken()).collect();
        for space in spaces {
            for family in [Family::V4, Family::V6] {
                let taken = before.taken(space, family).differ(after.taken(space, family));
                // Whatever is not taken is neither held nor reserved.
                let held = before.held(space, family).differ(after.held(space, family));
                let reserved = before.reserved(space, family).differ(after.reserved(space, family));
                for range in [&held, &reserved, &taken].into_iter().flatten() {
                    let networks = after.networks_touching(space, family, range.clone());
                    self.networks.extend(networks.map(|network| network.name.clone()));
                }
                if family == Family::V6 {
                    taken.iter().for_each(|range| self.sixty_fours_in(space, range));
                }
            }
        }
    }

    fn leased(&mut self, before: &LeaseBook, (state, after): (&State, &LeaseBook)) {
        for (subnet, family) in before.subnets_that_differ(after) {
            let Some(scope) = state.scope_of_subnet_id(subnet) else { continue };
            self.networks.insert(scope.prefix());
            if family == Family::V6 {
                let ranges = before.leased(subnet, family).differ(after.leased(subnet, family));
                ranges.iter().for_each(|range| self.sixty_fours_in(&scope.space, range));
            }
        }
    }

    /// A stretch that differs is of 256 numbers, or of less, or full, which no set of a /64 and more can be.
    fn sixty_fours_in(&mut self, space: &SpaceName, range: &RangeInclusive<u128>) {
        self.sixty_fours.insert((space.clone(), (range.start() >> 64) as u64));
    }

    /// The /64s in which a set has members.
    fn sixty_fours_of(&mut self, space: &SpaceName, set: &AddressSet) {
        let mut from = Some(0u128);
        while let Some(found) = from.and_then(|from| set.alone().first_taken(from..=u128::MAX)) {
            self.sixty_fours.insert((space.clone(), (found >> 64) as u64));
            from = (found | u128::from(u64::MAX)).checked_add(1);
        }
    }
}

/// Whether two forms of a scope count alike whatever its addresses are.
fn counts_alike(one: &Scope, other: &Scope) -> bool {
    (&one.space, one.network, one.subnet_id, one.status) == (&other.space, other.network, other.subnet_id, other.status)
        && one.ranges == other.ranges
        && one.exclusions == other.exclusions
        && one.options.routers() == other.options.routers()
}

/// Whether an address of the /64 with these first bits is held, claimed, reserved or leased.
pub(super) fn is_used_64(state: &State, book: &LeaseBook, space: &SpaceName, block: u64) -> bool {
    let first = Ipv6Addr::from(u128::from(block) << 64);
    let cidr =
        Cidr::new(first.into(), 64).expect("the last 64 bits are clear, and a mapped address has none of the first");
    let within = |cidr: &Cidr| to_number(cidr.network())..=to_number(cidr.last());
    let taken = state.taken(space, Family::V6).alone().first_taken(within(&cidr)).is_some();
    taken
        || state.scopes_touching(space, cidr).any(|scope| {
            let here = if cidr.covers(&scope.network) { &scope.network } else { &cidr };
            book.leased(scope.subnet_id, Family::V6).alone().first_taken(within(here)).is_some()
        })
}
