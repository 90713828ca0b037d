//! Grants: a role within one place.

use super::Role;
use crate::name::{PrefixName, SpaceName};
use crate::net::Cidr;
use crate::refusal::Refusal;
use std::fmt;
use std::str::FromStr;

/// Most grants of one operator.
pub const GRANTS_MAX: usize = 1000;

/// A part of the plan that is somebody's to administer: a space, or what lies within one CIDR of it.
///
/// It needs no prefix of the plan: what lies in it, does so by containment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The space.
    pub space: SpaceName,
    /// The part of it; all of it, and the space itself, if `None`.
    pub cidr: Option<Cidr>,
}

impl Place {
    /// Whether all of a CIDR of a space lies in it.
    pub fn covers(&self, space: &SpaceName, cidr: &Cidr) -> bool {
        self.space == *space && self.cidr.is_none_or(|own| own.covers(cidr))
    }

    /// Whether it shares an address with a CIDR of a space.
    pub fn meets(&self, space: &SpaceName, cidr: &Cidr) -> bool {
        self.space == *space && self.cidr.is_none_or(|own| own.overlaps(cidr))
    }

    /// Whether all of `other` lies in it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        match (&self.cidr, &other.cidr) {
            (None, _) => self.space == other.space,
            (Some(_), None) => false,
            (Some(_), Some(cidr)) => self.covers(&other.space, cidr),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cidr {
            None => self.space.fmt(f),
            Some(cidr) => PrefixName { space: self.space.clone(), cidr }.fmt(f),
        }
    }
}

impl FromStr for Place {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        if name.contains("/prefixes/") {
            let name: PrefixName = name.parse()?;
            return Ok(Self { space: name.space, cidr: Some(name.cidr) });
        }
        name.parse().map(|space| Self { space, cidr: None })
    }
}

/// A role that holds within one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Where it holds.
    pub place: Place,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.role, self.place)
    }
}
