//! Walks the groups of one segment file, checking every byte, the numbering and the chain.

use std::io;

use crate::disk::DiskFile;
use crate::group::{Frame, GroupHeader, HEADER_BYTES, Hash, SECTOR, decode, is_zero};
use crate::seeded_bugs::{Bug, active};

const WINDOW_BYTES: u64 = 256 << 10;

/// A place between two groups.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    file: ReadAhead,
    /// Where the next group starts, in bytes.
    pub(crate) offset: u64,
    /// Groups are looked for before this offset only.
    end: u64,
    /// The number that the next frame must have.
    pub(crate) next_seq: u64,
    /// The hash before it, if it is known.
    pub(crate) previous: Option<Hash>,
}

/// What stands at the place of the next group.
#[derive(Debug)]
pub(crate) enum Found {
    Group {
        offset: u64,
        frames: Vec<Frame>,
    },
    /// Zeros where its header would be, or the end.
    Nothing,
    Broken {
        seq: u64,
        offset: u64,
        what: &'static str,
    },
}

impl Scan {
    pub(crate) fn new(file: Box<dyn DiskFile>, offset: u64, end: u64, next_seq: u64, previous: Option<Hash>) -> Self {
        Self { file: ReadAhead { file: file.into(), start: 0, bytes: Vec::new() }, offset, end, next_seq, previous }
    }

    /// Steps over the next group. After anything but a group the place is unchanged.
    pub(crate) fn next_group(&mut self) -> io::Result<Found> {
        if self.offset >= self.end {
            return Ok(Found::Nothing);
        }
        let first = self.file.read(self.offset, SECTOR as u64, self.end)?;
        if is_zero(first) {
            return Ok(Found::Nothing);
        }
        let header = GroupHeader::parse(&first[..HEADER_BYTES]);
        let Some(header) = header else {
            return Ok(self.broken("the header of the group is not as written"));
        };
        if header.first_seq != self.next_seq {
            return Ok(self.broken("the group does not continue the numbering"));
        }
        if self.previous.is_some_and(|previous| previous != header.previous) && !active(Bug::SkipChainCheck) {
            return Ok(self.broken("the group does not continue the hash chain"));
        }
        let bytes = self.file.read(self.offset, header.disk_bytes(), self.end)?;
        match decode(&header, bytes) {
            Ok(frames) => Ok(self.step_over(&header, frames)),
            Err(broken) => {
                Ok(Found::Broken { seq: broken.seq, offset: self.offset + broken.offset, what: broken.what })
            }
        }
    }

    /// Bytes from the place of the next group to the end.
    pub(crate) fn rest_bytes(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }

    /// Whether there are only zeros from the place of the next group on. A segment is made for far more than it may have yet, so
    /// this looks at a window after the other.
    pub(crate) fn is_over(&mut self) -> io::Result<bool> {
        let mut offset = self.offset;
        while offset < self.end {
            let length = WINDOW_BYTES.min(self.end - offset);
            if !is_zero(self.file.read(offset, length, self.end)?) {
                return Ok(false);
            }
            offset += length;
        }
        Ok(true)
    }

    /// Everything from the place of the next group to the end.
    pub(crate) fn rest(&mut self) -> io::Result<&[u8]> {
        self.file.read(self.offset, self.rest_bytes(), self.end)
    }

    fn step_over(&mut self, header: &GroupHeader, frames: Vec<Frame>) -> Found {
        let offset = self.offset;
        let last = frames.last().expect("a group has a frame");
        self.offset += header.disk_bytes();
        self.next_seq = last.seq + 1;
        self.previous = Some(last.hash);
        Found::Group { offset, frames }
    }

    fn broken(&self, what: &'static str) -> Found {
        Found::Broken { seq: self.next_seq, offset: self.offset, what }
    }
}

/// Reads ahead, so that small groups do not cost a system call each.
#[derive(Debug, Clone)]
struct ReadAhead {
    file: std::sync::Arc<dyn DiskFile>,
    start: u64,
    bytes: Vec<u8>,
}

impl ReadAhead {
    /// These bytes, with zeros for what the file does not have. Reads ahead, but not past `end`.
    fn read(&mut self, offset: u64, length: u64, end: u64) -> io::Result<&[u8]> {
        let held = self.start..self.start + self.bytes.len() as u64;
        if offset < held.start || offset + length > held.end {
            let ahead = WINDOW_BYTES.min(end.saturating_sub(offset)).max(length);
            self.bytes.clear();
            self.bytes.resize(usize::try_from(ahead).expect("a segment fits in memory"), 0);
            self.start = offset;
            if let Err(error) = self.file.read_up_to(&mut self.bytes, offset) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let from = usize::try_from(offset - self.start).expect("within the window");
        Ok(&self.bytes[from..from + usize::try_from(length).expect("within the window")])
    }
}
