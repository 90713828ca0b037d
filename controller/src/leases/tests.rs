//! The keeper on a ledger in memory: exactly once, in order, and the same after a replay.

use super::*;
use crate::ledger::{Identity, MemoryLedger};
use crate::view::Point;
use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::name::{AgentName, ServerName};
use freehold_proto::convert::stored;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const EPOCH: [u8; 16] = [9; 16];

fn server() -> ServerName {
    ServerName::new(AgentName::from_id("berlin-1").expect("a name"), "kea4").expect("a name")
}

fn granted(number: u32) -> LeaseEvent {
    LeaseEvent {
        kind: LeaseEventKind::Granted,
        lease: Lease {
            address: Ipv4Addr::from(0x0a00_0000 + number).into(),
            prefix_len: 32,
            subnet_id: 1,
            hardware: vec![2, 0, 0, 0, 0, u8::try_from(number).expect("small")],
            client_id: Vec::new(),
            duid: Vec::new(),
            iaid: 0,
            host_name: String::new(),
            cltt: Timestamp(1000),
            valid_seconds: 3600,
            state: LeaseState::Granted,
        },
        observed: Timestamp(1000),
        folded: 0,
    }
}

fn start(ledger: MemoryLedger, book: LeaseBook) -> (LeaseKeeper, Running, mpsc::Receiver<DurableLeases>) {
    let (views, durable) = mpsc::channel(1024);
    let (keeper, running) = LeaseKeeper::start(Box::new(ledger), book, views);
    (keeper, running, durable)
}

fn batch(first_seq: u64, numbers: std::ops::Range<u32>) -> LeaseBatch {
    let events: Vec<_> = numbers.map(granted).collect();
    let next_seq = first_seq + events.len() as u64;
    LeaseBatch { server: server(), epoch: EPOCH, first_seq, events, next_seq, at: Timestamp(5) }
}

fn at(next_seq: u64) -> Result<LeaseCursor, NotTaken> {
    Ok(LeaseCursor { epoch: EPOCH, next_seq })
}

#[tokio::test]
async fn only_what_begins_where_the_stream_stands_is_taken() {
    let ledger = MemoryLedger::new(Identity { store_id: [1; 16], incarnation: 1 });
    let (keeper, running, _views) = start(ledger.rival(), LeaseBook::default());
    let elsewhere = Err(NotTaken::Elsewhere);
    assert_eq!(keeper.commit(batch(1, 1..3)).await, elsewhere, "not greeted yet");
    assert_eq!(keeper.commit(batch(1, 0..0)).await, at(1), "a greeting");
    assert_eq!(keeper.commit(batch(1, 1..4)).await, at(4));
    assert_eq!(keeper.commit(batch(1, 1..4)).await, elsewhere, "known");
    assert_eq!(keeper.commit(batch(5, 5..6)).await, elsewhere, "a gap");
    assert_eq!(keeper.commit(LeaseBatch { next_seq: 9, ..batch(4, 4..6) }).await, elsewhere, "miscounted");
    assert_eq!(keeper.commit(batch(4, 4..6)).await, at(6));
    assert_eq!(keeper.commit(LeaseBatch { next_seq: 8, ..batch(6, 0..0) }).await, at(8), "an explicit gap");
    assert_eq!(keeper.commit(LeaseBatch { next_seq: 8, ..batch(8, 8..9) }).await, at(8), "events of a listing");

    let stored: Vec<_> = keeper
        .history()
        .read(1)
        .expect("read")
        .flat_map(|frame| stored::decode_leases(&frame.expect("frame").payload).expect("decodes"))
        .flat_map(|batch| batch.events)
        .collect();
    assert_eq!(stored, [1, 2, 3, 4, 5, 8].map(granted));

    let before = keeper.book();
    drop(keeper);
    running.join().expect("a clean end");
    let mut replayed = LeaseBook::default();
    crate::recover::replay(&mut replayed, &*ledger.history(), Point::START, &mut BTreeSet::new()).expect("replayed");
    let leases = |book: &LeaseBook| book.of(&server()).map(|s| (s.cursor, s.leases.clone()));
    assert_eq!(leases(&replayed), leases(&before));
}
