//! One server of this host: a task that keeps its configuration, one that follows its leases, and one that sends
//! them on while there is a line.
//!
//! ```text
//! session ──wishes──▶ keeper ──▶ Kea           Kea's lease file ──▶ feed ──▶ spool ──▶ upload ──▶ controller
//!    ▲                  │                                            ▲  │
//!    └──facts, outcomes─┘◀───────── barrier: where the spool is ─────┘  └─ spool position ─▶ upload
//! ```
//!
//! All of them go on when the controller is away.

pub mod feed;
pub mod keeper;
mod told;
pub mod upload;

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use crate::files::{self, FileError};

/// What is remembered of one server, in a folder of its own.
#[derive(Debug, Clone)]
pub struct ServerFolder(PathBuf);

impl ServerFolder {
    /// The folder at `path`, which must be there.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where an apply under way is noted.
    pub fn intent(&self) -> PathBuf {
        self.0.join("intent.json")
    }

    /// Where the spool is.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// The incarnation of the controller's store for which a full listing of the spool `epoch` was carried out; none if
    /// the controller is owed one.
    pub fn listed(&self, epoch: [u8; 16]) -> Result<Option<u64>, FileError> {
        let note = files::read(&self.listing_note())?.unwrap_or_default();
        let note = String::from_utf8_lossy(&note);
        let (of, incarnation) = note.trim_end().split_once(' ').unwrap_or_default();
        Ok(incarnation.parse().ok().filter(|_| of == HEXLOWER.encode(&epoch)))
    }

    /// Notes that, durably.
    pub fn note_listed(&self, epoch: [u8; 16], incarnation: Option<u64>) -> Result<(), FileError> {
        match incarnation {
            Some(incarnation) => {
                let note = format!("{} {incarnation}\n", HEXLOWER.encode(&epoch));
                files::replace(&self.listing_note(), note.as_bytes(), 0o600)
            }
            None => files::remove(&self.listing_note()),
        }
    }

    fn listing_note(&self) -> PathBuf {
        self.0.join("listed")
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_counts_for_its_spool_and_incarnation_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = ServerFolder::at(folder.path().to_owned());
        assert_eq!(server.listed([1; 16]).expect("readable"), None);
        server.note_listed([1; 16], Some(7)).expect("writable");
        assert_eq!(server.listed([1; 16]).expect("readable"), Some(7));
        assert_eq!(server.listed([2; 16]).expect("readable"), None, "another spool owes one of its own");
        server.note_listed([1; 16], None).expect("writable");
        server.note_listed([1; 16], None).expect("nothing to remove is fine");
        assert_eq!(server.listed([1; 16]).expect("readable"), None);
        std::fs::write(folder.path().join("listed"), b"\xff garbage").expect("writable");
        assert_eq!(server.listed([1; 16]).expect("readable"), None, "when in doubt, one is owed");
    }
}
