//! From the data directory to a controller's memory: what was made durable, put together again.
//!
//! ```text
//! store ────────────────┐ unusable: set aside
//! newest checkpoint ────┤ none that reads: from nothing
//!                       ▼
//! ledger ─the rest─▶ state        and the same for the lease ledger and its book
//! ```
//!
//! Only the ledgers are the truth. A store or a checkpoint is taken if it is whole, of this store and incarnation, and at a
//! frame of this very ledger, by the frame's hash; else it is as if it were not there, and the start takes longer.
//! Every start reads and checks both ledgers from the first frame to the last (about 600 MB/s).

use crate::checkpoint;
use crate::ledger::{History, Identity, Ledger, LedgerError, SegmentLedger};
use crate::store::{Backlog, Opened, Store, Unusable};
use crate::view::{Point, ReplayFault, View};
use freehold_core::State;
use freehold_core::lease::LeaseBook;
use freehold_journal::{Disk, RealDisk};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Size of the ledgers' segment files, in bytes.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// Why the state cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// A directory.
    #[error("cannot open {}; was the controller set up with `freehold-controller init`?", path.display())]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A ledger.
    #[error("the ledger in {}", path.display())]
    Ledger {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: LedgerError,
    },
    /// A ledger cannot be read while it is replayed.
    #[error("the ledger cannot be read")]
    Read(#[from] LedgerError),
    /// A frame cannot be carried out.
    #[error("frame {seq} of the ledger of {part} {fault}")]
    Frame {
        /// Of which ledger.
        part: &'static str,
        /// Which.
        seq: u64,
        /// Why.
        #[source]
        fault: ReplayFault,
    },
    /// The two ledgers are not of one store.
    #[error(
        "the ledger and the lease ledger are of different stores; run `freehold-controller restore` with the newest backup"
    )]
    Strangers,
    /// The store's place cannot be cleared.
    #[error("cannot set the unusable store in {} aside", path.display())]
    Aside {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A new store cannot be made.
    #[error("cannot make a new store in {}", path.display())]
    Store {
        /// Where.
        path: PathBuf,
        /// Why.
        source: Unusable,
    },
}

/// Where the parts of a data directory are.
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
    segment_bytes: u64,
}

impl DataDir {
    /// The data directory at this path.
    pub fn new(root: PathBuf) -> Self {
        Self { root, segment_bytes: SEGMENT_BYTES }
    }

    /// The same with ledger segments of another size, in bytes.
    pub fn with_segments(self, segment_bytes: u64) -> Self {
        Self { segment_bytes, ..self }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The ledger's segments and identity.
    pub fn ledger(&self) -> PathBuf {
        crate::config::ledger(&self.root)
    }

    /// The same of the lease ledger.
    pub fn leases(&self) -> PathBuf {
        crate::config::leases(&self.root)
    }

    /// The CA.
    pub fn authority(&self) -> PathBuf {
        crate::config::authority(&self.root)
    }

    /// The store; can be deleted while the controller is stopped.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The history by address and resource; can be deleted while the controller is stopped.
    pub fn trail(&self) -> PathBuf {
        self.root.join("trail")
    }

    /// The checkpoints; can be deleted.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Opens the ledger in a directory; makes it, as a part of `store`, if that is given and there is none.
    fn open_ledger(&self, path: &Path, store: Option<Identity>) -> Result<SegmentLedger, RecoverError> {
        let data = |source| RecoverError::Data { path: path.to_owned(), source };
        let disk = if store.is_some() { RealDisk::create(path) } else { RealDisk::open(path) };
        let disk: Arc<dyn Disk> = Arc::new(disk.map_err(data)?);
        match (SegmentLedger::open(Arc::clone(&disk), self.segment_bytes), store) {
            (Err(LedgerError::Missing), Some(store)) => SegmentLedger::create(disk, store.store_id, self.segment_bytes),
            (opened, _) => opened,
        }
        .map_err(|source| RecoverError::Ledger { path: path.to_owned(), source })
    }
}

/// A ledger and what follows from it.
#[derive(Debug)]
pub struct Recovered<V: View> {
    /// The ledger.
    pub ledger: SegmentLedger,
    /// Everything that it has.
    pub view: V,
    /// Its newest frame.
    pub at: Point,
    /// Where replaying began.
    pub from: Point,
    /// What the store lacks of it.
    pub backlog: Backlog<V>,
}

/// A controller's memory.
#[derive(Debug)]
pub struct Memory {
    /// The ledger and the state.
    pub state: Recovered<State>,
    /// The lease ledger and the book.
    pub book: Recovered<LeaseBook>,
    /// The store, which holds what it was opened with, or nothing if it is new.
    pub store: Store,
    /// Why the store was set aside, if it was.
    pub set_aside: Option<Unusable>,
}

/// Opens a data directory. A lease ledger that is not there is made: there is none before the first start.
///
/// # Errors
/// See [`RecoverError`]. Nothing was changed but what opening a journal changes.
pub fn open(data: &DataDir) -> Result<Memory, RecoverError> {
    let ledger = data.open_ledger(&data.ledger(), None)?;
    let identity = ledger.identity();
    let lease_ledger = data.open_ledger(&data.leases(), Some(identity))?;
    if lease_ledger.identity().store_id != identity.store_id {
        return Err(RecoverError::Strangers);
    }
    let path = data.store();
    let opened = Store::open(&path, identity, &*ledger.history(), &*lease_ledger.history());
    let (Opened { store, state, book }, set_aside) = match opened {
        Ok(opened) => (opened, None),
        Err(reason) => {
            let missing = matches!(reason, Unusable::Missing);
            if !missing {
                let reason: &dyn std::error::Error = &reason;
                tracing::warn!(reason, "the store is set aside, and made anew from the ledger");
            }
            set_store_aside(&path).map_err(|source| RecoverError::Aside { path: path.clone(), source })?;
            let store = Store::create(&path, identity).map_err(|source| RecoverError::Store { path, source })?;
            let empty = Opened { store, state: None, book: None };
            (empty, (!missing).then_some(reason))
        }
    };
    let checkpoints = data.checkpoints();
    let (state, book) = std::thread::scope(|scope| {
        let book = scope.spawn(|| recovered(lease_ledger, identity, book, &checkpoints));
        let state = recovered(ledger, identity, state, &checkpoints);
        (state, book.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    Ok(Memory { state: state?, book: book?, store, set_aside })
}

fn recovered<V: View>(
    ledger: SegmentLedger,
    identity: Identity,
    stored: Option<(V, Point)>,
    checkpoints: &Path,
) -> Result<Recovered<V>, RecoverError> {
    let history = ledger.history();
    let in_store = stored.as_ref().map(|(view, at)| (Arc::new(view.clone()), *at));
    let (mut view, from) = match stored.or_else(|| checkpoint::newest(checkpoints, identity, &*history)) {
        Some(found) => found,
        None => (V::default(), Point::START),
    };
    let mut touched = V::Touched::default();
    let at = replay(&mut view, &*history, from, &mut touched)?;
    let backlog = in_store.map_or(Backlog::Everything, |(view, at)| Backlog::Since(view, at, touched));
    let part = V::PART.word();
    tracing::info!(part, from = from.seq, frames = at.seq, found = ?ledger.recovery(), "recovered");
    Ok(Recovered { ledger, view, at, from, backlog })
}

/// Carries out the frames of `history` after `from`, notes what they touched, and says which was the last. Blocks on the
/// disk.
///
/// # Errors
/// `Read` and `Frame`.
pub fn replay<V: View>(
    view: &mut V,
    history: &dyn History,
    from: Point,
    touched: &mut V::Touched,
) -> Result<Point, RecoverError> {
    let mut at = from;
    if history.head().0 == from.seq {
        return Ok(at);
    }
    for frame in history.read(from.seq + 1)? {
        let frame = frame?;
        let failed = |fault| RecoverError::Frame { part: V::PART.word(), seq: frame.seq, fault };
        view.replay(&frame.payload, touched).map_err(failed)?;
        at = Point { seq: frame.seq, hash: frame.hash };
    }
    Ok(at)
}

/// Whether this frame is one of `history`.
pub(crate) fn is_of(history: &dyn History, point: Point) -> Result<bool, LedgerError> {
    if point == Point::START {
        return Ok(true);
    }
    if point.seq == 0 || point.seq > history.head().0 {
        return Ok(false);
    }
    let frame = history.read(point.seq)?.next().transpose()?;
    Ok(frame.is_some_and(|frame| frame.hash == point.hash))
}

/// Moves the store away, in place of the one that was moved away before.
fn set_store_aside(path: &Path) -> io::Result<()> {
    let aside = path.with_extension("aside");
    let absent_is_fine = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    if !path.try_exists()? {
        return Ok(());
    }
    absent_is_fine(std::fs::remove_dir_all(&aside))?;
    std::fs::rename(path, &aside)
}
