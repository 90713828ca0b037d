//! The controller's memory, as a model: ledgers with a durable part and a part that a crash takes, group commit,
//! and the views of them. The rules are core's own.

use crate::rng::Rng;
use freehold_core::change::{Actor, Outcome};
use freehold_core::lease::{LeaseBook, LeaseCursor};
use freehold_core::{Change, Command, Entry, Refusal, State, StorePoint, Timestamp, decide};
use freehold_proto::convert::stored::LeaseBatch;
use std::collections::VecDeque;

/// Who waits for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Nobody,
    /// The session on this connection.
    Open(u64),
    Operator,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a job lives for a moment, in a queue of a few")]
pub(crate) enum Job {
    Command { command: Command, reply: Reply },
    Leases { batch: LeaseBatch, stream: u64 },
}

/// A job that was decided on, and is durable once its group is.
#[derive(Debug, Clone)]
pub(crate) enum Decided {
    Entry { entry: Entry, reply: Reply },
    Refused { refusal: Refusal, reply: Reply },
    Leases { batch: LeaseBatch, stream: u64 },
    LeasesRefused { stream: u64 },
}

/// What a disk holds.
#[derive(Debug, Clone)]
pub(crate) struct Ledgers {
    pub(crate) store: [u8; 16],
    pub(crate) incarnation: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) leases: Vec<LeaseBatch>,
}

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) durable: Ledgers,
    pub(crate) state: State,
    pub(crate) book: LeaseBook,
    queue: VecDeque<Job>,
    in_flight: Vec<Decided>,
    /// Lease commits to refuse, as a full disk would.
    pub(crate) no_room: u32,
    /// Whether a commit must start where the cursor is.
    pub(crate) contiguous: bool,
}

impl Engine {
    pub(crate) fn new(store: [u8; 16]) -> Self {
        Self::open(Ledgers { store, incarnation: 1, entries: Vec::new(), leases: Vec::new() })
    }

    /// What a start makes of a disk.
    pub(crate) fn open(durable: Ledgers) -> Self {
        let mut state = State::default();
        durable.entries.iter().for_each(|entry| state.apply(entry));
        let mut book = LeaseBook::default();
        durable.leases.iter().for_each(|batch| take_in(&mut book, batch));
        Self { durable, state, book, queue: VecDeque::new(), in_flight: Vec::new(), no_room: 0, contiguous: true }
    }

    pub(crate) fn point(&self) -> StorePoint {
        StorePoint { store: self.durable.store, incarnation: self.durable.incarnation, revision: self.state.revision() }
    }

    pub(crate) fn push(&mut self, job: Job) {
        self.queue.push_back(job);
    }

    pub(crate) fn idle(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// Decides on all that wait, as one group. Nothing is durable yet.
    pub(crate) fn begin_group(&mut self, now: Timestamp) -> &[Decided] {
        let mut state = self.state.clone();
        let mut book = self.book.clone();
        while let Some(job) = self.queue.pop_front() {
            let decided = match job {
                Job::Command { command, reply } => match decide(&state, &command, now) {
                    Err(refusal) => Decided::Refused { refusal, reply },
                    Ok(changes) => {
                        let entry = entry(&state, changes, now);
                        state.apply(&entry);
                        Decided::Entry { entry, reply }
                    }
                },
                Job::Leases { batch, stream } => {
                    let cursor = book.of(&batch.server).and_then(|server| server.cursor);
                    let fits = !self.contiguous || fits(cursor, &batch);
                    if self.no_room > 0 || !fits {
                        self.no_room = self.no_room.saturating_sub(1);
                        Decided::LeasesRefused { stream }
                    } else {
                        take_in(&mut book, &batch);
                        Decided::Leases { batch, stream }
                    }
                }
            };
            self.in_flight.push(decided);
        }
        &self.in_flight
    }

    /// The group is durable: only now is it seen.
    pub(crate) fn end_group(&mut self) -> Vec<Decided> {
        let group = std::mem::take(&mut self.in_flight);
        for decided in &group {
            self.durable.keep(decided);
            match decided {
                Decided::Entry { entry, .. } => self.state.apply(entry),
                Decided::Leases { batch, .. } => take_in(&mut self.book, batch),
                Decided::Refused { .. } | Decided::LeasesRefused { .. } => {}
            }
        }
        group
    }

    /// What a crash leaves: of the group under way all or nothing, of what waited nothing.
    pub(crate) fn crash(&self, rng: &mut Rng) -> Ledgers {
        let mut left = self.durable.clone();
        if rng.one_in(2) {
            self.in_flight.iter().for_each(|decided| left.keep(decided));
        }
        left
    }

    /// Commits at once, before the simulation begins.
    pub(crate) fn set_up(&mut self, command: Command) {
        let changes = decide(&self.state, &command, Timestamp(0)).expect("the set-up obeys the rules");
        let entry = entry(&self.state, changes, Timestamp(0));
        self.state.apply(&entry);
        self.durable.entries.push(entry);
    }
}

impl Ledgers {
    fn keep(&mut self, decided: &Decided) {
        match decided {
            Decided::Entry { entry, .. } => self.entries.push(entry.clone()),
            Decided::Leases { batch, .. } => self.leases.push(batch.clone()),
            Decided::Refused { .. } | Decided::LeasesRefused { .. } => {}
        }
    }
}

fn entry(state: &State, changes: Vec<Change>, at: Timestamp) -> Entry {
    Entry {
        revision: state.revision().next(),
        at,
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(changes),
    }
}

fn fits(cursor: Option<LeaseCursor>, batch: &LeaseBatch) -> bool {
    match cursor.filter(|cursor| cursor.epoch == batch.epoch) {
        Some(cursor) => cursor.next_seq == batch.first_seq,
        None => batch.first_seq == 1,
    }
}

fn take_in(book: &mut LeaseBook, batch: &LeaseBatch) {
    batch.events.iter().for_each(|event| book.apply(&batch.server, event));
    book.set_cursor(&batch.server, LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq });
}
