//! What a list can be filtered by, and how a row is asked for it.

use crate::client::HardwareAddress;
use crate::net::Cidr;
use crate::time::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What kind of value a field has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared without regard to case.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A point in time.
    Timestamp,
    /// An address.
    Address,
    /// A prefix.
    Cidr,
    /// A hardware address.
    Hardware,
    /// One of these words.
    Enum(Vec<String>),
    /// Texts by key.
    Tags,
}

impl Kind {
    /// An enum of these words.
    pub fn words(words: &[&str]) -> Self {
        Self::Enum(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// What a field of this kind is, with an example.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Number => "a number, such as 42 or 0.95".into(),
            Self::Bool => "true or false".into(),
            Self::Timestamp => "a time, such as 2026-03-01T12:00:00Z, 2026-03-01 or -30d".into(),
            Self::Address => "an address, such as 10.1.2.3, or all of a CIDR, such as 10.1.0.0/16".into(),
            Self::Cidr => "a CIDR, such as 10.1.0.0/16".into(),
            Self::Hardware => "a hardware address, such as 02:00:5e:10:00:01, or a beginning of one".into(),
            Self::Enum(words) => format!("one of {}", words.join(", ")),
            Self::Tags => "a set of tags".into(),
        }
    }
}

/// The fields of a list's rows, by their dotted paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    fields: BTreeMap<String, Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// Whether a value alone is searched for in it.
    pub(super) searched: bool,
}

impl Schema {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a field. A path is names of letters, digits and `_` joined by dots, and begins with a letter.
    #[must_use]
    pub fn field(mut self, path: &str, kind: Kind) -> Self {
        self.fields.insert(path.to_owned(), Field { kind, searched: false });
        self
    }

    /// The same with a field in which values that stand alone are searched for.
    #[must_use]
    pub fn searched(mut self, path: &str, kind: Kind) -> Self {
        self.fields.insert(path.to_owned(), Field { kind, searched: true });
        self
    }

    /// The field of this path and, if it is one of tags, the key that the path ends with.
    pub(super) fn find(&self, path: &[String]) -> Option<(&str, &Kind, Option<String>)> {
        let whole = self.fields.get_key_value(&path.join("."));
        if let Some((name, field)) = whole {
            return Some((name, &field.kind, None));
        }
        (1..path.len()).find_map(|split| {
            let (name, field) = self.fields.get_key_value(&path[..split].join("."))?;
            (field.kind == Kind::Tags).then(|| (name.as_str(), &field.kind, Some(path[split..].join("."))))
        })
    }

    /// The fields that are searched.
    pub(super) fn all_searched(&self) -> impl Iterator<Item = (&str, &Kind)> {
        self.fields.iter().filter(|(_, field)| field.searched).map(|(name, field)| (name.as_str(), &field.kind))
    }

    /// Every path, for a message.
    pub(super) fn paths(&self) -> String {
        let shown = |(name, field): (&String, &Field)| match field.kind {
            Kind::Tags => format!("{name}.KEY"),
            _ => name.clone(),
        };
        self.fields.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

/// A row that can be asked for its values.
pub trait Lookup {
    /// The value of a field of the schema, of the field's kind. For a field of tags: with a key, the text of that tag;
    /// without, every tag as an [`Entry`](Datum::Entry).
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_>;
}

/// What a row has in a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum<'a> {
    /// Nothing.
    Absent,
    /// For text and enums.
    Text(Cow<'a, str>),
    /// For numbers.
    Number(f64),
    /// For bools.
    Bool(bool),
    /// For timestamps.
    Timestamp(Timestamp),
    /// For addresses.
    Address(IpAddr),
    /// For CIDRs.
    Cidr(Cidr),
    /// For hardware addresses.
    Hardware(&'a HardwareAddress),
    /// A tag.
    Entry {
        /// Its key.
        key: &'a str,
        /// Its text.
        value: &'a str,
    },
    /// Several values, none of them a list.
    List(Vec<Datum<'a>>),
}

impl<'a> From<&'a str> for Datum<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a, T: Into<Datum<'a>>> From<Option<T>> for Datum<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}
