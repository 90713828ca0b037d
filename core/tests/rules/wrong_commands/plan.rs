//! Spaces, prefixes, scopes and reservations that do not fit.

use super::{Case, case};
use crate::world::{exclusions, hall, prefix, reservation, routers, scope, without_subnet_ids, word};
use freehold_core::Reason;
use freehold_core::client::ClientIdentity;
use freehold_core::command::{Command, NewReservation, NewScope, PrefixPatch, ReservationPatch, ScopePatch};
use freehold_core::labels::Labels;
use freehold_core::model::{Exclusion, PrefixKind, ScopeStatus};
use freehold_core::net::AddressRange;
use freehold_core::text::Text;

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    [plan(), scopes(), scope_changes(), reservations()].into_iter().flatten().collect()
}

fn plan() -> Vec<Case> {
    let space = |name| Command::CreateSpace {
        name: word(name),
        title: Text::default(),
        description: Text::default(),
        labels: Labels::NONE,
    };
    let convert = |name, kind| Command::UpdatePrefix {
        name: word(name),
        etag: None,
        patch: PrefixPatch { kind: Some(kind), ..PrefixPatch::default() },
    };
    vec![
        case("a space twice", space("spaces/other"), Reason::AlreadyExists, "space_id"),
        case(
            "the default space, to delete it",
            Command::DeleteSpace { name: word("spaces/default"), etag: None },
            Reason::BuiltIn,
            "name",
        ),
        case(
            "a space with prefixes, to delete it",
            Command::DeleteSpace { name: word("spaces/other"), etag: None },
            Reason::InUse,
            "name",
        ),
        case(
            "a prefix twice",
            prefix("spaces/default/prefixes/10.0.0.0-24", PrefixKind::Network),
            Reason::AlreadyExists,
            "prefix.cidr",
        ),
        case(
            "a prefix inside a network",
            prefix("spaces/default/prefixes/10.0.0.0-25", PrefixKind::Network),
            Reason::PrefixOverlap,
            "prefix.cidr",
        ),
        case(
            "a container inside a network",
            prefix("spaces/default/prefixes/10.0.0.0-25", PrefixKind::Container),
            Reason::PrefixOverlap,
            "prefix.cidr",
        ),
        case(
            "a network around prefixes",
            prefix("spaces/default/prefixes/10.0.0.0-16", PrefixKind::Network),
            Reason::PrefixOverlap,
            "prefix.cidr",
        ),
        case(
            "a container of prefixes made a network",
            convert("spaces/default/prefixes/10.0.0.0-8", PrefixKind::Network),
            Reason::PrefixOverlap,
            "prefix.kind",
        ),
        case(
            "a served network made a container",
            convert("spaces/default/prefixes/10.0.0.0-24", PrefixKind::Container),
            Reason::InUse,
            "prefix.kind",
        ),
        case(
            "a prefix with prefixes, to delete it",
            Command::DeletePrefix { name: word("spaces/default/prefixes/10.0.0.0-8"), etag: None },
            Reason::InUse,
            "name",
        ),
        case(
            "a served network, to delete it",
            Command::DeletePrefix { name: word("spaces/default/prefixes/10.0.0.0-24"), etag: None },
            Reason::InUse,
            "name",
        ),
    ]
}

fn scopes() -> Vec<Case> {
    let yard2 = || scope("scopes/new", "10.0.2.0/24", "10.0.2.10-10.0.2.99");
    let case = |what, new: NewScope, reason, field| case(what, Command::CreateScope(new), reason, field);
    let many = |count: u32| {
        let address = |n: u32| std::net::IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0200 + n));
        (0..count).map(|n| AddressRange::new(address(n), address(n)).expect("a range")).collect::<Vec<_>>()
    };
    vec![
        case(
            "a scope twice",
            scope("scopes/hall", "10.0.2.0/24", "10.0.2.10-10.0.2.99"),
            Reason::AlreadyExists,
            "scope_id",
        ),
        case(
            "a second scope of a network",
            scope("scopes/new", "10.0.0.0/24", "10.0.0.200-10.0.0.210"),
            Reason::ScopeOverlap,
            "scope.network",
        ),
        case(
            "a scope of a container",
            scope("scopes/new", "10.0.0.0/8", "10.0.2.10-10.0.2.99"),
            Reason::ScopeOutsideNetwork,
            "scope.network",
        ),
        case(
            "a range outside the network, the second of three and the last in order",
            NewScope { ranges: vec![word("10.0.2.50-10.0.2.99"), word("10.0.3.1"), word("10.0.2.10")], ..yard2() },
            Reason::ScopeOutsideNetwork,
            "scope.ranges[1]",
        ),
        case(
            "a range that begins before its network",
            NewScope { ranges: vec![word("10.0.1.250-10.0.2.9")], ..yard2() },
            Reason::ScopeOutsideNetwork,
            "scope.ranges[0]",
        ),
        case(
            "a range of the other family",
            NewScope { ranges: vec![word("2001:db8::1")], ..yard2() },
            Reason::ScopeOutsideNetwork,
            "scope.ranges[0]",
        ),
        case(
            "a range with the network's own address",
            NewScope { ranges: vec![word("10.0.2.0-10.0.2.9")], ..yard2() },
            Reason::AddressNotUsable,
            "scope.ranges[0]",
        ),
        case(
            "a range with the broadcast address",
            NewScope { ranges: vec![word("10.0.2.250-10.0.2.255")], ..yard2() },
            Reason::AddressNotUsable,
            "scope.ranges[0]",
        ),
        case(
            "two ranges that share an address, the later in order given first",
            NewScope {
                ranges: vec![word("10.0.2.50-10.0.2.99"), word("10.0.2.5"), word("10.0.2.10-10.0.2.50")],
                ..yard2()
            },
            Reason::InvalidRange,
            "scope.ranges[2]",
        ),
        case(
            "an exclusion outside the ranges",
            NewScope { exclusions: exclusions(&["10.0.2.20", "10.0.2.99-10.0.2.100"]), ..yard2() },
            Reason::ExclusionOutsideScope,
            "scope.exclusions[1]",
        ),
        case(
            "two exclusions that share an address",
            NewScope { exclusions: exclusions(&["10.0.2.30-10.0.2.40", "10.0.2.20-10.0.2.30"]), ..yard2() },
            Reason::ExclusionOverlap,
            "scope.exclusions[1]",
        ),
        case("257 ranges", NewScope { ranges: many(257), ..yard2() }, Reason::TooMany, "scope.ranges"),
        case(
            "a million ranges, none of which fits",
            NewScope { ranges: many(1_000_000), ..yard2() },
            Reason::TooMany,
            "scope.ranges",
        ),
        case(
            "1,001 exclusions",
            NewScope {
                exclusions: many(1001).into_iter().map(|range| Exclusion { range, comment: Text::default() }).collect(),
                ..yard2()
            },
            Reason::TooMany,
            "scope.exclusions",
        ),
        case(
            "a server whose own configuration serves the network",
            NewScope { server: Some(word("servers/a/full")), ..yard2() },
            Reason::ServedByServerItself,
            "scope.server",
        ),
    ]
    .into_iter()
    .chain([
        Case {
            what: "DHCPv4 options in an IPv6 scope",
            command: Command::UpdateScope {
                name: word("scopes/six"),
                etag: None,
                patch: ScopePatch { options: Some(routers("10.0.0.1")), ..ScopePatch::default() },
            },
            reason: Reason::InvalidOption,
            field: "scope.options",
            prepare: |state| state,
        },
        Case {
            what: "a scope when every subnet id was given",
            command: Command::CreateScope(yard2()),
            reason: Reason::SubnetIdsExhausted,
            field: "",
            prepare: without_subnet_ids,
        },
    ])
    .collect()
}

fn scope_changes() -> Vec<Case> {
    let served_by = |name| Some(Some(word(name)));
    vec![
        case(
            "an exclusion of a reserved address",
            hall(ScopePatch {
                exclusions: Some(exclusions(&["10.0.0.90", "10.0.0.45-10.0.0.50"])),
                ..Default::default()
            }),
            Reason::AddressExcluded,
            "scope.exclusions[1]",
        ),
        case(
            "a reserved address made a router",
            hall(ScopePatch { options: Some(routers("10.0.0.1,10.0.0.50")), ..Default::default() }),
            Reason::AddressReserved,
            "scope.options",
        ),
        case(
            "ranges taken from under an exclusion",
            hall(ScopePatch { ranges: Some(vec![word("10.0.0.60-10.0.0.99")]), ..Default::default() }),
            Reason::ExclusionOutsideScope,
            "scope.exclusions[0]",
        ),
        case(
            "a range outside the network",
            hall(ScopePatch { ranges: Some(vec![word("10.0.1.60")]), ..Default::default() }),
            Reason::ScopeOutsideNetwork,
            "scope.ranges[0]",
        ),
        case(
            "an IPv6 scope for a DHCPv4 server",
            Command::UpdateScope {
                name: word("scopes/six"),
                etag: None,
                patch: ScopePatch { server: served_by("servers/a/kea4"), ..Default::default() },
            },
            Reason::NotSupportedByServer,
            "scope.server",
        ),
        case(
            "a subnet id that the server uses itself",
            Command::UpdateScope {
                name: word("scopes/yard"),
                etag: None,
                patch: ScopePatch { server: served_by("servers/a/full"), ..Default::default() },
            },
            Reason::ServedByServerItself,
            "scope.server",
        ),
        case(
            "a scope woken where the server grew a subnet of its own",
            Command::UpdateScope {
                name: word("scopes/asleep"),
                etag: None,
                patch: ScopePatch { status: Some(ScopeStatus::Active), ..Default::default() },
            },
            Reason::ServedByServerItself,
            "scope.server",
        ),
        case(
            "a scope with reservations, to delete it",
            Command::DeleteScope { name: word("scopes/hall"), etag: None, force: false },
            Reason::InUse,
            "name",
        ),
    ]
}

fn reservations() -> Vec<Case> {
    let reserve = |address: &str| reservation(&format!("scopes/hall/reservations/{address}"), "02:00:00:00:00:09");
    let address = "reservation.address";
    let for_client = |name: &str, client| Command::CreateReservation(NewReservation::of(word(name), client));
    vec![
        case("a reservation on an excluded address", reserve("10.0.0.25"), Reason::AddressExcluded, address),
        case("a reservation on a reserved address", reserve("10.0.0.50"), Reason::AddressReserved, address),
        case("a reservation outside the network", reserve("10.0.1.5"), Reason::AddressNotUsable, address),
        case("a reservation of the other family", reserve("2001:db8::1"), Reason::AddressNotUsable, address),
        case("a reservation of the network's own address", reserve("10.0.0.0"), Reason::AddressNotUsable, address),
        case("a reservation of the broadcast address", reserve("10.0.0.255"), Reason::AddressNotUsable, address),
        case("a reservation of a router", reserve("10.0.0.1"), Reason::AddressNotUsable, address),
        case(
            "a hardware address twice in a scope",
            reservation("scopes/hall/reservations/10.0.0.60", "02-00-00-00-00-01"),
            Reason::ClientReserved,
            "reservation.hardware_address",
        ),
        case(
            "the client identifier that a reserved hardware address makes",
            for_client("scopes/hall/reservations/10.0.0.60", ClientIdentity::ClientId(word("01:02:00:00:00:00:01"))),
            Reason::ClientReserved,
            "reservation.client_id",
        ),
        case(
            "a reservation given to a client that has one",
            Command::UpdateReservation {
                name: word("scopes/hall/reservations/10.0.0.50"),
                etag: None,
                patch: ReservationPatch {
                    client: Some(ClientIdentity::Hardware(word("02:00:00:00:00:02"))),
                    ..Default::default()
                },
            },
            Reason::ClientReserved,
            "reservation.hardware_address",
        ),
        case(
            "a client identifier in an IPv6 scope",
            for_client("scopes/six/reservations/2001:db8::5", ClientIdentity::ClientId(word("00:01"))),
            Reason::InvalidClientIdentifier,
            "reservation.client_id",
        ),
    ]
}
