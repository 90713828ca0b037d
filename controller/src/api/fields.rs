use super::Api;
use super::call::{at_most, missing, mutation, named, not_found, open, refuse, there};
use super::mask::Mask;
use super::page::Page;
use freehold_core::command::{FieldPatch, NewField};
use freehold_core::decide::ALLOWED_MAX;
use freehold_core::model::{FieldDefinition as CoreField, LabelledKind};
use freehold_core::name::FieldName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Command, State};
use freehold_proto::convert::field;
use freehold_proto::convert::plan::text;
use freehold_proto::convert::time::parse_etag;
use freehold_proto::v1::field_definition_service_server::FieldDefinitionService;
use freehold_proto::v1::{
    CreateFieldDefinitionRequest, DeleteFieldDefinitionRequest, FieldDefinition, GetFieldDefinitionRequest,
    ListFieldDefinitionsRequest, ListFieldDefinitionsResponse, UpdateFieldDefinitionRequest,
};
use std::ops::Bound;
use tonic::{Request, Response, Status};

/// The lists of a definition are no longer than they can be.
fn bounded(given: &FieldDefinition) -> Result<(), Refusal> {
    at_most(given.allowed_values.len(), ALLOWED_MAX, "allowed_values")?;
    at_most(given.applies_to.len(), LabelledKind::ALL.len(), "applies_to")
}

fn create(message: &CreateFieldDefinitionRequest) -> Result<NewField, Refusal> {
    let name = FieldName::from_id(&message.field_definition_id).map_err(|refusal| refusal.at("field_definition_id"))?;
    let given = message.field_definition.as_ref().ok_or_else(|| missing("field_definition"))?;
    let parse = || {
        bounded(given)?;
        Ok(NewField {
            name,
            title: text(&given.title, "title")?,
            description: text(&given.description, "description")?,
            value_type: field::parse_type(given)?,
            allowed: field::parse_allowed(given)?,
            required: given.required,
            applies_to: field::parse_kinds(given)?,
            inherited: given.inherited,
        })
    };
    parse().map_err(|refusal: Refusal| refusal.under("field_definition"))
}

const FIELDS: &[&str] =
    &["title", "description", "value_type", "allowed_values", "required", "applies_to", "inherited"];

fn update(message: &UpdateFieldDefinitionRequest) -> Result<(FieldName, Command), Refusal> {
    let given = message.field_definition.as_ref().ok_or_else(|| missing("field_definition"))?;
    let mask = Mask::parse(message.update_mask.as_ref(), FIELDS, &["name"])?;
    let parse = || {
        bounded(given)?;
        let name: FieldName = given.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
        let patch = FieldPatch {
            title: mask.take("title", !given.title.is_empty(), || text(&given.title, "title"))?,
            description: mask
                .take("description", !given.description.is_empty(), || text(&given.description, "description"))?,
            value_type: mask.take("value_type", given.value_type != 0, || field::parse_type(given))?,
            allowed: mask.take("allowed_values", !given.allowed_values.is_empty(), || field::parse_allowed(given))?,
            required: mask.take("required", given.required, || Ok(given.required))?,
            applies_to: mask.take("applies_to", !given.applies_to.is_empty(), || field::parse_kinds(given))?,
            inherited: mask.take("inherited", given.inherited, || Ok(given.inherited))?,
        };
        let etag = parse_etag(&given.etag)?;
        Ok((name.clone(), Command::UpdateField { name, etag, patch }))
    };
    parse().map_err(|refusal: Refusal| refusal.under("field_definition"))
}

/// A definition with the number of its uses.
fn shown(state: &State, core: &CoreField) -> FieldDefinition {
    FieldDefinition { use_count: state.field_uses(&core.name), ..field::message(core) }
}

#[tonic::async_trait]
impl FieldDefinitionService for Api {
    async fn create_field_definition(
        &self,
        request: Request<CreateFieldDefinitionRequest>,
    ) -> Result<Response<FieldDefinition>, Status> {
        let (actor, message) = open(request)?;
        let new = create(&message).map_err(refuse)?;
        let name = new.name.clone();
        let mutation = mutation!("/freehold.v1.FieldDefinitionService/CreateFieldDefinition", message);
        let state = self.carry_out(actor, mutation, Command::CreateField(new)).await?;
        Ok(Response::new(shown(&state, &*there(state.field(&name))?)))
    }

    async fn get_field_definition(
        &self,
        request: Request<GetFieldDefinitionRequest>,
    ) -> Result<Response<FieldDefinition>, Status> {
        let name: FieldName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        let found = state.field(&name).ok_or_else(|| not_found(Reason::FieldDefinitionNotFound, &name))?;
        Ok(Response::new(shown(&state, found)))
    }

    async fn list_field_definitions(
        &self,
        request: Request<ListFieldDefinitionsRequest>,
    ) -> Result<Response<ListFieldDefinitionsResponse>, Status> {
        let message = request.into_inner();
        let page = Page::parse(message.page_size, &message.page_token, "field definitions")?;
        let state = self.engine.state();
        let from = page.after::<FieldName>()?.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state.fields().range((from, Bound::Unbounded)).take(page.size + 1);
        let rows = rows.map(|(_, field)| shown(&state, field)).collect();
        let (field_definitions, next_page_token) = page.cut(rows, |field| field.name.clone());
        Ok(Response::new(ListFieldDefinitionsResponse { field_definitions, next_page_token }))
    }

    async fn update_field_definition(
        &self,
        request: Request<UpdateFieldDefinitionRequest>,
    ) -> Result<Response<FieldDefinition>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.FieldDefinitionService/UpdateFieldDefinition", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(shown(&state, &*there(state.field(&name))?)))
    }

    async fn delete_field_definition(
        &self,
        request: Request<DeleteFieldDefinitionRequest>,
    ) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeleteField { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.FieldDefinitionService/DeleteFieldDefinition", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }
}
