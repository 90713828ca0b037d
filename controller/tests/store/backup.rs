//! Backups: taken beside a writer, restored, and refused when anything in them is not as it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use freehold_controller::backup::{BackupError, check, restore, take};
use freehold_controller::recover;
use freehold_controller::view::View;
use freehold_core::{State, Timestamp};
use freehold_journal::sim::SimRng;

use crate::world::{Truth, World, copy, data, files};
use crate::{Every, assert_is, folder};

/// When the backups here are restored.
const RESTORED: Timestamp = Timestamp(1_700_000_000_999);

/// The parts of a data directory that are no ledger.
fn furnish(root: &Path) {
    fs::create_dir(root.join("ca")).unwrap();
    fs::write(root.join("ca/root.key"), "the key").unwrap();
    fs::set_permissions(root.join("ca/root.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(root.join("ca/trust-domain"), "example").unwrap();
    fs::write(root.join("controller.toml"), "names = []").unwrap();
}

fn backed_up(root: &Path, to: &Path) -> Result<(), BackupError> {
    take(&data(root), to, Timestamp(1)).map(|_| ())
}

/// A data directory that has grown to its end with checkpoints, and a backup of it.
fn backup_of(root: &Path, to: &Path) -> Truth {
    furnish(root);
    let mut world = World::new(root, 3);
    world.follow(Every { frames: 8, ms: i64::MAX });
    while !world.is_spent() {
        world.grow();
    }
    let truth = world.end();
    backed_up(root, to).unwrap();
    truth
}

#[test]
fn a_backup_beside_a_writer_is_a_prefix() {
    let (folder, backups) = (folder(), folder());
    furnish(folder.path());
    let mut world = World::new(folder.path(), 3);
    world.follow(Every { frames: 30, ms: i64::MAX });
    let mut states = BTreeMap::new();
    let mut books = BTreeMap::new();
    let mut lengths = Vec::new();
    std::thread::scope(|scope| {
        let taking = scope.spawn(|| {
            for round in 0..25 {
                backed_up(folder.path(), &backups.path().join(round.to_string())).unwrap();
            }
        });
        while !taking.is_finished() {
            world.grow();
            let ([state, book], [state_seq, book_seq]) = (world.truth().digests(), world.heads());
            states.insert(state_seq, state);
            books.insert(book_seq, book);
        }
    });
    world.end();
    for round in 0..25 {
        let (backup, restored) = (backups.path().join(round.to_string()), backups.path().join(format!("r{round}")));
        restore(&backup, &restored, RESTORED).unwrap();
        let memory = recover::open(&data(&restored)).unwrap();
        let (state, book) = (memory.state.at.seq, memory.book.at.seq);
        // Before the first growth there was the beginning.
        if state > 1 {
            assert_eq!(Some(&memory.state.view.digest()), states.get(&state), "frame {state}");
        }
        if book > 0 {
            assert_eq!(Some(&memory.book.view.digest()), books.get(&book), "lease frame {book}");
        }
        lengths.push(book);
    }
    assert!(lengths.is_sorted() && lengths[24] > lengths[0], "the writer did work meanwhile: {lengths:?}");
}

#[test]
fn a_restored_controller_is_the_same_store_in_a_later_incarnation() {
    let (folder, other) = (folder(), folder());
    let (backup, restored) = (other.path().join("backup"), other.path().join("restored"));
    let truth = backup_of(folder.path(), &backup);
    // What was taken is of use without the original.
    fs::remove_dir_all(folder.path()).unwrap();
    let identity = restore(&backup, &restored, RESTORED).unwrap();
    assert_eq!(identity.incarnation, 1_700_000_000, "the second of the restore");
    let memory = recover::open(&data(&restored)).unwrap();
    assert!(memory.state.from.seq > 1, "from the checkpoint");
    assert_is(&memory, &truth);
    drop(memory);
    let key = restored.join("ca/root.key");
    assert_eq!(fs::read(&key).unwrap(), b"the key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&restored).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read(restored.join("controller.toml")).unwrap(), b"names = []");

    let again = other.path().join("again");
    backed_up(&restored, &again).unwrap();
    let third = other.path().join("third");
    fs::create_dir(&third).unwrap();
    let after = restore(&again, &third, RESTORED).unwrap().incarnation;
    assert_eq!(after, 1_700_000_001, "into an empty folder, by a clock that stands still");
}

#[test]
fn two_restores_of_one_backup_are_two_histories() {
    let (folder, other) = (folder(), folder());
    let backup = other.path().join("backup");
    backup_of(folder.path(), &backup);
    let at = |name: &str, now| restore(&backup, &other.path().join(name), now).unwrap().incarnation;
    let first = at("first", RESTORED);
    assert_eq!(at("second", RESTORED.plus_seconds(60)), first + 60);
    assert_eq!(at("third", Timestamp(-1)), 2, "a clock before 1970 still gives the next one");
}

#[test]
fn nothing_is_overwritten() {
    let (folder, other) = (folder(), folder());
    let backup = other.path().join("backup");
    backup_of(folder.path(), &backup);
    assert!(matches!(backed_up(folder.path(), &backup), Err(BackupError::NotEmpty(_))));
    assert!(matches!(restore(&backup, folder.path(), RESTORED), Err(BackupError::NotEmpty(_))));
}

#[test]
fn a_backup_that_is_not_as_it_was_is_refused() {
    let (folder, other) = (folder(), folder());
    let backup = other.path().join("backup");
    backup_of(folder.path(), &backup);
    let mut rng = SimRng::new(9);
    let mut damaged = 0;
    for file in files(&backup) {
        let bytes = fs::read(&file).unwrap();
        for _ in 0..8 {
            let mut changed = bytes.clone();
            match rng.below(4) {
                0 => changed.truncate(rng.below(bytes.len() as u64) as usize),
                _ => changed[rng.below(bytes.len() as u64) as usize] ^= 1 << rng.below(8),
            }
            fs::write(&file, &changed).unwrap();
            let refused = restore(&backup, &other.path().join("restored"), RESTORED);
            // Whitespace, the time and the like in the manifest matter to nobody.
            if !(refused.is_ok() && file.ends_with("backup.toml")) {
                let error = refused.expect_err(&file.display().to_string());
                damaged += usize::from(matches!(error, BackupError::Damaged { .. }));
                assert!(!other.path().join("restored").exists(), "{error}");
            } else {
                fs::remove_dir_all(other.path().join("restored")).unwrap();
            }
        }
        fs::remove_file(&file).unwrap();
        assert!(restore(&backup, &other.path().join("restored"), RESTORED).is_err(), "without {}", file.display());
        fs::write(&file, bytes).unwrap();
    }
    assert!(damaged > 5, "{damaged}");
    restore(&backup, &other.path().join("restored"), RESTORED).unwrap();
}

#[test]
fn a_flipped_byte_in_the_ledger_is_named_by_its_frame() {
    let folder = folder();
    furnish(folder.path());
    let mut world = World::new(folder.path(), 3);
    (0..20).for_each(|_| world.grow());
    let [_, frames] = world.heads();
    world.end();
    let image = crate::folder();
    let segment = folder.path().join("leases/00000000000000000001.segment");
    let bytes = fs::read(&segment).unwrap();
    let starts: Vec<_> = (512..bytes.len()).step_by(512).filter(|&at| bytes[at..].starts_with(b"FhG1")).collect();
    assert_eq!(starts.len() as u64, frames, "a group each");
    for (seq, start) in (1..).zip(&starts) {
        let root = image.path().join(seq.to_string());
        copy(folder.path(), &root);
        let mut changed = bytes.clone();
        changed[start + 73] ^= 4;
        fs::write(root.join("leases/00000000000000000001.segment"), changed).unwrap();
        let refused = [check(&data(&root)).map(|_| ()), backed_up(&root, &root.join("backup"))];
        for error in refused.map(Result::unwrap_err) {
            assert!(matches!(error, BackupError::Damaged { seq: damaged, .. } if damaged == seq), "{seq}: {error}");
        }
        let error = recover::open(&data(&root)).unwrap_err();
        let causes = format!("{}", std::error::Error::source(&error).unwrap());
        assert!(causes.contains(&format!("frame {seq}:")) && causes.contains("restore"), "{causes}");
    }
}

#[test]
fn check_says_what_is_there() {
    let (folder, other) = (folder(), folder());
    let backup = other.path().join("backup");
    let truth = backup_of(folder.path(), &backup);
    for root in [folder.path(), &backup] {
        let report = check(&data(root)).unwrap();
        assert_eq!([report.state, report.book], truth.digests());
        assert_eq!(report.broken, [] as [String; 0]);
        let memory = recover::open(&data(folder.path())).unwrap();
        assert_eq!((report.ledger, report.leases), (memory.state.at, memory.book.at));
        let state: &State = &memory.state.view;
        assert_eq!((report.revision, report.lease_count), (state.revision().0, memory.book.view.len()));
        let printed = report.to_string();
        assert!(printed.contains(&report.state.to_string()) && printed.ends_with("all kept"), "{printed}");
    }
}

#[test]
fn a_controller_that_never_ran_can_be_backed_up() {
    let (folder, other) = (folder(), folder());
    furnish(folder.path());
    let truth = World::new(folder.path(), 0).end();
    fs::remove_dir_all(folder.path().join("leases")).unwrap();
    backed_up(folder.path(), &other.path().join("backup")).unwrap();
    restore(&other.path().join("backup"), &other.path().join("restored"), RESTORED).unwrap();
    assert_is(&recover::open(&data(&other.path().join("restored"))).unwrap(), &truth);
}

#[test]
fn what_a_crash_left_of_a_group_is_not_in_the_backup() {
    let folder = folder();
    furnish(folder.path());
    let mut world = World::new(folder.path(), 3);
    (0..20).for_each(|_| world.grow());
    let [_, frames] = world.heads();
    world.end();
    let segment = folder.path().join("leases/00000000000000000001.segment");
    let mut bytes = fs::read(&segment).unwrap();
    let last = (512..bytes.len()).step_by(512).rfind(|&at| bytes[at..].starts_with(b"FhG1")).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    assert!(end - last > 512, "the last group has several sectors");
    bytes[end - 512..end].fill(0);
    fs::write(&segment, bytes).unwrap();
    assert_eq!(check(&data(folder.path())).unwrap().leases.seq, frames - 1);
    let backup = crate::folder();
    backed_up(folder.path(), backup.path()).unwrap();
    assert_eq!(check(&data(backup.path())).unwrap().leases.seq, frames - 1);
}
