use super::assignment::{has_no_claim, not_assigned};
use super::labels;
use super::lookup::{self, etag_matches};
use super::{Moment, delegation};
use crate::capability::{Feature, supports};
use crate::change::{Change, Record};
use crate::client::ClientIdentity;
use crate::command::{Etag, NewReservation, ReservationPatch};
use crate::labels::Labelled;
use crate::model::{LabelledKind, Reservation, Scope};
use crate::name::{AddressName, ReservationName};
use crate::net::{Family, family};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::net::IpAddr;
use std::sync::Arc;

pub(super) fn create(state: &State, at: Moment, new: &NewReservation) -> Result<Vec<Change>, Refusal> {
    let NewReservation { name, client, prefixes, host_name, description, labels } = new;
    let scope = lookup::scope(state, &name.scope).map_err(|refusal| refusal.at("parent"))?;
    address_can_be_reserved(&scope, name.address)?;
    if let Some(other) = state.reservation(name) {
        return Err(Refusal::new(
            Reason::AddressReserved,
            format!("{} is reserved for {} already", name.address, other.client),
        )
        .at("reservation.address")
        .about(name));
    }
    let address = AddressName { space: scope.space.clone(), address: name.address };
    not_assigned(state, &address).map_err(|refusal| refusal.at("reservation.address"))?;
    let made = || {
        client_has_no_other(state, name, client)?;
        server_looks_for(state, &scope, client)?;
        let reservation = Reservation {
            name: name.clone(),
            client: client.clone(),
            prefixes: delegation::reserved(state, &scope, name, prefixes)?,
            host_name: host_name.clone(),
            description: description.clone(),
            labels: labels::fitting(state, LabelledKind::Reservation, labels)?,
            stamp: at.made(),
        };
        complete(state, &reservation)?;
        Ok(reservation)
    };
    let reservation = made().map_err(|refusal: Refusal| refusal.under("reservation"))?;
    Ok(vec![Change::made(Record::Reservation(Arc::new(reservation)))])
}

fn complete(state: &State, reservation: &Reservation) -> Result<(), Refusal> {
    labels::complete(state, LabelledKind::Reservation, Labelled::Reservation(reservation))
}

fn address_can_be_reserved(scope: &Scope, address: IpAddr) -> Result<(), Refusal> {
    let refuse =
        |reason, message: String| Err(Refusal::new(reason, message).at("reservation.address").about(&scope.name));
    if !scope.network.contains(address) {
        return refuse(
            Reason::AddressNotUsable,
            format!("{address} does not lie in {}, the network of {}", scope.network, scope.name),
        );
    }
    if !scope.network.usable(address) {
        return refuse(
            Reason::AddressNotUsable,
            format!("{address} is the network's own or its broadcast address; no client can have it"),
        );
    }
    if scope.options.routers().contains(&address) {
        return refuse(Reason::AddressNotUsable, format!("{address} is a router of {}", scope.name));
    }
    if let Some(exclusion) = scope.exclusions.iter().find(|exclusion| exclusion.range.contains(address)) {
        return refuse(
            Reason::AddressExcluded,
            format!("{address} lies in the exclusion {}; an excluded address takes no reservation", exclusion.range),
        );
    }
    Ok(())
}

/// Refuses a client identifier where there is none.
pub(super) fn client_fits(family: Family, client: &ClientIdentity) -> Result<(), Refusal> {
    match client {
        ClientIdentity::ClientId(_) if family == Family::V6 => Err(Refusal::new(
            Reason::InvalidClientIdentifier,
            "DHCPv6 has no client identifier option as in IPv4; name the client by DUID or hardware address",
        )
        .at(client.field())),
        _ => Ok(()),
    }
}

fn client_has_no_other(state: &State, name: &ReservationName, client: &ClientIdentity) -> Result<(), Refusal> {
    client_fits(family(name.address), client)?;
    let scope = lookup::scope(state, &name.scope)?;
    let network = lookup::prefix(state, &scope.prefix())?;
    let own = AddressName { space: scope.space.clone(), address: name.address };
    has_no_claim(state, &network, client, &own).map_err(|refusal| refusal.at(client.field()))?;
    let reserved = |client: &ClientIdentity| state.reserved_for(&name.scope, client);
    let other = reserved(client).or_else(|| client.twin().and_then(|twin| reserved(&twin)));
    match other.filter(|address| *address != name.address) {
        Some(address) => Err(Refusal::new(
            Reason::ClientReserved,
            format!(
                "{client} has {address} reserved in {} already; a client has one reservation in a scope",
                name.scope
            ),
        )
        .at(client.field())
        .about(ReservationName { scope: name.scope.clone(), address })),
        None => Ok(()),
    }
}

/// Refuses a kind of client that the scope's server has no reservations for.
fn server_looks_for(state: &State, scope: &Scope, client: &ClientIdentity) -> Result<(), Refusal> {
    let Some(server) = scope.server.as_ref().and_then(|server| state.server(server)) else { return Ok(()) };
    supports(server, Feature::of_client(client)).map_err(|refusal| refusal.at(client.field()))
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &ReservationName,
    etag: Etag,
    patch: &ReservationPatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::reservation(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = Reservation {
        client: patch.client.clone().unwrap_or_else(|| before.client.clone()),
        prefixes: match &patch.prefixes {
            Some(prefixes) => delegation::reserved(state, &*lookup::scope(state, &name.scope)?, name, prefixes)?,
            None => before.prefixes.clone(),
        },
        host_name: patch.host_name.clone().unwrap_or_else(|| before.host_name.clone()),
        description: patch.description.clone().unwrap_or_else(|| before.description.clone()),
        labels: labels::patched(state, LabelledKind::Reservation, &before.labels, &patch.labels)?,
        ..Reservation::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    client_has_no_other(state, name, &after.client)?;
    if after.client != before.client {
        server_looks_for(state, &*lookup::scope(state, &name.scope)?, &after.client)?;
    }
    if after.labels != before.labels {
        complete(state, &after)?;
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Reservation(before), Record::Reservation(Arc::new(after)))])
}

pub(super) fn delete(state: &State, name: &ReservationName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::reservation(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    Ok(vec![Change::gone(Record::Reservation(before))])
}
