//! Client classes that nobody is in.

use super::named;
use super::tree::{Tree, list, strings};
use serde_json::Value;
use std::collections::BTreeSet;

/// Classes that Kea or its hooks have by themselves (Kea's manual, "Client Classification").
const BUILT_IN: [&str; 7] = ["ALL", "KNOWN", "UNKNOWN", "DROP", "BOOTP", "SKIP_DDNS", "SKIP_STASH_AGENT_OPTIONS"];
const BUILT_IN_BEGIN: [&str; 5] = ["VENDOR_CLASS_", "AFTER_", "HA_", "EXTERNAL_", "SPAWN_"];
/// Where a place names the classes that may use it.
const GUARDS: [&str; 2] = ["client-class", "client-classes"];
/// Where a place asks for classes to be evaluated.
const ASKED: [&str; 2] = ["require-client-classes", "evaluate-additional-classes"];
/// What keeps a class from being evaluated unless it is asked for.
const ON_DEMAND: [&str; 2] = ["only-if-required", "only-in-additional-list"];

/// The classes under these members: a name or a list of names.
fn classes<'a>(place: &'a Value, members: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let single = members.iter().filter_map(|name| place[*name].as_str()).filter(|class| !class.is_empty());
    single.chain(members.iter().flat_map(|name| strings(&place[*name])))
}

fn is_built_in(class: &str) -> bool {
    BUILT_IN.contains(&class) || BUILT_IN_BEGIN.iter().any(|begin| class.starts_with(begin))
}

/// What a place is called.
fn called(place: &Value) -> &str {
    ["subnet", "pool", "prefix", "name"].iter().find_map(|name| place[*name].as_str()).unwrap_or("all")
}

pub(super) fn undefined(tree: &Tree<'_>) -> Option<String> {
    // RADIUS puts clients into classes that it names itself.
    if tree.hook("libdhcp_radius").is_some() {
        return None;
    }
    let defined = list(&tree.dhcp["client-classes"]).filter_map(|class| class["name"].as_str());
    // A reservation puts its client into a class, defined or not.
    let given = tree.reservations().flat_map(|host| strings(&host["client-classes"]));
    let known: BTreeSet<&str> = defined.chain(given).collect();
    // What defines classes for all has no guard of that name.
    let places = tree.places().filter(|place| !std::ptr::eq(*place, tree.dhcp));
    let mut unknown = BTreeSet::new();
    for place in places {
        let guards = classes(place, &GUARDS).filter(|class| !known.contains(class) && !is_built_in(class));
        unknown.extend(guards.map(|class| format!("{class} of {}", called(place))));
    }
    named(&unknown.into_iter().collect::<Vec<_>>())
        .map(|names| format!("classes that are not defined guard what is served: {names}"))
}

pub(super) fn never_evaluated(tree: &Tree<'_>) -> Option<String> {
    let asked: BTreeSet<&str> = tree.places().flat_map(|place| classes(place, &ASKED)).collect();
    // Members that a reservation puts into it need no evaluation.
    let given: BTreeSet<&str> = tree.reservations().flat_map(|host| strings(&host["client-classes"])).collect();
    let on_demand = |class: &&Value| ON_DEMAND.iter().any(|name| class[*name] == true);
    let idle = list(&tree.dhcp["client-classes"]).filter(on_demand).filter_map(|class| class["name"].as_str());
    let idle: Vec<_> = idle.filter(|class| !asked.contains(class) && !given.contains(class)).collect();
    named(&idle).map(|names| format!("classes that are evaluated on demand only, and nowhere demanded: {names}"))
}
