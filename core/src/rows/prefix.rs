use super::holding::Holding;
use crate::filter::{Datum, Kind, Lookup, Schema};
use crate::labels::Labelled;
use crate::model::{Prefix, PrefixKind, PrefixStatus};
use crate::state::State;

pub(super) fn fields(schema: Schema) -> Schema {
    schema
        .searched("cidr", Kind::Cidr)
        .field("kind", Kind::words(&["container", "network"]))
        .field("status", Kind::words(&["planned", "active", "deprecated", "reserved"]))
        .field("space", Kind::Text)
        .searched("title", Kind::Text)
        .searched("description", Kind::Text)
        .field("create_time", Kind::Timestamp)
        .field("update_time", Kind::Timestamp)
}

/// A prefix as a row.
#[derive(Debug)]
pub struct PrefixRow<'a> {
    prefix: &'a Prefix,
    holding: Holding<'a>,
}

impl<'a> PrefixRow<'a> {
    /// The row of `prefix`.
    pub fn new(state: &'a State, prefix: &'a Prefix) -> Self {
        Self { prefix, holding: Holding::of(state, Some(Labelled::Prefix(prefix))) }
    }
}

impl Lookup for PrefixRow<'_> {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        let prefix = self.prefix;
        match field {
            "cidr" => Datum::Cidr(prefix.name.cidr),
            "kind" => Datum::from(match prefix.kind {
                PrefixKind::Container => "container",
                PrefixKind::Network => "network",
            }),
            "status" => Datum::from(match prefix.status {
                PrefixStatus::Planned => "planned",
                PrefixStatus::Active => "active",
                PrefixStatus::Deprecated => "deprecated",
                PrefixStatus::Reserved => "reserved",
            }),
            "space" => Datum::from(prefix.name.space.id()),
            "title" => Datum::from(prefix.title.as_str()),
            "description" => Datum::from(prefix.description.as_str()),
            "create_time" => Datum::Timestamp(prefix.stamp.created),
            "update_time" => Datum::Timestamp(prefix.stamp.updated),
            _ => self.holding.look(field, key),
        }
    }
}
