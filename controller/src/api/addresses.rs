//! Addresses: what each is, and giving them out. The rules are core's; here requests are read and answers put together.

mod allocate;
mod change;
mod convert;
mod expiring;
mod fitting;
mod list;
mod probe;
mod probed;
mod shown;
mod wait;

use super::Api;
use super::call::{named, not_found, open, operator, refuse};
use super::sight::Sight;
use crate::engine::CommitError;
use freehold_core::State;
use freehold_core::command::Purpose;
use freehold_core::name::AddressName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::time::Timestamp;
use freehold_proto::convert::time;
use freehold_proto::v1::address_service_server::AddressService;
use freehold_proto::v1::{
    Address, AddressPurpose, AllocateAddressesRequest, AllocateAddressesResponse, ClaimHeldAddressRequest,
    ClearSightingRequest, ConvertLeaseRequest, ConvertToClaimRequest, ConvertToReservationRequest, ExtendHoldRequest,
    GetAddressRequest, ListAddressesRequest, ListAddressesResponse, ListExpiringAddressesRequest,
    ListExpiringAddressesResponse, MoveReservationRequest, ProbeAddressRequest, ProbeAddressResponse,
    ReleaseAddressRequest, Reservation, UpdateAddressRequest, WaitAddressRequest,
};
use prost_types::{Duration as Span, Timestamp as Instant};
use std::time::Duration;
use tonic::{Request, Response, Status};

/// How long a hold lasts if the caller does not say.
const HOLD_DEFAULT: Duration = Duration::from_secs(10 * 60);
/// How long a hold lasts at most.
const HOLD_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// When a hold of this length ends, begun at `now`.
fn deadline(ttl: Option<Span>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let wrong = |message: &str| Refusal::new(Reason::InvalidValue, message).at("ttl");
    let ttl = match ttl.map(Duration::try_from) {
        None => HOLD_DEFAULT,
        Some(Ok(ttl)) if ttl < Duration::from_secs(1) => {
            return Err(wrong("a hold lasts a second at least; release it if it is not needed"));
        }
        Some(Ok(ttl)) if ttl <= HOLD_MAX => ttl,
        Some(Ok(_)) => {
            return Err(wrong("a hold lasts 24 hours at most; claim the address if it is needed for longer"));
        }
        Some(Err(_)) => return Err(wrong("a hold cannot end before it begins")),
    };
    Ok(Timestamp(now.0.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))))
}

/// What addresses are given out as; the lengths that are not of this purpose are refused, so that nobody relies on them.
fn purpose(
    purpose: AddressPurpose,
    ttl: Option<Span>,
    expire_time: Option<&Instant>,
    now: Timestamp,
) -> Result<Purpose, Refusal> {
    let only = |field: &str, message: &str| Refusal::new(Reason::InvalidValue, message).at(field);
    if ttl.is_some() && !matches!(purpose, AddressPurpose::Unspecified | AddressPurpose::Hold) {
        return Err(only("ttl", "only a hold has a ttl; a claim has an expire_time"));
    }
    if expire_time.is_some() && purpose != AddressPurpose::Claim {
        return Err(only("expire_time", "only a claim has an expire_time; a hold has a ttl"));
    }
    Ok(match purpose {
        AddressPurpose::Unspecified | AddressPurpose::Hold => Purpose::Hold { until: deadline(ttl, now)? },
        AddressPurpose::Claim => Purpose::Claim { expires: expire_time.map(|end| time::parse(Some(end))) },
        AddressPurpose::Reservation => Purpose::Reservation,
    })
}

/// The purpose of a request, which must be one that there is.
fn known(number: i32) -> Result<AddressPurpose, Refusal> {
    AddressPurpose::try_from(number)
        .map_err(|_| Refusal::new(Reason::InvalidValue, format!("no purpose has the number {number}")).at("purpose"))
}

/// A refusal whose field is called otherwise in this request: each pair is what core calls it, and what the request does.
fn renamed(mut refusal: Refusal, names: &[(&str, &str)]) -> Refusal {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
    let found = names.iter().find_map(|(from, to)| {
        let rest = refusal.field.strip_prefix(from).filter(|rest| ends(rest))?;
        Some(format!("{to}{rest}"))
    });
    refusal.field = found.unwrap_or(refusal.field);
    refusal
}

/// A call that was not carried out, with the fields of its request.
fn not_done(error: CommitError, names: &[(&str, &str)]) -> Status {
    match error {
        CommitError::Refused(refusal) => refuse(renamed(refusal, names)),
        CommitError::Stopped => super::status::not_committed(&error),
    }
}

/// The name of an address that is seen, and whose space there must be.
fn address(sight: &Sight, state: &State, text: &str) -> Result<AddressName, Status> {
    let name: AddressName = named(text)?;
    sight.must(sight.reach.covers_address(&name.space, name.address), &name)?;
    match state.space(&name.space) {
        Some(_) => Ok(name),
        None => Err(not_found(Reason::SpaceNotFound, &name.space)),
    }
}

#[tonic::async_trait]
impl AddressService for Api {
    async fn get_address(&self, request: Request<GetAddressRequest>) -> Result<Response<Address>, Status> {
        let state = self.engine.state();
        let name = address(&Sight::of(request.extensions(), &state)?, &state, &request.get_ref().name)?;
        Ok(Response::new(self.shown_whole(&state, &self.leases.book(), &name)))
    }

    async fn list_addresses(
        &self,
        request: Request<ListAddressesRequest>,
    ) -> Result<Response<ListAddressesResponse>, Status> {
        self.address_rows(&self.sight(request.extensions())?, request.get_ref()).map(Response::new)
    }

    async fn allocate_addresses(
        &self,
        request: Request<AllocateAddressesRequest>,
    ) -> Result<Response<AllocateAddressesResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let (actor, message) = open(request)?;
        self.allocate(actor, &sight, &message).await.map(Response::new)
    }

    async fn update_address(&self, request: Request<UpdateAddressRequest>) -> Result<Response<Address>, Status> {
        let (actor, message) = open(request)?;
        self.update_assignment(actor, &message).await.map(Response::new)
    }

    async fn extend_hold(&self, request: Request<ExtendHoldRequest>) -> Result<Response<Address>, Status> {
        let (actor, message) = open(request)?;
        self.extend(actor, &message).await.map(Response::new)
    }

    async fn claim_held_address(&self, request: Request<ClaimHeldAddressRequest>) -> Result<Response<Address>, Status> {
        let (actor, message) = open(request)?;
        self.claim_hold(actor, &message).await.map(Response::new)
    }

    async fn release_address(&self, request: Request<ReleaseAddressRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        self.release(actor, &message).await.map(Response::new)
    }

    async fn convert_lease(&self, request: Request<ConvertLeaseRequest>) -> Result<Response<Address>, Status> {
        let operator = operator(request.extensions())?;
        let (actor, message) = open(request)?;
        self.firm_up(actor, &operator, &message).await.map(Response::new)
    }

    async fn move_reservation(
        &self,
        request: Request<MoveReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let (actor, message) = open(request)?;
        self.moved(actor, &message).await.map(Response::new)
    }

    async fn convert_to_reservation(
        &self,
        request: Request<ConvertToReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let operator = operator(request.extensions())?;
        let (actor, message) = open(request)?;
        self.reserved(actor, &operator, &message).await.map(Response::new)
    }

    async fn convert_to_claim(&self, request: Request<ConvertToClaimRequest>) -> Result<Response<Address>, Status> {
        let operator = operator(request.extensions())?;
        let (actor, message) = open(request)?;
        self.claimed(actor, &operator, &message).await.map(Response::new)
    }

    async fn list_expiring_addresses(
        &self,
        request: Request<ListExpiringAddressesRequest>,
    ) -> Result<Response<ListExpiringAddressesResponse>, Status> {
        self.expiring(&self.sight(request.extensions())?, request.get_ref()).map(Response::new)
    }

    async fn probe_address(
        &self,
        request: Request<ProbeAddressRequest>,
    ) -> Result<Response<ProbeAddressResponse>, Status> {
        self.probe_one(&self.sight(request.extensions())?, request.get_ref()).await.map(Response::new)
    }

    async fn clear_sighting(&self, request: Request<ClearSightingRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        self.forget_sighting(actor, &message).await.map(Response::new)
    }

    async fn wait_address(&self, request: Request<WaitAddressRequest>) -> Result<Response<Address>, Status> {
        self.settled(&self.sight(request.extensions())?, request.get_ref()).await.map(Response::new)
    }
}
