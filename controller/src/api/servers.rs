use super::Api;
use super::call::{missing, mutation, named, not_found, not_found_at, open, refuse, there};
use super::decisions::{self, away, nothing};
use super::mask::Mask;
use super::page::Page;
use super::sight::Sight;
use crate::obedience;
use crate::sync::waits::{Decision, Wait};
use freehold_core::access::Spot;
use freehold_core::capability::capabilities;
use freehold_core::command::ServerPatch;
use freehold_core::model::Server as CoreServer;
use freehold_core::name::{ReservationName, ScopeName, ServerName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use freehold_core::{Command, Revision, State};
use freehold_proto::convert::hosts::{
    capability_message, parse_management, resource_name, server_message, status_message,
};
use freehold_proto::convert::plan::text;
use freehold_proto::convert::time::{self, parse_etag};
use freehold_proto::v1::decide_drift_request::Action;
use freehold_proto::v1::server_service_server::ServerService;
use freehold_proto::v1::sync_status::State as Sync;
use freehold_proto::v1::{
    AcceptHistoryRequest, AllowListingRequest, DecideDriftRequest, DeleteServerRequest, GetCapabilitiesRequest,
    GetCapabilitiesResponse, GetServerRequest, ListServersRequest, ListServersResponse, ReleaseRemovalsRequest,
    RetryRefusedRequest, Server, ServerStatus, SyncStatus, UpdateServerRequest, WaitAppliedRequest,
    WaitAppliedResponse,
};
use std::ops::Bound;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// How long WaitApplied waits if the caller does not say.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// How long WaitApplied waits at most.
const WAIT_MAX: Duration = Duration::from_secs(600);

fn update(message: &UpdateServerRequest) -> Result<(ServerName, Command), Refusal> {
    let given = message.server.as_ref().ok_or_else(|| missing("server"))?;
    let fixed = ["name", "kind", "version", "found", "foreign_subnets", "findings", "status"];
    let mask = Mask::parse(message.update_mask.as_ref(), &["management", "description", "confirm_seconds"], &fixed)?;
    let parse = || {
        let name: ServerName = given.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
        let patch = ServerPatch {
            management: mask.take("management", given.management != 0, || parse_management(given.management))?,
            description: mask
                .take("description", !given.description.is_empty(), || text(&given.description, "description"))?,
            confirm_seconds: mask.take("confirm_seconds", given.confirm_seconds != 0, || {
                Ok((given.confirm_seconds > 0).then_some(given.confirm_seconds))
            })?,
        };
        let etag = parse_etag(&given.etag)?;
        Ok((name.clone(), Command::UpdateServer { name, etag, patch }))
    };
    parse().map_err(|refusal: Refusal| refusal.under("server"))
}

/// A resource whose servers are waited for.
enum Awaited {
    Scope(ScopeName),
    Reservation(ReservationName),
    Server(ServerName),
}

impl Awaited {
    fn parse(resource: &str) -> Result<Self, Refusal> {
        let parsed = match resource.split('/').next() {
            Some("servers") => resource.parse().map(Self::Server),
            Some("scopes") if resource.contains("/reservations/") => resource.parse().map(Self::Reservation),
            Some("scopes") => resource.parse().map(Self::Scope),
            _ => Err(Refusal::new(
                Reason::InvalidName,
                format!("{} names no scope, reservation or server; nothing else reaches a server", shown(resource)),
            )),
        };
        parsed.map_err(|refusal| refusal.at("resource"))
    }

    fn seen_by(&self, sight: &Sight, state: &State) -> Result<(), Status> {
        match self {
            Self::Scope(name) => sight.all_of(&Spot::scope(state.scope(name)), name),
            Self::Reservation(name) => sight.all_of(&Spot::reservation(state, name), name),
            Self::Server(name) => sight.everything(name),
        }
    }
}

/// How long a caller wants to wait.
fn limit(message: &WaitAppliedRequest) -> Result<Duration, Refusal> {
    let refuse = |_| Refusal::new(Reason::InvalidValue, "a wait cannot end before it begins").at("timeout");
    let given = message.timeout.map_or(Ok(WAIT_DEFAULT), |timeout| Duration::try_from(timeout).map_err(refuse))?;
    Ok(given.min(WAIT_MAX))
}

impl Api {
    fn shown_server(&self, state: &State, core: &CoreServer) -> Server {
        let recorded = obedience::recorded(state, &core.name).as_ref().map(status_message).unwrap_or_default();
        let agent = self.presence.agent(core.name.agent());
        let live = self.presence.server(&core.name);
        let book = self.leases.book();
        let leases = book.of(&core.name);
        let status = ServerStatus {
            connected: agent.as_ref().is_some_and(|agent| agent.connected),
            desired_digest: obedience::desired_bundle(state, &core.name).digest().to_string(),
            next_lease_seq: leases.and_then(|leases| leases.cursor).map(|cursor| cursor.next_seq).unwrap_or_default(),
            leases: leases.map(|leases| leases.leases.len() as u64).unwrap_or_default(),
            gauges: live.gauges.into_iter().collect(),
            seen_time: agent.map(|agent| time::message(agent.seen)),
            drifted: live.waits.iter().any(|wait| matches!(wait, Wait::Drift { .. })),
            waiting: decisions::waiting(state, self, &core.name),
            ..recorded
        };
        Server { status: Some(status), ..server_message(core) }
    }

    /// A server as it is now.
    fn shown_now(&self, name: &ServerName) -> Result<Response<Server>, Status> {
        let state = self.engine.state();
        Ok(Response::new(self.shown_server(&state, &*there(state.server(name))?)))
    }

    /// Whether the server's agent can carry a decision out.
    fn there(&self, name: &ServerName) -> Result<(), Refusal> {
        if self.presence.connected(name.agent()) { Ok(()) } else { Err(away(name)) }
    }

    /// How far the servers of a resource are from `revision`; none if it does not exist and has no server.
    fn awaited(&self, awaited: &Awaited, revision: Option<Revision>) -> Result<SyncStatus, Status> {
        let state = self.engine.state();
        let mut status = match awaited {
            Awaited::Scope(name) => {
                let scope = state.scope(name).ok_or_else(|| not_found_at("resource", Reason::ScopeNotFound, name))?;
                obedience::of_scope(&state, &self.presence, scope)
            }
            Awaited::Reservation(name) => {
                let missing = || not_found_at("resource", Reason::ReservationNotFound, name);
                let reservation = state.reservation(name).ok_or_else(missing)?;
                let scope = state.scope(&name.scope).ok_or_else(missing)?;
                obedience::of_reservation(&state, &self.presence, scope, reservation)
            }
            Awaited::Server(name) => {
                let server =
                    state.server(name).ok_or_else(|| not_found_at("resource", Reason::ServerNotFound, name))?;
                obedience::of_server(&state, &self.presence, name, revision.unwrap_or(server.stamp.revision))
            }
        };
        let later = revision.filter(|revision| revision.0 > status.desired_revision);
        if let (Some(revision), Sync::Applied) = (later, status.state()) {
            let server = status.server.parse().map_err(refuse)?;
            status = match awaited {
                Awaited::Server(_) => obedience::of_server(&state, &self.presence, &server, revision),
                Awaited::Scope(_) | Awaited::Reservation(_) => {
                    obedience::of_served(&state, &self.presence, &server, revision)
                }
            };
        }
        Ok(status)
    }
}

/// A drift that is to be decided on: to be undone, since nothing else is built.
fn overwrite(message: &DecideDriftRequest) -> Result<(), Refusal> {
    match message.action() {
        Action::Overwrite => Ok(()),
        Action::Adopt => Err(Refusal::new(
            Reason::NotImplemented,
            "taking what somebody else changed into the plan needs the import of a server's configuration, which this version does \
             not have; change the plan by hand to what the server runs, or overwrite it",
        )
        .at("action")),
        Action::Unspecified => {
            Err(Refusal::new(Reason::FieldRequired, "say ACTION_OVERWRITE, or ACTION_ADOPT").at("action"))
        }
    }
}

#[tonic::async_trait]
impl ServerService for Api {
    async fn get_server(&self, request: Request<GetServerRequest>) -> Result<Response<Server>, Status> {
        let name: ServerName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        Sight::of(request.extensions(), &state)?.everything(&name)?;
        let server = state.server(&name).ok_or_else(|| not_found(Reason::ServerNotFound, &name))?;
        Ok(Response::new(self.shown_server(&state, server)))
    }

    async fn list_servers(
        &self,
        request: Request<ListServersRequest>,
    ) -> Result<Response<ListServersResponse>, Status> {
        self.sight(request.extensions())?.everything("servers")?;
        let message = request.into_inner();
        let page = Page::parse(message.page_size, &message.page_token, "servers")?;
        let from = page.after::<ServerName>()?.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.engine.state();
        let rows = state
            .servers()
            .range((from, Bound::Unbounded))
            .take(page.size + 1)
            .map(|(_, server)| self.shown_server(&state, server));
        let (servers, next_page_token) = page.cut(rows.collect(), |server| server.name.clone());
        Ok(Response::new(ListServersResponse { servers, next_page_token }))
    }

    async fn update_server(&self, request: Request<UpdateServerRequest>) -> Result<Response<Server>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.ServerService/UpdateServer", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(self.shown_server(&state, &*there(state.server(&name))?)))
    }

    async fn delete_server(&self, request: Request<DeleteServerRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeleteServer { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.ServerService/DeleteServer", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }

    async fn accept_history(&self, request: Request<AcceptHistoryRequest>) -> Result<Response<Server>, Status> {
        let (actor, message) = open(request)?;
        let name: ServerName = named(&message.name)?;
        let check = || {
            let above = self.presence.ahead();
            let above = above.ok_or_else(|| nothing(&name, "no agent obeyed a later state than the store has"))?;
            Ok((above, format!("the store's history is the truth, above incarnation {above}")))
        };
        let mutation = mutation!("/freehold.v1.ServerService/AcceptHistory", message);
        if self.record(actor, mutation, &name, check, |above| Some(*above)).await?.is_some() {
            self.presence.history_accepted();
        }
        self.shown_now(&name)
    }

    async fn release_removals(&self, request: Request<ReleaseRemovalsRequest>) -> Result<Response<Server>, Status> {
        let (actor, message) = open(request)?;
        let name: ServerName = named(&message.name)?;
        let waits = |wait: &Wait| matches!(wait, Wait::Removals { .. });
        let check = || {
            if self.presence.ahead().is_some() {
                let message = "the store went backwards; decide first whether it is accepted as it is (AcceptHistory)";
                return Err(Refusal::new(Reason::StoreWentBackwards, message).at("name").about(&name));
            }
            let removes = |wait: &Wait| match wait {
                Wait::Removals { removes } => Some(removes.iter().map(resource_name).collect::<Vec<_>>().join(", ")),
                _ => None,
            };
            let removes = self.waits_for(&name, removes).ok_or_else(|| nothing(&name, "no removal waits"))?;
            self.there(&name).map(|()| ((), format!("it may lose {removes}")))
        };
        let mutation = mutation!("/freehold.v1.ServerService/ReleaseRemovals", message);
        if self.record(actor, mutation, &name, check, |()| None).await?.is_some() {
            self.carry_out_decision(&name, Decision::ReleaseRemovals, waits)?;
        }
        self.shown_now(&name)
    }

    async fn decide_drift(&self, request: Request<DecideDriftRequest>) -> Result<Response<Server>, Status> {
        let (actor, message) = open(request)?;
        let name: ServerName = named(&message.name)?;
        overwrite(&message).map_err(refuse)?;
        let check = || {
            let drift = |wait: &Wait| match wait {
                Wait::Drift { observed, .. } => Some(*observed),
                _ => None,
            };
            let observed = self.waits_for(&name, drift).ok_or_else(|| nothing(&name, "no drift waits"))?;
            if !message.observed_digest.is_empty() && message.observed_digest != observed.to_string() {
                return Err(nothing(&name, "the drift is another by now").at("observed_digest"));
            }
            self.there(&name).map(|()| (observed, format!("the drift to {observed} is undone")))
        };
        let mutation = mutation!("/freehold.v1.ServerService/DecideDrift", message);
        if let Some(observed) = self.record(actor, mutation, &name, check, |_| None).await? {
            self.carry_out_decision(&name, Decision::Overwrite(observed), |_| false)?;
        }
        self.shown_now(&name)
    }

    async fn allow_listing(&self, request: Request<AllowListingRequest>) -> Result<Response<Server>, Status> {
        let (actor, message) = open(request)?;
        let name: ServerName = named(&message.name)?;
        let listing = |wait: &Wait| match wait {
            Wait::Listing { resync_id, would_remove } => Some((*resync_id, *would_remove)),
            _ => None,
        };
        let check = || {
            let found = self.waits_for(&name, listing);
            let (id, leases) = found.ok_or_else(|| nothing(&name, "no listing of leases waits"))?;
            self.there(&name).map(|()| (id, format!("listing {id} closes {leases} leases that it lacks")))
        };
        let mutation = mutation!("/freehold.v1.ServerService/AllowListing", message);
        if let Some(id) = self.record(actor, mutation, &name, check, |_| None).await? {
            self.presence.settled(&name, |wait| matches!(wait, Wait::Listing { .. }));
            if !self.sync.allow_listing(&name, id) {
                return Err(refuse(away(&name)));
            }
        }
        self.shown_now(&name)
    }

    async fn retry_refused(&self, request: Request<RetryRefusedRequest>) -> Result<Response<Server>, Status> {
        let (actor, message) = open(request)?;
        let name: ServerName = named(&message.name)?;
        let command = Command::LiftRefusals { server: name.clone(), edition: None };
        let mutation = mutation!("/freehold.v1.ServerService/RetryRefused", message);
        let state = self.carry_out(actor, mutation, command).await?;
        if !message.validate_only {
            // An agent that is away is sent everything when it is back.
            self.sync.decide(&name, Decision::Retry);
        }
        Ok(Response::new(self.shown_server(&state, &*there(state.server(&name))?)))
    }

    async fn get_capabilities(
        &self,
        request: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<GetCapabilitiesResponse>, Status> {
        let name: ServerName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        Sight::of(request.extensions(), &state)?.everything(&name)?;
        let server = state.server(&name).ok_or_else(|| not_found(Reason::ServerNotFound, &name))?;
        let capabilities = capabilities(server).iter().map(capability_message).collect();
        Ok(Response::new(GetCapabilitiesResponse { capabilities }))
    }

    async fn wait_applied(
        &self,
        request: Request<WaitAppliedRequest>,
    ) -> Result<Response<WaitAppliedResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let message = request.into_inner();
        let awaited = Awaited::parse(&message.resource).map_err(refuse)?;
        let revision = (message.revision > 0).then_some(Revision(message.revision));
        awaited.seen_by(&sight, &self.engine.state())?;
        let deadline = tokio::time::Instant::now() + limit(&message).map_err(refuse)?;
        let mut revisions = self.engine.revisions();
        loop {
            revisions.mark_unchanged();
            let status = self.awaited(&awaited, revision)?;
            let settled = matches!(status.state(), Sync::Applied | Sync::NotServed);
            let waiting = matches!(status.state(), Sync::Pending | Sync::Disconnected);
            let over = !waiting || tokio::time::timeout_at(deadline, revisions.changed()).await.is_err();
            if over {
                return Ok(Response::new(WaitAppliedResponse { applied: settled, servers: vec![status] }));
            }
        }
    }
}
