use super::Api;
use super::call::{missing, mutation, named, not_found, not_found_at, open, refuse, there};
use super::labels;
use super::mask::Mask;
use super::page::Page;
use super::sight::Sight;
use freehold_core::access::Spot;
use freehold_core::command::{PrefixDraft, PrefixPatch};
use freehold_core::labels::Labelled;
use freehold_core::model::{Prefix as CorePrefix, ViewKind};
use freehold_core::name::{PrefixName, SpaceName};
use freehold_core::net::Cidr;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::rows::PrefixRow;
use freehold_core::{Command, State};
use freehold_proto::convert::label;
use freehold_proto::convert::plan::{parse_kind, parse_status, prefix_message, text};
use freehold_proto::convert::time::parse_etag;
use freehold_proto::v1::prefix_service_server::PrefixService;
use freehold_proto::v1::{
    CreatePrefixRequest, DeletePrefixRequest, GetPrefixRequest, ListPrefixesRequest, ListPrefixesResponse, Prefix,
    UpdatePrefixRequest,
};
use std::ops::Bound;
use tonic::{Request, Response, Status};

fn create(message: &CreatePrefixRequest) -> Result<(PrefixName, Command), Refusal> {
    let prefix = message.prefix.as_ref().ok_or_else(|| missing("prefix"))?;
    let space: SpaceName = message.parent.parse().map_err(|refusal: Refusal| refusal.at("parent"))?;
    let cidr: Cidr = prefix.cidr.parse().map_err(|refusal: Refusal| refusal.at("prefix.cidr"))?;
    let name = PrefixName { space, cidr };
    let command = Command::CreatePrefix { name: name.clone(), draft: draft(prefix)? };
    Ok((name, command))
}

/// What a new prefix is to be, beside its place.
pub(super) fn draft(prefix: &Prefix) -> Result<PrefixDraft, Refusal> {
    let parse = || {
        Ok(PrefixDraft {
            kind: parse_kind(prefix.kind)?,
            status: parse_status(prefix.status)?,
            title: text(&prefix.title, "title")?,
            description: text(&prefix.description, "description")?,
            labels: label::parse(&prefix.tags, &prefix.fields)?,
        })
    };
    parse().map_err(|refusal: Refusal| refusal.under("prefix"))
}

const FIELDS: &[&str] = &["kind", "status", "title", "description", "tags", "fields"];

fn update(message: &UpdatePrefixRequest) -> Result<(PrefixName, Command), Refusal> {
    let prefix = message.prefix.as_ref().ok_or_else(|| missing("prefix"))?;
    let name: PrefixName = prefix.name.parse().map_err(|refusal: Refusal| refusal.at("prefix.name"))?;
    let mask = Mask::parse(message.update_mask.as_ref(), FIELDS, &["name", "cidr"])?;
    let patch = PrefixPatch {
        kind: mask
            .take("kind", prefix.kind != 0, || parse_kind(prefix.kind).map_err(|refusal| refusal.under("prefix")))?,
        status: mask.take("status", prefix.status != 0, || {
            parse_status(prefix.status).map_err(|refusal| refusal.under("prefix"))
        })?,
        title: mask.take("title", !prefix.title.is_empty(), || text(&prefix.title, "prefix.title"))?,
        description: mask
            .take("description", !prefix.description.is_empty(), || text(&prefix.description, "prefix.description"))?,
        labels: labels::patch(&mask, &prefix.tags, &prefix.fields).map_err(|refusal| refusal.under("prefix"))?,
    };
    let etag = parse_etag(&prefix.etag).map_err(|refusal| refusal.under("prefix"))?;
    Ok((name.clone(), Command::UpdatePrefix { name, etag, patch }))
}

/// A prefix with what follows from where it lies.
pub(super) fn shown(state: &State, prefix: &CorePrefix) -> Prefix {
    let parent = state.parent_of(&prefix.name).map(|parent| parent.name.to_string()).unwrap_or_default();
    let (effective_tags, effective_fields) = labels::holding(state, Labelled::Prefix(prefix));
    let child_count = state.child_count(&prefix.name);
    Prefix { parent, child_count, effective_tags, effective_fields, ..prefix_message(prefix) }
}

fn shown_named(state: &State, name: &PrefixName) -> Result<Response<Prefix>, Status> {
    Ok(Response::new(shown(state, &*there(state.prefix(name))?)))
}

#[tonic::async_trait]
impl PrefixService for Api {
    async fn create_prefix(&self, request: Request<CreatePrefixRequest>) -> Result<Response<Prefix>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = create(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.PrefixService/CreatePrefix", message);
        shown_named(&*self.carry_out(actor, mutation, command).await?, &name)
    }

    async fn get_prefix(&self, request: Request<GetPrefixRequest>) -> Result<Response<Prefix>, Status> {
        let name: PrefixName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        Sight::of(request.extensions(), &state)?.all_of(&Spot::Plan(name.clone()), &name)?;
        let prefix = state.prefix(&name).ok_or_else(|| not_found(Reason::PrefixNotFound, &name))?;
        Ok(Response::new(shown(&state, prefix)))
    }

    async fn list_prefixes(
        &self,
        request: Request<ListPrefixesRequest>,
    ) -> Result<Response<ListPrefixesResponse>, Status> {
        let state = self.engine.state();
        let sight = Sight::of(request.extensions(), &state)?;
        let message = request.into_inner();
        let space: Option<SpaceName> = match message.parent.as_str() {
            "spaces/-" => None,
            parent => Some(parent.parse().map_err(|refusal: Refusal| refuse(refusal.at("parent")))?),
        };
        let list = match (message.filter.as_str(), message.view.as_str()) {
            ("", "") => format!("prefixes of {}", message.parent),
            (filter, view) => format!("prefixes of {} with {filter} of {view}", message.parent),
        };
        let page = Page::parse(message.page_size, &message.page_token, &list)?;
        if let Some(space) = &space {
            sight.part_of_space(space)?;
        }
        let filters = self.filters(&sight.operator, &state, ViewKind::Prefixes, &message.filter, &message.view)?;
        if let Some(space) = space.as_ref().filter(|space| state.space(space).is_none()) {
            return Err(not_found_at("parent", Reason::SpaceNotFound, space));
        }
        let from = match (page.after::<PrefixName>()?, &space) {
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(space)) => Bound::Included(PrefixName::first_of(space)),
            (None, None) => Bound::Unbounded,
        };
        let rows = state
            .prefixes()
            .range((from, Bound::Unbounded))
            .take_while(|(name, _)| space.as_ref().is_none_or(|space| name.space == *space))
            .filter(|(name, _)| sight.reach.covers_prefix(name))
            .map(|(_, prefix)| prefix);
        let (prefixes, next_page_token) = page.filtered(
            rows,
            |prefix| filters.iter().all(|filter| filter.matches(&PrefixRow::new(&state, prefix))),
            |prefix| prefix.name.to_string(),
            |prefix| shown(&state, prefix),
        );
        Ok(Response::new(ListPrefixesResponse { prefixes, next_page_token }))
    }

    async fn update_prefix(&self, request: Request<UpdatePrefixRequest>) -> Result<Response<Prefix>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.PrefixService/UpdatePrefix", message);
        shown_named(&*self.carry_out(actor, mutation, command).await?, &name)
    }

    async fn delete_prefix(&self, request: Request<DeletePrefixRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeletePrefix { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.PrefixService/DeletePrefix", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }
}
