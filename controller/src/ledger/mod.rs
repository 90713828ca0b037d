//! The ledger: the one log that everything else is a view of.
//!
//! An append is a compare-and-set on the next sequence number: decide at N, append at N + 1, and on [`Append::Taken`]
//! catch up and decide again. [`Append::Unknown`] is a normal answer of an engine on other machines: read slot N + 1,
//! and if it is empty fill it with a frame that changes nothing; never append the same again blindly.
//!
//! There are two ledgers. [`SegmentLedger`] keeps segment files on this machine; [`MemoryLedger`] keeps nothing, can have
//! rivals and uncertain answers, and is for tests and simulation. One suite (`suite.rs`) holds for both.
//!
//! What a frame says is no concern of the ledger: it is bytes. An acknowledged frame survives any crash; a crash in
//! the middle of an append leaves the frame as a whole or not at all.
//!
//! Appending blocks, so the ledger itself lives on the engine's own thread. Everyone else reads through a [`History`].

mod identity;
mod memory;
mod segments;
mod tail;

#[cfg(test)]
mod suite;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use freehold_journal::JournalError;
pub use freehold_journal::{Frame, Hash};
use thiserror::Error;
use tokio::sync::watch;

pub use identity::Identity;
pub use memory::{LostAnswer, MemoryLedger};
pub use segments::SegmentLedger;
pub use tail::Tail;

/// The right to append. One controller thread holds it.
pub trait Ledger: Debug + Send {
    /// Makes the frame durable as number `expected_seq`, if that is the next one.
    ///
    /// # Errors
    /// After [`LedgerError::is_fatal`] the process must end. After any other error nothing was appended.
    fn append(&mut self, expected_seq: u64, frame: &[u8]) -> Result<Append, LedgerError>;

    /// A handle for reading that may be given away.
    fn history(&self) -> Arc<dyn History>;

    /// Which ledger this is.
    fn identity(&self) -> Identity;

    /// Takes an identity of a higher incarnation, durably: what agents obeyed of another history ends here.
    ///
    /// # Errors
    /// [`LedgerError::Identity`]; the old identity or the new one is then the ledger's, which its next start tells.
    fn reincarnate(&mut self, identity: Identity) -> Result<(), LedgerError>;
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Append {
    /// The frame is durable.
    Appended { hash: Hash },
    /// Somebody else's frame, or an earlier one, has that number. Nothing was appended.
    Taken,
    /// The frame may be durable, become so later, or never.
    Unknown,
}

/// Frames in order; after an error there are no more.
pub type Frames = Box<dyn Iterator<Item = Result<Frame, LedgerError>> + Send>;

/// Durable frames, for any number of readers.
pub trait History: Debug + Send + Sync {
    /// The frames from this number to the newest durable one at this moment. Blocks on the disk while iterating.
    ///
    /// # Errors
    /// [`LedgerError::Journal`] if the first of them cannot be read.
    fn read(&self, from: u64) -> Result<Frames, LedgerError>;

    /// The newest durable frame's number and hash; 0 and [`Hash::START`] if there is none.
    fn head(&self) -> (u64, Hash);

    /// Follows the newest durable number. Closed when the ledger is gone.
    fn heads(&self) -> watch::Receiver<u64>;
}

/// Follows a ledger from this frame on, through those that are there to those to come.
#[must_use]
pub fn tail(history: Arc<dyn History>, from: u64) -> Tail {
    Tail::new(history, from)
}

/// A failure of the ledger.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The segment files.
    #[error(transparent)]
    Journal(#[from] JournalError),

    /// The identity beside the segments could not be read or written.
    #[error("cannot {action} the ledger's identity")]
    Identity {
        action: &'static str,
        #[source]
        source: io::Error,
    },

    /// The identity is not as it was written.
    #[error("the ledger's identity file is damaged ({0}); to go on: {RESTORE}")]
    IdentityDamaged(&'static str),

    /// There is no ledger here.
    #[error("there is no ledger here; make one with `freehold-controller init`")]
    Missing,

    /// There is one already.
    #[error("there is a ledger here already; choose another data directory")]
    Exists,

    /// The first frames are not there.
    #[error("the ledger starts at frame {first}, frames 1 to {} are missing; to go on: {RESTORE}", first - 1)]
    Beheaded { first: u64 },

    /// There are frames without an identity, or an identity without frames.
    #[error("the ledger is incomplete: {0}; to go on: {RESTORE}")]
    Incomplete(&'static str),
}

/// What an operator does about a damaged ledger.
const RESTORE: &str = "run `freehold-controller restore` with the newest backup";

impl LedgerError {
    /// Whether the process has to end.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Journal(error) if error.is_fatal())
    }
}
