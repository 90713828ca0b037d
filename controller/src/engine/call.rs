//! What callers hand to the engine, and what they get back.

use freehold_core::change::{Actor, RequestMark};
use freehold_core::{Change, Command, RecordKey, Refusal, Revision, State};
use std::sync::Arc;

/// A command with who asks for it.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who asks.
    pub actor: Actor,
    /// The method called.
    pub method: String,
    /// The mark of a request that may be repeated.
    pub request: Option<RequestMark>,
    /// What is asked.
    pub command: Command,
    /// What was decided of the command before, off the writer's thread.
    pub ahead: Option<Ahead>,
    /// Set if the call decides that this store's history is the truth: the highest incarnation known of. The store's rises
    /// above it.
    pub reincarnate_above: Option<u64>,
}

/// Changes that were decided before the call, on a snapshot. They are made if nothing was committed since; else the call is
/// refused with [`Reason::PlanChanged`](freehold_core::Reason::PlanChanged), and the writer has lost no time over it.
#[derive(Debug, Clone)]
pub struct Ahead {
    /// The revision of the snapshot.
    pub base: Revision,
    /// What was decided.
    pub changes: Vec<Change>,
}

impl Call {
    /// A call of Freehold itself, such as taking note of what a server was proven to run.
    pub fn internal(principal: impl Into<String>, method: &str, command: Command) -> Self {
        let actor = Actor { principal: principal.into(), ..Actor::default() };
        Self { actor, method: method.to_owned(), request: None, command, ahead: None, reincarnate_above: None }
    }
}

/// A call that was carried out, durably.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The entry that carried it out; the newest at that time if there was nothing to change.
    pub revision: Revision,
    /// What became different; empty if everything was as asked, or if the request was a repetition.
    pub changes: Arc<[Change]>,
    /// The record that it was about; `None` if everything was as asked.
    pub about: Option<RecordKey>,
    /// The state right after the frame that it is in.
    pub state: Arc<State>,
}

/// Why a call was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The rules do not allow it. Nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The engine has ended.
    #[error("the controller is stopping; whether the change was made is known after its next start")]
    Stopped,
}
