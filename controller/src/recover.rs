//! From the ledger to the state: everything that was made durable, applied again in order.

use crate::ledger::{History, LedgerError};
use freehold_core::State;
use freehold_proto::convert::stored::{self, Unreadable};

/// Why the state cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The ledger cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    /// A frame does not read.
    #[error("frame {seq} of the ledger does not read; was it written by a newer controller?")]
    Frame {
        /// Which.
        seq: u64,
        /// Why.
        #[source]
        source: Unreadable,
    },
    /// A frame's entries do not follow those before it.
    #[error("frame {seq} of the ledger begins with entry {found}, and {wanted} comes next; restore the newest backup")]
    Gap {
        /// Which.
        seq: u64,
        /// The entry that comes next.
        wanted: u64,
        /// The entry that is there.
        found: u64,
    },
}

/// The state that the ledger's frames from `from` on make of `state`. Blocks on the disk.
///
/// # Errors
/// See [`RecoverError`].
pub fn replay(mut state: State, history: &dyn History, from: u64) -> Result<State, RecoverError> {
    if history.head().0 < from {
        return Ok(state);
    }
    for frame in history.read(from)? {
        let frame = frame?;
        let seq = frame.seq;
        let entries = stored::decode_frame(&frame.payload).map_err(|source| RecoverError::Frame { seq, source })?;
        for entry in &entries {
            let wanted = state.revision().next();
            if entry.revision != wanted {
                return Err(RecoverError::Gap { seq, wanted: wanted.0, found: entry.revision.0 });
            }
            state.apply(entry);
        }
    }
    Ok(state)
}
