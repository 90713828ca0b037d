//! Prefixes that cannot be carved, split, joined or resized so.

use super::{Case, case};
use crate::subnets::{carve, join, resize, split};
use crate::world::{NOW, after, exclusions, hall, prefix};
use freehold_core::command::ScopePatch;
use freehold_core::model::PrefixKind;
use freehold_core::{Reason, State};

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    [carved(), split_up(), joined(), resized()].into_iter().flatten().collect()
}

fn carved() -> Vec<Case> {
    vec![
        case("out of a network", carve("10.0.0.0-24", 25, 1), Reason::NotAContainer, "parent"),
        case("out of nothing", carve("10.9.0.0-16", 24, 1), Reason::PrefixNotFound, "parent"),
        case("as long as its container", carve("10.0.0.0-8", 8, 1), Reason::InvalidLength, "length"),
        case("longer than IPv4", carve("10.0.0.0-8", 33, 1), Reason::InvalidLength, "length"),
        case("none", carve("10.0.0.0-8", 24, 0), Reason::TooMany, "count"),
        case("too many", carve("10.0.0.0-8", 24, 1025), Reason::TooMany, "count"),
        case("more than are free", carve("10.0.0.0-8", 9, 2), Reason::NoFreeSubnet, "length"),
    ]
}

fn small(state: State) -> State {
    let patch = ScopePatch { exclusions: Some(exclusions(&[])), ..ScopePatch::default() };
    after(state, &hall(patch), NOW)
}

fn split_up() -> Vec<Case> {
    vec![
        case("what is not there", split("10.9.0.0-24", 25), Reason::PrefixNotFound, "name"),
        case("into itself", split("10.0.0.0-24", 24), Reason::InvalidLength, "length"),
        case("into too many", split("10.0.0.0-8", 24), Reason::TooMany, "length"),
        Case { prepare: small, ..case("through a range", split("10.0.0.0-24", 26), Reason::DoesNotFit, "length") },
    ]
}

fn joined() -> Vec<Case> {
    vec![
        case("one", join(&["10.0.0.0-24"]), Reason::TooMany, "prefixes"),
        case("apart", join(&["10.0.0.0-24", "10.0.2.0-24"]), Reason::NotJoinable, "prefixes"),
        case("not aligned", join(&["10.0.1.0-24", "10.0.2.0-24"]), Reason::NotJoinable, "prefixes"),
        case("the same twice", join(&["10.0.1.0-24", "10.0.1.0-24"]), Reason::NotJoinable, "prefixes"),
        case("two scopes", join(&["10.0.0.0-24", "10.0.1.0-24"]), Reason::NotJoinable, "prefixes"),
        case(
            "one that is not there",
            join(&["10.0.2.0-24", "10.0.3.0-24"]),
            Reason::PrefixNotFound,
            "prefixes[1].name",
        ),
    ]
}

fn container_beside(state: State) -> State {
    after(state, &prefix("spaces/default/prefixes/10.0.3.0-24", PrefixKind::Container), NOW)
}

fn resized() -> Vec<Case> {
    vec![
        case("elsewhere", resize("10.0.0.0-24", "10.0.9.0/24"), Reason::InvalidCidr, "cidr"),
        case("to what is there", resize("10.0.0.0-24", "10.0.0.0/8"), Reason::AlreadyExists, "cidr"),
        case("over a neighbour", resize("10.0.0.0-24", "10.0.0.0/23"), Reason::DoesNotFit, "cidr"),
        case("inside its ranges", resize("10.0.0.0-24", "10.0.0.0/26"), Reason::DoesNotFit, "cidr"),
        case("a container inside its prefixes", resize("10.0.0.0-8", "10.0.0.0/23"), Reason::DoesNotFit, "cidr"),
        Case {
            prepare: container_beside,
            ..case("kinds that differ", join(&["10.0.2.0-24", "10.0.3.0-24"]), Reason::NotJoinable, "prefixes")
        },
        case("what is not there", resize("10.0.9.0-24", "10.0.8.0/23"), Reason::PrefixNotFound, "name"),
    ]
}
