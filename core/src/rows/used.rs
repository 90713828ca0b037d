use super::{PrefixRow, ScopeRow, bound, prefix};
use crate::filter::{Datum, Filter, Kind, Lookup, Schema};
use crate::model::{Prefix, Scope};
use crate::refusal::Refusal;
use crate::state::State;
use crate::time::Timestamp;
use crate::usage::Counts;
use std::sync::Arc;

/// The figures that places are compared by.
const FIGURES: &[&str] =
    &["used_percent", "used", "held", "claimed", "reserved", "leased", "excluded", "available", "total"];

/// The filter of a list of places with their utilisation; `None` takes every row.
pub fn bind_used(state: &State, filter: &str, now: Timestamp) -> Result<Option<Filter>, Refusal> {
    let schema = prefix::fields(Schema::new())
        .field("kind", Kind::words(&["container", "network", "scope"]))
        .field("status", Kind::words(&["planned", "active", "deprecated", "reserved", "inactive"]))
        .searched("scope", Kind::Text);
    bound(state, FIGURES.iter().fold(schema, |schema, figure| schema.field(figure, Kind::Number)), filter, now)
}

/// A prefix or a scope with its utilisation as a row.
#[derive(Debug)]
pub struct UsedRow<'a> {
    place: Place<'a>,
    counts: Counts,
    used_percent: Option<f64>,
}

#[derive(Debug)]
enum Place<'a> {
    Prefix(PrefixRow<'a>),
    Scope(&'a Scope, ScopeRow<'a>),
}

impl<'a> UsedRow<'a> {
    /// The row of a prefix.
    pub fn of_prefix(state: &'a State, prefix: &'a Prefix, counts: Counts, used_percent: Option<f64>) -> Self {
        Self { place: Place::Prefix(PrefixRow::new(state, prefix)), counts, used_percent }
    }

    /// The row of a scope.
    pub fn of_scope(state: &'a State, scope: &'a Arc<Scope>, counts: Counts, used_percent: Option<f64>) -> Self {
        Self { place: Place::Scope(scope, ScopeRow::new(state, scope)), counts, used_percent }
    }
}

impl Lookup for UsedRow<'_> {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        let counts = &self.counts;
        let figure = match field {
            "used_percent" => return self.used_percent.map_or(Datum::Absent, Datum::Number),
            "used" => counts.used() as f64,
            "held" => counts.held as f64,
            "claimed" => counts.claimed as f64,
            "reserved" => counts.reserved as f64,
            "leased" => counts.leased as f64,
            "excluded" => counts.excluded as f64,
            "available" => counts.available as f64,
            "total" => counts.total as f64,
            _ => {
                return match (&self.place, field) {
                    (Place::Prefix(_), "scope") => Datum::Absent,
                    (Place::Prefix(row), _) => row.look(field, key),
                    (Place::Scope(..), "kind") => Datum::from("scope"),
                    (Place::Scope(scope, _), "scope") => Datum::from(scope.name.id()),
                    (Place::Scope(_, row), _) => row.look(field, key),
                };
            }
        };
        Datum::Number(figure)
    }
}
