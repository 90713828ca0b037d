//! Labels: the tags and custom fields that people put on what is in the plan.
//!
//! A *tag* is a plain word, such as `voice` or `pci`: a thing has it or has it not. What has a value is a *field*, such
//! as `site` = `berlin`: it is defined once for everybody ([`FieldDefinition`](crate::model::FieldDefinition)), and every
//! value fits its definition. There is no `key=value` tag, so that one fact has one place.
//!
//! Labels come down the tree: a thing has the tags of everything around it, and of the fields that are defined as
//! inherited the value of whatever around it is nearest and has one. [`effective`] says what holds and from where. Nothing
//! inherited is stored, and nothing at all is stored where there are no labels: a [`Labels`] is one word then.

use crate::address::{AddressView, Why};
use crate::change::RecordKey;
use crate::model::{Assignment, Prefix, Reservation, Scope, Space};
use crate::name::{AddressName, FieldName, PrefixName};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::text::{Text, shown};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Most tags on one thing.
pub const TAGS_MAX: usize = 32;
/// Most fields on one thing.
pub const FIELDS_MAX: usize = 64;
/// Longest tag, in characters.
pub const TAG_CHARS_MAX: usize = 63;

/// A plain word: 1 to 63 of a-z, 0-9, `-`, `_` and `.`, the first and the last a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = (1..=TAG_CHARS_MAX).contains(&bytes.len())
            && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'-' | b'_' | b'.'))
            && plain(bytes[0])
            && plain(bytes[bytes.len() - 1]);
        if fits {
            return Ok(Self(Arc::from(text)));
        }
        let hint = if text.contains('=') { "; what has a value is a field, not a tag" } else { "" };
        Err(Refusal::new(
            Reason::InvalidTag,
            format!(
                "{} is not a tag: use 1 to {TAG_CHARS_MAX} characters of a-z, 0-9 and inner hyphens, dots and underscores{hint}",
                shown(text)
            ),
        ))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tags of a thing.
pub type Tags = BTreeSet<Tag>;
/// The fields of a thing, each in the one spelling that its type has for the value.
pub type Fields = BTreeMap<FieldName, Text>;

static NO_TAGS: Tags = Tags::new();
static NO_FIELDS: Fields = Fields::new();

/// The labels that were put on a thing itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Option<Box<(Tags, Fields)>>);

impl Labels {
    /// No labels.
    pub const NONE: Self = Self(None);

    /// These tags and fields.
    pub fn new(tags: Tags, fields: Fields) -> Self {
        Self((!tags.is_empty() || !fields.is_empty()).then(|| Box::new((tags, fields))))
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        self.0.as_ref().map_or(&NO_TAGS, |both| &both.0)
    }

    /// Its fields.
    pub fn fields(&self) -> &Fields {
        self.0.as_ref().map_or(&NO_FIELDS, |both| &both.1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Labels to change; `None` leaves them as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelsPatch {
    /// The tags, all of them.
    pub tags: Option<Tags>,
    /// The fields, all of them.
    pub fields: Option<Fields>,
}

impl LabelsPatch {
    /// What `labels` become.
    pub fn apply(&self, labels: &Labels) -> Labels {
        match (&self.tags, &self.fields) {
            (None, None) => labels.clone(),
            (tags, fields) => Labels::new(
                tags.as_ref().unwrap_or_else(|| labels.tags()).clone(),
                fields.as_ref().unwrap_or_else(|| labels.fields()).clone(),
            ),
        }
    }
}

/// The labels that hold for a thing: its own, and those that come down to it, each with whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    /// Tags, each with the nearest thing that has it.
    pub tags: BTreeMap<Tag, RecordKey>,
    /// Fields, each with the value of the nearest thing that has one.
    pub fields: BTreeMap<FieldName, (Text, RecordKey)>,
}

impl Effective {
    /// Takes in what is one step further up.
    fn inherit(&mut self, state: &State, from: RecordKey, labels: &Labels) {
        self.add(from, labels, |name| state.field(name).is_some_and(|definition| definition.inherited));
    }

    fn add(&mut self, from: RecordKey, labels: &Labels, wanted: impl Fn(&FieldName) -> bool) {
        for tag in labels.tags() {
            self.tags.entry(tag.clone()).or_insert_with(|| from.clone());
        }
        for (name, value) in labels.fields().iter().filter(|(name, _)| wanted(name)) {
            self.fields.entry(name.clone()).or_insert_with(|| (value.clone(), from.clone()));
        }
    }

    fn own(from: RecordKey, labels: &Labels) -> Self {
        let mut own = Self::default();
        own.add(from, labels, |_| true);
        own
    }

    /// Takes in what `name` has around it: prefixes from the inside out, then its space.
    fn inherit_around(&mut self, state: &State, name: &PrefixName) {
        for prefix in state.around(name).filter(|prefix| !prefix.labels.is_empty()) {
            self.inherit(state, RecordKey::Prefix(prefix.name.clone()), &prefix.labels);
        }
        if let Some(space) = state.space(&name.space).filter(|space| !space.labels.is_empty()) {
            self.inherit(state, RecordKey::Space(space.name.clone()), &space.labels);
        }
    }
}

/// What labels can be put on, in a form that [`effective`] takes.
#[derive(Debug, Clone, Copy)]
pub enum Labelled<'a> {
    /// A space.
    Space(&'a Space),
    /// A prefix.
    Prefix(&'a Prefix),
    /// A scope; its network is around it.
    Scope(&'a Scope),
    /// A reservation; its scope is around it.
    Reservation(&'a Reservation),
    /// A held or claimed address; its scope, or else its network, is around it.
    Address(&'a Assignment),
}

/// The labels that hold for a thing. Costs what is around it, not what is in it.
pub fn effective(state: &State, thing: Labelled<'_>) -> Effective {
    match thing {
        Labelled::Space(space) => Effective::own(RecordKey::Space(space.name.clone()), &space.labels),
        Labelled::Prefix(prefix) => {
            let mut all = Effective::own(RecordKey::Prefix(prefix.name.clone()), &prefix.labels);
            all.inherit_around(state, &prefix.name);
            all
        }
        Labelled::Scope(scope) => {
            let mut all = Effective::own(RecordKey::Scope(scope.name.clone()), &scope.labels);
            inherit_network(&mut all, state, scope);
            all
        }
        Labelled::Address(assignment) => {
            let AddressName { space, address } = &assignment.name;
            of_assignment(state, assignment, state.network_at(space, *address), state.scope_at(space, *address))
        }
        Labelled::Reservation(reservation) => {
            let mut all = Effective::own(RecordKey::Reservation(reservation.name.clone()), &reservation.labels);
            if let Some(scope) = state.scope(&reservation.name.scope) {
                all.inherit(state, RecordKey::Scope(scope.name.clone()), &scope.labels);
                inherit_network(&mut all, state, scope);
            }
            all
        }
    }
}

/// The labels that hold for an address that was looked at: those of what was decided about it, or else those that come down to it.
pub fn of_address(state: &State, view: &AddressView) -> Effective {
    let (network, scope) = (view.network.as_ref(), view.scope.as_ref());
    let decided = view.reasons.iter().find_map(|why| match why {
        Why::Assigned(assignment) => Some(of_assignment(state, assignment, network, scope)),
        Why::Reserved(reservation) => Some(effective(state, Labelled::Reservation(reservation))),
        _ => None,
    });
    decided.unwrap_or_else(|| {
        let mut all = Effective::default();
        inherit_address(&mut all, state, network, scope);
        all
    })
}

fn of_assignment(
    state: &State,
    assignment: &Assignment,
    network: Option<&Arc<Prefix>>,
    scope: Option<&Arc<Scope>>,
) -> Effective {
    let mut all = Effective::own(RecordKey::Address(assignment.name.clone()), assignment.labels());
    inherit_address(&mut all, state, network, scope);
    all
}

fn inherit_address(all: &mut Effective, state: &State, network: Option<&Arc<Prefix>>, scope: Option<&Arc<Scope>>) {
    if let Some(scope) = scope {
        all.inherit(state, RecordKey::Scope(scope.name.clone()), &scope.labels);
    }
    if let Some(network) = network {
        all.inherit(state, RecordKey::Prefix(network.name.clone()), &network.labels);
        all.inherit_around(state, &network.name);
    }
}

fn inherit_network(all: &mut Effective, state: &State, scope: &Scope) {
    let network = scope.prefix();
    if let Some(prefix) = state.prefix(&network) {
        all.inherit(state, RecordKey::Prefix(network.clone()), &prefix.labels);
    }
    all.inherit_around(state, &network);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_plain_words() {
        for good in ["voice", "a", "pci-dss", "rack_7", "v1.2", &"x".repeat(63)] {
            assert_eq!(good.parse::<Tag>().map(|tag| tag.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "Voice", "a b", "-a", "a-", "a/b", "é", "a\u{0}", &"x".repeat(64)] {
            assert_eq!(bad.parse::<Tag>().map_err(|r| r.reason), Err(Reason::InvalidTag), "{bad:?}");
        }
        let hint = "site=berlin".parse::<Tag>().expect_err("a field").message;
        assert!(hint.ends_with("what has a value is a field, not a tag"), "{hint}");
    }

    #[test]
    fn no_labels_are_one_word() {
        assert_eq!(size_of::<Labels>(), size_of::<usize>());
        assert_eq!(Labels::new(Tags::new(), Fields::new()), Labels::default());
    }
}
