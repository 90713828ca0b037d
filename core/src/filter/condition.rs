//! What one value of a row must be.

use super::pattern::{Pattern, folded};
use super::schema::Datum;
use crate::client::HardwarePrefix;
use crate::net::{Cidr, family};
use crate::time::Timestamp;
use std::cmp::Ordering;
use std::net::IpAddr;

/// How a value stands to a given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Relation {
    fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        })
    }
}

/// What a value must be. A value of another kind than the field's is a fault of the row and is not taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// There is a value.
    Present,
    /// The text is of this form.
    Text(Pattern),
    /// The text in lower case stands so to this one.
    TextOrder(Relation, String),
    Number(Relation, f64),
    Bool(bool),
    Timestamp(Relation, Timestamp),
    /// The enum's word is this one.
    Word(String),
    /// The address, or the whole CIDR, lies in this one.
    Within(Cidr),
    /// The CIDR lies in this one and is another.
    StrictlyWithin(Cidr),
    /// The address stands so to this one of the same family.
    AddressOrder(Relation, IpAddr),
    /// The CIDR is this one.
    Exactly(Cidr),
    /// The CIDR covers this one.
    Covers(Cidr),
    /// The CIDR covers this one and is another.
    StrictlyCovers(Cidr),
    /// The hardware address is this one, which is whole.
    Hardware(HardwarePrefix),
    /// The hardware address begins with this.
    HardwareBegins(HardwarePrefix),
    /// There is a tag of this key.
    Key(String),
    /// The key or the text of a tag is of this form.
    Tag(Pattern),
}

impl Condition {
    /// Whether `datum`, or one of its values, is as asked.
    pub(super) fn holds(&self, datum: &Datum<'_>) -> bool {
        match (self, datum) {
            (_, Datum::Absent) => false,
            (condition, Datum::List(values)) => values.iter().any(|value| condition.holds(value)),
            (Self::Present, Datum::Text(text)) => !text.is_empty(),
            (Self::Present, _) => true,
            (Self::Text(pattern), Datum::Text(text)) => pattern.matches(text),
            (Self::TextOrder(relation, than), Datum::Text(text)) => {
                relation.holds(Some(folded(text).as_ref().cmp(than.as_str())))
            }
            (Self::Number(relation, than), Datum::Number(number)) => relation.holds(number.partial_cmp(than)),
            (Self::Bool(wanted), Datum::Bool(value)) => wanted == value,
            (Self::Timestamp(relation, than), Datum::Timestamp(time)) => relation.holds(Some(time.cmp(than))),
            (Self::Word(wanted), Datum::Text(word)) => wanted.eq_ignore_ascii_case(word),
            (Self::Within(net), Datum::Address(address)) => net.contains(*address),
            (Self::Within(net), Datum::Cidr(cidr)) => net.covers(cidr),
            (Self::AddressOrder(relation, than), Datum::Address(address)) => {
                relation.holds((family(*address) == family(*than)).then(|| address.cmp(than)))
            }
            (Self::Exactly(wanted), Datum::Cidr(cidr)) => wanted == cidr,
            (Self::StrictlyWithin(net), Datum::Cidr(cidr)) => net != cidr && net.covers(cidr),
            (Self::StrictlyCovers(inner), Datum::Cidr(cidr)) => inner != cidr && cidr.covers(inner),
            (Self::Covers(inner), Datum::Cidr(cidr)) => cidr.covers(inner),
            (Self::Hardware(wanted), Datum::Hardware(address)) => {
                wanted.digits() == 2 * address.as_bytes().len() && wanted.matches(address)
            }
            (Self::HardwareBegins(prefix), Datum::Hardware(address)) => prefix.matches(address),
            (Self::Key(wanted), Datum::Entry { key, .. }) => wanted == key,
            (Self::Tag(pattern), Datum::Entry { key, value }) => pattern.matches(key) || pattern.matches(value),
            (condition, datum) => {
                debug_assert!(false, "a row answered {datum:?}, which is not of the field's kind, to {condition:?}");
                false
            }
        }
    }
}
