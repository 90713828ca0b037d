use super::*;
use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseBook, LeaseEventKind, LeaseState};
use freehold_proto::sync::{ResyncBegin, ResyncChunk, ResyncEnd, upload_leases_request::Message as Up};
use proptest::prelude::*;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use std::net::Ipv4Addr;

const EPOCH: [u8; 16] = [4; 16];

fn now() -> Now {
    Now { ticks: 0, wall: Timestamp(5_000) }
}

fn server() -> ServerName {
    "servers/berlin-1/kea4".parse().expect("a name")
}

fn cursor(next_seq: u64) -> LeaseCursor {
    LeaseCursor { epoch: EPOCH, next_seq }
}

/// A lease of the address 10.0.x.y, where x.y is `n`; its time tells events apart.
fn event(n: u16, at: i64) -> LeaseEvent {
    let [x, y] = n.to_be_bytes();
    let lease = Lease {
        address: Ipv4Addr::new(10, 0, x, y).into(),
        prefix_len: 32,
        subnet_id: 1,
        hardware: vec![1; 6],
        client_id: Vec::new(),
        duid: Vec::new(),
        iaid: 0,
        host_name: String::new(),
        cltt: Timestamp(at),
        valid_seconds: 600,
        state: LeaseState::Granted,
    };
    LeaseEvent { kind: LeaseEventKind::Granted, lease, observed: Timestamp(at), folded: 0 }
}

fn events(from: u64, count: u64) -> Vec<sync::LeaseEvent> {
    (from..from + count).map(|seq| lease::wire(&event(u16::try_from(seq).expect("small"), 0))).collect()
}

/// A stream with an engine behind it that keeps what is committed.
struct Bench {
    upload: LeaseUpload,
    durable: Vec<LeaseBatch>,
    book: LeaseBook,
    /// Commits wait to be settled by hand.
    slow: bool,
    waiting: Vec<LeaseBatch>,
}

impl Bench {
    fn new(known: Option<u64>) -> Self {
        let mut book = LeaseBook::default();
        known.into_iter().for_each(|next| book.set_cursor(&server(), cursor(next)));
        let upload = LeaseUpload::new(server(), known.map(cursor));
        Self { upload, durable: Vec::new(), book, slow: false, waiting: Vec::new() }
    }

    /// Greeted by a spool that has the events from `first` to `last`.
    fn greeted(known: Option<u64>, first_seq: u64, last_seq: u64) -> (Self, Vec<Output>) {
        let mut bench = Self::new(known);
        let hello = UploadHello { server_id: "kea4".into(), spool_epoch: EPOCH.to_vec(), first_seq, last_seq };
        let outputs = bench.say(Up::Hello(hello));
        (bench, outputs)
    }

    fn say(&mut self, message: Up) -> Vec<Output> {
        self.upload.receive(now(), UploadLeasesRequest { message: Some(message) });
        self.settle()
    }

    fn batch(&mut self, first_seq: u64, count: u64) -> Vec<Output> {
        self.say(Up::Batch(sync::LeaseBatch { first_seq, events: events(first_seq, count) }))
    }

    fn settle(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.upload.poll() {
            match output {
                Output::Commit(batch) if self.slow => self.waiting.push(batch),
                Output::Commit(batch) => self.commit(batch),
                Output::AskLeases => {
                    let known = self.book.of(&server()).cloned().unwrap_or_default();
                    self.upload.leases(now(), &known);
                }
                other => outputs.push(other),
            }
        }
        outputs
    }

    fn commit(&mut self, batch: LeaseBatch) {
        batch.events.iter().for_each(|event| self.book.apply(&server(), event));
        self.book.set_cursor(&server(), LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq });
        self.upload.committed(LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq });
        self.durable.push(batch);
    }

    /// Makes the oldest waiting commit durable, or refuses it.
    fn settle_one(&mut self, done: bool) -> Vec<Output> {
        let batch = self.waiting.remove(0);
        let at = self.book.of(&server()).and_then(|leases| leases.cursor);
        if done && at.is_none_or(|at| at.next_seq == batch.first_seq) {
            self.commit(batch);
        } else {
            self.upload.not_committed(at);
        }
        self.settle()
    }

    fn ranges(&self) -> Vec<(u64, usize, u64)> {
        self.durable.iter().map(|batch| (batch.first_seq, batch.events.len(), batch.next_seq)).collect()
    }

    /// Sends a full listing of these addresses, as of `as_of_seq`.
    fn list(&mut self, id: u64, as_of_seq: u64, addresses: &[u16], source_complete: bool) -> Vec<Output> {
        let leases: Vec<_> = addresses.iter().map(|n| lease::wire(&event(*n, 0))).collect();
        let bytes: Vec<u8> = leases.iter().flat_map(sync::LeaseEvent::encode_to_vec).collect();
        let (count, digest) = (leases.len() as u64, Sha256::digest(bytes).to_vec());
        let mut outputs = self.say(Up::ResyncBegin(ResyncBegin { resync_id: id, as_of_seq }));
        outputs.extend(self.say(Up::ResyncChunk(ResyncChunk { resync_id: id, leases })));
        outputs.extend(self.say(Up::ResyncEnd(ResyncEnd { resync_id: id, count, digest, source_complete })));
        outputs
    }

    fn known(&self) -> Vec<u16> {
        let number = |address: &std::net::IpAddr| match address {
            std::net::IpAddr::V4(v4) => u16::from_be_bytes([v4.octets()[2], v4.octets()[3]]),
            std::net::IpAddr::V6(_) => 0,
        };
        self.book.of(&server()).map(|leases| leases.leases.keys().map(number).collect()).unwrap_or_default()
    }
}

fn sent(message: Message) -> Output {
    Output::Send(UploadLeasesResponse { message: Some(message) })
}

fn welcome(next_seq: u64, resync_required: bool) -> Output {
    sent(Message::Welcome(UploadWelcome { next_seq, window_batches: 4, batch_bytes: 262_144, resync_required }))
}

fn acked(acked_seq: u64) -> Output {
    sent(Message::Ack(BatchAck { acked_seq, window_batches: 4, min_interval_ms: 0 }))
}

fn rewind(next_seq: u64) -> Output {
    sent(Message::Rewind(Rewind { next_seq }))
}

fn resync_ack(resync_id: u64, applied: bool, would_remove: u64, held_for_operator: bool) -> Output {
    sent(Message::ResyncAck(ResyncAck { resync_id, applied, would_remove, held_for_operator }))
}

#[test]
fn p17_a_new_spool_is_made_known_before_anything_is_taken_from_it() {
    let (bench, outputs) = Bench::greeted(None, 1, 9);
    assert_eq!(outputs, [welcome(1, true)]);
    assert_eq!(bench.ranges(), [(1, 0, 1)]);
}

#[test]
fn p18_a_known_spool_goes_on_where_the_store_is() {
    let (mut bench, outputs) = Bench::greeted(Some(5), 1, 9);
    assert_eq!(outputs, [welcome(5, false)]);
    assert_eq!(bench.batch(5, 3), [acked(7)]);
    assert_eq!(bench.ranges(), [(5, 3, 8)]);
}

#[test]
fn p18_only_what_is_durable_is_acknowledged() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 9);
    bench.slow = true;
    assert_eq!(bench.batch(1, 3), []);
    assert_eq!(bench.batch(4, 3), []);
    assert_eq!(bench.settle_one(true), [acked(3)]);
    assert_eq!(bench.settle_one(true), [acked(6)]);
}

#[test]
fn p18_a_gap_is_answered_once_with_a_rewind() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 20);
    assert_eq!(bench.batch(4, 3), [rewind(1)]);
    assert_eq!(bench.batch(7, 3), [], "it was under way already");
    assert_eq!(bench.batch(1, 3), [acked(3)]);
    assert_eq!(bench.batch(9, 1), [rewind(4)]);
    assert_eq!(bench.ranges(), [(1, 3, 4)]);
}

#[test]
fn p18_what_is_known_is_skipped_and_acknowledged_again() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 20);
    bench.batch(1, 4);
    assert_eq!(bench.batch(1, 4), [acked(4)]);
    assert_eq!(bench.batch(3, 4), [acked(6)]);
    assert_eq!(bench.ranges(), [(1, 4, 5), (5, 2, 7)]);
}

#[test]
fn p18_what_could_not_be_committed_is_asked_for_again() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 20);
    bench.slow = true;
    bench.batch(1, 2);
    bench.batch(3, 2);
    let pause = sent(Message::Ack(BatchAck { acked_seq: 0, window_batches: 4, min_interval_ms: 1000 }));
    assert_eq!(bench.settle_one(false), [pause.clone(), rewind(1)]);
    assert_eq!(bench.batch(1, 2), []);
    assert_eq!(bench.settle_one(true), [pause, rewind(1)], "what came after a gap is refused, too");
    bench.slow = false;
    assert_eq!(bench.settle_one(true), [acked(2)]);
    assert_eq!(bench.batch(3, 2), [acked(4)]);
    assert_eq!(bench.ranges(), [(1, 2, 3), (3, 2, 5)]);
}

#[test]
fn p20_a_store_that_was_restored_asks_for_what_it_lost() {
    let (_, outputs) = Bench::greeted(Some(3), 1, 900);
    assert_eq!(outputs, [welcome(3, false)]);
}

#[test]
fn p23_a_gap_in_the_spool_is_explicit_and_asks_for_a_listing() {
    let (mut bench, outputs) = Bench::greeted(Some(3), 8, 9);
    assert_eq!(outputs, [Output::Alarm(Alarm::Gap { first_seq: 3, next_seq: 8 }), welcome(8, true)]);
    assert_eq!(bench.ranges(), [], "until the agent has noted that it owes a listing");
    assert_eq!(bench.batch(8, 2), [acked(7), acked(9)]);
    assert_eq!(bench.ranges(), [(3, 0, 8), (8, 2, 10)]);
}

#[test]
fn p23_an_empty_spool_behind_a_gap_can_still_be_listed() {
    let (mut bench, _) = Bench::greeted(Some(3), 8, 7);
    assert_eq!(bench.list(1, 7, &[1], true), [acked(7), resync_ack(1, true, 0, false)]);
    assert_eq!(bench.ranges(), [(3, 0, 8), (8, 1, 8)]);
}

#[test]
fn a_spool_that_was_set_back_must_begin_anew() {
    let (_, outputs) = Bench::greeted(Some(10), 1, 5);
    let alarm = Alarm::SpoolWentBack { next_seq: 10, last_seq: 5 };
    assert_eq!(outputs, [Output::Alarm(alarm), welcome(10, true), Output::Close]);
}

#[test]
fn an_unreadable_event_is_left_out_and_those_behind_it_go_on() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 9);
    let mut events = events(1, 5);
    events[2].address = vec![1, 2, 3];
    let outputs = bench.say(Up::Batch(sync::LeaseBatch { first_seq: 1, events }));
    assert!(matches!(outputs.first(), Some(Output::Alarm(Alarm::Unreadable { seq: 3, .. }))));
    assert_eq!(outputs.last(), Some(&acked(5)));
    assert_eq!(bench.ranges(), [(1, 2, 4), (4, 2, 6)]);
}

#[test]
fn p22_more_than_the_window_ends_the_stream() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 99);
    bench.slow = true;
    let outputs: Vec<_> = (0..12).flat_map(|n| bench.batch(1 + n, 1)).collect();
    assert!(matches!(outputs[..], [Output::Alarm(Alarm::Protocol(_)), Output::Close]), "{outputs:?}");
}

#[test]
fn p21_a_whole_listing_marks_and_sweeps() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 30);
    bench.batch(1, 30);
    let outputs = bench.list(9, 30, &(5..36).collect::<Vec<_>>(), true);
    assert_eq!(outputs, [resync_ack(9, true, 4, false)]);
    assert_eq!(bench.known(), (5..36).collect::<Vec<u16>>());
    let swept = bench.durable.last().expect("a sweep");
    assert_eq!((swept.first_seq, swept.next_seq), (31, 31), "events of a listing have no number");
    assert!(swept.events[..5].iter().all(|event| event.kind == LeaseEventKind::Seen));
    assert!(swept.events[5..].iter().all(|event| event.kind == LeaseEventKind::Removed));
}

#[test]
fn p21_a_listing_waits_for_the_events_before_it() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 9);
    assert_eq!(bench.list(1, 2, &[1, 2], true), []);
    assert_eq!(bench.batch(1, 1), [acked(1)]);
    assert_eq!(bench.batch(2, 1), [acked(2), resync_ack(1, true, 0, false)]);
}

#[test]
fn p21_an_incomplete_or_damaged_listing_closes_nothing() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 9);
    bench.batch(1, 9);
    assert_eq!(bench.list(1, 9, &[1, 2, 3, 50], false), [resync_ack(1, false, 6, false)]);
    assert_eq!(bench.known(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 50], "what it shows is taken over");
    bench.say(Up::ResyncBegin(ResyncBegin { resync_id: 2, as_of_seq: 9 }));
    let end = ResyncEnd { resync_id: 2, count: 3, digest: vec![0; 32], source_complete: true };
    assert_eq!(bench.say(Up::ResyncEnd(end)), [resync_ack(2, false, 10, false)]);
    assert_eq!(bench.known().len(), 10);
}

#[test]
fn p21_an_empty_listing_is_not_a_deletion() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 3);
    bench.batch(1, 3);
    let outputs = bench.list(1, 3, &[], true);
    let alarm = Output::Alarm(Alarm::RemovalHeld { resync_id: 1, would_remove: 3 });
    assert_eq!(outputs, [alarm, resync_ack(1, false, 3, true)]);
    assert_eq!(bench.known(), [1, 2, 3]);
}

#[test]
fn p21_more_than_the_guard_waits_for_an_operator() {
    for (known, kept, held) in [(100, 80, false), (100, 79, true), (300, 270, false), (300, 269, true)] {
        let (mut bench, _) = Bench::greeted(Some(1), 1, known);
        bench.batch(1, known);
        let kept: Vec<u16> = (1..=kept).collect();
        let outputs = bench.list(1, known, &kept, true);
        let removed = known - kept.len() as u64;
        assert_eq!(outputs.last(), Some(&resync_ack(1, !held, removed, held)), "{known} {}", kept.len());
        if held {
            assert_eq!(bench.known().len() as u64, known);
            bench.upload.allow_removal(1);
            assert_eq!(bench.settle(), [resync_ack(1, true, removed, false)]);
        }
        assert_eq!(bench.known(), kept);
    }
}

#[test]
fn p21_events_from_behind_a_listing_win_over_it() {
    let (mut bench, _) = Bench::greeted(Some(1), 1, 9);
    bench.batch(1, 3);
    bench.say(Up::ResyncBegin(ResyncBegin { resync_id: 1, as_of_seq: 3 }));
    bench.batch(4, 1);
    let leases: Vec<_> = [1, 2, 3].map(|n| lease::wire(&event(n, 0))).into();
    let bytes: Vec<u8> = leases.iter().flat_map(sync::LeaseEvent::encode_to_vec).collect();
    bench.say(Up::ResyncChunk(ResyncChunk { resync_id: 1, leases }));
    let digest = Sha256::digest(bytes).to_vec();
    let end = ResyncEnd { resync_id: 1, count: 3, digest, source_complete: true };
    assert_eq!(bench.say(Up::ResyncEnd(end)), [resync_ack(1, true, 0, false)]);
    assert_eq!(bench.known(), [1, 2, 3, 4], "4 was granted after the listing was begun");
}

proptest! {
    /// I3: however batches are cut, repeated, left out and refused, what is durable is contiguous, in order, once.
    #[test]
    fn i3_every_event_is_durable_once_and_in_order(
        steps in proptest::collection::vec((1u64..60, 1u64..12, 0u8..4), 1..80)
    ) {
        let (mut bench, _) = Bench::greeted(Some(1), 1, 80);
        bench.slow = true;
        for (first, count, then) in steps {
            if bench.waiting.len() < 6 {
                bench.batch(first, count);
            }
            if then > 0 && !bench.waiting.is_empty() {
                bench.settle_one(then > 1);
            }
        }
        let mut next = 1;
        for batch in &bench.durable {
            prop_assert_eq!(batch.first_seq, next);
            prop_assert_eq!(batch.next_seq - next, batch.events.len() as u64);
            for (seq, taken) in (next..).zip(&batch.events) {
                prop_assert_eq!(taken, &event(u16::try_from(seq).expect("small"), 0));
            }
            next = batch.next_seq;
        }
    }
}
