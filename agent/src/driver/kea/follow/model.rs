//! Whatever Kea, its clean-up and restarts of the agent do, the follower returns every row once, or says that it lost its place.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::memfile::{Columns, LeaseRow, replay, suffixed};
use super::*;

const HEADER: &str =
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";

/// A step of the world.
#[derive(Debug, Clone)]
enum Op {
    /// Kea writes a row; with `false` only half of it, whose rest comes before anything else.
    Write(bool),
    /// Kea renames the file to `.1`, unless there is one, and creates the next.
    Rotate,
    /// The clean-up folds `.2` and `.1` into a new `.2`.
    CleanUp,
    /// The agent looks, at most so many bytes.
    Look(u64),
    /// The agent is killed and started again; the stored position is the last one.
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => any::<bool>().prop_map(Op::Write),
        2 => Just(Op::Rotate),
        2 => Just(Op::CleanUp),
        5 => (1u64..400).prop_map(Op::Look),
        1 => Just(Op::Restart),
    ]
}

fn line(number: u32) -> String {
    format!("10.0.0.{},02:00,,600,{number},7,0,0,,0,", number % 5)
}

fn row(number: u32) -> LeaseRow {
    Columns::from_header(HEADER.trim_end()).unwrap().row(&line(number)).unwrap()
}

/// Kea and its clean-up, with the true history beside the files.
struct Kea {
    file: PathBuf,
    open: File,
    /// Rows written in whole, by number.
    written: Vec<u32>,
    /// The end of a half-written row.
    rest: Option<(u32, String)>,
    creations: i64,
}

impl Kea {
    fn start(file: PathBuf) -> Self {
        fs::write(&file, HEADER).unwrap();
        let open = OpenOptions::new().append(true).open(&file).unwrap();
        Self { file, open, written: vec![], rest: None, creations: 0 }
    }

    fn write(&mut self, whole: bool) {
        if self.finish_row() {
            return;
        }
        let number = self.written.len() as u32;
        let line = format!("{}\n", line(number));
        let cut = if whole { line.len() } else { line.len() / 2 };
        self.open.write_all(&line.as_bytes()[..cut]).unwrap();
        self.rest = (!whole).then(|| (number, line[cut..].to_owned()));
        if whole {
            self.written.push(number);
        }
    }

    fn finish_row(&mut self) -> bool {
        let Some((number, rest)) = self.rest.take() else {
            return false;
        };
        self.open.write_all(rest.as_bytes()).unwrap();
        self.written.push(number);
        true
    }

    fn rotate(&mut self) {
        self.finish_row();
        if !suffixed(&self.file, ".1").exists() {
            fs::rename(&self.file, suffixed(&self.file, ".1")).unwrap();
            fs::write(&self.file, HEADER).unwrap();
            self.open = OpenOptions::new().append(true).open(&self.file).unwrap();
            self.creations += 1;
        }
    }

    fn clean_up(&self) {
        let of = |suffix: &str| suffixed(&self.file, suffix);
        if !of(".1").exists() {
            return;
        }
        let mut folded = fs::read_to_string(of(".2")).unwrap_or_else(|_| HEADER.into());
        folded.push_str(fs::read_to_string(of(".1")).unwrap().strip_prefix(HEADER).unwrap());
        fs::write(of(".output"), folded).unwrap();
        fs::rename(of(".output"), of(".completed")).unwrap();
        fs::remove_file(of(".1")).unwrap();
        fs::rename(of(".completed"), of(".2")).unwrap();
    }

    /// Where a watch stands that has heard of everything.
    fn settled(&self) -> Settled {
        let file = fs::metadata(&self.file).ok().map(|file| FileIdentity::of(&file));
        Settled { creations: self.creations, file }
    }

    /// The last row of each address.
    fn leases(&self) -> Vec<u32> {
        let mut last = std::collections::BTreeMap::new();
        last.extend(self.written.iter().map(|number| (number % 5, *number)));
        last.into_values().collect()
    }
}

/// The agent: what it stored is what survives a restart.
struct Agent {
    file: PathBuf,
    follower: Follower,
    stored: String,
    /// The number of the row that must come next.
    next: u32,
    lost: usize,
}

impl Agent {
    fn start(kea: &Kea) -> Self {
        let (_, follower) = start(&kea.file, kea.settled()).unwrap().unwrap();
        Self {
            file: kea.file.clone(),
            stored: serde_json::to_string(&follower.position()).unwrap(),
            follower,
            next: 0,
            lost: 0,
        }
    }

    fn look(&mut self, kea: &Kea, bytes_max: u64) -> bool {
        match self.follower.look(kea.creations, bytes_max).unwrap() {
            Ok(look) => {
                assert_eq!(look.bad, []);
                self.take(look.rows);
                look.more
            }
            Err(_) => {
                self.begin_again(kea);
                true
            }
        }
    }

    fn take(&mut self, rows: Vec<LeaseRow>) {
        for row in rows {
            assert_eq!(row.expire, i64::from(self.next), "missed or doubled");
            self.next += 1;
        }
        self.stored = serde_json::to_string(&self.follower.position()).unwrap();
    }

    fn begin_again(&mut self, kea: &Kea) {
        let (snapshot, follower) = start(&self.file, kea.settled()).unwrap().unwrap();
        let mut held: Vec<u32> = snapshot.leases.values().map(|row| row.expire as u32).collect();
        held.sort_unstable();
        let mut expected = kea.leases();
        expected.sort_unstable();
        assert_eq!(held, expected, "the snapshot is not the leases");
        self.follower = follower;
        self.next = kea.written.len() as u32;
        self.lost += 1;
        self.take(vec![]);
    }

    fn restart(&mut self, kea: &Kea) {
        let position = serde_json::from_str(&self.stored).unwrap();
        match Follower::resume(&self.file, &position, kea.settled()).unwrap() {
            Ok(follower) => {
                let known = leases_at(&self.file, &position).unwrap();
                let read: Vec<_> = (0..self.next).map(row).collect();
                assert_eq!(known, replay(read), "what was known at the position");
                self.follower = follower;
            }
            Err(_) => self.begin_again(kea),
        }
    }
}

/// Runs the steps and returns how often the follower said that it was lost.
fn run(ops: &[Op]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut kea = Kea::start(folder.path().join("l.csv"));
    let mut agent = Agent::start(&kea);
    for op in ops {
        match op {
            Op::Write(whole) => kea.write(*whole),
            Op::Rotate => kea.rotate(),
            Op::CleanUp => kea.clean_up(),
            Op::Look(bytes_max) => drop(agent.look(&kea, *bytes_max)),
            Op::Restart => agent.restart(&kea),
        }
    }
    kea.finish_row();
    while agent.look(&kea, 64 * 1024) {}
    assert_eq!(agent.next as usize, kea.written.len(), "something is left unread");
    agent.lost
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_row_once_or_lost(ops in prop::collection::vec(op(), 0..120)) {
        run(&ops);
    }
}

#[test]
fn one_rotation_at_any_time_loses_nothing() {
    use Op::{CleanUp, Look, Restart, Rotate, Write};
    let (whole, half, look) = (Write(true), Write(false), Look(9999));
    for (ops, lost) in [
        (vec![whole.clone(), look.clone(), whole.clone(), Rotate, whole.clone(), CleanUp, look.clone()], 0),
        (vec![whole.clone(), half, look.clone(), Rotate, whole.clone(), look.clone()], 0),
        (vec![whole.clone(), look.clone(), whole.clone(), Rotate, whole.clone(), Restart, look.clone(), CleanUp], 0),
        // Rotated and folded away while the agent was down.
        (vec![whole.clone(), look.clone(), whole.clone(), Rotate, CleanUp, Restart], 1),
        // Twice between two looks: first the second file is still there, then it is not.
        (vec![look.clone(), Rotate, CleanUp, whole.clone(), Rotate, look.clone()], 1),
        (vec![look.clone(), Rotate, CleanUp, whole.clone(), Rotate, CleanUp, look.clone()], 1),
    ] {
        assert_eq!(run(&ops), lost, "{ops:?}");
    }
}

#[test]
fn a_rotation_just_before_a_follower_goes_on_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let mut kea = Kea::start(folder.path().join("l.csv"));
    kea.write(true);
    let agent = Agent::start(&kea);
    let settled = kea.settled();
    kea.rotate();
    kea.write(true);
    assert!(start(&kea.file, settled).unwrap().is_none(), "another file than the watch settled at");
    let mut follower = Follower::resume(&kea.file, &agent.follower.position(), settled).unwrap().unwrap();
    let mut rows = 0;
    loop {
        let look = follower.look(kea.creations, 4096).unwrap().expect("nothing was skipped");
        rows += look.rows.len();
        if !look.more {
            break;
        }
    }
    assert_eq!(rows, 1);
}

#[test]
fn an_altered_or_shortened_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut kea = Kea::start(folder.path().join("l.csv"));
    kea.write(true);
    let mut agent = Agent::start(&kea);
    let (position, settled) = (agent.follower.position(), kea.settled());
    let check = |content: &str, expected: Lost| {
        fs::write(&kea.file, content).unwrap();
        assert_eq!(Follower::resume(&kea.file, &position, settled).unwrap().unwrap_err(), expected);
    };
    let content = fs::read_to_string(&kea.file).unwrap();
    check(&content.replace(",7,", ",8,"), Lost::Altered);
    check(HEADER, Lost::Truncated);
    assert_eq!(agent.follower.look(0, 100).unwrap(), Err(Lost::Truncated));
    fs::remove_file(&kea.file).unwrap();
    assert_eq!(Follower::resume(&kea.file, &position, settled).unwrap().unwrap_err(), Lost::Gone);
    agent.lost += 1;
}
