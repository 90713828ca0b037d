use super::Stamp;
use crate::labels::Labels;
use crate::name::{PrefixName, ScopeName, ServerName, SpaceName};
use crate::net::{AddressRange, Cidr, Family};
use crate::option::Options;
use crate::refusal::{Reason, Refusal};
use crate::text::{Text, shown};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The number that DHCP servers know a scope by, 1 to 4,294,967,294. Given once, never reused: Kea
/// binds old leases to a reused id.
///
/// Those that Freehold gives begin at a million, so that they do not meet the small ids of
/// subnets that people, or Kea itself, numbered from 1 on the same server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubnetId(u32);

impl SubnetId {
    /// The first id of a new store.
    pub const FIRST: Self = Self(1_000_000);

    /// Takes an id that Kea accepts.
    pub fn new(id: u32) -> Option<Self> {
        (1..u32::MAX).contains(&id).then_some(Self(id))
    }

    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The next id, while there is one.
    pub fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }
}

impl fmt::Display for SubnetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a scope leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeStatus {
    /// Served.
    Active,
    /// Kept in the plan, not on the server: leases nothing, answers nobody.
    Inactive,
}

/// A range in a scope that is never leased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exclusion {
    /// The addresses.
    pub range: AddressRange,
    /// Why.
    pub comment: Text,
}

/// A block out of which prefixes are delegated to routers, each of the same length (RFC 8415 §6.3; Kea's `pd-pools`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrefixPool {
    /// The block.
    pub prefix: Cidr,
    /// How many bits the prefix of each router has.
    pub delegated_length: u8,
}

impl PrefixPool {
    /// How many prefixes there are in it.
    pub fn count(&self) -> u128 {
        1u128.checked_shl((self.delegated_length - self.prefix.prefix_len()).into()).unwrap_or(u128::MAX)
    }
}

/// `2001:db8:8000::/36 by /56`.
impl FromStr for PrefixPool {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let form = || {
            let message = format!("{} is not of the form 2001:db8:8000::/36 by /56", shown(text));
            Refusal::new(Reason::InvalidCidr, message)
        };
        let (prefix, length) = text.split_once(" by /").ok_or_else(form)?;
        let delegated_length = length.trim().parse().map_err(|_| form())?;
        Ok(Self { prefix: prefix.trim().parse()?, delegated_length })
    }
}

impl fmt::Display for PrefixPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by /{}", self.prefix, self.delegated_length)
    }
}

/// How a server tells which clients are on the scope's link, beyond the network itself. Empty where the network is enough: a client of DHCPv4 behind a
/// relay is told by the relay's address, and one on the server's own link by the server's address there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Link {
    /// The server's network interface on the link. A client of DHCPv6 on the server's own link is told by nothing else.
    pub interface: Text,
    /// Addresses of relays on the link that are not in the network, sorted.
    pub relays: Vec<IpAddr>,
    /// What relays put into the interface-id option on the link (RFC 8415 §21.18); DHCPv6 only.
    pub interface_id: Text,
}

impl Link {
    /// Longest name of an interface, in bytes: Linux has room for 15.
    pub const INTERFACE_BYTES_MAX: usize = 15;
    /// Most relays of a scope.
    pub const RELAYS_MAX: usize = 64;

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How long a lease is good for, and when the client asks again (RFC 2131 §4.4.5, RFC 8415 §14.2). In seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseTimes {
    valid_seconds: u32,
    renew_seconds: Option<u32>,
    rebind_seconds: Option<u32>,
    preferred_seconds: Option<u32>,
}

impl LeaseTimes {
    /// Shortest lease, in seconds.
    pub const VALID_SECONDS_MIN: u32 = 10;
    /// Longest finite lease, in seconds: one year.
    pub const VALID_SECONDS_MAX: u32 = 31_536_000;

    /// Times that fit together: renew < rebind < valid. Where one is absent the server decides.
    pub fn new(valid_seconds: u32, renew_seconds: Option<u32>, rebind_seconds: Option<u32>) -> Result<Self, Refusal> {
        let refuse = |field: &str, why: String| Err(Refusal::new(Reason::InvalidLeaseTime, why).at(field));
        if !(Self::VALID_SECONDS_MIN..=Self::VALID_SECONDS_MAX).contains(&valid_seconds) {
            return refuse(
                "valid_seconds",
                format!(
                    "a lease of {valid_seconds} s: give {} to {} seconds",
                    Self::VALID_SECONDS_MIN,
                    Self::VALID_SECONDS_MAX
                ),
            );
        }
        let rebind_before = rebind_seconds.unwrap_or(valid_seconds);
        if rebind_seconds.is_some_and(|rebind| rebind == 0 || rebind >= valid_seconds) {
            return refuse(
                "rebind_seconds",
                format!("rebinding after {rebind_before} s does not lie within a lease of {valid_seconds} s"),
            );
        }
        if let Some(renew) = renew_seconds.filter(|renew| *renew == 0 || *renew >= rebind_before) {
            return refuse(
                "renew_seconds",
                format!(
                    "renewing after {renew} s does not lie before {rebind_before} s, when the client rebinds or the lease ends"
                ),
            );
        }
        Ok(Self { valid_seconds, renew_seconds, rebind_seconds, preferred_seconds: None })
    }

    /// The same with a preferred lifetime, which only addresses and prefixes of IPv6 have.
    pub fn preferred(self, preferred_seconds: Option<u32>) -> Result<Self, Refusal> {
        match preferred_seconds.filter(|preferred| !(1..=self.valid_seconds).contains(preferred)) {
            Some(preferred) => Err(Refusal::new(
                Reason::InvalidLeaseTime,
                format!(
                    "an address that is preferred for {preferred} s: give 1 second to the {} of its lease",
                    self.valid_seconds
                ),
            )
            .at("preferred_seconds")),
            None => Ok(Self { preferred_seconds, ..self }),
        }
    }

    /// Length of a lease (option 51).
    pub fn valid_seconds(&self) -> u32 {
        self.valid_seconds
    }

    /// For how long a client begins new connections from an address of IPv6 (RFC 8415 §7.7), where it was said.
    pub fn preferred_seconds(&self) -> Option<u32> {
        self.preferred_seconds
    }

    /// The same, where it was not said too: five eighths of the lease, as Kea has it.
    pub fn effective_preferred_seconds(&self) -> u32 {
        let default = u64::from(self.valid_seconds) * 5 / 8;
        self.preferred_seconds.unwrap_or(u32::try_from(default).expect("less than the lease"))
    }

    /// When the client first renews (T1, option 58).
    pub fn renew_seconds(&self) -> Option<u32> {
        self.renew_seconds
    }

    /// When the client asks any server (T2, option 59).
    pub fn rebind_seconds(&self) -> Option<u32> {
        self.rebind_seconds
    }
}

impl Default for LeaseTimes {
    /// An hour; the server decides when to renew.
    fn default() -> Self {
        Self { valid_seconds: 3600, renew_seconds: None, rebind_seconds: None, preferred_seconds: None }
    }
}

/// The DHCP-served part of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: ScopeName,
    /// The space of its network.
    pub space: SpaceName,
    /// The network prefix that it serves; a scope to a network.
    pub network: Cidr,
    /// The number that servers know it by.
    pub subnet_id: SubnetId,
    /// What may be leased, sorted, disjoint; empty where only reservations are served.
    pub ranges: Vec<AddressRange>,
    /// What in the ranges may not, sorted, disjoint.
    pub exclusions: Vec<Exclusion>,
    /// Blocks out of which prefixes are delegated, sorted, disjoint; IPv6 only.
    pub prefix_pools: Vec<PrefixPool>,
    /// Options that its clients get.
    pub options: Options,
    /// Lease times.
    pub lease_times: LeaseTimes,
    /// Which clients are on its link.
    pub link: Link,
    /// Whether it leases.
    pub status: ScopeStatus,
    /// The server that serves it.
    pub server: Option<ServerName>,
    /// What it is for.
    pub description: Text,
    /// Tags and custom fields of its own.
    pub labels: Labels,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl Scope {
    /// The name of its network in the plan.
    pub fn prefix(&self) -> PrefixName {
        PrefixName { space: self.space.clone(), cidr: self.network }
    }

    /// Its family, and so the protocol by which it is served.
    pub fn family(&self) -> Family {
        self.network.family()
    }

    /// Whether an exclusion covers `address`.
    pub fn excludes(&self, address: IpAddr) -> bool {
        self.exclusions.iter().any(|exclusion| exclusion.range.contains(address))
    }

    /// Its routers, each as a range of one.
    pub(crate) fn routers(&self) -> Vec<AddressRange> {
        let routers = self.options.routers().iter();
        routers.map(|router| AddressRange::of_one(*router)).collect()
    }

    /// What may be leased while nothing is held or claimed: the ranges less the exclusions and the routers.
    pub fn pools(&self) -> Vec<AddressRange> {
        let exclusions = self.exclusions.iter().map(|exclusion| exclusion.range);
        let holes: Vec<_> = exclusions.chain(self.routers()).collect();
        crate::net::subtract(&self.ranges, &holes)
    }

    /// Whether `address` is in one of its pools.
    pub fn leases(&self, address: IpAddr) -> bool {
        // They are sorted and disjoint: only the last that begins before it can have it.
        let begun = self.ranges.partition_point(|range| range.start() <= address);
        self.ranges[..begun].last().is_some_and(|range| range.contains(address))
            && !self.excludes(address)
            && !self.options.routers().contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_times_fit_together() {
        let reason = |valid, renew, rebind| LeaseTimes::new(valid, renew, rebind).map(|_| ()).map_err(|r| r.field);
        assert_eq!(reason(3600, Some(900), Some(1800)), Ok(()));
        assert_eq!(reason(3600, None, None), Ok(()));
        for (valid, renew, rebind, field) in [
            (0, None, None, "valid_seconds"),
            (9, None, None, "valid_seconds"),
            (u32::MAX, None, None, "valid_seconds"),
            (3600, Some(3600), None, "renew_seconds"),
            (3600, Some(0), None, "renew_seconds"),
            (3600, Some(1800), Some(1800), "renew_seconds"),
            (3600, None, Some(3600), "rebind_seconds"),
        ] {
            assert_eq!(reason(valid, renew, rebind), Err(field.to_owned()));
        }
        let preferred =
            |seconds| LeaseTimes::default().preferred(seconds).map(|times| times.effective_preferred_seconds());
        assert_eq!([preferred(None), preferred(Some(3600)), preferred(Some(1))], [Ok(2250), Ok(3600), Ok(1)]);
        assert_eq!(
            [preferred(Some(0)), preferred(Some(3601))].map(|r| r.map_err(|r| r.field)),
            [(); 2].map(|()| Err("preferred_seconds".to_owned()))
        );
    }
}
