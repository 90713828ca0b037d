//! Appending groups, rotating segments, dropping old ones. Opening is in `recovery.rs`.

use std::io;
use std::sync::Arc;

use crate::atomic_file::temporary_name;
use crate::disk::{Access, Disk, DiskFile, Lock};
use crate::error::JournalError;
use crate::group::{GROUP_BYTES_MAX, Hash, disk_bytes, encode};
use crate::index::{Segment, Shared};
use crate::reader::Reader;
use crate::recovery::{self, Recovery};
use crate::seeded_bugs::{Bug, active};
use crate::segment::{START_BYTES, SegmentStart, file_name};

/// How many zeros are written at a time.
const ZEROS_BYTES: usize = 1 << 20;

/// What the owner of a journal decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// The size of a segment, in bytes; a larger group has one to itself. It is taken from the disk, and written once
    /// with zeros, when the segment is started.
    pub segment_bytes: u64,
    /// What an operator does when the journal is damaged; it becomes the end of the error's sentence.
    pub restore: String,
}

/// The writer. There is one, enforced by a lock on the directory; drop it to let another open the journal.
#[derive(Debug)]
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
    pub(crate) active: Active,
    pub(crate) options: Options,
    pub(crate) recovery: Recovery,
    pub(crate) poisoned: bool,
    pub(crate) buffer: Vec<u8>,
    pub(crate) _lock: Lock,
}

/// The last segment.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) name: String,
    pub(crate) file: Box<dyn DiskFile>,
    /// Where the next group goes, in bytes; zeros are durable from here to `size`.
    pub(crate) end: u64,
    pub(crate) size: u64,
}

impl Journal {
    /// Opens the journal in this directory, or starts one in a directory without segments.
    ///
    /// Checks every frame of every segment. Cuts what a crash left of a group that was never acknowledged, and makes the
    /// last group durable once more. Files that are not segments are left alone.
    ///
    /// # Errors
    /// `InUse`, `Damaged` (nothing was changed) or `Io`.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, JournalError> {
        recovery::open(disk, options)
    }

    /// What was found on opening.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// A handle for reading.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// The newest durable frame's number and hash; 0 and [`Hash::START`] if there was never one.
    #[must_use]
    pub fn head(&self) -> (u64, Hash) {
        self.shared.index().head
    }

    /// Appends these payloads as consecutive frames and returns the new head when all of them are durable.
    ///
    /// They become durable together or not at all. Without payloads nothing happens.
    ///
    /// # Errors
    /// `TooLarge` and `NotWritten`: nothing happened, the journal is usable. `Failed`: the outcome is unknown, the
    /// journal is poisoned and the process must end. `Poisoned`: it was before.
    pub fn append(&mut self, payloads: &[impl AsRef<[u8]>]) -> Result<(u64, Hash), JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned);
        }
        let (head_seq, head_hash) = self.head();
        if payloads.is_empty() {
            return Ok((head_seq, head_hash));
        }
        let bytes = disk_bytes(payloads);
        if bytes > GROUP_BYTES_MAX {
            return Err(JournalError::TooLarge { bytes, limit: GROUP_BYTES_MAX });
        }
        let first_seq = head_seq + 1;
        if self.active.end + bytes > self.active.size {
            self.rotate(first_seq, head_hash, bytes)?;
        }

        let mut buffer = std::mem::take(&mut self.buffer);
        let hash = encode(first_seq, head_hash, payloads, &mut buffer);
        let written = self.write_group(&buffer);
        self.buffer = buffer;
        written?;

        self.active.end += bytes;
        let head = (head_seq + payloads.len() as u64, hash);
        let mut index = self.shared.index_mut();
        index.last_mut().push(first_seq, self.active.end);
        index.head = head;
        Ok(head)
    }

    /// Drops every sealed segment of which all frames are before this one; returns the oldest frame that is kept.
    ///
    /// # Errors
    /// `Poisoned`; `Failed`, after which the process must end. Some of the segments may then be gone, oldest first.
    pub fn truncate_before(&mut self, seq: u64) -> Result<u64, JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned);
        }
        if active(Bug::TruncateInOneSync) {
            return self.truncate_in_one_sync(seq);
        }
        loop {
            let oldest = {
                let mut index = self.shared.index_mut();
                match index.segments.get(1) {
                    Some(second) if second.first_seq <= seq => index.segments.remove(0),
                    _ => return Ok(index.first_seq()),
                }
            };
            let name = file_name(oldest.first_seq);
            let disk = Arc::clone(&self.shared.disk);
            // One at a time, so that a loss of power leaves no gap.
            self.settle("remove", &name, disk.remove(&name))?;
            self.settle("sync the directory of", &name, disk.sync_dir())?;
        }
    }

    fn truncate_in_one_sync(&mut self, seq: u64) -> Result<u64, JournalError> {
        let mut index = self.shared.index_mut();
        while index.segments.get(1).is_some_and(|second| second.first_seq <= seq) {
            let oldest = index.segments.remove(0);
            let name = file_name(oldest.first_seq);
            self.shared.disk.remove(&name).map_err(JournalError::io("remove", &name))?;
        }
        Ok(index.first_seq())
    }

    fn write_group(&mut self, group: &[u8]) -> Result<(), JournalError> {
        let written = self.active.file.write_all_at(group, self.active.end);
        let name = self.active.name.clone();
        self.settle("write", &name, written)?;
        if active(Bug::AckBeforeSync) {
            return Ok(());
        }
        let synced = self.active.file.sync_data();
        self.settle("sync", &name, synced)
    }

    /// Seals the active segment and starts the next one. If there is no room for it, the old one stays active.
    fn rotate(&mut self, first_seq: u64, previous: Hash, group_bytes: u64) -> Result<(), JournalError> {
        let name = self.active.name.clone();
        // The zeros are given back; should a crash bring them back, they are still only zeros.
        let trimmed = self.active.file.set_size(self.active.end);
        self.settle("shorten", &name, trimmed)?;
        self.active.size = self.active.end;
        let size = self.options.segment_bytes.max(START_BYTES + group_bytes);
        let started = start_segment(&*self.shared.disk, first_seq, previous, size);
        if let Err(JournalError::Failed { .. }) = &started {
            self.poisoned = true;
        }
        self.active = started?;
        let mut index = self.shared.index_mut();
        if index.last_mut().first_seq == first_seq {
            index.segments.pop();
        }
        index.segments.push(Segment::new(first_seq));
        Ok(())
    }

    fn settle(&mut self, action: &'static str, file: &str, result: io::Result<()>) -> Result<(), JournalError> {
        result.map_err(|source| {
            self.poisoned = !active(Bug::RetryFailedSync);
            JournalError::Failed { action, file: file.to_owned(), source }
        })
    }
}

/// Makes a segment durable: complete under a temporary name first, so that its name never stands for less.
///
/// The zeros that its groups will go over are written here, so that their syncs change neither extents nor length, and
/// so that a torn group can be recognised.
pub(crate) fn start_segment(
    disk: &dyn Disk,
    first_seq: u64,
    previous: Hash,
    size: u64,
) -> Result<Active, JournalError> {
    let name = file_name(first_seq);
    let temporary = temporary_name(&name);
    let failed = |action| {
        let file = name.clone();
        move |source| JournalError::Failed { action, file, source }
    };
    let file = write_segment(disk, &temporary, &SegmentStart { first_seq, previous }, size)
        .map_err(|source| JournalError::NotWritten { file: name.clone(), source })?;
    if !active(Bug::NoSyncOfZeros) {
        file.sync_data().map_err(failed("sync"))?;
    }
    disk.rename(&temporary, &name).map_err(failed("rename"))?;
    if !active(Bug::NoDirectorySync) {
        disk.sync_dir().map_err(failed("sync the directory of"))?;
    }
    Ok(Active { name, file, end: START_BYTES, size })
}

fn write_segment(disk: &dyn Disk, name: &str, start: &SegmentStart, size: u64) -> io::Result<Box<dyn DiskFile>> {
    let file = disk.create(name, Access::Private)?;
    file.write_all_at(&start.encode(), 0)?;
    let zeros = vec![0; ZEROS_BYTES.min(usize::try_from(size).unwrap_or(ZEROS_BYTES))];
    let mut at = START_BYTES;
    while at < size {
        let length = zeros.len().min(usize::try_from(size - at).unwrap_or(zeros.len()));
        file.write_all_at(&zeros[..length], at)?;
        at += length as u64;
    }
    Ok(file)
}
