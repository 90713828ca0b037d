//! The engine: one writer that decides, makes durable, and then tells.
//!
//! ```text
//! callers ─▶ queue ─▶ writer thread: decide each on the picture so far ─▶ one frame, one fdatasync
//!                                                                           │ durable
//!            answers ◀── callers   watchers ◀── snapshot, recent entries ◀──┘──▶ views (sled)
//! ```
//!
//! Everything that waits is decided together and made durable together, so the cost of the disk is
//! shared by whoever came while the disk was busy; nothing waits on purpose. Readers see a snapshot
//! that holds only what is durable: nobody ever sees what a crash could take back. A failed append ends the
//! engine for good, and the process with it; the ledger says on the next start what became of it.

mod behind;
mod call;
mod history;
mod rights;
#[cfg(test)]
mod tests;
mod writer;

pub use call::{Ahead, Call, CommitError, Committed};
pub use history::{Entries, HistoryError};

use crate::ledger::{Hash, History, Identity, Ledger};
use arc_swap::ArcSwap;
use behind::{Behind, OnItsWay};
use freehold_core::change::Actor;
use freehold_core::refusal::Reason;
use freehold_core::{Change, Entry, Refusal, Revision, State, Timestamp, decide};
use history::Recent;
use rights::Rights;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
pub use writer::ENTRY_BYTES_MAX;
use writer::{Job, Writer};

/// How the engine learns the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Jobs that wait for the writer at most; past that, callers wait for a place.
const QUEUE: usize = 8192;

/// A frame that became durable, for the views that follow the ledger.
#[derive(Debug, Clone)]
pub struct Durable {
    /// The frame's number.
    pub seq: u64,
    /// The frame's hash.
    pub hash: Hash,
    /// The entries in it.
    pub entries: Arc<[Arc<Entry>]>,
    /// The state right after it.
    pub state: Arc<State>,
    /// Counts the entries as long as they are held here.
    _on_its_way: Option<Arc<OnItsWay>>,
}

impl Durable {
    /// A frame that nobody waits for.
    pub fn new(seq: u64, hash: Hash, entries: Arc<[Arc<Entry>]>, state: Arc<State>) -> Self {
        Self { seq, hash, entries, state, _on_its_way: None }
    }

    /// How many changes it has.
    pub fn changes(&self) -> usize {
        self.entries.iter().map(|entry| entry.changes().len()).sum()
    }

    /// The same frame, on its way.
    fn sent(self, behind: &Behind) -> Self {
        let on_its_way = behind.send(self.changes());
        Self { _on_its_way: Some(Arc::new(on_its_way)), ..self }
    }
}

/// A handle on the engine; copies are the same engine.
#[derive(Clone)]
pub struct Engine {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

/// What the writer publishes.
struct Shared {
    state: ArcSwap<State>,
    recent: ArcSwap<Recent>,
    revisions: watch::Sender<Revision>,
    history: Arc<dyn History>,
    identity: watch::Sender<Identity>,
    clock: Clock,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("revision", &self.shared.state.load().revision()).finish_non_exhaustive()
    }
}

/// The running writer; joined at shutdown.
#[derive(Debug)]
pub struct Running {
    thread: std::thread::JoinHandle<Result<(), crate::ledger::LedgerError>>,
}

impl Running {
    /// Waits until every handle is gone and the writer has ended, or until it failed.
    ///
    /// # Errors
    /// Why the ledger could not be appended to.
    pub fn join(self) -> Result<(), crate::ledger::LedgerError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

impl Engine {
    /// Starts the writer on `ledger` at `state`, which must hold everything that the ledger has.
    ///
    /// Every durable frame goes to `views` after callers can see it; a full queue there holds the writer
    /// back, so views must keep up or be dropped. The writer ends when the last handle is gone.
    pub fn start(ledger: Box<dyn Ledger>, state: State, clock: Clock, views: mpsc::Sender<Durable>) -> (Self, Running) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let revision = state.revision();
        let shared = Arc::new(Shared {
            state: ArcSwap::from_pointee(state),
            recent: ArcSwap::from_pointee(Recent::starting_after(revision)),
            revisions: watch::Sender::new(revision),
            history: ledger.history(),
            identity: watch::Sender::new(ledger.identity()),
            clock,
        });
        let writer = Writer::new(ledger, Arc::clone(&shared), views);
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || writer.run(queue))
            .expect("a thread can be started at start-up");
        (Self { jobs, shared }, Running { thread })
    }

    /// Carries out a call: returns when it is durable, or when it is refused.
    ///
    /// # Errors
    /// [`CommitError::Refused`] if the rules do not allow it; [`CommitError::Stopped`] if the engine has ended, and
    /// then nobody knows whether it was carried out until the next start.
    pub async fn commit(&self, call: Call) -> Result<Committed, CommitError> {
        self.ask(|answer| Job::Commit { call: Box::new(call), answer }).await?
    }

    /// Puts a refused attempt on record.
    ///
    /// # Errors
    /// [`CommitError::Stopped`].
    pub async fn record_denied(
        &self,
        actor: Actor,
        method: String,
        reason: Reason,
        message: String,
    ) -> Result<(), CommitError> {
        self.ask(|answer| Job::Denied { actor, method, reason, message, answer }).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, CommitError> {
        let (answer, wait) = oneshot::channel();
        self.jobs.send(job(answer)).await.map_err(|_| CommitError::Stopped)?;
        wait.await.map_err(|_| CommitError::Stopped)
    }

    /// What would come of a call if it were carried out at `base`; nothing is.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn plan(&self, base: &State, call: &Call) -> Result<Committed, Refusal> {
        let mut state = base.clone();
        let rights = Rights::of(&state, call)?;
        rights.may_ask(&state, call)?;
        let changes = decide(&state, &call.command, self.now())?;
        rights.may_make(&state, &changes)?;
        let about = changes.first().map(Change::key);
        let revision = if changes.is_empty() { state.revision() } else { state.revision().next() };
        state.apply_changes(&changes);
        Ok(Committed { revision, changes: changes.into(), about, state: Arc::new(state) })
    }

    /// Everything that is durable, as one consistent picture.
    pub fn state(&self) -> Arc<State> {
        self.shared.state.load_full()
    }

    /// Follows the newest durable revision. The snapshot is never older than what this says.
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.shared.revisions.subscribe()
    }

    /// Entries after `revision`, those of the past first.
    pub fn entries_after(&self, revision: Revision) -> Entries {
        Entries::new(Arc::clone(&self.shared), revision)
    }

    /// The frames themselves.
    pub fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.shared.history)
    }

    /// Which store this is.
    pub fn identity(&self) -> Identity {
        *self.shared.identity.borrow()
    }

    /// Follows which store this is: its incarnation may rise.
    pub fn identities(&self) -> watch::Receiver<Identity> {
        self.shared.identity.subscribe()
    }

    /// The time, as the engine sees it.
    pub fn now(&self) -> Timestamp {
        (self.shared.clock)()
    }
}
