//! What a server should run, less what it refused.

use crate::obedience::desired_bundle;
use freehold_core::bundle::{Bundle, Digest};
use freehold_core::model::{Applied, Management};
use freehold_core::name::ServerName;
use freehold_core::{Revision, State, Timestamp};
use std::sync::Arc;

/// The bundle that a server should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// All of it.
    pub bundle: Arc<Bundle>,
    /// Its digest.
    pub digest: Digest,
    /// The revision of the state that it was made from.
    pub revision: Revision,
    /// When that revision was committed.
    pub committed: Timestamp,
    /// The server refused just this bundle as a whole: it is not sent again.
    pub refused: bool,
    /// Within how many seconds of its apply it is confirmed, or undoes itself (P14); 0 if it need not be.
    pub confirm_seconds: u32,
    /// Whether somebody waits for the proof that the server runs this revision, even if it was proven to run the same
    /// bundle at an earlier one.
    pub awaited: bool,
}

/// A proof that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// The server has to be proven to run this revision or a later one, with a barrier.
    pub revision: Revision,
    /// The lease spool that the barrier has to be of; `None` if none is known yet.
    pub epoch: Option<[u8; 16]>,
}

impl Owed {
    fn is_paid(&self, applied: &Applied) -> bool {
        let barrier = applied.barrier.is_some_and(|barrier| self.epoch.is_none_or(|epoch| barrier.epoch == epoch));
        barrier && applied.revision >= self.revision
    }
}

/// The bundle that `server` should run at this state, committed at `committed`: all that is desired without
/// what is in quarantine in its refused form (P10). `None` for a server that Freehold does not manage. `owed` is the
/// proof that somebody waits for.
pub fn wanted(state: &State, server: &ServerName, committed: Timestamp, owed: Option<Owed>) -> Option<Wanted> {
    let record = state.server(server).filter(|server| server.management == Management::Managed)?;
    let bundle = desired_bundle(state, server);
    let digest = bundle.digest();
    let status = state.status(server);
    let refused = status.and_then(|status| status.refused.as_ref());
    let applied = status.and_then(|status| status.applied.as_ref());
    Some(Wanted {
        digest,
        bundle: Arc::new(bundle),
        revision: state.revision(),
        committed,
        refused: refused.is_some_and(|refused| refused.digest == digest),
        confirm_seconds: record.confirm_seconds.unwrap_or_default(),
        awaited: owed.is_some_and(|owed| !applied.is_some_and(|applied| owed.is_paid(applied))),
    })
}
