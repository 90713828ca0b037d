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
pub mod upload;

use std::path::{Path, PathBuf};

use crate::files::{self, FileError};

/// The id of the Kea DHCPv4 server on its host.
pub const KEA4: &str = "kea4";

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

    /// Whether the controller is owed a full listing.
    pub fn owes_listing(&self) -> Result<bool, FileError> {
        Ok(files::read(&self.owed())?.is_some())
    }

    /// Notes, durably, whether the controller is owed a full listing.
    pub fn owe_listing(&self, owed: bool) -> Result<(), FileError> {
        if owed { files::replace(&self.owed(), b"", 0o600) } else { files::remove(&self.owed()) }
    }

    fn owed(&self) -> PathBuf {
        self.0.join("listing-owed")
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
}
