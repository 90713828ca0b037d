//! As much of a DHCPv4 message as a probe needs (RFC 2131 section 2, options of RFC 2132).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Option 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client takes an offer.
    Request,
    /// A server grants it.
    Ack,
    /// A server refuses it.
    Nak,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub kind: Kind,
    /// The transaction id.
    pub xid: u32,
    /// The client's hardware address.
    pub hardware_address: [u8; 6],
    /// The address that a server offers or grants.
    pub yours: Ipv4Addr,
    /// The other options.
    pub options: BTreeMap<u8, Vec<u8>>,
}

const MESSAGE_TYPE: u8 = 53;
const REQUESTED_ADDRESS: u8 = 50;
const SERVER_IDENTIFIER: u8 = 54;
const PAD: u8 = 0;
const END: u8 = 255;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const HEADER: usize = 236;
const BOOTREPLY: u8 = 2;
const BOOTREQUEST: u8 = 1;
const BROADCAST: [u8; 2] = [0x80, 0];

impl Message {
    /// A client's first word.
    pub fn discover(xid: u32, hardware_address: [u8; 6]) -> Self {
        Self { kind: Kind::Discover, xid, hardware_address, yours: Ipv4Addr::UNSPECIFIED, options: BTreeMap::new() }
    }

    /// The request that takes this offer; `None` if it does not say who offers.
    pub fn request(&self) -> Option<Self> {
        let server = self.options.get(&SERVER_IDENTIFIER)?.clone();
        let options = BTreeMap::from([(REQUESTED_ADDRESS, self.yours.octets().to_vec()), (SERVER_IDENTIFIER, server)]);
        Some(Self { kind: Kind::Request, yours: Ipv4Addr::UNSPECIFIED, options, ..*self })
    }

    /// The bytes of a client's message; the answer is asked for by broadcast.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..3].copy_from_slice(&[BOOTREQUEST, 1, 6]);
        bytes[4..8].copy_from_slice(&self.xid.to_be_bytes());
        bytes[10..12].copy_from_slice(&BROADCAST);
        bytes[16..20].copy_from_slice(&self.yours.octets());
        bytes[28..34].copy_from_slice(&self.hardware_address);
        bytes.extend(COOKIE);
        bytes.extend([MESSAGE_TYPE, 1, self.kind.code()]);
        for (code, value) in &self.options {
            bytes.extend([*code, u8::try_from(value.len()).expect("a probe's options are short")]);
            bytes.extend(value);
        }
        bytes.push(END);
        bytes
    }

    /// A server's message; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        let mut options = decode_options(rest.strip_prefix(&COOKIE)?)?;
        let kind = Kind::from_code(*options.remove(&MESSAGE_TYPE)?.first()?)?;
        if header[0] != BOOTREPLY {
            return None;
        }
        Some(Self {
            kind,
            xid: u32::from_be_bytes(*header[4..].first_chunk()?),
            hardware_address: *header[28..].first_chunk()?,
            yours: Ipv4Addr::from(*header[16..].first_chunk::<4>()?),
            options,
        })
    }
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Discover => 1,
            Self::Offer => 2,
            Self::Request => 3,
            Self::Ack => 5,
            Self::Nak => 6,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Discover, Self::Offer, Self::Request, Self::Ack, Self::Nak].into_iter().find(|kind| kind.code() == code)
    }
}

fn decode_options(mut rest: &[u8]) -> Option<BTreeMap<u8, Vec<u8>>> {
    let mut options: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    loop {
        let (&code, after) = rest.split_first()?;
        match code {
            END => return Some(options),
            PAD => rest = after,
            _ => {
                let (&length, after) = after.split_first()?;
                let (value, after) = after.split_at_checked(length.into())?;
                // An option that is said twice is one long one (RFC 3396).
                options.entry(code).or_default().extend(value);
                rest = after;
            }
        }
    }
}
