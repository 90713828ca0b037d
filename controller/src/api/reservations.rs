use super::Api;
use super::call::{missing, mutation, named, not_found, not_found_at, open, refuse, there};
use super::labels;
use super::mask::Mask;
use super::page::Page;
use super::sight::Sight;
use crate::obedience;
use freehold_core::access::Spot;
use freehold_core::command::{NewReservation, ReservationPatch};
use freehold_core::labels::Labelled;
use freehold_core::model::{Reservation as CoreReservation, ViewKind};
use freehold_core::name::{ReservationName, ScopeName};
use freehold_core::net::parse_address;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::rows::ReservationRow;
use freehold_core::{Command, State};
use freehold_proto::convert::plan::text;
use freehold_proto::convert::time::parse_etag;
use freehold_proto::convert::{client, label};
use freehold_proto::v1::reservation_service_server::ReservationService;
use freehold_proto::v1::{
    CreateReservationRequest, DeleteReservationRequest, GetReservationRequest, ListReservationsRequest,
    ListReservationsResponse, Reservation, UpdateReservationRequest,
};
use std::net::Ipv4Addr;
use std::ops::Bound;
use tonic::{Request, Response, Status};

fn create(message: &CreateReservationRequest) -> Result<(ReservationName, Command), Refusal> {
    let scope: ScopeName = message.parent.parse().map_err(|refusal: Refusal| refusal.at("parent"))?;
    let given = message.reservation.as_ref().ok_or_else(|| missing("reservation"))?;
    let parse = || {
        let address = parse_address(&given.address).map_err(|refusal| refusal.at("address"))?;
        let name = ReservationName { scope, address };
        let command = Command::CreateReservation(NewReservation {
            name: name.clone(),
            client: client::parse_client(given)?,
            prefixes: client::parse_prefixes(given)?,
            host_name: client::parse_host_name(given)?,
            description: text(&given.description, "description")?,
            labels: label::parse(&given.tags, &given.fields)?,
        });
        Ok((name, command))
    };
    parse().map_err(|refusal: Refusal| refusal.under("reservation"))
}

/// The client is one field, named by whichever notation holds it.
const CLIENT: [&str; 3] = ["hardware_address", "client_id", "duid"];

fn update(message: &UpdateReservationRequest) -> Result<(ReservationName, Command), Refusal> {
    let given = message.reservation.as_ref().ok_or_else(|| missing("reservation"))?;
    let fields = [&CLIENT[..], &["delegated_prefixes", "host_name", "description", "tags", "fields"]].concat();
    let mask = Mask::parse(message.update_mask.as_ref(), &fields, &["name", "address"])?;
    let parse = || {
        let name: ReservationName = given.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
        let client = CLIENT.iter().any(|field| mask.has(field, given.client.is_some()));
        let patch = ReservationPatch {
            client: client.then(|| client::parse_client(given)).transpose()?,
            prefixes: mask
                .take("delegated_prefixes", !given.delegated_prefixes.is_empty(), || client::parse_prefixes(given))?,
            host_name: mask.take("host_name", !given.host_name.is_empty(), || client::parse_host_name(given))?,
            description: mask
                .take("description", !given.description.is_empty(), || text(&given.description, "description"))?,
            labels: labels::patch(&mask, &given.tags, &given.fields)?,
        };
        let etag = parse_etag(&given.etag)?;
        Ok((name.clone(), Command::UpdateReservation { name, etag, patch }))
    };
    parse().map_err(|refusal: Refusal| refusal.under("reservation"))
}

impl Api {
    pub(super) fn shown_reservation(&self, state: &State, core: &CoreReservation) -> Reservation {
        let sync =
            state.scope(&core.name.scope).map(|scope| obedience::of_reservation(state, &self.presence, scope, core));
        let (effective_tags, effective_fields) = labels::holding(state, Labelled::Reservation(core));
        Reservation { sync: sync.into_iter().collect(), effective_tags, effective_fields, ..client::message(core) }
    }
}

#[tonic::async_trait]
impl ReservationService for Api {
    async fn create_reservation(
        &self,
        request: Request<CreateReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = create(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.ReservationService/CreateReservation", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(self.shown_reservation(&state, &*there(state.reservation(&name))?)))
    }

    async fn get_reservation(&self, request: Request<GetReservationRequest>) -> Result<Response<Reservation>, Status> {
        let name: ReservationName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        Sight::of(request.extensions(), &state)?.all_of(&Spot::reservation(&state, &name), &name)?;
        let found = state.reservation(&name).ok_or_else(|| not_found(Reason::ReservationNotFound, &name))?;
        Ok(Response::new(self.shown_reservation(&state, found)))
    }

    async fn list_reservations(
        &self,
        request: Request<ListReservationsRequest>,
    ) -> Result<Response<ListReservationsResponse>, Status> {
        let state = self.engine.state();
        let sight = Sight::of(request.extensions(), &state)?;
        let message = request.into_inner();
        let scope: Option<ScopeName> = match message.parent.as_str() {
            "scopes/-" => None,
            parent => Some(parent.parse().map_err(|refusal: Refusal| refuse(refusal.at("parent")))?),
        };
        let list = format!("reservations of {} with {:?} of {}", message.parent, message.filter, message.view);
        let page = Page::parse(message.page_size, &message.page_token, &list)?;
        if let Some(scope) = &scope {
            sight.part_of(&Spot::scope(state.scope(scope)), scope)?;
        }
        if let Some(scope) = scope.as_ref().filter(|scope| state.scope(scope).is_none()) {
            return Err(not_found_at("parent", Reason::ScopeNotFound, scope));
        }
        let from = match (page.after::<ReservationName>()?, &scope) {
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(scope)) => {
                Bound::Included(ReservationName { scope: scope.clone(), address: Ipv4Addr::UNSPECIFIED.into() })
            }
            (None, None) => Bound::Unbounded,
        };
        let rows = state
            .reservations()
            .range((from, Bound::Unbounded))
            .take_while(|(name, _)| scope.as_ref().is_none_or(|scope| name.scope == *scope))
            .filter(|(name, _)| sight.reach.takes_reservation(&state, name))
            .map(|(_, reservation)| reservation);
        let filters = self.filters(&sight.operator, &state, ViewKind::Reservations, &message.filter, &message.view)?;
        let (reservations, next_page_token) = page.filtered(
            rows,
            |found| filters.iter().all(|filter| filter.matches(&ReservationRow::new(&state, found))),
            |found| found.name.to_string(),
            |found| self.shown_reservation(&state, found),
        );
        Ok(Response::new(ListReservationsResponse { reservations, next_page_token }))
    }

    async fn update_reservation(
        &self,
        request: Request<UpdateReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.ReservationService/UpdateReservation", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(self.shown_reservation(&state, &*there(state.reservation(&name))?)))
    }

    async fn delete_reservation(&self, request: Request<DeleteReservationRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeleteReservation { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.ReservationService/DeleteReservation", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }
}
