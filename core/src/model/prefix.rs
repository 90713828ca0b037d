use super::Stamp;
use crate::name::PrefixName;
use crate::text::Text;

/// What a prefix holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrefixKind {
    /// Other prefixes.
    Container,
    /// Addresses, and at most one scope.
    Network,
}

/// A node of the plan: a CIDR in a space. Nesting is by containment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Its space and CIDR.
    pub name: PrefixName,
    /// What it holds.
    pub kind: PrefixKind,
    /// A heading for people.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// When it was made and changed.
    pub stamp: Stamp,
}
