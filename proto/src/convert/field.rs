//! The definitions of custom fields.

use super::plan::text;
use super::time;
use crate::v1;
use crate::v1::field_definition::{Kind, ValueType};
use freehold_core::model::{FieldDefinition, FieldType, LabelledKind};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::Text;
use std::collections::BTreeSet;

/// The message of a definition, without the number of its uses.
pub fn message(field: &FieldDefinition) -> v1::FieldDefinition {
    v1::FieldDefinition {
        name: field.name.to_string(),
        title: field.title.to_string(),
        description: field.description.to_string(),
        value_type: type_message(field.value_type).into(),
        allowed_values: field.allowed.iter().map(ToString::to_string).collect(),
        required: field.required,
        applies_to: field.applies_to.iter().map(|kind| kind_message(*kind).into()).collect(),
        inherited: field.inherited,
        use_count: 0,
        create_time: Some(time::message(field.stamp.created)),
        update_time: Some(time::message(field.stamp.updated)),
        etag: time::etag(field.stamp.revision),
    }
}

/// The definition of a message, as it was stored.
pub fn parse(message: &v1::FieldDefinition) -> Result<FieldDefinition, Refusal> {
    Ok(FieldDefinition {
        name: message.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?,
        title: text(&message.title, "title")?,
        description: text(&message.description, "description")?,
        value_type: parse_type(message)?,
        allowed: parse_allowed(message)?,
        required: message.required,
        applies_to: parse_kinds(message)?,
        inherited: message.inherited,
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

/// What the values of a field are, which must be said.
pub fn parse_type(message: &v1::FieldDefinition) -> Result<FieldType, Refusal> {
    let number = message.value_type;
    match ValueType::try_from(number) {
        Ok(ValueType::Text) => Ok(FieldType::Text),
        Ok(ValueType::Number) => Ok(FieldType::Number),
        Ok(ValueType::Bool) => Ok(FieldType::Bool),
        Ok(ValueType::Enum) => Ok(FieldType::Enum),
        Ok(ValueType::Date) => Ok(FieldType::Date),
        Ok(ValueType::Address) => Ok(FieldType::Address),
        Ok(ValueType::Url) => Ok(FieldType::Url),
        Ok(ValueType::Unspecified) => {
            Err(Refusal::new(Reason::FieldRequired, "say what the values of the field are").at("value_type"))
        }
        Err(_) => {
            let message = format!("no type of values has the number {number}");
            Err(Refusal::new(Reason::InvalidValue, message).at("value_type"))
        }
    }
}

/// The values that a field allows.
pub fn parse_allowed(message: &v1::FieldDefinition) -> Result<Vec<Text>, Refusal> {
    let values = message.allowed_values.iter().enumerate();
    values.map(|(i, value)| text(value, &format!("allowed_values[{i}]"))).collect()
}

/// What a field can be put on.
pub fn parse_kinds(message: &v1::FieldDefinition) -> Result<BTreeSet<LabelledKind>, Refusal> {
    let parse = |(i, number): (usize, &i32)| match Kind::try_from(*number) {
        Ok(Kind::Space) => Ok(LabelledKind::Space),
        Ok(Kind::Prefix) => Ok(LabelledKind::Prefix),
        Ok(Kind::Scope) => Ok(LabelledKind::Scope),
        Ok(Kind::Reservation) => Ok(LabelledKind::Reservation),
        Ok(Kind::Address) => Ok(LabelledKind::Address),
        Ok(Kind::Unspecified) | Err(_) => {
            let message = format!("nothing that a field can be put on has the number {number}");
            Err(Refusal::new(Reason::InvalidValue, message).at(format!("applies_to[{i}]")))
        }
    };
    message.applies_to.iter().enumerate().map(parse).collect()
}

fn type_message(value_type: FieldType) -> ValueType {
    match value_type {
        FieldType::Text => ValueType::Text,
        FieldType::Number => ValueType::Number,
        FieldType::Bool => ValueType::Bool,
        FieldType::Enum => ValueType::Enum,
        FieldType::Date => ValueType::Date,
        FieldType::Address => ValueType::Address,
        FieldType::Url => ValueType::Url,
    }
}

fn kind_message(kind: LabelledKind) -> Kind {
    match kind {
        LabelledKind::Space => Kind::Space,
        LabelledKind::Prefix => Kind::Prefix,
        LabelledKind::Scope => Kind::Scope,
        LabelledKind::Reservation => Kind::Reservation,
        LabelledKind::Address => Kind::Address,
    }
}
