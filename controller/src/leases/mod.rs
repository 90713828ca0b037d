//! What servers granted, taken in durably and exactly once.
//!
//! Lease events have a ledger of their own, of the same form as the main one: a busy DHCP server must not make the
//! audit trail unreadable, nor its fsync wait for the other. The events of a batch and the place where
//! their stream then stands are committed in one frame; the agent is told only after that. The book of
//! current leases is a view of it.

mod writer;

use crate::ledger::{Hash, History, Ledger, LedgerError};
use arc_swap::ArcSwap;
use freehold_core::lease::{LeaseBook, LeaseCursor};
use freehold_proto::convert::stored::LeaseBatch;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot};
use writer::{Job, Writer};

/// Batches that wait for the writer at most.
const QUEUE: usize = 1024;
/// Batches that a follower may be behind before it is ended.
const FOLLOWERS: usize = 1024;

/// A frame of batches that became durable, for the views that follow the lease ledger.
#[derive(Debug, Clone)]
pub struct DurableLeases {
    /// The frame's number.
    pub seq: u64,
    /// The frame's hash.
    pub hash: Hash,
    /// The batches in it.
    pub batches: Arc<[LeaseBatch]>,
    /// The leases right after it.
    pub book: Arc<LeaseBook>,
}

/// A handle on the keeper of leases; copies are the same keeper.
#[derive(Clone)]
pub struct LeaseKeeper {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    book: ArcSwap<LeaseBook>,
    followers: broadcast::Sender<Arc<[LeaseBatch]>>,
    history: Arc<dyn History>,
}

impl std::fmt::Debug for LeaseKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseKeeper").finish_non_exhaustive()
    }
}

/// Why a batch was not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It does not begin where the server's stream stands; nothing was taken.
    #[error("the batch does not begin where the stream stands")]
    Elsewhere,
    /// The keeper has ended, because its ledger failed or the controller stops. Nobody knows whether it was taken.
    #[error("the lease ledger takes nothing more; the controller is stopping")]
    Stopped,
}

/// The running writer; joined at shutdown.
#[derive(Debug)]
pub struct Running {
    thread: std::thread::JoinHandle<Result<(), LedgerError>>,
}

impl Running {
    /// Waits until every handle is gone and the writer has ended, or until it failed.
    ///
    /// # Errors
    /// Why the lease ledger could not be appended to.
    pub fn join(self) -> Result<(), LedgerError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

impl LeaseKeeper {
    /// Starts the writer on `ledger` with `book`, which must hold everything that the ledger has.
    pub fn start(ledger: Box<dyn Ledger>, book: LeaseBook, views: mpsc::Sender<DurableLeases>) -> (Self, Running) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            book: ArcSwap::from_pointee(book),
            followers: broadcast::Sender::new(FOLLOWERS),
            history: ledger.history(),
        });
        let writer = Writer::new(ledger, Arc::clone(&shared), views);
        let thread = std::thread::Builder::new()
            .name("leases".to_owned())
            .spawn(move || writer.run(queue))
            .expect("a thread can be started at start-up");
        (Self { jobs, shared }, Running { thread })
    }

    /// Takes in a batch; returns where the stream stands when it is durable.
    ///
    /// A batch begins where the stream of its server stands. One without events moves the stream: to another spool, or past events
    /// that the spool lost. One that ends where it begins has events without numbers: what a full listing found.
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn commit(&self, batch: LeaseBatch) -> Result<LeaseCursor, NotTaken> {
        let (answer, wait) = oneshot::channel();
        self.jobs.send(Job { batch, answer }).await.map_err(|_| NotTaken::Stopped)?;
        wait.await.map_err(|_| NotTaken::Stopped)?
    }

    /// Current leases, as one consistent picture of what is durable.
    pub fn book(&self) -> Arc<LeaseBook> {
        self.shared.book.load_full()
    }

    /// Follows what becomes durable from now on.
    pub fn followers(&self) -> broadcast::Receiver<Arc<[LeaseBatch]>> {
        self.shared.followers.subscribe()
    }

    /// The frames themselves.
    pub fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.shared.history)
    }
}

/// Carries out a batch.
pub(crate) fn apply(book: &mut LeaseBook, batch: &LeaseBatch) {
    batch.events.iter().for_each(|event| book.apply(&batch.server, event));
    book.set_cursor(&batch.server, LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq });
}

#[cfg(test)]
mod tests;
