//! Reads a ledger's segment files without opening the ledger: beside a running controller, or in a backup.
//!
//! Every byte is checked as on opening. The end is where the last segment has zeros, stops, or has a group that is not whole: one that is
//! being written at this moment, or that a crash left (which the controller cuts at its next start; nothing is cut here).
//! Reading and writing the same page at once may look worse than that, so the end is read again for a while before it is called
//! damaged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use freehold_journal::Frame;
use freehold_journal::group::{GroupHeader, decode};
use freehold_journal::segment::{START_BYTES, SegmentStart, file_name, parse_file_name};
use freehold_journal::tail::{Verdict, judge};

use super::BackupError;
use crate::view::Point;

/// How often the end is read again before it is called damaged.
const AGAIN_MAX: u32 = 50;
/// How long a group may take from its first byte to its last, each time.
const AGAIN: Duration = Duration::from_millis(20);

/// A group of frames and where it is.
pub(super) struct Group<'a> {
    /// The first frame of the segment that it is in.
    pub(super) segment: u64,
    /// Where it starts, in bytes.
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    pub(super) frames: &'a [Frame],
}

/// Hands every group of the ledger in this folder to `visit`, in order, and says which frame was the last.
///
/// # Errors
/// `File` and `Damaged`, and those of `visit`.
pub(super) fn scan(
    folder: &Path,
    visit: &mut dyn FnMut(&Group<'_>) -> Result<(), BackupError>,
) -> Result<Point, BackupError> {
    let mut at = Point::START;
    let mut segments = segments(folder)?;
    if segments.first() != Some(&1) {
        let path = folder.join(file_name(1));
        return Err(BackupError::Damaged { path, seq: 1, offset: 0, what: "the first segment is missing" });
    }
    let (mut index, mut again) = (0, 0);
    let mut place = Place { path: folder.join(file_name(1)), segment: 1, offset: START_BYTES };
    loop {
        let stop = walk(&mut place, &mut at, visit)?;
        let known_last = index + 1 == segments.len();
        if known_last {
            segments = self::segments(folder)?;
        }
        let Some(next) = segments.get(index + 1) else {
            match stop {
                Stop::End | Stop::Torn => return Ok(at),
                Stop::Broken(damage) if again == AGAIN_MAX => return Err(damage),
                Stop::Broken(_) => {
                    again += 1;
                    std::thread::sleep(AGAIN);
                    continue;
                }
            }
        };
        if *next == at.seq + 1 && matches!(stop, Stop::End) {
            index += 1;
            place = Place { path: folder.join(file_name(*next)), segment: *next, offset: START_BYTES };
        } else if !known_last {
            return Err(match stop {
                Stop::Broken(damage) => damage,
                Stop::End => place.damaged(at.seq + 1, 0, "the frames before the next segment are missing"),
                Stop::Torn => place.damaged(at.seq + 1, 0, "there is something behind the last group"),
            });
        }
        // Else the segment was sealed after its end was read, so it is read once more.
    }
}

struct Place {
    path: PathBuf,
    segment: u64,
    offset: u64,
}

impl Place {
    /// `further` is in bytes from the place.
    fn damaged(&self, seq: u64, further: u64, what: &'static str) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), seq, offset: self.offset + further, what }
    }
}

/// Why there are no more groups in a segment.
enum Stop {
    /// Zeros, or the end of the file.
    End,
    /// A group that is not whole.
    Torn,
    /// Something else.
    Broken(BackupError),
}

/// Goes on through a segment as far as there are whole groups.
fn walk(
    place: &mut Place,
    at: &mut Point,
    visit: &mut dyn FnMut(&Group<'_>) -> Result<(), BackupError>,
) -> Result<Stop, BackupError> {
    let bytes = std::fs::read(&place.path).map_err(BackupError::file("read", &place.path))?;
    let start = SegmentStart::parse(&bytes);
    let begins = start.is_some_and(|start| {
        start.first_seq == place.segment && (place.offset > START_BYTES || start.previous == at.hash)
    });
    if !begins {
        let what = "the start of the segment is not as written, or does not continue the segment before";
        return Ok(Stop::Broken(BackupError::Damaged { path: place.path.clone(), seq: at.seq + 1, offset: 0, what }));
    }
    loop {
        let from = usize::try_from(place.offset).expect("a segment fits in memory");
        let rest = bytes.get(from..).unwrap_or_default();
        let Some((length, frames)) = group(rest, *at) else {
            return Ok(match judge(rest, at.seq + 1, at.hash) {
                Verdict::Clean => Stop::End,
                Verdict::Torn => Stop::Torn,
                Verdict::Damaged { seq, offset, what } => Stop::Broken(place.damaged(seq, offset, what)),
            });
        };
        visit(&Group { segment: place.segment, offset: place.offset, bytes: &rest[..length], frames: &frames })?;
        let last = frames.last().expect("a group has a frame");
        *at = Point { seq: last.seq, hash: last.hash };
        place.offset += length as u64;
    }
}

/// The group that these bytes begin with, if it is whole and comes next: its length in bytes, and its frames.
fn group(bytes: &[u8], at: Point) -> Option<(usize, Vec<Frame>)> {
    let header = GroupHeader::parse(bytes)?;
    if header.first_seq != at.seq + 1 || header.previous != at.hash {
        return None;
    }
    let length = usize::try_from(header.disk_bytes()).ok()?;
    let frames = decode(&header, bytes.get(..length)?).ok()?;
    Some((length, frames))
}

fn segments(folder: &Path) -> Result<Vec<u64>, BackupError> {
    let failed = || BackupError::file("list", folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        found.extend(name.to_str().and_then(parse_file_name));
    }
    found.sort_unstable();
    Ok(found)
}
