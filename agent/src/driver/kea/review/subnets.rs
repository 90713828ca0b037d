//! Subnets of the server's own that do not serve as they should.

use super::named;
use super::tree::{Subnet, Tree, is_empty, list, options};
use freehold_core::net::{Cidr, Family};
use serde_json::Value;

/// Renewals a second of one full pool, at most; the same as for scopes of the plan.
const RENEWALS_MAX: u128 = 100;
/// The shortest lease of a pool that is not small, in seconds, and how many addresses a small one has.
const SHORT_SECONDS: u64 = 300;
const SMALL_POOL: u128 = 256;
/// What Kea takes where nothing is said, in seconds.
const VALID_SECONDS: u64 = 7200;

pub(super) fn overlap(tree: &Tree<'_>) -> Option<String> {
    let mut all: Vec<(Cidr, &Subnet<'_>)> =
        tree.subnets.iter().filter_map(|subnet| Some((subnet.cidr()?, subnet))).collect();
    all.sort_by_key(|(cidr, _)| *cidr);
    // Of two that share addresses one holds the other, and comes before it.
    let (mut around, mut met): (Vec<(Cidr, &Subnet<'_>)>, _) = (Vec::new(), Vec::new());
    for (cidr, subnet) in all {
        while around.last().is_some_and(|(outer, _)| !outer.covers(&cidr)) {
            around.pop();
        }
        if let Some((_, outer)) = around.last() {
            met.push(format!("{subnet} in {outer}"));
        }
        around.push((cidr, subnet));
    }
    named(&met).map(|names| format!("subnets that share addresses: {names}"))
}

pub(super) fn empty(tree: &Tree<'_>) -> Option<String> {
    if tree.has_other_hosts() {
        return None;
    }
    let serves = |subnet: &&Subnet<'_>| {
        let by_all = subnet.flag("reservations-global", false) && !is_empty(&tree.dhcp["reservations"]);
        subnet.pools().next().is_some() || subnet.reservations().next().is_some() || by_all
    };
    let empty: Vec<_> = tree.foreign().filter(|subnet| !serves(subnet)).collect();
    named(&empty).map(|names| format!("subnets without pools and reservations: {names}"))
}

/// How long a lease is good for, and after how long it is renewed, in seconds.
fn times(subnet: &Subnet<'_>) -> (u64, u64) {
    let seconds = |name: &str| subnet.inherited(name).and_then(Value::as_u64);
    let valid = seconds("valid-lifetime").unwrap_or(VALID_SECONDS);
    (valid, seconds("renew-timer").unwrap_or(valid / 2).max(1))
}

pub(super) fn renew_storm(tree: &Tree<'_>) -> Option<String> {
    // Pools of IPv6 have more addresses than there are clients.
    if tree.family() == Family::V6 {
        return None;
    }
    let storm = tree.foreign().filter_map(|subnet| {
        let (clients, (valid, renew)) = (subnet.capacity(), times(subnet));
        let rate = clients / u128::from(renew);
        (rate > RENEWALS_MAX || (valid < SHORT_SECONDS && clients > SMALL_POOL))
            .then(|| format!("{subnet}: {clients} clients renew after {renew} s, {rate} a second"))
    });
    named(&storm.collect::<Vec<_>>())
}

/// The subnets that lease addresses and do not say an option, unless classes say it.
fn without(tree: &Tree<'_>, code: u64, name: &str) -> Option<String> {
    if list(&tree.dhcp["client-classes"]).any(|class| options(class, code, name).next().is_some()) {
        return None;
    }
    let silent = |subnet: &&Subnet<'_>| !is_empty(&subnet.value["pools"]) && !subnet.has_option(code, name);
    let silent: Vec<_> = tree.foreign().filter(silent).collect();
    named(&silent).map(|names| format!("subnets with pools and without the option {name}: {names}"))
}

pub(super) fn without_router(tree: &Tree<'_>) -> Option<String> {
    match tree.family() {
        Family::V4 => without(tree, 3, "routers"),
        Family::V6 => None,
    }
}

pub(super) fn without_dns(tree: &Tree<'_>) -> Option<String> {
    match tree.family() {
        Family::V4 => without(tree, 6, "domain-name-servers"),
        Family::V6 => without(tree, 23, "dns-servers"),
    }
}
