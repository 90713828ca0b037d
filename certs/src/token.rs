//! The one string that brings a new agent in: `fh1.<id>.<secret>.<root fingerprint>.<host:port>`.
//!
//! It says where the controller is, by which key to know it, and holds the secret that the controller knows only as a hash. No part of it
//! needs quoting in any shell: an IPv6 address is written without its brackets, the last colon stands before the port. With brackets it is understood too.
//!
//! Deadlines, single use and the count of wrong secrets belong to the store.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use rustls_pki_types::ServerName;

use crate::pin::{self, Pin};

/// An enrolment token with its secret. `Debug` does not show the secret; [`reveal`](Self::reveal) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// Which token it is; not secret.
    pub id: TokenId,
    /// What makes it valid.
    pub secret: Secret,
    /// The fingerprint of the key that the controller's chain must end in.
    pub root: Pin,
    /// Where the controller is.
    pub endpoint: Endpoint,
}

/// The name of a token: 8 random bytes, 16 characters of hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 8]);

/// 32 random bytes that only the bearer knows. Compared only by their hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

/// What the controller keeps of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

/// A host, by name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: ServerName<'static>,
    port: u16,
}

/// Why a text is not an enrolment token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is something else, or of a later version.
    #[error("an enrolment token begins with \"fh1.\"")]
    Version,
    /// It was cut off.
    #[error("the enrolment token has no {0}: it has five parts, fh1.<id>.<secret>.<root>.<host:port>; copy all of it")]
    Missing(&'static str),
    /// The id is damaged.
    #[error("the enrolment token's id is not 16 characters of 0-9 and a-f")]
    Id,
    /// The secret is damaged.
    #[error("the enrolment token's secret is not 43 characters of base64url")]
    Secret,
    /// The fingerprint is damaged.
    #[error("the enrolment token's root fingerprint is not 43 characters of base64url")]
    Root,
    /// The controller's address is damaged.
    #[error("the enrolment token's controller address: {0}")]
    Endpoint(#[from] EndpointError),
}

/// Why a text is not a host and a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// There is no colon.
    #[error("{0:?} has no port: write host:port")]
    NoPort(String),
    /// The port is not one.
    #[error("{0:?} is not a port: write a number from 1 to 65535")]
    Port(String),
    /// The host is not one.
    #[error("{0:?} is not a host name or an address")]
    Host(String),
}

impl EnrolmentToken {
    /// Makes a new token for the controller with this CA at this address.
    pub fn generate(root: Pin, endpoint: Endpoint) -> Self {
        Self { id: TokenId(crate::random::bytes()), secret: Secret(crate::random::bytes()), root, endpoint }
    }

    /// The whole string: a secret, to be shown once.
    pub fn reveal(&self) -> String {
        format!(
            "fh1.{}.{}.{}.{}",
            self.id,
            BASE64URL_NOPAD.encode(&self.secret.0),
            self.root,
            self.endpoint.unbracketed()
        )
    }

    /// What the controller stores of it.
    pub fn secret_hash(&self) -> SecretHash {
        self.secret.hash(&self.id)
    }
}

impl FromStr for EnrolmentToken {
    type Err = TokenError;

    /// Parses the string; white space around it, as copying adds, is cut.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.trim().splitn(5, '.');
        if parts.next() != Some("fh1") {
            return Err(TokenError::Version);
        }
        let mut part = |what| match parts.next() {
            None | Some("") => Err(TokenError::Missing(what)),
            Some(part) => Ok(part),
        };
        Ok(Self {
            id: part("id")?.parse()?,
            secret: part("secret")?.parse()?,
            root: part("root fingerprint")?.parse().map_err(|_| TokenError::Root)?,
            endpoint: part("controller address")?.parse::<Endpoint>()?,
        })
    }
}

impl TokenId {
    /// Takes a stored id.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The 8 bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TokenId {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| TokenError::Id)?;
        Ok(Self(bytes.try_into().map_err(|_| TokenError::Id)?))
    }
}

impl Secret {
    /// Takes the secret that an enrolment call carries.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret, to be sent to the controller and nowhere else.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes the secret for its token. Plain SHA-256 is enough: 256 random bits cannot be guessed from a stolen hash.
    pub fn hash(&self, id: &TokenId) -> SecretHash {
        let mut input = b"freehold-enrolment-token-v1".to_vec();
        input.extend_from_slice(&id.0);
        input.extend_from_slice(&self.0);
        SecretHash(pin::sha256(&input))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl FromStr for Secret {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenError::Secret)?;
        Ok(Self(bytes.try_into().map_err(|_| TokenError::Secret)?))
    }
}

impl SecretHash {
    /// Takes a stored hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether a secret shown for this token is the right one, in a time that does not tell how much of it was right.
    pub fn matches(&self, id: &TokenId, shown: &Secret) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &shown.hash(id).0).is_ok()
    }
}

impl Endpoint {
    /// The host, in the form that TLS takes.
    pub fn host(&self) -> &ServerName<'static> {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The form without brackets, which no shell takes for a pattern.
    fn unbracketed(&self) -> String {
        format!("{}:{}", self.host.to_str(), self.port)
    }
}

impl fmt::Display for Endpoint {
    /// Writes `host:port` as URIs have it, an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            ServerName::IpAddress(address) if IpAddr::from(address).is_ipv6() => {
                write!(f, "[{}]:{}", IpAddr::from(address), self.port)
            }
            _ => f.write_str(&self.unbracketed()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let shown = |part: &str| part.chars().take(300).collect::<String>();
        let (host, port) = text.rsplit_once(':').ok_or_else(|| EndpointError::NoPort(shown(text)))?;
        let digits = !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit());
        let number = port.parse::<u16>().ok().filter(|&number| digits && number != 0);
        let port = number.ok_or_else(|| EndpointError::Port(shown(port)))?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let refuse = || EndpointError::Host(shown(host));
        let host = match bracketed {
            Some(inner) => {
                let address: std::net::Ipv6Addr = inner.parse().map_err(|_| refuse())?;
                ServerName::from(IpAddr::V6(address))
            }
            None => ServerName::try_from(host.to_owned()).map_err(|_| refuse())?,
        };
        Ok(Self { host, port })
    }
}
