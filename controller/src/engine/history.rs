//! Entries of the past and those to come, in one sequence.

use super::Shared;
use crate::ledger::LedgerError;
use freehold_core::{Entry, Revision};
use freehold_proto::convert::stored::{self, Unreadable};
use imbl::Vector;
use std::sync::Arc;
use tokio::sync::watch;

/// Entries kept in memory, for followers that are nearly up to date.
const RECENT_MAX: usize = 16_384;

/// The newest entries.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    entries: Vector<Arc<Entry>>,
    after: Revision,
}

impl Recent {
    pub(super) fn starting_after(after: Revision) -> Self {
        Self { entries: Vector::new(), after }
    }

    pub(super) fn with(&self, new: &[Arc<Entry>]) -> Self {
        let mut recent = self.clone();
        recent.entries.extend(new.iter().cloned());
        let surplus = recent.entries.len().saturating_sub(RECENT_MAX);
        if surplus > 0 {
            recent.after = recent.entries[surplus - 1].revision;
            recent.entries = recent.entries.skip(surplus);
        }
        recent
    }

    /// Entries after `revision`; `None` if some of them are not kept here.
    fn after(&self, revision: Revision, limit: usize) -> Option<Vec<Arc<Entry>>> {
        let skip = usize::try_from(revision.0.checked_sub(self.after.0)?).ok()?;
        Some(self.entries.iter().skip(skip).take(limit).cloned().collect())
    }
}

/// Why entries cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The ledger cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    /// A frame does not read.
    #[error("frame {seq} of the ledger does not read")]
    Frame {
        /// Which.
        seq: u64,
        /// Why.
        #[source]
        source: Unreadable,
    },
}

/// Entries after a revision: ordered, each once, none left out.
#[derive(Debug)]
pub struct Entries {
    shared: Arc<Shared>,
    revisions: watch::Receiver<Revision>,
    after: Revision,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Entries {
    pub(super) fn new(shared: Arc<Shared>, after: Revision) -> Self {
        let revisions = shared.revisions.subscribe();
        Self { shared, revisions, after }
    }

    /// The last revision that was yielded.
    pub fn position(&self) -> Revision {
        self.after
    }

    /// Up to `limit` entries that are durable now, without waiting; empty if there are none.
    ///
    /// # Errors
    /// If the past cannot be read.
    pub async fn ready(&mut self, limit: usize) -> Result<Vec<Arc<Entry>>, HistoryError> {
        let recent = self.shared.recent.load().after(self.after, limit);
        let entries = match recent {
            Some(entries) => entries,
            None => {
                let shared = Arc::clone(&self.shared);
                let after = self.after;
                let read = move || read_after(&shared, after, limit);
                tokio::task::spawn_blocking(read)
                    .await
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?
            }
        };
        if let Some(last) = entries.last() {
            self.after = last.revision;
        }
        Ok(entries)
    }

    /// The next entries, at least one and at most `limit`; waits for one to become durable. `None` when the
    /// engine has ended.
    ///
    /// # Errors
    /// If the past cannot be read.
    pub async fn next(&mut self, limit: usize) -> Result<Option<Vec<Arc<Entry>>>, HistoryError> {
        let after = self.after;
        if self.revisions.wait_for(|newest| *newest > after).await.is_err() {
            return Ok(None);
        }
        self.ready(limit).await.map(Some)
    }
}

/// Entries after `after` from the ledger. A frame holds at least one entry, so the frame that has a
/// revision is never later than that revision's number; it is found by halving.
fn read_after(shared: &Shared, after: Revision, limit: usize) -> Result<Vec<Arc<Entry>>, HistoryError> {
    let newest = shared.history.head().0;
    let (mut low, mut high) = (1, newest);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if first_revision(shared, middle)? <= after.next() {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let mut entries = Vec::new();
    if newest == 0 {
        return Ok(entries);
    }
    for frame in shared.history.read(low)? {
        let frame = frame?;
        let decoded =
            stored::decode_frame(&frame.payload).map_err(|source| HistoryError::Frame { seq: frame.seq, source })?;
        entries.extend(decoded.into_iter().filter(|entry| entry.revision > after).map(Arc::new));
        if entries.len() >= limit {
            entries.truncate(limit);
            break;
        }
    }
    Ok(entries)
}

fn first_revision(shared: &Shared, seq: u64) -> Result<Revision, HistoryError> {
    let frame = shared.history.read(seq)?.next().transpose()?;
    let payload = frame.map(|frame| frame.payload).unwrap_or_default();
    let entries = stored::decode_frame(&payload).map_err(|source| HistoryError::Frame { seq, source })?;
    Ok(entries.first().map(|entry| entry.revision).unwrap_or_default())
}
