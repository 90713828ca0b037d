//! Random identifiers of agents and controllers (RFC 9562).

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

/// A 128-bit identifier, written as 36 lower-case characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// The text was not a UUID in its one accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a UUID: write 36 lower-case characters, 8-4-4-4-12 hexadecimal digits")]
pub struct UuidError(String);

/// Where the hyphens stand in the text form.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// Makes a new random identifier (version 4).
    pub fn random() -> Self {
        let mut bytes = crate::random::bytes::<16>();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Takes 16 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = HEXLOWER.encode(&self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    /// Accepts the form that `Display` writes, and no other: one identity has one spelling.
    fn from_str(text: &str) -> Result<Self, UuidError> {
        let refuse = || UuidError(text.chars().take(64).collect());
        let characters = text.as_bytes();
        if characters.len() != 36 || HYPHENS.iter().any(|&at| characters[at] != b'-') {
            return Err(refuse());
        }
        let digits: Vec<u8> = (0..36).filter(|at| !HYPHENS.contains(at)).map(|at| characters[at]).collect();
        let bytes = HEXLOWER.decode(&digits).map_err(|_| refuse())?;
        Ok(Self(bytes.try_into().map_err(|_| refuse())?))
    }
}
