//! What concerns the server as a whole.

use super::named;
use super::tree::{Tree, is_empty, list};
use serde_json::Value;
use std::net::IpAddr;

/// The shortest time for which an address is put aside that a client found in use, in seconds.
const DECLINE_SECONDS_MIN: u64 = 3600;

/// The lease database, if it is a file of Kea's own.
fn memfile<'a>(tree: &Tree<'a>) -> Option<&'a Value> {
    let database = &tree.dhcp["lease-database"];
    matches!(database["type"].as_str(), None | Some("memfile")).then_some(database)
}

pub(super) fn leases_not_kept(tree: &Tree<'_>) -> Option<String> {
    (memfile(tree)?["persist"] == false).then(|| "lease-database.persist is false".to_owned())
}

pub(super) fn lease_file_grows(tree: &Tree<'_>) -> Option<String> {
    let database = memfile(tree)?;
    (database["lfc-interval"] == 0 && database["persist"] != false)
        .then(|| "lease-database.lfc-interval is 0".to_owned())
}

pub(super) fn no_lease_commands(tree: &Tree<'_>) -> Option<String> {
    tree.hook("libdhcp_lease_cmds").is_none().then(|| "libdhcp_lease_cmds.so is not loaded".to_owned())
}

pub(super) fn no_statistics(tree: &Tree<'_>) -> Option<String> {
    tree.hook("libdhcp_stat_cmds").is_none().then(|| "libdhcp_stat_cmds.so is not loaded".to_owned())
}

/// Whether only this host reaches an address; one that is not said is 127.0.0.1.
fn is_local(socket: &Value) -> bool {
    let address =
        socket["socket-address"].as_str().map_or(Some(IpAddr::from([127, 0, 0, 1])), |text| text.parse().ok());
    address.is_some_and(|address| address.is_loopback())
}

/// Whether a client has to show a certificate: so it is where there is one to check it by, unless it is said otherwise.
fn asks_for_certificates(socket: &Value) -> bool {
    socket["trust-anchor"].is_string() && socket["cert-required"] != false
}

pub(super) fn control_socket_open(tree: &Tree<'_>) -> Option<String> {
    let open = list(&tree.dhcp["control-sockets"]).filter(|socket| {
        let by_network = matches!(socket["socket-type"].as_str(), Some("http" | "https"));
        by_network && !is_local(socket) && !socket["authentication"].is_object() && !asks_for_certificates(socket)
    });
    let open: Vec<_> = open
        .map(|socket| {
            let address = socket["socket-address"].as_str().unwrap_or_default();
            format!("{address} port {}", socket["socket-port"])
        })
        .collect();
    named(&open).map(|names| format!("the control socket takes commands of anyone at {names}"))
}

pub(super) fn listens_nowhere(tree: &Tree<'_>) -> Option<String> {
    is_empty(&tree.dhcp["interfaces-config"]["interfaces"]).then(|| "interfaces-config.interfaces is empty".to_owned())
}

pub(super) fn decline_too_short(tree: &Tree<'_>) -> Option<String> {
    let seconds = tree.dhcp["decline-probation-period"].as_u64()?;
    (seconds < DECLINE_SECONDS_MIN).then(|| format!("decline-probation-period is {seconds} s"))
}
