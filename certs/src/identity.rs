//! The names that Freehold's certificates carry, and their one spelling.
//!
//! A name is a SPIFFE ID in a URI subject alternative name: `spiffe://<trust-domain>/agent/<uuid>`, `/controller/<uuid>`, `/operator/<id>` or `/service/<id>`.
//! What a caller may do is not in the name: site, roles and servers live in the store.
//!
//! Parsing is strict: one identity has exactly one spelling, and what this module parses it also writes, byte for byte. So two different
//! texts never mean the same caller.

use std::fmt;
use std::str::FromStr;

pub use crate::uuid::{Uuid, UuidError};

/// The name of an organisation's realm of identities, such as `example.org` (SPIFFE-ID, section 2.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

/// The id of an operator or a service, such as `alice` or `backup.nightly`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Who a certificate speaks for, inside its trust domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// An agent beside DHCP or DNS servers.
    Agent(Uuid),
    /// A controller; the only identity that gets a server certificate.
    Controller(Uuid),
    /// A person.
    Operator(Name),
    /// A program that uses the API.
    Service(Name),
}

/// An identity with its trust domain: the whole URI.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    /// The realm the identity belongs to.
    pub trust_domain: TrustDomain,
    /// Who it is there.
    pub identity: Identity,
}

/// Why a text is not one of Freehold's identities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Another scheme, or none.
    #[error("the identity does not begin with spiffe://")]
    Scheme,
    /// The trust domain is empty, too long or has a forbidden character.
    #[error("a trust domain has 1 to 255 characters of a-z, 0-9, '.', '-' and '_'")]
    TrustDomain,
    /// Not exactly a kind and an id after the trust domain.
    #[error("an identity has two parts after its trust domain, as in /agent/<uuid>")]
    Path,
    /// A kind that Freehold does not know.
    #[error("the kind of an identity is agent, controller, operator or service")]
    Kind,
    /// The id of an agent or a controller is not a UUID.
    #[error(transparent)]
    Uuid(#[from] UuidError),
    /// The id of an operator or a service is empty, too long or has a forbidden character.
    #[error(
        "the id of an operator or a service has 1 to 64 characters of a-z, A-Z, 0-9, '.', '-' and '_', and is not '.' or '..'"
    )]
    Name,
}

impl TrustDomain {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-_".contains(&c);
        if text.is_empty() || text.len() > 255 || !text.bytes().all(allowed) {
            return Err(IdentityError::TrustDomain);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b".-_".contains(&c);
        let dots = text == "." || text == "..";
        if text.is_empty() || text.len() > 64 || dots || !text.bytes().all(allowed) {
            return Err(IdentityError::Name);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    /// Parses `<kind>/<id>`, the form that `Display` writes and the audit trail shows.
    fn from_str(path: &str) -> Result<Self, IdentityError> {
        let (kind, id) = path.split_once('/').ok_or(IdentityError::Path)?;
        if id.contains('/') {
            return Err(IdentityError::Path);
        }
        match kind {
            "agent" => Ok(Self::Agent(id.parse()?)),
            "controller" => Ok(Self::Controller(id.parse()?)),
            "operator" => Ok(Self::Operator(id.parse()?)),
            "service" => Ok(Self::Service(id.parse()?)),
            _ => Err(IdentityError::Kind),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(id) => write!(f, "agent/{id}"),
            Self::Controller(id) => write!(f, "controller/{id}"),
            Self::Operator(id) => write!(f, "operator/{id}"),
            Self::Service(id) => write!(f, "service/{id}"),
        }
    }
}

impl FromStr for SpiffeId {
    type Err = IdentityError;

    fn from_str(uri: &str) -> Result<Self, IdentityError> {
        let rest = uri.strip_prefix("spiffe://").ok_or(IdentityError::Scheme)?;
        let (trust_domain, path) = rest.split_once('/').ok_or(IdentityError::Path)?;
        Ok(Self { trust_domain: trust_domain.parse()?, identity: path.parse()? })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/{}", self.trust_domain, self.identity)
    }
}
