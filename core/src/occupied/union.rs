//! The questions, over one set or the union of several, and over a range or a list of them.

use super::AddressSet;
use super::bitmap::Bitmap;
use super::block::Block;
use super::node::Node;
use super::runs::{Members, Runs};
use super::walk::{Area, Piece, Step};
use std::fmt;
use std::ops::RangeInclusive;

/// Several sets as if they were one: a number is taken if it is a member of any.
#[derive(Clone, Copy)]
pub struct Union<'a, const N: usize> {
    roots: [Option<&'a Node>; N],
}

impl<'a, const N: usize> Union<'a, N> {
    /// The union of these sets.
    pub fn of(sets: [&'a AddressSet; N]) -> Self {
        Self { roots: sets.map(|set| set.root.as_ref()) }
    }

    /// Whether `number` is taken.
    pub fn contains(&self, number: u128) -> bool {
        self.roots.iter().flatten().any(|root| root.contains(number))
    }

    /// How many numbers of the range are taken.
    pub fn count_in(&self, range: RangeInclusive<u128>) -> u64 {
        let mut count = 0u128;
        self.walk(range, |lo, hi, piece| {
            count += match piece {
                Piece::Free => 0,
                Piece::Taken => hi - lo + 1,
                Piece::Counted(taken) => taken.into(),
                Piece::Mixed { taken, asked, .. } => (taken & asked).count().into(),
            };
            Step::Next
        });
        u64::try_from(count).expect("members came one by one: below 2^64")
    }

    /// How many numbers of the range are free; the whole of IPv6 with none taken counts as `u128::MAX`.
    pub fn free_in(&self, range: RangeInclusive<u128>) -> u128 {
        if range.is_empty() {
            return 0;
        }
        let beyond_first = range.end() - range.start();
        match u128::from(self.count_in(range)) {
            0 => beyond_first.saturating_add(1),
            taken => beyond_first - (taken - 1),
        }
    }

    /// The first number of the range, not before `from`, that is free.
    pub fn first_free(&self, range: RangeInclusive<u128>, from: u128) -> Option<u128> {
        let range = if from > *range.start() { from..=*range.end() } else { range };
        self.walk(range, |lo, _, piece| match piece {
            Piece::Free => Step::Found(lo),
            Piece::Taken => Step::Next,
            Piece::Counted(_) => Step::Closer,
            Piece::Mixed { first, taken, asked } => found_in(first, (!taken & asked).first()),
        })
    }

    /// The number of the range that is free and has `before` free ones before it in the range.
    ///
    /// With `before` drawn uniformly below [`free_in`](Self::free_in), a uniform choice.
    pub fn nth_free(&self, range: RangeInclusive<u128>, before: u128) -> Option<u128> {
        let mut before = before;
        self.walk(range, |lo, hi, piece| {
            // One less than the free numbers, which in the whole of IPv6 are one too many to count.
            let beyond_first = match &piece {
                Piece::Free => Some(hi - lo),
                Piece::Taken => None,
                Piece::Counted(taken) => Some(hi - lo - u128::from(*taken)),
                Piece::Mixed { taken, asked, .. } => (!*taken & *asked).count().checked_sub(1).map(u128::from),
            };
            let Some(beyond_first) = beyond_first else { return Step::Next };
            if before > beyond_first {
                before -= beyond_first + 1;
                return Step::Next;
            }
            match piece {
                Piece::Free => Step::Found(lo + before),
                Piece::Taken | Piece::Counted(_) => Step::Closer,
                Piece::Mixed { first, taken, asked } => found_in(first, (!taken & asked).nth(before as u32)),
            }
        })
    }

    /// The first number of the range that is taken.
    pub fn first_taken(&self, range: RangeInclusive<u128>) -> Option<u128> {
        self.walk(range, |lo, _, piece| match piece {
            Piece::Free => Step::Next,
            Piece::Taken => Step::Found(lo),
            Piece::Counted(_) => Step::Closer,
            Piece::Mixed { first, taken, asked } => found_in(first, (taken & asked).first()),
        })
    }

    /// The taken numbers of the range, ascending.
    pub fn iter_in(&self, range: RangeInclusive<u128>) -> Members<'a, N> {
        Members::new(*self, range)
    }

    /// The range as taken and free runs in turn, each as long as can be within it.
    pub fn runs_in(&self, range: RangeInclusive<u128>) -> Runs<'a, N> {
        Runs::new(*self, range)
    }

    /// [`free_in`](Self::free_in) of all these ranges, which do not overlap; at most `u128::MAX`.
    pub fn free_among(&self, ranges: impl IntoIterator<Item = RangeInclusive<u128>>) -> u128 {
        ranges.into_iter().fold(0, |free, range| free.saturating_add(self.free_in(range)))
    }

    /// [`first_free`](Self::first_free) in these ranges, taken one after the other: they are ascending.
    pub fn first_free_among(&self, ranges: impl IntoIterator<Item = RangeInclusive<u128>>, from: u128) -> Option<u128> {
        ranges.into_iter().find_map(|range| self.first_free(range, from))
    }

    /// [`nth_free`](Self::nth_free) in these ranges, counted on from one to the next; they do not overlap.
    pub fn nth_free_among(&self, ranges: impl IntoIterator<Item = RangeInclusive<u128>>, before: u128) -> Option<u128> {
        let mut before = before;
        ranges.into_iter().find_map(|range| {
            let number = self.nth_free(range.clone(), before);
            if number.is_none() {
                before -= self.free_in(range);
            }
            number
        })
    }

    /// The members of a block of 8 bits.
    pub(super) fn bitmap(&self, block: Block) -> Bitmap {
        self.roots.iter().flatten().fold(Bitmap::EMPTY, |members, root| members | root.bitmap(block))
    }

    fn walk<F: FnMut(u128, u128, Piece) -> Step>(&self, range: RangeInclusive<u128>, mut ask: F) -> Option<u128> {
        if range.is_empty() {
            return None;
        }
        Area::all(self.roots).walk(*range.start(), *range.end(), &mut ask)
    }
}

/// The taken runs, in order.
impl<const N: usize> fmt::Debug for Union<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = self.runs_in(0..=u128::MAX).filter(|run| run.taken);
        f.debug_set().entries(taken.map(|run| run.first..=run.last)).finish()
    }
}

fn found_in(first: u128, number: Option<u8>) -> Step {
    number.map_or(Step::Next, |number| Step::Found(first | u128::from(number)))
}
