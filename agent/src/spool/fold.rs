//! Making room when what is not acknowledged is over the limit by itself (P23).
//!
//! The unacknowledged events are written again, under a new epoch, behind the old ones; then the old ones are dropped. On the way:
//!
//! 1. A renewal that is followed by another renewal of the same lease is left out, and the later one says how many it
//!    stands for (`folded`). Grants, releases, expiries and declines are never left out, so who had which address and when it
//!    changed hands stays whole.
//! 2. If what is left is still over three quarters of the limit, the oldest events are given up until it is not. They are
//!    counted, and the new epoch's numbers begin behind them.
//!
//! The new epoch counts from its last frame on. A fold that a crash or a full disk interrupts is begun again, from the old
//! events, which are still there.

use std::collections::HashMap;

use freehold_proto::sync::LeaseEvent;
use freehold_proto::sync::lease_event::Kind;
use prost::Message;

use super::frame::{self, Header, stored_bytes};
use super::reader::{self, Standing};
use super::{Spool, SpoolError};

/// What a fold keeps, by the place of each event among the unacknowledged ones.
struct Plan {
    superseded: Vec<bool>,
    kept_bytes: u64,
}

type LeaseKey = (Vec<u8>, u32);

impl Spool {
    /// Begins a new epoch with the unacknowledged events, folded, in at most three quarters of the limit.
    pub(super) fn fold(&mut self, now_ms: i64) -> Result<(), SpoolError> {
        let old = self.standing();
        let plan = self.plan_fold(&old)?;
        let room = (self.options.limit_bytes / 4 * 3).saturating_sub(2 * self.options.segment_bytes);
        let mut new = Refill::new(self, &old, plan.kept_bytes.saturating_sub(room), now_ms);
        let mut carried: HashMap<LeaseKey, u32> = HashMap::new();
        let mut superseded = plan.superseded.into_iter();
        for event in self.unacknowledged(&old)? {
            let mut event = event?;
            if superseded.next() == Some(true) {
                *carried.entry(key(&event)).or_default() += 1 + event.folded;
                new.header.folded += 1;
                continue;
            }
            event.folded += carried.remove(&key(&event)).unwrap_or_default();
            if new.push(event) {
                let group = [new.take_frame()];
                self.write(&group)?;
            }
        }
        new.header.folding = false;
        let group = [new.take_frame()];
        self.write(&group)?;

        let head = self.journal.head().0;
        {
            let mut standing = self.standing_mut();
            let status = &mut standing.status;
            status.epoch = new.header.epoch;
            status.acked_seq = new.header.acked_seq;
            status.first_seq = new.header.acked_seq + 1;
            status.last_seq = new.header.first_seq - 1;
            (status.lost, status.folded) = (new.header.lost, new.header.folded);
            standing.epoch_frame = new.header.epoch_frame;
            standing.last_frame = head;
        }
        self.unfinished = false;
        self.journal.truncate_before(new.header.epoch_frame)?;
        Ok(())
    }

    fn plan_fold(&self, old: &Standing) -> Result<Plan, SpoolError> {
        let mut plan = Plan { superseded: Vec::new(), kept_bytes: 0 };
        // Where the newest event of a lease is, and its bytes if it is a renewal.
        let mut newest: HashMap<LeaseKey, Option<(usize, u64)>> = HashMap::new();
        for event in self.unacknowledged(old)? {
            let event = event?;
            let bytes = (stored_bytes(&[]) + event.encoded_len()) as u64;
            let renewed = event.kind() == Kind::Renewed;
            let place = renewed.then_some((plan.superseded.len(), bytes));
            if let Some(Some((earlier, earlier_bytes))) = newest.insert(key(&event), place)
                && renewed
            {
                plan.superseded[earlier] = true;
                plan.kept_bytes -= earlier_bytes;
            }
            plan.superseded.push(false);
            plan.kept_bytes += bytes;
        }
        Ok(plan)
    }

    fn unacknowledged(
        &self,
        old: &Standing,
    ) -> Result<impl Iterator<Item = Result<LeaseEvent, SpoolError>> + use<>, SpoolError> {
        let journal = self.journal.reader();
        let from = old.status.acked_seq.max(old.status.first_seq - 1) + 1;
        let start = if from > old.status.last_seq { old.last_frame } else { reader::find(&journal, old, from)? };
        let frames = reader::frames(&journal, start, old.last_frame)?;
        Ok(frames.flat_map(move |frame| {
            let (events, failure) = match frame {
                Ok((_, frame)) => {
                    let known = usize::try_from(from.saturating_sub(frame.header.first_seq)).unwrap_or(usize::MAX);
                    (frame.events.into_iter().skip(known).collect(), None)
                }
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            events.into_iter().map(Ok).chain(failure)
        }))
    }
}

/// The new epoch in the making.
struct Refill {
    header: Header,
    events: Vec<Vec<u8>>,
    bytes: usize,
    frame_bytes: usize,
    /// How many bytes of the oldest events have to go.
    surplus: u64,
}

impl Refill {
    fn new(spool: &mut Spool, old: &Standing, surplus: u64, now_ms: i64) -> Self {
        let header = Header {
            folding: true,
            epoch: (spool.epochs)(),
            epoch_frame: spool.journal.head().0 + 1,
            first_seq: 1,
            acked_seq: 0,
            lost: old.status.lost,
            folded: old.status.folded,
            at_ms: now_ms,
            position: old.status.position.clone(),
        };
        Self { header, events: Vec::new(), bytes: 0, frame_bytes: spool.frame_bytes(), surplus }
    }

    /// Takes an event in, or gives it up; says whether the frame is full.
    fn push(&mut self, event: LeaseEvent) -> bool {
        let stands_for = 1 + u64::from(event.folded);
        let event = event.encode_to_vec();
        let size = stored_bytes(&event);
        if self.surplus > 0 {
            self.surplus = self.surplus.saturating_sub(size as u64);
            self.header.lost += stands_for;
            self.header.first_seq += 1;
            self.header.acked_seq += 1;
            return false;
        }
        self.bytes += size;
        self.events.push(event);
        self.bytes >= self.frame_bytes
    }

    fn take_frame(&mut self) -> Vec<u8> {
        let frame = frame::encode(&self.header, &self.events);
        self.header.first_seq += self.events.len() as u64;
        self.events.clear();
        self.bytes = 0;
        frame
    }
}

fn key(event: &LeaseEvent) -> LeaseKey {
    (event.address.clone(), event.prefix_len)
}
