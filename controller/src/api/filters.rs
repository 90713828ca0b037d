//! What the rows of lists can be filtered by.

use freehold_core::filter::{Datum, Expression, Filter, Kind, Lookup, Schema};
use freehold_core::labels::{Effective, Labelled, effective};
use freehold_core::model::{FieldType, Prefix, PrefixKind, PrefixStatus};
use freehold_core::name::FieldName;
use freehold_core::net::parse_address;
use freehold_core::refusal::Refusal;
use freehold_core::{State, Timestamp};
use std::cell::OnceCell;

/// The filter of a list of prefixes; `None` takes every row.
pub(super) fn of_prefixes(state: &State, filter: &str, now: Timestamp) -> Result<Option<Filter>, Refusal> {
    if filter.is_empty() {
        return Ok(None);
    }
    let schema = Schema::new()
        .searched("cidr", Kind::Cidr)
        .field("kind", Kind::words(&["container", "network"]))
        .field("status", Kind::words(&["planned", "active", "deprecated", "reserved"]))
        .field("space", Kind::Text)
        .searched("title", Kind::Text)
        .searched("description", Kind::Text)
        .field("create_time", Kind::Timestamp)
        .field("update_time", Kind::Timestamp)
        .field("tags", Kind::Tags)
        .field("fields", Kind::Tags);
    let schema = state.fields().values().fold(schema, |schema, definition| match typed(definition.value_type) {
        Some(kind) => schema.field(&format!("fields.{}", definition.name.id()), kind),
        None => schema,
    });
    Expression::parse(filter)?.bind(&schema, now).map(Some)
}

/// What values of a custom field are compared as, if that is not text.
fn typed(value_type: FieldType) -> Option<Kind> {
    match value_type {
        FieldType::Number => Some(Kind::Number),
        FieldType::Bool => Some(Kind::Bool),
        FieldType::Address => Some(Kind::Address),
        FieldType::Text | FieldType::Enum | FieldType::Date | FieldType::Url => None,
    }
}

/// A prefix as a row; the labels that hold for it are looked for when they are asked for.
pub(super) struct PrefixRow<'a> {
    state: &'a State,
    prefix: &'a Prefix,
    labels: OnceCell<Effective>,
}

impl<'a> PrefixRow<'a> {
    pub(super) fn new(state: &'a State, prefix: &'a Prefix) -> Self {
        Self { state, prefix, labels: OnceCell::new() }
    }

    fn labels(&self) -> &Effective {
        self.labels.get_or_init(|| effective(self.state, Labelled::Prefix(self.prefix)))
    }

    fn value(&self, id: &str) -> Option<&str> {
        let name = FieldName::from_id(id).ok()?;
        self.labels().fields.get(&name).map(|(value, _)| value.as_str())
    }

    /// The value of a custom field that is compared as what it is.
    fn typed(&self, id: &str) -> Datum<'_> {
        let name = FieldName::from_id(id).ok();
        let definition = name.and_then(|name| self.state.field(&name));
        let (Some(value), Some(definition)) = (self.value(id), definition) else { return Datum::Absent };
        match definition.value_type {
            FieldType::Number => value.parse().map_or(Datum::Absent, Datum::Number),
            FieldType::Bool => Datum::Bool(value == "true"),
            FieldType::Address => parse_address(value).map_or(Datum::Absent, Datum::Address),
            FieldType::Text | FieldType::Enum | FieldType::Date | FieldType::Url => Datum::from(value),
        }
    }
}

impl Lookup for PrefixRow<'_> {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        let prefix = self.prefix;
        match (field, key) {
            ("cidr", _) => Datum::Cidr(prefix.name.cidr),
            ("kind", _) => Datum::from(match prefix.kind {
                PrefixKind::Container => "container",
                PrefixKind::Network => "network",
            }),
            ("status", _) => Datum::from(match prefix.status {
                PrefixStatus::Planned => "planned",
                PrefixStatus::Active => "active",
                PrefixStatus::Deprecated => "deprecated",
                PrefixStatus::Reserved => "reserved",
            }),
            ("space", _) => Datum::from(prefix.name.space.id()),
            ("title", _) => Datum::from(prefix.title.as_str()),
            ("description", _) => Datum::from(prefix.description.as_str()),
            ("create_time", _) => Datum::Timestamp(prefix.stamp.created),
            ("update_time", _) => Datum::Timestamp(prefix.stamp.updated),
            // A tag is a plain word: it is there or not, and has no text.
            ("tags", Some(key)) => Datum::from(self.labels().tags.keys().find(|tag| tag.as_str() == key).map(|_| "")),
            ("tags", None) => {
                let tags = self.labels().tags.keys();
                Datum::List(tags.map(|tag| Datum::Entry { key: tag.as_str(), value: "" }).collect())
            }
            ("fields", Some(id)) => Datum::from(self.value(id)),
            ("fields", None) => {
                let fields = self.labels().fields.iter();
                let entries = fields.map(|(name, held)| Datum::Entry { key: name.id(), value: held.0.as_str() });
                Datum::List(entries.collect())
            }
            (typed, _) => typed.strip_prefix("fields.").map_or(Datum::Absent, |id| self.typed(id)),
        }
    }
}
