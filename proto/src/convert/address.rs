//! What is known of addresses, and what is said about those that are given out.

use super::plan::text;
use super::{assignment, client, label, lease, scope, sighting, time};
use crate::v1::address::State;
use crate::v1::address_details::Client;
use crate::v1::address_reason::Detail;
use crate::v1::{self, address_row};
use freehold_core::Timestamp;
use freehold_core::address::{AddressState, AddressView, Row, Unusable, Why};
use freehold_core::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use freehold_core::command::AddressDetails;
use freehold_core::model::Assignment;
use freehold_core::net::AddressRange;
use freehold_core::refusal::Refusal;
use freehold_core::text::HostName;
use std::fmt::{self, Write};

/// The message of a state.
pub fn state(state: AddressState) -> State {
    match state {
        AddressState::Available => State::Available,
        AddressState::Held => State::Held,
        AddressState::Claimed => State::Claimed,
        AddressState::Reserved => State::Reserved,
        AddressState::Leased => State::Leased,
        AddressState::Answering => State::Answering,
        AddressState::Excluded => State::Excluded,
        AddressState::NotUsable => State::NotUsable,
        AddressState::Unplanned => State::Unplanned,
    }
}

/// The message of all that is known of an address at `now`, but what it waits for.
pub fn message(view: &AddressView, now: Timestamp) -> v1::Address {
    let mut host_names: Vec<String> = Vec::new();
    for name in view.reasons.iter().filter_map(host_name) {
        if !name.is_empty() && !host_names.iter().any(|known| known == name) {
            host_names.push(name.to_owned());
        }
    }
    let etag = view.reasons.iter().find_map(|why| match why {
        Why::Assigned(assignment) => Some(time::etag(assignment.stamp.revision)),
        _ => None,
    });
    let name = written(&view.name);
    v1::Address {
        address: view.name.address.to_string(),
        state: state(view.state).into(),
        reasons: view.reasons.iter().map(|why| reason_message(view, &name, why, now)).collect(),
        name,
        network: view.network.as_ref().map(|network| written(&network.name)).unwrap_or_default(),
        scope: view.scope.as_ref().map(|scope| scope.name.to_string()).unwrap_or_default(),
        in_pool: view.in_pool,
        host_names,
        wait: None,
        etag: etag.unwrap_or_default(),
        effective_tags: Vec::new(),
        effective_fields: Vec::new(),
    }
}

/// A name as text. A list has hundreds of them, and most are longer than what a text grows to in two steps.
fn written(name: &impl fmt::Display) -> String {
    let mut text = String::with_capacity(64);
    write!(text, "{name}").expect("writing to a string does not fail");
    text
}

fn host_name(why: &Why) -> Option<&str> {
    match why {
        Why::Assigned(assignment) => assignment.host_name.as_ref().map(HostName::as_str),
        Why::Reserved(reservation) => reservation.host_name.as_ref().map(HostName::as_str),
        Why::Leased { lease, .. } => Some(&lease.host_name),
        Why::Answers(_) | Why::Excluded { .. } | Why::NotUsable(_) | Why::Unplanned => None,
    }
}

fn reason_message(view: &AddressView, view_name: &str, why: &Why, now: Timestamp) -> v1::AddressReason {
    let scope_name = view.scope.as_ref().map(|scope| &scope.name);
    let detail = match why {
        Why::Assigned(found) => Some(Detail::Assignment(assignment::named(found, view_name.to_owned()))),
        Why::Reserved(reservation) => Some(Detail::Reservation(client::message(reservation))),
        Why::Leased { server, lease } => Some(Detail::Lease(lease::message(server, scope_name, lease, now))),
        Why::Answers(seen) => Some(Detail::Sighting(sighting::message(seen))),
        Why::Excluded { exclusion, .. } => Some(Detail::Exclusion(scope::exclusion_message(exclusion))),
        Why::NotUsable(_) | Why::Unplanned => None,
    };
    let resource = match why {
        Why::Leased { server, lease } => format!("{server}/leases/{}", lease.address),
        Why::Assigned(_) => view_name.to_owned(),
        _ => why.record().map(|record| record.to_string()).unwrap_or_default(),
    };
    v1::AddressReason {
        state: state(why.state()).into(),
        message: words(why, now),
        resource,
        start_time: why.since().map(time::message),
        end_time: why.until().map(time::message),
        detail,
    }
}

/// A reason as people are told it.
fn words(why: &Why, now: Timestamp) -> String {
    let by = |how: &str, found: &Assignment| match &found.client {
        Some(client) => written(&format_args!("{how} by {} for {client}", found.holder)),
        None => written(&format_args!("{how} by {}", found.holder)),
    };
    match why {
        Why::Assigned(found) if found.is_hold() => by("held", found),
        Why::Assigned(found) => by("claimed", found),
        Why::Reserved(reservation) => {
            format!("reserved in {} for {}", reservation.name.scope, reservation.client)
        }
        Why::Leased { server, lease } if lease.live(now) => format!("leased by {server}"),
        Why::Leased { server, .. } => format!("leased by {server}; the lease is over, but the server has not said so"),
        Why::Answers(seen) => {
            let who = seen.hardware.as_ref().map_or_else(|| "somebody".to_owned(), ToString::to_string);
            format!("{who} answers on it, as {} heard, though nothing is known of it", seen.agent)
        }
        Why::Excluded { scope, exclusion } => {
            format!("excluded in {scope}: {} to {}", exclusion.range.start(), exclusion.range.end())
        }
        Why::NotUsable(Unusable::Network) => "it names the network".to_owned(),
        Why::NotUsable(Unusable::Broadcast) => "it is the broadcast address of the network".to_owned(),
        Why::NotUsable(Unusable::RouterAnycast) => "every router of the network has it (RFC 4291, 2.6.1)".to_owned(),
        Why::NotUsable(Unusable::Router(scope)) => format!("it is a router of {scope}"),
        Why::Unplanned => "no network of the plan has it".to_owned(),
    }
}

/// The message of a row of a list.
pub fn row_message(row: &Row, now: Timestamp) -> v1::AddressRow {
    let gap = |range: &AddressRange, state: State| {
        address_row::Row::Gap(v1::AddressGap {
            start: range.start().to_string(),
            end: range.end().to_string(),
            state: state.into(),
            size: range.size().to_string(),
        })
    };
    v1::AddressRow {
        row: Some(match row {
            Row::Address(view) => address_row::Row::Address(message(view, now)),
            Row::Free(range) => gap(range, State::Available),
            Row::Excluded(range) => gap(range, State::Excluded),
        }),
    }
}

/// What is said about an address; a field of the refusal is one of the message.
pub fn parse_details(message: &v1::AddressDetails) -> Result<AddressDetails, Refusal> {
    Ok(AddressDetails {
        client: parse_client(message)?,
        host_name: parse_host_name(message)?,
        comment: text(&message.comment, "comment")?,
        owner: text(&message.owner, "owner")?,
        labels: label::parse(&message.tags, &message.fields)?,
    })
}

/// Whom an address is for, if that is said.
pub fn parse_client(message: &v1::AddressDetails) -> Result<Option<ClientIdentity>, Refusal> {
    let parsed = message.client.as_ref().map(|client| match client {
        Client::HardwareAddress(text) => text
            .parse::<HardwareAddress>()
            .map(ClientIdentity::Hardware)
            .map_err(|refusal| refusal.at("hardware_address")),
        Client::ClientId(text) => {
            text.parse::<ClientId>().map(ClientIdentity::ClientId).map_err(|refusal| refusal.at("client_id"))
        }
        Client::Duid(text) => text.parse::<Duid>().map(ClientIdentity::Duid).map_err(|refusal| refusal.at("duid")),
    });
    parsed.transpose()
}

/// The client's host name, if that is said.
pub fn parse_host_name(message: &v1::AddressDetails) -> Result<Option<HostName>, Refusal> {
    let given = (!message.host_name.is_empty()).then_some(&message.host_name);
    given.map(|name| HostName::parse(name).map_err(|refusal| refusal.at("host_name"))).transpose()
}
