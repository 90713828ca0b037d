//! The plan as a tree: who is around whom, and how much a prefix holds directly. Nesting is by containment, so nothing of it
//! is stored but the number and the size of direct children, which would otherwise cost as much as there are.

use super::State;
use crate::model::Prefix;
use crate::name::{PrefixName, SpaceName};
use crate::net::{Cidr, Family, from_number, to_number};
use imbl::OrdMap;
use imbl::ordmap::RangedIter;
use std::net::Ipv6Addr;
use std::sync::Arc;

/// What lies directly in a prefix, or in no prefix of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carved {
    /// How many prefixes.
    pub count: u64,
    /// How many addresses they have, modulo 2^128.
    addresses: u128,
}

impl Carved {
    /// How many addresses the prefixes have; the whole of IPv6 counts as `u128::MAX`.
    pub fn addresses(self) -> u128 {
        if self.addresses == 0 && self.count > 0 { u128::MAX } else { self.addresses }
    }

    pub(crate) fn and(self, cidr: &Cidr) -> Self {
        Self { count: self.count + 1, addresses: self.addresses.wrapping_add(size(cidr)) }
    }

    /// The same where `cidr` comes, or came, between it and what `inside` counts.
    fn with(self, cidr: &Cidr, inside: Self) -> Self {
        let all = self.and(cidr);
        Self { count: all.count - inside.count, addresses: all.addresses.wrapping_sub(inside.addresses) }
    }

    /// The same where `cidr` no longer lies between it and what `inside` counts.
    fn without(self, cidr: &Cidr, inside: Self) -> Self {
        let addresses = self.addresses.wrapping_sub(size(cidr)).wrapping_add(inside.addresses);
        Self { count: self.count + inside.count - 1, addresses }
    }
}

/// How many addresses a prefix has, modulo 2^128.
fn size(cidr: &Cidr) -> u128 {
    (to_number(cidr.last()) - to_number(cidr.network())).wrapping_add(1)
}

impl State {
    /// The prefixes of `space`, in order.
    pub fn prefixes_in<'a>(&'a self, space: &'a SpaceName) -> impl Iterator<Item = &'a Arc<Prefix>> {
        let first = PrefixName { space: space.clone(), cidr: Cidr::FIRST };
        self.prefixes.range(first..).take_while(move |(name, _)| name.space == *space).map(|(_, prefix)| prefix)
    }

    /// The prefixes that `name` covers, `name` itself not among them, in order.
    pub fn inside_of<'a>(&'a self, name: &'a PrefixName) -> impl Iterator<Item = &'a Arc<Prefix>> {
        let from = PrefixName { space: name.space.clone(), cidr: name.cidr };
        self.prefixes
            .range(from..)
            .take_while(move |(other, _)| other.space == name.space && name.cidr.contains(other.cidr.network()))
            .filter(move |(other, _)| other.cidr != name.cidr && name.cidr.covers(&other.cidr))
            .map(|(_, prefix)| prefix)
    }

    /// The longest prefix that covers `name` and is not `name`.
    pub fn parent_of(&self, name: &PrefixName) -> Option<&Arc<Prefix>> {
        nearest_around(&self.prefixes, name).map(|(_, prefix)| prefix)
    }

    /// The prefixes around `name`, from the inside out, whether it is one of the plan or not.
    pub fn around<'a>(&'a self, name: &PrefixName) -> impl Iterator<Item = &'a Arc<Prefix>> {
        // What is around a prefix of the plan has something carved out of it, as few prefixes have.
        let parent = |name: &PrefixName| {
            let (parent, _) = nearest_around(&self.carved, name)?;
            self.prefixes.get(parent)
        };
        let first = if self.prefixes.contains_key(name) { parent(name) } else { self.parent_of(name) };
        std::iter::successors(first, move |prefix| parent(&prefix.name))
    }

    /// The prefixes directly inside `name`, in order.
    pub fn children_of<'a>(&'a self, name: &PrefixName) -> Children<'a> {
        Children::new(self, name.space.clone(), Some(name.cidr), name.cidr, false)
    }

    /// The prefixes of `space` that are in no other, in order.
    pub fn roots_of(&self, space: &SpaceName) -> Children<'_> {
        Children::new(self, space.clone(), None, Cidr::FIRST, true)
    }

    /// How many prefixes are directly inside `name`.
    pub fn child_count(&self, name: &PrefixName) -> u64 {
        self.carved(name).count
    }

    /// What lies directly inside `name`.
    pub fn carved(&self, name: &PrefixName) -> Carved {
        self.carved.get(name).copied().unwrap_or_default()
    }

    /// What of `space` lies in no other prefix.
    pub fn carved_of_space(&self, space: &SpaceName, family: Family) -> Carved {
        self.roots.get(&(space.clone(), family)).copied().unwrap_or_default()
    }

    /// What a tree shows below `root`, which need not be a prefix of the plan, or of the whole space: the rows after `after`, at most `depth` levels deep, each with its
    /// level, 1 for a child of the root. A row costs what itself costs, whatever is hidden inside it.
    pub fn tree<'a>(
        &'a self,
        space: &'a SpaceName,
        root: Option<&'a PrefixName>,
        depth: usize,
        after: Option<&PrefixName>,
    ) -> impl Iterator<Item = (usize, &'a Arc<Prefix>)> {
        let mut open: Vec<Cidr> = after.map(|after| self.path(root, after)).unwrap_or_default();
        let mut rows = match after {
            Some(after) if open.len() >= depth => {
                Children::behind(self, space.clone(), root.map(|root| root.cidr), &after.cidr)
            }
            Some(after) => Children::new(self, space.clone(), root.map(|root| root.cidr), after.cidr, false),
            None => match root {
                Some(root) => Children::new(self, space.clone(), Some(root.cidr), root.cidr, false),
                None => Children::new(self, space.clone(), None, Cidr::FIRST, true),
            },
        };
        std::iter::from_fn(move || {
            let prefix = rows.step()?;
            let cidr = prefix.name.cidr;
            while open.last().is_some_and(|last| !last.covers(&cidr)) {
                open.pop();
            }
            open.push(cidr);
            if open.len() >= depth {
                rows.skip_inside(cidr);
            }
            Some((open.len(), prefix))
        })
    }

    /// The prefixes from below `root` down to `name`, `name` last, though it may be gone by now.
    fn path(&self, root: Option<&PrefixName>, name: &PrefixName) -> Vec<Cidr> {
        let mut path = vec![name.cidr];
        path.extend(
            self.around(name)
                .map(|prefix| prefix.name.cidr)
                .take_while(|cidr| root.is_none_or(|root| root.cidr != *cidr && root.cidr.covers(cidr))),
        );
        path.reverse();
        path
    }

    /// Counts a prefix that was just put in.
    pub(super) fn count_in(&mut self, name: &PrefixName) {
        let inside = self.children_of(name).fold(Carved::default(), |all, child| all.and(&child.name.cidr));
        if inside.count > 0 {
            self.carved.insert(name.clone(), inside);
        }
        self.set_carved_around(name, |carved| carved.with(&name.cidr, inside));
    }

    /// Counts a prefix out that was just taken away.
    pub(super) fn count_out(&mut self, name: &PrefixName) {
        let inside = self.carved.remove(name).unwrap_or_default();
        self.set_carved_around(name, |carved| carved.without(&name.cidr, inside));
    }

    /// Counts anew what lies directly around `name`: in a prefix, or else in the space.
    fn set_carved_around(&mut self, name: &PrefixName, change: impl FnOnce(Carved) -> Carved) {
        if let Some(parent) = self.parent_of(name).map(|parent| parent.name.clone()) {
            set(&mut self.carved, parent, change);
        } else {
            set(&mut self.roots, (name.space.clone(), name.cidr.family()), change);
        }
    }
}

/// The longest prefix among `all` that covers `name` and is not `name`.
///
/// Every prefix around a place comes before it in order, and around whatever lies between: from one prefix that does not cover
/// the place to the next candidate is one step to what the two have in common, so few are looked at.
fn nearest_around<'a, V>(all: &'a OrdMap<PrefixName, V>, name: &PrefixName) -> Option<(&'a PrefixName, &'a V)> {
    let mut around = PrefixName { space: name.space.clone(), cidr: name.cidr.ancestors().next()? };
    loop {
        let (before, value) = all.get_prev(&around)?;
        if before.space != around.space || before.cidr.family() != around.cidr.family() {
            return None;
        }
        if before.cidr.covers(&around.cidr) {
            return Some((before, value));
        }
        around.cidr = around.cidr.ancestors().find(|wider| wider.covers(&before.cidr))?;
    }
}

fn set<K: Ord + Clone>(all: &mut OrdMap<K, Carved>, key: K, change: impl FnOnce(Carved) -> Carved) {
    let carved = change(all.get(&key).copied().unwrap_or_default());
    match carved.count {
        0 => drop(all.remove(&key)),
        _ => drop(all.insert(key, carved)),
    }
}

/// Steps inside a prefix before it is jumped over: stepping is cheaper than jumping.
const STEPS: u32 = 8;

/// The outermost prefixes of a stretch of the plan, in order.
pub struct Children<'a> {
    state: &'a State,
    space: SpaceName,
    within: Option<Cidr>,
    rows: Option<RangedIter<'a, PrefixName, Arc<Prefix>, imbl::shared_ptr::DefaultSharedPtr>>,
    skip: Option<Cidr>,
}

impl std::fmt::Debug for Children<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Children").field("space", &self.space).field("within", &self.within).finish_non_exhaustive()
    }
}

impl<'a> Children<'a> {
    /// From `from` on, or from what comes after it, up to the end of `within`.
    fn new(state: &'a State, space: SpaceName, within: Option<Cidr>, from: Cidr, itself: bool) -> Self {
        let from = PrefixName { space: space.clone(), cidr: from };
        let bound = if itself { std::ops::Bound::Included(from) } else { std::ops::Bound::Excluded(from) };
        let rows = state.prefixes.range((bound, std::ops::Bound::Unbounded));
        Self { state, space, within, rows: Some(rows), skip: None }
    }

    /// From behind the last address of `cidr` on.
    fn behind(state: &'a State, space: SpaceName, within: Option<Cidr>, cidr: &Cidr) -> Self {
        let mut rows = Self { state, space, within, rows: None, skip: None };
        rows.jump(cidr);
        rows
    }

    fn jump(&mut self, over: &Cidr) {
        let next = to_number(over.last()).checked_add(1).and_then(|number| from_number(over.family(), number));
        let next = match (next, over.family()) {
            (Some(next), _) => Some(next),
            (None, Family::V4) => Some(Ipv6Addr::UNSPECIFIED.into()),
            (None, Family::V6) => None,
        };
        self.skip = None;
        self.rows = next.map(|next| {
            let from = PrefixName { space: self.space.clone(), cidr: Cidr::aligned(next, first_length(next)) };
            self.state.prefixes.range(from..)
        });
    }

    /// The next row; what is inside a row that [`Self::skip_inside`] was told of is left out.
    fn step(&mut self) -> Option<&'a Arc<Prefix>> {
        let mut steps = 0;
        loop {
            let (name, prefix) = self.rows.as_mut()?.next()?;
            if name.space != self.space || self.within.is_some_and(|within| !within.covers(&name.cidr)) {
                self.rows = None;
                return None;
            }
            match self.skip {
                Some(skip) if skip.covers(&name.cidr) && steps < STEPS => steps += 1,
                Some(skip) if skip.covers(&name.cidr) => {
                    steps = 0;
                    self.jump(&skip);
                }
                _ => return Some(prefix),
            }
        }
    }

    fn skip_inside(&mut self, cidr: Cidr) {
        self.skip = Some(cidr);
    }
}

/// The length of the shortest prefix that can begin at `address`.
fn first_length(address: std::net::IpAddr) -> u8 {
    let bits = crate::net::width(crate::net::family(address));
    let zeros = to_number(address).trailing_zeros().min(bits.into());
    bits - u8::try_from(zeros).expect("at most 128")
}

impl<'a> Iterator for Children<'a> {
    type Item = &'a Arc<Prefix>;

    fn next(&mut self) -> Option<Self::Item> {
        let prefix = self.step()?;
        self.skip_inside(prefix.name.cidr);
        Some(prefix)
    }
}
