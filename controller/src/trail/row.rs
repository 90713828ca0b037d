//! What a trail is made of: rows, by topic and then from the newest to the oldest.

use freehold_core::Timestamp;
use sha2::{Digest, Sha256};
use std::cmp::Reverse;

/// Bits of a position that number the rows of a frame.
const WITHIN_BITS: u32 = 24;

/// What a row is about, as the beginning of a hash. Two topics may share one, so whoever reads a row looks whether it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub(super) [u8; 8]);

impl Topic {
    /// The topic of this kind and name.
    pub fn new(kind: u8, name: &[u8]) -> Self {
        let hash = Sha256::new().chain_update([kind]).chain_update(name).finalize();
        let mut topic = [0; 8];
        topic.copy_from_slice(&hash[..8]);
        Self(topic)
    }
}

/// Where a row comes from: a frame of its ledger, and a number within that. Later rows have greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before every row.
    pub const FIRST: Self = Self(0);
    /// After every row.
    pub const END: Self = Self(u64::MAX);

    /// Row `within` of `frame`.
    pub fn new(frame: u64, within: usize) -> Self {
        let last = (1 << WITHIN_BITS) - 1;
        // No frame has so many changes; were there one, its last rows would be found by its entry's others.
        Self(frame << WITHIN_BITS | u64::try_from(within).unwrap_or(last).min(last))
    }

    /// The frame.
    pub fn frame(self) -> u64 {
        self.0 >> WITHIN_BITS
    }
}

/// The order of rows: by topic, the newest first.
pub(super) type Key = (Topic, Reverse<Position>);

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it comes from.
    pub position: Position,
    /// When it was, by the clock of whoever said so.
    pub at: Timestamp,
    /// What it says.
    pub body: Vec<u8>,
}

/// Bytes of a row besides its body: topic (8), position with all bits inverted (8), time (8), length (4).
pub(super) const HEADER: usize = 28;

pub(super) fn encode(to: &mut Vec<u8>, (topic, Reverse(position)): Key, at: Timestamp, body: &[u8]) {
    to.extend(topic.0);
    to.extend((!position.0).to_be_bytes());
    to.extend(at.0.to_be_bytes());
    to.extend(u32::try_from(body.len()).expect("a frame is smaller than 4 GiB").to_be_bytes());
    to.extend(body);
}

/// A row as it lies in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) key: Key,
    pub(super) at: Timestamp,
    pub(super) body: &'a [u8],
}

impl Raw<'_> {
    pub(super) fn row(&self) -> Row {
        Row { position: self.key.1.0, at: self.at, body: self.body.to_vec() }
    }
}

/// The first row of `bytes` and what is behind it; `None` if there is no whole one.
pub(super) fn decode(bytes: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let eight = |at: usize| -> [u8; 8] { header[at..at + 8].try_into().expect("8 bytes") };
    let length = u32::from_be_bytes(header[24..].try_into().expect("4 bytes"));
    let (body, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let key = (Topic(eight(0)), Reverse(Position(!u64::from_be_bytes(eight(8)))));
    Some((Raw { key, at: Timestamp(i64::from_be_bytes(eight(16))), body }, rest))
}
