//! Reservations that do nothing, or the wrong thing.

use super::super::config::identifiers;
use super::named;
use super::tree::{Subnet, Tree, is_empty, list, strings};
use freehold_core::net::parse_address;
use serde_json::Value;
use std::net::IpAddr;

/// The members of a reservation that say whose it is.
const IDENTIFIERS: [&str; 5] = ["hw-address", "duid", "circuit-id", "client-id", "flex-id"];

/// The addresses that a reservation gives.
fn addresses(host: &Value) -> impl Iterator<Item = IpAddr> {
    let one = host["ip-address"].as_str().into_iter();
    one.chain(strings(&host["ip-addresses"])).filter_map(|text| parse_address(text).ok())
}

pub(super) fn elsewhere(tree: &Tree<'_>) -> Option<String> {
    let mut outside = Vec::new();
    for subnet in tree.foreign() {
        let Some(cidr) = subnet.cidr() else { continue };
        let hosts = subnet.reservations().flat_map(addresses).filter(|address| !cidr.contains(*address));
        outside.extend(hosts.map(|address| format!("{address} in {subnet}")));
    }
    named(&outside).map(|names| format!("reserved outside of the subnet: {names}"))
}

pub(super) fn not_looked_for(tree: &Tree<'_>) -> Option<String> {
    let looked_for = identifiers(tree.protocol, tree.dhcp);
    let by = |name: &&&str| tree.reservations().filter(|host| host[**name].is_string()).count();
    let lost = IDENTIFIERS.iter().filter(|name| !looked_for.contains(*name));
    let lost: Vec<_> = lost.map(|name| (name, by(&name))).filter(|(_, count)| *count > 0).collect();
    let lost: Vec<_> = lost.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    named(&lost).map(|names| format!("reservations by identifiers that are not looked for: {names}"))
}

/// Why reservations of a subnet are not found.
fn why_ignored(subnet: &Subnet<'_>) -> Option<String> {
    if is_empty(&subnet.value["reservations"]) {
        return None;
    }
    if !subnet.flag("reservations-in-subnet", true) {
        return Some(format!("{subnet} (reservations-in-subnet is false)"));
    }
    let pools = subnet.ranges();
    let pooled = |address: &IpAddr| pools.iter().any(|pool| pool.contains(*address));
    let in_pool = subnet.reservations().flat_map(addresses).find(pooled)?;
    subnet
        .flag("reservations-out-of-pool", false)
        .then(|| format!("{subnet} ({in_pool} is in a pool, and reservations-out-of-pool is true)"))
}

pub(super) fn ignored(tree: &Tree<'_>) -> Option<String> {
    let global = list(&tree.dhcp["reservations"]).count();
    let used = tree.subnets.iter().any(|subnet| subnet.flag("reservations-global", false));
    let for_all = (global > 0 && !used).then(|| format!("the {global} for all (reservations-global is false)"));
    let ignored: Vec<_> = for_all.into_iter().chain(tree.subnets.iter().filter_map(why_ignored)).collect();
    named(&ignored).map(|names| format!("reservations that are never found: {names}"))
}
