//! What a filter means for one list: taking rows, and saying what taken rows have in common.

use super::condition::Condition;
use super::schema::Lookup;
use crate::client::HardwarePrefix;
use crate::net::{Cidr, Family};

/// A filter whose fields exist and whose values fit them.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test { field: String, key: Option<String>, condition: Condition },
}

/// What an index can be asked for. Text is in lower case, letter by letter ([`char::to_lowercase`]), and so is what an
/// index of it must hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The CIDR is this one.
    Cidr(Cidr),
    /// The text is this one, or the enum's word, or the key of a tag as it is.
    Text(String),
    /// The hardware address is this one.
    Hardware(HardwarePrefix),
    /// The hardware address begins with this.
    HardwareBegins(HardwarePrefix),
    /// The text begins with this.
    TextBegins(String),
    /// The address, or the CIDR, lies in this CIDR.
    Within(Cidr),
    /// The CIDR covers this one.
    Covers(Cidr),
}

impl Need {
    /// How much it leaves over: for choosing between two, the less the better.
    fn breadth(&self) -> usize {
        let host_bits = |cidr: &Cidr| {
            let width = match cidr.family() {
                Family::V4 => 32,
                Family::V6 => 128,
            };
            width - usize::from(cidr.prefix_len())
        };
        match self {
            Self::Cidr(_) | Self::Text(_) | Self::Hardware(_) => 0,
            Self::Within(cidr) => host_bits(cidr),
            // The prefixes that cover one are at most as many as its bits.
            Self::Covers(_) => 8,
            Self::HardwareBegins(prefix) => 160_usize.saturating_sub(4 * prefix.digits()),
            Self::TextBegins(text) => 256_usize.saturating_sub(8 * text.len()),
        }
    }
}

impl Filter {
    pub(super) fn new(root: Node) -> Self {
        Self { root }
    }

    /// Whether `row` is one of those that are wanted.
    pub fn matches(&self, row: &(impl Lookup + ?Sized)) -> bool {
        self.root.takes(row)
    }

    /// Whether every row is wanted, so that there is nothing to ask.
    pub fn takes_all(&self) -> bool {
        matches!(&self.root, Node::All(parts) if parts.is_empty())
    }

    /// What every wanted row has in `field` (`tags.site` for a tag): at least one of these, sorted. `None` says that
    /// nothing useful is known, so the rows must be scanned; an empty list, that no row is wanted. It is necessary, not sufficient: ask [`Self::matches`] too.
    pub fn needs(&self, field: &str) -> Option<Vec<Need>> {
        self.root.needs(field, false)
    }
}

impl Node {
    fn takes(&self, row: &(impl Lookup + ?Sized)) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.takes(row)),
            Self::Any(parts) => parts.iter().any(|part| part.takes(row)),
            Self::Not(inner) => !inner.takes(row),
            Self::Test { field, key, condition } => condition.holds(&row.look(field, key.as_deref())),
        }
    }

    /// As [`Filter::needs`], of the node or, `negated`, of its opposite (by De Morgan).
    fn needs(&self, field: &str, negated: bool) -> Option<Vec<Need>> {
        match (self, negated) {
            (Self::Not(inner), _) => inner.needs(field, !negated),
            (Self::All(parts), false) | (Self::Any(parts), true) => {
                let known = parts.iter().filter_map(|part| part.needs(field, negated));
                known.min_by_key(|needs| (needs.iter().map(Need::breadth).max().unwrap_or(0), needs.len()))
            }
            (Self::Any(parts), false) | (Self::All(parts), true) => {
                let known: Option<Vec<Vec<Need>>> = parts.iter().map(|part| part.needs(field, negated)).collect();
                let mut needs = known?.concat();
                needs.sort();
                needs.dedup();
                Some(needs)
            }
            (Self::Test { .. }, true) => None,
            (Self::Test { field: of, key, condition }, false) => {
                let asked = match key {
                    Some(key) => field.strip_prefix(of.as_str()).and_then(|f| f.strip_prefix('.')) == Some(key),
                    None => field == of,
                };
                asked.then(|| condition.need()).flatten().map(|need| vec![need])
            }
        }
    }
}

impl Condition {
    /// What an index could be asked for; `None` if nothing that an index would help with.
    fn need(&self) -> Option<Need> {
        match self {
            Self::Text(pattern) => match (pattern.exact(), pattern.beginning()) {
                (Some(text), _) => Some(Need::Text(text.to_owned())),
                (None, "") => None,
                (None, beginning) => Some(Need::TextBegins(beginning.to_owned())),
            },
            Self::Key(text) => Some(Need::Text(text.clone())),
            Self::Word(word) => Some(Need::Text(word.to_lowercase())),
            Self::Within(cidr) | Self::StrictlyWithin(cidr) => Some(Need::Within(*cidr)),
            Self::Covers(cidr) | Self::StrictlyCovers(cidr) => Some(Need::Covers(*cidr)),
            Self::Exactly(cidr) => Some(Need::Cidr(*cidr)),
            Self::Hardware(address) => Some(Need::Hardware(address.clone())),
            Self::HardwareBegins(prefix) => Some(Need::HardwareBegins(prefix.clone())),
            Self::Present
            | Self::TextOrder(..)
            | Self::Number(..)
            | Self::Bool(_)
            | Self::Timestamp(..)
            | Self::AddressOrder(..)
            | Self::Tag(_) => None,
        }
    }
}
