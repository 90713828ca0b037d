//! What only a person can decide about a server: how it is shown, and how a decision gets to where it is carried out.
//!
//! A decision is put on record first and then told to the session that it is about. It is about what waits at that moment; a
//! session that broke off in between finds out anew what waits, and shows it again. So a decision is never carried out on
//! something that nobody saw.

use super::Api;
use super::call::{Mutation, mark, not_found, refuse};
use super::status;
use crate::engine::Call;
use crate::obedience;
use crate::sync::waits::{self, Wait};
use freehold_core::bundle::ResourceKey;
use freehold_core::change::{Actor, RequestMark};
use freehold_core::name::ServerName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Command, State};
use freehold_proto::convert::hosts::resource_name;
use freehold_proto::v1;
use freehold_proto::v1::waiting::Kind;
use prost::Message;
use tonic::Status;

/// Characters of a decision that are put on record.
const WORDS_MAX: usize = 2000;

/// What waits at a server, the most pressing first.
pub(super) fn waiting(state: &State, api: &Api, server: &ServerName) -> Vec<v1::Waiting> {
    let live = api.presence.server(server);
    let backwards = api.presence.ahead().is_some();
    let shown = live.waits.iter().chain(&live.listing).map(|wait| message(wait, backwards));
    let refused = obedience::refused_bundle(state, server).map(|refused| v1::Waiting {
        kind: Kind::Refused.into(),
        message: format!(
            "it refused all that it should run and named no resource, so nothing is sent until the plan, or the version of the agent or \
             the server, is another: {}",
            refused.message
        ),
        ..v1::Waiting::default()
    });
    shown.chain(refused).collect()
}

fn message(wait: &Wait, backwards: bool) -> v1::Waiting {
    let resources = |removes: &[ResourceKey]| removes.iter().map(resource_name).collect::<Vec<_>>();
    match wait {
        Wait::History { held, ours, removes } => v1::Waiting {
            kind: Kind::History.into(),
            message: format!(
                "the store went backwards: this agent obeyed revision {} of incarnation {}, and the store is at revision {} of \
                 incarnation {}; nothing is sent to it, and nothing is removed from any server, until somebody accepts the \
                 store as it is, or restores a newer backup",
                held.revision, held.incarnation, ours.revision, ours.incarnation
            ),
            resources: resources(removes),
            ..v1::Waiting::default()
        },
        Wait::Removals { removes } => v1::Waiting {
            kind: Kind::Removals.into(),
            message: format!(
                "it runs {} that the store does not know, {}; nothing is changed on it until they may go",
                counted(removes.len() as u64, "resource"),
                if backwards { "which went backwards" } else { "since a restore" }
            ),
            resources: resources(removes),
            ..v1::Waiting::default()
        },
        Wait::Drift { observed, difference } => v1::Waiting {
            kind: Kind::Drift.into(),
            message: match difference.as_str() {
                "" => "somebody else changed what it runs; it is left alone until its plan changes".to_owned(),
                difference => {
                    format!(
                        "somebody else changed what it runs; it is left alone until its plan changes:\n{difference}"
                    )
                }
            },
            observed_digest: observed.to_string(),
            ..v1::Waiting::default()
        },
        Wait::Listing { would_remove, .. } => v1::Waiting {
            kind: Kind::Listing.into(),
            message: format!(
                "a full listing of its leases lacks {} that are known, more than a listing may close by itself; they stay \
                 until somebody allows it",
                counted(*would_remove, "lease")
            ),
            leases: *would_remove,
            ..v1::Waiting::default()
        },
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Nothing waits for what was decided.
pub(super) fn nothing(name: &ServerName, what: &str) -> Refusal {
    let message = format!("{what} at {name}; `freehold server show` says what waits");
    Refusal::new(Reason::NothingToDecide, message).at("name").about(name)
}

impl Api {
    /// The first of what waits at a server that `pick` takes.
    pub(super) fn waits_for<T>(&self, name: &ServerName, pick: impl Fn(&Wait) -> Option<T>) -> Option<T> {
        let live = self.presence.server(name);
        live.waits.iter().chain(&live.listing).find_map(pick)
    }

    /// Puts a decision on record, unless `validate_only`; `check` says what there is to decide, and in words what was decided.
    /// Returns what is to be carried out now: a repetition was before.
    pub(super) async fn record<M: Message, T>(
        &self,
        actor: Actor,
        mutation: Mutation<'_, M>,
        name: &ServerName,
        check: impl FnOnce() -> Result<(T, String), Refusal>,
        reincarnate_above: impl FnOnce(&T) -> Option<u64>,
    ) -> Result<Option<T>, Status> {
        let request = mark(&mutation).map_err(refuse)?;
        let state = self.engine.state();
        state.server(name).ok_or_else(|| not_found(Reason::ServerNotFound, name))?;
        let known = |mark: &RequestMark| {
            state.request(&actor.principal, &mark.id).is_some_and(|before| before.fingerprint == mark.fingerprint)
        };
        if !mutation.validate_only && request.as_ref().is_some_and(known) {
            return Ok(None);
        }
        let (found, what) = check().map_err(refuse)?;
        if mutation.validate_only {
            return Ok(None);
        }
        let call = Call {
            actor,
            method: mutation.method.to_owned(),
            request,
            command: Command::NoteDecision { server: name.clone(), what: what.chars().take(WORDS_MAX).collect() },
            ahead: None,
            reincarnate_above: reincarnate_above(&found),
        };
        let committed = self.engine.commit(call).await.map_err(|error| status::not_committed(&error))?;
        Ok((!committed.changes.is_empty()).then_some(found))
    }

    /// Tells the session of a server what was decided, and takes what `settles` picks off what is shown.
    pub(super) fn carry_out_decision(
        &self,
        name: &ServerName,
        decision: waits::Decision,
        settles: impl Fn(&Wait) -> bool,
    ) -> Result<(), Status> {
        self.presence.settled(name, settles);
        if self.sync.decide(name, decision) { Ok(()) } else { Err(refuse(away(name))) }
    }
}

/// The agent of a server is not there to carry anything out.
pub(super) fn away(name: &ServerName) -> Refusal {
    let message = format!("the agent of {name} is not connected; decide when it is back");
    Refusal::new(Reason::AgentNotConnected, message).at("name").about(name)
}
