//! Holds and claims that are there: changed, extended, made firm, given back.

use super::{deadline, not_done};
use crate::api::Api;
use crate::api::call::{Mutation, mutation, named, refuse, there};
use crate::api::labels;
use crate::api::mask::Mask;
use freehold_core::Command;
use freehold_core::change::Actor;
use freehold_core::command::AssignmentPatch;
use freehold_core::labels::LabelsPatch;
use freehold_core::name::AddressName;
use freehold_core::refusal::Refusal;
use freehold_proto::convert::address::{parse_client, parse_details, parse_host_name};
use freehold_proto::convert::plan::text;
use freehold_proto::convert::time::{self, parse_etag};
use freehold_proto::v1::{
    Address, ClaimHeldAddressRequest, ClearSightingRequest, ExtendHoldRequest, ReleaseAddressRequest,
    UpdateAddressRequest,
};
use prost::Message;
use tonic::Status;

/// What core calls the fields, and what the requests do.
const FIELDS: &[(&str, &str)] = &[
    ("until", "ttl"),
    ("expires", "expire_time"),
    ("client", "details.client"),
    ("tags", "details.tags"),
    ("fields", "details.fields"),
];

/// The client is one field, named by whichever notation holds it.
const CLIENT: [&str; 3] = ["hardware_address", "client_id", "duid"];

fn patch(message: &UpdateAddressRequest) -> Result<AssignmentPatch, Refusal> {
    let fields = [&CLIENT[..], &["host_name", "comment", "owner", "tags", "fields", "expire_time"]].concat();
    let mask = Mask::parse(message.update_mask.as_ref(), &fields, &["name"])?;
    let given = message.details.clone().unwrap_or_default();
    let parse = || {
        let client = CLIENT.iter().any(|field| mask.has(field, given.client.is_some()));
        Ok(AssignmentPatch {
            client: client.then(|| parse_client(&given)).transpose()?,
            host_name: mask.take("host_name", !given.host_name.is_empty(), || parse_host_name(&given))?,
            comment: mask.take("comment", !given.comment.is_empty(), || text(&given.comment, "comment"))?,
            owner: mask.take("owner", !given.owner.is_empty(), || text(&given.owner, "owner"))?,
            expires: None,
            labels: labels::patch(&mask, &given.tags, &given.fields)?,
        })
    };
    let patch = parse().map_err(|refusal: Refusal| refusal.under("details"))?;
    let expires = mask.has("expire_time", message.expire_time.is_some());
    let end = message.expire_time.as_ref().map(|end| time::parse(Some(end)));
    Ok(AssignmentPatch { expires: expires.then_some(end), ..patch })
}

fn claim(message: &ClaimHeldAddressRequest) -> Result<AssignmentPatch, Refusal> {
    let given = message.details.clone().unwrap_or_default();
    let details = parse_details(&given).map_err(|refusal| refusal.under("details"))?;
    Ok(AssignmentPatch {
        client: details.client.map(Some),
        host_name: details.host_name.map(Some),
        comment: (!given.comment.is_empty()).then_some(details.comment),
        owner: (!given.owner.is_empty()).then_some(details.owner),
        expires: Some(message.expire_time.as_ref().map(|end| time::parse(Some(end)))),
        labels: LabelsPatch {
            tags: (!given.tags.is_empty()).then(|| details.labels.tags().clone()),
            fields: (!given.fields.is_empty()).then(|| details.labels.fields().clone()),
        },
    })
}

impl Api {
    pub(super) async fn update_assignment(
        &self,
        actor: Actor,
        message: &UpdateAddressRequest,
    ) -> Result<Address, Status> {
        let name: AddressName = named(&message.name)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::UpdateAssignment { name: name.clone(), etag, patch: patch(message).map_err(refuse)? };
        self.change(actor, mutation!("/freehold.v1.AddressService/UpdateAddress", *message), name, command).await
    }

    pub(super) async fn extend(&self, actor: Actor, message: &ExtendHoldRequest) -> Result<Address, Status> {
        let name: AddressName = named(&message.name)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let until = deadline(message.ttl, self.engine.now()).map_err(refuse)?;
        let command = Command::ExtendHold { name: name.clone(), etag, until };
        self.change(actor, mutation!("/freehold.v1.AddressService/ExtendHold", *message), name, command).await
    }

    pub(super) async fn claim_hold(&self, actor: Actor, message: &ClaimHeldAddressRequest) -> Result<Address, Status> {
        let name: AddressName = named(&message.name)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::ClaimHold { name: name.clone(), etag, patch: claim(message).map_err(refuse)? };
        self.change(actor, mutation!("/freehold.v1.AddressService/ClaimHeldAddress", *message), name, command).await
    }

    pub(super) async fn release(&self, actor: Actor, message: &ReleaseAddressRequest) -> Result<(), Status> {
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::Release { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.AddressService/ReleaseAddress", *message);
        self.carry_out(actor, mutation, command).await?;
        Ok(())
    }

    pub(super) async fn forget_sighting(&self, actor: Actor, message: &ClearSightingRequest) -> Result<(), Status> {
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::ClearSighting { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.AddressService/ClearSighting", *message);
        self.carry_out(actor, mutation, command).await?;
        Ok(())
    }

    /// Carries out a change of what must be there afterwards.
    async fn change<M: Message>(
        &self,
        actor: Actor,
        mutation: Mutation<'_, M>,
        name: AddressName,
        command: Command,
    ) -> Result<Address, Status> {
        let done = self.submit(actor, mutation, command).await.map_err(|error| not_done(error, FIELDS))?;
        let name = there(done.state.assignment(&name).as_ref())?.name.clone();
        Ok(self.shown_address(&done.state, &self.leases.book(), &name))
    }
}
