//! Opening a journal: check every byte, cut a torn tail, make the last group durable again.
//!
//! A process may have died between its write and its sync, or on a failed sync after which the kernel shows pages that
//! are not on the disk. So what is read here is not yet durable. All groups but the last were synced before the next
//! one was written; the last one is written again, as it is, and synced before anyone sees it.

use std::io;
use std::sync::Arc;

use crate::atomic_file::TEMPORARY;
use crate::disk::{Disk, DiskFile};
use crate::error::{Damage, JournalError};
use crate::group::{Hash, SECTOR};
use crate::index::{Index, Segment, Shared};
use crate::journal::{Active, Journal, Options, start_segment};
use crate::scan::{Found, Scan};
use crate::seeded_bugs::{Bug, active};
use crate::segment::{START_BYTES, SegmentStart, file_name, parse_file_name};
use crate::tail::{Verdict, judge};

/// What opening found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// How many frames there are.
    pub frames: u64,
    /// The group that was cut because a crash had left it incomplete; it was never acknowledged.
    pub cut: Option<Cut>,
}

/// Where a torn group was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub segment: String,
    /// The number its first frame had, which the next append uses again.
    pub seq: u64,
    /// In bytes.
    pub offset: u64,
}

pub(crate) fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Journal, JournalError> {
    let lock = disk.lock().map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => JournalError::InUse(source),
        _ => JournalError::io("lock", "the directory")(source),
    })?;
    let segments = segments(&*disk)?;
    let mut walk = Walk { disk: &*disk, restore: &options.restore, index: Index::default(), last_group: None };
    let mut recovery = Recovery::default();
    let active = match segments.split_last() {
        None => {
            let started = start_segment(&*disk, 1, Hash::START, options.segment_bytes)?;
            walk.index.segments.push(Segment::new(1));
            started
        }
        Some((&last, sealed)) => {
            for &first_seq in sealed {
                walk.sealed(first_seq)?;
            }
            walk.last(last, &mut recovery)?
        }
    };
    let index = walk.index;
    remove_unfinished(&*disk)?;
    recovery.frames = index.head.0 + 1 - index.first_seq();
    let shared = Arc::new(Shared::new(disk, options.restore.clone(), index));
    Ok(Journal { shared, active, options, recovery, poisoned: false, buffer: Vec::new(), _lock: lock })
}

/// The first frames of all segments, in order.
fn segments(disk: &dyn Disk) -> Result<Vec<u64>, JournalError> {
    let mut segments: Vec<u64> = list(disk)?.iter().filter_map(|name| parse_file_name(name)).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// Removes segments that a crash kept from getting their name.
fn remove_unfinished(disk: &dyn Disk) -> Result<(), JournalError> {
    for name in list(disk)? {
        let unfinished = name.strip_suffix(TEMPORARY).and_then(parse_file_name);
        if unfinished.is_some() {
            disk.remove(&name).map_err(JournalError::io("remove", &name))?;
        }
    }
    Ok(())
}

fn list(disk: &dyn Disk) -> Result<Vec<String>, JournalError> {
    disk.list().map_err(JournalError::io("list", "the directory"))
}

struct Walk<'a> {
    disk: &'a dyn Disk,
    restore: &'a str,
    index: Index,
    /// Where the last group of the present segment starts.
    last_group: Option<u64>,
}

impl Walk<'_> {
    /// Checks a segment that has a successor: it holds whole groups and then nothing.
    fn sealed(&mut self, first_seq: u64) -> Result<(), JournalError> {
        let mut scan = self.start(first_seq)?;
        if let Some(Found::Broken { seq, offset, what }) = self.groups(first_seq, &mut scan)? {
            return Err(self.damage(first_seq, seq, offset, what));
        }
        if !scan.is_over().map_err(JournalError::io("read", &file_name(first_seq)))? {
            return Err(self.damage(first_seq, scan.next_seq, scan.offset, "there is something behind the last group"));
        }
        Ok(())
    }

    /// Checks the last segment and makes it ready to be written to.
    fn last(&mut self, first_seq: u64, recovery: &mut Recovery) -> Result<Active, JournalError> {
        let name = file_name(first_seq);
        let mut scan = self.start(first_seq)?;
        let broken = self.groups(first_seq, &mut scan)?;
        let (end, next_seq, (_, previous)) = (scan.offset, scan.next_seq, self.index.head);
        let rest_bytes = scan.rest_bytes();
        let cut = Cut { segment: name.clone(), seq: next_seq, offset: end };
        let verdict = if scan.is_over().map_err(JournalError::io("read", &name))? {
            Verdict::Clean
        } else {
            judge(scan.rest().map_err(JournalError::io("read", &name))?, next_seq, previous)
        };
        match verdict {
            Verdict::Clean => debug_assert!(broken.is_none(), "zeros are not broken"),
            Verdict::Torn => recovery.cut = Some(cut),
            Verdict::Damaged { .. } if active(Bug::CutWithoutEvidence) => recovery.cut = Some(cut),
            Verdict::Damaged { seq, offset, what } => {
                return Err(self.damage(first_seq, seq, end + offset, what));
            }
        }
        let file = self.disk.open(&name).map_err(JournalError::io("open", &name))?;
        self.make_durable(&name, &*file, recovery.cut.as_ref().map_or(0, |_| rest_bytes))?;
        Ok(Active { name, file, end, size: end + rest_bytes })
    }

    /// Writes the last group again, overwrites what is to be cut, and syncs file and directory.
    fn make_durable(&self, name: &str, file: &dyn DiskFile, cut_bytes: u64) -> Result<(), JournalError> {
        if active(Bug::NoRewriteOnOpen) {
            return Ok(());
        }
        let end = self.index.segments.last().expect("just pushed").end;
        let start = self.last_group.unwrap_or(end);
        let mut bytes = vec![0; usize::try_from(end - start).expect("a group fits in memory")];
        let read = file.read_up_to(&mut bytes, start).map_err(JournalError::io("read", name))?;
        if read != bytes.len() {
            let shrunk = io::ErrorKind::UnexpectedEof.into();
            return Err(JournalError::io("read", name)(shrunk));
        }
        if !active(Bug::KeepRemains) {
            bytes.resize(bytes.len() + usize::try_from(cut_bytes).expect("it was just read"), 0);
        }
        file.write_all_at(&bytes, start).map_err(JournalError::io("write", name))?;
        file.sync_data().map_err(JournalError::io("sync", name))?;
        self.disk.sync_dir().map_err(JournalError::io("sync the directory of", name))
    }

    /// Opens a segment and checks that it starts where the one before ended.
    fn start(&mut self, first_seq: u64) -> Result<Scan, JournalError> {
        let name = file_name(first_seq);
        let file = self.disk.open(&name).map_err(JournalError::io("open", &name))?;
        let size = file.size().map_err(JournalError::io("measure", &name))?;
        let mut bytes = [0; SECTOR];
        let read = file.read_up_to(&mut bytes, 0).map_err(JournalError::io("read", &name))?;
        let (next_seq, hash) = (self.index.head.0 + 1, self.index.head.1);
        let oldest = self.index.segments.is_empty();
        if !oldest && first_seq != next_seq {
            return Err(self.damage(first_seq, next_seq, 0, "the frames before this segment are missing"));
        }
        let start = match SegmentStart::parse(&bytes[..read]) {
            Some(start) if start.first_seq == first_seq => start,
            _ => {
                return Err(self.damage(first_seq, first_seq, 0, "the start of the segment is not as written"));
            }
        };
        if !oldest && start.previous != hash && !active(Bug::SkipChainCheck) {
            return Err(self.damage(first_seq, first_seq, 0, "the segment does not continue the hash chain"));
        }
        if oldest && (first_seq == 0 || (first_seq == 1 && start.previous != Hash::START)) {
            return Err(self.damage(first_seq, first_seq, 0, "the start of the segment is not as written"));
        }
        self.index.head = (first_seq - 1, start.previous);
        self.index.segments.push(Segment::new(first_seq));
        self.last_group = None;
        Ok(Scan::new(file, START_BYTES, size, first_seq, Some(start.previous)))
    }

    /// Takes in all groups that check out, and returns what is broken behind them.
    fn groups(&mut self, first_seq: u64, scan: &mut Scan) -> Result<Option<Found>, JournalError> {
        let name = file_name(first_seq);
        loop {
            match scan.next_group().map_err(JournalError::io("read", &name))? {
                Found::Group { offset, frames } => {
                    let (first, last) = (&frames[0], &frames[frames.len() - 1]);
                    self.index.last_mut().push(first.seq, scan.offset);
                    self.index.head = (last.seq, last.hash);
                    self.last_group = Some(offset);
                }
                Found::Nothing => return Ok(None),
                broken @ Found::Broken { .. } => return Ok(Some(broken)),
            }
        }
    }

    fn damage(&self, segment: u64, seq: u64, offset: u64, what: &'static str) -> JournalError {
        let restore = self.restore.to_owned();
        JournalError::Damaged(Box::new(Damage { segment: file_name(segment), seq, offset, what, restore }))
    }
}
