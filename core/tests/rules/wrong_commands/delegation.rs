//! Delegated prefixes, links and lifetimes of IPv6 that do not fit.

use super::{Case, case};
use crate::world::{prefix, word};
use freehold_core::Reason;
use freehold_core::client::ClientIdentity;
use freehold_core::command::{Command, NewReservation, ScopePatch};
use freehold_core::model::{LeaseTimes, Link, PrefixKind};
use freehold_core::text::Text;
use std::net::IpAddr;

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    let pools = |pools: &[&str]| ScopePatch {
        prefix_pools: Some(pools.iter().map(|pool| word(pool)).collect()),
        ..ScopePatch::default()
    };
    let scope = |name: &str, patch| Command::UpdateScope { name: word(name), etag: None, patch };
    let six = |patch| scope("scopes/six", patch);
    let link = |link| six(ScopePatch { link: Some(link), ..ScopePatch::default() });
    let reserve = |prefixes: &[&str]| {
        let name = word("scopes/six/reservations/2001:db8::50");
        let prefixes = prefixes.iter().map(|prefix| word(prefix)).collect();
        Command::CreateReservation(NewReservation {
            prefixes,
            ..NewReservation::of(name, ClientIdentity::Duid(word("00:03:00:01:02:00:00:00:00:09")))
        })
    };
    let many: Vec<String> = (0..65).map(|n| format!("2001:db8:{:x}::/48 by /56", 0x100 + n)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let prefixes: Vec<String> = (0..17).map(|n| format!("2001:db8:{:x}::/48", 0x100 + n)).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let prefer = |seconds| {
        let times = LeaseTimes::default().preferred(Some(seconds)).expect("within the lease");
        ScopePatch { lease_times: Some(times), ..ScopePatch::default() }
    };
    let first = "scope.prefix_pools[0].prefix";
    let reserved = "reservation.delegated_prefixes[0]";
    vec![
        case(
            "a prefix pool in an IPv4 scope",
            scope("scopes/yard", pools(&["2001:db8:1::/48 by /56"])),
            Reason::InvalidValue,
            first,
        ),
        case("a prefix pool of IPv4", six(pools(&["10.9.0.0/16 by /24"])), Reason::InvalidValue, first),
        case(
            "prefixes larger than their pool",
            six(pools(&["2001:db8:1::/48 by /47"])),
            Reason::InvalidLength,
            "scope.prefix_pools[0].delegated_length",
        ),
        case(
            "prefixes of more bits than there are",
            six(pools(&["2001:db8:1::/48 by /129"])),
            Reason::InvalidLength,
            "scope.prefix_pools[0].delegated_length",
        ),
        case("a prefix pool over a network", six(pools(&["2001:db8::/32 by /56"])), Reason::ScopeOverlap, first),
        case("a prefix pool in a network", six(pools(&["2001:db8::100/120 by /124"])), Reason::ScopeOverlap, first),
        case(
            "two prefix pools in one another",
            six(pools(&["2001:db8:1::/48 by /56", "2001:db8:1:100::/56 by /64"])),
            Reason::ScopeOverlap,
            "scope.prefix_pools[1].prefix",
        ),
        case(
            "a prefix pool over another scope's",
            six(pools(&["2001:db8:de00::/39 by /56"])),
            Reason::ScopeOverlap,
            first,
        ),
        case(
            "a prefix pool over what another scope reserves",
            six(pools(&["2001:db8:ee00::/40 by /56"])),
            Reason::ScopeOverlap,
            first,
        ),
        case("65 prefix pools", six(pools(&many)), Reason::TooMany, "scope.prefix_pools"),
        case(
            "a network in a prefix pool",
            prefix("spaces/default/prefixes/2001:db8:de00:1::-64", PrefixKind::Network),
            Reason::PrefixOverlap,
            "prefix.cidr",
        ),
        case(
            "a network over a reserved prefix",
            prefix("spaces/default/prefixes/2001:db8:ee00::-48", PrefixKind::Network),
            Reason::PrefixOverlap,
            "prefix.cidr",
        ),
        case("a reserved prefix in a network", reserve(&["2001:db8::/80"]), Reason::ScopeOverlap, reserved),
        case("a reserved prefix that another has", reserve(&["2001:db8:ee00::/52"]), Reason::ScopeOverlap, reserved),
        case(
            "a reserved prefix of another scope's pool",
            reserve(&["2001:db8:de00::/56"]),
            Reason::ScopeOverlap,
            reserved,
        ),
        case(
            "two reserved prefixes in one another",
            reserve(&["2001:db8:1::/48", "2001:db8:1::/56"]),
            Reason::ScopeOverlap,
            "reservation.delegated_prefixes[1]",
        ),
        case("17 reserved prefixes", reserve(&prefixes), Reason::TooMany, "reservation.delegated_prefixes"),
        case(
            "a claim of what delegates a prefix",
            Command::ConvertToClaim {
                name: word("scopes/seven/reservations/2001:db8:7::9"),
                etag: None,
                expires: None,
                holder: "operators/alice".into(),
            },
            Reason::InUse,
            "name",
        ),
        case(
            "a preferred lifetime in IPv4",
            scope("scopes/yard", prefer(60)),
            Reason::InvalidLeaseTime,
            "scope.lease_times.preferred_seconds",
        ),
        case(
            "an interface with a slash",
            link(Link { interface: word_text("eth0/1"), ..Link::default() }),
            Reason::InvalidValue,
            "scope.link.interface",
        ),
        case(
            "an interface of 16 letters",
            link(Link { interface: word_text("abcdefghijklmnop"), ..Link::default() }),
            Reason::InvalidValue,
            "scope.link.interface",
        ),
        case(
            "a relay of the other family",
            link(Link { relays: vec![word("10.0.0.1")], ..Link::default() }),
            Reason::InvalidValue,
            "scope.link.relay_addresses[0]",
        ),
        case(
            "a relay twice",
            link(Link { relays: vec![word("fe80::1"), word("fe80::1")], ..Link::default() }),
            Reason::InvalidValue,
            "scope.link.relay_addresses[1]",
        ),
        case(
            "65 relays",
            link(Link { relays: (1..66u128).map(|n| IpAddr::V6(n.into())).collect(), ..Link::default() }),
            Reason::TooMany,
            "scope.link.relay_addresses",
        ),
        case(
            "an interface-id beside an interface",
            link(Link { interface: word_text("eth0"), interface_id: word_text("x"), ..Link::default() }),
            Reason::InvalidValue,
            "scope.link.interface_id",
        ),
        case(
            "an interface-id in IPv4",
            scope(
                "scopes/yard",
                ScopePatch {
                    link: Some(Link { interface_id: word_text("x"), ..Link::default() }),
                    ..ScopePatch::default()
                },
            ),
            Reason::InvalidValue,
            "scope.link.interface_id",
        ),
        case(
            "an IPv4 scope for a DHCPv6 server",
            scope("scopes/yard", ScopePatch { server: Some(Some(word("servers/a/kea6"))), ..ScopePatch::default() }),
            Reason::NotSupportedByServer,
            "scope.server",
        ),
    ]
}

fn word_text(text: &str) -> Text {
    Text::parse(text).expect("a text")
}
