//! DHCPv4 options: which may be set, what shape their values have.
//!
//! The table has the options of RFC 2132 and its successors that people set; any other code takes
//! bytes. Options that the server itself decides (message type, lease time, server identifier, …)
//! are refused: lease times have fields of their own.

use crate::refusal::{Reason, Refusal};
use crate::text::{HostName, Text, shown};
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

/// Longest option value, in bytes, that one option carries (RFC 2132 §2).
pub const OPTION_BYTES_MAX: usize = 255;

/// The code of a DHCPv4 option that may be set, 1 to 254.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionCode(u8);

impl OptionCode {
    /// Routers (RFC 2132 §3.5).
    pub const ROUTERS: Self = Self(3);
    /// DNS servers (RFC 2132 §3.8).
    pub const DNS_SERVERS: Self = Self(6);
    /// Domain name (RFC 2132 §3.17).
    pub const DOMAIN_NAME: Self = Self(15);
    /// NTP servers (RFC 2132 §8.3).
    pub const NTP_SERVERS: Self = Self(42);

    /// Takes a code, unless the server alone decides that option.
    pub fn new(code: u32) -> Result<Self, Refusal> {
        let refuse = |why: &str| Err(Refusal::new(Reason::InvalidOption, format!("option {code} {why}")));
        match code {
            0 | 255.. => refuse("does not exist: codes run from 1 to 254"),
            1 => refuse("(subnet mask) follows from the network; leave it out"),
            50..=58 | 59 | 61 | 82 => refuse(
                "is decided by the server or sent by clients; it cannot be set (lease times have fields of their own)",
            ),
            _ => Ok(Self(u8::try_from(code).expect("checked to be below 255"))),
        }
    }

    /// The code as it stands in a packet.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The option's name, as Kea and the IANA registry write it, if the table has it.
    pub fn name(self) -> Option<&'static str> {
        self.definition().map(|(_, name, _)| *name)
    }

    /// The code of a name in the table, or of a number.
    pub fn from_name(name: &str) -> Result<Self, Refusal> {
        if let Ok(number) = name.parse::<u32>() {
            return Self::new(number);
        }
        let found = TABLE.iter().find(|(_, known, _)| *known == name);
        found.map(|(code, _, _)| Self(*code)).ok_or_else(|| {
            Refusal::new(
                Reason::InvalidOption,
                format!("no option is called {}; give its code, or a name such as ntp-servers", shown(name)),
            )
        })
    }

    /// The shape that its values have.
    pub fn shape(self) -> Shape {
        self.definition().map_or(Shape::Bytes, |(_, _, shape)| *shape)
    }

    fn definition(self) -> Option<&'static (u8, &'static str, Shape)> {
        TABLE.iter().find(|(code, _, _)| *code == self.0)
    }
}

impl fmt::Display for OptionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => self.0.fmt(f),
        }
    }
}

/// What an option's value is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One or more IPv4 addresses.
    Addresses,
    /// Exactly one IPv4 address.
    Address,
    /// A string.
    Text,
    /// One domain name.
    Name,
    /// A list of domain names (RFC 3397).
    Names,
    /// An unsigned number of so many bits.
    Unsigned(u32),
    /// A signed number of 32 bits.
    Signed,
    /// True or false.
    Flag,
    /// Anything, as bytes.
    Bytes,
}

/// Options with a shape of their own. Names are those of Kea's standard definitions.
const TABLE: &[(u8, &str, Shape)] = &[
    (2, "time-offset", Shape::Signed),
    (3, "routers", Shape::Addresses),
    (4, "time-servers", Shape::Addresses),
    (5, "name-servers", Shape::Addresses),
    (6, "domain-name-servers", Shape::Addresses),
    (7, "log-servers", Shape::Addresses),
    (9, "lpr-servers", Shape::Addresses),
    (13, "boot-size", Shape::Unsigned(16)),
    (15, "domain-name", Shape::Name),
    (16, "swap-server", Shape::Address),
    (17, "root-path", Shape::Text),
    (19, "ip-forwarding", Shape::Flag),
    (23, "default-ip-ttl", Shape::Unsigned(8)),
    (26, "interface-mtu", Shape::Unsigned(16)),
    (28, "broadcast-address", Shape::Address),
    (31, "router-discovery", Shape::Flag),
    (40, "nis-domain", Shape::Text),
    (41, "nis-servers", Shape::Addresses),
    (42, "ntp-servers", Shape::Addresses),
    (43, "vendor-encapsulated-options", Shape::Bytes),
    (44, "netbios-name-servers", Shape::Addresses),
    (46, "netbios-node-type", Shape::Unsigned(8)),
    (47, "netbios-scope", Shape::Text),
    (66, "tftp-server-name", Shape::Text),
    (67, "boot-file-name", Shape::Text),
    (69, "smtp-server", Shape::Addresses),
    (70, "pop-server", Shape::Addresses),
    (72, "www-server", Shape::Addresses),
    (119, "domain-search", Shape::Names),
];

/// The value of one option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptionValue {
    /// IPv4 addresses, in order of preference.
    Addresses(Vec<Ipv4Addr>),
    /// A string.
    Text(Text),
    /// Domain names.
    Names(Vec<HostName>),
    /// An unsigned number.
    Unsigned(u32),
    /// A signed number.
    Signed(i32),
    /// True or false.
    Flag(bool),
    /// Bytes as they stand in the packet.
    Bytes(Vec<u8>),
}

impl OptionValue {
    /// Reads a value as people type it: lists split by commas, bytes in hexadecimal.
    pub fn from_text(code: OptionCode, text: &str) -> Result<Self, Refusal> {
        let wrong = || wrong_shape(code, &shown(text));
        let names = || text.split(',').map(|name| HostName::parse(name.trim())).collect::<Result<Vec<_>, _>>();
        Ok(match code.shape() {
            Shape::Addresses | Shape::Address => Self::Addresses(
                text.split(',').map(|a| a.trim().parse()).collect::<Result<_, _>>().map_err(|_| wrong())?,
            ),
            Shape::Text => Self::Text(Text::parse(text)?),
            Shape::Name | Shape::Names => Self::Names(names().map_err(|_| wrong())?),
            Shape::Unsigned(_) => Self::Unsigned(text.parse().map_err(|_| wrong())?),
            Shape::Signed => Self::Signed(text.parse().map_err(|_| wrong())?),
            Shape::Flag => Self::Flag(text.parse().map_err(|_| wrong())?),
            Shape::Bytes => Self::Bytes(hexadecimal(text).ok_or_else(wrong)?),
        })
    }

    fn bytes_len(&self) -> usize {
        match self {
            Self::Addresses(list) => list.len() * 4,
            Self::Text(text) => text.as_str().len(),
            Self::Names(list) => list.iter().map(|name| name.as_str().len() + 2).sum(),
            Self::Unsigned(_) | Self::Signed(_) => 4,
            Self::Flag(_) => 1,
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, items: Vec<String>| f.write_str(&items.join(","));
        match self {
            Self::Addresses(items) => list(f, items.iter().map(ToString::to_string).collect()),
            Self::Text(text) => text.fmt(f),
            Self::Names(items) => list(f, items.iter().map(ToString::to_string).collect()),
            Self::Unsigned(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let plain = !digits.is_empty() && digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| (0..digits.len()).step_by(2).filter_map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect())
}

fn wrong_shape(code: OptionCode, given: &str) -> Refusal {
    let wanted = match code.shape() {
        Shape::Addresses => "one or more IPv4 addresses".to_owned(),
        Shape::Address => "exactly one IPv4 address".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Name => "one domain name".to_owned(),
        Shape::Names => "one or more domain names".to_owned(),
        Shape::Unsigned(bits) => format!("a number of at most {bits} bits"),
        Shape::Signed => "a whole number".to_owned(),
        Shape::Flag => "true or false".to_owned(),
        Shape::Bytes => "1 to 255 bytes in hexadecimal".to_owned(),
    };
    Refusal::new(Reason::InvalidOption, format!("option {code} takes {wanted}, not {given}"))
}

/// The options of a scope, by code; every value fits its code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Options(BTreeMap<OptionCode, OptionValue>);

impl Options {
    /// Adds an option, or says why its value does not fit or its code is there twice.
    pub fn add(&mut self, code: OptionCode, value: OptionValue) -> Result<(), Refusal> {
        let fits = match (code.shape(), &value) {
            (Shape::Addresses, OptionValue::Addresses(list)) => !list.is_empty(),
            (Shape::Address, OptionValue::Addresses(list)) => list.len() == 1,
            (Shape::Text, OptionValue::Text(text)) => !text.as_str().is_empty(),
            (Shape::Name, OptionValue::Names(list)) => list.len() == 1,
            (Shape::Names, OptionValue::Names(list)) => !list.is_empty(),
            (Shape::Unsigned(bits), OptionValue::Unsigned(number)) => u64::from(*number) < 1 << bits,
            (Shape::Signed, OptionValue::Signed(_)) | (Shape::Flag, OptionValue::Flag(_)) => true,
            (Shape::Bytes, OptionValue::Bytes(bytes)) => !bytes.is_empty(),
            _ => false,
        };
        if !fits {
            return Err(wrong_shape(code, &shown(&value.to_string())));
        }
        let bytes = value.bytes_len();
        if bytes > OPTION_BYTES_MAX {
            return Err(Refusal::new(
                Reason::InvalidOption,
                format!(
                    "option {code} would have {bytes} bytes; a packet carries at most {OPTION_BYTES_MAX}, shorten it"
                ),
            ));
        }
        if self.0.contains_key(&code) {
            return Err(Refusal::new(Reason::InvalidOption, format!("option {code} is given twice")));
        }
        self.0.insert(code, value);
        Ok(())
    }

    /// The value of an option.
    pub fn get(&self, code: OptionCode) -> Option<&OptionValue> {
        self.0.get(&code)
    }

    /// The options in the order of their codes.
    pub fn iter(&self) -> impl Iterator<Item = (OptionCode, &OptionValue)> {
        self.0.iter().map(|(code, value)| (*code, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The routers, for rules that keep their addresses out of pools.
    pub fn routers(&self) -> &[Ipv4Addr] {
        match self.get(OptionCode::ROUTERS) {
            Some(OptionValue::Addresses(list)) => list,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, want: Result<&str, Reason>) {
        let got = OptionCode::from_name(name).and_then(|code| {
            let mut options = Options::default();
            options.add(code, OptionValue::from_text(code, text)?)?;
            Ok(options.get(code).map(ToString::to_string).unwrap_or_default())
        });
        assert_eq!(got.map_err(|r| r.reason), want.map(str::to_owned), "{name}={text}");
    }

    #[test]
    fn values_fit_their_code() {
        check("routers", "10.0.0.1, 10.0.0.2", Ok("10.0.0.1,10.0.0.2"));
        check("domain-name", "Berlin.Example", Ok("berlin.example"));
        check("time-offset", "-3600", Ok("-3600"));
        check("interface-mtu", "1500", Ok("1500"));
        check("150", "0a:00:00:01", Ok("0a000001"));
        for (name, text) in [
            ("routers", ""),
            ("routers", "10.0.0.256"),
            ("routers", "2001:db8::1"),
            ("swap-server", "10.0.0.1,10.0.0.2"),
            ("domain-name", "a b"),
            ("interface-mtu", "65536"),
            ("default-ip-ttl", "-1"),
            ("ip-forwarding", "maybe"),
            ("150", "xyz"),
            ("150", ""),
            ("no-such-option", "1"),
        ] {
            check(name, text, Err(Reason::InvalidOption));
        }
    }

    #[test]
    fn options_that_the_server_decides_cannot_be_set() {
        for code in [0, 1, 51, 53, 54, 58, 59, 61, 82, 255, 256, u32::MAX] {
            assert_eq!(OptionCode::new(code).map_err(|r| r.reason), Err(Reason::InvalidOption), "{code}");
        }
    }

    #[test]
    fn a_value_longer_than_one_option_is_refused() {
        check("routers", &vec!["10.0.0.1"; 64].join(","), Err(Reason::InvalidOption));
        check("root-path", &"é".repeat(200), Err(Reason::InvalidOption));
    }

    #[test]
    fn the_table_has_each_code_once_and_in_order() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(TABLE.iter().all(|(code, _, _)| OptionCode::new(u32::from(*code)).is_ok()));
    }
}
