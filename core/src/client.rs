//! Who a DHCP client says it is: hardware address, client identifier, or DUID.

use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use std::fmt;
use std::str::FromStr;

/// A link-layer address of 1 to 20 bytes, almost always 6 (RFC 2131 §2 `chaddr`; 20 for InfiniBand, RFC 4390).
///
/// Kept in place, for there are millions. The order is that of the bytes, a beginning before what it begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareAddress {
    /// Zero behind `length`.
    bytes: [u8; Self::LENGTH_MAX],
    length: u8,
}

impl HardwareAddress {
    /// Most bytes that one has.
    const LENGTH_MAX: usize = 20;

    /// Takes raw bytes, as they stand in a packet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        match u8::try_from(bytes.len()) {
            Ok(length @ 1..=20) => {
                let mut padded = [0; Self::LENGTH_MAX];
                padded[..bytes.len()].copy_from_slice(bytes);
                Ok(Self { bytes: padded, length })
            }
            _ => Err(Refusal::new(
                Reason::InvalidHardwareAddress,
                format!("a hardware address has 1 to 20 bytes, not {}", bytes.len()),
            )),
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length.into()]
    }
}

impl fmt::Debug for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HardwareAddress({self})")
    }
}

impl FromStr for HardwareAddress {
    type Err = Refusal;

    /// Takes any common notation: `02:00:5e:10:00:01`, `02-00-5E-10-00-01`, `0200.5e10.0001`, `02005e100001`.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        hex_bytes(text).and_then(|bytes| Self::from_bytes(&bytes).ok()).ok_or_else(|| {
            Refusal::new(
                Reason::InvalidHardwareAddress,
                format!("{} is not a hardware address, such as 02:00:5e:10:00:01", shown(text)),
            )
        })
    }
}

impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.as_bytes())
    }
}

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
        hex_bytes(text).and_then(|bytes| Self::from_bytes(&bytes).ok()).ok_or_else(|| {
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
        write_hex(f, &self.0)
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
        hex_bytes(text).and_then(|bytes| Self::from_bytes(&bytes).ok()).ok_or_else(|| {
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
        write_hex(f, &self.0)
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

/// Bytes out of hexadecimal in groups: of two digits split by `:` or `-`, of four split by `.`, or plain.
fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let groups = |separator: char, digits: usize| {
        text.split(separator).all(|g| g.len() == digits).then(|| text.replace(separator, ""))
    };
    let digits = if text.contains(':') {
        groups(':', 2)?
    } else if text.contains('-') {
        groups('-', 2)?
    } else if text.contains('.') {
        groups('.', 4)?
    } else {
        text.to_owned()
    };
    let plain = digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| (0..digits.len()).step_by(2).filter_map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect())
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for (i, byte) in bytes.iter().enumerate() {
        if i > 0 {
            f.write_str(":")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_notation_names_the_same_hardware_address() {
        for text in ["02:00:5e:10:00:01", "02-00-5E-10-00-01", "0200.5e10.0001", "02005e100001"] {
            assert_eq!(text.parse::<HardwareAddress>().map(|a| a.to_string()), Ok("02:00:5e:10:00:01".into()));
        }
    }

    #[test]
    fn other_text_is_refused() {
        let long = "00".repeat(21);
        for bad in [
            "",
            "0",
            "02:0:5e:10:00:01",
            "02:00-5e:10:00:01",
            "xx:00:5e:10:00:01",
            "02005e10000",
            "+2:00",
            "é0",
            long.as_str(),
        ] {
            assert_eq!(
                bad.parse::<HardwareAddress>().map_err(|r| r.reason),
                Err(Reason::InvalidHardwareAddress),
                "{bad}"
            );
        }
    }
}
