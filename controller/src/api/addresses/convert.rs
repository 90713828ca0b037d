//! A lease made firm, and a reservation moved.

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
use freehold_proto::convert::address::parse_details;
use freehold_proto::convert::time::parse_etag;
use freehold_proto::v1::{Address, ConvertLeaseRequest, MoveReservationRequest, Reservation};
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
    ("reservation.address", "address"),
    ("reservation", "details"),
];

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
