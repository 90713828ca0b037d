//! A lease made firm, a claim made a reservation and a reservation a claim, and a reservation moved.

use super::{known, not_done, purpose};
use crate::api::Api;
use crate::api::call::{mutation, named, refuse, there};
use freehold_core::Command;
use freehold_core::access::Permission;
use freehold_core::change::Actor;
use freehold_core::command::{LeaseConversion, Purpose};
use freehold_core::name::{AddressName, OperatorName, ReservationName, ScopeName};
use freehold_core::net::parse_address;
use freehold_core::refusal::Refusal;
use freehold_proto::convert::address::{parse_client, parse_details};
use freehold_proto::convert::time::{self, parse_etag};
use freehold_proto::v1::{
    Address, ConvertLeaseRequest, ConvertToClaimRequest, ConvertToReservationRequest, MoveReservationRequest,
    Reservation,
};
use tonic::Status;

/// What core calls the fields of a conversion, and what the request does.
const FIELDS: &[(&str, &str)] = &[
    ("parent", "scope"),
    ("addresses[0]", "address"),
    ("until", "ttl"),
    ("expires", "expire_time"),
    ("client", "details.client"),
    ("hardware_address", "details.hardware_address"),
    ("client_id", "details.client_id"),
    ("duid", "details.duid"),
    ("tags", "details.tags"),
    ("fields", "details.fields"),
    ("reservation.address", "address"),
    ("reservation", "details"),
];

const TO_RESERVATION: &[(&str, &str)] = &[
    ("client", "details.client"),
    ("hardware_address", "details.hardware_address"),
    ("client_id", "details.client_id"),
    ("duid", "details.duid"),
    ("reservation.address", "name"),
    ("reservation", "details"),
];
const TO_CLAIM: &[(&str, &str)] = &[("expires", "expire_time"), ("client", "name")];

impl Api {
    pub(super) async fn firm_up(
        &self,
        actor: Actor,
        operator: &OperatorName,
        message: &ConvertLeaseRequest,
    ) -> Result<Address, Status> {
        let order = self.conversion(&actor, message).map_err(refuse)?;
        if order.purpose == Purpose::Reservation {
            self.still_may(operator, Permission::ReservationsWrite)?;
        }
        let (scope, address) = (order.scope.clone(), order.address);
        let mutation = mutation!("/freehold.v1.AddressService/ConvertLease", *message);
        let done = self.submit(actor, mutation, Command::ConvertLease(order)).await;
        let state = done.map_err(|error| not_done(error, FIELDS))?.state;
        let scope = there(state.scope(&scope))?;
        let name = AddressName { space: scope.space.clone(), address };
        Ok(self.shown_address(&state, &self.leases.book(), &name))
    }

    fn conversion(&self, actor: &Actor, message: &ConvertLeaseRequest) -> Result<LeaseConversion, Refusal> {
        let scope: ScopeName = message.scope.parse().map_err(|refusal: Refusal| refusal.at("scope"))?;
        let details = message.details.clone().unwrap_or_default();
        let expire_time = message.expire_time.as_ref();
        Ok(LeaseConversion {
            scope,
            address: parse_address(&message.address).map_err(|refusal| refusal.at("address"))?,
            purpose: purpose(known(message.purpose)?, message.ttl, expire_time, self.engine.now())?,
            details: parse_details(&details).map_err(|refusal| refusal.under("details"))?,
            holder: actor.principal.as_str().into(),
            leases: (*self.leases.book()).clone(),
            accept_risk: message.accept_risk,
        })
    }

    pub(super) async fn reserved(
        &self,
        actor: Actor,
        operator: &OperatorName,
        message: &ConvertToReservationRequest,
    ) -> Result<Reservation, Status> {
        let name: AddressName = named(&message.name)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let details = message.details.clone().unwrap_or_default();
        let client = parse_client(&details).map_err(|refusal| refuse(refusal.under("details")))?;
        self.still_may(operator, Permission::AddressesWrite)?;
        let command = Command::ConvertToReservation { name: name.clone(), etag, client };
        let mutation = mutation!("/freehold.v1.AddressService/ConvertToReservation", *message);
        let done = self.submit(actor, mutation, command).await;
        let state = done.map_err(|error| not_done(error, TO_RESERVATION))?.state;
        let scope = there(state.scope_at(&name.space, name.address))?;
        let made = ReservationName { scope: scope.name.clone(), address: name.address };
        Ok(self.shown_reservation(&state, &*there(state.reservation(&made))?))
    }

    pub(super) async fn claimed(
        &self,
        actor: Actor,
        operator: &OperatorName,
        message: &ConvertToClaimRequest,
    ) -> Result<Address, Status> {
        let name: ReservationName = named(&message.name)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let expires = message.expire_time.as_ref().map(|end| time::parse(Some(end)));
        self.still_may(operator, Permission::ReservationsWrite)?;
        let holder = actor.principal.as_str().into();
        let command = Command::ConvertToClaim { name: name.clone(), etag, expires, holder };
        let mutation = mutation!("/freehold.v1.AddressService/ConvertToClaim", *message);
        let done = self.submit(actor, mutation, command).await;
        let state = done.map_err(|error| not_done(error, TO_CLAIM))?.state;
        let scope = there(state.scope(&name.scope))?;
        let made = AddressName { space: scope.space.clone(), address: name.address };
        there(state.assignment(&made).as_ref())?;
        Ok(self.shown_address(&state, &self.leases.book(), &made))
    }

    pub(super) async fn moved(&self, actor: Actor, message: &MoveReservationRequest) -> Result<Reservation, Status> {
        let name: ReservationName = named(&message.name)?;
        let to = parse_address(&message.to).map_err(|refusal| refuse(refusal.at("to")))?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let there_now = ReservationName { scope: name.scope.clone(), address: to };
        let command = Command::MoveReservation { name, etag, to };
        let mutation = mutation!("/freehold.v1.AddressService/MoveReservation", *message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(self.shown_reservation(&state, &*there(state.reservation(&there_now))?))
    }
}
