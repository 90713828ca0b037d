use super::Api;
use super::call::{missing, mutation, named, not_found, open, refuse, there};
use super::labels;
use super::mask::Mask;
use super::page::Page;
use super::sight::Sight;
use freehold_core::Command;
use freehold_core::access::Spot;
use freehold_core::command::SpacePatch;
use freehold_core::name::SpaceName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::convert::label;
use freehold_proto::convert::plan::{space_message, text};
use freehold_proto::convert::time::parse_etag;
use freehold_proto::v1::space_service_server::SpaceService;
use freehold_proto::v1::{
    CreateSpaceRequest, DeleteSpaceRequest, GetSpaceRequest, ListSpacesRequest, ListSpacesResponse, Space,
    UpdateSpaceRequest,
};
use std::ops::Bound;
use tonic::{Request, Response, Status};

fn create(message: &CreateSpaceRequest) -> Result<(SpaceName, Command), Refusal> {
    let name = SpaceName::from_id(&message.space_id).map_err(|refusal| refusal.at("space_id"))?;
    let space = message.space.clone().unwrap_or_default();
    let command = Command::CreateSpace {
        name: name.clone(),
        title: text(&space.title, "space.title")?,
        description: text(&space.description, "space.description")?,
        labels: label::parse(&space.tags, &space.fields).map_err(|refusal| refusal.under("space"))?,
    };
    Ok((name, command))
}

fn update(message: &UpdateSpaceRequest) -> Result<(SpaceName, Command), Refusal> {
    let space = message.space.as_ref().ok_or_else(|| missing("space"))?;
    let name: SpaceName = space.name.parse().map_err(|refusal: Refusal| refusal.at("space.name"))?;
    let mask = Mask::parse(message.update_mask.as_ref(), &["title", "description", "tags", "fields"], &["name"])?;
    let patch = SpacePatch {
        title: mask.take("title", !space.title.is_empty(), || text(&space.title, "space.title"))?,
        description: mask
            .take("description", !space.description.is_empty(), || text(&space.description, "space.description"))?,
        labels: labels::patch(&mask, &space.tags, &space.fields).map_err(|refusal| refusal.under("space"))?,
    };
    let etag = parse_etag(&space.etag).map_err(|refusal| refusal.under("space"))?;
    Ok((name.clone(), Command::UpdateSpace { name, etag, patch }))
}

#[tonic::async_trait]
impl SpaceService for Api {
    async fn create_space(&self, request: Request<CreateSpaceRequest>) -> Result<Response<Space>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = create(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.SpaceService/CreateSpace", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(space_message(&*there(state.space(&name))?)))
    }

    async fn get_space(&self, request: Request<GetSpaceRequest>) -> Result<Response<Space>, Status> {
        let name: SpaceName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        Sight::of(request.extensions(), &state)?.all_of(&Spot::Space(name.clone()), &name)?;
        let space = state.space(&name).ok_or_else(|| not_found(Reason::SpaceNotFound, &name))?;
        Ok(Response::new(space_message(space)))
    }

    async fn list_spaces(&self, request: Request<ListSpacesRequest>) -> Result<Response<ListSpacesResponse>, Status> {
        let state = self.engine.state();
        let sight = Sight::of(request.extensions(), &state)?;
        let message = request.into_inner();
        let page = Page::parse(message.page_size, &message.page_token, "spaces")?;
        let from = page.after::<SpaceName>()?.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state.spaces().range((from, Bound::Unbounded)).filter(|(name, _)| sight.reach.covers_space(name));
        let rows = rows.take(page.size + 1).map(|(_, space)| space_message(space));
        let (spaces, next_page_token) = page.cut(rows.collect(), |space| space.name.clone());
        Ok(Response::new(ListSpacesResponse { spaces, next_page_token }))
    }

    async fn update_space(&self, request: Request<UpdateSpaceRequest>) -> Result<Response<Space>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.SpaceService/UpdateSpace", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(space_message(&*there(state.space(&name))?)))
    }

    async fn delete_space(&self, request: Request<DeleteSpaceRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let command =
            Command::DeleteSpace { name: named(&message.name)?, etag: parse_etag(&message.etag).map_err(refuse)? };
        let mutation = mutation!("/freehold.v1.SpaceService/DeleteSpace", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }
}
