//! The labels that hold for a row.

use crate::filter::{Datum, Kind, Schema};
use crate::labels::{Effective, Labelled, effective};
use crate::model::FieldType;
use crate::name::FieldName;
use crate::net::parse_address;
use crate::state::State;
use std::cell::OnceCell;

/// Tags, custom fields as text, and those that are compared as what they are.
pub(super) fn fields(state: &State, schema: Schema) -> Schema {
    let schema = schema.field("tags", Kind::Tags).field("fields", Kind::Tags);
    state.fields().values().fold(schema, |schema, definition| match typed(definition.value_type) {
        Some(kind) => schema.field(&format!("fields.{}", definition.name.id()), kind),
        None => schema,
    })
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

/// The labels that hold for a thing, looked for when they are asked for.
#[derive(Debug)]
pub(super) struct Holding<'a> {
    state: &'a State,
    thing: Option<Labelled<'a>>,
    labels: OnceCell<Effective>,
}

impl<'a> Holding<'a> {
    /// Of a thing, or of nothing.
    pub(super) fn of(state: &'a State, thing: Option<Labelled<'a>>) -> Self {
        Self { state, thing, labels: OnceCell::new() }
    }

    fn labels(&self) -> &Effective {
        self.labels.get_or_init(|| self.thing.map(|thing| effective(self.state, thing)).unwrap_or_default())
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

    /// The value of one of [`fields`].
    pub(super) fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        match (field, key) {
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
