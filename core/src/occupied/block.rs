//! Blocks of numbers that agree in all but their last bits: the places that nodes have.

/// A block of one number (0 bits), of a leaf's 256 (8 bits), or of 16 times as many for each 4 bits more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) first: u128,
    pub(super) bits: u8,
}

impl Block {
    /// Every number.
    pub(super) const ALL: Self = Self { first: 0, bits: 128 };

    /// The block of `bits` bits that has `number` in it.
    pub(super) fn around(number: u128, bits: u8) -> Self {
        Self { first: number & !low(bits), bits }
    }

    pub(super) fn last(self) -> u128 {
        self.first | low(self.bits)
    }

    pub(super) fn contains(self, number: u128) -> bool {
        (self.first ^ number) & !low(self.bits) == 0
    }

    /// Whether all of `other` lies in it (itself included).
    pub(super) fn covers(self, other: Self) -> bool {
        self.bits >= other.bits && self.contains(other.first)
    }

    /// The smallest block, a leaf's or larger unless the two are one, that covers both.
    pub(super) fn join(self, other: Self) -> Self {
        if self.covers(other) {
            return self;
        }
        let differing = 128 - (self.first ^ other.first).leading_zeros() as u8;
        Self::around(self.first, differing.next_multiple_of(4).max(8).max(other.bits))
    }

    /// Whether it has this many numbers.
    pub(super) fn is_size(self, count: u64) -> bool {
        1u64.checked_shl(self.bits.into()) == Some(count)
    }

    /// Which of its 16 parts `number` lies in.
    pub(super) fn slot(self, number: u128) -> u8 {
        (number >> (self.bits - 4)) as u8 & 15
    }

    /// The part in that slot.
    pub(super) fn part(self, slot: u8) -> Self {
        Self { first: self.first | u128::from(slot) << (self.bits - 4), bits: self.bits - 4 }
    }
}

/// The last number of the block of `bits` bits that starts at 0.
fn low(bits: u8) -> u128 {
    if bits < 128 { (1 << bits) - 1 } else { u128::MAX }
}
