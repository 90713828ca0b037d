//! Follows the plan and the leases, and keeps what contradicts itself ([`freehold_core::conflict`]) for whoever asks.
//!
//! Nothing is stored: at a start everything is looked at once, then only what changes and leases touch. A crash loses nothing
//! but the times at which conflicts were first noticed. When more leases came than could be followed, everything is looked at
//! again.

use crate::engine::{Engine, HistoryError};
use crate::leases::LeaseKeeper;
use crate::obedience;
use freehold_core::conflict::{Conflicts, Facts, Watcher};
use freehold_core::lease::LeaseBook;
use freehold_core::{Entry, Revision};
use freehold_proto::convert::stored::LeaseBatch;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Entries looked at together.
const STRIDE: usize = 4096;
/// Places that are looked at on a thread that answers calls; more of them get a thread of their own.
const AT_ONCE: usize = 256;
/// How long a caller waits for what it has just done to be looked at.
const REACH: Duration = Duration::from_secs(2);

/// The conflicts at a revision.
#[derive(Debug, Clone, Default)]
struct Seen {
    revision: Revision,
    conflicts: Conflicts,
}

/// What was found, for readers; copies are the same.
#[derive(Debug, Clone)]
pub struct Found(watch::Receiver<Seen>);

impl Found {
    /// The conflicts as of `revision` at least, or what is known when a reader has waited long enough.
    pub async fn at(&self, revision: Revision) -> Conflicts {
        let mut seen = self.0.clone();
        let reached = tokio::time::timeout(REACH, seen.wait_for(|seen| seen.revision >= revision)).await;
        match reached {
            Ok(Ok(seen)) => seen.conflicts.clone(),
            // Late, or ended with the controller: what was found is still the newest that there is.
            Ok(Err(_)) | Err(_) => self.0.borrow().conflicts.clone(),
        }
    }
}

/// The task.
#[derive(Debug)]
pub struct Detector {
    engine: Engine,
    leases: LeaseKeeper,
    watcher: Watcher,
    /// The leases that were last looked at.
    book: Arc<LeaseBook>,
    seen: watch::Sender<Seen>,
}

impl Detector {
    /// A detector that has not begun.
    pub fn new(engine: Engine, leases: LeaseKeeper) -> Self {
        let book = leases.book();
        Self { engine, leases, watcher: Watcher::default(), book, seen: watch::Sender::default() }
    }

    /// What it finds.
    pub fn found(&self) -> Found {
        Found(self.seen.subscribe())
    }

    /// Finds conflicts, until `stop`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), HistoryError> {
        let mut followers = self.leases.followers();
        let mut entries = self.engine.entries_after(self.engine.state().revision());
        self.look(|facts, now, watcher| *watcher = Watcher::of(facts, now)).await;
        loop {
            self.tell(entries.position());
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                new = entries.next(STRIDE) => match new? {
                    Some(new) => self.changed(new).await,
                    None => return Ok(()),
                },
                batches = followers.recv() => match batches {
                    Ok(batches) => self.leased(batches).await,
                    Err(RecvError::Lagged(_)) => self.look(|facts, now, watcher| watcher.look_at_all(facts, now)).await,
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    }

    async fn changed(&mut self, entries: Vec<Arc<Entry>>) {
        let all = move |facts: &Facts<'_>, watcher: &mut Watcher| {
            for change in entries.iter().flat_map(|entry| entry.changes()) {
                watcher.changed(facts, change);
            }
        };
        self.touch(all).await;
    }

    async fn leased(&mut self, batches: Arc<[LeaseBatch]>) {
        let before = Arc::clone(&self.book);
        let all = move |facts: &Facts<'_>, watcher: &mut Watcher| {
            for (server, event) in
                batches.iter().flat_map(|batch| batch.events.iter().map(|event| (&batch.server, event)))
            {
                let before = before.of(server).and_then(|leases| leases.leases.get(&event.lease.address));
                before.into_iter().for_each(|before| watcher.leased(facts, before));
                watcher.leased(facts, &event.lease);
            }
        };
        self.touch(all).await;
    }

    /// Notes what is touched, and looks at it.
    async fn touch(&mut self, note: impl FnOnce(&Facts<'_>, &mut Watcher)) {
        let (state, book, now) = (self.engine.state(), self.leases.book(), self.engine.now());
        let facts = Facts { state: &state, book: &book, form: obedience::form };
        note(&facts, &mut self.watcher);
        self.book = Arc::clone(&book);
        if self.watcher.waiting() <= AT_ONCE {
            self.watcher.refresh(&facts, now);
        } else {
            let refresh = |facts: &Facts<'_>, now, watcher: &mut Watcher| {
                watcher.refresh(facts, now);
            };
            self.look(refresh).await;
        }
    }

    /// Looks at much, on a thread that answers nobody meanwhile.
    async fn look(&mut self, look: impl FnOnce(&Facts<'_>, freehold_core::Timestamp, &mut Watcher) + Send + 'static) {
        let (state, book, now) = (self.engine.state(), self.leases.book(), self.engine.now());
        self.book = Arc::clone(&book);
        let mut watcher = std::mem::take(&mut self.watcher);
        let looked = tokio::task::spawn_blocking(move || {
            look(&Facts { state: &state, book: &book, form: obedience::form }, now, &mut watcher);
            watcher
        });
        self.watcher = looked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    }

    fn tell(&self, revision: Revision) {
        let conflicts = self.watcher.found().clone();
        self.seen.send_replace(Seen { revision, conflicts });
    }
}
