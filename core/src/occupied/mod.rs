//! Which addresses are taken: a set of numbers that knows how many of them lie below each node.
//!
//! An [`AddressSet`] has the numbers of one family ([`to_number`](crate::net::to_number)); whoever keeps
//! one has it for one space and family. It is there for the questions that a map of records answers by
//! counting: the next free address, the n-th free one (of a random n, a uniform choice), how many are
//! free, where the gaps are. Each costs the depth of the tree, in an empty /8, a full one, and a /64.
//!
//! A set is a persistent tree: a clone is one pointer and stays as it is while its origin changes, and a
//! change copies the nodes on one path at most. Members in the same 256 share a bitmap; one that is alone
//! there, and every aligned block that is full, is kept within its parent. The branches, 16 to a node, skip
//! the bits in which all members agree, so that a few members in a /64 are a few nodes.
//!
//! [`Union`] asks the same of several sets at once, as if they were one, without building it. Where both
//! have members in the same 256 it reads both bitmaps; everywhere else counts are enough. So what it costs
//! grows with the 256s that two sets share, up to the answer.
//!
//! Not here on purpose: ranges as members. A pool minus its exclusions is a list of ranges, and the
//! questions take such a list ([`Union::first_free_among`]).

mod bitmap;
mod block;
mod build;
mod check;
mod differ;
mod node;
mod runs;
mod union;
mod walk;

pub use runs::{Members, Run, Runs};
pub use union::Union;

use node::Node;
use std::fmt;
use std::ops::RangeInclusive;

/// A set of numbers, counted; cheap to clone.
///
/// Two sets are equal if they have the same members, however they came to have them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    root: Option<Node>,
}

impl AddressSet {
    /// A set of no number.
    pub const fn new() -> Self {
        Self { root: None }
    }

    /// The set of no number that whoever has no set can lend.
    pub fn none() -> &'static Self {
        static NONE: AddressSet = AddressSet::new();
        &NONE
    }

    /// Takes `number` in; false if it was a member before.
    pub fn insert(&mut self, number: u128) -> bool {
        if self.contains(number) {
            return false;
        }
        match &mut self.root {
            Some(root) => root.insert(number),
            None => self.root = Some(Node::full(block::Block::around(number, 0))),
        }
        true
    }

    /// Puts `number` out; false if it was no member.
    pub fn remove(&mut self, number: u128) -> bool {
        let there = self.contains(number);
        if there {
            self.root = self.root.take().and_then(|root| root.without(number));
        }
        there
    }

    /// Whether `number` is a member.
    pub fn contains(&self, number: u128) -> bool {
        self.root.as_ref().is_some_and(|root| root.contains(number))
    }

    /// How many members it has.
    pub fn len(&self) -> u64 {
        self.root.as_ref().map_or(0, Node::taken)
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The set as a union of itself alone, for the questions over a list of ranges.
    pub fn alone(&self) -> Union<'_, 1> {
        Union::of([self])
    }

    /// How many members lie in the range.
    pub fn count_in(&self, range: RangeInclusive<u128>) -> u64 {
        self.alone().count_in(range)
    }

    /// How many numbers of the range are not members; the whole of IPv6 without one counts as `u128::MAX`.
    pub fn free_in(&self, range: RangeInclusive<u128>) -> u128 {
        self.alone().free_in(range)
    }

    /// The first number of the range, not before `from`, that is not a member.
    pub fn first_free(&self, range: RangeInclusive<u128>, from: u128) -> Option<u128> {
        self.alone().first_free(range, from)
    }

    /// The number of the range that is not a member and has `before` such before it in the range.
    ///
    /// With `before` drawn uniformly below [`free_in`](Self::free_in), a uniform choice.
    pub fn nth_free(&self, range: RangeInclusive<u128>, before: u128) -> Option<u128> {
        self.alone().nth_free(range, before)
    }

    /// The members in the range, ascending.
    pub fn iter_in(&self, range: RangeInclusive<u128>) -> Members<'_, 1> {
        self.alone().iter_in(range)
    }

    /// The range as taken and free runs in turn, each as long as can be within it.
    pub fn runs_in(&self, range: RangeInclusive<u128>) -> Runs<'_, 1> {
        self.alone().runs_in(range)
    }
}

/// The runs of members, in order.
impl fmt::Debug for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.alone().fmt(f)
    }
}
