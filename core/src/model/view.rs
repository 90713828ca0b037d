use super::Stamp;
use crate::name::ViewName;
use crate::text::Text;

/// What the members of a view are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ViewKind {
    /// Prefixes.
    Prefixes,
    /// Scopes.
    Scopes,
    /// Held and claimed addresses.
    Addresses,
    /// Reservations.
    Reservations,
}

impl ViewKind {
    /// In words, as in "a view of prefixes".
    pub fn as_str(self) -> &'static str {
        match self {
            ViewKind::Prefixes => "prefixes",
            ViewKind::Scopes => "scopes",
            ViewKind::Addresses => "addresses",
            ViewKind::Reservations => "reservations",
        }
    }
}

/// A group by what its members have in common: a saved filter. Whatever matches is a member, at the moment of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: ViewName,
    /// A heading for people.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// What its members are.
    pub kind: ViewKind,
    /// What its members match, as it was written.
    pub filter: String,
    /// When it was made and changed.
    pub stamp: Stamp,
}
