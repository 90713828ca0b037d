//! A ledger for tests and simulation: nothing is durable, others may append, and answers may get lost.

use std::sync::{Arc, RwLock, RwLockReadGuard};

use freehold_journal::JournalError;
use tokio::sync::watch;

use super::{Append, Frame, Frames, Hash, History, Identity, Ledger, LedgerError};

/// A ledger in memory. Every rival sees the same frames.
#[derive(Debug)]
pub struct MemoryLedger {
    history: Arc<MemoryHistory>,
    heads: Arc<watch::Sender<u64>>,
    identity: Identity,
    lost_answer: Option<LostAnswer>,
}

/// What happened to an append whose answer never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostAnswer {
    /// It was made durable.
    Appended,
    /// It was not.
    NotAppended,
}

#[derive(Debug)]
struct MemoryHistory {
    frames: RwLock<Vec<Frame>>,
    heads: watch::Receiver<u64>,
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        let (heads, receiver) = watch::channel(0);
        let history = Arc::new(MemoryHistory { frames: RwLock::default(), heads: receiver });
        Self { history, heads: Arc::new(heads), identity, lost_answer: None }
    }

    /// Another controller's hand on the same ledger.
    #[must_use]
    pub fn rival(&self) -> Self {
        Self {
            history: Arc::clone(&self.history),
            heads: Arc::clone(&self.heads),
            identity: self.identity,
            lost_answer: None,
        }
    }

    /// Makes the next append that is not `Taken` answer `Unknown`.
    pub fn lose_next_answer(&mut self, truth: LostAnswer) {
        self.lost_answer = Some(truth);
    }
}

impl MemoryHistory {
    fn frames(&self) -> RwLockReadGuard<'_, Vec<Frame>> {
        self.frames.read().expect("nobody panics while holding the frames")
    }
}

impl Ledger for MemoryLedger {
    fn append(&mut self, expected_seq: u64, frame: &[u8]) -> Result<Append, LedgerError> {
        let mut frames = self.history.frames.write().expect("nobody panics while holding the frames");
        let (head_seq, previous) = head_of(&frames);
        if expected_seq != head_seq + 1 {
            return Ok(Append::Taken);
        }
        let lost = self.lost_answer.take();
        if lost == Some(LostAnswer::NotAppended) {
            return Ok(Append::Unknown);
        }
        let hash = previous.next(expected_seq, frame);
        frames.push(Frame { seq: expected_seq, previous, hash, payload: frame.to_vec() });
        self.heads.send_replace(expected_seq);
        Ok(if lost.is_some() { Append::Unknown } else { Append::Appended { hash } })
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.history) as Arc<dyn History>
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn reincarnate(&mut self, identity: Identity) -> Result<(), LedgerError> {
        self.identity = identity;
        Ok(())
    }
}

impl History for MemoryHistory {
    fn read(&self, from: u64) -> Result<Frames, LedgerError> {
        if from == 0 {
            return Err(JournalError::Gone { wanted: 0, first: 1 }.into());
        }
        let frames = self.frames();
        let start = usize::try_from(from - 1).map_or(frames.len(), |start| start.min(frames.len()));
        let wanted = frames[start..].to_vec();
        Ok(Box::new(wanted.into_iter().map(Ok)))
    }

    fn head(&self) -> (u64, Hash) {
        head_of(&self.frames())
    }

    fn heads(&self) -> watch::Receiver<u64> {
        self.heads.clone()
    }
}

fn head_of(frames: &[Frame]) -> (u64, Hash) {
    frames.last().map_or((0, Hash::START), |last| (last.seq, last.hash))
}
