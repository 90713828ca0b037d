//! The materialised views: the state and the leases as rows in one sled tree, so that a start need not replay the ledgers.
//!
//! ```text
//! engine ─ Durable ─▶ Follower<State> ─────┐ one batch: the rows that differ, and where the ledger is then
//! keeper ─ DurableLeases ─▶ Follower<Book> ┴─▶ sled
//! ```
//!
//! sled is never the durability point: what it lost in a crash is in the ledger. So nothing in it is trusted. Each part
//! carries, in the batch with the rows, the identity of the store, the frame of its ledger with that frame's hash, and
//! a digest of all rows, which is computed again from what is read. What does not fit is [`Unusable`]; the caller sets the folder
//! aside and has it made anew. sled panics on some damage, so it is only touched behind `catch_unwind`. It may be deleted while the controller
//! is stopped.
//!
//! Followers write differences between two snapshots, so frames that pile up while the disk is busy cost one
//! batch, and a row that changed a hundred times is written once.
//!
//! A crash leaves each part as of some frame; it is replayed from there. A crash while a new store is being filled
//! leaves a part without its last row, which is unusable, and filled anew.
//!
//! Left out on purpose: indexes by hardware address, host name, user and tag. Readers are served from memory.

mod follow;
mod meta;
mod open;
mod tree;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::ledger::{Identity, LedgerError};
use crate::view::{Part, Point};
use freehold_core::State;
use freehold_core::lease::LeaseBook;
use freehold_proto::convert::stored::Unreadable;
use meta::Meta;
use tokio_util::sync::CancellationToken;
use tree::Tree;

pub use follow::{Backlog, Follower, FollowerError};
pub use open::allocate_tables;

/// Memory that sled may use for its pages, in bytes. Rows are read at a start only; the kernel keeps what is written over and over.
const CACHE_BYTES: u64 = 8 << 20;

/// Rows of a batch for which garbage is collected once: an epoch frees at most 512 objects, a row leaves fewer than 64.
const ROWS_AN_EPOCH: usize = 8;
/// Epochs after the smallest batch. Garbage is free to go two epochs after it was made.
const EPOCHS_LEAST: usize = 4;

/// Rows that are still written all of them or none.
const ROWS_TOGETHER: usize = 16_384;
/// Rows of a batch, where there are more.
const ROWS_OF_A_BATCH: usize = 1_000;

/// A row's key, and its new value if it is to be there.
type RowWrite = (Vec<u8>, Option<Vec<u8>>);

/// How often it is looked whether anybody uses the tree.
const LOOK: Duration = Duration::from_secs(5);

/// The tree.
#[derive(Debug, Clone)]
pub struct Store {
    tree: Arc<Tree>,
    identity: Identity,
}

/// A store that was opened, and what it held.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The state and the frame that it is of; `None` in a new store.
    pub state: Option<(State, Point)>,
    /// The leases and the frame that they are of; `None` in a new store.
    pub book: Option<(LeaseBook, Point)>,
}

/// Why a store is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// There is none.
    #[error("there is no store yet")]
    Missing,
    /// sled says so.
    #[error("the store does not open")]
    Engine(#[from] sled::Error),
    /// sled panicked.
    #[error("the store is damaged: it panics with {0:?}")]
    Panicked(String),
    /// A part has no word on where it stands.
    #[error("the store's {} were never filled", .0.word())]
    Unfinished(Part),
    /// A part's word on where it stands does not read.
    #[error("where the store's {} stand does not read", .0.word())]
    Meta(Part),
    /// It belongs to another ledger.
    #[error("the store belongs to another controller, or is from before a restore")]
    OtherStore,
    /// It is of a frame that the ledger does not have, or has another one in its place.
    #[error("the store's {} are of frame {seq}, which is not in the ledger", part.word())]
    OtherHistory {
        /// Which part.
        part: Part,
        /// The frame.
        seq: u64,
    },
    /// A row does not read.
    #[error("a row of the store's {} does not read", part.word())]
    Row {
        /// Which part.
        part: Part,
        /// Why.
        #[source]
        source: Unreadable,
    },
    /// The rows are not those that were written.
    #[error("the digest of the store's {} is wrong: {rows} rows were read, {expected} were written", part.word())]
    Digest {
        /// Which part.
        part: Part,
        /// Rows read.
        rows: u64,
        /// Rows written.
        expected: u64,
    },
    /// The ledger cannot be asked.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
}

impl Store {
    /// Makes a new, empty store where there is none.
    ///
    /// # Errors
    /// `Engine` and `Panicked`.
    pub fn create(path: &Path, identity: Identity) -> Result<Self, Unusable> {
        Ok(Self { tree: Arc::new(Tree::open(path.to_owned())?), identity })
    }

    /// Changes a part's rows, and what it says of itself.
    ///
    /// sled pins one epoch for a batch, however large, and keeps until its end what each row replaced (8 KB a row); it takes the rows in no order, so that many need
    /// each page again and again. So many rows are written as batches in order, and while that goes on the part says nothing of itself: a crash then leaves it unusable, and it
    /// is made anew from a checkpoint and the ledger.
    fn replace(&self, part: Part, mut rows: Vec<RowWrite>, meta: &Meta) -> Result<(), Unusable> {
        if rows.len() > ROWS_TOGETHER {
            self.write(vec![(meta::key(part), None)])?;
            self.write(std::mem::take(&mut rows))?;
        }
        rows.push((meta::key(part), Some(meta.encode())));
        self.write_batch(rows)
    }

    /// Writes rows, but not together.
    fn write(&self, mut rows: Vec<RowWrite>) -> Result<(), Unusable> {
        rows.sort_unstable();
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            self.write_batch(rows.by_ref().take(ROWS_OF_A_BATCH).collect())?;
        }
        Ok(())
    }

    /// Writes rows, all of them or none.
    ///
    /// What a write replaces is garbage of `crossbeam_epoch`, which collects a little of it whenever a thread pins an
    /// epoch. sled pins one for a whole batch, however large: left to itself it keeps the pages of all batches there ever
    /// were (measured: 1.2 KB a row). So the epochs that the rows would have had are made up for here.
    fn write_batch(&self, rows: Vec<RowWrite>) -> Result<(), Unusable> {
        let epochs = EPOCHS_LEAST + rows.len() / ROWS_AN_EPOCH;
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.tree.with(|db| Ok(db.apply_batch(batch)?))?;
        for _ in 0..epochs {
            crossbeam_epoch::pin().flush();
        }
        Ok(())
    }

    /// What a part says of where it stands.
    fn meta(&self, part: Part) -> Result<Meta, Unusable> {
        let stored = self.tree.with(|db| Ok(db.get(meta::key(part))?))?.ok_or(Unusable::Unfinished(part))?;
        Meta::decode(&stored).ok_or(Unusable::Meta(part))
    }

    /// Closes the tree whenever nobody has used it for a while, until `stop`; whoever writes then opens it again.
    pub async fn rest(self, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        while stop.run_until_cancelled(look.tick()).await.is_some() {
            let tree = Arc::clone(&self.tree);
            let closed = tokio::task::spawn_blocking(move || open::guarded(|| tree.close_if_idle())).await;
            if let Ok(Err(error)) = closed {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the store stays open");
            }
        }
    }
}
