//! Journals written by earlier versions open for ever. Never change a sample; add one beside it.

use std::sync::Arc;

use freehold_journal::sim::SimDisk;
use freehold_journal::{Disk, Frame, Hash, Journal, Options};

const SEGMENTS: [(&str, &[u8]); 2] = [
    ("00000000000000000001.segment", include_bytes!("stored/v1/00000000000000000001.segment")),
    ("00000000000000000004.segment", include_bytes!("stored/v1/00000000000000000004.segment")),
];

/// What the sample was made of: groups, each with its payloads.
fn groups() -> [Vec<Vec<u8>>; 3] {
    let counting = (0..700u32).map(|number| number as u8).collect();
    [vec![b"first".to_vec(), Vec::new()], vec![counting], vec![vec![0; 1200], b"last".to_vec()]]
}

fn options() -> Options {
    Options { segment_bytes: 2048, restore: "restore".to_owned() }
}

fn frames() -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for payload in groups().into_iter().flatten() {
        let (seq, previous) = frames.last().map_or((1, Hash::START), |last| (last.seq + 1, last.hash));
        frames.push(Frame { seq, previous, hash: previous.next(seq, &payload), payload });
    }
    frames
}

#[test]
fn the_first_version_opens() {
    let disk = SimDisk::new();
    for (name, bytes) in SEGMENTS {
        disk.put(name, bytes.to_vec());
    }
    let mut journal = Journal::open(Arc::new(disk), options()).expect("the sample opens");
    let read: Result<Vec<Frame>, _> = journal.reader().read(1).expect("it starts at 1").collect();
    assert_eq!(read.expect("the sample is sound"), frames());
    assert_eq!(journal.head().1.to_string(), "483c86c09a9d16425b50464e4b6b77833523e1e51c028af9eeeb817f9cbc6cd5");
    assert_eq!(journal.append(&["next"]).expect("a sound disk").0, 6);
}

#[test]
fn this_version_writes_the_same_bytes() {
    let disk = SimDisk::new();
    let mut journal = Journal::open(Arc::new(disk.clone()), options()).expect("an empty disk");
    for group in groups() {
        journal.append(&group).expect("a sound disk");
    }
    let written: Vec<_> =
        disk.list().expect("a sound disk").into_iter().map(|name| (disk.bytes(&name), name)).collect();
    let expected: Vec<_> = SEGMENTS.map(|(name, bytes)| (Some(bytes.to_vec()), name.to_owned())).into();
    assert!(written == expected, "the stored form has changed");
}
