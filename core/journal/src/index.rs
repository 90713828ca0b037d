//! What writer and readers share: which segments there are, how far they are durable, where to start looking.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::disk::Disk;
use crate::group::Hash;
use crate::segment::START_BYTES;

const MARK_EVERY_BYTES: u64 = 64 << 10;

/// Shared by a journal and its readers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) restore: String,
    index: RwLock<Index>,
}

impl Shared {
    pub(crate) fn new(disk: Arc<dyn Disk>, restore: String, index: Index) -> Self {
        Self { disk, restore, index: RwLock::new(index) }
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect("nobody panics while holding the index")
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().expect("nobody panics while holding the index")
    }
}

/// The durable extent of a journal.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By first frame; the last one is written to. Never empty once open.
    pub(crate) segments: Vec<Segment>,
    /// The newest durable frame, 0 if there was never one, and its hash.
    pub(crate) head: (u64, Hash),
}

/// One segment file.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) first_seq: u64,
    /// Where the durable groups end, in bytes.
    pub(crate) end: u64,
    /// Some of the groups, by first frame and offset, about one every 64 KiB.
    marks: Vec<(u64, u64)>,
}

impl Index {
    /// The segment that holds this frame, and the best place to look for it from: first frame and offset of a group.
    pub(crate) fn locate(&self, seq: u64) -> Option<(&Segment, (u64, u64))> {
        let at = self.segments.partition_point(|segment| segment.first_seq <= seq).checked_sub(1)?;
        let segment = &self.segments[at];
        Some((segment, segment.mark_before(seq)))
    }

    pub(crate) fn first_seq(&self) -> u64 {
        self.segments.first().expect("an open journal has a segment").first_seq
    }

    pub(crate) fn last_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("an open journal has a segment")
    }
}

impl Segment {
    pub(crate) fn new(first_seq: u64) -> Self {
        Self { first_seq, end: START_BYTES, marks: Vec::new() }
    }

    /// Takes in a group that starts at the present end.
    pub(crate) fn push(&mut self, first_seq: u64, end: u64) {
        if self.marks.last().is_none_or(|&(_, offset)| self.end - offset >= MARK_EVERY_BYTES) {
            self.marks.push((first_seq, self.end));
        }
        self.end = end;
    }

    fn mark_before(&self, seq: u64) -> (u64, u64) {
        match self.marks.partition_point(|&(first_seq, _)| first_seq <= seq).checked_sub(1) {
            Some(at) => self.marks[at],
            None => (self.first_seq, START_BYTES),
        }
    }
}
