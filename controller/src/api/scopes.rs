use super::Api;
use super::call::{at_most, missing, mutation, named, not_found, open, refuse, there};
use super::labels;
use super::mask::Mask;
use super::page::Page;
use super::sight::Sight;
use crate::obedience;
use freehold_core::access::Spot;
use freehold_core::command::{NewScope, ScopePatch};
use freehold_core::decide::{EXCLUSIONS_MAX, OPTIONS_MAX, PREFIX_POOLS_MAX, RANGES_MAX};
use freehold_core::labels::Labelled;
use freehold_core::model::{Scope as CoreScope, ViewKind};
use freehold_core::name::{ScopeName, ServerName};
use freehold_core::net::Family;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::rows::ScopeRow;
use freehold_core::{Command, State};
use freehold_proto::convert::plan::text;
use freehold_proto::convert::time::parse_etag;
use freehold_proto::convert::{label, option, scope};
use freehold_proto::v1::scope_service_server::ScopeService;
use freehold_proto::v1::{
    BatchUpdateScopesRequest, BatchUpdateScopesResponse, CreateScopeRequest, DeleteScopeRequest, GetScopeRequest,
    ListScopesRequest, ListScopesResponse, Scope, UpdateScopeRequest,
};
use std::ops::Bound;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The lists of a scope are no longer than a scope can have.
fn bounded(given: &Scope) -> Result<(), Refusal> {
    at_most(given.ranges.len(), RANGES_MAX, "ranges")?;
    at_most(given.exclusions.len(), EXCLUSIONS_MAX, "exclusions")?;
    at_most(given.prefix_pools.len(), PREFIX_POOLS_MAX, "prefix_pools")?;
    at_most(given.options.len(), OPTIONS_MAX, "options")
}

fn create(message: &CreateScopeRequest) -> Result<NewScope, Refusal> {
    let name = ScopeName::from_id(&message.scope_id).map_err(|refusal| refusal.at("scope_id"))?;
    let given = message.scope.as_ref().ok_or_else(|| missing("scope"))?;
    let parse = || {
        bounded(given)?;
        let network = scope::parse_network(given)?;
        Ok(NewScope {
            name,
            space: network.space,
            network: network.cidr,
            ranges: scope::parse_ranges(given)?,
            exclusions: scope::parse_exclusions(given)?,
            prefix_pools: scope::parse_prefix_pools(given)?,
            options: option::parse(network.cidr.family(), &given.options)?,
            lease_times: scope::parse_lease_times(given)?,
            link: scope::parse_link(given)?,
            status: scope::parse_status(given)?,
            server: scope::parse_server(given)?,
            description: text(&given.description, "description")?,
            labels: label::parse(&given.tags, &given.fields)?,
        })
    };
    parse().map_err(|refusal: Refusal| refusal.under("scope"))
}

const FIELDS: &[&str] = &[
    "ranges",
    "exclusions",
    "prefix_pools",
    "options",
    "lease_times",
    "link",
    "status",
    "server",
    "description",
    "tags",
    "fields",
];

fn update(state: &State, message: &UpdateScopeRequest) -> Result<(ScopeName, Command), Refusal> {
    let given = message.scope.as_ref().ok_or_else(|| missing("scope"))?;
    let mask = Mask::parse(message.update_mask.as_ref(), FIELDS, &["name", "network", "subnet_id"])?;
    let parse = || {
        bounded(given)?;
        let name: ScopeName = given.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
        // A scope that is not there is refused later.
        let family = state.scope(&name).map_or(Family::V4, |scope| scope.family());
        let patch = ScopePatch {
            ranges: mask.take("ranges", !given.ranges.is_empty(), || scope::parse_ranges(given))?,
            exclusions: mask.take("exclusions", !given.exclusions.is_empty(), || scope::parse_exclusions(given))?,
            prefix_pools: mask
                .take("prefix_pools", !given.prefix_pools.is_empty(), || scope::parse_prefix_pools(given))?,
            options: mask.take("options", !given.options.is_empty(), || option::parse(family, &given.options))?,
            lease_times: mask.take("lease_times", given.lease_times.is_some(), || scope::parse_lease_times(given))?,
            link: mask.take("link", given.link.is_some(), || scope::parse_link(given))?,
            status: mask.take("status", given.status != 0, || scope::parse_status(given))?,
            server: mask.take("server", !given.server.is_empty(), || scope::parse_server(given))?,
            description: mask
                .take("description", !given.description.is_empty(), || text(&given.description, "description"))?,
            labels: labels::patch(&mask, &given.tags, &given.fields)?,
        };
        let etag = parse_etag(&given.etag)?;
        Ok((name.clone(), Command::UpdateScope { name, etag, patch }))
    };
    parse().map_err(|refusal: Refusal| refusal.under("scope"))
}

/// Scopes in one batch at most: as many as an answer of 4 MiB has room for, which is what clients take by default.
const BATCH_MAX: usize = 1000;

/// The scopes of a batch, and the command that changes all of them.
fn update_batch(state: &State, message: &BatchUpdateScopesRequest) -> Result<(Vec<ScopeName>, Command), Refusal> {
    at_most(message.requests.len(), BATCH_MAX, "requests")?;
    if message.requests.is_empty() {
        return Err(missing("requests"));
    }
    let parse = |request: &UpdateScopeRequest| {
        if !request.request_id.is_empty() || request.validate_only {
            let message = "a batch has one request_id and one validate_only, beside its requests";
            return Err(Refusal::new(Reason::InvalidValue, message));
        }
        update(state, request)
    };
    let numbered = message.requests.iter().enumerate();
    let updates: Result<Vec<_>, _> = numbered
        .map(|(number, request)| parse(request).map_err(|refusal| refusal.under(&format!("requests[{number}]"))))
        .collect();
    let (names, commands) = updates?.into_iter().unzip();
    Ok((names, Command::Together(commands)))
}

impl Api {
    pub(super) fn shown_scope(&self, state: &State, core: &CoreScope) -> Scope {
        let (effective_tags, effective_fields) = labels::holding(state, Labelled::Scope(core));
        let sync = vec![obedience::of_scope(state, &self.presence, core)];
        Scope { sync, effective_tags, effective_fields, ..scope::message(core) }
    }
}

#[tonic::async_trait]
impl ScopeService for Api {
    async fn create_scope(&self, request: Request<CreateScopeRequest>) -> Result<Response<Scope>, Status> {
        let (actor, message) = open(request)?;
        let new = create(&message).map_err(refuse)?;
        let name = new.name.clone();
        let mutation = mutation!("/freehold.v1.ScopeService/CreateScope", message);
        let state = self.carry_out(actor, mutation, Command::CreateScope(new)).await?;
        Ok(Response::new(self.shown_scope(&state, &*there(state.scope(&name))?)))
    }

    async fn get_scope(&self, request: Request<GetScopeRequest>) -> Result<Response<Scope>, Status> {
        let name: ScopeName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        Sight::of(request.extensions(), &state)?.all_of(&Spot::scope(state.scope(&name)), &name)?;
        let scope = state.scope(&name).ok_or_else(|| not_found(Reason::ScopeNotFound, &name))?;
        Ok(Response::new(self.shown_scope(&state, scope)))
    }

    async fn list_scopes(&self, request: Request<ListScopesRequest>) -> Result<Response<ListScopesResponse>, Status> {
        let state = self.engine.state();
        let sight = Sight::of(request.extensions(), &state)?;
        let message = request.into_inner();
        let list = format!("scopes of {} with {:?} of {}", message.server, message.filter, message.view);
        let page = Page::parse(message.page_size, &message.page_token, &list)?;
        let after = page.after::<ScopeName>()?;
        let filters = self.filters(&sight.operator, &state, ViewKind::Scopes, &message.filter, &message.view)?;
        let takes =
            |scope: &&Arc<CoreScope>| filters.iter().all(|filter| filter.matches(&ScopeRow::new(&state, scope)));
        let seen = |scope: &&Arc<CoreScope>| sight.reach.covers(&scope.space, &scope.network);
        let name = |scope: &&Arc<CoreScope>| scope.name.to_string();
        let shown = |scope: &&Arc<CoreScope>| self.shown_scope(&state, scope);
        let (scopes, next_page_token) = if message.server.is_empty() {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let scopes = state.scopes().range((from, Bound::Unbounded)).map(|(_, scope)| scope);
            page.filtered(scopes.filter(seen), takes, name, shown)
        } else {
            let server: ServerName = message.server.parse().map_err(|refusal: Refusal| refuse(refusal.at("server")))?;
            let behind = |scope: &&Arc<CoreScope>| after.as_ref().is_none_or(|after| scope.name > *after);
            page.filtered(state.scopes_of(&server).filter(behind).filter(seen), takes, name, shown)
        };
        Ok(Response::new(ListScopesResponse { scopes, next_page_token }))
    }

    async fn update_scope(&self, request: Request<UpdateScopeRequest>) -> Result<Response<Scope>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&self.engine.state(), &message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.ScopeService/UpdateScope", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(self.shown_scope(&state, &*there(state.scope(&name))?)))
    }

    async fn batch_update_scopes(
        &self,
        request: Request<BatchUpdateScopesRequest>,
    ) -> Result<Response<BatchUpdateScopesResponse>, Status> {
        let (actor, message) = open(request)?;
        let (names, command) = update_batch(&self.engine.state(), &message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.ScopeService/BatchUpdateScopes", message);
        let state = self.carry_out(actor, mutation, command).await?;
        let shown = |name: &ScopeName| Ok(self.shown_scope(&state, &*there(state.scope(name))?));
        let scopes = names.iter().map(shown).collect::<Result<_, Status>>()?;
        Ok(Response::new(BatchUpdateScopesResponse { scopes }))
    }

    async fn delete_scope(&self, request: Request<DeleteScopeRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeleteScope { name: named(&message.name)?, etag, force: message.force };
        let mutation = mutation!("/freehold.v1.ScopeService/DeleteScope", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }
}
