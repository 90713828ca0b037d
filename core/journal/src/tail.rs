//! Judges what follows the last good group of the last segment: nothing, a torn write, or damage.
//!
//! Pure, so that whoever reads segment files beside a journal can ask, too. The reasoning is in the crate's documentation; what it rests on: the bytes went over durable zeros, a sector is
//! written whole or not at all, and at most one group was not yet synced.

use crate::group::{GroupHeader, Hash, SECTOR, decode, is_zero, zero_sectors};

/// What the bytes behind the last good group are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Zeros.
    Clean,
    /// What a crash left of a group that was never acknowledged.
    Torn,
    /// Something that was acknowledged was changed. `offset` is from the start of the tail.
    Damaged { seq: u64, offset: u64, what: &'static str },
}

/// Judges the bytes from the end of the last good group to the end of the file, of which no group could be read.
#[must_use]
pub fn judge(tail: &[u8], next_seq: u64, previous: Hash) -> Verdict {
    let damaged = |offset, what| Verdict::Damaged { seq: next_seq, offset, what };
    if is_zero(tail) {
        return Verdict::Clean;
    }
    let first = &tail[..tail.len().min(SECTOR)];
    if is_zero(first) {
        return match later_group(tail) {
            Some(offset) => damaged(offset, "a later group follows, but this one is missing"),
            None => Verdict::Torn,
        };
    }
    let Some(header) = GroupHeader::parse(first) else {
        return damaged(0, "the header of the group is not as written");
    };
    if header.first_seq != next_seq {
        return damaged(0, "the group does not continue the numbering");
    }
    if header.previous != previous {
        return damaged(0, "the group does not continue the hash chain");
    }
    judge_body(tail, &header)
}

fn judge_body(tail: &[u8], header: &GroupHeader) -> Verdict {
    let extent = usize::try_from(header.disk_bytes()).expect("a group fits in memory");
    let mut group = tail[..tail.len().min(extent)].to_vec();
    group.resize(extent, 0);
    let Err(broken) = decode(header, &group) else {
        return Verdict::Damaged { seq: header.first_seq, offset: 0, what: "the group is not where it belongs" };
    };
    let damaged = |what| Verdict::Damaged { seq: broken.seq, offset: broken.offset, what };
    if tail.len() < extent {
        // The zeros that the group went over were durable, and so was the length of the file.
        return damaged("the file ends inside the group");
    }
    if !is_zero(&tail[extent..]) {
        return damaged(broken.what);
    }
    if zero_sectors(&group) > header.zero_sectors { Verdict::Torn } else { damaged(broken.what) }
}

fn later_group(tail: &[u8]) -> Option<u64> {
    let found = tail.chunks(SECTOR).position(|sector| GroupHeader::parse(sector).is_some())?;
    Some((found * SECTOR) as u64)
}
