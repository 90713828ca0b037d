use super::holding::Holding;
use crate::filter::{Datum, Kind, Lookup, Schema};
use crate::labels::Labelled;
use crate::model::{Scope, ScopeStatus};
use crate::state::State;

pub(super) fn fields(schema: Schema) -> Schema {
    schema
        .searched("name", Kind::Text)
        .searched("cidr", Kind::Cidr)
        .field("space", Kind::Text)
        .field("status", Kind::words(&["active", "inactive"]))
        .searched("server", Kind::Text)
        .searched("description", Kind::Text)
        .field("create_time", Kind::Timestamp)
        .field("update_time", Kind::Timestamp)
}

/// A scope as a row.
#[derive(Debug)]
pub struct ScopeRow<'a> {
    scope: &'a Scope,
    holding: Holding<'a>,
}

impl<'a> ScopeRow<'a> {
    /// The row of `scope`.
    pub fn new(state: &'a State, scope: &'a Scope) -> Self {
        Self { scope, holding: Holding::of(state, Some(Labelled::Scope(scope))) }
    }
}

impl Lookup for ScopeRow<'_> {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        let scope = self.scope;
        match field {
            "name" => Datum::from(scope.name.id()),
            "cidr" => Datum::Cidr(scope.network),
            "space" => Datum::from(scope.space.id()),
            "status" => Datum::from(match scope.status {
                ScopeStatus::Active => "active",
                ScopeStatus::Inactive => "inactive",
            }),
            "server" => match &scope.server {
                Some(server) => Datum::Text(server.to_string().into()),
                None => Datum::Absent,
            },
            "description" => Datum::from(scope.description.as_str()),
            "create_time" => Datum::Timestamp(scope.stamp.created),
            "update_time" => Datum::Timestamp(scope.stamp.updated),
            _ => self.holding.look(field, key),
        }
    }
}
