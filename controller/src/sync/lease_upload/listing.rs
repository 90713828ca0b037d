//! Full listings: mark and sweep (P21).
//!
//! A listing says what leases a server has, as of a position of its spool. What it shows is taken over; what it
//! does not show is closed, but only if it is known to be whole, and never more than [`guard`] allows of a scope.
//! An empty listing is not a deletion: it closes nothing without an operator. Leases that events from behind
//! that position speak of are left to those events.

use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseEvent, LeaseEventKind};
use freehold_proto::convert::lease;
use freehold_proto::sync::{self, ResyncEnd};
use imbl::OrdMap;
use prost::Message;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// How many of `leases` known leases of a scope a listing may close by itself.
pub fn guard(leases: usize) -> usize {
    (leases / 10).max(20)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Growing,
    /// Ended; whether what it lacks may be closed.
    Ended {
        whole: bool,
    },
    /// The guard held it; an operator has to allow it.
    Held,
    /// It was answered.
    Asked {
        whole: bool,
    },
}

/// A listing as it arrives.
#[derive(Debug)]
pub struct Listing {
    id: u64,
    as_of_seq: u64,
    count: u64,
    sha: Sha256,
    seen: BTreeMap<IpAddr, LeaseEvent>,
    /// Addresses that later events speak of.
    passed: BTreeSet<IpAddr>,
    stage: Stage,
    allowed: bool,
}

/// What came of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was carried out.
    Whole,
    /// What it shows was taken over; what it lacks was left, because it is not whole.
    Partial,
    /// What it shows was taken over; what it lacks waits for an operator.
    Held,
}

/// What to do about a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Leases to take over and leases to close.
    pub events: Vec<LeaseEvent>,
    /// How many would be closed.
    pub would_remove: u64,
    /// Whether they are.
    pub verdict: Verdict,
}

impl Listing {
    /// A listing that begins.
    pub fn new(id: u64, as_of_seq: u64) -> Self {
        Self {
            id,
            as_of_seq,
            count: 0,
            sha: Sha256::new(),
            seen: BTreeMap::new(),
            passed: BTreeSet::new(),
            stage: Stage::Growing,
            allowed: false,
        }
    }

    /// Its number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A part of it arrived.
    pub fn add(&mut self, leases: Vec<sync::LeaseEvent>) {
        for event in leases {
            self.sha.update(event.encode_to_vec());
            self.count += 1;
            // A lease that cannot be read is missing here, which makes the count wrong and the listing partial.
            if let Ok(event) = lease::parse_wire(&event) {
                self.seen.insert(event.lease.address, LeaseEvent { kind: LeaseEventKind::Seen, ..event });
            }
        }
    }

    /// It ended.
    pub fn end(&mut self, end: &ResyncEnd, must_be_complete: bool) {
        let sound = end.count == self.count
            && end.digest == self.sha.clone().finalize().as_slice()
            && self.seen.len() as u64 == self.count;
        self.stage = Stage::Ended { whole: (sound && end.source_complete) || !must_be_complete };
    }

    /// An event with this number spoke of this address while the listing was on its way.
    pub fn passed(&mut self, seq: u64, address: IpAddr) {
        if seq > self.as_of_seq {
            self.passed.insert(address);
        }
    }

    /// An operator allows what it would close.
    pub fn allow(&mut self) {
        self.allowed = true;
        if self.stage == Stage::Held {
            self.stage = Stage::Ended { whole: true };
        }
    }

    /// Whether it can be acted on: it ended, and every event from before it is durable. True once.
    pub fn ready(&mut self, next_seq: u64) -> bool {
        match self.stage {
            Stage::Ended { whole } if next_seq > self.as_of_seq => {
                self.stage = Stage::Asked { whole };
                true
            }
            _ => false,
        }
    }

    /// What turns `known` into what is listed.
    pub fn sweep(&mut self, known: &OrdMap<IpAddr, Arc<Lease>>, at: Timestamp, guarded: bool) -> Sweep {
        let whole = self.stage == Stage::Asked { whole: true };
        let mut events: Vec<_> = self
            .seen
            .iter()
            .filter(|(address, event)| {
                !self.passed.contains(*address) && known.get(*address).is_none_or(|lease| **lease != event.lease)
            })
            .map(|(_, event)| event.clone())
            .collect();
        let unseen =
            known.iter().filter(|(address, _)| !self.seen.contains_key(*address) && !self.passed.contains(*address));
        let closes: Vec<_> = unseen.map(|(_, lease)| lease).collect();
        let would_remove = closes.len() as u64;
        let too_many = guarded && !self.allowed && self.too_many(known, &closes);
        let verdict = match (whole, too_many) {
            (false, _) => Verdict::Partial,
            (true, true) => Verdict::Held,
            (true, false) => Verdict::Whole,
        };
        match verdict {
            Verdict::Held => self.stage = Stage::Held,
            Verdict::Partial => {}
            Verdict::Whole => events.extend(closes.into_iter().map(|lease| LeaseEvent {
                kind: LeaseEventKind::Removed,
                lease: Lease::clone(lease),
                observed: at,
                folded: 0,
            })),
        }
        Sweep { events, would_remove, verdict }
    }

    fn too_many(&self, known: &OrdMap<IpAddr, Arc<Lease>>, closes: &[&Arc<Lease>]) -> bool {
        let in_scope = |leases: &mut dyn Iterator<Item = &Arc<Lease>>| {
            let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
            for lease in leases {
                *counts.entry(lease.subnet_id).or_default() += 1;
            }
            counts
        };
        let had = in_scope(&mut known.values());
        let lost = in_scope(&mut closes.iter().copied());
        let over = lost.iter().any(|(scope, lost)| *lost > guard(had.get(scope).copied().unwrap_or(0)));
        over || (self.seen.is_empty() && !closes.is_empty())
    }
}
