//! Labels in requests, and those that hold in answers.

use super::mask::Mask;
use freehold_core::State;
use freehold_core::labels::{Labelled, LabelsPatch, effective};
use freehold_core::refusal::Refusal;
use freehold_proto::convert::label::{effective_messages, parse_fields, parse_tags};
use freehold_proto::v1::{EffectiveField, EffectiveTag};
use std::collections::BTreeMap;

/// The labels to change; a path of a mask is `tags` or `fields`, and each means all of them.
pub(super) fn patch(
    mask: &Mask<'_>,
    tags: &[String],
    fields: &BTreeMap<String, String>,
) -> Result<LabelsPatch, Refusal> {
    Ok(LabelsPatch {
        tags: mask.take("tags", !tags.is_empty(), || parse_tags(tags))?,
        fields: mask.take("fields", !fields.is_empty(), || parse_fields(fields))?,
    })
}

/// The labels that hold for a thing.
pub(super) fn holding(state: &State, thing: Labelled<'_>) -> (Vec<EffectiveTag>, Vec<EffectiveField>) {
    effective_messages(&effective(state, thing))
}
