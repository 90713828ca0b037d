//! DHCP options: which may be set, what shape their values have.
//!
//! The tables have the options that people set: of DHCPv4 those of RFC 2132 and its successors, of DHCPv6 those of RFC 3646 and
//! others. Any other code takes bytes. Options that the server itself decides (message type, lease time, server identifier, …)
//! are refused: lease times have fields of their own.

use crate::net::{Family, family};
use crate::refusal::{Reason, Refusal};
use crate::text::{HostName, Text, shown};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// Longest option value, in bytes, that one DHCPv4 option carries (RFC 2132 §2).
pub const OPTION_BYTES_MAX: usize = 255;
/// Longest value of a DHCPv6 option, in bytes. An option could carry 65,535 (RFC 8415 §21.1), but an answer is to pass a link whose packets have 1,280.
pub const OPTION_BYTES_MAX_V6: usize = 1000;

/// The code of an option that may be set: of DHCPv4, 1 to 254, or of DHCPv6, 1 to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionCode {
    family: Family,
    number: u16,
}

impl OptionCode {
    /// Routers (RFC 2132 §3.5).
    pub const ROUTERS: Self = Self::v4(3);
    /// DNS servers of DHCPv4 (RFC 2132 §3.8).
    pub const DNS_SERVERS: Self = Self::v4(6);
    /// Domain name (RFC 2132 §3.17).
    pub const DOMAIN_NAME: Self = Self::v4(15);
    /// NTP servers (RFC 2132 §8.3).
    pub const NTP_SERVERS: Self = Self::v4(42);
    /// Domains that clients of DHCPv4 search (RFC 3397).
    pub const DOMAIN_SEARCH: Self = Self::v4(119);
    /// DNS servers of DHCPv6 (RFC 3646 §3).
    pub const DNS_SERVERS_V6: Self = Self::v6(23);
    /// Domains that clients of DHCPv6 search (RFC 3646 §4).
    pub const DOMAIN_SEARCH_V6: Self = Self::v6(24);
    /// SNTP servers of DHCPv6 (RFC 4075).
    pub const SNTP_SERVERS_V6: Self = Self::v6(31);

    const fn v4(number: u16) -> Self {
        Self { family: Family::V4, number }
    }

    const fn v6(number: u16) -> Self {
        Self { family: Family::V6, number }
    }

    /// Takes a code of DHCPv4 or DHCPv6, unless the server alone decides that option.
    pub fn new(family: Family, code: u32) -> Result<Self, Refusal> {
        let refuse = |why: &str| Err(Refusal::new(Reason::InvalidOption, format!("option {code} {why}")));
        let decided =
            "is decided by the server or sent by clients; it cannot be set (lease times have fields of their own)";
        match (family, code) {
            (Family::V4, 0 | 255..) => refuse("does not exist: codes run from 1 to 254"),
            (Family::V4, 1) => refuse("(subnet mask) follows from the network; leave it out"),
            (Family::V4, 50..=59 | 61 | 82) => refuse(decided),
            (Family::V6, 0 | 65_536..) => refuse("does not exist: codes of DHCPv6 run from 1 to 65535"),
            (Family::V6, 1..=6 | 8..=11 | 13..=16 | 18..=20 | 25 | 26 | 37..=39 | 44..=50 | 66 | 67 | 79 | 81) => {
                refuse(decided)
            }
            _ => Ok(Self { family, number: u16::try_from(code).expect("checked to be below 65536") }),
        }
    }

    /// Of which protocol it is.
    pub fn family(self) -> Family {
        self.family
    }

    /// The code as it stands in a packet.
    pub fn number(self) -> u16 {
        self.number
    }

    /// The option's name, as Kea and the IANA registry write it, if the table has it.
    pub fn name(self) -> Option<&'static str> {
        self.definition().map(|(_, name, _)| *name)
    }

    /// The code of a name in the table, or of a number.
    pub fn from_name(family: Family, name: &str) -> Result<Self, Refusal> {
        if let Ok(number) = name.parse::<u32>() {
            return Self::new(family, number);
        }
        let found = table(family).iter().find(|(_, known, _)| *known == name);
        found.map(|(number, _, _)| Self { family, number: *number }).ok_or_else(|| {
            let (protocol, example) = match family {
                Family::V4 => ("DHCPv4", "ntp-servers"),
                Family::V6 => ("DHCPv6", "dns-servers"),
            };
            Refusal::new(
                Reason::InvalidOption,
                format!(
                    "no option of {protocol} is called {}; give its code, or a name such as {example}",
                    shown(name)
                ),
            )
        })
    }

    /// The shape that its values have.
    pub fn shape(self) -> Shape {
        self.definition().map_or(Shape::Bytes, |(_, _, shape)| *shape)
    }

    /// The longest value that it can have, in bytes.
    pub fn bytes_max(self) -> usize {
        match self.family {
            Family::V4 => OPTION_BYTES_MAX,
            Family::V6 => OPTION_BYTES_MAX_V6,
        }
    }

    fn definition(self) -> Option<&'static Definition> {
        table(self.family).iter().find(|(number, _, _)| *number == self.number)
    }
}

impl fmt::Display for OptionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.number),
            None => self.number.fmt(f),
        }
    }
}

/// An option as people write it, by name or number; which one it is depends on the protocol. DHCPv4 and DHCPv6 both have a `domain-search`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionName(String);

impl OptionName {
    /// Takes what is an option of at least one of the protocols.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let of = |family| OptionCode::from_name(family, text);
        of(Family::V4).or_else(|refusal| of(Family::V6).map_err(|_| refusal)).map(|_| Self(text.to_owned()))
    }

    /// How a code is written.
    pub fn of(code: OptionCode) -> Self {
        Self(code.name().map_or_else(|| code.number().to_string(), str::to_owned))
    }

    /// Whether there is a protocol in which both are the same option.
    pub fn meets(&self, other: &Self) -> bool {
        let same = |family| matches!((self.code(family), other.code(family)), (Ok(one), Ok(two)) if one == two);
        [Family::V4, Family::V6].into_iter().any(same)
    }

    /// The option of this name in a protocol.
    pub fn code(&self, family: Family) -> Result<OptionCode, Refusal> {
        OptionCode::from_name(family, &self.0)
    }
}

impl std::str::FromStr for OptionName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::parse(text)
    }
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an option's value is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One or more addresses of the protocol's family.
    Addresses,
    /// Exactly one address of the protocol's family.
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

/// Number, name and shape of an option.
type Definition = (u16, &'static str, Shape);

/// Options with a shape of their own. Names are those of Kea's standard definitions.
fn table(family: Family) -> &'static [Definition] {
    match family {
        Family::V4 => TABLE_V4,
        Family::V6 => TABLE_V6,
    }
}

const TABLE_V4: &[Definition] = &[
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

const TABLE_V6: &[Definition] = &[
    (7, "preference", Shape::Unsigned(8)),
    (12, "unicast", Shape::Address),
    (21, "sip-server-dns", Shape::Names),
    (22, "sip-server-addr", Shape::Addresses),
    (23, "dns-servers", Shape::Addresses),
    (24, "domain-search", Shape::Names),
    (27, "nis-servers", Shape::Addresses),
    (28, "nisp-servers", Shape::Addresses),
    (31, "sntp-servers", Shape::Addresses),
    (32, "information-refresh-time", Shape::Unsigned(32)),
    (34, "bcmcs-server-addr", Shape::Addresses),
    (40, "pana-agent", Shape::Addresses),
    (41, "new-posix-timezone", Shape::Text),
    (42, "new-tzdb-timezone", Shape::Text),
    (52, "capwap-ac-v6", Shape::Addresses),
    (59, "bootfile-url", Shape::Text),
    (64, "aftr-name", Shape::Name),
];

/// The value of one option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptionValue {
    /// Addresses of one family, in order of preference.
    Addresses(Vec<IpAddr>),
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
            Self::Addresses(list) => list.iter().map(|address| if address.is_ipv4() { 4 } else { 16 }).sum(),
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
    let family = code.family();
    let wanted = match code.shape() {
        Shape::Addresses => format!("one or more {family} addresses"),
        Shape::Address => format!("exactly one {family} address"),
        Shape::Text => "text".to_owned(),
        Shape::Name => "one domain name".to_owned(),
        Shape::Names => "one or more domain names".to_owned(),
        Shape::Unsigned(bits) => format!("a number of at most {bits} bits"),
        Shape::Signed => "a whole number".to_owned(),
        Shape::Flag => "true or false".to_owned(),
        Shape::Bytes => format!("1 to {} bytes in hexadecimal", code.bytes_max()),
    };
    Refusal::new(Reason::InvalidOption, format!("option {code} takes {wanted}, not {given}"))
}

/// The options of a scope, by code; every value fits its code, and all codes are of one protocol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Options(BTreeMap<OptionCode, OptionValue>);

impl Options {
    /// Adds an option, or says why its value does not fit or its code is there twice.
    pub fn add(&mut self, code: OptionCode, value: OptionValue) -> Result<(), Refusal> {
        let all_of_its_family = |list: &[IpAddr]| list.iter().all(|address| family(*address) == code.family());
        let fits = match (code.shape(), &value) {
            (Shape::Addresses, OptionValue::Addresses(list)) => !list.is_empty() && all_of_its_family(list),
            (Shape::Address, OptionValue::Addresses(list)) => list.len() == 1 && all_of_its_family(list),
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
        if bytes > code.bytes_max() {
            return Err(Refusal::new(
                Reason::InvalidOption,
                format!(
                    "option {code} would have {bytes} bytes; a packet carries at most {}, shorten it",
                    code.bytes_max()
                ),
            ));
        }
        debug_assert!(self.family().is_none_or(|family| family == code.family()), "options of two protocols");
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

    /// Of which protocol they are; `None` if there are none.
    pub fn family(&self) -> Option<Family> {
        self.0.keys().next().map(|code| code.family())
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
    pub fn routers(&self) -> &[IpAddr] {
        match self.get(OptionCode::ROUTERS) {
            Some(OptionValue::Addresses(list)) => list,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_of(family: Family, name: &str, text: &str, want: Result<&str, Reason>) {
        let got = OptionCode::from_name(family, name).and_then(|code| {
            let mut options = Options::default();
            options.add(code, OptionValue::from_text(code, text)?)?;
            Ok(options.get(code).map(ToString::to_string).unwrap_or_default())
        });
        assert_eq!(got.map_err(|r| r.reason), want.map(str::to_owned), "{family:?} {name}={text}");
    }

    fn check(name: &str, text: &str, want: Result<&str, Reason>) {
        check_of(Family::V4, name, text, want);
    }

    #[test]
    fn a_name_means_what_its_protocol_says() {
        let check = |name, text, want| check_of(Family::V6, name, text, want);
        check("dns-servers", "2001:DB8::1, 2001:db8::2", Ok("2001:db8::1,2001:db8::2"));
        check("domain-search", "b.example,c.example", Ok("b.example,c.example"));
        check("information-refresh-time", "86400", Ok("86400"));
        check("1234", "0a", Ok("0a"));
        let longest = "ab".repeat(1000);
        check("65535", &longest, Ok(&longest));
        for (name, text) in [
            ("dns-servers", "10.0.0.1"),
            ("routers", "2001:db8::1"),
            ("ia-na", "00"),
            ("3", "00"),
            ("0", "00"),
            ("65536", "00"),
            ("65535", &"ab".repeat(1001)),
            ("preference", "256"),
        ] {
            check(name, text, Err(Reason::InvalidOption));
        }
        let codes = |name: &str| {
            let name = OptionName::parse(name).expect("a name");
            [Family::V4, Family::V6].map(|family| name.code(family).map(OptionCode::number).ok())
        };
        assert_eq!(codes("domain-search"), [Some(119), Some(24)]);
        assert_eq!(codes("routers"), [Some(3), None]);
        assert_eq!(codes("1000"), [None, Some(1000)]);
        assert_eq!(OptionName::parse("no-such-option").map_err(|r| r.reason), Err(Reason::InvalidOption));
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
            let found = OptionCode::new(Family::V4, code);
            assert_eq!(found.map_err(|r| r.reason), Err(Reason::InvalidOption), "{code}");
        }
    }

    #[test]
    fn a_value_longer_than_one_option_is_refused() {
        check("routers", &vec!["10.0.0.1"; 64].join(","), Err(Reason::InvalidOption));
        check("root-path", &"é".repeat(200), Err(Reason::InvalidOption));
    }

    #[test]
    fn the_tables_have_each_code_once_and_in_order() {
        for family in [Family::V4, Family::V6] {
            assert!(table(family).windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert!(table(family).iter().all(|(code, _, _)| OptionCode::new(family, u32::from(*code)).is_ok()));
        }
    }
}
