//! Lease events of one server, from its spool to the controller.
//!
//! The spool is somebody else's: this machine asks for events that are durable in it ([`Output::Read`]), sends them in
//! order within the window that the controller sets (P22), goes back when asked to (P18), and says what was
//! acknowledged, so that the spool may let go of it after its grace window (P20).
//!
//! A full listing is owed once per spool and incarnation of the store, when the controller asks for one, and when it has
//! forgotten events that it acknowledged: then it may have forgotten what an earlier listing closed, too. That it is
//! owed is noted durably before anything else is sent, until the controller says that it carried it out (P21).
//! Nothing in here outlives the stream but that note.

use freehold_core::time::Now;
use freehold_proto::sync::{
    LeaseBatch, LeaseEvent, ResyncAck, ResyncBegin, ResyncChunk, ResyncEnd, UploadHello, UploadLeasesRequest,
    UploadLeasesResponse, upload_leases_request::Message, upload_leases_response,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;

/// Most events in a batch (P22).
pub const BATCH_EVENTS: usize = 500;
/// Without any acknowledgement for so long the stream is given up, in milliseconds.
pub const STALLED_MS: u64 = 60_000;
/// How long after a listing that was not carried out the next one begins, in milliseconds.
const RELIST_MS: u64 = 60_000;

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message.
    Send(UploadLeasesRequest),
    /// Note durably for which incarnation of the store a full listing of this spool was carried out, if for any,
    /// before anything that follows is done.
    Listed(Option<u64>),
    /// Answer with [`Upload::read`]: events that are durable in the spool, at most so many, from this number on.
    Read {
        /// The first one.
        from: u64,
        /// How many at most.
        most: usize,
    },
    /// Read all of the server's leases and hand them to [`Upload::listed`], then [`Upload::listing_done`], under this
    /// number. A listing under an older number may stop.
    List(u64),
    /// The controller has every event up to this one durably.
    Acknowledged(u64),
    /// The controller knows more of this spool than it has: it lost its tail. Begin a new epoch, then dial again.
    NewEpoch,
    /// Close the stream and dial again.
    HangUp,
}

/// Where a spool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spool {
    /// 16 random bytes made with it.
    pub epoch: [u8; 16],
    /// The first event that it still has; one more than the last if it has none.
    pub first_seq: u64,
    /// The last event that is durable in it; 0 if there never was one.
    pub last_seq: u64,
    /// The last event that the controller acknowledged; 0 if there never was one.
    pub acked_seq: u64,
    /// The incarnation of the store for which a full listing was carried out, if there was one of this spool.
    pub listed: Option<u64>,
}

#[derive(Debug)]
struct Listing {
    id: u64,
    count: u64,
    sha: Sha256,
    /// All of it was sent; the answer is awaited until this tick.
    ended: Option<u64>,
}

/// One server's stream of lease events.
#[derive(Debug)]
pub struct Upload {
    server: String,
    spool: Spool,
    incarnation: u64,
    welcomed: bool,
    next_seq: u64,
    /// Last numbers of the batches that are not acknowledged, in order.
    in_flight: VecDeque<u64>,
    reading: bool,
    window: usize,
    batch_bytes: usize,
    not_before: u64,
    heard_at: u64,
    listings: u64,
    listing: Option<Listing>,
    relist_at: Option<u64>,
    over: bool,
    out: VecDeque<Output>,
}

impl Upload {
    /// The stream of server `id`, just opened to a store of this incarnation; the greeting is its first message.
    pub fn new(id: &str, spool: Spool, incarnation: u64, now: Now) -> Self {
        let hello = UploadHello {
            server_id: id.to_owned(),
            spool_epoch: spool.epoch.to_vec(),
            first_seq: spool.first_seq,
            last_seq: spool.last_seq,
        };
        Self {
            server: id.to_owned(),
            spool,
            incarnation,
            welcomed: false,
            next_seq: 0,
            in_flight: VecDeque::new(),
            reading: false,
            window: 0,
            batch_bytes: 0,
            not_before: 0,
            heard_at: now.ticks,
            listings: 0,
            listing: None,
            relist_at: None,
            over: false,
            out: VecDeque::from([send(Message::Hello(hello))]),
        }
    }

    /// Which server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Upload::tick`], in ticks.
    pub fn deadline(&self) -> Option<u64> {
        if self.over {
            return None;
        }
        let stalled = self.awaits_answer().then_some(self.heard_at + STALLED_MS);
        let paused =
            (self.has_more() && !self.reading && self.in_flight.len() < self.window).then_some(self.not_before);
        let listing = self.listing.as_ref().and_then(|listing| listing.ended);
        [stalled, paused, listing, self.relist_at].into_iter().flatten().min()
    }

    /// When a listing that was not carried out is made again, in ticks.
    pub fn relists_at(&self) -> Option<u64> {
        self.relist_at
    }

    /// The spool has more, or let go of what was acknowledged.
    pub fn spooled(&mut self, now: Now, first_seq: u64, last_seq: u64) {
        if !self.awaits_answer() {
            self.heard_at = now.ticks;
        }
        (self.spool.first_seq, self.spool.last_seq) = (first_seq, last_seq);
        self.read_more(now);
    }

    /// Events out of the spool, from `first_seq` on; answers [`Output::Read`].
    pub fn read(&mut self, now: Now, first_seq: u64, events: Vec<LeaseEvent>) {
        self.reading = false;
        if first_seq == self.next_seq && events.is_empty() {
            // The spool let go of them; the next greeting says so.
            return self.hang_up();
        }
        if first_seq == self.next_seq {
            let mut bytes = 0;
            let fits = events.iter().take_while(|event| {
                bytes += event.encoded_len() + 4;
                bytes <= self.batch_bytes
            });
            // One event always goes, however large.
            let count = fits.count().max(1);
            let events: Vec<_> = events.into_iter().take(count).collect();
            if !self.awaits_answer() {
                self.heard_at = now.ticks;
            }
            self.next_seq += events.len() as u64;
            self.in_flight.push_back(self.next_seq - 1);
            self.out.push_back(send(Message::Batch(LeaseBatch { first_seq, events })));
        }
        self.read_more(now);
    }

    /// A part of the full listing; answers [`Output::List`].
    pub fn listed(&mut self, id: u64, leases: Vec<LeaseEvent>) {
        let Some(listing) = self.growing(id) else { return };
        for lease in &leases {
            listing.sha.update(lease.encode_to_vec());
        }
        listing.count += leases.len() as u64;
        let chunk = ResyncChunk { resync_id: listing.id, leases };
        self.out.push_back(send(Message::ResyncChunk(chunk)));
    }

    /// The listing is over; `source_complete` if all of the server's leases were read.
    pub fn listing_done(&mut self, now: Now, id: u64, source_complete: bool) {
        let Some(listing) = self.growing(id) else { return };
        listing.ended = Some(now.ticks + 5 * STALLED_MS);
        let end = ResyncEnd {
            resync_id: listing.id,
            count: listing.count,
            digest: listing.sha.clone().finalize().to_vec(),
            source_complete,
        };
        self.out.push_back(send(Message::ResyncEnd(end)));
    }

    /// The time has come for something.
    pub fn tick(&mut self, now: Now) {
        let unanswered = self.listing.as_ref().and_then(|listing| listing.ended).is_some_and(|at| now.ticks >= at);
        if (self.awaits_answer() && now.ticks >= self.heard_at + STALLED_MS) || unanswered {
            return self.hang_up();
        }
        if self.relist_at.is_some_and(|at| now.ticks >= at) {
            self.relist_at = None;
            self.list(None);
        }
        self.read_more(now);
    }

    /// A message arrived.
    pub fn receive(&mut self, now: Now, message: UploadLeasesResponse) {
        use upload_leases_response::Message;
        self.heard_at = now.ticks;
        match message.message {
            _ if self.over => {}
            None => {}
            Some(Message::Welcome(_)) if self.welcomed => {}
            Some(Message::Welcome(welcome)) => {
                if welcome.next_seq > self.spool.last_seq + 1 {
                    self.out.push_back(Output::NewEpoch);
                    return self.hang_up();
                }
                if welcome.next_seq < self.spool.first_seq {
                    // The spool let go of those since the greeting; the next greeting says so.
                    return self.hang_up();
                }
                self.welcomed = true;
                self.next_seq = welcome.next_seq;
                self.window = welcome.window_batches.clamp(1, 64) as usize;
                self.batch_bytes = welcome.batch_bytes.clamp(1024, 4 << 20) as usize;
                let forgotten = welcome.next_seq <= self.spool.acked_seq;
                if (welcome.resync_required || forgotten) && self.spool.listed.take().is_some() {
                    self.out.push_back(Output::Listed(None));
                }
                if self.spool.listed != Some(self.incarnation) {
                    self.list(None);
                }
            }
            Some(Message::Ack(ack)) => {
                while self.in_flight.front().is_some_and(|last| *last <= ack.acked_seq) {
                    self.in_flight.pop_front();
                }
                self.window = ack.window_batches.clamp(1, 64) as usize;
                self.not_before = now.ticks + u64::from(ack.min_interval_ms);
                self.spool.acked_seq = self.spool.acked_seq.max(ack.acked_seq);
                self.out.push_back(Output::Acknowledged(ack.acked_seq));
            }
            Some(Message::Rewind(rewind)) if rewind.next_seq < self.spool.first_seq => {
                return self.hang_up();
            }
            Some(Message::Rewind(rewind)) => {
                self.next_seq = rewind.next_seq;
                self.in_flight.clear();
            }
            Some(Message::Resync(request)) => self.list(Some(request.resync_id)),
            Some(Message::ResyncAck(ack)) => self.listing_answered(now, &ack),
        }
        self.read_more(now);
    }

    fn listing_answered(&mut self, now: Now, ack: &ResyncAck) {
        if self.listing.as_ref().is_none_or(|listing| listing.id != ack.resync_id) {
            return;
        }
        if ack.held_for_operator {
            // The operator may take days; the answer comes on this stream, or to a later listing.
            self.listing.iter_mut().for_each(|listing| listing.ended = Some(u64::MAX));
        } else {
            self.listing = None;
            self.relist_at = (!ack.applied).then_some(now.ticks + RELIST_MS);
        }
        if ack.applied && self.spool.listed != Some(self.incarnation) {
            self.spool.listed = Some(self.incarnation);
            self.out.push_back(Output::Listed(self.spool.listed));
        }
    }

    /// The position is taken and told before the server's leases are read: what changes meanwhile comes as an event
    /// with a later number, and those win.
    fn list(&mut self, id: Option<u64>) {
        self.listings += 1;
        let id = id.unwrap_or(self.listings);
        self.listing = Some(Listing { id, count: 0, sha: Sha256::new(), ended: None });
        let begin = ResyncBegin { resync_id: id, as_of_seq: self.spool.last_seq };
        self.out.push_back(send(Message::ResyncBegin(begin)));
        self.out.push_back(Output::List(id));
    }

    fn growing(&mut self, id: u64) -> Option<&mut Listing> {
        self.listing.as_mut().filter(|listing| listing.id == id && listing.ended.is_none())
    }

    fn hang_up(&mut self) {
        self.over = true;
        self.out.push_back(Output::HangUp);
    }

    fn awaits_answer(&self) -> bool {
        !self.welcomed || !self.in_flight.is_empty()
    }

    fn has_more(&self) -> bool {
        self.welcomed && !self.over && self.next_seq <= self.spool.last_seq
    }

    fn read_more(&mut self, now: Now) {
        if self.has_more() && !self.reading && self.in_flight.len() < self.window && now.ticks >= self.not_before {
            self.reading = true;
            self.out.push_back(Output::Read { from: self.next_seq, most: BATCH_EVENTS });
        }
    }
}

fn send(message: Message) -> Output {
    Output::Send(UploadLeasesRequest { message: Some(message) })
}
