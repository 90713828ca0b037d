//! Tags and custom fields, on whatever has some.

use super::plan::text;
use crate::v1;
use freehold_core::labels::{Effective, FIELDS_MAX, Fields, Labels, TAGS_MAX, Tags};
use freehold_core::name::FieldName;
use freehold_core::refusal::{Reason, Refusal};
use std::collections::BTreeMap;

/// The tags of a thing, as a message has them.
pub fn tags_message(labels: &Labels) -> Vec<String> {
    labels.tags().iter().map(ToString::to_string).collect()
}

/// The fields of a thing by id, as a message has them.
pub fn fields_message(labels: &Labels) -> BTreeMap<String, String> {
    labels.fields().iter().map(|(name, value)| (name.id().to_owned(), value.to_string())).collect()
}

/// The labels that hold for a thing, as messages.
pub fn effective_messages(effective: &Effective) -> (Vec<v1::EffectiveTag>, Vec<v1::EffectiveField>) {
    let tags = effective.tags.iter();
    let tags = tags.map(|(tag, from)| v1::EffectiveTag { tag: tag.to_string(), source: from.to_string() });
    let fields = effective.fields.iter().map(|(name, (value, from))| v1::EffectiveField {
        id: name.id().to_owned(),
        value: value.to_string(),
        source: from.to_string(),
    });
    (tags.collect(), fields.collect())
}

fn at_most(count: usize, most: usize, field: &str) -> Result<(), Refusal> {
    if count <= most {
        return Ok(());
    }
    Err(Refusal::new(Reason::TooMany, format!("{count} {field}; a thing has at most {most}")).at(field))
}

/// Tags, in any order; twice the same is once.
pub fn parse_tags(tags: &[String]) -> Result<Tags, Refusal> {
    at_most(tags.len(), TAGS_MAX, "tags")?;
    let tags = tags.iter().enumerate();
    tags.map(|(i, tag)| tag.parse().map_err(|refusal: Refusal| refusal.at(format!("tags[{i}]")))).collect()
}

/// Values of custom fields by id; whether they fit their definitions is for core to say.
pub fn parse_fields(fields: &BTreeMap<String, String>) -> Result<Fields, Refusal> {
    at_most(fields.len(), FIELDS_MAX, "fields")?;
    let one = |(id, value): (&String, &String)| {
        let name = FieldName::from_id(id).map_err(|refusal| refusal.at("fields"))?;
        let at = format!("fields.{}", name.id());
        Ok((name, text(value, &at)?))
    };
    fields.iter().map(one).collect()
}

/// The labels of a message.
pub fn parse(tags: &[String], fields: &BTreeMap<String, String>) -> Result<Labels, Refusal> {
    Ok(Labels::new(parse_tags(tags)?, parse_fields(fields)?))
}
