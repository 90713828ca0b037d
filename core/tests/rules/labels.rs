//! Labels come down the tree, are counted, and fit their definitions.

use crate::world::{NOW, after, state, word};
use freehold_core::command::{Command, FieldPatch, NewField, PrefixDraft, PrefixPatch};
use freehold_core::labels::{Fields, Labelled, Labels, LabelsPatch, Tags, effective};
use freehold_core::model::{FieldType, LabelledKind, PrefixKind};
use freehold_core::name::FieldName;
use freehold_core::text::Text;
use freehold_core::{State, decide};

pub(crate) fn fields(values: &[(&str, &str)]) -> Fields {
    let one = |(id, value): &(&str, &str)| (FieldName::from_id(id).expect("a name"), Text::parse(value).expect("text"));
    values.iter().map(one).collect()
}

/// A field of prefixes, to define it.
pub(crate) fn define(id: &str, value_type: FieldType) -> NewField {
    NewField {
        name: FieldName::from_id(id).expect("a name"),
        title: Text::default(),
        description: Text::default(),
        value_type,
        allowed: Vec::new(),
        required: false,
        applies_to: [LabelledKind::Prefix].into(),
        inherited: false,
    }
}

/// A new network with these labels.
pub(crate) fn labelled_prefix(labels: Labels) -> Command {
    Command::CreatePrefix {
        name: word("spaces/default/prefixes/10.0.9.0-24"),
        draft: PrefixDraft { labels, ..PrefixDraft::of(PrefixKind::Network) },
    }
}

/// These fields, and no others, for a prefix.
pub(crate) fn relabel(name: &str, values: &[(&str, &str)]) -> Command {
    let labels = LabelsPatch { tags: None, fields: Some(fields(values)) };
    Command::UpdatePrefix { name: word(name), etag: None, patch: PrefixPatch { labels, ..PrefixPatch::default() } }
}

/// The world with the inherited field `site` (rome on 10/8), `vlan`, `tier` (gold on 10.0.1.0/24) and `helper`, of scopes.
pub(crate) fn defined(world: State) -> State {
    let text = |words: &str| Text::parse(words).expect("text");
    let definitions = [
        NewField { inherited: true, ..define("site", FieldType::Text) },
        define("vlan", FieldType::Number),
        NewField { allowed: vec![text("gold"), text("silver")], ..define("tier", FieldType::Enum) },
        NewField { applies_to: [LabelledKind::Scope].into(), ..define("helper", FieldType::Address) },
    ];
    let world = definitions.into_iter().fold(world, |world, new| after(world, &Command::CreateField(new), NOW));
    let world = after(world, &relabel("spaces/default/prefixes/10.0.0.0-8", &[("site", "rome"), ("vlan", "007")]), NOW);
    after(world, &relabel("spaces/default/prefixes/10.0.1.0-24", &[("tier", "gold")]), NOW)
}

fn tagged(world: State, name: &str, tag: &str) -> State {
    let labels = LabelsPatch { tags: Some(Tags::from([word(tag)])), fields: None };
    let patch = PrefixPatch { labels, ..PrefixPatch::default() };
    after(world, &Command::UpdatePrefix { name: word(name), etag: None, patch }, NOW)
}

#[test]
fn what_holds_comes_from_the_nearest_that_has_it() {
    let world = tagged(defined(state()), "spaces/default/prefixes/10.0.0.0-8", "core");
    let world = tagged(world, "spaces/default/prefixes/10.0.0.0-24", "voice");
    let reservation = world.reservation(&word("scopes/hall/reservations/10.0.0.50")).expect("there");
    let held = effective(&world, Labelled::Reservation(reservation));
    let tags: Vec<_> = held.tags.iter().map(|(tag, from)| (tag.to_string(), from.to_string())).collect();
    let from = |name: &str| format!("spaces/default/prefixes/{name}");
    assert_eq!(tags, [("core".to_owned(), from("10.0.0.0-8")), ("voice".to_owned(), from("10.0.0.0-24"))]);
    let fields: Vec<_> =
        held.fields.iter().map(|(name, (value, from))| (name.id(), value.as_str(), from.to_string())).collect();
    assert_eq!(fields, [("site", "rome", from("10.0.0.0-8"))], "vlan is not inherited");

    let world = after(world, &relabel("spaces/default/prefixes/10.0.0.0-24", &[("site", "berlin")]), NOW);
    let network = world.prefix(&word("spaces/default/prefixes/10.0.0.0-24")).expect("there");
    let site =
        effective(&world, Labelled::Prefix(network)).fields[&FieldName::from_id("site").expect("a name")].clone();
    assert_eq!((site.0.as_str(), site.1.to_string()), ("berlin", from("10.0.0.0-24")));
}

#[test]
fn values_are_kept_in_one_spelling_and_counted() {
    let world = defined(state());
    let container = world.prefix(&word("spaces/default/prefixes/10.0.0.0-8")).expect("there");
    assert_eq!(container.labels.fields(), &fields(&[("site", "rome"), ("vlan", "7")]));
    assert_eq!(world.field_uses(&word("fieldDefinitions/vlan")), 1);
    let world = after(world, &relabel("spaces/default/prefixes/10.0.0.0-8", &[]), NOW);
    assert_eq!(world.field_uses(&word("fieldDefinitions/vlan")), 0);
    let delete = Command::DeleteField { name: word("fieldDefinitions/vlan"), etag: None };
    assert!(decide(&world, &delete, NOW).is_ok());
    assert_eq!(freehold_core::check(&world), Vec::<String>::new());
}

#[test]
fn a_type_changes_where_every_value_fits() {
    let world = defined(state());
    let patch = FieldPatch { value_type: Some(FieldType::Text), ..FieldPatch::default() };
    let change = Command::UpdateField { name: word("fieldDefinitions/vlan"), etag: None, patch };
    let world = after(world, &change, NOW);
    assert_eq!(freehold_core::check(&world), Vec::<String>::new());
    let refusal = decide(&world, &Command::DeleteField { name: word("fieldDefinitions/site"), etag: None }, NOW);
    assert_eq!(
        refusal.expect_err("in use").message,
        "fieldDefinitions/site is used by spaces/default/prefixes/10.0.0.0-8; take its values away first"
    );
}

#[test]
fn an_inherited_value_is_enough_where_one_is_required() {
    let world = defined(state());
    let patch = FieldPatch { required: Some(true), ..FieldPatch::default() };
    let world = after(world, &Command::UpdateField { name: word("fieldDefinitions/site"), etag: None, patch }, NOW);
    assert!(decide(&world, &labelled_prefix(Labels::NONE), NOW).is_ok(), "10.0.0.0/8 has one");
    let apart = Command::CreatePrefix {
        name: word("spaces/default/prefixes/192.0.2.0-24"),
        draft: PrefixDraft::of(PrefixKind::Network),
    };
    assert_eq!(decide(&world, &apart, NOW).expect_err("nothing around it").field, "prefix.fields.site");
}
