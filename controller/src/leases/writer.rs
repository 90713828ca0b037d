//! The writer thread of the lease ledger.

use super::{DurableLeases, Shared, Taken, apply};
use crate::ledger::{Append, Ledger, LedgerError};
use freehold_core::lease::{Admission, LeaseBook, LeaseCursor, LeaseEvent};
use freehold_core::name::ServerName;
use freehold_proto::convert::stored::{LeaseBatch, encode_leases};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

/// Events in a frame, at most, before it is closed.
const FRAME_EVENTS_MAX: usize = 16_384;

/// Work for the writer.
pub(super) enum Job {
    /// Take in a batch of a stream.
    Take {
        server: ServerName,
        epoch: [u8; 16],
        first_seq: u64,
        events: Vec<LeaseEvent>,
        answer: oneshot::Sender<Taken>,
    },
    /// Follow another spool.
    Follow { server: ServerName, cursor: LeaseCursor, answer: oneshot::Sender<()> },
    /// Put events on record that are not of a stream.
    Correct { server: ServerName, events: Vec<LeaseEvent>, answer: oneshot::Sender<()> },
}

enum Answer {
    Take(oneshot::Sender<Taken>, Taken),
    Done(oneshot::Sender<()>),
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
    answers: Vec<Answer>,
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

    fn enter(&mut self, job: Job, frame: &mut Frame) {
        match job {
            Job::Take { server, epoch, first_seq, events, answer } => {
                let taken = self.take(server, epoch, first_seq, events, frame);
                frame.answers.push(Answer::Take(answer, taken));
            }
            Job::Follow { server, cursor, answer } => {
                self.push(server, cursor, cursor.next_seq, Vec::new(), frame);
                frame.answers.push(Answer::Done(answer));
            }
            Job::Correct { server, events, answer } => {
                if let Some(cursor) = self.book.of(&server).and_then(|leases| leases.cursor) {
                    self.push(server, cursor, 0, events, frame);
                }
                frame.answers.push(Answer::Done(answer));
            }
        }
    }

    fn take(
        &mut self,
        server: ServerName,
        epoch: [u8; 16],
        first_seq: u64,
        mut events: Vec<LeaseEvent>,
        frame: &mut Frame,
    ) -> Taken {
        let Some(cursor) = self.book.of(&server).and_then(|leases| leases.cursor) else {
            return Taken::OtherEpoch;
        };
        match cursor.admit(epoch, first_seq, events.len()) {
            Admission::OtherEpoch => Taken::OtherEpoch,
            Admission::Rewind { next_seq } => Taken::Rewind { next_seq },
            Admission::Take { skip } => {
                events.drain(..skip);
                let next_seq = cursor.next_seq + events.len() as u64;
                if !events.is_empty() {
                    self.push(server, LeaseCursor { epoch, next_seq }, cursor.next_seq, events, frame);
                }
                Taken::Durable { next_seq }
            }
        }
    }

    fn push(
        &mut self,
        server: ServerName,
        after: LeaseCursor,
        first_seq: u64,
        events: Vec<LeaseEvent>,
        frame: &mut Frame,
    ) {
        frame.events += events.len();
        let at = (self.shared.clock)();
        let batch = LeaseBatch { server, epoch: after.epoch, first_seq, events, next_seq: after.next_seq, at };
        apply(&mut self.book, &batch);
        frame.batches.push(batch);
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
            self.shared.book.store(Arc::new(self.book.clone()));
            let durable = DurableLeases { seq: self.shared.history.head().0, batches: frame.batches.into() };
            // Nobody may be following.
            drop(self.shared.followers.send(durable.clone()));
            if self.views.blocking_send(durable).is_err() {
                error!("the view of the lease ledger has ended; it will be rebuilt at the next start");
            }
        }
        for answer in frame.answers {
            // An agent that went away does not want its answer; it asks again.
            match answer {
                Answer::Take(caller, taken) => drop(caller.send(taken)),
                Answer::Done(caller) => drop(caller.send(())),
            }
        }
    }
}
