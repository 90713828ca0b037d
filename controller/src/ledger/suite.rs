//! What holds for every ledger, run on each; then what is particular to one.

use std::sync::Arc;
use std::time::Duration;

use freehold_journal::sim::{Fault, Operation, Outcome, SimDisk, SimRng};
use freehold_journal::{Disk, JournalError, RealDisk};
use proptest::prelude::*;

use super::*;

const SEGMENT_BYTES: u64 = 8192;
const STORE_ID: [u8; 16] = *b"the test's store";
const IDENTITY: Identity = Identity { store_id: STORE_ID, incarnation: 1 };

/// Runs a check on an empty ledger of each kind.
fn on_each(check: impl Fn(&mut dyn Ledger)) {
    check(&mut MemoryLedger::new(IDENTITY));
    check(&mut create(&SimDisk::new()).expect("an empty disk"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = Arc::new(RealDisk::open(folder.path()).expect("just made"));
    check(&mut SegmentLedger::create(disk, STORE_ID, SEGMENT_BYTES).expect("an empty folder"));
}

fn create(disk: &SimDisk) -> Result<SegmentLedger, LedgerError> {
    SegmentLedger::create(Arc::new(disk.clone()), STORE_ID, SEGMENT_BYTES)
}

fn open(disk: &SimDisk) -> Result<SegmentLedger, LedgerError> {
    SegmentLedger::open(Arc::new(disk.clone()), SEGMENT_BYTES)
}

fn read(ledger: &dyn Ledger, from: u64) -> Vec<Frame> {
    let frames = ledger.history().read(from).expect("a sound ledger");
    frames.map(|frame| frame.expect("a sound ledger")).collect()
}

fn chain(payloads: &[Vec<u8>]) -> Vec<Frame> {
    let mut previous = Hash::START;
    let frame = |(seq, payload): (u64, &Vec<u8>)| {
        let hash = previous.next(seq, payload);
        let frame = Frame { seq, previous, hash, payload: payload.clone() };
        previous = hash;
        frame
    };
    (1..).zip(payloads).map(frame).collect()
}

#[test]
fn an_empty_ledger() {
    on_each(|ledger| {
        assert_eq!(ledger.history().head(), (0, Hash::START));
        assert_eq!(read(ledger, 1), []);
        assert_eq!(ledger.identity(), IDENTITY);
        assert!(matches!(
            ledger.history().read(0).err(),
            Some(LedgerError::Journal(JournalError::Gone { wanted: 0, first: 1 }))
        ));
    });
}

#[test]
fn only_the_next_number_is_free() {
    on_each(|ledger| {
        let history = ledger.history();
        for seq in [0, 2, u64::MAX] {
            assert_eq!(ledger.append(seq, b"early").expect("a sound ledger"), Append::Taken);
        }
        let hash = Hash::START.next(1, b"one");
        assert_eq!(ledger.append(1, b"one").expect("a sound ledger"), Append::Appended { hash });
        assert_eq!(ledger.append(1, b"again").expect("a sound ledger"), Append::Taken);
        assert_eq!(history.head(), (1, hash));
        assert_eq!(read(ledger, 1), chain(&[b"one".to_vec()]));
    });
}

#[test]
fn a_tail_yields_what_is_there_and_what_comes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    on_each(|ledger| {
        for seq in 1..=5u8 {
            ledger.append(seq.into(), &[seq]).expect("a sound ledger");
        }
        let followed = async {
            let mut tail = tail(ledger.history(), 2);
            let payloads = |frames: Option<Vec<Frame>>| -> Vec<u8> {
                frames.expect("it goes on").into_iter().flat_map(|frame| frame.payload).collect()
            };
            assert_eq!(payloads(tail.next_frames(3).await.expect("a sound ledger")), [2, 3, 4]);
            assert_eq!(payloads(tail.next_frames(3).await.expect("a sound ledger")), [5]);
            let (come, _) = tokio::join!(tail.next_frames(3), async {
                tokio::task::yield_now().await;
                ledger.append(6, &[6]).expect("a sound ledger")
            });
            assert_eq!(payloads(come.expect("a sound ledger")), [6]);
        };
        let patient = async { tokio::time::timeout(Duration::from_secs(10), followed).await };
        runtime.block_on(patient).expect("a tail is woken");
    });
}

#[test]
fn a_tail_ends_with_its_ledger() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut ledger = create(&SimDisk::new()).expect("an empty disk");
    ledger.append(1, b"one").expect("a sound disk");
    let mut tail = tail(ledger.history(), 1);
    drop(ledger);
    let ends = runtime.block_on(async { (tail.next_frames(9).await, tail.next_frames(9).await) });
    assert_eq!(ends.0.expect("a sound disk"), Some(chain(&[b"one".to_vec()])));
    assert_eq!(ends.1.expect("a sound disk"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ledger_is_a_chain(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..20), from in 1u64..25) {
        on_each(|ledger| {
            let frames = chain(&payloads);
            for frame in &frames {
                let answer = ledger.append(frame.seq, &frame.payload).expect("a sound ledger");
                assert_eq!(answer, Append::Appended { hash: frame.hash });
            }
            let expected: Vec<Frame> = frames.into_iter().filter(|frame| frame.seq >= from).collect();
            assert_eq!(read(ledger, from), expected);
        });
    }
}

#[test]
fn a_rival_takes_numbers() {
    let mut ledger = MemoryLedger::new(IDENTITY);
    let mut rival = ledger.rival();
    rival.append(1, b"rival").expect("memory");
    assert_eq!(ledger.append(1, b"late").expect("memory"), Append::Taken);
    assert!(matches!(ledger.append(2, b"caught up").expect("memory"), Append::Appended { .. }));
    assert_eq!(read(&rival, 1), chain(&[b"rival".to_vec(), b"caught up".to_vec()]));
}

#[test]
fn an_unknown_outcome_is_resolved_by_reading() {
    for (truth, there) in [(LostAnswer::Appended, 1), (LostAnswer::NotAppended, 0)] {
        let mut ledger = MemoryLedger::new(IDENTITY);
        ledger.lose_next_answer(truth);
        assert_eq!(ledger.append(1, b"perhaps").expect("memory"), Append::Unknown);
        assert_eq!(read(&ledger, 1).len(), there);
        let fill = ledger.append(1, b"nothing").expect("memory");
        assert_eq!(fill == Append::Taken, there == 1);
    }
}

#[test]
fn a_ledger_is_made_once_and_kept() {
    let disk = SimDisk::new();
    assert!(matches!(open(&disk), Err(LedgerError::Missing)));
    let mut ledger = create(&disk).expect("an empty disk");
    ledger.append(1, b"one").expect("a sound disk");
    drop(ledger);
    assert!(matches!(create(&disk), Err(LedgerError::Exists)));
    let reborn = Identity { incarnation: 2, ..IDENTITY };
    let mut ledger = open(&disk).expect("a sound disk");
    ledger.reincarnate(reborn).expect("a sound disk");
    assert_eq!(ledger.identity(), reborn);
    drop(ledger);
    let ledger = open(&disk).expect("a sound disk");
    assert_eq!((ledger.identity(), read(&ledger, 1)), (reborn, chain(&[b"one".to_vec()])));
}

#[test]
fn an_incomplete_ledger_is_refused() {
    let whole = SimDisk::new();
    let mut ledger = create(&whole).expect("an empty disk");
    for seq in 1..=8 {
        ledger.append(seq, &[7; 3000]).expect("a sound disk");
    }
    drop(ledger);
    let names = whole.list().expect("a sound disk");
    let without = |gone: &dyn Fn(&String) -> bool| {
        let disk = whole.copy();
        for name in names.iter().filter(|name| gone(name)) {
            disk.remove(name).expect("listed");
        }
        disk
    };
    let no_identity = without(&|name| name == "identity");
    assert!(matches!(open(&no_identity), Err(LedgerError::Missing)));
    assert!(matches!(create(&no_identity), Err(LedgerError::Incomplete(_))));
    let no_segments = without(&|name| name != "identity");
    assert!(matches!(open(&no_segments), Err(LedgerError::Incomplete(_))));
    assert!(matches!(create(&no_segments), Err(LedgerError::Exists)));
    let beheaded = without(&|name| *name == names[0]);
    assert!(matches!(open(&beheaded), Err(LedgerError::Beheaded { first: 3 })));
}

#[test]
fn a_crash_while_a_ledger_is_made_leaves_none_or_all_of_it() {
    for operations in 0..20 {
        for seed in 0..20 {
            let disk = SimDisk::new();
            disk.freeze_after(operations);
            let made = create(&disk).is_ok();
            let image = disk.power_loss(SimRng::new(seed).draw());
            match open(&image) {
                Ok(ledger) => assert_eq!((ledger.identity(), read(&ledger, 1)), (IDENTITY, Vec::new())),
                Err(LedgerError::Missing) if !made => {
                    create(&image).expect("making it is taken up again");
                }
                Err(error) => panic!("{operations} operations, seed {seed}: {error}"),
            }
        }
    }
}

#[test]
fn a_failed_sync_is_fatal_and_tells_nobody() {
    let disk = SimDisk::new();
    let mut ledger = create(&disk).expect("an empty disk");
    let history = ledger.history();
    disk.inject(Fault { operation: Operation::SyncData, after: 0, outcome: Outcome::Error(io::ErrorKind::Other) });
    assert!(ledger.append(1, b"lost?").expect_err("the sync fails").is_fatal());
    assert!(ledger.append(1, b"again").expect_err("poisoned").is_fatal());
    assert_eq!((history.head().0, *history.heads().borrow()), (0, 0));
}
