//! What can go wrong with a spool, and what the caller does then.

use freehold_journal::JournalError;
use std::io;

/// A failure of the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The journal. After [`SpoolError::is_fatal`] the process must end.
    #[error("the lease spool cannot be used")]
    Journal(#[source] JournalError),
    /// The disk is full. Nothing was taken in; the rows are still in the server's lease file.
    #[error("there is no room for lease events; nothing was taken in. Free space on the spool's disk")]
    NoRoom(#[source] JournalError),
    /// The events asked for are not there.
    #[error("event {wanted} is not in the spool; it has {first} to {last}")]
    Gone {
        /// The event asked for.
        wanted: u64,
        /// The first one there is.
        first: u64,
        /// The last one there is.
        last: u64,
    },
    /// A frame is sound, but is no frame of a spool that this version knows.
    #[error("frame {seq} of the lease spool does not read ({what}); was it written by a newer agent?")]
    Frame {
        /// Which.
        seq: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The directory could not be looked at or tidied.
    #[error("cannot {action} the lease spool's directory")]
    Directory {
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl SpoolError {
    /// Whether nothing more can be appended: the process ends, and the next one opens the spool again.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Journal(error) if error.is_fatal())
    }

    /// Whether the stored events are lost: they are set aside by [`Spool::replace`](super::Spool::replace), and the
    /// server's leases are read anew.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Journal(JournalError::Damaged(_)) | Self::Frame { .. })
    }
}

impl From<JournalError> for SpoolError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::NotWritten { .. } => Self::NoRoom(error),
            error => Self::Journal(error),
        }
    }
}
