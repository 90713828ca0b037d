//! Held and claimed addresses.

use super::plan::text;
use super::time;
use crate::v1::{self, assignment::Client};
use freehold_core::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use freehold_core::model::{Assignment, AssignmentKind, Phase, Rare};
use freehold_core::name::AddressName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::HostName;

/// The message of an assignment.
pub fn message(assignment: &Assignment) -> v1::Assignment {
    let rare = assignment.rare();
    let kind = if assignment.is_hold() { v1::assignment::Kind::Hold } else { v1::assignment::Kind::Claim };
    v1::Assignment {
        name: assignment.name.to_string(),
        kind: kind.into(),
        phase: phase(assignment.phase).into(),
        risk_accepted: assignment.risk_accepted,
        holder: assignment.holder.to_string(),
        client: assignment.client.as_ref().map(|client| match client {
            ClientIdentity::Hardware(address) => Client::HardwareAddress(address.to_string()),
            ClientIdentity::ClientId(id) => Client::ClientId(id.to_string()),
            ClientIdentity::Duid(duid) => Client::Duid(duid.to_string()),
        }),
        host_name: assignment.host_name.as_ref().map(ToString::to_string).unwrap_or_default(),
        comment: rare.comment.to_string(),
        owner: rare.owner.to_string(),
        conflict: rare.conflict.to_string(),
        end_time: assignment.ends().map(time::message),
        create_time: Some(time::message(assignment.stamp.created)),
        update_time: Some(time::message(assignment.stamp.updated)),
        etag: time::etag(assignment.stamp.revision),
    }
}

/// The message of a phase.
pub fn phase(phase: Phase) -> v1::assignment::Phase {
    match phase {
        Phase::Pending => v1::assignment::Phase::Pending,
        Phase::Active => v1::assignment::Phase::Active,
        Phase::Conflict => v1::assignment::Phase::Conflict,
    }
}

/// The assignment of a message, as it was stored.
pub fn parse(message: &v1::Assignment) -> Result<Assignment, Refusal> {
    let rare = Rare {
        comment: text(&message.comment, "comment")?,
        owner: text(&message.owner, "owner")?,
        conflict: text(&message.conflict, "conflict")?,
    };
    let host_name = (!message.host_name.is_empty()).then(|| HostName::parse(&message.host_name)).transpose();
    Ok(Assignment {
        name: message.name.parse::<AddressName>().map_err(|refusal| refusal.at("name"))?,
        kind: parse_kind(message)?,
        phase: parse_phase(message)?,
        risk_accepted: message.risk_accepted,
        holder: message.holder.as_str().into(),
        client: message.client.as_ref().map(parse_client).transpose()?,
        host_name: host_name.map_err(|refusal| refusal.at("host_name"))?,
        rare: rare.boxed(),
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

fn parse_kind(message: &v1::Assignment) -> Result<AssignmentKind, Refusal> {
    let end = message.end_time.as_ref().map(|end| time::parse(Some(end)));
    match (v1::assignment::Kind::try_from(message.kind), end) {
        (Ok(v1::assignment::Kind::Hold), Some(until)) => Ok(AssignmentKind::Hold { until }),
        (Ok(v1::assignment::Kind::Claim), expires) => Ok(AssignmentKind::Claim { expires }),
        _ => Err(Refusal::new(Reason::InvalidValue, "neither a hold with a deadline nor a claim").at("kind")),
    }
}

fn parse_phase(message: &v1::Assignment) -> Result<Phase, Refusal> {
    match v1::assignment::Phase::try_from(message.phase) {
        Ok(v1::assignment::Phase::Pending) => Ok(Phase::Pending),
        Ok(v1::assignment::Phase::Active) => Ok(Phase::Active),
        Ok(v1::assignment::Phase::Conflict) => Ok(Phase::Conflict),
        Ok(v1::assignment::Phase::Unspecified) | Err(_) => {
            Err(Refusal::new(Reason::InvalidValue, format!("no phase has the number {}", message.phase)).at("phase"))
        }
    }
}

fn parse_client(client: &Client) -> Result<ClientIdentity, Refusal> {
    match client {
        Client::HardwareAddress(text) => text
            .parse::<HardwareAddress>()
            .map(ClientIdentity::Hardware)
            .map_err(|refusal| refusal.at("hardware_address")),
        Client::ClientId(text) => {
            text.parse::<ClientId>().map(ClientIdentity::ClientId).map_err(|refusal| refusal.at("client_id"))
        }
        Client::Duid(text) => text.parse::<Duid>().map(ClientIdentity::Duid).map_err(|refusal| refusal.at("duid")),
    }
}
