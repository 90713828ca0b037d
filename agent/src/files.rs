//! Files that must be there in whole after a crash: written beside, synced, renamed over, folder synced.
//!
//! A crash at any point leaves the old content or the new one, and at worst a temporary file that the next
//! write of the same file replaces.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// A file could not be made durable. The old content is still there.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {file}")]
pub struct FileError {
    what: &'static str,
    file: PathBuf,
    source: io::Error,
}

/// Puts `content` in the place of `file`, durably. An existing file's owner, group and mode stay;
/// a new one gets `mode_if_new`. A symbolic link is followed, so that the link itself stays.
pub fn replace(file: &Path, content: &[u8], mode_if_new: u32) -> Result<(), FileError> {
    let file = &fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let temporary = beside(file);
    let failed = |what, file: &Path| {
        let file = file.to_owned();
        move |source| FileError { what, file, source }
    };
    remove(&temporary)?;
    let before = match fs::metadata(file) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => {
            return Err(FileError { what: "look at", file: file.clone(), source });
        }
    };
    // Nobody else may read it before it has its owner and mode: configurations hold passwords.
    let mut options = OpenOptions::new();
    let mut new =
        options.write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed("create", &temporary))?;
    if let Some(before) = &before {
        fchown(&new, Some(before.uid()), Some(before.gid())).map_err(failed("give its owner to", &temporary))?;
    }
    let mode = before.map_or(mode_if_new, |before| before.mode() & 0o7777);
    new.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed("set the mode of", &temporary))?;
    new.write_all(content).map_err(failed("write", &temporary))?;
    new.sync_all().map_err(failed("make durable", &temporary))?;
    fs::rename(&temporary, file).map_err(failed("replace", file))?;
    sync_folder(file)
}

/// Removes `file`, durably; it is no error if there is none.
pub fn remove(file: &Path) -> Result<(), FileError> {
    match fs::remove_file(file) {
        Ok(()) => sync_folder(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(FileError { what: "remove", file: file.to_owned(), source }),
    }
}

/// The files of a folder by name, temporary ones left out; none if there is no folder.
pub fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, FileError> {
    let failed = |source| FileError { what: "read", file: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if let Some(content) = read(&path)? {
            files.insert(name, content);
        }
    }
    Ok(files)
}

/// Makes a folder, and those above it, that only its owner may look into; no error if it is there.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Reads `file`; `None` if there is none.
pub fn read(file: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(file) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError { what: "read", file: file.to_owned(), source }),
    }
}

/// Makes the names in the folder of `file` durable.
fn sync_folder(file: &Path) -> Result<(), FileError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| FileError {
        what: "make durable the folder",
        file: folder.to_owned(),
        source,
    })
}

fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".freehold-new");
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn owner_mode_and_link_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("kea.conf"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        // What an earlier crash left behind does not get in the way.
        fs::write(folder.path().join(".kea.conf.freehold-new"), "half").unwrap();
        replace(&link, b"new", 0o600).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_new_file_gets_the_mode_asked_for_and_a_lost_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("intent");
        assert_eq!(read(&file).unwrap(), None);
        replace(&file, b"x", 0o600).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(read(&file).unwrap(), Some(b"x".to_vec()));
        remove(&file).unwrap();
        remove(&file).unwrap();
        assert_eq!(read(&file).unwrap(), None);
        let error = replace(&folder.path().join("none/x"), b"", 0o600).unwrap_err();
        assert!(error.to_string().ends_with("none/.x.freehold-new"), "{error}");
    }
}
