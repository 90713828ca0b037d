//! Rows that sled hands out as if nothing were wrong.

use std::sync::Arc;
use std::time::Instant;

use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::command::Command;
use freehold_core::labels::Labels;
use freehold_core::name::SpaceName;
use freehold_core::text::Text;
use freehold_core::{Timestamp, decide};
use freehold_proto::convert::stored::encode_frame;
use tokio::sync::mpsc;

use super::*;
use crate::checkpoint::{Checkpoints, Every};
use crate::ledger::{Append, History, Ledger, MemoryLedger};
use crate::view::View;

const IDENTITY: Identity = Identity { store_id: [1; 16], incarnation: 1 };

fn filled(path: &Path) -> (Arc<dyn History>, Arc<dyn History>, State) {
    let mut ledger = MemoryLedger::new(IDENTITY);
    let mut state = State::default();
    let mut entries = Vec::new();
    for id in ["a", "b", "c"] {
        let name = SpaceName::from_id(id).unwrap();
        let command =
            Command::CreateSpace { name, title: Text::default(), description: Text::default(), labels: Labels::NONE };
        let entry = Entry {
            revision: state.revision().next(),
            at: Timestamp(1),
            actor: Actor::default(),
            method: String::new(),
            request: None,
            outcome: Outcome::Done(decide(&state, &command, Timestamp(1)).unwrap()),
        };
        state.apply(&entry);
        entries.push(entry);
    }
    let Append::Appended { hash } = ledger.append(1, &encode_frame(&entries)).unwrap() else { panic!() };
    let lease_ledger = MemoryLedger::new(IDENTITY);
    let store = Store::create(path, IDENTITY).unwrap();
    let checkpoints = |part| {
        Checkpoints::new(
            path.with_extension("checkpoints"),
            IDENTITY,
            part,
            Every::default(),
            Arc::new(|| Timestamp(1)),
        )
    };
    let at = Point { seq: 1, hash };
    let states = Follower::start(
        store.clone(),
        (Arc::new(state.clone()), at),
        Backlog::Everything,
        checkpoints(Part::State),
        mpsc::channel(1).1,
    );
    let books = Follower::start::<LeaseBook>(
        store,
        (Arc::default(), Point::START),
        Backlog::Everything,
        checkpoints(Part::Leases),
        mpsc::channel(1).1,
    );
    states.join().unwrap();
    books.join().unwrap();
    (ledger.history(), lease_ledger.history(), state)
}

#[test]
fn a_row_that_is_lost_added_or_changed_is_noticed() {
    type Tamper = fn(&sled::Db);
    let tampers: [(&str, Tamper, &str); 6] = [
        ("nothing", |_| {}, "sound"),
        ("lost", |db| drop(db.remove(db.scan_prefix(b"r").next().unwrap().unwrap().0).unwrap()), "Digest"),
        (
            "changed",
            |db| {
                let rows: Vec<_> = db.scan_prefix(b"rspace").map(Result::unwrap).collect();
                // The name stays, so that it still reads: only the stamp is another.
                let mut value = rows[0].1.to_vec();
                *value.last_mut().unwrap() ^= 1;
                db.insert(&rows[0].0, value).unwrap();
            },
            "Digest",
        ),
        (
            "under another name",
            |db| {
                let rows: Vec<_> = db.scan_prefix(b"rspace").map(Result::unwrap).collect();
                db.insert(&rows[0].0, &rows[1].1).unwrap();
            },
            "Row",
        ),
        ("no meta", |db| drop(db.remove(b"mleases").unwrap()), "Unfinished"),
        ("bad meta", |db| drop(db.insert(b"mstate", b"x").unwrap()), "Meta"),
    ];
    for (what, tamper, expected) in tampers {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let (history, lease_history, state) = filled(&path);
        tamper(&open::tree(&path).unwrap());
        let found = match Store::open(&path, IDENTITY, &*history, &*lease_history) {
            Ok(opened) => {
                let (view, at) = opened.state.unwrap();
                assert_eq!((view.digest(), at.seq), (state.digest(), 1));
                "sound".to_owned()
            }
            Err(reason) => format!("{reason:?}"),
        };
        assert!(found.starts_with(expected), "{what}: {found}");
    }
}

/// An import writes as many rows as there are at once.
#[test]
fn many_rows_are_written_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (history, lease_history, _) = filled(&path);
    let store = Store::open(&path, IDENTITY, &*history, &*lease_history).unwrap().store;
    let before = store.meta(Part::State).unwrap();
    let row = |n: usize| (format!("rmany{n:06}").into_bytes(), b"a row".to_vec());
    let rows: Vec<_> = (0..ROWS_TOGETHER + 1).rev().map(row).collect();
    let mut meta = before;
    for (key, value) in &rows {
        meta.digest.add(key, value);
        meta.rows += 1;
    }
    store.replace(Part::State, rows.iter().cloned().map(|(key, value)| (key, Some(value))).collect(), &meta).unwrap();
    assert_eq!(store.meta(Part::State).unwrap(), meta);
    let count = store.tree.with(|db| Ok(db.scan_prefix(b"rmany").filter_map(Result::ok).count())).unwrap();
    assert_eq!(count, rows.len());
    store.replace(Part::State, rows.into_iter().map(|(key, _)| (key, None)).collect(), &before).unwrap();
    drop(store);
    Store::open(&path, IDENTITY, &*history, &*lease_history).unwrap();
}

/// sled's threads keep its file for a while after the last handle is gone.
#[test]
fn a_store_that_is_being_let_go_of_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    drop(open::tree(folder.path()).unwrap());
    let file = std::fs::File::open(folder.path().join("db")).unwrap();
    file.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            file.unlock().unwrap();
        });
        open::tree(folder.path()).unwrap();
    });
}

/// Nobody but the thread that writes notices that the tree was closed meanwhile.
#[test]
fn a_store_that_rests_is_opened_again_for_the_next_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (history, lease_history, state) = filled(&path);
    let opened = Store::open(&path, IDENTITY, &*history, &*lease_history).unwrap();
    let (file, store) = (std::fs::File::open(path.join("db")).unwrap(), opened.store);
    let is_closed = || file.try_lock().is_ok_and(|()| file.unlock().is_ok());
    for round in 0..3_u8 {
        let until = Instant::now() + Duration::from_secs(5);
        while !is_closed() {
            assert!(Instant::now() < until, "the tree is open although nobody uses it");
            std::thread::sleep(Duration::from_millis(5));
        }
        store.write(vec![(vec![b'z', round], Some(b"a row of no view".to_vec()))]).unwrap();
        store.tree.close_if_idle().unwrap();
        assert!(!is_closed(), "it was used just now");
        store.tree.close().unwrap();
    }
    assert_eq!(store.tree.with(|db| Ok(db.scan_prefix(b"z").count())).unwrap(), 3);
    drop(store);
    let (view, at) = Store::open(&path, IDENTITY, &*history, &*lease_history).unwrap().state.unwrap();
    assert_eq!((view.digest(), at.seq), (state.digest(), 1));
}

#[test]
fn a_panic_becomes_a_reason() {
    let reason = open::guarded::<()>(|| panic!("out of {}", "order")).unwrap_err();
    assert!(matches!(&reason, Unusable::Panicked(words) if words == "out of order"), "{reason:?}");
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A busy DHCP server changes the same leases for years.
#[test]
fn rows_that_are_written_again_and_again_cost_no_more_memory() {
    const ROWS: u32 = 5000;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("store"), IDENTITY).unwrap();
    let mut at_first = 0;
    for round in 0..160_u32 {
        let rows = (0..ROWS).map(|row| (row.to_be_bytes().to_vec(), Some([round.to_be_bytes(); 40].concat())));
        store.write_batch(rows.collect()).unwrap();
        if round == 20 {
            at_first = resident();
        }
    }
    // Other tests run beside this one and have memory of their own. Without care the rows leave 800 MiB.
    let grown = resident().saturating_sub(at_first) >> 20;
    assert!(grown < 300, "{grown} MiB more after 140 rounds");
}
