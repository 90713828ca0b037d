//! All leases at one instant, from the lease files alone, and the follower that goes on right behind it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::super::memfile::{BadRow, LeaseKey, LeaseRow, files_to_replay, replay};
use super::{FileIdentity, FollowError, Follower, OpenFile, Position, Settled, open};

/// How often to list the files again when they changed meanwhile; a rotation takes a few milliseconds.
const LISTINGS_MAX: usize = 100;

/// Every lease that the files hold, as of the position of the [`Follower`] that came with it.
#[derive(Debug)]
pub struct Snapshot {
    /// The last row of each address; released ones are not in it, expired ones are.
    pub leases: BTreeMap<LeaseKey, LeaseRow>,
    /// Lines that are no leases. While there is one, absence proves nothing.
    pub bad: Vec<BadRow>,
}

/// Reads all leases and returns a follower for what comes after.
/// `None` while there is no lease file, or another than the watch settled at: Kea has not run yet, or is in the middle of a rotation.
///
/// `at` is [`super::Watch::settled`], read before this call.
pub fn start(lease_file: &Path, at: Settled) -> Result<Option<(Snapshot, Follower)>, FollowError> {
    let Some(files) = settled(lease_file)? else {
        return Ok(None);
    };
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    let mut last = None;
    for (path, file) in files {
        let mut open = OpenFile::start(file, &path)?;
        open.read(&path, u64::MAX, &mut rows, &mut bad)?;
        last = Some(Follower { lease_file: path, open, creations: at.creations });
    }
    let last = last.filter(|follower| at.file == Some(follower.open.identity));
    // Torn ends of earlier files are left out as Kea leaves them out; the last file's may still be completed.
    Ok(last.map(|follower| (Snapshot { leases: replay(rows), bad }, follower)))
}

/// The leases as of a position that a follower has resumed at: what [`start`] would have said there.
///
/// While a clean-up is about to fold the file of the position away, what it folds is newer than the position.
pub fn leases_at(lease_file: &Path, position: &Position) -> Result<BTreeMap<LeaseKey, LeaseRow>, FollowError> {
    let mut rows = Vec::new();
    for (path, file) in settled(lease_file)?.into_iter().flatten() {
        let mut open = OpenFile::start(file, &path)?;
        let here = open.identity == position.file;
        open.read(&path, if here { position.offset } else { u64::MAX }, &mut rows, &mut Vec::new())?;
        if here {
            break;
        }
    }
    Ok(replay(rows))
}

/// The files that make up the leases, the lease file last, all open at an instant at which no rotation was half done.
fn settled(lease_file: &Path) -> Result<Option<Vec<(PathBuf, File)>>, FollowError> {
    for _ in 0..LISTINGS_MAX {
        let paths = files_to_replay(lease_file, Path::exists);
        let mut files = Vec::new();
        for path in &paths {
            if let Some(file) = open(path)? {
                files.push((path.clone(), file));
            }
        }
        let unchanged = files.len() == paths.len()
            && files_to_replay(lease_file, Path::exists) == paths
            && files.iter().all(|(path, file)| same_file(path, file));
        if !unchanged {
            continue;
        }
        match paths.last() {
            Some(last) if last == lease_file => return Ok(Some(files)),
            _ => return Ok(None),
        }
    }
    Err(FollowError::Unstable { file: lease_file.to_owned() })
}

fn same_file(path: &Path, file: &File) -> bool {
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(opened)) => FileIdentity::of(&named) == FileIdentity::of(&opened),
        _ => false,
    }
}
