//! What goes, when: the grace window, folding, and gaps.

use std::collections::BTreeMap;

use super::*;

fn segments(disk: &SimDisk) -> usize {
    disk.list().expect("a sound disk").len()
}

fn bytes(disk: &SimDisk) -> u64 {
    let names = disk.list().expect("a sound disk");
    names.iter().map(|name| disk.bytes(name).expect("listed").len() as u64).sum()
}

#[test]
fn acknowledged_events_stay_for_the_grace_window() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    for step in 0..20 {
        spool.append(&renewals(step * 20..step * 20 + 20), b"", step as i64 * 10).expect("room");
    }
    let many = segments(&disk);
    assert!(many > 4, "{many}");
    spool.acknowledge(400);
    spool.tidy(900).expect("tidied");
    assert_eq!((segments(&disk), spool.status().first_seq), (many, 1), "too young");
    spool.tidy(1100).expect("tidied");
    let first = spool.status().first_seq;
    assert!(first > 1 && segments(&disk) < many, "what is older than 1000 ms is gone");
    assert_eq!(ids(&spool), (first - 1..400).collect::<Vec<_>>());
    spool.tidy(i64::MAX).expect("tidied");
    assert!(ids(&spool).ends_with(&[399]), "the newest segment stays");
    let before = spool.status();
    drop(spool);
    // How far it was acknowledged was not written down; what is gone was acknowledged for certain.
    let after = open(&disk, &SMALL, 2).status();
    assert_eq!((after.first_seq, after.acked_seq), (before.first_seq, before.first_seq - 1));
}

#[test]
fn what_is_not_acknowledged_outlives_the_window() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    for step in 0..20 {
        spool.append(&renewals(step * 20..step * 20 + 20), b"", 0).expect("room");
    }
    spool.acknowledge(1);
    spool.tidy(i64::MAX).expect("tidied");
    assert_eq!(ids(&spool), (0..400).collect::<Vec<_>>());
}

#[test]
fn the_limit_drops_the_oldest_acknowledged_events_first() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    for step in 0..200 {
        let last = spool.append(&renewals(step * 20..step * 20 + 20), b"", 0).expect("room");
        spool.acknowledge(last - 10);
    }
    let status = spool.status();
    assert_eq!((status.epoch, status.lost, status.folded), ([1; 16], 0, 0), "nothing had to be folded");
    assert_eq!(ids(&spool), (status.first_seq - 1..4000).collect::<Vec<_>>());
    assert!(bytes(&disk) <= SMALL.limit_bytes + 2 * SMALL.segment_bytes, "{}", bytes(&disk));
}

#[test]
fn at_the_limit_renewals_are_folded_and_nothing_is_lost() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    let mut written = Vec::new();
    let mut next = 0;
    while spool.status().epoch == [1; 16] {
        let kind = if next % 50 == 0 { Kind::Granted } else { Kind::Renewed };
        let event = event(kind, (next % 10) as u8, next);
        spool.append(std::slice::from_ref(&event), next.to_string().as_bytes(), 0).expect("room");
        written.push(event);
        next += 1;
    }
    // The last append came after the fold.
    let status = spool.status();
    assert_eq!((status.epoch, status.first_seq, status.lost), ([2; 16], 1, 0));
    assert!(status.folded > 100, "{}", status.folded);
    assert_eq!(status.position, (next - 1).to_string().as_bytes());
    let kept = all(&spool).events;
    assert_eq!(kept.iter().map(|event| 1 + u64::from(event.folded)).sum::<u64>(), next, "each is accounted for");
    let is_grant = |event: &&LeaseEvent| event.kind() == Kind::Granted;
    let grants = |events: &[LeaseEvent]| events.iter().filter(is_grant).map(id).collect::<Vec<_>>();
    assert_eq!(grants(&kept), grants(&written), "no grant is left out");
    let newest = |events: &[LeaseEvent]| events.iter().map(|e| (e.address.clone(), id(e))).collect::<BTreeMap<_, _>>();
    assert_eq!(newest(&kept), newest(&written), "each lease ends as it was");
    assert!(kept.is_sorted_by_key(id), "in order");
    assert!(bytes(&disk) < SMALL.limit_bytes);
    drop(spool);
    assert_eq!(open(&disk, &SMALL, 9).status(), status);
}

#[test]
fn what_cannot_be_folded_becomes_a_gap_that_is_told() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    let mut appended = 0;
    while spool.status().lost == 0 {
        spool.append(&renewals(appended..appended + 5), b"", 0).expect("room");
        appended += 5;
    }
    let status = spool.status();
    assert_ne!(status.epoch, [1; 16]);
    assert_eq!((status.first_seq, status.acked_seq), (status.lost + 1, status.lost));
    assert_eq!(ids(&spool), (status.lost..appended).collect::<Vec<_>>(), "the oldest are lost, the rest is whole");
    assert!(bytes(&disk) < SMALL.limit_bytes);
}

#[test]
fn a_new_epoch_takes_over_what_is_not_acknowledged() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    spool.append(&renewals(0..30), b"p", 0).expect("room");
    spool.acknowledge(10);
    spool.begin_epoch(5).expect("room");
    let status = spool.status();
    assert_eq!((status.epoch, status.first_seq, status.last_seq, status.acked_seq), ([2; 16], 1, 20, 0));
    assert_eq!(status.position, b"p");
    assert_eq!(ids(&spool), (10..30).collect::<Vec<_>>());
    spool.acknowledge(20);
    spool.begin_epoch(6).expect("room");
    assert_eq!((spool.status().first_seq, spool.status().last_seq), (1, 0));
    spool.append(&renewals(30..31), b"q", 7).expect("room");
    assert_eq!(ids(&spool), [30]);
}

#[test]
fn a_fold_without_room_waits_and_the_old_epoch_stays_readable() {
    let disk = SimDisk::new();
    let mut spool = open(&disk, &SMALL, 1);
    spool.append(&renewals(0..200), b"p", 0).expect("room");
    spool.append(&renewals(200..201), b"p", 0).expect("room");
    // The first part of the new epoch still goes into the last segment.
    disk.set_capacity(Some(bytes(&disk)));
    assert!(matches!(spool.begin_epoch(0), Err(SpoolError::NoRoom(_))));
    assert!(matches!(spool.append(&renewals(201..202), b"q", 0), Err(SpoolError::NoRoom(_))));
    assert_eq!((spool.status().epoch, ids(&spool)), ([1; 16], (0..201).collect()));
    drop(spool);
    let mut spool = open(&disk, &SMALL, 5);
    assert_eq!((spool.status().epoch, ids(&spool)), ([1; 16], (0..201).collect()));
    disk.set_capacity(None);
    spool.append(&renewals(201..202), b"q", 0).expect("room");
    assert_eq!((spool.status().epoch, ids(&spool)), ([6; 16], (0..202).collect()));
}

#[test]
fn where_the_spool_stands_is_never_dropped() {
    // A crash between a new segment and its first group leaves a last segment without a frame.
    for operations in 0..80 {
        let disk = SimDisk::new();
        let mut spool = open(&disk, &SMALL, 1);
        spool.append(&renewals(0..50), b"", 0).expect("room");
        disk.freeze_after(operations);
        while spool.append(&renewals(0..20), b"", 0).is_ok() {}
        drop(spool);
        disk.clear_faults();
        let mut spool = open(&disk, &SMALL, 2);
        spool.acknowledge(u64::MAX);
        spool.tidy(i64::MAX).expect("tidied");
        let last_seq = spool.status().last_seq;
        drop(spool);
        let status = open(&disk, &SMALL, 3).status();
        assert_eq!((status.epoch, status.last_seq), ([1; 16], last_seq), "after {operations} operations");
    }
}
