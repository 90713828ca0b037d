//! A journal of a few small segments, damaged in every place: it opens as it was, or not at all.

use super::{open, payloads};
use crate::disk::Disk;
use crate::seeded_bugs::{Bug, with};
use crate::sim::SimDisk;
use crate::{Damage, JournalError};

const SEGMENT_BYTES: u64 = 4096;

fn journal_of(mark: u8) -> (SimDisk, Vec<Vec<u8>>) {
    let disk = SimDisk::new();
    let mut journal = open(&disk, SEGMENT_BYTES).expect("an empty disk");
    for group in 0..10u8 {
        let zeros = if group % 3 == 2 { 1100 } else { 0 };
        let long: Vec<u8> =
            (0..700 + u32::from(group)).map(|byte| byte as u8 | 1).chain([0; 1100][..zeros].to_vec()).collect();
        journal.append(&[vec![mark, group], Vec::new(), long]).expect("a sound disk");
    }
    let written = payloads(&journal).expect("a sound disk");
    (disk, written)
}

fn with_file(disk: &SimDisk, name: &str, bytes: Vec<u8>) -> SimDisk {
    let copy = disk.copy();
    copy.put(name, bytes);
    copy
}

/// What a damaged journal came to: as before, refused, or (never) something else.
fn accepted_as_something_else(disk: &SimDisk, written: &[Vec<u8>]) -> bool {
    match open(disk, SEGMENT_BYTES).and_then(|journal| payloads(&journal)) {
        Ok(found) => found != written,
        Err(JournalError::Damaged(_)) => false,
        Err(error) => panic!("neither opened nor refused: {error}"),
    }
}

fn flips_accepted() -> usize {
    let (disk, written) = journal_of(1);
    let mut accepted = 0;
    for name in disk.list().expect("a sound disk") {
        let bytes = disk.bytes(&name).expect("listed");
        for at in 0..bytes.len() {
            for mask in [1 << (at % 8), 0xFF] {
                let mut flipped = bytes.clone();
                flipped[at] ^= mask;
                accepted += usize::from(accepted_as_something_else(&with_file(&disk, &name, flipped), &written));
            }
        }
    }
    accepted
}

#[test]
fn no_flipped_byte_is_accepted() {
    assert_eq!(flips_accepted(), 0);
}

#[test]
fn cutting_without_evidence_would_be_noticed() {
    assert_ne!(with(Some(Bug::CutWithoutEvidence), flips_accepted), 0);
}

#[test]
fn a_flipped_byte_is_refused_by_name() {
    let (disk, _) = journal_of(1);
    let name = disk.list().expect("a sound disk").remove(1);
    let mut bytes = disk.bytes(&name).expect("listed");
    bytes[512 + 64 + 8 + 1] ^= 0x10;
    let Err(JournalError::Damaged(damage)) = open(&with_file(&disk, &name, bytes), SEGMENT_BYTES) else {
        panic!("opened");
    };
    let expected = Damage {
        segment: "00000000000000000007.segment".to_owned(),
        seq: 7,
        offset: 512 + 64,
        what: "the frame's checksum does not match",
        restore: "restore".to_owned(),
    };
    assert_eq!(*damage, expected);
    assert_eq!(
        expected.to_string(),
        "segment 00000000000000000007.segment is damaged at byte 576, frame 7: the frame's checksum does not match. \
         Nothing was changed; to go on: restore"
    );
}

#[test]
fn a_shortened_or_missing_sealed_segment_is_refused() {
    let (disk, written) = journal_of(1);
    let names = disk.list().expect("a sound disk");
    assert!(names.len() >= 3, "{names:?}");
    let (last, sealed) = names.split_last().expect("there are some");
    for name in sealed {
        let bytes = disk.bytes(name).expect("listed");
        for length in 0..bytes.len() {
            let shortened = with_file(&disk, name, bytes[..length].to_vec());
            assert!(!accepted_as_something_else(&shortened, &written), "{name} cut at {length}");
        }
    }
    for name in &sealed[1..] {
        let copy = disk.copy();
        copy.remove(name).expect("listed");
        assert!(matches!(open(&copy, SEGMENT_BYTES), Err(JournalError::Damaged(_))), "without {name}");
    }
    // The end of a last segment inside its last group.
    let bytes = disk.bytes(last).expect("listed");
    let end = bytes.iter().rposition(|&byte| byte != 0).expect("it has groups") + 1;
    for length in end - 1023..end {
        assert!(!accepted_as_something_else(&with_file(&disk, last, bytes[..length].to_vec()), &written), "{length}");
    }
}

#[test]
fn a_segment_of_another_journal_is_refused() {
    let spliced = || {
        let ((disk, written), (other, _)) = (journal_of(1), journal_of(2));
        let last = disk.list().expect("a sound disk").pop().expect("there are some");
        let bytes = other.bytes(&last).expect("the same shape");
        accepted_as_something_else(&with_file(&disk, &last, bytes), &written)
    };
    assert!(!spliced());
    assert!(with(Some(Bug::SkipChainCheck), spliced), "skipping the chain check went unnoticed");
}

#[test]
fn a_lost_first_sector_before_a_later_group_is_refused() {
    let (disk, written) = journal_of(1);
    for name in disk.list().expect("a sound disk") {
        let bytes = disk.bytes(&name).expect("listed");
        let mut groups: Vec<usize> = (1..bytes.len() / 512).map(|at| at * 512).collect();
        groups.retain(|&at| bytes[at..].starts_with(b"FhG1"));
        for at in &groups[..groups.len() - 1] {
            let mut zeroed = bytes.clone();
            zeroed[*at..at + 512].fill(0);
            assert!(!accepted_as_something_else(&with_file(&disk, &name, zeroed), &written), "{name} at {at}");
        }
    }
}
