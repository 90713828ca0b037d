//! The DNS servers that clients are told of, and what it means that some of them are silent.

use super::tree::{Tree, list, options};
use super::{finding, named};
use freehold_core::model::OwnFinding;
use freehold_core::net::{Family, family, parse_address};
use freehold_core::review::Check;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How many are asked.
const SERVERS_MAX: usize = 16;

/// The DNS servers that a configuration names, for all, in subnets, pools and classes; the first few by address.
pub fn dns_servers(foreign: &Value, ours: &[Value]) -> Vec<IpAddr> {
    let Some(tree) = Tree::of(foreign, ours) else { return Vec::new() };
    let (code, name) = match tree.family() {
        Family::V4 => (6, "domain-name-servers"),
        Family::V6 => (23, "dns-servers"),
    };
    let levels = tree.places().chain(list(&tree.dhcp["client-classes"]));
    // Of one that is written as bytes nothing can be read here.
    let texts = levels
        .flat_map(|level| options(level, code, name))
        .filter_map(|option| option["data"].as_str())
        .flat_map(|data| data.split(','));
    let servers = texts.filter_map(|text| parse_address(text.trim()).ok());
    let servers: BTreeSet<_> = servers.filter(|server| family(*server) == tree.family()).collect();
    servers.into_iter().take(SERVERS_MAX).collect()
}

/// What is found if these are silent.
pub fn silent(servers: &[IpAddr]) -> Option<OwnFinding> {
    let servers = named(servers)?;
    Some(finding(Check::DnsServerSilent, &format!("no answer within a second from {servers}")))
}
