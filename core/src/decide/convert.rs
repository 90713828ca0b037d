//! An address that stays while what it is changes: lease to claim or reservation, hold or claim to reservation,
//! reservation to claim; and a reservation that keeps its client and changes its address.

use super::assignment::{self, Wanted};
use super::lookup::{self, etag_matches};
use super::{Moment, allocate, reservation};
use crate::change::{Change, Record};
use crate::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use crate::command::{AddressDetails, Allocation, Choice, Etag, LeaseConversion, NewReservation, Place, Purpose};
use crate::lease::Lease;
use crate::model::AssignmentKind;
use crate::name::{AddressName, ReservationName};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::text::HostName;
use crate::time::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// Gives a leased address to the client that has it.
pub(super) fn lease(state: &State, at: Moment, order: &LeaseConversion) -> Result<Vec<Change>, Refusal> {
    let scope = lookup::scope(state, &order.scope).map_err(|refusal| refusal.at("scope"))?;
    let Some((_, lease)) = order.leases.leases_on(scope.subnet_id, order.address).next() else {
        let message = format!("{} is not leased in {}", order.address, order.scope);
        return Err(Refusal::new(Reason::LeaseNotFound, message).at("address").about(&order.scope));
    };
    let said = &order.details;
    let details = AddressDetails {
        client: said.client.clone().or_else(|| client_of(lease)),
        host_name: said.host_name.clone().or_else(|| HostName::parse(&lease.host_name).ok()),
        ..said.clone()
    };
    let allocation = Allocation {
        place: Place::Scope(order.scope.clone()),
        choice: Choice::Given(vec![order.address]),
        count: 1,
        purpose: order.purpose,
        details: vec![details],
        holder: Arc::clone(&order.holder),
        leases: order.leases.clone(),
        accept_risk: order.accept_risk,
    };
    allocate::allocate(state, at, &allocation)
}

/// Who has a lease: in DHCPv6 by DUID, which is what clients are told by there, else by hardware address where that is known, as an operator would say it.
fn client_of(lease: &Lease) -> Option<ClientIdentity> {
    let duid = Duid::from_bytes(&lease.duid).ok().map(ClientIdentity::Duid);
    let hardware = || HardwareAddress::from_bytes(&lease.hardware).ok().map(ClientIdentity::Hardware);
    let id = || ClientId::from_bytes(&lease.client_id).ok().map(ClientIdentity::ClientId);
    duid.or_else(hardware).or_else(id)
}

/// Makes a held or claimed address a reservation of the scope that it lies in.
pub(super) fn to_reservation(
    state: &State,
    at: Moment,
    name: &AddressName,
    etag: Etag,
    client: Option<&ClientIdentity>,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::assignment(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let Some(scope) = state.scope_at(&name.space, name.address) else {
        let message = format!("no scope serves the network of {name}; a reservation is made in a scope");
        return Err(Refusal::new(Reason::ScopeNotFound, message).at("name").about(name));
    };
    let Some(client) = client.or(before.client.as_ref()) else {
        return Err(Refusal::new(Reason::ClientRequired, "say which client the address is reserved for").at("client"));
    };
    let reserved = ReservationName { scope: scope.name.clone(), address: name.address };
    let gone = Change::gone(Record::Address(Arc::clone(&before)));
    let rest = without(state, &gone);
    let new = NewReservation {
        host_name: before.host_name.clone(),
        description: before.rare().comment,
        labels: before.labels().clone(),
        ..NewReservation::of(reserved, client.clone())
    };
    let made = reservation::create(&rest, at, &new)?;
    Ok(made.into_iter().chain([gone]).collect())
}

/// Makes a reserved address a claim.
pub(super) fn to_claim(
    state: &State,
    at: Moment,
    name: &ReservationName,
    etag: Etag,
    expires: Option<Timestamp>,
    holder: &Arc<str>,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::reservation(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    if let Some(prefix) = before.prefixes.first() {
        let message =
            format!("{name} delegates {prefix}, and a claim is an address alone; take the prefixes from it first");
        return Err(Refusal::new(Reason::InUse, message).at("name").about(name));
    }
    allocate::ends_in_time(at, &Purpose::Claim { expires })?;
    let scope = lookup::scope(state, &name.scope)?;
    let network = lookup::prefix(state, &scope.prefix())?;
    let details = AddressDetails {
        client: Some(before.client.clone()),
        host_name: before.host_name.clone(),
        comment: before.description.clone(),
        labels: before.labels.clone(),
        ..AddressDetails::default()
    };
    let gone = Change::gone(Record::Reservation(before));
    let rest = without(state, &gone);
    let kind = AssignmentKind::Claim { expires };
    let wanted = Wanted { kind, details: &details, holder, accept_risk: false };
    let address = AddressName { space: scope.space.clone(), address: name.address };
    Ok(vec![assignment::make(&rest, at, address, &network, Some(&scope), &wanted)?, gone])
}

/// Gives a reservation another address of its scope.
pub(super) fn move_reservation(
    state: &State,
    at: Moment,
    name: &ReservationName,
    etag: Etag,
    to: IpAddr,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::reservation(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    if to == name.address {
        return Ok(Vec::new());
    }
    let there = ReservationName { scope: name.scope.clone(), address: to };
    let gone = Change::gone(Record::Reservation(Arc::clone(&before)));
    let rest = without(state, &gone);
    let new = NewReservation {
        prefixes: before.prefixes.clone(),
        host_name: before.host_name.clone(),
        description: before.description.clone(),
        labels: before.labels.clone(),
        ..NewReservation::of(there, before.client.clone())
    };
    let made = reservation::create(&rest, at, &new).map_err(|refusal| refusal.at("to"))?;
    Ok(made.into_iter().chain([gone]).collect())
}

/// The state with this change made already, for what is decided of what takes its place.
fn without(state: &State, gone: &Change) -> State {
    let mut state = state.clone();
    state.apply_changes(std::slice::from_ref(gone));
    state
}
