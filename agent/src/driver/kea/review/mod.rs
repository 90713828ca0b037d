//! What is doubtful in the configuration that a Kea runs: the part of the review that has to be made here, for a configuration never leaves its
//! host whole. Pure.
//!
//! Each check of [`freehold_core::review`] that looks at a configuration is a function here; it says what it found in one sentence
//! with the values, the first few of them. What is Freehold's is looked at where only the server knows, such as whether it looks for a kind
//! of reservation; what the plan knows itself is not said twice.

mod classes;
mod daemon;
mod pair;
mod reserved;
mod resolvers;
mod subnets;
mod tree;

pub use resolvers::{dns_servers, silent};

use freehold_core::model::OwnFinding;
use freehold_core::review::Check;
use freehold_core::text::{TEXT_CHARS_MAX, Text};
use serde_json::Value;
use std::fmt::Display;
use tree::Tree;

/// A check, and what it has to say.
type Look = (Check, fn(&Tree<'_>) -> Option<String>);

const CHECKS: &[Look] = &[
    (Check::UndefinedClass, classes::undefined),
    (Check::ClassNeverEvaluated, classes::never_evaluated),
    (Check::HaResponseDelay, pair::response_delay),
    (Check::HaUnackedClients, pair::unacked_clients),
    (Check::HaInClear, pair::in_clear),
    (Check::HaSingleThreaded, pair::single_threaded),
    (Check::HaPair, pair::is_one),
    (Check::HaScopesOnOnePeer, pair::scopes_on_one_peer),
    (Check::LeasesNotKept, daemon::leases_not_kept),
    (Check::LeaseFileGrows, daemon::lease_file_grows),
    (Check::NoLeaseCommands, daemon::no_lease_commands),
    (Check::NoStatistics, daemon::no_statistics),
    (Check::ControlSocketOpen, daemon::control_socket_open),
    (Check::ListensNowhere, daemon::listens_nowhere),
    (Check::DeclineTooShort, daemon::decline_too_short),
    (Check::ReservationElsewhere, reserved::elsewhere),
    (Check::IdentifierNotLookedFor, reserved::not_looked_for),
    (Check::ReservationsIgnored, reserved::ignored),
    (Check::SubnetsOverlap, subnets::overlap),
    (Check::SubnetEmpty, subnets::empty),
    (Check::OwnRenewStorm, subnets::renew_storm),
    (Check::OwnSubnetWithoutRouter, subnets::without_router),
    (Check::OwnSubnetWithoutDns, subnets::without_dns),
];

/// What is doubtful in what a Kea runs: `{"Dhcp4": …}` or `{"Dhcp6": …}` without Freehold's subnets, and these. In the order of the checks.
pub fn review(foreign: &Value, ours: &[Value]) -> Vec<OwnFinding> {
    let Some(tree) = Tree::of(foreign, ours) else { return Vec::new() };
    let found = CHECKS.iter().filter_map(|(check, find)| Some(finding(*check, &find(&tree)?)));
    let mut found: Vec<_> = found.collect();
    found.sort();
    found
}

/// A finding in these words, which are cut where a text ends.
fn finding(check: Check, words: &str) -> OwnFinding {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut message: String = words.chars().map(plain).collect();
    if let Some((end, _)) = message.char_indices().nth(TEXT_CHARS_MAX) {
        message.truncate(end);
        message.pop();
        message.push('…');
    }
    // Marks that turn the direction of writing are in no text.
    let message = Text::parse(&message).or_else(|_| Text::parse(&message.replace(|c: char| !c.is_ascii(), "?")));
    OwnFinding { check, message: message.expect("it has no control characters and is short enough") }
}

/// How many things of a kind are named.
const NAMED_MAX: usize = 4;

/// Things, the first few by name; `None` if there are none.
fn named<T: Display>(things: &[T]) -> Option<String> {
    let shown: Vec<_> = things.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match things.len() - shown.len() {
        0 if shown.is_empty() => None,
        0 => Some(shown.join(", ")),
        more => Some(format!("{} and {more} more", shown.join(", "))),
    }
}

#[cfg(test)]
mod tests;
