//! Reading a range in order: its members one by one, or its runs of taken and free numbers.
//!
//! Both start anywhere at the cost of the tree's depth and hold no more than a place in it.

use super::bitmap::Bitmap;
use super::block::Block;
use super::union::Union;
use std::ops::RangeInclusive;

/// Neighbouring numbers that are all taken or all free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first number.
    pub first: u128,
    /// The last number.
    pub last: u128,
    /// Whether they are taken.
    pub taken: bool,
}

/// The runs of a range in order; see [`Union::runs_in`].
#[derive(Debug, Clone)]
pub struct Runs<'a, const N: usize> {
    union: Union<'a, N>,
    left: Option<RangeInclusive<u128>>,
}

impl<'a, const N: usize> Runs<'a, N> {
    pub(super) fn new(union: Union<'a, N>, range: RangeInclusive<u128>) -> Self {
        Self { union, left: Some(range).filter(|range| !range.is_empty()) }
    }
}

impl<const N: usize> Iterator for Runs<'_, N> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let left = self.left.take()?;
        let (first, end) = (*left.start(), *left.end());
        let taken = self.union.contains(first);
        let after = if taken { self.union.first_free(left, first) } else { self.union.first_taken(left) };
        self.left = after.map(|after| after..=end);
        Some(Run { first, last: after.map_or(end, |after| after - 1), taken })
    }
}

/// The members in a range, ascending; see [`Union::iter_in`].
#[derive(Debug, Clone)]
pub struct Members<'a, const N: usize> {
    union: Union<'a, N>,
    /// Members still to come of the leaf's block that starts at `first`.
    first: u128,
    members: Bitmap,
    /// The range behind that block.
    left: Option<RangeInclusive<u128>>,
}

impl<'a, const N: usize> Members<'a, N> {
    pub(super) fn new(union: Union<'a, N>, range: RangeInclusive<u128>) -> Self {
        Self { union, first: 0, members: Bitmap::EMPTY, left: Some(range).filter(|range| !range.is_empty()) }
    }
}

impl<const N: usize> Iterator for Members<'_, N> {
    type Item = u128;

    fn next(&mut self) -> Option<u128> {
        loop {
            if let Some(number) = self.members.first() {
                self.members.clear(number);
                return Some(self.first | u128::from(number));
            }
            let left = self.left.take()?;
            let end = *left.end();
            let next = self.union.first_taken(left)?;
            let block = Block::around(next, 8);
            self.first = block.first;
            self.members = self.union.bitmap(block) & Bitmap::span(next as u8, end.min(block.last()) as u8);
            self.left = (end > block.last()).then(|| block.last() + 1..=end);
        }
    }
}
