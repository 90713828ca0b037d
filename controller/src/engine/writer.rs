//! The writer thread: the only place where state changes.

use super::behind::Behind;
use super::call::{Call, CommitError, Committed};
use super::rights::Rights;
use super::{Durable, Shared};
use crate::ledger::{Append, Ledger, LedgerError};
use freehold_core::change::{Actor, Outcome, RequestMark};
use freehold_core::refusal::Reason;
use freehold_core::state::RememberedRequest;
use freehold_core::{Change, Entry, Refusal, State, Timestamp, decide};
use freehold_proto::convert::stored;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

/// Entries in a frame at most.
const FRAME_ENTRIES_MAX: usize = 4096;

/// A frame that has as many bytes is closed. The last entry may go past it.
const FRAME_BYTES: usize = 4 << 20;

/// Bytes of one entry at most: with the frame that it comes last in, well under what the journal takes.
pub const ENTRY_BYTES_MAX: usize = 56 << 20;
const _: () = assert!(((FRAME_BYTES + ENTRY_BYTES_MAX) as u64) < freehold_journal::GROUP_BYTES_MAX);

/// Work for the writer.
pub(super) enum Job {
    /// Carry out a call.
    Commit { call: Box<Call>, answer: oneshot::Sender<Result<Committed, CommitError>> },
    /// Put a refused attempt on record.
    Denied { actor: Actor, method: String, reason: Reason, message: String, answer: oneshot::Sender<()> },
}

/// An answer that waits until the frame is durable.
enum Answer {
    Commit(oneshot::Sender<Result<Committed, CommitError>>, Result<Decided, Refusal>),
    Denied(oneshot::Sender<()>),
}

/// A call as it was decided, before it is durable.
struct Decided {
    revision: freehold_core::Revision,
    changes: Arc<[Change]>,
    about: Option<freehold_core::RecordKey>,
}

/// The writer's own things.
pub(super) struct Writer {
    ledger: Box<dyn Ledger>,
    shared: Arc<Shared>,
    views: mpsc::Sender<Durable>,
    behind: Behind,
    state: State,
    last_time: Timestamp,
}

/// A frame in the making.
#[derive(Default)]
struct Frame {
    entries: Vec<Arc<Entry>>,
    bytes: Vec<u8>,
    answers: Vec<Answer>,
}

impl Frame {
    fn is_full(&self) -> bool {
        self.entries.len() >= FRAME_ENTRIES_MAX || self.bytes.len() >= FRAME_BYTES
    }
}

impl Writer {
    pub(super) fn new(ledger: Box<dyn Ledger>, shared: Arc<Shared>, views: mpsc::Sender<Durable>) -> Self {
        let state = State::clone(&shared.state.load());
        Self { ledger, shared, views, behind: Behind::default(), state, last_time: Timestamp::default() }
    }

    /// Works until every handle is gone, or the ledger fails.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) -> Result<(), LedgerError> {
        while let Some(job) = queue.blocking_recv() {
            match self.gather(job, &mut queue) {
                Ok(frame) => self.publish(frame),
                Err(failure) => {
                    error!(error = %failure, "the ledger cannot be written to; the controller ends");
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// Decides on `job` and on whatever else waits, and makes that durable as one frame.
    fn gather(&mut self, job: Job, queue: &mut mpsc::Receiver<Job>) -> Result<Frame, LedgerError> {
        let mut frame = Frame::default();
        self.decide(job, &mut frame)?;
        while !frame.is_full()
            && let Ok(job) = queue.try_recv()
        {
            self.decide(job, &mut frame)?;
        }
        self.make_durable(&frame)?;
        Ok(frame)
    }

    fn decide(&mut self, job: Job, frame: &mut Frame) -> Result<(), LedgerError> {
        // A clock that is set back never makes an entry older than the one before.
        self.last_time = (self.shared.clock)().max(self.last_time);
        match job {
            Job::Commit { call, answer } => {
                let decided = self.decide_call(*call, frame)?;
                frame.answers.push(Answer::Commit(answer, decided));
            }
            Job::Denied { actor, method, reason, message, answer } => {
                let entered = self.enter(actor, method, None, Outcome::Denied { reason, message }, frame);
                if let Err(refusal) = entered {
                    error!(%refusal, "a refused attempt is not on record");
                }
                frame.answers.push(Answer::Denied(answer));
            }
        }
        Ok(())
    }

    /// What this request came to when it was carried out before, if it was.
    fn repetition(&self, actor: &Actor, request: Option<&RequestMark>) -> Result<Option<&RememberedRequest>, Refusal> {
        let before = request.and_then(|request| Some((request, self.state.request(&actor.principal, &request.id)?)));
        match before {
            Some((request, before)) if before.fingerprint != request.fingerprint => Err(Refusal::new(
                Reason::RequestIdReused,
                format!("the request id {:?} was used for another request; use a new one", request.id),
            )
            .at("request_id")),
            before => Ok(before.map(|(_, before)| before)),
        }
    }

    fn decide_call(&mut self, mut call: Call, frame: &mut Frame) -> Result<Result<Decided, Refusal>, LedgerError> {
        let changes = match self.decide_changes(&mut call) {
            Ok(Ok(changes)) => changes,
            Ok(Err(before)) => return Ok(Ok(before)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let about = changes.first().map(Change::key);
        let shown: Arc<[Change]> = changes.as_slice().into();
        if let Some(known) = call.reincarnate_above {
            // First, so that what is on record did happen: after a crash in between the caller asks again.
            self.ledger.reincarnate(self.ledger.identity().reborn_above(known, self.last_time))?;
        }
        let entered = self.enter(call.actor, call.method, call.request, Outcome::Done(changes), frame);
        Ok(entered.map(|()| Decided { revision: self.state.revision(), changes: shown, about }))
    }

    /// The changes that a call makes, or what it comes to without any.
    fn decide_changes(&self, call: &mut Call) -> Result<Result<Vec<Change>, Decided>, Refusal> {
        if let Some(before) = self.repetition(&call.actor, call.request.as_ref())? {
            let (revision, about) = (before.revision, before.about.clone());
            return Ok(Err(Decided { revision, changes: Arc::new([]), about }));
        }
        let rights = Rights::of(&self.state, call)?;
        rights.may_ask(&self.state, call)?;
        let changes = match call.ahead.take() {
            Some(ahead) if ahead.base == self.state.revision() => ahead.changes,
            Some(_) => return Err(Refusal::new(Reason::PlanChanged, "something was changed since this was decided")),
            None => decide(&self.state, &call.command, self.last_time)?,
        };
        rights.may_make(&self.state, &changes)?;
        if changes.is_empty() {
            return Ok(Err(Decided { revision: self.state.revision(), changes: Arc::new([]), about: None }));
        }
        Ok(Ok(changes))
    }

    fn enter(
        &mut self,
        actor: Actor,
        method: String,
        request: Option<RequestMark>,
        outcome: Outcome,
        frame: &mut Frame,
    ) -> Result<(), Refusal> {
        let revision = self.state.revision().next();
        let entry = Entry { revision, at: self.last_time, actor, method, request, outcome };
        let bytes = stored::encode_entry(&entry);
        if bytes.len() > ENTRY_BYTES_MAX {
            let message = format!(
                "the change is {} MiB in the ledger, and one change may be {} MiB; do it in parts",
                bytes.len() >> 20,
                ENTRY_BYTES_MAX >> 20
            );
            return Err(Refusal::new(Reason::TooMany, message));
        }
        self.state.apply(&entry);
        frame.bytes.extend(bytes);
        frame.entries.push(Arc::new(entry));
        Ok(())
    }

    fn make_durable(&mut self, frame: &Frame) -> Result<(), LedgerError> {
        if frame.entries.is_empty() {
            return Ok(());
        }
        let next = self.shared.history.head().0 + 1;
        match self.ledger.append(next, &frame.bytes)? {
            Append::Appended { .. } => Ok(()),
            // One writer on one machine: nobody else can have the number, and every answer is certain. A
            // replicated ledger will catch up and decide again here.
            Append::Taken | Append::Unknown => Err(LedgerError::Incomplete("another writer appended to it")),
        }
    }

    fn publish(&mut self, frame: Frame) {
        let Frame { entries, answers, bytes: _ } = frame;
        let identity = self.ledger.identity();
        self.shared.identity.send_if_modified(|known| std::mem::replace(known, identity) != identity);
        let state = Arc::new(self.state.clone());
        if !entries.is_empty() {
            let entries: Arc<[Arc<Entry>]> = entries.into();
            let recent = self.shared.recent.load().with(&entries);
            self.shared.state.store(Arc::clone(&state));
            self.shared.recent.store(Arc::new(recent));
            self.shared.revisions.send_replace(state.revision());
            let (seq, hash) = self.shared.history.head();
            let durable = Durable::new(seq, hash, entries, Arc::clone(&state)).sent(&self.behind);
            if self.views.blocking_send(durable).is_err() {
                // Views can be rebuilt from the ledger at any time; the controller goes on without them.
                error!("the view of the ledger has ended; it will be rebuilt at the next start");
            }
        }
        for answer in answers {
            // A caller that went away does not want its answer.
            match answer {
                Answer::Commit(caller, decided) => {
                    let committed = decided.map_err(CommitError::Refused).map(|decided| Committed {
                        revision: decided.revision,
                        changes: decided.changes,
                        about: decided.about,
                        state: Arc::clone(&state),
                    });
                    drop(caller.send(committed));
                }
                Answer::Denied(caller) => drop(caller.send(())),
            }
        }
    }
}
