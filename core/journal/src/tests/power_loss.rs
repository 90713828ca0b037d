//! A journal under a mixed load, killed at any operation, several lives in a row: the next life opens, and has every
//! frame that was acknowledged or shown to a reader, and of the last group all or nothing.

use std::collections::VecDeque;

use super::{open, payload, payloads};
use crate::JournalError;
use crate::seeded_bugs::{Bug, with};
use crate::sim::{Fault, Operation, Outcome, SimDisk, SimRng};

const IMAGES: u64 = 300;
/// Small enough that some groups have a segment to themselves.
const SEGMENT_BYTES: u64 = 8 << 10;

/// What must be there.
#[derive(Default)]
struct Model {
    first_seq: u64,
    acknowledged: VecDeque<Vec<u8>>,
    /// The group whose append did not return.
    unknown: Vec<Vec<u8>>,
}

fn live(disk: &SimDisk, rng: &mut SimRng, model: &mut Model) -> Result<(), JournalError> {
    let mut journal = open(disk, SEGMENT_BYTES)?;
    for _ in 0..60 {
        match rng.below(20) {
            0 => {
                let last = model.first_seq + model.acknowledged.len() as u64;
                let first = journal.truncate_before(model.first_seq + rng.below(last - model.first_seq + 1))?;
                model.acknowledged.drain(..(first - model.first_seq) as usize);
                model.first_seq = first;
            }
            1 => {
                drop(journal);
                journal = open(disk, SEGMENT_BYTES)?;
            }
            kind => {
                let size = [1, 1, 1 + rng.below(4), 1 + rng.below(30)][kind as usize % 4];
                model.unknown = (0..size).map(|_| payload(rng)).collect();
                journal.append(&model.unknown)?;
                model.acknowledged.extend(model.unknown.drain(..));
            }
        }
    }
    Ok(())
}

/// Checks one life's heritage and takes over what it holds.
fn inherit(disk: &SimDisk, model: &mut Model) -> Result<(), String> {
    let journal = open(disk, SEGMENT_BYTES).map_err(|error| format!("does not open: {error}"))?;
    let found = payloads(&journal).map_err(|error| format!("does not read: {error}"))?;
    let first_seq = journal.reader().first_seq();
    // A truncation that did not return may have happened in part.
    let dropped = first_seq.checked_sub(model.first_seq).ok_or("dropped frames came back")? as usize;
    let acknowledged: Vec<_> = model.acknowledged.iter().skip(dropped).cloned().collect();
    let with_unknown: Vec<_> = acknowledged.iter().chain(&model.unknown).cloned().collect();
    if found != acknowledged && found != with_unknown {
        let same = found.iter().zip(&with_unknown).take_while(|(a, b)| a == b).count();
        return Err(format!("{} acknowledged, {} found, the first {same} as written", acknowledged.len(), found.len()));
    }
    *model = Model { first_seq, acknowledged: found.into(), unknown: Vec::new() };
    Ok(())
}

fn lives(seed: u64) -> Result<(), String> {
    let mut rng = SimRng::new(seed);
    let mut disk = SimDisk::new();
    let mut model = Model { first_seq: 1, ..Model::default() };
    for _ in 0..3 {
        match rng.below(4) {
            0 => disk.inject(Fault {
                operation: Operation::SyncData,
                after: rng.below(60),
                outcome: Outcome::Error(std::io::ErrorKind::Other),
            }),
            1 => {
                let outcome = match rng.below(3) {
                    0 => Outcome::Short,
                    1 => Outcome::Error(std::io::ErrorKind::StorageFull),
                    _ => Outcome::ShortThenError(std::io::ErrorKind::Other),
                };
                disk.inject(Fault { operation: Operation::Write, after: rng.below(60), outcome });
            }
            _ => disk.freeze_after(rng.below(180)),
        }
        match live(&disk, &mut rng, &mut model) {
            Ok(()) | Err(JournalError::Failed { .. } | JournalError::NotWritten { .. } | JournalError::Io { .. }) => {}
            Err(error) => return Err(format!("a running journal: {error}")),
        }
        disk.clear_faults();
        // Either the machine goes down, or only the process and then, after the next one has looked, the machine.
        if rng.coin() {
            inherit(&disk, &mut model)?;
        }
        disk = disk.power_loss(rng.draw());
        inherit(&disk, &mut model)?;
    }
    Ok(())
}

fn check(images: u64) -> Result<(), String> {
    (0..images).try_for_each(|seed| lives(seed).map_err(|error| format!("seed {seed}: {error}")))
}

#[test]
fn nothing_acknowledged_is_lost() {
    assert_eq!(check(IMAGES), Ok(()));
}

#[test]
fn seeded_bugs_are_noticed() {
    let bugs = [
        Bug::AckBeforeSync,
        Bug::NoDirectorySync,
        Bug::NoSyncOfZeros,
        Bug::NoRewriteOnOpen,
        Bug::KeepRemains,
        Bug::TruncateInOneSync,
    ];
    for bug in bugs {
        let noticed = with(Some(bug), || check(IMAGES));
        assert!(noticed.is_err(), "{bug:?} went unnoticed");
        println!("{bug:?}: {}", noticed.expect_err("just checked"));
    }
}

#[test]
fn a_failed_sync_is_final() {
    let after_failure = || {
        let disk = SimDisk::new();
        let mut journal = open(&disk, SEGMENT_BYTES).expect("an empty disk");
        journal.append(&["first"]).expect("a sound disk");
        let outcome = Outcome::Error(std::io::ErrorKind::Other);
        disk.inject(Fault { operation: Operation::SyncData, after: 0, outcome });
        let failed = journal.append(&["second"]).expect_err("the sync fails");
        assert!(failed.is_fatal());
        (journal.append(&["third"]).is_ok(), journal.truncate_before(1).is_ok(), journal.head().0)
    };
    assert_eq!(after_failure(), (false, false, 1));
    assert_eq!(with(Some(Bug::RetryFailedSync), after_failure), (true, true, 2));
}
