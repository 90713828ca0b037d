//! Copying files so that the copies are durable and as private as the originals.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::BackupError;

const WINDOW_BYTES: usize = 1 << 20;

/// Makes a folder that only its owner may look into; one that is there has to be empty.
pub(super) fn make_empty(folder: &Path) -> Result<(), BackupError> {
    if folder.try_exists().map_err(BackupError::file("look at", folder))? {
        let mut entries = fs::read_dir(folder).map_err(BackupError::file("list", folder))?;
        return if entries.next().is_some() { Err(BackupError::NotEmpty(folder.to_owned())) } else { Ok(()) };
    }
    make(folder)
}

/// Makes a folder, and those above it, that only its owner may look into.
pub(super) fn make(folder: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(BackupError::file("make", folder))
}

/// Copies a file durably, with its mode; returns its length in bytes and its SHA-256.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(u64, [u8; 32]), BackupError> {
    let mut source = File::open(from).map_err(BackupError::file("open", from))?;
    let mode = source.metadata().map_err(BackupError::file("look at", from))?.mode() & 0o777;
    let mut target = create(to, mode)?;
    let sum = hash(&mut source, &mut target).map_err(BackupError::file("copy", from))?;
    target.sync_all().map_err(BackupError::file("sync", to))?;
    Ok(sum)
}

/// The length in bytes and the SHA-256 of a file.
pub(super) fn sum(path: &Path) -> Result<(u64, [u8; 32]), BackupError> {
    let mut file = File::open(path).map_err(BackupError::file("open", path))?;
    hash(&mut file, &mut io::sink()).map_err(BackupError::file("read", path))
}

/// Makes a file that is not there yet.
pub(super) fn create(path: &Path, mode: u32) -> Result<File, BackupError> {
    if let Some(folder) = path.parent() {
        make(folder)?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened.map_err(BackupError::file("make", path))
}

/// Makes the names in a folder, and in all folders in it, durable.
pub(super) fn sync_folders(folder: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(folder).map_err(BackupError::file("list", folder))? {
        let path = entry.map_err(BackupError::file("list", folder))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::file("sync", folder))
}

/// Every file in a folder and the folders in it, as paths below it, in order. Half-written ones (`.new`) are left out.
pub(super) fn below(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::file("list", folder))? {
        let path = entry.map_err(BackupError::file("list", folder))?.path();
        let name = PathBuf::from(path.file_name().expect("an entry of a folder has a name"));
        if path.is_dir() {
            found.extend(below(&path)?.into_iter().map(|inner| name.join(inner)));
        } else if path.extension().is_none_or(|extension| extension != "new") {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

fn hash(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(u64, [u8; 32])> {
    let (mut window, mut bytes, mut hash) = (vec![0; WINDOW_BYTES], 0, Sha256::new());
    loop {
        match from.read(&mut window)? {
            0 => return Ok((bytes, hash.finalize().into())),
            read => {
                hash.update(&window[..read]);
                to.write_all(&window[..read])?;
                bytes += read as u64;
            }
        }
    }
}
