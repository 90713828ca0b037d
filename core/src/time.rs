//! Points in time and in the ledger. Both are given to core, never read by it.

use std::fmt;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus `seconds`; stays at the far end instead of overflowing.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to this time; negative if it lies after.
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The number of an entry in the ledger, from 1; 0 is the empty store.
///
/// Every entry has its own, so two changes committed in one frame still differ. A record's revision
/// is that of the entry that last changed it, and is also its `etag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of the entry after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point in the life of a store. Within one incarnation revisions only rise; over incarnations of the
/// same store the later one wins, whatever the revisions say. Points of two stores have no order that means
/// anything: compare `store` first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePoint {
    /// The store: 16 random bytes made with it.
    pub store: [u8; 16],
    /// One more at every restore; the same after a restart.
    pub incarnation: u64,
    /// The last entry that is in it.
    pub revision: Revision,
}

/// The time as the edge reads it: one clock to wait by, one for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back and is never set; every deadline is by this one.
    pub ticks: u64,
    /// The time of day. May jump either way; nothing waits for it.
    pub wall: Timestamp,
}
