//! Utilisation: how many addresses of a network, a container, a space are what, and how many are left.
//!
//! [`Usage`] keeps a [`Tally`] for every prefix and every space, those of containers rolled up from the networks in them, so that
//! each answer costs a look-up, whatever lies inside. It has no rule of its own about addresses: it counts what
//! [`look`](crate::address::look) says of each of them.
//!
//! It is a view of a state and a book of leases, and follows them by [`Usage::follow`]: what the two pictures share is
//! passed over, and each network in which something differs is counted anew, and the difference added to what is around it. So
//! following costs what changed, and begun with nothing it costs the plan. A crash leaves nothing: it is built at the next start.
//!
//! Reservations, claims and leases in the network of a scope that is not active count as what they are; the scope itself
//! counts as none, and its ranges as no pool.

mod counts;
mod touched;

pub use counts::{Counts, Tally, of_scope};

use crate::lease::LeaseBook;
use crate::model::{Prefix, PrefixKind};
use crate::name::{PrefixName, SpaceName};
use crate::net::{Cidr, Family, to_number};
use crate::occupied::AddressSet;
use crate::state::State;
use imbl::OrdMap;
use std::fmt;
use std::sync::Arc;
use touched::Touched;

/// The tallies of a state and a book of leases. Copying it costs nothing.
#[derive(Clone, Default)]
pub struct Usage {
    state: Arc<State>,
    book: Arc<LeaseBook>,
    prefixes: OrdMap<PrefixName, Arc<Tally>>,
    spaces: OrdMap<(SpaceName, Family), Arc<Tally>>,
    /// The /64s with an address that is held, claimed, reserved or leased, each by its first 64 bits.
    sixty_fours: OrdMap<SpaceName, AddressSet>,
}

impl Usage {
    /// The state that it is of.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The leases that it is of.
    pub fn book(&self) -> &Arc<LeaseBook> {
        &self.book
    }

    /// What is counted of a prefix: of a container, all networks in it.
    pub fn of_prefix(&self, name: &PrefixName) -> Tally {
        self.prefixes.get(name).map_or_else(Tally::default, |tally| **tally)
    }

    /// What is counted of all networks of a space and family.
    pub fn of_space(&self, space: &SpaceName, family: Family) -> Tally {
        self.spaces.get(&(space.clone(), family)).map_or_else(Tally::default, |tally| **tally)
    }

    /// How many /64s of an IPv6 prefix that is not longer have an address in use.
    pub fn used_64s(&self, space: &SpaceName, cidr: &Cidr) -> u64 {
        let block = |address| to_number(address) >> 64;
        let set = self.sixty_fours.get(space).unwrap_or(AddressSet::none());
        set.count_in(block(cidr.network())..=block(cidr.last()))
    }

    /// How many /64s of a space have an address in use.
    pub fn used_64s_of_space(&self, space: &SpaceName) -> u64 {
        self.sixty_fours.get(space).map_or(0, AddressSet::len)
    }

    /// Goes on to a later state and book, or any others.
    pub fn follow(&mut self, state: &Arc<State>, book: &Arc<LeaseBook>) {
        if Arc::ptr_eq(&self.state, state) && Arc::ptr_eq(&self.book, book) {
            return;
        }
        let touched = Touched::between((&self.state, &self.book), (state, book));
        (self.state, self.book) = (Arc::clone(state), Arc::clone(book));
        touched.containers_gone.iter().for_each(|name| drop(self.prefixes.remove(name)));
        touched.networks.iter().for_each(|name| self.count_network(name));
        // Those inside another come behind it, and are counted first.
        touched.containers_new.iter().rev().for_each(|name| self.count_container(name));
        touched.sixty_fours.iter().for_each(|(space, block)| self.count_64(space, *block));
    }

    /// Counts a network that is there, or was, and what is around it with it.
    fn count_network(&mut self, name: &PrefixName) {
        let before = self.prefixes.get(name).map(|tally| **tally);
        let network = self.state.prefix(name).filter(|prefix| prefix.kind == PrefixKind::Network);
        let after = network.map(|network| counts::of_network(&self.state, &self.book, network));
        if before == after {
            return;
        }
        match after {
            Some(tally) => drop(self.prefixes.insert(name.clone(), Arc::new(tally))),
            None => drop(self.prefixes.remove(name)),
        }
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let change = |tally: &Tally| tally.less(&before).plus(&after);
        let state = Arc::clone(&self.state);
        // What lay in a network lies there no more, and a new container is counted when all that lies in it was.
        for container in state.around(name).filter(|prefix| prefix.kind == PrefixKind::Container) {
            if let Some(tally) = self.prefixes.get_mut(&container.name) {
                *tally = Arc::new(change(tally));
            }
        }
        let space = (name.space.clone(), name.cidr.family());
        let tally = change(&self.of_space(&space.0, space.1));
        if tally == Tally::default() {
            self.spaces.remove(&space);
        } else {
            self.spaces.insert(space, Arc::new(tally));
        }
    }

    fn count_container(&mut self, name: &PrefixName) {
        let inside = self.state.children_of(name);
        let tally = inside.fold(Tally::default(), |all, child| all.plus(&self.of_prefix(&child.name)));
        self.prefixes.insert(name.clone(), Arc::new(tally));
    }

    /// Looks whether an address of a /64 is in use.
    fn count_64(&mut self, space: &SpaceName, block: u64) {
        let used = touched::is_used_64(&self.state, &self.book, space, block);
        let set = self.sixty_fours.entry(space.clone()).or_default();
        if used {
            set.insert(block.into());
        } else {
            set.remove(block.into());
        }
        if set.is_empty() {
            self.sixty_fours.remove(space);
        }
    }
}

/// How full a place is by addresses, in percent; `None` where that would say nothing: where nobody can use an address, and in
/// more than 2^32 of them.
pub fn used_percent(counts: &Counts) -> Option<f64> {
    counts.used_percent().filter(|_| counts.total <= 1 << 32)
}

/// Those of these prefixes, which are in order, that no other of them covers: together they have each address once.
pub fn outermost<'a>(prefixes: impl Iterator<Item = &'a Arc<Prefix>>) -> impl Iterator<Item = &'a Arc<Prefix>> {
    let mut last: Option<&Arc<Prefix>> = None;
    prefixes.filter(move |prefix| {
        let covers =
            |last: &&Arc<Prefix>| last.name.space == prefix.name.space && last.name.cidr.covers(&prefix.name.cidr);
        let covered = last.as_ref().is_some_and(covers);
        if !covered {
            last = Some(prefix);
        }
        !covered
    })
}

/// How much is in it: the state and the book can be large.
impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Usage({} prefixes at revision {})", self.prefixes.len(), self.state.revision().0)
    }
}

/// Equal if all that can be asked of them is.
impl PartialEq for Usage {
    fn eq(&self, other: &Self) -> bool {
        self.prefixes == other.prefixes && self.spaces == other.spaces && self.sixty_fours == other.sixty_fours
    }
}
