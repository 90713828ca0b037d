//! High availability: a server that is one of a pair (Kea's manual, "libdhcp_ha.so").

use super::named;
use super::tree::{Tree, list};
use serde_json::Value;
use std::net::IpAddr;

/// What Kea takes where nothing is said.
const RESPONSE_DELAY: u64 = 60_000;
const UNACKED_CLIENTS: u64 = 10;
/// The longest response delay that does not hurt, in milliseconds.
const RESPONSE_DELAY_MAX: u64 = 30_000;
/// With fewer clients than so many for each that may go unanswered, there are hardly ever enough of them at once.
const CLIENTS_EACH: u64 = 20;

/// The relationships of the server, each an object.
fn relationships<'a>(tree: &Tree<'a>) -> impl Iterator<Item = &'a Value> {
    tree.hook("libdhcp_ha").into_iter().flat_map(|parameters| list(&parameters["high-availability"]))
}

/// Those in which a server takes over.
fn taking_over<'a>(tree: &Tree<'a>) -> impl Iterator<Item = &'a Value> {
    relationships(tree).filter(|relationship| relationship["mode"] != "passive-backup")
}

fn milliseconds(relationship: &Value, name: &str, default: u64) -> u64 {
    relationship[name].as_u64().unwrap_or(default)
}

pub(super) fn response_delay(tree: &Tree<'_>) -> Option<String> {
    let delays = taking_over(tree).map(|relationship| milliseconds(relationship, "max-response-delay", RESPONSE_DELAY));
    let longest = delays.max().filter(|delay| *delay > RESPONSE_DELAY_MAX)?;
    Some(format!("max-response-delay is {longest} ms"))
}

pub(super) fn unacked_clients(tree: &Tree<'_>) -> Option<String> {
    let limits = taking_over(tree).map(|one| milliseconds(one, "max-unacked-clients", UNACKED_CLIENTS));
    let most = limits.max().filter(|limit| *limit > 0)?;
    let reserved = tree.reservations().count() as u128;
    let clients = tree.subnets.iter().fold(reserved, |sum, subnet| sum.saturating_add(subnet.capacity()));
    (clients <= u128::from(most.saturating_mul(CLIENTS_EACH)))
        .then(|| format!("max-unacked-clients is {most}, and pools and reservations are for {clients} clients at most"))
}

/// Whether a URL is one of this host alone.
fn is_local(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => rest.split([':', '/']).next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn in_clear(tree: &Tree<'_>) -> Option<String> {
    let mut clear = Vec::new();
    for relationship in relationships(tree) {
        let peers = list(&relationship["peers"]).filter(|peer| {
            let url = peer["url"].as_str().unwrap_or_default();
            url.starts_with("http://") && !is_local(url)
        });
        clear.extend(peers.filter_map(|peer| peer["name"].as_str()));
    }
    let restricted = relationships(tree).all(|relationship| relationship["restrict-commands"] == true);
    let commands = if restricted { "and takes commands of the pair only" } else { "and takes every command" };
    named(&clear).map(|peers| format!("the pair speaks HTTP without TLS to {peers}, {commands}"))
}

pub(super) fn single_threaded(tree: &Tree<'_>) -> Option<String> {
    let enabled = |value: &Value| value["multi-threading"]["enable-multi-threading"].as_bool();
    let wanted = relationships(tree).any(|relationship| enabled(relationship) == Some(true));
    (wanted && enabled(tree.dhcp) == Some(false))
        .then(|| "multi-threading is on for the pair and off for the server".to_owned())
}

/// The partners' names.
fn partners<'a>(tree: &Tree<'a>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for relationship in relationships(tree) {
        let own = relationship["this-server-name"].as_str();
        let peers = list(&relationship["peers"]).filter_map(|peer| peer["name"].as_str());
        names.extend(peers.filter(|name| Some(*name) != own));
    }
    names
}

pub(super) fn is_one(tree: &Tree<'_>) -> Option<String> {
    named(&partners(tree)).map(|names| format!("its partners are {names}"))
}

pub(super) fn scopes_on_one_peer(tree: &Tree<'_>) -> Option<String> {
    let ours: Vec<_> = tree.subnets.iter().filter(|subnet| subnet.is_ours).collect();
    let partners = named(&partners(tree))?;
    named(&ours).map(|subnets| format!("{subnets} come from Freehold, and {partners} must have them, too"))
}
