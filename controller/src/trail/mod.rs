//! Trails: what happened to one address, resource, caller or server, found without reading the ledgers.
//!
//! ```text
//! ledger ───────▶ rows by topic, the newest first ─▶ memory ─16 MB─▶ run ─four of like size─▶ one run
//! lease ledger ─▶ the same, on a shelf of its own
//! ```
//!
//! A trail is a view like any other: it follows from the frames alone, may be deleted while the controller is stopped, and comes out the
//! same. It reads its ledger by itself, a moment behind, so that no change and no lease ever waits for it. Whoever asks waits instead
//! until everything is in that was durable when the question came ([`Part::reach`]): an answer never lacks what was acknowledged.
//!
//! A crash leaves runs that are whole, or that are removed at the next start. The frames after the last run are read again. Nothing of a run is believed
//! that its checksums do not bear out; if one is damaged the trail ends, and is made anew at the next start.

mod row;
mod rows;
mod run;
mod shelf;
#[cfg(test)]
mod tests;

use crate::ledger::{History, LedgerError};
use crate::view::Point;
use freehold_core::Timestamp;
use freehold_proto::convert::stored::Unreadable;
use shelf::Shelf;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use row::{Position, Row, Topic};
pub use rows::{
    batch, change, effective, leased, name, network, principal, resource, revision, server, stream, subnet,
};

/// Bytes of rows in memory before they are written to a run.
const FRESH_BYTES: usize = 4 << 20;
/// Bytes of rows that are taken in at a time.
const STEP_BYTES: usize = 1 << 20;
/// How long a question waits until the trail has reached the present.
const REACH_LIMIT: Duration = Duration::from_secs(5);

/// Why a trail is not kept or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// A file.
    #[error("cannot read or write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A run is not as it was written.
    #[error("{} is damaged; it is made anew at the next start", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// The ledger.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    /// A frame or a row.
    #[error("a frame does not read")]
    Frame(#[from] Unreadable),
    /// It has not reached the present.
    #[error("the history is still being put together: frame {at} of {head}; ask again later")]
    Behind {
        /// How far it is.
        at: u64,
        /// How far it has to come.
        head: u64,
    },
    /// It ended.
    #[error("the history is not kept any more; restart the controller, and it is put together again")]
    Ended,
}

/// How a frame becomes rows.
type Read = fn(u64, &[u8]) -> Result<Vec<(Topic, Row)>, Unreadable>;

/// The trails of one ledger.
#[derive(Debug)]
pub struct Part {
    shelf: Shelf,
    history: Arc<dyn History>,
    read: Read,
    /// Up to which frame everything is in; `None` when it ended.
    reached: watch::Sender<Option<u64>>,
}

/// The trails of both ledgers; copies are the same.
#[derive(Debug, Clone)]
pub struct Trail {
    /// Those of the ledger.
    pub entries: Arc<Part>,
    /// Those of the lease ledger.
    pub leases: Arc<Part>,
}

/// Those who follow the ledgers; they end with them.
#[derive(Debug)]
pub struct Followers([JoinHandle<()>; 2]);

impl Followers {
    /// Waits until both have ended.
    pub async fn join(self) {
        for follower in self.0 {
            follower.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        }
    }
}

impl Trail {
    /// Opens the trails in a folder, and follows the ledgers until they are gone.
    ///
    /// # Errors
    /// `File` and `Ledger`.
    pub fn start(
        folder: &Path,
        entries: Arc<dyn History>,
        leases: Arc<dyn History>,
    ) -> Result<(Self, Followers), TrailError> {
        let (entries, first) = Part::start(&folder.join("ledger"), entries, rows::of_entries)?;
        let (leases, second) = Part::start(&folder.join("leases"), leases, rows::of_leases)?;
        Ok((Self { entries, leases }, Followers([first, second])))
    }
}

impl Part {
    fn start(folder: &Path, history: Arc<dyn History>, read: Read) -> Result<(Arc<Self>, JoinHandle<()>), TrailError> {
        let (shelf, at) = Shelf::open(folder, &*history)?;
        let part = Arc::new(Self { shelf, history, read, reached: watch::Sender::new(Some(at.seq)) });
        let follower = Follower { part: Arc::clone(&part), put_down: at, at, bytes: 0, merging: None };
        Ok((part, tokio::spawn(follower.run())))
    }

    /// Waits until everything is in that is durable now.
    ///
    /// # Errors
    /// `Behind` and `Ended`.
    pub async fn reach(&self) -> Result<(), TrailError> {
        let head = self.history.head().0;
        let mut reached = self.reached.subscribe();
        let there = reached.wait_for(|at| at.is_none_or(|at| at >= head));
        match tokio::time::timeout(REACH_LIMIT, there).await.map(|there| there.map(|at| *at)) {
            Ok(Ok(Some(_))) => Ok(()),
            Ok(_) => Err(TrailError::Ended),
            Err(_) => Err(TrailError::Behind { at: self.reached.borrow().unwrap_or_default(), head }),
        }
    }

    /// Up to `limit` rows of `topic` below a position and not after `until`, the newest first. Blocks on the disk.
    ///
    /// # Errors
    /// `File` and `Damaged`.
    pub fn newest(
        &self,
        topic: Topic,
        below: Position,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Row>, TrailError> {
        self.shelf.newest(topic, below, until, limit).inspect_err(|error| self.give_up(error))
    }

    /// Up to `limit` rows of `topic` above a position, the oldest first. Blocks on the disk.
    ///
    /// # Errors
    /// `File` and `Damaged`.
    pub fn oldest(&self, topic: Topic, above: Position, limit: usize) -> Result<Vec<Row>, TrailError> {
        self.shelf.oldest(topic, above, limit).inspect_err(|error| self.give_up(error))
    }

    /// A damaged run is removed, so that the next start makes it anew.
    fn give_up(&self, failure: &TrailError) {
        let error: &dyn std::error::Error = failure;
        tracing::error!(error, "the history cannot be read; it is put together again at the next start");
        if let TrailError::Damaged { path } = failure
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::error!(error = &error as &dyn std::error::Error, "a damaged run cannot be removed");
        }
        self.reached.send_replace(None);
    }

    /// The frames behind it.
    pub fn history(&self) -> &Arc<dyn History> {
        &self.history
    }

    /// How many rows there are, and in how many runs.
    pub fn size(&self) -> (u64, usize) {
        self.shelf.size()
    }
}

/// Brings a part to where its ledger is.
#[derive(Debug)]
struct Follower {
    part: Arc<Part>,
    /// The last frame whose rows are in a run.
    put_down: Point,
    /// The last frame whose rows are in.
    at: Point,
    /// Bytes of rows in memory.
    bytes: usize,
    merging: Option<std::thread::JoinHandle<Result<(), TrailError>>>,
}

impl Follower {
    async fn run(mut self) {
        let mut heads = self.part.history.heads();
        loop {
            let next = self.at.seq + 1;
            if heads.wait_for(|head| *head >= next).await.is_err() {
                break;
            }
            let step = move || match self.take_in() {
                Ok(()) => Ok(self),
                Err(error) => Err((self.part, error)),
            };
            let stepped = tokio::task::spawn_blocking(step).await;
            self = match stepped.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic())) {
                Ok(follower) => follower,
                Err((part, error)) => return part.give_up(&error),
            };
        }
        let end = move || self.end_merge();
        let ended = tokio::task::spawn_blocking(end).await;
        if let Err(error) = ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic())) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last merge of the history did not end well");
        }
    }

    /// Takes in some frames.
    fn take_in(&mut self) -> Result<(), TrailError> {
        let mut taken = 0;
        for frame in self.part.history.read(self.at.seq + 1)? {
            let frame = frame?;
            let rows = (self.part.read)(frame.seq, &frame.payload)?;
            taken += rows.iter().map(|(_, row)| row::HEADER + row.body.len()).sum::<usize>();
            self.part.shelf.add(rows);
            self.at = Point { seq: frame.seq, hash: frame.hash };
            if taken >= STEP_BYTES {
                break;
            }
        }
        self.bytes += taken;
        self.part.reached.send_if_modified(|reached| {
            let goes_on = reached.is_some();
            *reached = reached.map(|_| self.at.seq);
            goes_on
        });
        if self.bytes >= FRESH_BYTES {
            self.part.shelf.put_down(self.put_down.seq + 1, self.at)?;
            (self.put_down, self.bytes) = (self.at, 0);
        }
        if self.merging.as_ref().is_none_or(std::thread::JoinHandle::is_finished) {
            self.end_merge()?;
            self.merging = self.part.shelf.to_merge().map(|runs| {
                let part = Arc::clone(&self.part);
                let merge = move || part.shelf.merge(&runs);
                let thread = std::thread::Builder::new().name("trail".to_owned()).spawn(merge);
                thread.expect("a thread can be started")
            });
        }
        Ok(())
    }

    fn end_merge(&mut self) -> Result<(), TrailError> {
        let Some(merging) = self.merging.take() else { return Ok(()) };
        merging.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
