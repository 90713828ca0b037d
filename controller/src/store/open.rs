//! Opening: read every row, trust none before the digest is right.

use std::any::Any;
use std::fs::{File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::meta::Meta;
use super::{CACHE_BYTES, Opened, Store, Unusable};
use crate::ledger::{History, Identity};
use crate::recover;
use crate::view::{Digest, View};
use freehold_core::State;
use freehold_core::lease::LeaseBook;

impl Store {
    /// Opens the store of the ledgers behind these histories and reads all of it.
    ///
    /// # Errors
    /// [`Unusable`]: set it aside and [`Store::create`] another.
    pub fn open(
        path: &Path,
        identity: Identity,
        history: &dyn History,
        lease_history: &dyn History,
    ) -> Result<Opened, Unusable> {
        if !path.is_dir() {
            return Err(Unusable::Missing);
        }
        let store = Self::create(path, identity)?;
        let (state, book) = std::thread::scope(|scope| {
            let book = scope.spawn(|| guarded(|| store.load::<LeaseBook>(lease_history)));
            let state = guarded(|| store.load::<State>(history));
            (state, book.join().unwrap_or_else(|panic| Err(Unusable::Panicked(words(&*panic)))))
        });
        let ((state, of_state), (book, of_book)) = (state?, book?);
        // First the memory of what was read, then the views in its place.
        guarded(|| store.tree.close())?;
        let state = Some((State::loaded(state, of_state.revision), of_state.at));
        let book = Some((LeaseBook::loaded(book, of_book.revision), of_book.at));
        Ok(Opened { store, state, book })
    }

    fn load<V: View>(&self, history: &dyn History) -> Result<(V::Loading, Meta), Unusable> {
        let part = V::PART;
        let meta = self.meta(part)?;
        if meta.identity != self.identity {
            return Err(Unusable::OtherStore);
        }
        if !recover::is_of(history, meta.at)? {
            return Err(Unusable::OtherHistory { part, seq: meta.at.seq });
        }
        let (mut loading, mut digest, mut rows) = (V::Loading::default(), Digest::default(), 0);
        self.tree.with(|db| {
            for row in part.prefixes().iter().flat_map(|prefix| db.scan_prefix([*prefix])) {
                let (key, value) = row?;
                digest.add(&key, &value);
                rows += 1;
                V::load(&mut loading, &key, &value).map_err(|source| Unusable::Row { part, source })?;
            }
            Ok(())
        })?;
        if digest != meta.digest || rows != meta.rows {
            return Err(Unusable::Digest { part, rows, expected: meta.rows });
        }
        Ok((loading, meta))
    }
}

/// How long the threads of a tree that was dropped may take to let go of its file.
const LET_GO: Duration = Duration::from_secs(5);

/// Has sled allocate what it keeps as long as the process lives: 42 tables of half a MiB, for measurements that we have switched
/// off. Nobody ever writes to them, so in memory that nobody used before they cost nothing: call it first of all.
pub fn allocate_tables() {
    drop(sled::Config::new().print_profile_on_drop(true));
}

/// Opens the tree in this folder, new or old.
pub(super) fn tree(path: &Path) -> Result<sled::Db, Unusable> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
    wait_until_let_go(&path.join("db")).map_err(sled::Error::from)?;
    guarded(|| Ok(config.open()?))
}

/// Waits for sled's lock on its file, and lets go of it again.
///
/// Whoever opens a store has the ledger's lock, so no other controller has this one; but sled's threads keep the file for a
/// while after its last handle is gone, and sled itself does not wait. After [`LET_GO`] sled says what is wrong.
fn wait_until_let_go(file: &Path) -> io::Result<()> {
    let file = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let until = Instant::now() + LET_GO;
    while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Turns a panic of sled into a reason.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Unusable>) -> Result<T, Unusable> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Unusable::Panicked(words(&*panic))))
}

/// What a panic said.
pub(super) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no words").to_owned()
}
