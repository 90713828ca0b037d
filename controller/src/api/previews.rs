//! Previews: what a change that was only asked about would make of the servers, and of whom they serve.
//!
//! A call with `validate_only` is decided on a snapshot; what came of that is kept for ten minutes, and named in the answer's metadata. Whoever made it
//! may have it told: then the agents of the servers that it is about are asked, each of which has its server test what it would run.

use super::Api;
use super::call::{operator, refuse};
use super::sight::Sight;
use super::watch::sees;
use crate::engine::Committed;
use crate::sync::dispatch::concerned;
use crate::sync::wanted::wanted;
use data_encoding::HEXLOWER;
use freehold_core::access::{Permission, Reach, Spot};
use freehold_core::bundle::Bundle;
use freehold_core::impact::{Hit, Impact, impact};
use freehold_core::lease::LeaseBook;
use freehold_core::name::{ReservationName, ServerName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use freehold_core::{Change, State, Timestamp};
use freehold_proto::bundle::parse_ref;
use freehold_proto::convert::event::change_message;
use freehold_proto::convert::{lease, time};
use freehold_proto::sync::{PreviewAnswer, preview_answer};
use freehold_proto::v1::preview_response::Part;
use freehold_proto::v1::preview_service_server::PreviewService;
use freehold_proto::v1::server_preview::{Outcome, Way};
use freehold_proto::v1::{
    PreviewFault, PreviewHit, PreviewRequest, PreviewResponse, PreviewSummary, ServerDifference, ServerPreview,
};
use futures_util::{Stream, StreamExt, stream};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::{Request, Response, Status};

/// The metadata of an answer that names the preview.
pub const HEADER: &str = "freehold-preview";
/// How long a preview is kept, in seconds.
const KEPT_SECONDS: i64 = 600;
/// Previews kept at most, the newest.
const KEPT_MAX: usize = 256;
/// Of one caller.
const KEPT_OF_ONE_MAX: usize = 16;
/// Changes of the plan told of a preview, and hits of a server, at most.
const TOLD_MAX: usize = 1000;
/// Agents asked at once.
const ASKED_AT_ONCE: usize = 16;

tokio::task_local! {
    /// The name of the preview that the call of this task made.
    static MADE: Arc<Mutex<Option<String>>>;
}

/// Runs a call; beside its answer the name of the preview that it made, if it made one.
pub async fn noting<F: Future>(call: F) -> (F::Output, Option<String>) {
    let made = Arc::new(Mutex::new(None));
    let answer = MADE.scope(Arc::clone(&made), call).await;
    let name = made.lock().unwrap_or_else(PoisonError::into_inner).take();
    (answer, name)
}

/// What a change would make of the plan.
#[derive(Debug)]
struct Kept {
    name: String,
    principal: String,
    base: Arc<State>,
    changes: Arc<[Change]>,
    after: Arc<State>,
    until: Timestamp,
}

/// The previews that are kept; copies are the same.
#[derive(Debug, Clone, Default)]
pub struct Previews(Arc<Mutex<VecDeque<Arc<Kept>>>>);

impl Previews {
    /// Keeps what a call of `principal` would make of `base`.
    pub(super) fn keep(&self, principal: &str, base: Arc<State>, planned: &Committed, now: Timestamp) {
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).expect("the system has randomness");
        let name = format!("previews/{}", HEXLOWER.encode(&id));
        let kept = Kept {
            name: name.clone(),
            principal: principal.to_owned(),
            base,
            changes: Arc::clone(&planned.changes),
            after: Arc::clone(&planned.state),
            until: now.plus_seconds(KEPT_SECONDS),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| now < kept.until);
        let of_principal = all.iter().filter(|kept| kept.principal == principal).count();
        if of_principal == KEPT_OF_ONE_MAX {
            let oldest = all.iter().position(|kept| kept.principal == principal);
            oldest.map(|place| all.remove(place));
        } else if all.len() == KEPT_MAX {
            all.pop_front();
        }
        all.push_back(Arc::new(kept));
        drop(all);
        let note =
            |made: &Arc<Mutex<Option<String>>>| *made.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
        if MADE.try_with(note).is_err() {
            tracing::debug!("a preview was made outside of a call");
        }
    }

    fn find(&self, name: &str, principal: &str, now: Timestamp) -> Option<Arc<Kept>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|kept| kept.name == name && kept.principal == principal && now < kept.until).cloned()
    }
}

/// A server that a change is about, and what it would run.
struct Touched {
    server: ServerName,
    from: Arc<Bundle>,
    /// `None`: it would be let go.
    to: Option<Arc<Bundle>>,
}

/// What somebody may see of what a preview has to tell.
struct Eyes {
    /// Where scopes are seen.
    scopes: Reach,
    /// Where reservations are.
    reservations: Reach,
    /// Where leases are.
    leases: Reach,
    /// Whether servers are.
    servers: bool,
}

impl Eyes {
    /// Whether a scope, or an address that is fixed in one, is seen, as it is or as it would be.
    fn see(&self, kept: &Kept, resource: &str) -> bool {
        [&kept.base, &kept.after].into_iter().any(|state| match resource.split('/').count() {
            2 => resource
                .parse()
                .is_ok_and(|name| state.scope(&name).is_some_and(|scope| self.scopes.takes(&Spot::scope(Some(scope))))),
            _ => resource.parse::<ReservationName>().is_ok_and(|name| {
                state.scope(&name.scope).is_some() && self.reservations.takes(&Spot::reservation(state, &name))
            }),
        })
    }
}

/// The servers whose bundle would be another.
fn touched(kept: &Kept) -> Vec<Touched> {
    let bundle =
        |state: &State, server: &ServerName| wanted(state, server, Timestamp(0), None).map(|wanted| wanted.bundle);
    let servers = concerned(&kept.base, &kept.after, &kept.changes).into_iter();
    let touched = servers.filter_map(|server| {
        let (from, to) = (bundle(&kept.base, &server), bundle(&kept.after, &server));
        (from != to).then(|| Touched { server, from: from.unwrap_or_default(), to })
    });
    touched.collect()
}

impl Api {
    /// What a server says of it, with what would be different there and who is hit.
    async fn told(
        &self,
        kept: &Kept,
        touched: Touched,
        book: &LeaseBook,
        eyes: &Eyes,
        now: Timestamp,
    ) -> Vec<PreviewResponse> {
        let Touched { server, from, to } = touched;
        let is_let_go = to.is_none();
        let (mut told, differences) = match to {
            None => (let_go(&server), Vec::new()),
            Some(to) => match self.sync.preview(&server, from, to).await {
                Ok(answer) => answered(&server, answer),
                Err(why) => (unknown(&server, why), Vec::new()),
            },
        };
        // One that is let go goes on with what it runs.
        let impact = match is_let_go {
            true => Impact::default(),
            false => impact(&kept.base, &kept.after, book, &server, now),
        };
        told.leases_lost = impact.lost.len() as u64;
        told.leases_renewed = impact.renewed;
        let differences: Vec<_> =
            differences.into_iter().filter(|difference| eyes.see(kept, &difference.resource)).collect();
        if !eyes.servers {
            told.faults.retain(|fault| eyes.see(kept, &fault.resource));
            told.commands = Vec::new();
            if told.outcome() == Outcome::Refused {
                told.message = told_elsewhere(told.faults.first());
            }
        }
        let seen = impact.lost.iter().filter(|hit| eyes.leases.takes_lease(&kept.base, &hit.lease));
        let hit = |hit: &Hit| {
            let lease = lease::message(&server, Some(&hit.scope), &hit.lease, now);
            Part::Hit(PreviewHit { lease: Some(lease), message: hit.why.to_string() })
        };
        let parts = std::iter::once(Part::Server(told))
            .chain(differences.into_iter().map(Part::Difference))
            .chain(seen.take(TOLD_MAX).map(hit));
        parts.map(part).collect()
    }
}

/// Why a server refuses, for somebody who may not see it: its words may be about parts of it that are not theirs.
fn told_elsewhere(fault: Option<&PreviewFault>) -> String {
    let elsewhere = "not for this alone; why is told to those who may see the server";
    fault.map_or(elsewhere, |fault| &fault.message).to_owned()
}

fn part(part: Part) -> PreviewResponse {
    PreviewResponse { part: Some(part) }
}

fn unknown(server: &ServerName, message: String) -> ServerPreview {
    let outcome = Outcome::Unknown.into();
    ServerPreview { server: server.to_string(), outcome, message, ..ServerPreview::default() }
}

fn let_go(server: &ServerName) -> ServerPreview {
    ServerPreview {
        server: server.to_string(),
        outcome: Outcome::Accepted.into(),
        way: Way::Nothing.into(),
        message: "it is let go: it keeps what it runs, and is told nothing more".to_owned(),
        ..ServerPreview::default()
    }
}

/// What an agent said.
fn answered(server: &ServerName, answer: PreviewAnswer) -> (ServerPreview, Vec<ServerDifference>) {
    let outcome = match answer.outcome() {
        preview_answer::Outcome::Accepted => Outcome::Accepted,
        preview_answer::Outcome::Refused => Outcome::Refused,
        preview_answer::Outcome::Unable | preview_answer::Outcome::Unspecified => Outcome::Unknown,
    };
    let way = match answer.way() {
        preview_answer::Way::Nothing => Way::Nothing,
        preview_answer::Way::Commands => Way::Commands,
        preview_answer::Way::Configuration => Way::Configuration,
        preview_answer::Way::Unspecified => Way::Unspecified,
    };
    let name = |kind: &str, id: &str| {
        let record = parse_ref(kind, id).ok().and_then(|key| key.record());
        record.map_or_else(|| format!("{kind} {id}"), |record| record.to_string())
    };
    let faults = answer.results.iter().map(|result| PreviewFault {
        resource: name(&result.kind, &result.id),
        field: result.field.clone(),
        message: result.message.clone(),
    });
    let differences = answer.differences.into_iter().map(|difference| ServerDifference {
        server: server.to_string(),
        resource: name(&difference.kind, &difference.id),
        before: difference.before,
        after: difference.after,
    });
    let told = ServerPreview {
        server: server.to_string(),
        outcome: outcome.into(),
        message: answer.message,
        faults: faults.collect(),
        way: way.into(),
        commands: answer.commands,
        command_count: answer.command_count,
        test_ms: answer.test_ms,
        ..ServerPreview::default()
    };
    (told, differences.collect())
}

#[tonic::async_trait]
impl PreviewService for Api {
    type PreviewStream = Pin<Box<dyn Stream<Item = Result<PreviewResponse, Status>> + Send>>;

    async fn preview(&self, request: Request<PreviewRequest>) -> Result<Response<Self::PreviewStream>, Status> {
        let operator = operator(request.extensions())?;
        let (name, now) = (&request.get_ref().name, self.engine.now());
        let kept = self.previews.find(name, &operator.to_string(), now).ok_or_else(|| {
            let what = format!(
                "there is no preview {} of yours; it is kept for ten minutes. Ask again with validate_only",
                shown(name)
            );
            refuse(Refusal::new(Reason::PreviewNotFound, what).at("name"))
        })?;
        let touched = touched(&kept);
        let summary = PreviewSummary {
            name: kept.name.clone(),
            base_revision: kept.base.revision().0,
            current: kept.base.revision() == self.engine.state().revision(),
            expire_time: Some(time::message(kept.until)),
            change_count: kept.changes.len() as u64,
            server_count: u32::try_from(touched.len()).unwrap_or(u32::MAX),
        };
        let rights = self.engine.state();
        let seen = kept.changes.iter().filter(|change| sees(&rights, &operator, change, [&kept.base, &kept.after]));
        let changes = seen.take(TOLD_MAX).map(|change| Part::Change(change_message(change)));
        let head: Vec<_> = std::iter::once(Part::Summary(summary)).chain(changes).map(part).collect();
        let reach = |permission| Sight::with(operator.clone(), permission, &self.engine.state()).reach;
        let eyes = Arc::new(Eyes {
            scopes: reach(Permission::ScopesRead),
            reservations: reach(Permission::ReservationsRead),
            leases: reach(Permission::LeasesRead),
            servers: reach(Permission::ServersRead).is_everywhere(),
        });
        let (api, book) = (self.clone(), self.leases.book());
        let servers = stream::iter(touched).map(move |touched| {
            let (api, kept, book, eyes) = (api.clone(), Arc::clone(&kept), Arc::clone(&book), Arc::clone(&eyes));
            async move { api.told(&kept, touched, &book, &eyes, now).await }
        });
        let parts = stream::iter(head).chain(servers.buffered(ASKED_AT_ONCE).flat_map(stream::iter));
        Ok(Response::new(Box::pin(parts.map(Ok))))
    }
}
