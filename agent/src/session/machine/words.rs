//! What goes in and comes out of the machine.

use crate::session::memory::Write;
use freehold_core::bundle::{Bundle, Digest};
use freehold_core::lease::LeaseCursor;
use freehold_core::time::StorePoint;
use freehold_proto::sync::{ProbeRequest, ResourceResult, ServerReport, SessionRequest, TrustBundle, go_away};
use std::sync::Arc;

/// Which of its promises the machine keeps: all of them. The simulation breaks one at a time, to see that it notices.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// P6: no lower fence is obeyed.
    pub check_fence: bool,
    /// P2: no other store is obeyed.
    pub check_store: bool,
    /// P2: nothing from before what was obeyed is obeyed.
    pub check_revision: bool,
    /// P12: only a whole change set of the right digest is applied.
    pub verify_stage: bool,
    /// P14: what is not confirmed is undone.
    pub undo_unconfirmed: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { check_fence: true, check_store: true, check_revision: true, verify_stage: true, undo_unconfirmed: true }
    }
}

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Open a connection; answer with [`Machine::connected`] or [`Machine::lost`].
    Dial,
    /// Send a message on it.
    Send(SessionRequest),
    /// Replace a file; durable before anything that follows is done.
    Persist(Write),
    /// Make a server run this; answer with [`Machine::outcome`]. What it runs is read back first: if it is this
    /// already, nothing is touched.
    Apply(Apply),
    /// Trust these roots from now on.
    Trust(TrustBundle),
    /// Ask who answers on some addresses; answer with [`Machine::probed`].
    Probe(ProbeRequest),
    /// Ask a server what it would make of a bundle; answer with [`Machine::previewed`].
    Preview(Preview),
    /// Something that people should know.
    Alarm(Alarm),
    /// Close the connection; answer with [`Machine::lost`].
    HangUp,
}

/// A bundle to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    /// Which server.
    pub server: String,
    /// The digest of the bundle.
    pub digest: Digest,
    /// All of it.
    pub bundle: Arc<Bundle>,
}

/// A bundle of which somebody wants to know what a server would make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Which server.
    pub server: String,
    /// The number of the preview.
    pub preview_id: u64,
    /// All of it.
    pub bundle: Arc<Bundle>,
    /// When it was asked for, in ticks.
    pub asked: u64,
}

/// What came of an [`Apply`].
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The server runs it.
    Applied {
        /// The digest of what was read back.
        digest: Digest,
        /// The barrier (P16); `None` if there is none.
        barrier: Option<Barrier>,
        /// How long the server itself took, in milliseconds.
        server_ms: u64,
    },
    /// The server's own test refused it; nothing was touched.
    Rejected {
        /// The resources at fault, as far as that is known.
        results: Vec<ResourceResult>,
        /// The server's own message.
        error: String,
    },
    /// It failed and was undone.
    RolledBack {
        /// The resources at fault, as far as that is known.
        results: Vec<ResourceResult>,
        /// The server's own message.
        error: String,
    },
    /// It failed and could not be undone.
    Dirty {
        /// The server's own message.
        error: String,
    },
    /// The server cannot take a change now.
    Busy,
}

/// Where a server's lease spool stood with everything in it that the server had granted by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barrier {
    /// The spool, and the number of the event that comes next.
    pub at: LeaseCursor,
    /// The incarnation of the controller's store that was given a full listing of what the spool has no events of; `None` if
    /// it is owed one.
    pub listed: Option<u64>,
}

/// What the shell knows of a server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// What it is.
    pub report: ServerReport,
    /// The digest of what it runs now, as read back; nothing if it does not answer.
    pub observed: Option<Digest>,
    /// How that differs from what was last proven, in words; empty if it does not.
    pub difference: String,
    /// The epoch of its lease spool.
    pub spool_epoch: Vec<u8>,
    /// The last event in its lease spool.
    pub spool_last_seq: u64,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The controller is of another store; it was not obeyed (P2).
    ForeignStore {
        /// That store.
        store: Vec<u8>,
    },
    /// A message had a lower fence than one already seen; it was not obeyed (P6).
    StaleFence {
        /// The message's fence.
        fence: u64,
    },
    /// The controller is behind what was obeyed; it is not obeyed until its incarnation rises (P3).
    Regression {
        /// Where the controller is.
        now: StorePoint,
        /// What was obeyed.
        obeyed: StorePoint,
    },
    /// Nobody confirmed a change in time; it is undone (P14).
    Unconfirmed {
        /// Which server.
        server: String,
        /// The digest of what is undone.
        digest: Digest,
    },
    /// The controller ended the session.
    SentAway {
        /// Why.
        reason: go_away::Reason,
        /// In words.
        message: String,
    },
    /// The controller broke the protocol.
    Protocol(&'static str),
}
