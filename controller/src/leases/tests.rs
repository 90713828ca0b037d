//! The keeper on a ledger in memory: exactly once, in order, and the same after a replay.

use super::*;
use crate::ledger::{Identity, MemoryLedger};
use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseEventKind, LeaseState};
use freehold_core::name::AgentName;
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
    let (keeper, running) = LeaseKeeper::start(Box::new(ledger), book, Arc::new(|| Timestamp(5)), views);
    (keeper, running, durable)
}

#[tokio::test]
async fn every_event_is_taken_once_whatever_is_sent_twice() {
    let ledger = MemoryLedger::new(Identity { store_id: [1; 16], incarnation: 1 });
    let (keeper, running, _views) = start(ledger.rival(), LeaseBook::default());
    let take =
        |first: u64, numbers: std::ops::Range<u32>| keeper.take(server(), EPOCH, first, numbers.map(granted).collect());
    assert_eq!(take(1, 1..3).await, Ok(Taken::OtherEpoch), "not greeted yet");
    keeper.follow(server(), LeaseCursor { epoch: EPOCH, next_seq: 1 }).await.expect("greeted");
    assert_eq!(take(1, 1..4).await, Ok(Taken::Durable { next_seq: 4 }));
    assert_eq!(take(1, 1..4).await, Ok(Taken::Durable { next_seq: 4 }), "all known");
    assert_eq!(take(3, 3..6).await, Ok(Taken::Durable { next_seq: 6 }), "one known");
    assert_eq!(take(8, 8..9).await, Ok(Taken::Rewind { next_seq: 6 }), "a gap");

    let stored: Vec<_> = keeper
        .history()
        .read(1)
        .expect("read")
        .flat_map(|frame| stored::decode_leases(&frame.expect("frame").payload).expect("decodes"))
        .flat_map(|batch| batch.events)
        .collect();
    assert_eq!(stored, (1..6).map(granted).collect::<Vec<_>>());

    let before = keeper.book();
    drop(keeper);
    running.join().expect("a clean end");
    let mut replayed = LeaseBook::default();
    replay(&mut replayed, &*ledger.history(), 0).expect("replayed");
    let leases = |book: &LeaseBook| book.of(&server()).map(|s| (s.cursor, s.leases.clone()));
    assert_eq!(leases(&replayed), leases(&before));
}
