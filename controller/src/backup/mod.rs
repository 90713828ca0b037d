//! Backup, restore and check of a data directory.
//!
//! A backup is a folder: both ledgers up to a frame that was verified, their identities, the newest checkpoint of each, the CA with its
//! keys, the configuration, and `backup.toml`, which is written last and says what there has to be. So a backup that was
//! interrupted is none. It is as secret as the CA: whoever has it can issue certificates.
//!
//! [`take`] works while the controller runs, because ledgers only grow: it reads the segment files and stops at a group boundary.
//! [`restore`] makes a data directory out of a backup that verifies to the last byte, with a higher incarnation, one that no other restore
//! of the same backup has, so that agents notice. The store is not in a backup; it is made anew at the first start. [`check`] reads everything and states each invariant again.

mod check;
mod files;
mod manifest;
mod restore;
mod scan;
mod take;

use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;
use crate::ledger::LedgerError;
use crate::view::ReplayFault;

pub use check::{Report, check};
pub use manifest::Manifest;
pub use restore::restore;
pub use take::take;

/// Why there is no backup, no restored data directory, or no report.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file operation.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder to write to has something in it.
    #[error("{} is not empty; name a folder that is, or that is not there yet", .0.display())]
    NotEmpty(PathBuf),
    /// A ledger's identity.
    #[error("the ledger in {}", path.display())]
    Ledger {
        /// Where.
        path: PathBuf,
        /// Why.
        source: LedgerError,
    },
    /// A ledger is not as it was written.
    #[error("{} is damaged at byte {offset}, frame {seq}: {what}", path.display())]
    Damaged {
        /// The segment file.
        path: PathBuf,
        /// The first frame that cannot be trusted.
        seq: u64,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A frame cannot be carried out.
    #[error("frame {seq} of the ledger in {} {fault}", path.display())]
    Frame {
        /// Where.
        path: PathBuf,
        /// Which.
        seq: u64,
        /// Why.
        #[source]
        fault: ReplayFault,
    },
    /// The checkpoints.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is no `backup.toml`.
    #[error("{} is not a backup, or not a whole one: it has no backup.toml", .0.display())]
    NoManifest(PathBuf),
    /// `backup.toml` does not read.
    #[error("{} does not read: {what}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file of the backup is not the one that was put there.
    #[error("{} is not as it was when the backup was taken; use another backup", .0.display())]
    Changed(PathBuf),
}

impl BackupError {
    fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
