//! A change set in parts, put together and checked before anything is touched (P9, P11, P12).

use super::memory::Held;
use freehold_core::bundle::{Bundle, Difference, Digest};
use freehold_proto::bundle::{Untakeable, parse_digest, parse_ref, parse_wire};
use freehold_proto::sync::{ChangeSet, ResourceResult, resource_result::Code};

/// Most parts of a change set: a gibibyte.
const PARTS_MAX: u32 = 1024;

/// A change set of which some parts are there.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) change_id: u64,
    to: Digest,
    /// What it starts from; nothing for a snapshot.
    base: Bundle,
    next_part: u32,
    parts: u32,
    difference: Difference,
    unsupported: Vec<ResourceResult>,
    /// Within how many seconds it must be confirmed; 0 if it need not be.
    pub(super) confirm_seconds: u32,
}

/// What became of a part.
#[derive(Debug)]
pub(super) enum Part {
    /// More are awaited.
    More,
    /// It was there already.
    Known,
    /// It does not fit what is held, or is damaged: a snapshot is needed.
    Misfit,
    /// These resources need what this version does not have; nothing may be applied.
    Unsupported(Vec<ResourceResult>),
    /// All is there and makes what was promised.
    Whole(Held),
}

impl Staging {
    /// The change set that this part belongs to; `None` if it cannot start from what is held, or is malformed.
    pub(super) fn begin(first: &ChangeSet, applied: Option<&Held>) -> Option<Self> {
        let base = match (first.from_digest.as_slice(), applied) {
            ([], _) => Bundle::default(),
            (from, Some(held)) if parse_digest(from) == Some(held.digest) => Bundle::clone(&held.bundle),
            _ => return None,
        };
        (1..=PARTS_MAX).contains(&first.parts).then_some(())?;
        Some(Self {
            change_id: first.change_id,
            to: parse_digest(&first.to_digest)?,
            base,
            next_part: 0,
            parts: first.parts,
            difference: Difference::default(),
            unsupported: Vec::new(),
            confirm_seconds: first.confirm_within_seconds,
        })
    }

    /// Takes a part; `verify` is off only where the simulation breaks it on purpose.
    pub(super) fn take(&mut self, part: &ChangeSet, verify: bool) -> Part {
        if part.part < self.next_part {
            return Part::Known;
        }
        if part.part > self.next_part || part.parts != self.parts || parse_digest(&part.to_digest) != Some(self.to) {
            return Part::Misfit;
        }
        for remove in &part.removes {
            match parse_ref(&remove.kind, &remove.id) {
                Ok(key) => self.difference.removes.push(key),
                Err(_) => return Part::Misfit,
            }
        }
        for upsert in &part.upserts {
            match parse_wire(upsert) {
                Ok((key, resource)) => {
                    self.difference.upserts.insert(key, resource);
                }
                Err(Untakeable::Damaged) => return Part::Misfit,
                Err(why @ Untakeable::Unsupported(_)) => self.unsupported.push(ResourceResult {
                    kind: upsert.kind.clone(),
                    id: upsert.id.clone(),
                    code: Code::Unsupported.into(),
                    field: String::new(),
                    message: why.to_string(),
                    runs: Vec::new(),
                }),
            }
        }
        self.next_part += 1;
        if self.next_part < self.parts && verify {
            return Part::More;
        }
        if !self.unsupported.is_empty() {
            return Part::Unsupported(std::mem::take(&mut self.unsupported));
        }
        let held = Held::new(self.base.patched(&self.difference));
        if held.digest == self.to || !verify { Part::Whole(held) } else { Part::Misfit }
    }
}
