//! Following a ledger.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Frame, History, LedgerError};

/// Yields every frame from a given one on, in order, each once.
#[derive(Debug)]
pub struct Tail {
    history: Arc<dyn History>,
    heads: watch::Receiver<u64>,
    next_seq: u64,
}

impl Tail {
    pub(super) fn new(history: Arc<dyn History>, next_seq: u64) -> Self {
        let heads = history.heads();
        Self { history, heads, next_seq }
    }

    /// The next frames, at least one and at most `limit`; waits for one to become durable. `None` when the ledger is
    /// gone and all its frames were yielded.
    ///
    /// Reads on a blocking thread. If the call is cancelled nothing is skipped.
    ///
    /// # Errors
    /// Those of reading; the same frames are tried again on the next call.
    pub async fn next_frames(&mut self, limit: usize) -> Result<Option<Vec<Frame>>, LedgerError> {
        let next_seq = self.next_seq;
        if self.heads.wait_for(|&head| head >= next_seq).await.is_err() && self.history.head().0 < next_seq {
            return Ok(None);
        }
        let history = Arc::clone(&self.history);
        let read = move || history.read(next_seq)?.take(limit).collect::<Result<Vec<Frame>, LedgerError>>();
        let frames = match tokio::task::spawn_blocking(read).await {
            Ok(read) => read?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.next_seq += frames.len() as u64;
        Ok(Some(frames))
    }
}
