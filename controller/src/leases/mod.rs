//! What servers granted, taken in durably and exactly once.
//!
//! Lease events have a ledger of their own, of the same form as the main one: a busy DHCP server must not make the
//! audit trail unreadable, nor its fsync wait for the other. The events of a batch and the place where
//! their stream then stands are committed in one frame; the agent is told only after that. The book of
//! current leases is a view of it.

mod writer;

use crate::ledger::{History, Ledger, LedgerError};
use arc_swap::ArcSwap;
use freehold_core::lease::{LeaseBook, LeaseCursor, LeaseEvent};
use freehold_core::name::ServerName;
use freehold_proto::convert::stored::{self, LeaseBatch, Unreadable};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot};
use writer::{Job, Writer};

use crate::engine::Clock;

/// Batches that wait for the writer at most.
const QUEUE: usize = 1024;
/// Batches that a follower may be behind before it is ended.
const FOLLOWERS: usize = 1024;

/// A frame of batches that became durable, for the views that follow the lease ledger.
#[derive(Debug, Clone)]
pub struct DurableLeases {
    /// The frame's number.
    pub seq: u64,
    /// The batches in it.
    pub batches: Arc<[LeaseBatch]>,
}

/// A handle on the keeper of leases; copies are the same keeper.
#[derive(Clone)]
pub struct LeaseKeeper {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    book: ArcSwap<LeaseBook>,
    followers: broadcast::Sender<DurableLeases>,
    history: Arc<dyn History>,
    clock: Clock,
}

impl std::fmt::Debug for LeaseKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseKeeper").finish_non_exhaustive()
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Everything before this number is durable.
    Durable {
        /// The next event awaited.
        next_seq: u64,
    },
    /// There is a gap; nothing was taken.
    Rewind {
        /// The next event awaited.
        next_seq: u64,
    },
    /// The batch is of a spool that was not greeted; nothing was taken.
    OtherEpoch,
}

/// The keeper has ended, because its ledger failed or the controller stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease ledger takes nothing more; the controller is stopping")]
pub struct Stopped;

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
    pub fn start(
        ledger: Box<dyn Ledger>,
        book: LeaseBook,
        clock: Clock,
        views: mpsc::Sender<DurableLeases>,
    ) -> (Self, Running) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            book: ArcSwap::from_pointee(book),
            followers: broadcast::Sender::new(FOLLOWERS),
            history: ledger.history(),
            clock,
        });
        let writer = Writer::new(ledger, Arc::clone(&shared), views);
        let thread = std::thread::Builder::new()
            .name("leases".to_owned())
            .spawn(move || writer.run(queue))
            .expect("a thread can be started at start-up");
        (Self { jobs, shared }, Running { thread })
    }

    /// Takes in events of `server`, contiguous from `first_seq` of spool `epoch`; returns when they are durable.
    ///
    /// # Errors
    /// [`Stopped`]; then nobody knows whether they are, and the agent sends them again.
    pub async fn take(
        &self,
        server: ServerName,
        epoch: [u8; 16],
        first_seq: u64,
        events: Vec<LeaseEvent>,
    ) -> Result<Taken, Stopped> {
        self.ask(|answer| Job::Take { server, epoch, first_seq, events, answer }).await
    }

    /// Follows `cursor` from now on, another spool than before.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn follow(&self, server: ServerName, cursor: LeaseCursor) -> Result<(), Stopped> {
        self.ask(|answer| Job::Follow { server, cursor, answer }).await
    }

    /// Puts events on record that are not of a stream: leases found or missed by a full listing.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn correct(&self, server: ServerName, events: Vec<LeaseEvent>) -> Result<(), Stopped> {
        self.ask(|answer| Job::Correct { server, events, answer }).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, Stopped> {
        let (answer, wait) = oneshot::channel();
        self.jobs.send(job(answer)).await.map_err(|_| Stopped)?;
        wait.await.map_err(|_| Stopped)
    }

    /// Current leases, as one consistent picture of what is durable.
    pub fn book(&self) -> Arc<LeaseBook> {
        self.shared.book.load_full()
    }

    /// Follows what becomes durable from now on.
    pub fn followers(&self) -> broadcast::Receiver<DurableLeases> {
        self.shared.followers.subscribe()
    }

    /// The frames themselves.
    pub fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.shared.history)
    }
}

/// Why the lease ledger cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("the lease ledger cannot be read")]
    Ledger(#[from] LedgerError),
    /// A frame does not read.
    #[error("frame {seq} of the lease ledger does not read")]
    Frame {
        /// Which.
        seq: u64,
        /// Why.
        #[source]
        source: Unreadable,
    },
}

/// Brings `book` from frame `after` to the newest frame of `history`.
///
/// # Errors
/// If the ledger cannot be read.
pub fn replay(book: &mut LeaseBook, history: &dyn History, after: u64) -> Result<(), ReplayError> {
    for frame in history.read(after + 1)? {
        let frame = frame?;
        let batches =
            stored::decode_leases(&frame.payload).map_err(|source| ReplayError::Frame { seq: frame.seq, source })?;
        batches.iter().for_each(|batch| apply(book, batch));
    }
    Ok(())
}

fn apply(book: &mut LeaseBook, batch: &LeaseBatch) {
    batch.events.iter().for_each(|event| book.apply(&batch.server, event));
    book.set_cursor(&batch.server, LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq });
}

#[cfg(test)]
mod tests;
