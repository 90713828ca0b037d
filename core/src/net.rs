//! Addresses, prefixes and ranges of either family.
//!
//! One way to write each: an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) and a zone-scoped one
//! (`fe80::1%eth0`) are refused at the border, so that two spellings can never name one address.

use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use ipnet::{IpNet, Ipv4Net};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Parses one address in its one accepted spelling.
pub fn parse_address(text: &str) -> Result<IpAddr, Refusal> {
    let refuse = |why: &str| Refusal::new(Reason::InvalidAddress, format!("{} {why}", shown(text)));
    if text.contains('%') {
        return Err(refuse("has a zone; give the address without %zone"));
    }
    let address: IpAddr =
        text.parse().map_err(|_| refuse("is not an IPv4 or IPv6 address, such as 10.1.2.3 or 2001:db8::1"))?;
    refuse_mapped(address)
}

/// Refuses an IPv4-mapped IPv6 address; passes every other.
pub fn refuse_mapped(address: IpAddr) -> Result<IpAddr, Refusal> {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Err(Refusal::new(
            Reason::InvalidAddress,
            format!("{v6} is an IPv4-mapped IPv6 address; give it in IPv4 notation"),
        )),
        other => Ok(other),
    }
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// The family of an address.
pub fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

/// An address as a number, for arithmetic within one family.
pub fn to_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The address of `family` with this number; `None` if the number is beyond the family's last.
pub fn from_number(family: Family, number: u128) -> Option<IpAddr> {
    match family {
        Family::V4 => u32::try_from(number).ok().map(|n| Ipv4Addr::from(n).into()),
        Family::V6 => Some(Ipv6Addr::from(number).into()),
    }
}

/// A prefix in CIDR notation, with no bits set behind its length (RFC 4632).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Sorts before every other: 0.0.0.0/0.
    pub(crate) const FIRST: Self = Self(IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)));

    /// The prefix of `length` bits that starts at `address`.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, Refusal> {
        let address = refuse_mapped(address)?;
        let net = IpNet::new(address, length).map_err(|_| {
            Refusal::new(
                Reason::InvalidCidr,
                format!("/{length} is too long for {address}; at most /{}", width(family(address))),
            )
        })?;
        if net.trunc() != net {
            return Err(Refusal::new(
                Reason::InvalidCidr,
                format!("{net} has bits set behind its length; did you mean {}?", net.trunc()),
            ));
        }
        Ok(Self(net))
    }

    /// The prefix of this address alone; sorts behind every prefix that begins there.
    pub fn of_one(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// The prefix of `length` bits that starts at `address`, which arithmetic has made so that it is one.
    pub(crate) fn aligned(address: IpAddr, length: u8) -> Self {
        let net = IpNet::new(address, length).expect("the length was made for the family");
        debug_assert_eq!(net.trunc(), net, "the address was made for the length");
        Self(net)
    }

    /// The prefix of `length` bits that `address` lies in; `length` is at most what the family has.
    pub(crate) fn around(address: IpAddr, length: u8) -> Self {
        Self(IpNet::new(address, length).expect("the length is one of the family").trunc())
    }

    /// The first address.
    pub fn network(&self) -> IpAddr {
        self.0.network()
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        self.0.broadcast()
    }

    /// The number of leading bits that all addresses share.
    pub fn prefix_len(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is IPv4 or IPv6.
    pub fn family(&self) -> Family {
        family(self.network())
    }

    /// All its addresses.
    pub fn range(&self) -> AddressRange {
        AddressRange { start: self.network(), end: self.last() }
    }

    /// Whether `address` is one of its addresses.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of `other` lies in it (itself included).
    pub fn covers(&self, other: &Cidr) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two share an address: of two prefixes that do, one covers the other.
    pub fn overlaps(&self, other: &Cidr) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The shorter prefixes that cover it, the longest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Cidr> + use<> {
        std::iter::successors(self.0.supernet(), |net| net.supernet()).map(Cidr)
    }

    /// Whether a host can have `address`: in it, and in IPv4 neither its network nor its broadcast
    /// address (RFC 1122 §3.2.1.3; both are usable in a /31, RFC 3021, and a /32).
    pub fn usable(&self, address: IpAddr) -> bool {
        let edge = self.family() == Family::V4
            && self.prefix_len() < 31
            && (address == self.network() || address == self.last());
        self.contains(address) && !edge
    }

    /// The addresses that may be given to hosts: the usable ones, in IPv6 without the first, which is every router's
    /// (RFC 4291 §2.6.1; not so in a /127, RFC 6164 §6, and a /128).
    pub fn hosts(&self) -> AddressRange {
        let (first, last) = (to_number(self.network()), to_number(self.last()));
        let (first, last) = match self.family() {
            Family::V4 if self.prefix_len() < 31 => (first + 1, last - 1),
            Family::V6 if self.prefix_len() < 127 => (first + 1, last),
            Family::V4 | Family::V6 => (first, last),
        };
        let address = |number| from_number(self.family(), number).expect("it lies between two of the family");
        AddressRange { start: address(first), end: address(last) }
    }

    /// Whether `address` is among its [`hosts`](Self::hosts).
    pub fn gives(&self, address: IpAddr) -> bool {
        self.hosts().contains(address)
    }
}

/// How many bits an address of `family` has.
pub fn width(family: Family) -> u8 {
    match family {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cidr {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = || {
            Refusal::new(
                Reason::InvalidCidr,
                format!("{} is not a CIDR, such as 10.1.0.0/16 or 2001:db8::/32", shown(text)),
            )
        };
        let (address, length) = text.split_once('/').ok_or_else(refuse)?;
        let plain = !length.is_empty() && length.len() <= 3 && length.bytes().all(|b| b.is_ascii_digit());
        if !plain || (length.len() > 1 && length.starts_with('0')) {
            return Err(refuse());
        }
        let length: u8 = length.parse().map_err(|_| refuse())?;
        Self::new(parse_address(address)?, length)
    }
}

/// An inclusive range of addresses of one family, start not after end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    start: IpAddr,
    end: IpAddr,
}

impl AddressRange {
    /// The addresses from `start` to `end`, both included.
    pub fn new(start: IpAddr, end: IpAddr) -> Result<Self, Refusal> {
        let (start, end) = (refuse_mapped(start)?, refuse_mapped(end)?);
        if family(start) != family(end) {
            return Err(Refusal::new(
                Reason::InvalidRange,
                format!("{start} and {end} are of two families; a range has one"),
            ));
        }
        if start > end {
            return Err(Refusal::new(
                Reason::InvalidRange,
                format!("the range starts at {start}, after its end {end}; swap them"),
            ));
        }
        Ok(Self { start, end })
    }

    /// The range of one address.
    pub(crate) fn of_one(address: IpAddr) -> Self {
        Self { start: address, end: address }
    }

    /// The first address.
    pub fn start(&self) -> IpAddr {
        self.start
    }

    /// The last address.
    pub fn end(&self) -> IpAddr {
        self.end
    }

    /// Whether it is IPv4 or IPv6.
    pub fn family(&self) -> Family {
        family(self.start)
    }

    /// The numbers of its addresses.
    pub fn numbers(&self) -> RangeInclusive<u128> {
        to_number(self.start)..=to_number(self.end)
    }

    /// Its parts without `holes`, which are ascending.
    pub(crate) fn without(&self, holes: impl Iterator<Item = IpAddr>) -> Vec<AddressRange> {
        let (mut parts, mut next) = (Vec::new(), Some(to_number(self.start)));
        for hole in holes.filter(|hole| self.contains(*hole)).map(to_number) {
            let Some(from) = next else { break };
            if hole > from {
                keep(&mut parts, self.family(), from, hole - 1);
            }
            next = hole.checked_add(1);
        }
        if let Some(from) = next.filter(|from| *from <= to_number(self.end)) {
            keep(&mut parts, self.family(), from, to_number(self.end));
        }
        parts
    }

    /// How many addresses it has; the whole of IPv6 counts as `u128::MAX`.
    pub fn size(&self) -> u128 {
        (to_number(self.end) - to_number(self.start)).saturating_add(1)
    }

    /// Whether `address` is one of its addresses.
    pub fn contains(&self, address: IpAddr) -> bool {
        family(address) == self.family() && self.start <= address && address <= self.end
    }

    /// Whether all of `other` lies in it.
    pub fn covers(&self, other: &AddressRange) -> bool {
        self.contains(other.start) && self.contains(other.end)
    }

    /// Whether the two share an address.
    pub fn overlaps(&self, other: &AddressRange) -> bool {
        self.family() == other.family() && self.start <= other.end && other.start <= self.end
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

impl FromStr for AddressRange {
    type Err = Refusal;

    /// Takes `START-END`, or one address for a range of one.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.split_once('-') {
            Some((start, end)) => Self::new(parse_address(start.trim())?, parse_address(end.trim())?),
            None => parse_address(text.trim()).map(|address| Self { start: address, end: address }),
        }
    }
}

/// Parts of `ranges` that no range of `holes` covers, in order, adjacent parts merged.
///
/// This is how an exclusion reaches servers that know only pools. Costs the product of the two lists'
/// lengths, never the number of addresses.
pub fn subtract(ranges: &[AddressRange], holes: &[AddressRange]) -> Vec<AddressRange> {
    let mut holes: Vec<_> = holes.to_vec();
    holes.sort();
    let mut ranges: Vec<_> = ranges.to_vec();
    ranges.sort();
    let mut parts: Vec<AddressRange> = Vec::new();
    for range in &ranges {
        let mut next = Some(to_number(range.start));
        let end = to_number(range.end);
        for hole in holes.iter().filter(|hole| hole.overlaps(range)) {
            let Some(from) = next else { break };
            let hole_start = to_number(hole.start);
            if hole_start > from {
                keep(&mut parts, range.family(), from, hole_start - 1);
            }
            next = to_number(hole.end).checked_add(1).map(|after| after.max(from)).filter(|after| *after <= end);
        }
        if let Some(from) = next {
            keep(&mut parts, range.family(), from, end);
        }
    }
    parts
}

fn keep(parts: &mut Vec<AddressRange>, family: Family, start: u128, end: u128) {
    let (Some(first), Some(last)) = (from_number(family, start), from_number(family, end)) else {
        return;
    };
    match parts.last_mut() {
        Some(before) if before.family() == family && to_number(before.end).checked_add(1) == Some(start) => {
            before.end = last;
        }
        _ => parts.push(AddressRange { start: first, end: last }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().expect("a CIDR")
    }

    #[test]
    fn malformed_cidrs_are_refused_with_a_hint() {
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10/8",
            "::/129",
            "10.0.0.0/8/8",
        ] {
            let refusal = bad.parse::<Cidr>().expect_err(bad);
            assert!(matches!(refusal.reason, Reason::InvalidCidr | Reason::InvalidAddress), "{bad}: {refusal}");
        }
        let refusal = "10.1.2.3/16".parse::<Cidr>().expect_err("host bits");
        assert_eq!(refusal.message, "10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16?");
    }

    #[test]
    fn mapped_and_zoned_addresses_are_refused() {
        for bad in ["::ffff:10.0.0.1", "fe80::1%eth0", "010.0.0.1", "10.0.0", "10.0.0.256", ""] {
            assert_eq!(parse_address(bad).map_err(|r| r.reason), Err(Reason::InvalidAddress), "{bad}");
        }
        assert!("::ffff:10.0.0.0/104".parse::<Cidr>().is_err());
    }

    #[test]
    fn edges_of_a_network_are_not_usable() {
        let net = cidr("10.1.2.0/24");
        let usable = |a: &str| net.usable(a.parse().expect("address"));
        assert!(!usable("10.1.2.0") && !usable("10.1.2.255") && !usable("10.1.3.1") && usable("10.1.2.1"));
        assert!(cidr("10.1.2.0/31").usable("10.1.2.0".parse().expect("address")));
        assert!(cidr("2001:db8::/64").usable("2001:db8::".parse().expect("address")));
    }

    #[test]
    fn ancestors_run_from_the_longest_to_the_shortest() {
        let up: Vec<_> = cidr("10.0.0.0/30").ancestors().map(|c| c.prefix_len()).collect();
        assert_eq!(up, (0..30).rev().collect::<Vec<u8>>());
    }

    fn small_ranges() -> impl Strategy<Value = Vec<AddressRange>> {
        let one = (0u32..300, 0u32..60).prop_map(|(start, size)| AddressRange {
            start: Ipv4Addr::from(start).into(),
            end: Ipv4Addr::from(start + size).into(),
        });
        proptest::collection::vec(one, 0..6)
    }

    proptest! {
        #[test]
        fn subtract_keeps_exactly_what_no_hole_covers(ranges in small_ranges(), holes in small_ranges()) {
            let mut disjoint: Vec<AddressRange> = Vec::new();
            for range in ranges {
                if disjoint.iter().all(|other| !other.overlaps(&range)) {
                    disjoint.push(range);
                }
            }
            let parts = subtract(&disjoint, &holes);
            for n in 0u32..400 {
                let address: IpAddr = Ipv4Addr::from(n).into();
                let wanted = disjoint.iter().any(|r| r.contains(address)) && !holes.iter().any(|h| h.contains(address));
                prop_assert_eq!(parts.iter().filter(|p| p.contains(address)).count(), usize::from(wanted));
            }
            for pair in parts.windows(2) {
                prop_assert!(to_number(pair[0].end) + 1 < to_number(pair[1].start), "not merged: {} {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn subtract_reaches_the_ends_of_both_families() {
        let all6: AddressRange = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().expect("range");
        let top: AddressRange = "ffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().expect("range");
        let kept: Vec<_> = subtract(&[all6], &[top]).iter().map(ToString::to_string).collect();
        assert_eq!(kept, ["::-fffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]);
        assert_eq!(subtract(&[all6], &[all6]), []);
    }
}
