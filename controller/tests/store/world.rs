//! A controller's disk without a controller: ledgers that grow by random histories, and followers that keep a store behind them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use freehold_controller::checkpoint::{Checkpoints, Every};
use freehold_controller::engine::Durable;
use freehold_controller::leases::DurableLeases;
use freehold_controller::ledger::{Append, Ledger, SegmentLedger};
use freehold_controller::recover::{self, DataDir, Memory};
use freehold_controller::store::Follower;
use freehold_controller::view::{Digest, Part, Point, Row, View};
use freehold_core::change::{Actor, Entry, Outcome, RequestMark};
use freehold_core::lease::{Lease, LeaseBook, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::name::{AgentName, ServerName};
use freehold_core::{State, Timestamp, decide};
use freehold_journal::RealDisk;
use freehold_journal::sim::SimRng;
use freehold_proto::convert::stored::{LeaseBatch, encode_frame, encode_leases};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::sync::mpsc;

use crate::draws::histories;
use crate::universe::{EtagChoice, Step, beginning, resolve};

const SEGMENT_BYTES: u64 = 64 << 10;
const STORE_ID: [u8; 16] = [7; 16];

/// Two ledgers that grow, with everything that ever was in them.
pub(crate) struct World {
    pub(crate) data: DataDir,
    rng: SimRng,
    steps: Vec<Step>,
    now: Timestamp,
    ledgers: Option<(SegmentLedger, SegmentLedger)>,
    pub(crate) state: State,
    pub(crate) book: LeaseBook,
    followers: Option<Followers>,
}

struct Followers {
    state: (mpsc::Sender<Durable>, Follower),
    book: (mpsc::Sender<DurableLeases>, Follower),
}

pub(crate) fn data(root: &Path) -> DataDir {
    DataDir::new(root.to_owned()).with_segments(SEGMENT_BYTES)
}

impl World {
    /// A new one in an empty folder, with the beginning that the histories need.
    pub(crate) fn new(root: &Path, seed: u64) -> Self {
        let data = data(root);
        let ledger = |path: PathBuf| {
            let disk = RealDisk::create(&path).unwrap();
            SegmentLedger::create(Arc::new(disk), STORE_ID, SEGMENT_BYTES).unwrap()
        };
        let seeds: Vec<u8> = seed.to_le_bytes().repeat(4);
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seeds);
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        let mut world = Self {
            rng: SimRng::new(seed),
            steps: histories(150).new_tree(&mut runner).unwrap().current(),
            now: Timestamp(1_700_000_000_000),
            ledgers: Some((ledger(data.ledger()), ledger(data.leases()))),
            state: State::default(),
            book: LeaseBook::default(),
            followers: None,
            data,
        };
        let step = |command| Step { command, etag: EtagChoice::Absent, wait: 0, request: None };
        world.commit(beginning().into_iter().map(step).collect());
        world
    }

    /// One whose end is recovered.
    pub(crate) fn resume(root: &Path, memory: Memory) -> Self {
        let mut world = Self {
            rng: SimRng::new(0),
            steps: Vec::new(),
            now: Timestamp(0),
            ledgers: None,
            state: State::default(),
            book: LeaseBook::default(),
            followers: None,
            data: data(root),
        };
        world.attend(memory, Every::default());
        world
    }

    /// Opens the disk again and keeps the store behind from now on.
    pub(crate) fn follow(&mut self, every: Every) {
        self.ledgers = None;
        let memory = recover::open(&self.data).unwrap();
        self.attend(memory, every);
    }

    fn attend(&mut self, memory: Memory, every: Every) {
        let identity = memory.state.ledger.identity();
        let folder = self.data.checkpoints();
        let checkpoints = |part| Checkpoints::new(folder.clone(), identity, part, every, Arc::new(|| Timestamp(1)));
        let Memory { state, book, store, .. } = memory;
        (self.state, self.book) = (state.view.clone(), book.view.clone());
        let (states, frames) = mpsc::channel(1024);
        let kept = (Arc::new(state.view), state.at);
        let state_follower = Follower::start(store.clone(), kept, state.backlog, checkpoints(Part::State), frames);
        let (books, frames) = mpsc::channel(1024);
        let kept = (Arc::new(book.view), book.at);
        let book_follower = Follower::start(store, kept, book.backlog, checkpoints(Part::Leases), frames);
        self.ledgers = Some((state.ledger, book.ledger));
        self.followers = Some(Followers { state: (states, state_follower), book: (books, book_follower) });
    }

    /// The followers hear of nothing more; returns when they have written what they heard.
    pub(crate) fn deafen(&mut self) {
        if let Some(Followers { state, book }) = self.followers.take() {
            drop((state.0, book.0));
            state.1.join().unwrap();
            book.1.join().unwrap();
        }
    }

    /// A few random frames in both ledgers.
    pub(crate) fn grow(&mut self) {
        let count = usize::try_from(self.rng.below(6)).unwrap().min(self.steps.len());
        let steps = self.steps.drain(..count).collect();
        self.commit(steps);
        self.lease();
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.steps.is_empty()
    }

    fn commit(&mut self, steps: Vec<Step>) {
        let mut entries = Vec::new();
        for step in steps {
            self.now = self.now.plus_seconds(step.wait);
            let command = resolve(&step, &self.state, self.now);
            let Ok(changes) = decide(&self.state, &command, self.now) else { continue };
            let principal = "operators/alice".to_owned();
            let id = step.request.map(|n| n.to_string()).filter(|id| self.state.request(&principal, id).is_none());
            let entry = Entry {
                revision: self.state.revision().next(),
                at: self.now,
                actor: Actor { principal, ..Actor::default() },
                method: "/test".to_owned(),
                request: id.map(|id| RequestMark { id, fingerprint: [3; 16] }),
                outcome: Outcome::Done(changes),
            };
            self.state.apply(&entry);
            entries.push(Arc::new(entry));
        }
        if entries.is_empty() {
            return;
        }
        let at = append(&mut self.ledgers.as_mut().unwrap().0, &encode_frame(&entries));
        if let Some(followers) = &self.followers {
            let state = Arc::new(self.state.clone());
            let durable = Durable::new(at.seq, at.hash, entries.into(), state);
            followers.state.0.blocking_send(durable).unwrap();
        }
    }

    fn lease(&mut self) {
        let server = ["a", "b"][self.rng.below(2) as usize];
        let server = ServerName::new(AgentName::from_id(server).unwrap(), "kea4").unwrap();
        let cursor = self.book.of(&server).and_then(|leases| leases.cursor);
        let first_seq = cursor.map_or(1, |cursor| cursor.next_seq);
        let events: Vec<_> = (0..self.rng.below(20)).map(|_| self.event()).collect();
        let next_seq = first_seq + events.len() as u64;
        let batch = LeaseBatch { server, epoch: [9; 16], first_seq, events, next_seq, at: self.now };
        batch.events.iter().for_each(|event| self.book.apply(&batch.server, event));
        let cursor = freehold_core::lease::LeaseCursor { epoch: batch.epoch, next_seq };
        self.book.set_cursor(&batch.server, cursor);
        let at = append(&mut self.ledgers.as_mut().unwrap().1, &encode_leases(std::slice::from_ref(&batch)));
        if let Some(followers) = &self.followers {
            let book = Arc::new(self.book.clone());
            let durable = DurableLeases { seq: at.seq, hash: at.hash, batches: [batch].into(), book };
            followers.book.0.blocking_send(durable).unwrap();
        }
    }

    fn event(&mut self) -> LeaseEvent {
        let kinds =
            [LeaseEventKind::Granted, LeaseEventKind::Renewed, LeaseEventKind::Released, LeaseEventKind::Declined];
        let kind = kinds[self.rng.below(4) as usize];
        let lease = Lease {
            address: [10, 0, 0, self.rng.below(40) as u8].into(),
            prefix_len: 32,
            subnet_id: 1,
            hardware: self.rng.draw().to_le_bytes()[..6].to_vec(),
            client_id: Vec::new(),
            duid: Vec::new(),
            iaid: 0,
            host_name: String::new(),
            cltt: self.now,
            valid_seconds: 3600,
            state: if kind == LeaseEventKind::Declined { LeaseState::Declined } else { LeaseState::Granted },
        };
        LeaseEvent { kind, lease, observed: self.now, folded: 0 }
    }

    /// The newest frames of the ledger and the lease ledger.
    pub(crate) fn heads(&self) -> [u64; 2] {
        let (ledger, leases) = self.ledgers.as_ref().unwrap();
        [ledger.history().head().0, leases.history().head().0]
    }

    /// What a process that is killed leaves, and what there should be.
    pub(crate) fn truth(&self) -> Truth {
        Truth { state: sorted(&self.state), book: sorted(&self.book), revision: self.state.revision().0 }
    }

    /// Lets go of the disk.
    pub(crate) fn end(mut self) -> Truth {
        self.deafen();
        self.truth()
    }
}

fn append(ledger: &mut SegmentLedger, payload: &[u8]) -> Point {
    let seq = ledger.history().head().0 + 1;
    let appended = ledger.append(seq, payload).unwrap();
    let Append::Appended { hash } = appended else { panic!("{appended:?}") };
    Point { seq, hash }
}

/// Everything that must be there.
#[derive(Debug, PartialEq)]
pub(crate) struct Truth {
    state: Vec<Row>,
    book: Vec<Row>,
    revision: u64,
}

impl Truth {
    pub(crate) fn of(memory: &Memory) -> Self {
        assert_eq!(freehold_core::check(&memory.state.view), [] as [String; 0]);
        Self {
            state: sorted(&memory.state.view),
            book: sorted(&memory.book.view),
            revision: memory.state.view.revision().0,
        }
    }

    pub(crate) fn digests(&self) -> [Digest; 2] {
        [&self.state, &self.book].map(|rows| {
            let mut digest = Digest::default();
            rows.iter().for_each(|(key, value)| digest.add(key, value));
            digest
        })
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.iter().filter(|(key, _)| key[0] == b'q').count()
    }
}

fn sorted(view: &impl View) -> Vec<Row> {
    let mut rows: Vec<Row> = view.rows().collect();
    rows.sort();
    rows
}

/// Copies a folder as it is, even while somebody writes to it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if std::fs::copy(entry.path(), &target).is_err() {
            assert!(!entry.path().exists(), "it went while it was copied");
        }
    }
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
