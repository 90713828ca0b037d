//! Reservations, and whom they are for.

use super::plan::text;
use super::{label, time};
use crate::v1::{self, reservation::Client};
use freehold_core::client::{ClientId, ClientIdentity, Duid};
use freehold_core::model::Reservation;
use freehold_core::name::ReservationName;
use freehold_core::net::Cidr;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::HostName;

/// The message of a reservation, without how far it has come on its server.
pub fn message(reservation: &Reservation) -> v1::Reservation {
    v1::Reservation {
        name: reservation.name.to_string(),
        address: reservation.name.address.to_string(),
        client: Some(match &reservation.client {
            ClientIdentity::Hardware(address) => Client::HardwareAddress(address.to_string()),
            ClientIdentity::ClientId(id) => Client::ClientId(id.to_string()),
            ClientIdentity::Duid(duid) => Client::Duid(duid.to_string()),
        }),
        host_name: reservation.host_name.as_ref().map(ToString::to_string).unwrap_or_default(),
        description: reservation.description.to_string(),
        sync: Vec::new(),
        create_time: Some(time::message(reservation.stamp.created)),
        update_time: Some(time::message(reservation.stamp.updated)),
        etag: time::etag(reservation.stamp.revision),
        tags: label::tags_message(&reservation.labels),
        fields: label::fields_message(&reservation.labels),
        effective_tags: Vec::new(),
        effective_fields: Vec::new(),
        delegated_prefixes: reservation.prefixes.iter().map(ToString::to_string).collect(),
    }
}

/// The reservation of a message, as it was stored.
pub fn parse(message: &v1::Reservation) -> Result<Reservation, Refusal> {
    Ok(Reservation {
        name: message.name.parse::<ReservationName>().map_err(|r| r.at("name"))?,
        client: parse_client(message)?,
        prefixes: parse_prefixes(message)?,
        host_name: parse_host_name(message)?,
        description: text(&message.description, "description")?,
        labels: label::parse(&message.tags, &message.fields)?,
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

/// Whom a reservation is for, which must be said.
pub fn parse_client(message: &v1::Reservation) -> Result<ClientIdentity, Refusal> {
    match &message.client {
        None => Err(Refusal::new(
            Reason::FieldRequired,
            "say whom the address is for: a hardware address, a client identifier or a DUID",
        )
        .at("client")),
        Some(Client::HardwareAddress(text)) => {
            text.parse().map(ClientIdentity::Hardware).map_err(|refusal: Refusal| refusal.at("hardware_address"))
        }
        Some(Client::ClientId(text)) => {
            text.parse::<ClientId>().map(ClientIdentity::ClientId).map_err(|refusal| refusal.at("client_id"))
        }
        Some(Client::Duid(text)) => {
            text.parse::<Duid>().map(ClientIdentity::Duid).map_err(|refusal| refusal.at("duid"))
        }
    }
}

/// The prefixes that a reservation delegates.
pub fn parse_prefixes(message: &v1::Reservation) -> Result<Vec<Cidr>, Refusal> {
    let parse = |(i, text): (usize, &String)| {
        text.parse().map_err(|refusal: Refusal| refusal.at(format!("delegated_prefixes[{i}]")))
    };
    message.delegated_prefixes.iter().enumerate().map(parse).collect()
}

/// The host name of a reservation, if it has one.
pub fn parse_host_name(message: &v1::Reservation) -> Result<Option<HostName>, Refusal> {
    let given = (!message.host_name.is_empty()).then_some(&message.host_name);
    given.map(|name| HostName::parse(name).map_err(|refusal| refusal.at("host_name"))).transpose()
}
