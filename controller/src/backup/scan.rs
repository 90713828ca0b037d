//! Reads a ledger's segment files without opening the ledger: beside a running controller, or in a backup.
//!
//! Every byte is checked as on opening. The end is where the last segment has zeros or stops. What looks broken at the very end may
//! be a group that is being written at this moment, so it is read again for a while before it is called damaged; what a crash left
//! there is cut by the controller at its next start, not here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use freehold_journal::Frame;
use freehold_journal::group::{GroupHeader, SECTOR, decode};
use freehold_journal::segment::{START_BYTES, SegmentStart, file_name, parse_file_name};

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
    pub(super) frames: Vec<Frame>,
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
                None => return Ok(at),
                Some(what) if again == AGAIN_MAX => return Err(place.damaged(at, what)),
                Some(_) => {
                    again += 1;
                    std::thread::sleep(AGAIN);
                    continue;
                }
            }
        };
        if *next == at.seq + 1 && stop.is_none() {
            index += 1;
            place = Place { path: folder.join(file_name(*next)), segment: *next, offset: START_BYTES };
        } else if !known_last {
            let what = stop.unwrap_or("the frames before the next segment are missing");
            return Err(place.damaged(at, what));
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
    fn damaged(&self, at: Point, what: &'static str) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), seq: at.seq + 1, offset: self.offset, what }
    }
}

/// Goes on through a segment as far as there are whole groups; says what is wrong behind them, if it is not just the end.
fn walk(
    place: &mut Place,
    at: &mut Point,
    visit: &mut dyn FnMut(&Group<'_>) -> Result<(), BackupError>,
) -> Result<Option<&'static str>, BackupError> {
    let bytes = std::fs::read(&place.path).map_err(BackupError::file("read", &place.path))?;
    let Some(start) = SegmentStart::parse(&bytes) else {
        return Ok(Some("it does not start as a segment does"));
    };
    if start.first_seq != place.segment || place.offset == START_BYTES && start.previous != at.hash {
        return Ok(Some("it does not continue the segment before"));
    }
    loop {
        let from = usize::try_from(place.offset).expect("a segment fits in memory");
        let rest = bytes.get(from..).unwrap_or_default();
        let head = &rest[..rest.len().min(SECTOR)];
        if head.iter().all(|&byte| byte == 0) {
            let more = rest.iter().any(|&byte| byte != 0);
            return Ok(more.then_some("there is something behind the last group"));
        }
        let Some(header) = GroupHeader::parse(head) else {
            return Ok(Some("the header of the group is not as written"));
        };
        if header.first_seq != at.seq + 1 || header.previous != at.hash {
            return Ok(Some("the group does not continue the one before"));
        }
        let length = usize::try_from(header.disk_bytes()).expect("a group fits in memory");
        let Some(bytes) = rest.get(..length) else {
            return Ok(Some("the file ends inside the group"));
        };
        let frames = match decode(&header, bytes) {
            Ok(frames) => frames,
            Err(broken) => {
                // Named exactly, because this is what a flipped byte looks like.
                at.seq = broken.seq - 1;
                let damaged = place.damaged(*at, broken.what);
                at.seq = header.first_seq - 1;
                return if rest[length..].iter().any(|&byte| byte != 0) { Err(damaged) } else { Ok(Some(broken.what)) };
            }
        };
        let last = frames.last().map_or((at.seq, at.hash), |last| (last.seq, last.hash));
        visit(&Group { segment: place.segment, offset: place.offset, bytes, frames })?;
        *at = Point { seq: last.0, hash: last.1 };
        place.offset += length as u64;
    }
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
