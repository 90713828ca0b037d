//! Labels on whatever has some: each value fits its definition, and what must be there is.

use crate::labels::{FIELDS_MAX, Fields, Labelled, Labels, LabelsPatch, TAGS_MAX, effective};
use crate::model::LabelledKind;
use crate::refusal::{Reason, Refusal};
use crate::state::State;

/// `labels` with every value in its one spelling.
pub(super) fn fitting(state: &State, kind: LabelledKind, labels: &Labels) -> Result<Labels, Refusal> {
    let too_many = |field: &str, count: usize, most: usize| {
        Err(Refusal::new(Reason::TooMany, format!("{count} {field}; a thing has at most {most}")).at(field))
    };
    if labels.tags().len() > TAGS_MAX {
        return too_many("tags", labels.tags().len(), TAGS_MAX);
    }
    if labels.fields().len() > FIELDS_MAX {
        return too_many("fields", labels.fields().len(), FIELDS_MAX);
    }
    let mut fields = Fields::new();
    for (name, value) in labels.fields() {
        let at = format!("fields.{}", name.id());
        let definition = state.field(name).ok_or_else(|| {
            Refusal::new(Reason::FieldDefinitionNotFound, format!("{name} does not exist; define the field first"))
                .at(&at)
        })?;
        if !definition.applies_to.contains(&kind) {
            let kinds: Vec<_> = definition.applies_to.iter().map(ToString::to_string).collect();
            let message = format!("{name} is for {}, not for {kind}", kinds.join(", "));
            return Err(Refusal::new(Reason::FieldNotApplicable, message).at(&at).about(name));
        }
        let value = definition.value(value).map_err(|wanted| {
            let message = format!("{:?} is no value of {name}: give {wanted}", value.as_str());
            Refusal::new(Reason::InvalidFieldValue, message).at(&at).about(name)
        })?;
        fields.insert(name.clone(), value);
    }
    Ok(Labels::new(labels.tags().clone(), fields))
}

/// What `patch` makes of `labels`, every value in its one spelling.
pub(super) fn patched(
    state: &State,
    kind: LabelledKind,
    labels: &Labels,
    patch: &LabelsPatch,
) -> Result<Labels, Refusal> {
    match patch {
        LabelsPatch { tags: None, fields: None } => Ok(labels.clone()),
        patch => fitting(state, kind, &patch.apply(labels)),
    }
}

/// Refuses a thing without a field that things of its kind must have, of its own or from around it. An address is not
/// asked: the next free one must not be refused to a program that knows nothing of a new field. Asked where a thing is
/// made or its fields change; what was there before a field became required is let be until then.
pub(super) fn complete(state: &State, kind: LabelledKind, thing: Labelled<'_>) -> Result<(), Refusal> {
    let mut required =
        state.fields().values().filter(|field| field.required && field.applies_to.contains(&kind)).peekable();
    if required.peek().is_none() {
        return Ok(());
    }
    let effective = effective(state, thing);
    match required.find(|field| !effective.fields.contains_key(&field.name)) {
        Some(missing) => {
            let message = format!("{kind} must have the field {}, and it has no value here", missing.name.id());
            Err(Refusal::new(Reason::RequiredFieldMissing, message)
                .at(format!("fields.{}", missing.name.id()))
                .about(&missing.name))
        }
        None => Ok(()),
    }
}
