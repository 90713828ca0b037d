//! Taking a backup, beside a running controller or of a stopped one.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use freehold_core::Timestamp;
use freehold_journal::RealDisk;
use freehold_journal::segment::{SegmentStart, file_name};

use super::manifest::{Copied, Manifest};
use super::{BackupError, files, scan};
use crate::checkpoint;
use crate::ledger::Identity;
use crate::recover::DataDir;
use crate::view::{Part, Point};

/// Puts a backup into a folder that is empty or not there yet.
///
/// Leases come first, so that every server that they name is in the ledger of the same backup.
///
/// # Errors
/// See [`BackupError`]; what is in the folder then is no backup.
pub fn take(data: &DataDir, target: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    files::make_empty(target)?;
    let to = DataDir::new(target.to_owned());
    let identity = load_identity(&data.ledger())?;
    let leases = ledger(&data.leases(), &to.leases(), identity)?;
    let at = ledger(&data.ledger(), &to.ledger(), identity)?;
    let mut copied = Vec::new();
    for (part, end) in [(Part::State, at), (Part::Leases, leases)] {
        copied.extend(newest_checkpoint(data, target, part, end)?);
    }
    for path in files::below(&data.authority())? {
        copied.push(copy(data, target, &Path::new("ca").join(path))?);
    }
    copied.push(copy(data, target, Path::new(crate::config::FILE))?);
    files::sync_folders(target)?;
    let manifest = Manifest::new(now.0, identity, at, leases, copied);
    manifest.store(target)?;
    Ok(manifest)
}

/// Copies the ledger of a folder up to the last group that is there, as one of this store. No folder, no frames: a controller that
/// was never run has no lease ledger yet.
fn ledger(from: &Path, to: &Path, identity: Identity) -> Result<Point, BackupError> {
    files::make(to)?;
    let mut open: Option<(u64, File)> = None;
    let mut previous = Point::START.hash;
    let mut put = |group: &scan::Group<'_>| {
        let path = to.join(file_name(group.segment));
        let file = match &open {
            Some((segment, file)) if *segment == group.segment => file,
            _ => {
                if let Some((_, sealed)) = &open {
                    sealed.sync_all().map_err(BackupError::file("sync", to))?;
                }
                let mut file = files::create(&path, 0o600)?;
                let start = SegmentStart { first_seq: group.segment, previous };
                file.write_all(&start.encode()).map_err(BackupError::file("write", &path))?;
                &open.insert((group.segment, file)).1
            }
        };
        file.write_all_at(group.bytes, group.offset).map_err(BackupError::file("write", &path))?;
        previous = group.frames.last().map_or(previous, |last| last.hash);
        Ok(())
    };
    let at = if from.is_dir() { scan::scan(from, &mut put)? } else { Point::START };
    let path = to.join(file_name(1));
    let last = match open {
        Some((_, file)) => file,
        None => {
            let mut file = files::create(&path, 0o600)?;
            let start = SegmentStart { first_seq: 1, previous };
            file.write_all(&start.encode()).map_err(BackupError::file("write", &path))?;
            file
        }
    };
    last.sync_all().map_err(BackupError::file("sync", to))?;
    store_identity(to, identity)?;
    Ok(at)
}

fn copy(data: &DataDir, target: &Path, path: &Path) -> Result<Copied, BackupError> {
    let sum = files::copy(&data.root().join(path), &target.join(path))?;
    Ok(Copied::new(path, sum))
}

/// Copies the newest checkpoint that the backup's ledger reaches; a running controller may remove one under our hands.
fn newest_checkpoint(data: &DataDir, target: &Path, part: Part, end: Point) -> Result<Option<Copied>, BackupError> {
    for (seq, _) in checkpoint::list(&data.checkpoints(), part)?.into_iter().filter(|(seq, _)| *seq <= end.seq) {
        let path = Path::new("checkpoints").join(checkpoint::file_name(part, seq));
        match copy(data, target, &path) {
            Ok(copied) => return Ok(Some(copied)),
            Err(BackupError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The identity of the ledger in a folder.
pub(super) fn load_identity(folder: &Path) -> Result<Identity, BackupError> {
    let failed = |source| BackupError::Ledger { path: folder.to_owned(), source };
    let disk = RealDisk::open(folder).map_err(BackupError::file("open", folder))?;
    let identity = Identity::load(&disk).map_err(failed)?;
    identity.ok_or(crate::ledger::LedgerError::Missing).map_err(failed)
}

/// Gives the ledger in a folder an identity.
pub(super) fn store_identity(folder: &Path, identity: Identity) -> Result<(), BackupError> {
    let disk = RealDisk::open(folder).map_err(BackupError::file("open", folder))?;
    identity.store(&disk).map_err(|source| BackupError::Ledger { path: folder.to_owned(), source })
}
