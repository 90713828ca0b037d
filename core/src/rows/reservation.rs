use super::holding::Holding;
use crate::client::ClientIdentity;
use crate::filter::{Datum, Kind, Lookup, Schema};
use crate::labels::Labelled;
use crate::model::Reservation;
use crate::state::State;

pub(super) fn fields(schema: Schema) -> Schema {
    schema
        .searched("address", Kind::Address)
        .field("scope", Kind::Text)
        .searched("hardware_address", Kind::Hardware)
        .searched("host_name", Kind::Text)
        .searched("description", Kind::Text)
        .field("create_time", Kind::Timestamp)
        .field("update_time", Kind::Timestamp)
}

/// A reservation as a row.
#[derive(Debug)]
pub struct ReservationRow<'a> {
    reservation: &'a Reservation,
    holding: Holding<'a>,
}

impl<'a> ReservationRow<'a> {
    /// The row of `reservation`.
    pub fn new(state: &'a State, reservation: &'a Reservation) -> Self {
        Self { reservation, holding: Holding::of(state, Some(Labelled::Reservation(reservation))) }
    }
}

impl Lookup for ReservationRow<'_> {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        let reservation = self.reservation;
        match field {
            "address" => Datum::Address(reservation.name.address),
            "scope" => Datum::from(reservation.name.scope.id()),
            "hardware_address" => hardware(Some(&reservation.client)),
            "host_name" => Datum::from(reservation.host_name.as_ref().map(|name| name.as_str())),
            "description" => Datum::from(reservation.description.as_str()),
            "create_time" => Datum::Timestamp(reservation.stamp.created),
            "update_time" => Datum::Timestamp(reservation.stamp.updated),
            _ => self.holding.look(field, key),
        }
    }
}

/// The hardware address of a client that is known by one.
pub(super) fn hardware(client: Option<&ClientIdentity>) -> Datum<'_> {
    match client {
        Some(ClientIdentity::Hardware(address)) => Datum::Hardware(address),
        Some(ClientIdentity::ClientId(_) | ClientIdentity::Duid(_)) | None => Datum::Absent,
    }
}
