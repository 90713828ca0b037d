//! Follows Kea's lease file as it grows and rotates: no line missed, none twice.
//!
//! Kea appends one whole line a change. Now and then its lease file clean-up (LFC) renames `kea-leases4.csv` to `.1`, starts a new file
//! and folds `.1` away; while `.1` is there it does not rename again. So a [`Follower`] keeps its file open, drains
//! it to the end once the name belongs to another file (Kea closed it before), and goes on with the new one. An unfinished last line waits for its rest.
//!
//! A [`Position`] is what makes this last over a restart of the agent: it is to be stored in the same
//! transaction as the rows before it. If the file it names has been rotated once, reading resumes in `.1`. If it cannot be
//! proven that nothing was missed, the follower says so ([`Lost`]), and [`start`] begins anew with a [`Snapshot`] of all leases that
//! joins the rows after it without gap or overlap, without asking Kea.
//!
//! Not seen: an operator who deletes the lease file together with its rotated copies. A reconcile at start finds that.

mod decode;
mod snapshot;
mod watch;

#[cfg(test)]
mod model;

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::memfile::{BadRow, LeaseRow, suffixed};
use decode::Decoder;
pub use snapshot::{Snapshot, leases_at, start};
pub use watch::{Settled, Watch, WatchError};

/// What went wrong while reading lease files.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("cannot read the lease file {file}")]
    Read { file: PathBuf, source: io::Error },
    #[error("{file} is not a lease file this agent can follow: {row}")]
    Header { file: PathBuf, row: BadRow },
    #[error("the lease files of {file} kept changing while they were listed")]
    Unstable { file: PathBuf },
}

/// Which file, as long as it exists: names change, and inode numbers are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    inode: u64,
    /// Time of creation in nanoseconds since 1970, where the file system tells it.
    born_ns: Option<u64>,
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Self { inode: metadata.ino(), born_ns: born.and_then(|born| u64::try_from(born.as_nanos()).ok()) }
    }
}

/// How far the lease file has been read: behind a whole line, never inside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    file: FileIdentity,
    /// Bytes from the start of the file.
    offset: u64,
    /// A digest of the bytes before `offset`, because an inode number alone proves nothing.
    tail: u64,
}

/// Why it is no longer certain that every line was seen. The cure is [`start`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Neither the lease file nor its `.1` is the file of the position.
    Gone,
    /// The file holds other bytes before the position than those that were read.
    Altered,
    /// The file became shorter.
    Truncated,
    /// The lease file was replaced more than once between two looks.
    Skipped,
}

/// What a look at the lease file brought.
#[derive(Debug, Default, PartialEq)]
pub struct Look {
    /// New rows, in file order.
    pub rows: Vec<LeaseRow>,
    /// Lines that are no leases: each is a lease that may be unknown.
    pub bad: Vec<BadRow>,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// A reader that stays with one lease file over its rotations.
#[derive(Debug)]
pub struct Follower {
    lease_file: PathBuf,
    open: OpenFile,
    /// What [`Watch::creations`] counts when it has heard of the creation of the open file and of none after it.
    creations: i64,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    identity: FileIdentity,
    decoder: Decoder,
}

impl Follower {
    /// Goes on where `position` says. `settled` is [`Watch::settled`], read before this call.
    pub fn resume(lease_file: &Path, position: &Position, settled: Settled) -> Result<Result<Self, Lost>, FollowError> {
        // The lease file first: if it rotates between the two, its file is found as `.1`.
        for path in [lease_file.to_owned(), suffixed(lease_file, ".1")] {
            let Some(file) = open(&path)? else { continue };
            let read = |source| FollowError::Read { file: path.clone(), source };
            let metadata = file.metadata().map_err(read)?;
            if FileIdentity::of(&metadata) != position.file {
                continue;
            }
            if metadata.len() < position.offset {
                return Ok(Err(Lost::Truncated));
            }
            let Some(decoder) = Decoder::resumed(&file, position.offset, position.tail).map_err(read)? else {
                return Ok(Err(Lost::Altered));
            };
            let decoder = decoder.map_err(|row| FollowError::Header { file: path.clone(), row })?;
            let open = OpenFile { file, identity: position.file, decoder };
            // Where it had a successor when the watch counted, that one's creation is among what was counted; where it got one since, it is not.
            let had_successor = settled.file != Some(position.file);
            let creations = settled.creations - i64::from(had_successor);
            return Ok(Ok(Self { lease_file: lease_file.to_owned(), open, creations }));
        }
        Ok(Err(Lost::Gone))
    }

    /// Behind the last line that was returned.
    pub fn position(&self) -> Position {
        Position { file: self.open.identity, offset: self.open.decoder.offset(), tail: self.open.decoder.tail() }
    }

    /// Reads at most about `bytes_max` new bytes. `creations` is [`Watch::creations`], read before this call.
    ///
    /// After [`Lost`] the follower is of no more use.
    pub fn look(&mut self, creations: i64, bytes_max: u64) -> Result<Result<Look, Lost>, FollowError> {
        let successor = match self.successor()? {
            Ok(successor) => successor,
            Err(lost) => return Ok(Err(lost)),
        };
        // Below the truth by one for the moment in which the file is there and the kernel's message is not.
        let newer = creations - self.creations;
        let skipped = match successor {
            Successor::None => newer > 0,
            Successor::NotYet => false,
            Successor::File(_) => newer > 1,
        };
        if skipped {
            return Ok(Err(Lost::Skipped));
        }
        let mut look = Look::default();
        let read = self.open.read(&self.lease_file, bytes_max, &mut look.rows, &mut look.bad)?;
        look.more = read == bytes_max;
        if let Successor::File(file) = successor
            && !look.more
        {
            look.bad.extend(self.open.decoder.torn_end());
            self.open = OpenFile::start(file, &self.lease_file)?;
            self.creations += 1;
            look.more = true;
        }
        Ok(Ok(look))
    }

    /// The file that took the name, once the open one has it no more.
    fn successor(&self) -> Result<Result<Successor, Lost>, FollowError> {
        let Some(file) = open(&self.lease_file)? else {
            return Ok(Ok(Successor::NotYet));
        };
        let metadata = file.metadata().map_err(|source| self.unreadable(source))?;
        if FileIdentity::of(&metadata) == self.open.identity {
            let short = metadata.len() < self.open.decoder.read_to();
            return Ok(if short { Err(Lost::Truncated) } else { Ok(Successor::None) });
        }
        // LFC renames to `.1` only when there is none. Another file there has come between.
        let first = suffixed(&self.lease_file, ".1");
        if let Some(between) = open(&first)? {
            let between = between.metadata().map_err(|source| FollowError::Read { file: first, source })?;
            let between = FileIdentity::of(&between);
            if between != self.open.identity && between != FileIdentity::of(&metadata) {
                return Ok(Err(Lost::Skipped));
            }
        }
        Ok(Ok(Successor::File(file)))
    }

    fn unreadable(&self, source: io::Error) -> FollowError {
        FollowError::Read { file: self.lease_file.clone(), source }
    }
}

enum Successor {
    /// The open file still has the name.
    None,
    /// Nobody has it: Kea is between rename and create, or was stopped and its file moved.
    NotYet,
    File(File),
}

impl OpenFile {
    fn start(file: File, path: &Path) -> Result<Self, FollowError> {
        let metadata = file.metadata().map_err(|source| FollowError::Read { file: path.to_owned(), source })?;
        Ok(Self { identity: FileIdentity::of(&metadata), file, decoder: Decoder::default() })
    }

    /// Reads up to `bytes_max` bytes and returns how many there were.
    fn read(
        &mut self,
        path: &Path,
        bytes_max: u64,
        rows: &mut Vec<LeaseRow>,
        bad: &mut Vec<BadRow>,
    ) -> Result<u64, FollowError> {
        let mut bytes = Vec::new();
        let read = |source| FollowError::Read { file: path.to_owned(), source };
        (&self.file).take(bytes_max).read_to_end(&mut bytes).map_err(read)?;
        self.decoder.feed(&bytes, rows, bad).map_err(|row| FollowError::Header { file: path.to_owned(), row })?;
        Ok(bytes.len() as u64)
    }
}

/// Opens a file, or says that there is none.
fn open(path: &Path) -> Result<Option<File>, FollowError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FollowError::Read { file: path.to_owned(), source }),
    }
}

/// Fills `bytes` from `offset` on.
fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// Puts the file's cursor at `offset`.
fn seek(mut file: &File, offset: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset)).map(drop)
}
