//! What owners of a journal rely on beside appending and reading.

use std::io;
use std::sync::Arc;

use freehold_journal::sim::{Fault, Operation, Outcome, SimDisk, SimRng};
use freehold_journal::{Access, Cut, Disk, Journal, JournalError, Options, RealDisk, write_atomically};

fn open(disk: &SimDisk) -> Result<Journal, JournalError> {
    Journal::open(Arc::new(disk.clone()), Options { segment_bytes: 4096, restore: "restore".to_owned() })
}

fn payloads(journal: &Journal) -> Vec<Vec<u8>> {
    let frames = journal.reader().read(1).expect("nothing was truncated");
    frames.map(|frame| frame.expect("a sound disk").payload).collect()
}

#[test]
fn a_second_owner_is_kept_out() {
    let disk = SimDisk::new();
    let held = open(&disk).expect("an empty disk");
    assert!(matches!(open(&disk), Err(JournalError::InUse(_))));
    drop(held);
    open(&disk).expect("the first owner is gone");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let real = || -> Result<Journal, JournalError> {
        let disk = RealDisk::open(folder.path()).expect("it was just made");
        Journal::open(Arc::new(disk), Options { segment_bytes: 4096, restore: "restore".to_owned() })
    };
    let held = real().expect("an empty folder");
    assert!(matches!(real(), Err(JournalError::InUse(_))));
    drop(held);
    real().expect("the first owner is gone");
}

#[test]
fn a_full_disk_takes_nothing_in_and_loses_nothing() {
    let disk = SimDisk::new();
    let mut journal = open(&disk).expect("an empty disk");
    disk.set_capacity(Some(10_000));
    let mut written = Vec::new();
    let refused = loop {
        let payload = vec![written.len() as u8; 1000];
        match journal.append(&[&payload]) {
            Ok(_) => written.push(payload),
            Err(error) => break error,
        }
    };
    let JournalError::NotWritten { source, .. } = &refused else { panic!("{refused}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert!(!refused.is_fatal());
    assert!(written.len() >= 4, "{}", written.len());
    assert_eq!(payloads(&journal), written);

    disk.set_capacity(None);
    written.push(b"room again".to_vec());
    journal.append(&["room again"]).expect("there is room");
    drop(journal);
    assert_eq!(payloads(&open(&disk).expect("a sound disk")), written);
}

#[test]
fn a_group_that_never_got_whole_is_cut_and_reported() {
    let disk = SimDisk::new();
    let mut journal = open(&disk).expect("an empty disk");
    journal.append(&["kept"]).expect("a sound disk");
    let outcome = Outcome::ShortThenError(io::ErrorKind::Other);
    disk.inject(Fault { operation: Operation::Write, after: 0, outcome });
    let error = journal.append(&[vec![7; 1500]]).expect_err("half of it was written");
    assert!(error.is_fatal());
    drop(journal);

    let journal = open(&disk).expect("a torn tail is no damage");
    let cut = Cut { segment: "00000000000000000001.segment".to_owned(), seq: 2, offset: 1024 };
    assert_eq!((journal.recovery().frames, journal.recovery().cut.clone()), (1, Some(cut)));
    assert_eq!(payloads(&journal), [b"kept"]);
}

#[test]
fn readers_see_what_is_durable_while_the_writer_goes_on() {
    let disk = SimDisk::new();
    let mut journal = open(&disk).expect("an empty disk");
    let reader = journal.reader();
    assert_eq!(reader.head().0, 0);
    journal.append(&["one", "two"]).expect("a sound disk");
    let mut early = reader.read(2).expect("nothing was truncated");
    journal.append(&["three"]).expect("a sound disk");
    assert_eq!(early.next().expect("one frame").expect("a sound disk").payload, b"two");
    assert!(early.next().is_none(), "frame 3 came after the reading began");
    disk.inject(Fault { operation: Operation::SyncData, after: 0, outcome: Outcome::Error(io::ErrorKind::Other) });
    journal.append(&["four"]).expect_err("the sync fails");
    assert_eq!((reader.head().0, reader.read(4).expect("nothing was truncated").count()), (3, 0));
}

#[test]
fn truncation_keeps_numbers_and_chain() {
    let disk = SimDisk::new();
    let mut journal = open(&disk).expect("an empty disk");
    for number in 0..40u8 {
        journal.append(&[vec![number; 600]]).expect("a sound disk");
    }
    let head = journal.head();
    let first = journal.truncate_before(30).expect("a sound disk");
    assert!((20..=30).contains(&first), "{first}");
    drop(journal);
    let mut journal = open(&disk).expect("a shorter journal is sound");
    assert_eq!((journal.head(), journal.reader().first_seq()), (head, first));
    assert!(matches!(journal.reader().read(first - 1), Err(JournalError::Gone { .. })));
    assert_eq!(journal.append(&["next"]).expect("a sound disk").0, 41);
}

#[test]
fn damage_that_comes_later_is_noticed_by_readers() {
    let disk = SimDisk::new();
    let mut journal = open(&disk).expect("an empty disk");
    journal.append(&["one", "two"]).expect("a sound disk");
    let name = "00000000000000000001.segment";
    let mut bytes = disk.bytes(name).expect("the first segment");
    bytes[512 + 64 + 8] ^= 1;
    disk.put(name, bytes);
    let mut frames = journal.reader().read(1).expect("nothing was truncated");
    let Some(Err(JournalError::Damaged(damage))) = frames.next() else { panic!("accepted") };
    assert_eq!((damage.segment.as_str(), damage.seq, damage.offset), (name, 1, 576));
    assert!(frames.next().is_none());
}

#[test]
fn too_large_a_group_is_refused_before_anything_is_written() {
    let disk = SimDisk::new();
    let mut journal = open(&disk).expect("an empty disk");
    let error = journal.append(&[vec![0; 64 << 20]]).expect_err("too large");
    assert!(matches!(error, JournalError::TooLarge { limit: 0x400_0000, .. }) && !error.is_fatal());
    assert_eq!(journal.append(&["small"]).expect("a sound disk").0, 1);
}

#[test]
fn an_atomic_file_is_old_or_new_after_a_loss_of_power() {
    for seed in 0..500 {
        let mut rng = SimRng::new(seed);
        let disk = SimDisk::new();
        write_atomically(&disk, "identity", &[1; 9000], Access::Private).expect("a sound disk");
        disk.freeze_after(rng.below(7));
        let new = vec![2; 5000];
        let acknowledged = write_atomically(&disk, "identity", &new, Access::Private).is_ok();
        let found = disk.power_loss(rng.draw()).bytes("identity").expect("it never goes away");
        assert!(found == new || (!acknowledged && found == [1; 9000]), "seed {seed}: neither old nor new");
    }
}

#[test]
fn a_private_file_is_private_and_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = RealDisk::create(&folder.path().join("keys")).expect("the parent exists");
    let path = folder.path().join("keys/key");
    std::fs::write(folder.path().join("keys/key.new"), "a leftover for all to read").expect("a folder of ours");
    for content in ["first", "second"] {
        write_atomically(&disk, "key", content.as_bytes(), Access::Private).expect("a sound disk");
        assert_eq!(std::fs::read_to_string(&path).expect("just written"), content);
    }
    let mode = std::fs::metadata(&path).expect("just written").permissions().mode();
    assert_eq!((mode & 0o777, disk.list().expect("a sound disk")), (0o600, vec!["key".to_owned()]));
}
