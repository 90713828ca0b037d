use super::holding::Holding;
use super::reservation::hardware;
use crate::filter::{Datum, Kind, Lookup, Schema};
use crate::labels::Labelled;
use crate::model::{Assignment, Phase};
use crate::state::State;

pub(super) fn fields(schema: Schema) -> Schema {
    schema
        .searched("address", Kind::Address)
        .field("space", Kind::Text)
        .field("state", Kind::words(&["held", "claimed"]))
        .field("phase", Kind::words(&["pending", "active", "conflict"]))
        .field("holder", Kind::Text)
        .searched("hardware_address", Kind::Hardware)
        .searched("host_name", Kind::Text)
        .searched("comment", Kind::Text)
        .searched("owner", Kind::Text)
        .field("end_time", Kind::Timestamp)
        .field("create_time", Kind::Timestamp)
        .field("update_time", Kind::Timestamp)
}

/// A held or claimed address as a row.
#[derive(Debug)]
pub struct AddressRow<'a> {
    assignment: &'a Assignment,
    holding: Holding<'a>,
}

impl<'a> AddressRow<'a> {
    /// The row of `assignment`.
    pub fn new(state: &'a State, assignment: &'a Assignment) -> Self {
        Self { assignment, holding: Holding::of(state, Some(Labelled::Address(assignment))) }
    }
}

impl Lookup for AddressRow<'_> {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        let assignment = self.assignment;
        let rare = assignment.rare.as_deref();
        match field {
            "address" => Datum::Address(assignment.name.address),
            "space" => Datum::from(assignment.name.space.id()),
            "state" => Datum::from(if assignment.is_hold() { "held" } else { "claimed" }),
            "phase" => Datum::from(match assignment.phase {
                Phase::Pending => "pending",
                Phase::Active => "active",
                Phase::Conflict => "conflict",
            }),
            "holder" => Datum::from(&*assignment.holder),
            "hardware_address" => hardware(assignment.client.as_ref()),
            "host_name" => Datum::from(assignment.host_name.as_ref().map(|name| name.as_str())),
            "comment" => Datum::from(rare.map(|rare| rare.comment.as_str())),
            "owner" => Datum::from(rare.map(|rare| rare.owner.as_str())),
            "end_time" => assignment.ends().map_or(Datum::Absent, Datum::Timestamp),
            "create_time" => Datum::Timestamp(assignment.stamp.created),
            "update_time" => Datum::Timestamp(assignment.stamp.updated),
            _ => self.holding.look(field, key),
        }
    }
}
