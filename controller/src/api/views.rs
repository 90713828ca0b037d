//! Views: saved filters, and what matches them.

mod members;

use super::Api;
use super::call::{missing, mutation, named, not_found, not_found_at, open, operator, refuse, there};
use super::mask::Mask;
use super::page::Page;
use freehold_core::access::Permission;
use freehold_core::command::{NewView, ViewPatch};
use freehold_core::filter::Filter;
use freehold_core::model::{View as CoreView, ViewKind};
use freehold_core::name::{OperatorName, ViewName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Command, State, rows};
use freehold_proto::convert::plan::text;
use freehold_proto::convert::time::parse_etag;
use freehold_proto::convert::view;
use freehold_proto::v1::view_service_server::ViewService;
use freehold_proto::v1::{
    CreateViewRequest, DeleteViewRequest, GetViewRequest, ListViewMembersRequest, ListViewMembersResponse,
    ListViewsRequest, ListViewsResponse, UpdateViewRequest, View,
};
use std::ops::Bound;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// A view that a request names, with its filter as it means at this moment.
pub(super) struct Saved {
    pub(super) view: Arc<CoreView>,
    pub(super) filter: Filter,
}

impl Api {
    /// The view that `field` of a request names, whose members are of one of these kinds.
    pub(super) fn saved(
        &self,
        operator: &OperatorName,
        state: &State,
        name: &str,
        field: &str,
        kinds: &[ViewKind],
    ) -> Result<Saved, Status> {
        let name: ViewName = name.parse().map_err(|refusal: Refusal| refuse(refusal.at(field)))?;
        self.still_may(operator, Permission::ViewsRead)?;
        let view = state.view(&name).ok_or_else(|| not_found_at(field, Reason::ViewNotFound, &name))?;
        if !kinds.contains(&view.kind) {
            let wanted: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            let message =
                format!("{name} is a view of {}; here one of {} is taken", view.kind.as_str(), wanted.join(" or "));
            return Err(refuse(Refusal::new(Reason::InvalidValue, message).at(field)));
        }
        let filter = rows::bind(state, view.kind, &view.filter, self.engine.now());
        let filter = filter.map_err(|refusal| {
            let message = format!("the filter of {name} is not right any more, change it: {}", refusal.message);
            refuse(Refusal::new(Reason::InvalidFilter, message).at(field))
        })?;
        let filter = filter.ok_or_else(|| Status::internal("a view was saved without a filter"))?;
        Ok(Saved { view: Arc::clone(view), filter })
    }
}

impl Api {
    /// What the rows of a list must match: its `filter`, and that of the view that its `view` names.
    pub(super) fn filters(
        &self,
        operator: &OperatorName,
        state: &State,
        kind: ViewKind,
        filter: &str,
        view: &str,
    ) -> Result<Vec<Filter>, Status> {
        let filter = rows::bind(state, kind, filter, self.engine.now()).map_err(refuse)?;
        let view = match view {
            "" => None,
            view => Some(self.saved(operator, state, view, "view", &[kind])?.filter),
        };
        Ok(filter.into_iter().chain(view).collect())
    }
}

fn create(message: &CreateViewRequest) -> Result<NewView, Refusal> {
    let name = ViewName::from_id(&message.view_id).map_err(|refusal| refusal.at("view_id"))?;
    let given = message.view.as_ref().ok_or_else(|| missing("view"))?;
    let parse = || {
        Ok(NewView {
            name,
            title: text(&given.title, "title")?,
            description: text(&given.description, "description")?,
            kind: view::parse_kind(given)?,
            filter: given.filter.clone(),
        })
    };
    parse().map_err(|refusal: Refusal| refusal.under("view"))
}

fn update(message: &UpdateViewRequest) -> Result<(ViewName, Command), Refusal> {
    let given = message.view.as_ref().ok_or_else(|| missing("view"))?;
    let mask = Mask::parse(message.update_mask.as_ref(), &["title", "description", "filter"], &["name", "kind"])?;
    let parse = || {
        let name: ViewName = given.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
        let patch = ViewPatch {
            title: mask.take("title", !given.title.is_empty(), || text(&given.title, "title"))?,
            description: mask
                .take("description", !given.description.is_empty(), || text(&given.description, "description"))?,
            filter: mask.take("filter", !given.filter.is_empty(), || Ok(given.filter.clone()))?,
        };
        let etag = parse_etag(&given.etag)?;
        Ok((name.clone(), Command::UpdateView { name, etag, patch }))
    };
    parse().map_err(|refusal: Refusal| refusal.under("view"))
}

#[tonic::async_trait]
impl ViewService for Api {
    async fn create_view(&self, request: Request<CreateViewRequest>) -> Result<Response<View>, Status> {
        let (actor, message) = open(request)?;
        let new = create(&message).map_err(refuse)?;
        let name = new.name.clone();
        let mutation = mutation!("/freehold.v1.ViewService/CreateView", message);
        let state = self.carry_out(actor, mutation, Command::CreateView(new)).await?;
        Ok(Response::new(view::message(&*there(state.view(&name))?)))
    }

    async fn get_view(&self, request: Request<GetViewRequest>) -> Result<Response<View>, Status> {
        let name: ViewName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        let found = state.view(&name).ok_or_else(|| not_found(Reason::ViewNotFound, &name))?;
        Ok(Response::new(view::message(found)))
    }

    async fn list_views(&self, request: Request<ListViewsRequest>) -> Result<Response<ListViewsResponse>, Status> {
        let message = request.into_inner();
        let page = Page::parse(message.page_size, &message.page_token, "views")?;
        let state = self.engine.state();
        let from = page.after::<ViewName>()?.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state.views().range((from, Bound::Unbounded)).take(page.size + 1);
        let rows = rows.map(|(_, found)| view::message(found)).collect();
        let (views, next_page_token) = page.cut(rows, |view| view.name.clone());
        Ok(Response::new(ListViewsResponse { views, next_page_token }))
    }

    async fn update_view(&self, request: Request<UpdateViewRequest>) -> Result<Response<View>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.ViewService/UpdateView", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(view::message(&*there(state.view(&name))?)))
    }

    async fn delete_view(&self, request: Request<DeleteViewRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeleteView { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.ViewService/DeleteView", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }

    async fn list_view_members(
        &self,
        request: Request<ListViewMembersRequest>,
    ) -> Result<Response<ListViewMembersResponse>, Status> {
        let operator = operator(request.extensions())?;
        self.members(&operator, request.get_ref()).map(Response::new)
    }
}
