use super::Stamp;
use crate::labels::Labels;
use crate::name::PrefixName;
use crate::net::Cidr;
use crate::text::Text;

/// What a prefix holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrefixKind {
    /// Other prefixes.
    Container,
    /// Addresses, and at most one scope.
    Network,
}

/// How far a prefix has come in its life. People read it; no rule depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PrefixStatus {
    /// Drawn, not used yet.
    Planned,
    /// In use.
    #[default]
    Active,
    /// In use, to be given up.
    Deprecated,
    /// Kept free on purpose.
    Reserved,
}

impl PrefixStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Planned, Self::Active, Self::Deprecated, Self::Reserved];

    /// The word for it in files and filters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Reserved => "reserved",
        }
    }
}

/// A node of the plan: a CIDR in a space. Nesting is by containment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Its space and CIDR.
    pub name: PrefixName,
    /// What it holds.
    pub kind: PrefixKind,
    /// How far it has come.
    pub status: PrefixStatus,
    /// A heading for people.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// What it was split, joined or resized from: prefixes of its space whose history is its own from before.
    pub made_from: Vec<Cidr>,
    /// Tags and custom fields of its own.
    pub labels: Labels,
    /// When it was made and changed.
    pub stamp: Stamp,
}
