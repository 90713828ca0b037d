//! A configuration as the checks walk it: subnets with what they inherit.

use super::super::config::network;
use super::super::protocol::Protocol;
use freehold_core::net::{AddressRange, Cidr, Family, parse_address};
use serde_json::Value;
use std::fmt;

/// The configuration of a Kea.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) protocol: Protocol,
    /// The member `Dhcp4` or `Dhcp6`, without Freehold's subnets.
    pub(super) dhcp: &'a Value,
    pub(super) subnets: Vec<Subnet<'a>>,
}

/// A subnet, with what it inherits from.
#[derive(Debug)]
pub(super) struct Subnet<'a> {
    pub(super) value: &'a Value,
    network: Option<&'a Value>,
    dhcp: &'a Value,
    pub(super) is_ours: bool,
}

/// The items of a list; none if it is none.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The strings of a list.
pub(super) fn strings(value: &Value) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}

/// Whether a list has nothing in it, or is none.
pub(super) fn is_empty(value: &Value) -> bool {
    list(value).next().is_none()
}

impl<'a> Tree<'a> {
    pub(super) fn of(root: &'a Value, ours: &'a [Value]) -> Option<Self> {
        let of = |protocol: &Protocol| Some((*protocol, root.get(protocol.root())?));
        let (protocol, dhcp) = Protocol::ALL.iter().find_map(of)?;
        let name = protocol.subnets();
        let subnet = |value, network, is_ours| Subnet { value, network, dhcp, is_ours };
        let mut subnets: Vec<_> = list(&dhcp[name]).map(|value| subnet(value, None, false)).collect();
        for network in list(&dhcp["shared-networks"]) {
            subnets.extend(list(&network[name]).map(|value| subnet(value, Some(network), false)));
        }
        subnets.extend(ours.iter().map(|value| subnet(value, None, true)));
        Some(Self { protocol, dhcp, subnets })
    }

    /// Of which protocol's addresses it is.
    pub(super) fn family(&self) -> Family {
        self.protocol.family()
    }

    /// The subnets that are not Freehold's.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &Subnet<'a>> {
        self.subnets.iter().filter(|subnet| !subnet.is_ours)
    }

    /// The parameters of a hook library, by a part of its file's name; `None` if it is not loaded.
    pub(super) fn hook(&self, name: &str) -> Option<&'a Value> {
        let libraries = list(&self.dhcp["hooks-libraries"]);
        let mut named = libraries.filter(|hook| hook["library"].as_str().is_some_and(|file| file.contains(name)));
        named.next().map(|hook| &hook["parameters"])
    }

    /// Whether reservations may stand elsewhere: in a database, or with RADIUS.
    pub(super) fn has_other_hosts(&self) -> bool {
        let databases = ["hosts-database", "hosts-databases"];
        databases.iter().any(|name| self.dhcp.get(name).is_some()) || self.hook("libdhcp_radius").is_some()
    }

    /// Everything that an option, a class or a flag can stand at: all but classes and reservations.
    pub(super) fn places(&self) -> impl Iterator<Item = &'a Value> {
        let networks = list(&self.dhcp["shared-networks"]);
        let subnets = self.subnets.iter().flat_map(|subnet| subnet.pools().chain([subnet.value]));
        networks.chain(subnets).chain([self.dhcp])
    }

    /// Every reservation, those for all with them.
    pub(super) fn reservations(&self) -> impl Iterator<Item = &'a Value> {
        let in_subnets = self.subnets.iter().flat_map(|subnet| list(&subnet.value["reservations"]));
        list(&self.dhcp["reservations"]).chain(in_subnets)
    }
}

impl<'a> Subnet<'a> {
    /// A value that it has or inherits.
    pub(super) fn inherited(&self, name: &str) -> Option<&'a Value> {
        let levels = [Some(self.value), self.network, Some(self.dhcp)];
        levels.into_iter().flatten().find_map(|level| level.get(name))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.inherited(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// Its pools, those of delegated prefixes with them.
    pub(super) fn pools(&self) -> impl Iterator<Item = &'a Value> {
        list(&self.value["pools"]).chain(list(&self.value["pd-pools"]))
    }

    /// Its network.
    pub(super) fn cidr(&self) -> Option<Cidr> {
        network(self.value)
    }

    /// The addresses of its pools; a pool that cannot be read is left out.
    pub(super) fn ranges(&self) -> Vec<AddressRange> {
        list(&self.value["pools"]).filter_map(|pool| range(pool["pool"].as_str()?)).collect()
    }

    /// How many addresses its pools have.
    pub(super) fn capacity(&self) -> u128 {
        self.ranges().iter().fold(0u128, |sum, range| sum.saturating_add(range.size()))
    }

    /// Its reservations.
    pub(super) fn reservations(&self) -> impl Iterator<Item = &'a Value> {
        list(&self.value["reservations"])
    }

    /// Whether it, a pool of it or what it inherits from has an option.
    pub(super) fn has_option(&self, code: u64, name: &str) -> bool {
        let levels = [Some(self.value), self.network, Some(self.dhcp)].into_iter().flatten();
        levels.chain(self.pools()).any(|level| options(level, code, name).next().is_some())
    }
}

/// What stands there of an option of the protocol's own.
pub(super) fn options<'a>(level: &'a Value, code: u64, name: &str) -> impl Iterator<Item = &'a Value> {
    list(&level["option-data"]).filter(move |option| {
        let own = matches!(option["space"].as_str(), None | Some("dhcp4" | "dhcp6"));
        own && (option["code"] == code || option["name"] == name)
    })
}

/// `10.0.0.1 - 10.0.0.9`, or a prefix.
fn range(text: &str) -> Option<AddressRange> {
    match text.split_once('-') {
        Some((start, end)) => {
            AddressRange::new(parse_address(start.trim()).ok()?, parse_address(end.trim()).ok()?).ok()
        }
        None => text.trim().parse::<Cidr>().ok().map(|cidr| cidr.range()),
    }
}

/// `10.7.0.0/16 (id 7)`.
impl fmt::Display for Subnet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.value["id"].as_u64().unwrap_or_default();
        write!(f, "{} (id {id})", self.value["subnet"].as_str().unwrap_or("a subnet"))
    }
}
