//! What a server should run, less what it refused.

use crate::obedience::desired_bundle;
use freehold_core::bundle::{Bundle, Digest};
use freehold_core::model::Management;
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

/// The bundle that `server` should run at this state, committed at `committed`: all that is desired without
/// what is in quarantine in its refused form (P10). `None` for a server that Freehold does not manage. `owed` is the
/// revision that somebody waits for it to be proven to run.
pub fn wanted(state: &State, server: &ServerName, committed: Timestamp, owed: Option<Revision>) -> Option<Wanted> {
    let record = state.server(server).filter(|server| server.management == Management::Managed)?;
    let bundle = desired_bundle(state, server);
    let digest = bundle.digest();
    let status = state.status(server);
    let refused = status.and_then(|status| status.refused.as_ref());
    let proven = status.and_then(|status| status.applied.as_ref()).map(|applied| applied.revision);
    Some(Wanted {
        digest,
        bundle: Arc::new(bundle),
        revision: state.revision(),
        committed,
        refused: refused.is_some_and(|refused| refused.digest == digest),
        confirm_seconds: record.confirm_seconds.unwrap_or_default(),
        awaited: owed.is_some_and(|owed| proven < Some(owed)),
    })
}
