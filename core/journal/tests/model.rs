//! A journal behaves like a vector that remembers, whatever is appended, reopened, truncated and read.

use std::sync::Arc;

use freehold_journal::sim::SimDisk;
use freehold_journal::{Disk, Frame, Hash, Journal, JournalError, Options, RealDisk};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Vec<u8>>),
    Reopen,
    TruncateBefore(prop::sample::Index),
    ReadFrom(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let payload = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..200),
        1 => prop::collection::vec(Just(0u8), 0..2000),
        1 => prop::collection::vec(any::<u8>(), 0..6000),
    ];
    prop_oneof![
        6 => prop::collection::vec(payload, 0..6).prop_map(Step::Append),
        1 => Just(Step::Reopen),
        1 => any::<prop::sample::Index>().prop_map(Step::TruncateBefore),
        2 => any::<prop::sample::Index>().prop_map(Step::ReadFrom),
    ]
}

fn open(disk: &Arc<dyn Disk>) -> Journal {
    let options = Options { segment_bytes: 8192, restore: "restore".to_owned() };
    Journal::open(Arc::clone(disk), options).expect("a sound journal opens")
}

fn read(journal: &Journal, from: u64) -> Result<Vec<Frame>, JournalError> {
    journal.reader().read(from)?.collect()
}

/// The model: all frames ever, and the first that is kept.
fn check(disk: &Arc<dyn Disk>, steps: Vec<Step>) {
    let mut journal = open(disk);
    let mut frames: Vec<Frame> = Vec::new();
    let mut first = 1;
    for step in steps {
        match step {
            Step::Append(payloads) => {
                let head = journal.append(&payloads).expect("a sound disk");
                for payload in payloads {
                    let (seq, previous) = frames.last().map_or((1, Hash::START), |last| (last.seq + 1, last.hash));
                    let hash = previous.next(seq, &payload);
                    frames.push(Frame { seq, previous, hash, payload });
                }
                assert_eq!(head, frames.last().map_or((0, Hash::START), |last| (last.seq, last.hash)));
            }
            Step::Reopen => {
                drop(journal);
                journal = open(disk);
                assert_eq!(journal.recovery().cut, None);
                assert_eq!(journal.recovery().frames, frames.len() as u64 + 1 - first);
            }
            Step::TruncateBefore(index) => {
                let before = index.index(frames.len() + 2) as u64;
                let kept = journal.truncate_before(before).expect("a sound disk");
                assert!(kept >= first && kept <= before.max(first), "{first} {kept} {before}");
                first = kept;
            }
            Step::ReadFrom(index) => {
                let from = index.index(frames.len() + 2) as u64;
                match read(&journal, from) {
                    Err(JournalError::Gone { wanted, first: kept }) => {
                        assert!(wanted == from && kept == first && from < first)
                    }
                    found => {
                        let expected: Vec<Frame> = frames.iter().filter(|frame| frame.seq >= from).cloned().collect();
                        assert!(from >= first);
                        assert_eq!(found.expect("a sound disk"), expected);
                    }
                }
            }
        }
    }
    let expected: Vec<Frame> = frames.into_iter().filter(|frame| frame.seq >= first).collect();
    assert_eq!(read(&journal, first).expect("a sound disk"), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_is_a_vector(steps in prop::collection::vec(step(), 1..40)) {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        check(&disk, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_a_real_disk_too(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.path()).expect("it was just made"));
        check(&disk, steps);
    }
}
