//! Key files: replaced as a whole, and refused when others on the host may read them.
//!
//! A crash leaves either the old file or the new one, complete. It may leave `.<name>.new` beside it, which the next write replaces.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of a private key: its owner's alone.
pub(crate) const PRIVATE: u32 = 0o600;
/// The mode of a file without a secret.
pub(crate) const PUBLIC: u32 = 0o644;

/// Why a file of keys or certificates could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A secret lies open.
    #[error("{} may be used by others on this host (mode {mode:03o}); take it from them: chmod {wanted:03o} {}", path.display(), path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The bits it should have.
        wanted: u32,
    },
}

/// Attaches what was tried to what the system said.
pub(crate) fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError::Io { doing, path: path.to_owned(), source }
}

/// Puts `content` at `path` so that a crash leaves the old content or the new: write beside it, fsync, rename, fsync the folder.
pub(crate) fn write_atomically(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let name = path.file_name().expect("a file of this crate has a name");
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    let beside = path.with_file_name(hidden);
    remove_if_there(&beside)?;
    write_new(&beside, content, mode)?;
    fs::rename(&beside, path).map_err(failed("replace", path))?;
    sync_parent(path)
}

/// Makes a file that must not exist yet, durable but for its name in the folder.
pub(crate) fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed("create", path))?;
    file.write_all(content).map_err(failed("write", path))?;
    file.sync_all().map_err(failed("sync", path))
}

/// Makes a folder's names durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed("sync", folder))
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Reads a file; `None` if there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Reads a file with a secret; `None` if there is none.
///
/// # Errors
/// [`FileError::Exposed`] if its group or everybody has any right to it.
pub(crate) fn read_private_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match mode_of(path)? {
        None => Ok(None),
        Some(mode) if mode & 0o077 != 0 => Err(FileError::Exposed { path: path.to_owned(), mode, wanted: PRIVATE }),
        Some(_) => read_if_there(path),
    }
}

/// Makes sure that a folder is there and is its owner's alone; its parent must exist.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    match mode_of(path)? {
        None => {
            make_private_folder(path)?;
            sync_parent(path)
        }
        Some(mode) if mode & 0o077 != 0 => Err(FileError::Exposed { path: path.to_owned(), mode, wanted: 0o700 }),
        Some(_) => Ok(()),
    }
}

/// Makes a file's or folder's own name durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Makes a folder that must not exist yet, its owner's alone.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().mode(0o700).create(path).map_err(failed("create", path))
}

fn mode_of(path: &Path) -> Result<Option<u32>, FileError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.permissions().mode() & 0o7777)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}
