//! The store and the checkpoints against what the ledgers say: whatever happens to them, a start has the same state.

#![allow(clippy::unwrap_used, reason = "a test; its helpers fail like the test itself")]

#[path = "../../../core/tests/histories/addresses.rs"]
mod addresses;
#[allow(dead_code, reason = "the histories of core's own tests, of which not everything is needed")]
#[path = "../../../core/tests/histories/draws.rs"]
mod draws;
#[allow(dead_code, reason = "the histories of core's own tests, of which not everything is needed")]
#[path = "../../../core/tests/histories/universe.rs"]
mod universe;

mod backup;
mod world;

use std::fs;
use std::path::Path;

use freehold_controller::checkpoint::Every;
use freehold_controller::ledger::Identity;
use freehold_controller::recover::{self, Memory};
use freehold_controller::store::Unusable;
use freehold_controller::view::{Part, View};
use freehold_journal::RealDisk;
use freehold_journal::sim::SimRng;
use world::{Truth, World, copy, data, files};

const NEVER: Every = Every { frames: u64::MAX, ms: i64::MAX };

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(root: &Path) -> Memory {
    recover::open(&data(root)).unwrap()
}

/// A world that has grown to its end with a store behind it.
fn grown(root: &Path, seed: u64, every: Every) -> Truth {
    let mut world = World::new(root, seed);
    world.follow(every);
    while !world.is_spent() {
        world.grow();
    }
    world.end()
}

fn assert_is(memory: &Memory, truth: &Truth) {
    assert_eq!(Truth::of(memory), *truth);
    assert_eq!([memory.state.view.digest(), memory.book.view.digest()], truth.digests());
}

/// The store has everything: nothing is replayed.
fn assert_current(root: &Path, truth: &Truth) {
    let memory = open(root);
    assert!(memory.set_aside.is_none(), "{:?}", memory.set_aside);
    assert_eq!((memory.state.from, memory.book.from), (memory.state.at, memory.book.at), "nothing was replayed");
    assert_is(&memory, truth);
}

#[test]
fn what_the_store_has_is_what_the_ledgers_say() {
    let mut requests = 0;
    for seed in 0..25 {
        let folder = folder();
        let truth = grown(folder.path(), seed, NEVER);
        assert_current(folder.path(), &truth);
        fs::remove_dir_all(folder.path().join("store")).unwrap();
        let replayed = open(folder.path());
        assert_eq!(replayed.state.from.seq, 0, "all of it was replayed");
        assert_is(&replayed, &truth);
        requests += truth.requests();
    }
    assert!(requests > 10, "requests were remembered: {requests}");
}

#[test]
fn requests_are_forgotten_in_the_store_too() {
    let mut forgotten = 0;
    for seed in 100..110 {
        let folder = folder();
        let mut world = World::new(folder.path(), seed);
        world.follow(NEVER);
        let mut before = 0;
        while !world.is_spent() {
            world.grow();
            let now = world.truth().requests();
            forgotten += usize::from(now < before);
            before = now;
        }
        let truth = world.end();
        assert_current(folder.path(), &truth);
    }
    assert!(forgotten > 3, "some were forgotten on the way: {forgotten}");
}

#[test]
fn a_store_that_missed_the_end_catches_up() {
    for seed in 0..12 {
        let folder = folder();
        let mut world = World::new(folder.path(), seed);
        world.follow(NEVER);
        (0..seed).for_each(|_| world.grow());
        world.deafen();
        (0..10).for_each(|_| world.grow());
        let truth = world.end();

        let memory = open(folder.path());
        assert!(memory.book.from.seq < memory.book.at.seq && memory.set_aside.is_none());
        assert_is(&memory, &truth);
        assert_eq!(World::resume(folder.path(), memory).end(), truth);
        assert_current(folder.path(), &truth);
    }
}

#[test]
fn a_process_that_is_killed_anywhere_leaves_what_a_start_can_use() {
    let mut kept = 0;
    for seed in 0..15 {
        let (folder, image) = (folder(), folder());
        let mut world = World::new(folder.path(), seed);
        // The store is new, so some images are of one that is being filled.
        world.follow(NEVER);
        (0..seed * 2).for_each(|_| world.grow());
        // The store first: the ledger is never behind it.
        copy(&folder.path().join("store"), &image.path().join("store"));
        let truth = world.truth();
        copy(&folder.path().join("ledger"), &image.path().join("ledger"));
        copy(&folder.path().join("leases"), &image.path().join("leases"));
        world.end();
        let memory = open(image.path());
        kept += usize::from(memory.set_aside.is_none());
        assert_is(&memory, &truth);
    }
    assert!(kept > 0, "some images were of a store that could be used");
}

#[test]
fn a_damaged_store_is_made_anew_with_the_same_state() {
    let (mut aside, mut noticed) = (0, std::collections::BTreeSet::new());
    let original = folder();
    let truth = grown(original.path(), 4, NEVER);
    for seed in 0..60 {
        let folder = folder();
        copy(original.path(), folder.path());
        damage(&folder.path().join("store"), &mut SimRng::new(seed));
        let memory = open(folder.path());
        if let Some(reason) = &memory.set_aside {
            aside += 1;
            noticed.insert(format!("{reason:?}").split(['(', '{', ' ']).next().unwrap().to_owned());
            assert!(folder.path().join("store.aside").is_dir(), "seed {seed}: {reason}");
        }
        assert_is(&memory, &truth);
        assert_eq!(World::resume(folder.path(), memory).end(), truth, "seed {seed}");
        assert_current(folder.path(), &truth);
    }
    println!("{aside} of 60 set aside: {noticed:?}");
    assert!(aside > 10, "{aside}");
}

fn damage(store: &Path, rng: &mut SimRng) {
    if rng.below(20) == 0 {
        fs::remove_dir_all(store).unwrap();
        return;
    }
    let files = files(store);
    let file = &files[rng.below(files.len() as u64) as usize];
    let mut bytes = fs::read(file).unwrap();
    match rng.below(4) {
        0 => fs::remove_file(file).unwrap(),
        1 => fs::write(file, &bytes[..rng.below(bytes.len() as u64 + 1) as usize]).unwrap(),
        _ if bytes.is_empty() => fs::write(file, b"x").unwrap(),
        _ => {
            // Mostly where something is written.
            let used = bytes.iter().rposition(|&byte| byte != 0).map_or(bytes.len(), |last| last + 1);
            for _ in 0..1 + rng.below(8) {
                bytes[rng.below(used as u64) as usize] ^= 1 << rng.below(8);
            }
            fs::write(file, bytes).unwrap();
        }
    }
}

#[test]
fn a_store_of_another_history_is_not_used() {
    let original = folder();
    let mut world = World::new(original.path(), 4);
    (0..5).for_each(|_| world.grow());
    let earlier = folder();
    copy(original.path(), earlier.path());
    let before = world.truth();
    world.follow(NEVER);
    while !world.is_spent() {
        world.grow();
    }
    let truth = world.end();

    // The ledgers of an earlier day beside the store of today.
    copy(&original.path().join("store"), &earlier.path().join("store"));
    let memory = open(earlier.path());
    assert!(matches!(memory.set_aside, Some(Unusable::OtherHistory { .. })), "{:?}", memory.set_aside);
    assert_is(&memory, &before);
    drop(memory);

    // A restored controller.
    let disk = RealDisk::open(&original.path().join("ledger")).unwrap();
    Identity { incarnation: 2, ..Identity::load(&disk).unwrap().unwrap() }.store(&disk).unwrap();
    let memory = open(original.path());
    assert!(matches!(memory.set_aside, Some(Unusable::OtherStore)), "{:?}", memory.set_aside);
    assert_is(&memory, &truth);
}

#[test]
fn a_ledger_that_went_back_and_grew_again_is_another_history() {
    let (original, other) = (folder(), folder());
    let mut world = World::new(original.path(), 4);
    while !world.is_spent() {
        world.grow();
    }
    copy(original.path(), other.path());
    world.follow(NEVER);
    (0..10).for_each(|_| world.grow());
    world.end();
    let memory = open(other.path());
    let mut world = World::resume(other.path(), memory);
    (0..20).for_each(|_| world.grow());
    let truth = world.end();

    fs::remove_dir_all(other.path().join("store")).unwrap();
    copy(&original.path().join("store"), &other.path().join("store"));
    let memory = open(other.path());
    let expected = Some(Unusable::OtherHistory { part: Part::Leases, seq: 0 });
    let kind = |reason: &Option<Unusable>| reason.as_ref().map(std::mem::discriminant);
    assert_eq!(kind(&memory.set_aside), kind(&expected), "{:?}", memory.set_aside);
    assert_is(&memory, &truth);
}

#[test]
fn a_checkpoint_and_the_rest_are_everything() {
    let every = Every { frames: 10, ms: i64::MAX };
    let folder = folder();
    let truth = grown(folder.path(), 3, every);
    let checkpoints = files(&folder.path().join("checkpoints"));
    assert!((2..=6).contains(&checkpoints.len()), "three of each part are kept: {checkpoints:?}");
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    let memory = open(folder.path());
    assert!(memory.state.from.seq > 1 && memory.book.from.seq > 1, "not from the first frame");
    assert_is(&memory, &truth);
    drop(memory);

    // A restored one is as good.
    let disk = RealDisk::open(&folder.path().join("ledger")).unwrap();
    Identity { incarnation: 2, ..Identity::load(&disk).unwrap().unwrap() }.store(&disk).unwrap();
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    assert!(open(folder.path()).state.from.seq > 1);
}

#[test]
fn a_damaged_checkpoint_is_as_none() {
    let original = folder();
    let truth = grown(original.path(), 5, Every { frames: 20, ms: i64::MAX });
    fs::remove_dir_all(original.path().join("store")).unwrap();
    let mut rng = SimRng::new(1);
    for round in 0..60 {
        let folder = folder();
        copy(original.path(), folder.path());
        for file in files(&folder.path().join("checkpoints")) {
            let mut bytes = fs::read(&file).unwrap();
            match rng.below(3) {
                0 => bytes.truncate(rng.below(bytes.len() as u64) as usize),
                1 => bytes.push(0),
                _ => {
                    let at = rng.below(bytes.len() as u64) as usize;
                    bytes[at] ^= 1 << rng.below(8);
                }
            }
            fs::write(file, bytes).unwrap();
        }
        let memory = open(folder.path());
        assert_eq!((memory.state.from.seq, memory.book.from.seq), (0, 0), "round {round}");
        assert_is(&memory, &truth);
    }
}
