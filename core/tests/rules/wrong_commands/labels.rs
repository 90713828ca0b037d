//! Labels and definitions of custom fields that do not fit.

use super::{Case, case};
use crate::labels::{define, defined, fields, labelled_prefix, relabel};
use crate::world::{NOW, after, word};
use freehold_core::command::{Command, FieldPatch, NewField};
use freehold_core::decide::{ALLOWED_MAX, DEFINITIONS_MAX};
use freehold_core::labels::{Labels, Tags};
use freehold_core::model::{FieldType, LabelledKind};
use freehold_core::text::Text;
use freehold_core::{Reason, State};

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    let in_world = |case: Case| Case { prepare: defined, ..case };
    [values(), definitions()].into_iter().flatten().map(in_world).chain(late()).collect()
}

fn values() -> Vec<Case> {
    let value = |what, id: &str, value: &str, reason, field| {
        case(what, labelled_prefix(Labels::new(Tags::new(), fields(&[(id, value)]))), reason, field)
    };
    let tags = |count: usize| (0..count).map(|n| word(&format!("t{n}"))).collect::<Tags>();
    let many: Vec<_> = (0..65).map(|n| format!("f{n}")).collect();
    let many: Vec<_> = many.iter().map(|id| (id.as_str(), "x")).collect();
    vec![
        value("a field that there is not", "none", "x", Reason::FieldDefinitionNotFound, "prefix.fields.none"),
        value("no number", "vlan", "x", Reason::InvalidFieldValue, "prefix.fields.vlan"),
        value("no text at all", "site", "", Reason::InvalidFieldValue, "prefix.fields.site"),
        value("no value of an enum", "tier", "lead", Reason::InvalidFieldValue, "prefix.fields.tier"),
        value("a field for scopes", "helper", "10.0.0.1", Reason::FieldNotApplicable, "prefix.fields.helper"),
        case("too many tags", labelled_prefix(Labels::new(tags(33), fields(&[]))), Reason::TooMany, "prefix.tags"),
        case(
            "too many fields",
            labelled_prefix(Labels::new(Tags::new(), fields(&many))),
            Reason::TooMany,
            "prefix.fields",
        ),
        case(
            "a wrong value of a network that is there",
            relabel("spaces/default/prefixes/10.0.0.0-24", &[("vlan", "x")]),
            Reason::InvalidFieldValue,
            "prefix.fields.vlan",
        ),
    ]
}

fn definitions() -> Vec<Case> {
    let new = |what, change: fn(&mut NewField), reason, field| {
        let mut new = define("new", FieldType::Text);
        change(&mut new);
        case(what, Command::CreateField(new), reason, field)
    };
    let text = |words: &str| Text::parse(words).expect("text");
    let patch = |what, id: &str, patch: FieldPatch, reason, field| {
        let name = word(&format!("fieldDefinitions/{id}"));
        case(what, Command::UpdateField { name, etag: None, patch }, reason, field)
    };
    vec![
        case(
            "a field twice",
            Command::CreateField(define("site", FieldType::Text)),
            Reason::AlreadyExists,
            "field_definition_id",
        ),
        new("a field for nothing", |new| new.applies_to.clear(), Reason::FieldRequired, "field_definition.applies_to"),
        new(
            "an enum without values",
            |new| new.value_type = FieldType::Enum,
            Reason::FieldRequired,
            "field_definition.allowed_values",
        ),
        new(
            "a text with values",
            |new| new.allowed = vec![Text::parse("x").expect("text")],
            Reason::InvalidValue,
            "field_definition.allowed_values",
        ),
        new(
            "a value twice",
            |new| {
                new.value_type = FieldType::Enum;
                new.allowed = vec![Text::parse("x").expect("text"); 2];
            },
            Reason::InvalidValue,
            "field_definition.allowed_values[1]",
        ),
        new(
            "too many values",
            |new| {
                new.value_type = FieldType::Enum;
                new.allowed = (0..=ALLOWED_MAX).map(|n| Text::parse(&n.to_string()).expect("text")).collect();
            },
            Reason::TooMany,
            "field_definition.allowed_values",
        ),
        patch(
            "a type that a value does not fit",
            "site",
            FieldPatch { value_type: Some(FieldType::Number), ..FieldPatch::default() },
            Reason::InUse,
            "field_definition.value_type",
        ),
        patch(
            "an enum without a value that is used",
            "tier",
            FieldPatch { allowed: Some(vec![text("silver")]), ..FieldPatch::default() },
            Reason::InUse,
            "field_definition.allowed_values",
        ),
        patch(
            "a field taken from things that have it",
            "site",
            FieldPatch { applies_to: Some([LabelledKind::Scope].into()), ..FieldPatch::default() },
            Reason::InUse,
            "field_definition.applies_to",
        ),
        case(
            "a field in use, to delete it",
            Command::DeleteField { name: word("fieldDefinitions/site"), etag: None },
            Reason::InUse,
            "name",
        ),
        case(
            "a stale etag of a field",
            Command::DeleteField { name: word("fieldDefinitions/vlan"), etag: Some(freehold_core::Revision(1)) },
            Reason::EtagMismatch,
            "etag",
        ),
        patch(
            "a field that there is not",
            "none",
            FieldPatch::default(),
            Reason::FieldDefinitionNotFound,
            "field_definition.name",
        ),
    ]
}

fn required(state: State) -> State {
    let owner = NewField { required: true, ..define("owner", FieldType::Text) };
    after(state, &Command::CreateField(owner), NOW)
}

fn full(state: State) -> State {
    (0..DEFINITIONS_MAX)
        .fold(state, |state, n| after(state, &Command::CreateField(define(&format!("f{n}"), FieldType::Text)), NOW))
}

fn late() -> Vec<Case> {
    vec![
        Case {
            prepare: required,
            ..case(
                "a prefix without its owner",
                labelled_prefix(Labels::NONE),
                Reason::RequiredFieldMissing,
                "prefix.fields.owner",
            )
        },
        Case {
            prepare: full,
            ..case(
                "one field too many",
                Command::CreateField(define("more", FieldType::Text)),
                Reason::TooMany,
                "field_definition_id",
            )
        },
    ]
}
