use super::*;
use crate::ledger::{Identity, Ledger, MemoryLedger};
use proptest::prelude::*;

fn row(frame: u64, within: usize) -> Row {
    Row {
        position: Position::new(frame, within),
        at: Timestamp(i64::try_from(frame).expect("small")),
        body: vec![within as u8; within * 37],
    }
}

fn topic(name: u8) -> Topic {
    Topic::new(b't', &[name])
}

/// A ledger with this many frames.
fn ledger(frames: u64) -> MemoryLedger {
    let mut ledger = MemoryLedger::new(Identity { store_id: [1; 16], incarnation: 1 });
    for seq in 1..=frames {
        ledger.append(seq, &seq.to_be_bytes()).expect("appended");
    }
    ledger
}

fn point(ledger: &MemoryLedger, seq: u64) -> Point {
    let frame = ledger.history().read(seq).expect("frames").next().expect("there").expect("readable");
    Point { seq, hash: frame.hash }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is in memory, in runs and in merged ones, and whether the shelf was opened again: each page is what a plain list would give.
    #[test]
    fn rows_are_found_wherever_they_lie(
        frames in proptest::collection::vec((proptest::collection::vec(0u8..5, 0..40), 0u8..4), 1..24),
        above in 0u64..30, below in 0u64..30, until in 0i64..30, limit in 1usize..50,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = ledger(frames.len() as u64);
        let (mut shelf, mut put_down) = Shelf::open(folder.path(), &*ledger.history()).expect("opened");
        let mut all: Vec<(Topic, Row)> = Vec::new();
        for ((topics, then), seq) in frames.iter().zip(1..) {
            let rows: Vec<_> = topics.iter().enumerate().map(|(i, name)| (topic(*name), row(seq, i))).collect();
            all.extend(rows.clone());
            shelf.add(rows);
            if *then > 0 {
                let at = point(&ledger, seq);
                shelf.put_down(put_down.seq + 1, at).expect("written");
                put_down = at;
            }
            if *then > 1 && let Some(runs) = shelf.to_merge() {
                shelf.merge(&runs).expect("merged");
            }
            if *then > 2 {
                let (again, at) = Shelf::open(folder.path(), &*ledger.history()).expect("opened");
                prop_assert_eq!(at, put_down);
                shelf = again;
            }
        }
        for name in 0..5 {
            let of = |wanted: &dyn Fn(&Row) -> bool| -> Vec<Row> {
                all.iter().filter(|(of, row)| *of == topic(name) && wanted(row)).map(|(_, row)| row.clone()).collect()
            };
            let mut newest = of(&|row| row.position < Position::new(below, 7) && row.at.0 <= until);
            newest.reverse();
            newest.truncate(limit);
            prop_assert_eq!(shelf.newest(topic(name), Position::new(below, 7), Timestamp(until), limit).expect("read"), newest);
            let mut oldest = of(&|row| row.position > Position::new(above, 3));
            oldest.truncate(limit);
            prop_assert_eq!(shelf.oldest(topic(name), Position::new(above, 3), limit).expect("read"), oldest);
        }
    }
}

#[test]
fn a_run_of_another_ledger_or_with_a_changed_byte_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = ledger(3);
    let (shelf, _) = Shelf::open(folder.path(), &*ours.history()).expect("opened");
    shelf.add((0..40).map(|i| (topic(1), row(2, i))).collect());
    shelf.put_down(1, point(&ours, 3)).expect("written");
    let run = std::fs::read_dir(folder.path()).expect("listed").next().expect("one").expect("an entry").path();
    let whole = std::fs::read(&run).expect("read");

    let mut theirs = MemoryLedger::new(Identity { store_id: [2; 16], incarnation: 1 });
    for seq in 1..=3 {
        theirs.append(seq, b"other").expect("appended");
    }
    let (_, at) = Shelf::open(folder.path(), &*theirs.history()).expect("opened");
    assert_eq!((at, run.exists()), (Point::START, false));

    for at in (0..whole.len()).step_by(97) {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        std::fs::write(&run, &changed).expect("written");
        let (shelf, found) = Shelf::open(folder.path(), &*ours.history()).expect("opened");
        let read = shelf.newest(topic(1), Position::END, Timestamp(i64::MAX), 100);
        let believed = found != Point::START && read.is_ok_and(|rows| rows.len() == 40);
        // A block is checked when it is read; the rows were small enough for two.
        assert!(!believed, "byte {at} of {}", whole.len());
    }
}

#[tokio::test]
async fn a_question_waits_for_what_was_durable_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = Identity { store_id: [1; 16], incarnation: 1 };
    let (mut entries, leases) = (MemoryLedger::new(identity), MemoryLedger::new(identity));
    let (trail, followers) = Trail::start(folder.path(), entries.history(), leases.history()).expect("started");
    for seq in 1..=50 {
        let entry = freehold_core::Entry {
            revision: freehold_core::Revision(seq),
            at: Timestamp(5),
            actor: freehold_core::change::Actor { principal: "system".to_owned(), ..Default::default() },
            method: "m".to_owned(),
            request: None,
            outcome: freehold_core::change::Outcome::Done(Vec::new()),
        };
        let frame = freehold_proto::convert::stored::encode_frame(&[entry]);
        entries.append(seq, &frame).expect("appended");
        trail.entries.reach().await.expect("reached");
        let rows = trail.entries.newest(principal("system"), Position::END, Timestamp(i64::MAX), 1).expect("read");
        assert_eq!(rows.iter().map(revision).collect::<Vec<_>>(), [Some(freehold_core::Revision(seq))]);
    }
    drop((entries, leases));
    followers.join().await;
}
