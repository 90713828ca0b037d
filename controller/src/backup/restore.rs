//! Making a data directory out of a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::{Copied, Extent, Manifest};
use super::take::{load_identity, store_identity};
use super::{BackupError, files, scan};
use crate::ledger::Identity;
use crate::recover::DataDir;
use freehold_core::Timestamp;

/// Makes the data directory `root`, which is empty or not there yet, out of a backup at the time `now`; returns who it is now.
///
/// Everything is verified first, and the directory gets its name last: a crash leaves it as it was, and a folder
/// `<root>.restoring` that the next try replaces.
///
/// # Errors
/// See [`BackupError`]; then there is no new data directory.
pub fn restore(backup: &Path, root: &Path, now: Timestamp) -> Result<Identity, BackupError> {
    let manifest = Manifest::load(backup)?;
    let was_there = is_there_and_empty(root)?;
    let from = DataDir::new(backup.to_owned());
    let identity = verify(&from, &manifest)?;

    let restoring = beside(root);
    remove_all(&restoring)?;
    files::make(&restoring)?;
    let to = DataDir::new(restoring.clone());
    for (from, to) in [(from.leases(), to.leases()), (from.ledger(), to.ledger())] {
        for name in files::below(&from)? {
            files::copy(&from.join(&name), &to.join(&name))?;
        }
    }
    for file in &manifest.files {
        files::copy(&backup.join(&file.path), &restoring.join(&file.path))?;
    }
    let identity = identity.reborn(now);
    store_identity(&to.leases(), identity)?;
    store_identity(&to.ledger(), identity)?;
    files::sync_folders(&restoring)?;
    if was_there {
        fs::remove_dir(root).map_err(BackupError::file("replace", root))?;
    }
    fs::rename(&restoring, root).map_err(BackupError::file("make", root))?;
    let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(BackupError::file("sync", parent))?;
    Ok(identity)
}

/// Whether a backup is what its manifest says.
fn verify(backup: &DataDir, manifest: &Manifest) -> Result<Identity, BackupError> {
    let identity = load_identity(&backup.ledger())?;
    if !manifest.is_of(identity) || load_identity(&backup.leases())?.store_id != identity.store_id {
        return Err(BackupError::Changed(backup.ledger().join("identity")));
    }
    for file in &manifest.files {
        let path = backup.root().join(&file.path);
        let inside = Path::new(&file.path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !inside || Copied::new(Path::new(&file.path), files::sum(&path)?) != *file {
            return Err(BackupError::Changed(path));
        }
    }
    verify_ledger(&backup.ledger(), &manifest.ledger)?;
    verify_ledger(&backup.leases(), &manifest.leases)?;
    Ok(identity)
}

fn verify_ledger(folder: &Path, extent: &Extent) -> Result<(), BackupError> {
    let at = scan::scan(folder, &mut |_| Ok(()))?;
    if extent.is(at) { Ok(()) } else { Err(BackupError::Changed(folder.to_owned())) }
}

fn is_there_and_empty(root: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BackupError::file("list", root)(error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => Err(BackupError::NotEmpty(root.to_owned())),
        },
    }
}

fn beside(root: &Path) -> PathBuf {
    let mut name = root.as_os_str().to_owned();
    name.push(".restoring");
    PathBuf::from(name)
}

fn remove_all(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BackupError::file("remove", folder)(error)),
        _ => Ok(()),
    }
}
