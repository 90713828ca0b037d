//! What only a person can decide about a server, as the sessions see it.
//!
//! It is known while the controller runs, like everything about a session: a session that opens finds out anew what waits.
//! A decision is about what waits at that moment, and is gone with it: whoever released removals did not release those of
//! another day.

use freehold_core::bundle::{Digest, ResourceKey};
use freehold_core::time::StorePoint;

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// The server's agent obeyed a later state than the store has (P3): nothing is sent until it is decided that the store's
    /// history is the truth.
    History {
        /// What the agent obeyed.
        held: StorePoint,
        /// Where the store is.
        ours: StorePoint,
        /// What the server runs and the store does not know, as far as that is known.
        removes: Vec<ResourceKey>,
    },
    /// After a restore, or while the store is known to have gone backwards: these would be removed.
    Removals {
        /// What would go.
        removes: Vec<ResourceKey>,
    },
    /// The server runs something else than it was last proven to.
    Drift {
        /// The digest of what it runs.
        observed: Digest,
        /// The difference in words; empty if the agent did not say.
        difference: String,
    },
    /// A full listing of its leases lacks more than a listing may close by itself (P21).
    Listing {
        /// The listing.
        resync_id: u64,
        /// How many leases it would close.
        would_remove: u64,
    },
}

/// What a person decided, for the session of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// What waits may be removed.
    ReleaseRemovals,
    /// The drift to this digest is to be undone.
    Overwrite(Digest),
    /// What was refused is to be sent again.
    Retry,
}
