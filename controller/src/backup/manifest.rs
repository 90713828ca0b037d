//! `backup.toml`: what a backup has to hold.

use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;
use freehold_journal::{Access, RealDisk, write_atomically};
use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::ledger::Identity;
use crate::view::Point;

const FILE: &str = "backup.toml";
const VERSION: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// When it was taken, milliseconds since 1970.
    pub taken_ms: i64,
    store_id: String,
    /// The incarnation that it was taken from.
    pub incarnation: u64,
    /// How far the ledger goes.
    pub ledger: Extent,
    /// How far the lease ledger goes.
    pub leases: Extent,
    /// The files besides the ledgers.
    #[serde(default)]
    pub files: Vec<Copied>,
}

/// How far a ledger goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Its last frame.
    pub frames: u64,
    hash: String,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Below the backup's folder.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Copied {
    pub(super) fn new(path: &Path, (bytes, sha256): (u64, [u8; 32])) -> Self {
        Self { path: path.to_string_lossy().into_owned(), bytes, sha256: HEXLOWER.encode(&sha256) }
    }
}

impl Extent {
    fn new(at: Point) -> Self {
        Self { frames: at.seq, hash: at.hash.to_string() }
    }

    /// Whether the ledger ends there.
    pub(super) fn is(&self, at: Point) -> bool {
        *self == Self::new(at)
    }
}

impl Manifest {
    pub(super) fn new(taken_ms: i64, identity: Identity, ledger: Point, leases: Point, files: Vec<Copied>) -> Self {
        Self {
            version: VERSION,
            taken_ms,
            store_id: HEXLOWER.encode(&identity.store_id),
            incarnation: identity.incarnation,
            ledger: Extent::new(ledger),
            leases: Extent::new(leases),
            files,
        }
    }

    /// Whether it is of this store and incarnation.
    pub(super) fn is_of(&self, identity: Identity) -> bool {
        self.store_id == HEXLOWER.encode(&identity.store_id) && self.incarnation == identity.incarnation
    }

    /// Makes it part of the backup in this folder, durably; then the backup is whole.
    pub(super) fn store(&self, folder: &Path) -> Result<(), BackupError> {
        let text = toml::to_string(self).expect("numbers, words and lists of them go into TOML");
        RealDisk::open(folder)
            .and_then(|disk| write_atomically(&disk, FILE, text.as_bytes(), Access::Private))
            .map_err(BackupError::file("write", &folder.join(FILE)))
    }

    /// The manifest of the backup in this folder.
    ///
    /// # Errors
    /// `NoManifest`, `Manifest`, `File`.
    pub fn load(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoManifest(folder.to_owned()));
            }
            read => read.map_err(BackupError::file("read", &path))?,
        };
        let wrong = |what: String| BackupError::Manifest { path: path.clone(), what };
        let manifest: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(wrong(format!("it is of version {}, which this controller does not know", manifest.version)));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_journal::Hash;

    #[test]
    fn the_stored_form_is_frozen() {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity { store_id: [0x5a; 16], incarnation: 3 };
        let point = |seq, byte| Point { seq, hash: Hash([byte; 32]) };
        let files = vec![Copied::new(Path::new("ca/root.key"), (5, [0xee; 32]))];
        let manifest = Manifest::new(1000, identity, point(7, 0xaa), point(9, 0xbb), files);
        manifest.store(folder.path()).unwrap();
        let stored = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let (a, b, e) = ("aa".repeat(32), "bb".repeat(32), "ee".repeat(32));
        assert_eq!(
            stored,
            format!(
                "version = 1\ntaken_ms = 1000\nstore_id = \"{}\"\nincarnation = 3\n\n[ledger]\nframes = 7\nhash = \"{a}\"\n\n\
                 [leases]\nframes = 9\nhash = \"{b}\"\n\n[[files]]\npath = \"ca/root.key\"\nbytes = 5\nsha256 = \"{e}\"\n",
                "5a".repeat(16)
            )
        );
        assert_eq!(Manifest::load(folder.path()).unwrap(), manifest);
    }
}
