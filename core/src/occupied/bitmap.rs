//! Which of the 256 numbers of a leaf's block are members, or free, or asked for.

use std::ops::{BitAnd, BitOr, Not};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bitmap([u64; 4]);

impl Bitmap {
    pub(super) const EMPTY: Self = Self([0; 4]);
    pub(super) const FULL: Self = Self([u64::MAX; 4]);

    /// The numbers from `first` to `last`, both included; `first` is not after `last`.
    pub(super) fn span(first: u8, last: u8) -> Self {
        let from = |index: usize, at: u8| match index.cmp(&usize::from(at / 64)) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => u64::MAX << (at % 64),
            std::cmp::Ordering::Greater => u64::MAX,
        };
        let after = last.checked_add(1);
        Self(std::array::from_fn(|index| from(index, first) & !after.map_or(0, |after| from(index, after))))
    }

    pub(super) fn has(&self, number: u8) -> bool {
        self.0[usize::from(number / 64)] >> (number % 64) & 1 == 1
    }

    pub(super) fn set(&mut self, number: u8) {
        self.0[usize::from(number / 64)] |= 1 << (number % 64);
    }

    pub(super) fn clear(&mut self, number: u8) {
        self.0[usize::from(number / 64)] &= !(1 << (number % 64));
    }

    pub(super) fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(super) fn first(&self) -> Option<u8> {
        let index = self.0.iter().position(|word| *word != 0)?;
        Some(index as u8 * 64 + self.0[index].trailing_zeros() as u8)
    }

    /// The number with `before` others before it.
    pub(super) fn nth(&self, before: u32) -> Option<u8> {
        let mut left = before;
        for (index, word) in self.0.iter().enumerate() {
            if left < word.count_ones() {
                return Some(index as u8 * 64 + nth_bit(*word, left));
            }
            left -= word.count_ones();
        }
        None
    }
}

/// The place of the set bit with `before` others below it, found by halving.
fn nth_bit(mut word: u64, mut before: u32) -> u8 {
    let mut place = 0;
    for half in [32, 16, 8, 4, 2, 1] {
        let below = (word & ((1 << half) - 1)).count_ones();
        if before >= below {
            before -= below;
            word >>= half;
            place += half;
        }
    }
    place
}

impl BitAnd for Bitmap {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index] & other.0[index]))
    }
}

impl BitOr for Bitmap {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index] | other.0[index]))
    }
}

impl Not for Bitmap {
    type Output = Self;

    fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}
