//! Segment files: their names and their first 512 bytes, frozen like the groups that follow.
//!
//! A segment is named by its first frame, `00000000000000000001.segment`. It starts, little endian, with
//!
//! ```text
//!  offset  bytes
//!       0      8  magic "FhSegmt1"
//!       8      8  sequence number of its first frame
//!      16     32  hash of the frame before
//!      48      4  crc32 (IEEE) of bytes 0..48
//!      52    460  zero
//! ```
//!
//! and its groups follow without a gap; after the last one there are zeros or the end of the file.
//! A segment gets its name only after these bytes are durable, so a segment without a valid start is damaged, not torn.

use crate::group::{Hash, SECTOR, is_zero, u32_at, u64_at};

/// Where the first group of a segment starts, in bytes.
pub const START_BYTES: u64 = SECTOR as u64;

const MAGIC: [u8; 8] = *b"FhSegmt1";
const SUFFIX: &str = ".segment";

/// What the start of a segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStart {
    pub first_seq: u64,
    pub previous: Hash,
}

impl SegmentStart {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> [u8; SECTOR] {
        let mut bytes = [0; SECTOR];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[16..48].copy_from_slice(&self.previous.0);
        let crc = crc32fast::hash(&bytes[..48]);
        bytes[48..52].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the stored form; `None` if these bytes are not one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SECTOR)?;
        let sealed = bytes[..8] == MAGIC && u32_at(bytes, 48) == crc32fast::hash(&bytes[..48]) && is_zero(&bytes[52..]);
        sealed
            .then(|| Self { first_seq: u64_at(bytes, 8), previous: Hash(bytes[16..48].try_into().expect("32 bytes")) })
    }
}

/// The file name of the segment that starts with this frame.
#[must_use]
pub fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}{SUFFIX}")
}

/// The first frame of the segment with this file name; `None` if it is not a segment's name.
#[must_use]
pub fn parse_file_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let first_seq = digits.parse().ok()?;
    (file_name(first_seq) == name).then_some(first_seq)
}
