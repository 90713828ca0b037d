//! One server's stream of lease events as the controller sees it.
//!
//! The shell hands in what arrives and what the engine says about commits, and takes out what to do with
//! [`LeaseUpload::poll`], in order.
//!
//! - Events and the cursor behind them are one commit; only what is committed is acknowledged (P18). A batch
//!   that starts too late is answered with "rewind", one that starts too early is taken without what is known:
//!   each event arrives once, in order, whatever the line does.
//! - A gap is never passed over in silence: where the spool itself has lost events, the gap is a commit of
//!   its own and a full listing follows.
//! - An event that cannot be read is left out as a gap of one and raises an alarm; those behind it go on.
//! - A full listing closes leases only under the guards of [`listing`] (P21).
//!
//! A crash leaves what was committed; the next greeting is answered with the number awaited.

pub mod listing;

#[cfg(test)]
mod tests;

use freehold_core::lease::{Admission, LeaseCursor, LeaseEvent, ServerLeases};
use freehold_core::name::ServerName;
use freehold_core::time::Now;
use freehold_proto::convert::{lease, stored::LeaseBatch};
use freehold_proto::sync::{
    self, BatchAck, ResyncAck, Rewind, UploadHello, UploadLeasesRequest, UploadLeasesResponse, UploadWelcome,
    upload_leases_request, upload_leases_response::Message,
};
use listing::{Listing, Verdict};
use std::collections::VecDeque;

/// Batches that may be unacknowledged (P22).
pub const WINDOW_BATCHES: u32 = 4;
/// Most bytes in a batch (P22).
pub const BATCH_BYTES: u32 = 256 << 10;
/// How long an agent waits before it sends again what could not be committed, in milliseconds.
const PAUSE_MS: u32 = 1000;

/// Which of its promises the machine keeps: all of them. The simulation breaks one at a time, to see that it notices.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// P18: a gap is never accepted.
    pub refuse_gap: bool,
    /// P18: what is known is skipped.
    pub skip_known: bool,
    /// P21: an incomplete listing closes nothing.
    pub sweep_needs_complete: bool,
    /// P21: a listing closes at most so many leases of a scope.
    pub sweep_guard: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { refuse_gap: true, skip_known: true, sweep_needs_complete: true, sweep_guard: true }
    }
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message.
    Send(UploadLeasesResponse),
    /// Commit, in the order of these outputs; answer each with [`LeaseUpload::committed`] or
    /// [`LeaseUpload::not_committed`], in that order. The engine must refuse one that does not start where the server's cursor is.
    /// Events of a listing have no number: such a batch has events, and ends where it starts.
    Commit(LeaseBatch),
    /// Answer with [`LeaseUpload::leases`]: the server's leases with every commit so far in them.
    AskLeases,
    /// Something that people should know.
    Alarm(Alarm),
    /// The stream is over.
    Close,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The spool lost these events before they were sent; a full listing follows.
    Gap {
        /// The first one lost.
        first_seq: u64,
        /// The first one that is there again.
        next_seq: u64,
    },
    /// The spool has fewer events than it once sent: its disk was set back. It must begin anew.
    SpoolWentBack {
        /// The next event awaited.
        next_seq: u64,
        /// The last one that the spool has.
        last_seq: u64,
    },
    /// An event that cannot be read was left out.
    Unreadable {
        /// Its number.
        seq: u64,
        /// Why.
        why: String,
    },
    /// A full listing would close too many leases; an operator must allow it.
    RemovalHeld {
        /// The listing's number.
        resync_id: u64,
        /// How many it would close.
        would_remove: u64,
    },
    /// The agent broke the protocol.
    Protocol(&'static str),
}

#[derive(Debug)]
enum Pending {
    Greeting { resync_required: bool },
    Events,
    Sweep(ResyncAck),
}

/// One server's stream.
#[derive(Debug)]
pub struct LeaseUpload {
    server: ServerName,
    rules: Rules,
    /// Where the stream stands in what is durable.
    durable: Option<LeaseCursor>,
    /// Where it stands once all that was handed to the engine is durable; `None` before the greeting.
    expected: Option<LeaseCursor>,
    /// Events that the spool lost, to be committed before the next batch.
    gap: Option<u64>,
    pending: VecDeque<Pending>,
    /// The number that the agent was asked to rewind to and did not begin with yet.
    rewinding: Option<u64>,
    listing: Option<Listing>,
    out: VecDeque<Output>,
    closed: bool,
}

impl LeaseUpload {
    /// The stream of `server`, of which everything before `known` is durable.
    pub fn new(server: ServerName, known: Option<LeaseCursor>) -> Self {
        Self::with_rules(server, known, Rules::default())
    }

    #[doc(hidden)]
    pub fn with_rules(server: ServerName, known: Option<LeaseCursor>, rules: Rules) -> Self {
        Self {
            server,
            rules,
            durable: known,
            expected: None,
            gap: None,
            pending: VecDeque::new(),
            rewinding: None,
            listing: None,
            out: VecDeque::new(),
            closed: false,
        }
    }

    /// The next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// A message arrived.
    pub fn receive(&mut self, now: Now, message: UploadLeasesRequest) {
        use upload_leases_request::Message;
        match (&self.expected, message.message) {
            _ if self.closed => {}
            (_, None) => {}
            // The greeting is being committed; nobody was told to go on.
            (None, Some(_)) if !self.pending.is_empty() => {}
            (None, Some(Message::Hello(hello))) => self.greeted(now, &hello),
            (None, Some(_)) => self.protocol_error("the first message must be a greeting"),
            (Some(_), Some(Message::Hello(_))) => {}
            (Some(cursor), Some(Message::Batch(batch))) => self.batch(now, *cursor, batch),
            (Some(cursor), Some(Message::ResyncBegin(begin))) => {
                self.admit_gap(now, *cursor);
                self.listing = Some(Listing::new(begin.resync_id, begin.as_of_seq));
            }
            (Some(_), Some(Message::ResyncChunk(chunk))) => {
                if let Some(listing) = self.listing.as_mut().filter(|listing| listing.id() == chunk.resync_id) {
                    listing.add(chunk.leases);
                }
            }
            (Some(_), Some(Message::ResyncEnd(end))) => {
                if let Some(listing) = self.listing.as_mut().filter(|listing| listing.id() == end.resync_id) {
                    listing.end(&end, self.rules.sweep_needs_complete);
                }
                self.sweep_if_ready();
            }
        }
    }

    /// The oldest commit that was asked for is durable.
    pub fn committed(&mut self, cursor: LeaseCursor) {
        self.durable = Some(cursor);
        // A refusal of something older may have set this back while the commit was on its way.
        self.expected =
            self.expected.map(|expected| if expected.epoch == cursor.epoch { expected.max(cursor) } else { expected });
        match self.pending.pop_front() {
            Some(Pending::Greeting { resync_required }) => self.welcome(cursor, resync_required),
            Some(Pending::Events) => self.acknowledge(0),
            Some(Pending::Sweep(ack)) => self.send(Message::ResyncAck(ack)),
            None => {}
        }
        self.sweep_if_ready();
    }

    /// The oldest commit that was asked for was refused and left nothing behind; the engine has the server's stream at
    /// `cursor`. That may be further than this stream knows, where commits of an older one came in between.
    pub fn not_committed(&mut self, cursor: Option<LeaseCursor>) {
        let epoch = self.expected.or(self.durable).map(|cursor| cursor.epoch);
        match cursor {
            Some(cursor) if epoch == Some(cursor.epoch) => self.durable = Some(cursor),
            // Another stream of the server greeted another spool.
            _ => return self.close(),
        }
        match self.pending.pop_front() {
            Some(Pending::Greeting { .. }) => self.close(),
            Some(Pending::Events) => {
                self.expected = self.durable;
                if let Some(cursor) = self.durable {
                    self.acknowledge(PAUSE_MS);
                    self.rewind(cursor.next_seq);
                }
            }
            Some(Pending::Sweep(ack)) => self.send(Message::ResyncAck(ResyncAck { applied: false, ..ack })),
            None => {}
        }
    }

    /// The server's leases, with every commit so far in them; answers [`Output::AskLeases`].
    pub fn leases(&mut self, now: Now, known: &ServerLeases) {
        let (Some(listing), Some(cursor)) = (&mut self.listing, self.expected) else { return };
        let sweep = listing.sweep(&known.leases, now.wall, self.rules.sweep_guard);
        let id = listing.id();
        let ack = ResyncAck {
            resync_id: id,
            applied: matches!(sweep.verdict, Verdict::Whole),
            would_remove: sweep.would_remove,
            held_for_operator: matches!(sweep.verdict, Verdict::Held),
        };
        match sweep.verdict {
            Verdict::Held => {
                self.out
                    .push_back(Output::Alarm(Alarm::RemovalHeld { resync_id: id, would_remove: sweep.would_remove }));
            }
            Verdict::Whole | Verdict::Partial => self.listing = None,
        }
        if sweep.events.is_empty() {
            self.send(Message::ResyncAck(ack));
        } else {
            self.commit(now, cursor, cursor.next_seq, sweep.events, Pending::Sweep(ack));
        }
    }

    /// An operator allows what the listing in hand would close.
    pub fn allow_removal(&mut self, resync_id: u64) {
        if let Some(listing) = self.listing.as_mut().filter(|listing| listing.id() == resync_id) {
            listing.allow();
            self.sweep_if_ready();
        }
    }

    /// Asks for a full listing.
    pub fn ask_listing(&mut self, resync_id: u64, why: &str) {
        self.send(Message::Resync(sync::ResyncRequest { resync_id, why: why.to_owned() }));
    }

    fn greeted(&mut self, now: Now, hello: &UploadHello) {
        let Ok(epoch) = <[u8; 16]>::try_from(hello.spool_epoch.as_slice()) else {
            return self.protocol_error("a spool epoch has 16 bytes");
        };
        let first = hello.first_seq.max(1);
        match self.durable.filter(|cursor| cursor.epoch == epoch) {
            Some(cursor) if hello.last_seq + 1 < cursor.next_seq => {
                let alarm = Alarm::SpoolWentBack { next_seq: cursor.next_seq, last_seq: hello.last_seq };
                self.out.push_back(Output::Alarm(alarm));
                self.welcome(cursor, true);
                // Whatever comes under these numbers now is something else than what is known under them.
                self.expected = None;
                self.close();
            }
            Some(cursor) if first > cursor.next_seq => {
                // The gap is committed before whatever comes next: by then the agent has made a note that it owes a listing.
                let after = LeaseCursor { next_seq: first, ..cursor };
                self.gap = Some(cursor.next_seq);
                self.out.push_back(Output::Alarm(Alarm::Gap { first_seq: cursor.next_seq, next_seq: first }));
                self.welcome(after, true);
            }
            Some(cursor) => self.welcome(cursor, false),
            None => {
                let start = LeaseCursor { epoch, next_seq: 1 };
                self.commit(now, start, first, Vec::new(), Pending::Greeting { resync_required: true });
                self.expected = None;
            }
        }
    }

    fn welcome(&mut self, cursor: LeaseCursor, resync_required: bool) {
        self.expected = Some(cursor);
        self.send(Message::Welcome(UploadWelcome {
            next_seq: cursor.next_seq,
            window_batches: WINDOW_BATCHES,
            batch_bytes: BATCH_BYTES,
            resync_required,
        }));
    }

    fn batch(&mut self, now: Now, cursor: LeaseCursor, batch: sync::LeaseBatch) {
        if self.pending.len() > 2 * WINDOW_BATCHES as usize {
            return self.protocol_error("more batches are unacknowledged than the window allows");
        }
        match cursor.admit(cursor.epoch, batch.first_seq, batch.events.len()) {
            Admission::Rewind { next_seq } if self.rules.refuse_gap => self.rewind(next_seq),
            Admission::Rewind { .. } => self.take(now, cursor, batch.first_seq, &batch.events),
            Admission::Take { .. } if !self.rules.skip_known => {
                self.take(now, cursor, cursor.next_seq, &batch.events);
            }
            Admission::Take { skip } if skip == batch.events.len() => self.acknowledge(0),
            Admission::Take { skip } => {
                self.rewinding = None;
                self.take(now, cursor, cursor.next_seq, &batch.events[skip..]);
            }
            Admission::OtherEpoch => unreachable!("a stream is of the epoch that it was greeted with"),
        }
    }

    /// Makes what the spool lost explicit, before anything from behind it.
    fn admit_gap(&mut self, now: Now, cursor: LeaseCursor) {
        if let Some(lost) = self.gap.take() {
            let before = LeaseCursor { next_seq: lost, ..cursor };
            self.commit(now, before, cursor.next_seq, Vec::new(), Pending::Events);
        }
    }

    fn take(&mut self, now: Now, cursor: LeaseCursor, first_seq: u64, events: &[sync::LeaseEvent]) {
        self.admit_gap(now, cursor);
        let mut from = LeaseCursor { next_seq: first_seq, ..cursor };
        let mut readable = Vec::with_capacity(events.len());
        for (seq, event) in (first_seq..).zip(events) {
            match lease::parse_wire(event) {
                Ok(event) => {
                    if let Some(listing) = &mut self.listing {
                        listing.passed(seq, event.lease.address);
                    }
                    readable.push(event);
                }
                Err(refusal) => {
                    self.out.push_back(Output::Alarm(Alarm::Unreadable { seq, why: refusal.message }));
                    let before = std::mem::take(&mut readable);
                    self.commit(now, from, seq + 1, before, Pending::Events);
                    from.next_seq = seq + 1;
                }
            }
        }
        if !readable.is_empty() {
            let next_seq = from.next_seq + readable.len() as u64;
            self.commit(now, from, next_seq, readable, Pending::Events);
        }
    }

    fn commit(&mut self, now: Now, from: LeaseCursor, next_seq: u64, events: Vec<LeaseEvent>, pending: Pending) {
        self.expected = Some(LeaseCursor { next_seq, ..from });
        self.pending.push_back(pending);
        self.out.push_back(Output::Commit(LeaseBatch {
            server: self.server.clone(),
            epoch: from.epoch,
            first_seq: from.next_seq,
            events,
            next_seq,
            at: now.wall,
        }));
    }

    /// A listing is acted on when every event from before it is durable.
    fn sweep_if_ready(&mut self) {
        let (Some(listing), Some(durable)) = (&mut self.listing, self.durable) else { return };
        if self.pending.is_empty() && listing.ready(durable.next_seq) {
            self.out.push_back(Output::AskLeases);
        }
    }

    fn acknowledge(&mut self, min_interval_ms: u32) {
        let Some(durable) = self.durable else { return };
        self.send(Message::Ack(BatchAck {
            acked_seq: durable.next_seq - 1,
            window_batches: WINDOW_BATCHES,
            min_interval_ms,
        }));
    }

    /// Asks once for a rewind: the batches that were under way already start too late as well.
    fn rewind(&mut self, next_seq: u64) {
        if self.rewinding != Some(next_seq) {
            self.rewinding = Some(next_seq);
            self.send(Message::Rewind(Rewind { next_seq }));
        }
    }

    fn send(&mut self, message: Message) {
        self.out.push_back(Output::Send(UploadLeasesResponse { message: Some(message) }));
    }

    fn protocol_error(&mut self, what: &'static str) {
        self.out.push_back(Output::Alarm(Alarm::Protocol(what)));
        self.close();
    }

    fn close(&mut self) {
        self.closed = true;
        self.out.push_back(Output::Close);
    }
}
