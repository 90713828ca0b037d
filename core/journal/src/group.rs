//! The stored form of a group of frames, frozen: a change needs a new magic and must still read this one.
//!
//! Little endian. A group starts on a multiple of 512 bytes and ends on one.
//!
//! ```text
//!  offset  bytes
//!       0      4  magic "FhG1"
//!       4      4  crc32 (IEEE) of bytes 8..64
//!       8      8  sequence number of the first frame
//!      16      4  number of frames, at least 1
//!      20      4  bytes of all frames, from offset 64 up to the padding
//!      24      4  sectors of this group, of 512 bytes, that are all zero by their content
//!      28      4  zero
//!      32     32  hash of the frame before the first one
//!      64         the frames, each:
//!                     4  bytes of payload
//!                     4  crc32 of: sequence number (8), bytes of payload (4), payload
//!                     …  payload
//!                 padding of 0xA5 to a multiple of 512
//! ```
//!
//! The hash of a frame is SHA-256 of: hash of the frame before (32; zeros before frame 1), sequence number (8),
//! payload. It does not depend on how frames fell into groups and segments, so a copy or a follower has the same chain.

use std::fmt;

use sha2::{Digest, Sha256};

/// The unit that a disk writes whole or not at all, in bytes.
pub const SECTOR: usize = 512;
/// The bytes before the first frame of a group.
pub const HEADER_BYTES: usize = 64;
/// The largest group, in bytes on disk.
pub const GROUP_BYTES_MAX: u64 = 64 << 20;

const MAGIC: [u8; 4] = *b"FhG1";
const FRAME_HEADER_BYTES: usize = 8;
const PADDING: u8 = 0xA5;

/// SHA-256 over a frame and, through the frame before it, over all that came earlier.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before frame 1.
    pub const START: Self = Self([0; 32]);

    /// The hash of the frame that follows this one.
    #[must_use]
    pub fn next(&self, seq: u64, payload: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(self.0);
        digest.update(seq.to_le_bytes());
        digest.update(payload);
        Self(digest.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One durable entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its place, from 1 without gaps.
    pub seq: u64,
    /// The hash of the frame before it.
    pub previous: Hash,
    /// Its own hash.
    pub hash: Hash,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// What the first 64 bytes of a group say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHeader {
    pub first_seq: u64,
    pub frames: u32,
    pub body_bytes: u32,
    pub zero_sectors: u32,
    pub previous: Hash,
}

impl GroupHeader {
    /// Reads a header; `None` if these bytes are none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let header = Self {
            first_seq: u64_at(bytes, 8),
            frames: u32_at(bytes, 16),
            body_bytes: u32_at(bytes, 20),
            zero_sectors: u32_at(bytes, 24),
            previous: Hash(bytes[32..].try_into().expect("32 bytes remain")),
        };
        let sealed = bytes[..4] == MAGIC && u32_at(bytes, 4) == crc32fast::hash(&bytes[8..]);
        (sealed && header.frames > 0 && header.disk_bytes() <= GROUP_BYTES_MAX).then_some(header)
    }

    /// The group's length on disk, in bytes.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        padded(HEADER_BYTES as u64 + u64::from(self.body_bytes))
    }

    fn write(&self, out: &mut [u8]) {
        out[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        out[16..20].copy_from_slice(&self.frames.to_le_bytes());
        out[20..24].copy_from_slice(&self.body_bytes.to_le_bytes());
        out[24..28].copy_from_slice(&self.zero_sectors.to_le_bytes());
        out[28..32].fill(0);
        out[32..64].copy_from_slice(&self.previous.0);
        let crc = crc32fast::hash(&out[8..HEADER_BYTES]);
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
    }
}

/// The length on disk of a group of these payloads, in bytes.
pub fn disk_bytes(payloads: &[impl AsRef<[u8]>]) -> u64 {
    let frames: u64 = payloads.iter().map(|payload| (FRAME_HEADER_BYTES + payload.as_ref().len()) as u64).sum();
    padded(HEADER_BYTES as u64 + frames)
}

/// Writes the stored form of a group into `out`, which is cleared first, and returns the hash of its last frame.
///
/// The caller has checked that there is at least one payload and that [`disk_bytes`] is within [`GROUP_BYTES_MAX`].
pub fn encode(first_seq: u64, previous: Hash, payloads: &[impl AsRef<[u8]>], out: &mut Vec<u8>) -> Hash {
    out.clear();
    out.resize(HEADER_BYTES, 0);
    let mut hash = previous;
    for (seq, payload) in (first_seq..).zip(payloads) {
        let payload = payload.as_ref();
        let length = u32::try_from(payload.len()).expect("a group is smaller than 4 GiB");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&frame_crc(seq, payload).to_le_bytes());
        out.extend_from_slice(payload);
        hash = hash.next(seq, payload);
    }
    let body_bytes = out.len() - HEADER_BYTES;
    out.resize(padded(out.len() as u64) as usize, PADDING);
    let header = GroupHeader {
        first_seq,
        frames: u32::try_from(payloads.len()).expect("each frame has at least 8 bytes"),
        body_bytes: u32::try_from(body_bytes).expect("a group is smaller than 4 GiB"),
        zero_sectors: zero_sectors(&out[SECTOR..]),
        previous,
    };
    header.write(&mut out[..HEADER_BYTES]);
    hash
}

/// Takes a group apart and checks every byte of it; `bytes` is exactly as long as `header.disk_bytes()`.
///
/// # Errors
/// The frame at which it stops making sense, the offset within the group, and why.
pub fn decode(header: &GroupHeader, bytes: &[u8]) -> Result<Vec<Frame>, Broken> {
    let end = HEADER_BYTES + header.body_bytes as usize;
    let mut frames = Vec::with_capacity(header.frames.min(1 << 16) as usize);
    let (mut at, mut previous) = (HEADER_BYTES, header.previous);
    for seq in (header.first_seq..).take(header.frames as usize) {
        let broken = |what| Broken { seq, offset: at as u64, what };
        let head = bytes[..end].get(at..at + FRAME_HEADER_BYTES).ok_or(broken("the frame does not fit its group"))?;
        let body = at + FRAME_HEADER_BYTES;
        let length = u32_at(head, 0) as usize;
        let payload = bytes[..end].get(body..body + length).ok_or(broken("the frame does not fit its group"))?;
        if u32_at(head, 4) != frame_crc(seq, payload) {
            return Err(broken("the frame's checksum does not match"));
        }
        let hash = previous.next(seq, payload);
        frames.push(Frame { seq, previous, hash, payload: payload.to_vec() });
        previous = hash;
        at = body + length;
    }
    let last = Broken { seq: header.first_seq + u64::from(header.frames) - 1, offset: at as u64, what: "" };
    if at != end {
        return Err(Broken { what: "the group is longer than its frames", ..last });
    }
    if bytes[end..].iter().any(|&byte| byte != PADDING) {
        return Err(Broken { what: "the padding is not as written", ..last });
    }
    Ok(frames)
}

/// Why a group cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub seq: u64,
    /// In bytes from the start of the group.
    pub offset: u64,
    pub what: &'static str,
}

/// How many whole sectors of these bytes are zero.
#[must_use]
pub fn zero_sectors(bytes: &[u8]) -> u32 {
    let zeros = bytes.chunks(SECTOR).filter(|sector| is_zero(sector)).count();
    u32::try_from(zeros).expect("a group has fewer than 2^32 sectors")
}

pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(SECTOR as u64)
}

fn frame_crc(seq: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seq.to_le_bytes());
    crc.update(&(payload.len() as u32).to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}
