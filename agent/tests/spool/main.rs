//! The lease spool through its public face, on a disk that loses power.

mod grace;
mod power_loss;
mod stored;

use std::sync::Arc;

use freehold_agent::spool::{Batch, Epochs, Options, Spool, SpoolError};
use freehold_journal::Disk;
use freehold_journal::sim::{Fault, Operation, Outcome, SimDisk};
use freehold_proto::sync::{LeaseEvent, lease_event::Kind};

const SMALL: Options = Options { segment_bytes: 8 << 10, limit_bytes: 96 << 10, grace_ms: 1000 };

/// Epochs 1, 2, 3 … in this process; every opening starts at its own number.
fn epochs(first: u8) -> Epochs {
    let mut next = first;
    Box::new(move || {
        next += 1;
        [next - 1; 16]
    })
}

fn open(disk: &SimDisk, options: &Options, epoch: u8) -> Spool {
    try_open(disk, options, epoch).expect("opens")
}

fn try_open(disk: &SimDisk, options: &Options, epoch: u8) -> Result<Spool, SpoolError> {
    Spool::open(Arc::new(disk.clone()), options.clone(), epochs(epoch))
}

/// An event of lease `lease`, told apart by `id`.
fn event(kind: Kind, lease: u8, id: u64) -> LeaseEvent {
    LeaseEvent {
        kind: kind.into(),
        address: vec![10, 0, 0, lease],
        hardware: id.to_be_bytes().to_vec(),
        host_name: "a-host-name-of-some-length".to_owned(),
        ..LeaseEvent::default()
    }
}

fn id(event: &LeaseEvent) -> u64 {
    u64::from_be_bytes(event.hardware.as_slice().try_into().expect("8 bytes"))
}

fn renewals(ids: std::ops::Range<u64>) -> Vec<LeaseEvent> {
    ids.map(|id| event(Kind::Granted, 1, id)).collect()
}

fn all(spool: &Spool) -> Batch {
    let mut reader = spool.reader();
    reader.read(spool.status().first_seq, usize::MAX, usize::MAX).expect("reads")
}

fn ids(spool: &Spool) -> Vec<u64> {
    all(spool).events.iter().map(id).collect()
}

#[test]
fn what_was_appended_is_there_after_reopening_with_its_position() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &Options::default(), 7);
    assert_eq!((spool.status().first_seq, spool.status().last_seq), (1, 0));
    assert_eq!(spool.append(&renewals(0..3), b"line 3", 10).expect("room"), 3);
    assert_eq!(spool.append(&renewals(3..5), b"line 5", 20).expect("room"), 5);
    assert_eq!(spool.append(&[], b"line 6", 30).expect("room"), 5);
    spool.acknowledge(2);
    spool.acknowledge(1);
    spool.acknowledge(99);
    assert_eq!(spool.status().acked_seq, 5);
    spool.append(&renewals(5..6), b"line 7", 40).expect("room");
    let before = spool.status();
    drop(spool);
    let spool = open(&disk, &Options::default(), 9);
    assert_eq!(spool.status(), before);
    assert_eq!((before.epoch, before.position.as_slice()), ([7; 16], b"line 7".as_slice()));
    assert_eq!(ids(&spool), (0..6).collect::<Vec<_>>());
}

#[test]
fn reading_obeys_its_limits_and_goes_on_where_it_stopped() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &Options::default(), 1);
    for from in (0..300).step_by(3) {
        spool.append(&renewals(from..from + 3), b"", 0).expect("room");
    }
    let size = prost::Message::encoded_len(&renewals(0..1)[0]);
    let mut reader = spool.reader();
    let mut read = |from, limit, bytes| {
        let batch = reader.read(from, limit, bytes).expect("reads");
        assert_eq!(batch.first_seq, from);
        batch.events.iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(read(1, 4, usize::MAX), [0, 1, 2, 3]);
    assert_eq!(read(5, 4, usize::MAX), [4, 5, 6, 7]);
    assert_eq!(read(200, 10, 3 * size), [199, 200, 201]);
    assert_eq!(read(203, 10, 1), [202], "one at least");
    assert_eq!(read(300, 10, usize::MAX), [299]);
    assert_eq!(read(301, 10, usize::MAX), [] as [u64; 0]);
    let mut reader = spool.reader();
    assert!(matches!(reader.read(0, 1, 1), Err(SpoolError::Gone { wanted: 0, first: 1, last: 300 })));
    assert!(matches!(reader.read(302, 1, 1), Err(SpoolError::Gone { wanted: 302, first: 1, last: 300 })));
}

#[test]
fn a_large_listing_is_one_append() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &Options::default(), 1);
    let syncs = disk.count(Operation::SyncData);
    spool.append(&renewals(0..60_000), b"listed", 0).expect("room");
    assert_eq!(disk.count(Operation::SyncData) - syncs, 1, "one fdatasync");
    drop(spool);
    assert_eq!(ids(&open(&disk, &Options::default(), 2)), (0..60_000).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_takes_nothing_in_and_breaks_nothing() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    disk.set_capacity(Some(20 << 10));
    let mut appended = 0;
    let error = loop {
        match spool.append(&renewals(appended..appended + 10), appended.to_string().as_bytes(), 0) {
            Ok(_) => appended += 10,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SpoolError::NoRoom(_)) && !error.is_fatal(), "{error}");
    assert_eq!(ids(&spool), (0..appended).collect::<Vec<_>>());
    disk.set_capacity(None);
    spool.append(&renewals(appended..appended + 1), b"", 0).expect("room again");
    assert_eq!(ids(&spool), (0..=appended).collect::<Vec<_>>());
}

#[test]
fn a_failed_sync_is_fatal() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    let outcome = Outcome::Error(std::io::ErrorKind::Other);
    disk.inject(Fault { operation: Operation::SyncData, after: 0, outcome });
    assert!(spool.append(&renewals(0..1), b"", 0).expect_err("the sync fails").is_fatal());
    assert_eq!(spool.status().last_seq, 0, "nothing is said to be durable");
}

#[test]
fn a_damaged_spool_is_refused_and_can_be_replaced() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &Options::default(), 1);
    spool.append(&renewals(0..9), b"p", 0).expect("room");
    spool.append(&renewals(9..10), b"p", 0).expect("room");
    drop(spool);
    let name = disk.list().expect("a sound disk").remove(0);
    let mut bytes = disk.bytes(&name).expect("listed");
    bytes[1200] ^= 1;
    disk.put(&name, bytes);
    let error = try_open(&disk, &Options::default(), 2).expect_err("damaged");
    assert!(error.is_damage() && !error.is_fatal(), "{error}");
    for epoch in [3, 4] {
        let spool =
            Spool::replace(Arc::new(disk.clone()), Options::default(), epochs(epoch)).expect("a new one is begun");
        assert_eq!((spool.status().epoch, spool.status().last_seq), ([epoch; 16], 0));
    }
    assert_eq!(
        disk.list().expect("a sound disk"),
        ["00000000000000000001.segment", "00000000000000000001.segment.damaged"]
    );
}
