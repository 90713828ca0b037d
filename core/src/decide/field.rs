use super::Moment;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use super::obstacles::Obstacles;
use crate::change::{Change, Record};
use crate::command::{Etag, FieldPatch, NewField};
use crate::model::{FieldDefinition, FieldType};
use crate::name::FieldName;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most custom fields.
pub const DEFINITIONS_MAX: usize = 256;
/// Most values that a field may allow.
pub const ALLOWED_MAX: usize = 256;

pub(super) fn create(state: &State, at: Moment, new: &NewField) -> Result<Vec<Change>, Refusal> {
    if state.field(&new.name).is_some() {
        return Err(already_exists(&new.name, "field_definition_id"));
    }
    if state.fields().len() >= DEFINITIONS_MAX {
        let message = format!("there are {DEFINITIONS_MAX} custom fields, and there can be no more; delete one first");
        return Err(Refusal::new(Reason::TooMany, message).at("field_definition_id"));
    }
    let field = FieldDefinition {
        name: new.name.clone(),
        title: new.title.clone(),
        description: new.description.clone(),
        value_type: new.value_type,
        allowed: new.allowed.clone(),
        required: new.required,
        applies_to: new.applies_to.clone(),
        inherited: new.inherited,
        stamp: at.made(),
    };
    holds_together(&field).map_err(|refusal| refusal.under("field_definition"))?;
    Ok(vec![Change::made(Record::Field(Arc::new(field)))])
}

fn holds_together(field: &FieldDefinition) -> Result<(), Refusal> {
    let refuse = |reason, message: String, at: &str| Err(Refusal::new(reason, message).at(at));
    if field.applies_to.is_empty() {
        return refuse(Reason::FieldRequired, "say what the field can be put on".to_owned(), "applies_to");
    }
    match (field.value_type, field.allowed.len()) {
        (FieldType::Enum, 0) => {
            return refuse(Reason::FieldRequired, "say which values are allowed".to_owned(), "allowed_values");
        }
        (FieldType::Enum, 1..=ALLOWED_MAX) | (_, 0) => {}
        (FieldType::Enum, count) => {
            return refuse(
                Reason::TooMany,
                format!("{count} values; at most {ALLOWED_MAX} are taken"),
                "allowed_values",
            );
        }
        (_, _) => {
            let message = "only a field of type ENUM has allowed values; leave them out".to_owned();
            return refuse(Reason::InvalidValue, message, "allowed_values");
        }
    }
    let mut seen = BTreeSet::new();
    for (i, value) in field.allowed.iter().enumerate() {
        if value.as_str().is_empty() || !seen.insert(value) {
            let message = format!("the allowed value {:?} is empty, or given twice", value.as_str());
            return refuse(Reason::InvalidValue, message, &format!("allowed_values[{i}]"));
        }
    }
    Ok(())
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &FieldName,
    etag: Etag,
    patch: &FieldPatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::field(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = FieldDefinition {
        title: patch.title.clone().unwrap_or_else(|| before.title.clone()),
        description: patch.description.clone().unwrap_or_else(|| before.description.clone()),
        value_type: patch.value_type.unwrap_or(before.value_type),
        allowed: patch.allowed.clone().unwrap_or_else(|| before.allowed.clone()),
        required: patch.required.unwrap_or(before.required),
        applies_to: patch.applies_to.clone().unwrap_or_else(|| before.applies_to.clone()),
        inherited: patch.inherited.unwrap_or(before.inherited),
        ..FieldDefinition::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    holds_together(&after)?;
    let stricter = (after.value_type, &after.allowed, &after.applies_to)
        != (before.value_type, &before.allowed, &before.applies_to);
    if stricter && state.field_uses(name) > 0 {
        values_fit(state, &before, &after)?;
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Field(before), Record::Field(Arc::new(after)))])
}

/// Every value that is there is one of the definition to come, in the same spelling.
fn values_fit(state: &State, before: &FieldDefinition, after: &FieldDefinition) -> Result<(), Refusal> {
    let mut obstacles = Obstacles::default();
    for (kind, record) in state.users_of_field(&after.name) {
        let value = &record.labels().fields()[&after.name];
        if !after.applies_to.contains(&kind) {
            obstacles
                .add(record.key(), || format!("{} has a value, and the field would not be for {kind}", record.key()));
        } else if after.value(value).as_ref() != Ok(value) {
            obstacles.add(record.key(), || format!("{} has {:?}", record.key(), value.as_str()));
        }
    }
    let field = if before.value_type != after.value_type { "value_type" } else { "allowed_values" };
    let field = if before.applies_to != after.applies_to { "applies_to" } else { field };
    obstacles.clear(Reason::InUse, field, || {
        format!(
            "{} cannot be changed so: of its {} values some would not fit",
            after.name,
            state.field_uses(&after.name)
        )
    })
}

pub(super) fn delete(state: &State, name: &FieldName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::field(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let uses = usize::try_from(state.field_uses(name)).expect("no more than records");
    if uses > 0 {
        let named: Vec<_> =
            state.users_of_field(name).take(USERS_NAMED).map(|(_, user)| user.key().to_string()).collect();
        return Err(in_use(name, &named, uses, "take its values away first"));
    }
    Ok(vec![Change::gone(Record::Field(before))])
}
