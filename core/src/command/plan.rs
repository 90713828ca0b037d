//! What may be asked of spaces, prefixes and custom fields.

use crate::labels::{Labels, LabelsPatch};
use crate::model::{FieldType, LabelledKind, PrefixKind, PrefixStatus, ViewKind};
use crate::name::{FieldName, ViewName};
use crate::text::Text;
use std::collections::BTreeSet;

/// Fields of a space to change; `None` leaves a field as it is. So it is in every patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpacePatch {
    /// New heading.
    pub title: Option<Text>,
    /// New description.
    pub description: Option<Text>,
    /// New labels.
    pub labels: LabelsPatch,
}

/// What a new prefix is, wherever it comes to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixDraft {
    /// What it holds.
    pub kind: PrefixKind,
    /// How far it has come.
    pub status: PrefixStatus,
    /// A heading.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// Its labels.
    pub labels: Labels,
}

impl PrefixDraft {
    /// An active prefix of this kind, and nothing else.
    pub fn of(kind: PrefixKind) -> Self {
        Self {
            kind,
            status: PrefixStatus::Active,
            title: Text::default(),
            description: Text::default(),
            labels: Labels::NONE,
        }
    }
}

/// Fields of a prefix to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrefixPatch {
    /// Convert it.
    pub kind: Option<PrefixKind>,
    /// How far it has come.
    pub status: Option<PrefixStatus>,
    /// New heading.
    pub title: Option<Text>,
    /// New description.
    pub description: Option<Text>,
    /// New labels.
    pub labels: LabelsPatch,
}

/// A custom field to define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewField {
    /// Its name.
    pub name: FieldName,
    /// A heading.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// What its values are.
    pub value_type: FieldType,
    /// The values that an enum has.
    pub allowed: Vec<Text>,
    /// Whether there must be a value.
    pub required: bool,
    /// What it can be put on.
    pub applies_to: BTreeSet<LabelledKind>,
    /// Whether values come down the tree.
    pub inherited: bool,
}

/// Fields of a custom field's definition to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldPatch {
    /// New heading.
    pub title: Option<Text>,
    /// New description.
    pub description: Option<Text>,
    /// What its values are; those that are there must fit.
    pub value_type: Option<FieldType>,
    /// The values that an enum has, all of them.
    pub allowed: Option<Vec<Text>>,
    /// Whether there must be a value from now on.
    pub required: Option<bool>,
    /// What it can be put on, all of it.
    pub applies_to: Option<BTreeSet<LabelledKind>>,
    /// Whether values come down the tree.
    pub inherited: Option<bool>,
}

/// A view to save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewView {
    /// Its name.
    pub name: ViewName,
    /// A heading.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// What its members are.
    pub kind: ViewKind,
    /// What its members match.
    pub filter: String,
}

/// Fields of a view to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ViewPatch {
    /// New heading.
    pub title: Option<Text>,
    /// New description.
    pub description: Option<Text>,
    /// What its members match from now on.
    pub filter: Option<String>,
}
