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
/// Changes in them: an import is one entry, and may have two hundred thousand. The newest entry is kept, however many it has.
const RECENT_CHANGES_MAX: usize = 65_536;

/// The newest entries.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    entries: Vector<Arc<Entry>>,
    /// In all of them.
    changes: usize,
    after: Revision,
}

impl Recent {
    pub(super) fn starting_after(after: Revision) -> Self {
        Self { entries: Vector::new(), changes: 0, after }
    }

    pub(super) fn with(&self, new: &[Arc<Entry>]) -> Self {
        let mut recent = self.clone();
        recent.entries.extend(new.iter().cloned());
        recent.changes += new.iter().map(|entry| entry.changes().len()).sum::<usize>();
        while recent.entries.len() > RECENT_MAX || (recent.changes > RECENT_CHANGES_MAX && recent.entries.len() > 1) {
            let Some(oldest) = recent.entries.pop_front() else { break };
            recent.changes -= oldest.changes().len();
            recent.after = oldest.revision;
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

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_core::Timestamp;
    use freehold_core::change::{Actor, Change, Outcome, Record};
    use freehold_core::model::SubnetId;

    fn entry(revision: u64, changes: usize) -> Arc<Entry> {
        let change = Change::made(Record::NextSubnetId(SubnetId::FIRST));
        Arc::new(Entry {
            revision: Revision(revision),
            at: Timestamp(0),
            actor: Actor { principal: "test".to_owned(), ..Actor::default() },
            method: "/test".to_owned(),
            request: None,
            outcome: Outcome::Done(vec![change; changes]),
        })
    }

    #[test]
    fn a_large_entry_is_kept_as_long_as_it_is_the_newest() {
        let recent = Recent::starting_after(Revision(0)).with(&[entry(1, 1), entry(2, RECENT_CHANGES_MAX)]);
        assert_eq!(recent.after(Revision(1), 9).map(|entries| entries.len()), Some(1));
        assert_eq!(recent.after(Revision(0), 9), None, "the one before was let go of for it");
        let recent = recent.with(&[entry(3, 1)]);
        assert_eq!(recent.after(Revision(1), 9), None);
        assert_eq!(recent.after(Revision(2), 9), Some(vec![entry(3, 1)]));
        assert_eq!(recent.changes, 1);
    }
}
