//! sled's tree, which is open only while rows are read or written.
//!
//! An open tree costs memory for every page that there is (500 bytes), and keeps those that were read: its cache forgets a page of one of its
//! 256 shards only after 64 more were asked for there, however little it may hold. 300,000 rows in 28,000 pages take 55 MB open with
//! a cache of 8 MB, and nothing closed. Opening them takes 40 ms, which nobody but the thread that writes waits for.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::{Unusable, open};

/// A tree is closed after this long without anybody who used it, or after
const IDLE: Duration = Duration::from_secs(10);
/// so many times what opening it took, whichever is longer.
const IDLE_OPENINGS: u32 = 100;

/// The tree in a folder.
#[derive(Debug)]
pub(super) struct Tree {
    path: PathBuf,
    open: RwLock<Option<sled::Db>>,
    used: Mutex<Used>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    last: Instant,
    opening_took: Duration,
}

impl Tree {
    /// Opens the tree in this folder, new or old.
    pub(super) fn open(path: PathBuf) -> Result<Self, Unusable> {
        let used = Used { last: Instant::now(), opening_took: Duration::ZERO };
        let tree = Self { path, open: RwLock::new(None), used: Mutex::new(used) };
        tree.with(|_| Ok(()))?;
        Ok(tree)
    }

    /// Works on the tree, which is opened for it if it is closed. Blocks on the disk.
    pub(super) fn with<T>(&self, work: impl FnOnce(&sled::Db) -> Result<T, Unusable>) -> Result<T, Unusable> {
        loop {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(db) = &*open {
                let done = work(db);
                self.used().last = Instant::now();
                return done;
            }
            drop(open);
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            if open.is_none() {
                let start = Instant::now();
                *open = Some(open::tree(&self.path)?);
                *self.used() = Used { last: Instant::now(), opening_took: start.elapsed() };
            }
        }
    }

    /// Has the disk hold everything that was written.
    pub(super) fn flush(&self) -> Result<(), Unusable> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map_or(Ok(()), |db| Ok(db.flush().map(drop)?))
    }

    /// Closes the tree if it has been idle for long enough. Blocks on the disk.
    pub(super) fn close_if_idle(&self) -> Result<(), Unusable> {
        let used = *self.used();
        if used.last.elapsed() >= IDLE.max(used.opening_took * IDLE_OPENINGS) { self.close() } else { Ok(()) }
    }

    /// Closes the tree, unless somebody is at work on it; what was written to it is on the disk then.
    pub(super) fn close(&self) -> Result<(), Unusable> {
        if let Ok(mut open) = self.open.try_write() {
            if let Some(db) = &*open {
                db.flush()?;
            }
            *open = None;
        }
        Ok(())
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
