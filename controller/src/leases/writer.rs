//! The writer thread of the lease ledger.

use super::{DurableLeases, NotTaken, Shared, apply};
use crate::ledger::{Append, Ledger, LedgerError};
use freehold_core::lease::{LeaseBook, LeaseCursor};
use freehold_proto::convert::stored::{LeaseBatch, encode_leases};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

/// Events in a frame, at most, before it is closed.
const FRAME_EVENTS_MAX: usize = 16_384;

/// Where the stream stands now, or why the batch was not taken.
type Answer = Result<LeaseCursor, NotTaken>;

/// A batch for the writer.
pub(super) struct Job {
    pub(super) batch: LeaseBatch,
    pub(super) answer: oneshot::Sender<Answer>,
}

pub(super) struct Writer {
    ledger: Box<dyn Ledger>,
    shared: Arc<Shared>,
    views: mpsc::Sender<DurableLeases>,
    book: LeaseBook,
}

#[derive(Default)]
struct Frame {
    batches: Vec<LeaseBatch>,
    events: usize,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Writer {
    pub(super) fn new(ledger: Box<dyn Ledger>, shared: Arc<Shared>, views: mpsc::Sender<DurableLeases>) -> Self {
        let book = LeaseBook::clone(&shared.book.load());
        Self { ledger, shared, views, book }
    }

    /// Works until every handle is gone, or the ledger fails.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) -> Result<(), LedgerError> {
        while let Some(job) = queue.blocking_recv() {
            let mut frame = Frame::default();
            self.enter(job, &mut frame);
            while frame.events < FRAME_EVENTS_MAX
                && let Ok(job) = queue.try_recv()
            {
                self.enter(job, &mut frame);
            }
            if let Err(failure) = self.make_durable(&frame) {
                error!(error = %failure, "the lease ledger cannot be appended to; the controller ends");
                return Err(failure);
            }
            self.publish(frame);
        }
        Ok(())
    }

    fn enter(&mut self, Job { batch, answer }: Job, frame: &mut Frame) {
        let after = LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq };
        if self.fits(&batch) {
            frame.events += batch.events.len();
            apply(&mut self.book, &batch);
            frame.batches.push(batch);
            frame.answers.push((answer, Ok(after)));
        } else {
            frame.answers.push((answer, Err(NotTaken::Elsewhere)));
        }
    }

    /// Whether a batch begins where the stream of its server stands, with the events of this frame in it.
    fn fits(&self, batch: &LeaseBatch) -> bool {
        let cursor = self.book.of(&batch.server).and_then(|leases| leases.cursor);
        let numbers = batch.next_seq.checked_sub(batch.first_seq);
        let counted = numbers
            .is_some_and(|numbers| batch.events.is_empty() || numbers == 0 || numbers == batch.events.len() as u64);
        counted
            && match cursor.filter(|cursor| cursor.epoch == batch.epoch) {
                Some(cursor) => batch.first_seq == cursor.next_seq,
                // Another spool is greeted before anything of it is taken.
                None => batch.events.is_empty(),
            }
    }

    fn make_durable(&mut self, frame: &Frame) -> Result<(), LedgerError> {
        if frame.batches.is_empty() {
            return Ok(());
        }
        let next = self.shared.history.head().0 + 1;
        match self.ledger.append(next, &encode_leases(&frame.batches))? {
            Append::Appended { .. } => Ok(()),
            // One writer on one machine, as in the engine.
            Append::Taken | Append::Unknown => Err(LedgerError::Incomplete("another writer appended to it")),
        }
    }

    fn publish(&mut self, frame: Frame) {
        if !frame.batches.is_empty() {
            let book = Arc::new(self.book.clone());
            self.shared.book.store(Arc::clone(&book));
            let (seq, hash) = self.shared.history.head();
            let durable = DurableLeases { seq, hash, batches: frame.batches.into(), book };
            // Nobody may be following. A slow one must not hold books of the past.
            drop(self.shared.followers.send(Arc::clone(&durable.batches)));
            if self.views.blocking_send(durable).is_err() {
                error!("the view of the lease ledger has ended; it will be rebuilt at the next start");
            }
        }
        for (caller, answer) in frame.answers {
            // An agent that went away does not want its answer; it asks again.
            caller.send(answer).unwrap_or(());
        }
    }
}
