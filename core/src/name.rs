//! Names of resources, natural and typeable: `spaces/default`, `scopes/berlin-voice`, `servers/berlin-1/kea4`.
//!
//! An id is 1 to 63 characters of `a-z`, `0-9` and inner hyphens (AIP-122). The `Display` of every
//! name is the full resource name that clients see; [`str::parse`] takes the same back.

use crate::net::{Cidr, parse_address};
use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

fn parse_id(id: &str) -> Result<Arc<str>, Refusal> {
    let bytes = id.as_bytes();
    let fits = (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-';
    if fits {
        Ok(id.into())
    } else {
        Err(Refusal::new(
            Reason::InvalidName,
            format!("{} is not a name: use 1 to 63 characters of a-z, 0-9 and inner hyphens", shown(id)),
        ))
    }
}

fn strip<'a>(collection: &str, name: &'a str) -> Result<&'a str, Refusal> {
    name.strip_prefix(collection).and_then(|rest| rest.strip_prefix('/')).ok_or_else(|| {
        Refusal::new(Reason::InvalidName, format!("{} is not of the form {collection}/NAME", shown(name)))
    })
}

macro_rules! simple_name {
    ($(#[$doc:meta])* $name:ident, $collection:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The collection that the names live in.
            pub const COLLECTION: &str = $collection;

            /// The name with this id.
            pub fn from_id(id: &str) -> Result<Self, Refusal> {
                parse_id(id).map(Self)
            }

            /// The last part of the resource name.
            pub fn id(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // In two parts: lists have many names, and a template costs more than what it writes.
                f.write_str(concat!($collection, "/"))?;
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Refusal;

            fn from_str(name: &str) -> Result<Self, Refusal> {
                Self::from_id(strip($collection, name)?)
            }
        }
    };
}

simple_name!(
    /// `spaces/default`
    SpaceName, "spaces"
);
simple_name!(
    /// `scopes/berlin-voice`
    ScopeName, "scopes"
);
simple_name!(
    /// `agents/berlin-1`
    AgentName, "agents"
);
simple_name!(
    /// `operators/alice`
    OperatorName, "operators"
);
simple_name!(
    /// `enrolmentTokens/7f3a…`
    TokenName, "enrolmentTokens"
);
simple_name!(
    /// `fieldDefinitions/cost-center`
    FieldName, "fieldDefinitions"
);
simple_name!(
    /// `conflicts/3f9a02c1d4e5b607`
    ConflictName, "conflicts"
);
simple_name!(
    /// `views/voice-berlin`
    ViewName, "views"
);

impl SpaceName {
    /// The name with an id that was one before.
    pub(crate) fn kept(id: &str) -> Self {
        Self(id.into())
    }

    /// Whether it is `spaces/default`, which always exists.
    pub fn is_default(&self) -> bool {
        self.id() == "default"
    }
}

impl PrefixName {
    /// Sorts before, or is, every prefix of a space.
    pub fn first_of(space: &SpaceName) -> Self {
        Self { space: space.clone(), cidr: Cidr::FIRST }
    }
}

/// `spaces/default/prefixes/10.1.0.0-16`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrefixName {
    /// The space that the prefix is unique in.
    pub space: SpaceName,
    /// The prefix itself.
    pub cidr: Cidr,
}

impl fmt::Display for PrefixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.space.fmt(f)?;
        write!(f, "/prefixes/{}-{}", self.cidr.network(), self.cidr.prefix_len())
    }
}

impl FromStr for PrefixName {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let (space, prefix) = name.split_once("/prefixes/").ok_or_else(|| {
            Refusal::new(
                Reason::InvalidName,
                format!("{} is not of the form spaces/SPACE/prefixes/ADDRESS-LENGTH", shown(name)),
            )
        })?;
        let (address, length) = prefix.rsplit_once('-').ok_or_else(|| {
            Refusal::new(Reason::InvalidCidr, format!("{} is not of the form ADDRESS-LENGTH", shown(prefix)))
        })?;
        Ok(Self { space: space.parse()?, cidr: format!("{address}/{length}").parse()? })
    }
}

/// `scopes/berlin-voice/reservations/10.1.2.3`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationName {
    /// The scope that the reservation is in.
    pub scope: ScopeName,
    /// The reserved address.
    pub address: IpAddr,
}

impl fmt::Display for ReservationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/reservations/{}", self.scope, self.address)
    }
}

impl FromStr for ReservationName {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let (scope, address) = name.split_once("/reservations/").ok_or_else(|| {
            Refusal::new(
                Reason::InvalidName,
                format!("{} is not of the form scopes/SCOPE/reservations/ADDRESS", shown(name)),
            )
        })?;
        Ok(Self { scope: scope.parse()?, address: parse_address(address)? })
    }
}

/// `spaces/default/addresses/10.1.2.3`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressName {
    /// The space that the address is unique in.
    pub space: SpaceName,
    /// The address itself.
    pub address: IpAddr,
}

impl fmt::Display for AddressName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.space.fmt(f)?;
        f.write_str("/addresses/")?;
        self.address.fmt(f)
    }
}

impl FromStr for AddressName {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let (space, address) = name.split_once("/addresses/").ok_or_else(|| {
            Refusal::new(
                Reason::InvalidName,
                format!("{} is not of the form spaces/SPACE/addresses/ADDRESS", shown(name)),
            )
        })?;
        Ok(Self { space: space.parse()?, address: parse_address(address)? })
    }
}

/// `servers/berlin-1/kea4`: a server is named by the agent that fronts it and its own short id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    agent: AgentName,
    daemon: Arc<str>,
}

impl ServerName {
    /// The server `daemon` on the host of `agent`.
    pub fn new(agent: AgentName, daemon: &str) -> Result<Self, Refusal> {
        Ok(Self { agent, daemon: parse_id(daemon)? })
    }

    /// The agent that fronts the server.
    pub fn agent(&self) -> &AgentName {
        &self.agent
    }

    /// The server's short id on its host, such as `kea4`.
    pub fn daemon(&self) -> &str {
        &self.daemon
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "servers/{}/{}", self.agent.id(), self.daemon)
    }
}

impl FromStr for ServerName {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let (agent, daemon) = strip("servers", name)?.split_once('/').ok_or_else(|| {
            Refusal::new(Reason::InvalidName, format!("{} is not of the form servers/AGENT/SERVER", shown(name)))
        })?;
        Self::new(AgentName::from_id(agent)?, daemon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<N: FromStr<Err = Refusal> + fmt::Display>(name: &str) {
        assert_eq!(name.parse::<N>().map(|n| n.to_string()), Ok(name.to_owned()));
    }

    #[test]
    fn names_read_back_as_they_are_written() {
        round_trip::<SpaceName>("spaces/default");
        round_trip::<ScopeName>("scopes/berlin-voice");
        round_trip::<PrefixName>("spaces/default/prefixes/10.1.0.0-16");
        round_trip::<PrefixName>("spaces/a/prefixes/2001:db8::-32");
        round_trip::<ReservationName>("scopes/a/reservations/10.1.2.3");
        round_trip::<AddressName>("spaces/default/addresses/10.1.2.3");
        round_trip::<AddressName>("spaces/a/addresses/2001:db8::7");
        round_trip::<ServerName>("servers/berlin-1/kea4");
    }

    #[test]
    fn ids_are_short_lower_case_and_plain() {
        let long = "x".repeat(300);
        for bad in ["", "-a", "a-", "A", "a b", "a\"b", "a'b", "a\u{0}", "a/b", "é", "..", long.as_str()] {
            assert_eq!(ScopeName::from_id(bad).map_err(|r| r.reason), Err(Reason::InvalidName), "{bad:?}");
        }
        assert!("scope/x".parse::<ScopeName>().is_err());
        assert!("servers/berlin-1".parse::<ServerName>().is_err());
    }
}
