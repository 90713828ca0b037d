//! What can go wrong, and what the caller does then.

use std::io;

use thiserror::Error;

/// A failure of the journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another process, or another journal in this one, has the directory open.
    #[error("the journal is in use by another process; stop that one first")]
    InUse(#[source] io::Error),

    /// Bytes are not as they were written. Nothing was changed.
    #[error("{0}")]
    Damaged(Box<Damage>),

    /// A file operation failed while opening or reading.
    #[error("cannot {action} {file}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file, relative to the journal's directory.
        file: String,
        #[source]
        source: io::Error,
    },

    /// There was no room for the group. Nothing of it was written; the journal is still usable.
    #[error("cannot make room in {file}; nothing was written")]
    NotWritten {
        file: String,
        #[source]
        source: io::Error,
    },

    /// A write or sync failed: whether the group is durable is unknown until the journal is opened again. End the process.
    #[error("cannot {action} {file}; the last append may or may not be durable, this process must end")]
    Failed {
        action: &'static str,
        file: String,
        #[source]
        source: io::Error,
    },

    /// An earlier write or sync failed.
    #[error("the journal failed earlier; this process must end")]
    Poisoned,

    /// The group is larger than a journal takes. Nothing was written.
    #[error("a group of {bytes} bytes is over the limit of {limit} bytes")]
    TooLarge { bytes: u64, limit: u64 },

    /// The frame was dropped by `truncate_before`.
    #[error("frame {wanted} is gone; the oldest that is kept is {first}")]
    Gone { wanted: u64, first: u64 },
}

impl JournalError {
    /// Whether the process has to end: nothing more can be appended.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Poisoned)
    }

    pub(crate) fn io(action: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, file: file.to_owned(), source }
    }
}

/// Where a journal is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("segment {segment} is damaged at byte {offset}, frame {seq}: {what}. Nothing was changed; to go on: {restore}")]
pub struct Damage {
    /// The segment's file name.
    pub segment: String,
    /// The first frame that cannot be trusted.
    pub seq: u64,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub what: &'static str,
    /// What the operator does next, given by the owner of the journal.
    pub restore: String,
}
