//! Bugs to plant (T7). Each must be noticed; one that is not means that the simulation lacks a fault or a check.

use freehold_agent::session::machine;
use freehold_controller::sync::{lease_upload, session};

/// A promise to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Lease events are acknowledged before they are durable.
    AcknowledgeBeforeDurable,
    /// A gap in the lease events is taken for granted.
    AcceptGap,
    /// Lease events that are known are taken again.
    NoDedupe,
    /// An agent obeys a fence lower than one it saw.
    SkipFence,
    /// An agent obeys any store.
    AnyStore,
    /// A change that cuts the agent off is never undone.
    KeepUnconfirmed,
    /// An agent applies a change of which only some parts arrived.
    PartialStage,
    /// A server's configuration is changed in two steps, with a mix between them.
    HalfApply,
    /// A server is touched although it runs already what it should.
    NeedlessApply,
    /// A live session does not hear that its agent is revoked.
    CachedRevocation,
    /// What a server refused is sent again unchanged.
    ResendRejected,
    /// What a server refused as a whole is sent again after every reconnect.
    ForgetRefusal,
    /// An incomplete listing closes leases.
    SweepIncomplete,
    /// A listing closes any number of leases.
    SweepUnguarded,
    /// A controller whose store went backwards goes on as if nothing had happened.
    IgnoreRegression,
    /// After a restore, what the store does not know is removed from the servers at once.
    RemoveAfterRestore,
    /// A second change is sent while the first is not answered.
    TwoInFlight,
    /// The agent answers before what it answers is durable.
    AnswerBeforePersist,
    /// An operator is told "done" before it is durable.
    ConfirmBeforeDurable,
}

impl Bug {
    /// All of them.
    pub(crate) const ALL: &[Bug] = &[
        Bug::AcknowledgeBeforeDurable,
        Bug::AcceptGap,
        Bug::NoDedupe,
        Bug::SkipFence,
        Bug::AnyStore,
        Bug::PartialStage,
        Bug::KeepUnconfirmed,
        Bug::HalfApply,
        Bug::NeedlessApply,
        Bug::CachedRevocation,
        Bug::ResendRejected,
        Bug::ForgetRefusal,
        Bug::SweepIncomplete,
        Bug::SweepUnguarded,
        Bug::IgnoreRegression,
        Bug::RemoveAfterRestore,
        Bug::TwoInFlight,
        Bug::AnswerBeforePersist,
        Bug::ConfirmBeforeDurable,
    ];
}

/// The rules of an agent's session with this bug.
pub(crate) fn agent_rules(bug: Option<Bug>) -> machine::Rules {
    let mut rules = machine::Rules::default();
    match bug {
        Some(Bug::SkipFence) => rules.check_fence = false,
        Some(Bug::AnyStore) => rules.check_store = false,
        Some(Bug::PartialStage) => rules.verify_stage = false,
        Some(Bug::KeepUnconfirmed) => rules.undo_unconfirmed = false,
        _ => {}
    }
    rules
}

/// The rules of a controller's session with this bug.
pub(crate) fn session_rules(bug: Option<Bug>) -> session::Rules {
    let mut rules = session::Rules::default();
    match bug {
        Some(Bug::ResendRejected) => rules.remember_refusals = false,
        Some(Bug::ForgetRefusal) => rules.recall_refusals = false,
        Some(Bug::IgnoreRegression) => rules.stop_on_regression = false,
        Some(Bug::RemoveAfterRestore) => rules.hold_removals = false,
        Some(Bug::TwoInFlight) => rules.one_in_flight = false,
        _ => {}
    }
    rules
}

/// The rules of a lease upload with this bug.
pub(crate) fn upload_rules(bug: Option<Bug>) -> lease_upload::Rules {
    let mut rules = lease_upload::Rules::default();
    match bug {
        Some(Bug::AcceptGap) => rules.refuse_gap = false,
        Some(Bug::NoDedupe) => rules.skip_known = false,
        Some(Bug::SweepIncomplete) => rules.sweep_needs_complete = false,
        Some(Bug::SweepUnguarded) => rules.sweep_guard = false,
        _ => {}
    }
    rules
}
