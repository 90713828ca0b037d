//! Checkpoints: a view as of a frame, in a file of its own beside the ledger.
//!
//! They shorten a start without a store, and they are part of a backup. One is written from a snapshot, while the
//! controller works, every so many frames or hours; the newest three are kept. A crash leaves whole checkpoints and perhaps a
//! `.new` file, which the next one removes.
//!
//! The stored form of `checkpoints/<part>-<frame>.checkpoint`, frozen, little endian:
//!
//! ```text
//!      8  magic "FhCheck1"
//!      1  1 for the state, 2 for the leases
//!     16  store id
//!      8  incarnation
//!      8  the frame, 32 its hash
//!      8  revision
//!         the rows, kind by kind in the order of their names, each: 4 bytes of key, 4 bytes of value, key, value
//!      4  0xFFFFFFFF
//!      8  number of rows
//!     32  digest of the rows
//!     32  SHA-256 of everything before
//! ```

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};
use tracing::{error, info, warn};

use crate::engine::Clock;
use crate::ledger::{Hash, History, Identity, LedgerError};
use crate::recover;
use crate::view::{Digest, Part, Point, View};
use freehold_core::Timestamp;
use freehold_journal::{Disk, RealDisk};
use freehold_proto::convert::stored::Unreadable;

const MAGIC: &[u8; 8] = b"FhCheck1";
const END: u32 = u32::MAX;
const SUFFIX: &str = ".checkpoint";
const UNFINISHED: &str = ".new";
/// Checkpoints of each part that are kept.
const KEEP: usize = 3;
/// No key or value is longer, in bytes.
const FIELD_MAX: u32 = 64 << 20;

/// When checkpoints are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every {
    /// After so many frames.
    pub frames: u64,
    /// After so many milliseconds in which there was a frame.
    pub ms: i64,
}

impl Default for Every {
    fn default() -> Self {
        Self { frames: 100_000, ms: 6 * 3600 * 1000 }
    }
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file operation.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not as it was written.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A row does not read.
    #[error("a row of {} does not read", path.display())]
    Row {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Unreadable,
    },
    /// It belongs to another ledger.
    #[error("{} is not of this ledger", .0.display())]
    Stranger(PathBuf),
    /// The ledger cannot be asked.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
}

/// The file name of a checkpoint.
pub fn file_name(part: Part, seq: u64) -> String {
    format!("{}-{seq:020}{SUFFIX}", part.word())
}

/// The checkpoints of a part, the newest first.
///
/// # Errors
/// `File`.
pub fn list(folder: &Path, part: Part) -> Result<Vec<(u64, PathBuf)>, CheckpointError> {
    let failed = |source| CheckpointError::File { action: "list", path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let seq = name.strip_prefix(part.word()).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(SUFFIX));
        if let Some(seq) = seq.and_then(|seq| seq.parse().ok()).filter(|seq| file_name(part, *seq) == name) {
            found.push((seq, path));
        }
    }
    found.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    Ok(found)
}

/// The newest checkpoint that is whole and of this ledger; what is wrong with newer ones is logged.
pub fn newest<V: View>(folder: &Path, identity: Identity, history: &dyn History) -> Option<(V, Point)> {
    let found = list(folder, V::PART).unwrap_or_else(|error| {
        warn!(%error, "there may be checkpoints, but they cannot be read");
        Vec::new()
    });
    found.iter().find_map(|(_, path)| match read(path, identity, history) {
        Ok(found) => Some(found),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            warn!(error, "a checkpoint is not used");
            None
        }
    })
}

/// Writes a checkpoint durably, and returns its file.
///
/// # Errors
/// `File`; then there is no new checkpoint.
pub fn write<V: View>(folder: &Path, identity: Identity, view: &V, at: Point) -> Result<PathBuf, CheckpointError> {
    let path = folder.join(file_name(V::PART, at.seq));
    let unfinished = folder.join(file_name(V::PART, at.seq) + UNFINISHED);
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| CheckpointError::File { action, path, source }
    };
    let folder = RealDisk::create(folder).map_err(failed("make", folder))?;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let file = file.map_err(failed("make", &unfinished))?;
    let mut out = Hashing { inner: BufWriter::with_capacity(1 << 20, file), hash: Sha256::new() };
    fill(&mut out, identity, view, at).map_err(failed("write", &unfinished))?;
    let file = out.inner.into_inner().map_err(|error| failed("write", &unfinished)(error.into_error()))?;
    file.sync_all().map_err(failed("sync", &unfinished))?;
    fs::rename(&unfinished, &path).map_err(failed("rename", &unfinished))?;
    folder.sync_dir().map_err(failed("sync the folder of", &path))?;
    Ok(path)
}

fn fill<V: View>(out: &mut Hashing<impl Write>, identity: Identity, view: &V, at: Point) -> io::Result<()> {
    out.write_all(MAGIC)?;
    out.write_all(&[number(V::PART)])?;
    out.write_all(&identity.store_id)?;
    out.write_all(&identity.incarnation.to_le_bytes())?;
    out.write_all(&at.seq.to_le_bytes())?;
    out.write_all(&at.hash.0)?;
    out.write_all(&view.revision().to_le_bytes())?;
    let (mut rows, mut digest) = (0u64, Digest::default());
    for (key, value) in view.rows() {
        digest.add(&key, &value);
        rows += 1;
        for field in [&key, &value] {
            let length = u32::try_from(field.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
            out.write_all(&length.to_le_bytes())?;
        }
        out.write_all(&key)?;
        out.write_all(&value)?;
    }
    out.write_all(&END.to_le_bytes())?;
    out.write_all(&rows.to_le_bytes())?;
    out.write_all(&digest.to_bytes())?;
    let hash = out.hash.clone().finalize();
    out.write_all(&hash)
}

/// Reads a checkpoint, every byte of it.
///
/// A checkpoint of an earlier incarnation is as good, if the ledger still has its frame: that is a restored one.
///
/// # Errors
/// See [`CheckpointError`].
pub fn read<V: View>(path: &Path, identity: Identity, history: &dyn History) -> Result<(V, Point), CheckpointError> {
    let file =
        File::open(path).map_err(|source| CheckpointError::File { action: "open", path: path.to_owned(), source })?;
    let mut input = Input { path, inner: BufReader::with_capacity(1 << 20, file), hash: Sha256::new() };
    if input.array()? != *MAGIC {
        return Err(input.damaged("it starts with something else"));
    }
    if input.array()? != [number(V::PART)] {
        return Err(input.damaged("it is of the other ledger"));
    }
    let of = Identity { store_id: input.array()?, incarnation: input.number()? };
    let at = Point { seq: input.number()?, hash: Hash(input.array()?) };
    if of.store_id != identity.store_id || of.incarnation > identity.incarnation || !recover::is_of(history, at)? {
        return Err(CheckpointError::Stranger(path.to_owned()));
    }
    let revision = input.number()?;
    let (mut loading, mut rows, mut digest) = (V::Loading::default(), 0u64, Digest::default());
    loop {
        let length = u32::from_le_bytes(input.array()?);
        if length == END {
            break;
        }
        let value_length = u32::from_le_bytes(input.array()?);
        let (key, value) = (input.field(length)?, input.field(value_length)?);
        digest.add(&key, &value);
        rows += 1;
        V::load(&mut loading, &key, &value).map_err(|source| CheckpointError::Row { path: path.to_owned(), source })?;
    }
    if input.number()? != rows || input.array()? != digest.to_bytes() {
        return Err(input.damaged("its rows are not those that were written"));
    }
    let hash = input.hash.clone().finalize();
    if input.array()? != <[u8; 32]>::from(hash) {
        return Err(input.damaged("its checksum does not match"));
    }
    if input.inner.read(&mut [0]).map_err(|source| input.failed(source))? != 0 {
        return Err(input.damaged("there is something behind its end"));
    }
    Ok((V::loaded(loading, revision), at))
}

fn number(part: Part) -> u8 {
    match part {
        Part::State => 1,
        Part::Leases => 2,
    }
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct Input<'a> {
    path: &'a Path,
    inner: BufReader<File>,
    hash: Sha256,
}

impl Input<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CheckpointError> {
        match self.inner.read_exact(bytes) {
            Ok(()) => {
                self.hash.update(bytes);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.damaged("it ends too early")),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, CheckpointError> {
        self.array().map(u64::from_le_bytes)
    }

    fn field(&mut self, length: u32) -> Result<Vec<u8>, CheckpointError> {
        if length > FIELD_MAX {
            return Err(self.damaged("a row is longer than any row is"));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn damaged(&self, what: &'static str) -> CheckpointError {
        CheckpointError::Damaged { path: self.path.to_owned(), what }
    }

    fn failed(&self, source: io::Error) -> CheckpointError {
        CheckpointError::File { action: "read", path: self.path.to_owned(), source }
    }
}

/// Writes the checkpoints of one part when they are due, one at a time, on a thread of its own.
pub struct Checkpoints {
    folder: PathBuf,
    identity: Identity,
    every: Every,
    clock: Clock,
    last_seq: u64,
    last_at: Timestamp,
    writing: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoints").field("folder", &self.folder).field("last_seq", &self.last_seq).finish()
    }
}

impl Checkpoints {
    /// Checkpoints go into this folder; the newest that is there counts as written now.
    pub fn new(folder: PathBuf, identity: Identity, part: Part, every: Every, clock: Clock) -> Self {
        let newest = list(&folder, part).ok().and_then(|found| found.first().map(|(seq, _)| *seq));
        let (last_seq, last_at) = (newest.unwrap_or(0), clock());
        Self { folder, identity, every, clock, last_seq, last_at, writing: None }
    }

    /// The view is at this frame now; begins a checkpoint of it if one is due and none is being written.
    pub fn note<V: View>(&mut self, view: &V, at: Point) {
        let now = (self.clock)();
        let due = at.seq.saturating_sub(self.last_seq) >= self.every.frames
            || (at.seq > self.last_seq && now.since(self.last_at) >= self.every.ms);
        if !due || self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        self.join();
        (self.last_seq, self.last_at) = (at.seq, now);
        let (folder, identity, view) = (self.folder.clone(), self.identity, view.clone());
        let write = move || match write(&folder, identity, &view, at).and_then(|_| prune(&folder, V::PART)) {
            Ok(()) => info!(part = V::PART.word(), frame = at.seq, "a checkpoint is written"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                error!(error, "no checkpoint was written; the next one is tried when it is due");
            }
        };
        match std::thread::Builder::new().name(format!("checkpoint {}", V::PART.word())).spawn(write) {
            Ok(thread) => self.writing = Some(thread),
            Err(error) => error!(%error, "no thread can be started for a checkpoint"),
        }
    }

    /// Waits for the checkpoint that is being written.
    pub fn join(&mut self) {
        if let Some(thread) = self.writing.take()
            && thread.join().is_err()
        {
            error!("writing a checkpoint panicked");
        }
    }
}

/// Removes all checkpoints of a part but the newest, and what crashes left.
fn prune(folder: &Path, part: Part) -> Result<(), CheckpointError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckpointError::File { action: "remove", path, source }
    };
    for (_, path) in list(folder, part)?.into_iter().skip(KEEP) {
        fs::remove_file(&path).map_err(failed(&path))?;
    }
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(part.word()) && name.ends_with(UNFINISHED) {
            fs::remove_file(&path).map_err(failed(&path))?;
        }
    }
    Ok(())
}
