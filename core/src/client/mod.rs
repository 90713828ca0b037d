//! Who a DHCP client says it is: hardware address, client identifier, or DUID.
//!
//! Bytes are read in any notation that some vendor prints ([`hex`]) and written in one: pairs of lower-case digits
//! joined by colons.

mod hardware;
mod hex;

pub use hardware::{HardwareAddress, HardwarePrefix};

use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use std::fmt;
use std::str::FromStr;

/// A DHCPv4 client identifier (option 61, RFC 2132 §9.14): 2 to 255 bytes, type byte included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Box<[u8]>);

impl ClientId {
    /// Takes raw bytes, type byte first.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        if (2..=255).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(Refusal::new(
                Reason::InvalidClientIdentifier,
                format!("a client identifier has 2 to 255 bytes, not {}", bytes.len()),
            ))
        }
    }

    /// The raw bytes, type byte first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        hex::bytes(text).and_then(|bytes| Self::from_bytes(&bytes).ok()).ok_or_else(|| {
            Refusal::new(
                Reason::InvalidClientIdentifier,
                format!(
                    "{} is not a client identifier: give 2 to 255 bytes in hexadecimal, such as 01:02:00:5e:10:00:01",
                    shown(text)
                ),
            )
        })
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

/// A DHCP unique identifier (RFC 8415 §11): 3 to 130 bytes, type included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duid(Box<[u8]>);

impl Duid {
    /// Takes raw bytes, the two of the type first.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        if (3..=130).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(Refusal::new(
                Reason::InvalidClientIdentifier,
                format!("a DUID has 3 to 130 bytes, not {}", bytes.len()),
            ))
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Duid {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        hex::bytes(text).and_then(|bytes| Self::from_bytes(&bytes).ok()).ok_or_else(|| {
            Refusal::new(
                Reason::InvalidClientIdentifier,
                format!(
                    "{} is not a DUID: give 3 to 130 bytes in hexadecimal, such as 00:03:00:01:02:00:5e:10:00:01",
                    shown(text)
                ),
            )
        })
    }
}

impl fmt::Display for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

/// How a reservation recognises its client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientIdentity {
    /// By the hardware address in `chaddr`.
    Hardware(HardwareAddress),
    /// By the client identifier option.
    ClientId(ClientId),
    /// By the DUID; IPv6, or IPv4 clients that follow RFC 4361.
    Duid(Duid),
}

impl ClientIdentity {
    /// The other way to say the same Ethernet client: most make their identifier of type 1 and their hardware
    /// address (RFC 2132 §9.14), so a server would have to choose between two reservations for the two.
    pub fn twin(&self) -> Option<Self> {
        match self {
            Self::Hardware(address) => match address.as_bytes() {
                bytes @ [_, _, _, _, _, _] => Some(Self::ClientId(ClientId([&[1], bytes].concat().into()))),
                _ => None,
            },
            Self::ClientId(ClientId(id)) => match &**id {
                [1, bytes @ ..] if bytes.len() == 6 => HardwareAddress::from_bytes(bytes).ok().map(Self::Hardware),
                _ => None,
            },
            Self::Duid(_) => None,
        }
    }

    /// Its kind as a number, and its bytes. They sort as the identities do.
    pub(crate) fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Hardware(address) => (0, address.as_bytes()),
            Self::ClientId(id) => (1, id.as_bytes()),
            Self::Duid(duid) => (2, duid.as_bytes()),
        }
    }

    /// The identity of this kind and with these bytes.
    pub(crate) fn from_parts(kind: u8, bytes: &[u8]) -> Result<Self, Refusal> {
        match kind {
            0 => HardwareAddress::from_bytes(bytes).map(Self::Hardware),
            1 => ClientId::from_bytes(bytes).map(Self::ClientId),
            _ => Duid::from_bytes(bytes).map(Self::Duid),
        }
    }

    /// The field that holds it in a reservation's message.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Hardware(_) => "hardware_address",
            Self::ClientId(_) => "client_id",
            Self::Duid(_) => "duid",
        }
    }
}

impl fmt::Display for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hardware(address) => write!(f, "hardware address {address}"),
            Self::ClientId(id) => write!(f, "client identifier {id}"),
            Self::Duid(duid) => write!(f, "DUID {duid}"),
        }
    }
}
