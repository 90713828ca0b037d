//! Addresses that cannot be given out, or changed.

use super::Case;
use crate::world::{NOW, after, allocation, client, details, leased, reservation, word};
use freehold_core::command::{
    AddressDetails, Allocation, AssignmentPatch, Choice, Command, LeaseConversion, Place, Purpose,
};
use freehold_core::{Reason, State};

const CLIENT: &str = "02:00:00:00:00:70";

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    [orders(), places(), given(), clients(), changes(), conversions()].into_iter().flatten().collect()
}

/// Two addresses assigned: .60 of the hall is held, .61 is claimed for [`CLIENT`].
fn prepared(state: State) -> State {
    let at = |address: &str| Allocation { choice: Choice::Given(vec![word(address)]), ..allocation(hall()) };
    let claim = Allocation { details: vec![details(Some(CLIENT))], purpose: claimed(), ..at("10.0.0.61") };
    let state = after(state, &Command::Allocate(at("10.0.0.60")), NOW.plus_seconds(-60));
    after(state, &Command::Allocate(claim), NOW.plus_seconds(-60))
}

/// The same, eleven minutes before now: the hold is over.
fn long_prepared(state: State) -> State {
    let at = NOW.plus_seconds(-660);
    let until = NOW.plus_seconds(-60);
    let order = Allocation {
        purpose: Purpose::Hold { until },
        choice: Choice::Given(vec![word("10.0.0.60")]),
        ..allocation(hall())
    };
    after(state, &Command::Allocate(order), at)
}

fn hall() -> Place {
    Place::Scope(word("scopes/hall"))
}

fn network(name: &str) -> Place {
    Place::Network(word(&format!("spaces/default/prefixes/{name}")))
}

fn claimed() -> Purpose {
    Purpose::Claim { expires: None }
}

fn case(what: &'static str, command: Command, reason: Reason, field: &'static str) -> Case {
    Case { what, command, reason, field, prepare: prepared }
}

fn order(what: &'static str, order: Allocation, reason: Reason, field: &'static str) -> Case {
    case(what, Command::Allocate(order), reason, field)
}

fn orders() -> Vec<Case> {
    let late = |seconds| Purpose::Hold { until: NOW.plus_seconds(seconds) };
    let expired = Purpose::Claim { expires: Some(NOW) };
    let twice = Choice::Given(vec![word("10.0.0.70"), word("10.0.0.70")]);
    let two = vec![details(None), details(None)];
    vec![
        order("no address", Allocation { count: 0, ..allocation(hall()) }, Reason::InvalidValue, "count"),
        order("1,025 addresses", Allocation { count: 1025, ..allocation(hall()) }, Reason::InvalidValue, "count"),
        order(
            "details of two for one",
            Allocation { details: two, ..allocation(hall()) },
            Reason::InvalidValue,
            "details",
        ),
        order("no details", Allocation { details: vec![], ..allocation(hall()) }, Reason::InvalidValue, "details"),
        order(
            "one client for two addresses",
            Allocation { details: vec![details(Some(CLIENT))], count: 2, ..allocation(hall()) },
            Reason::InvalidValue,
            "details[0].client",
        ),
        order(
            "the same client twice, said in two ways",
            Allocation {
                details: vec![
                    details(Some("02:00:00:00:00:71")),
                    AddressDetails {
                        client: Some(freehold_core::client::ClientIdentity::ClientId(word("01:02:00:00:00:00:71"))),
                        ..details(None)
                    },
                ],
                count: 2,
                ..allocation(hall())
            },
            Reason::InvalidValue,
            "details[1].client",
        ),
        order(
            "a reservation of a network",
            Allocation { purpose: Purpose::Reservation, ..allocation(network("10.0.0.0-24")) },
            Reason::InvalidValue,
            "purpose",
        ),
        order(
            "an address twice",
            Allocation { choice: twice, count: 2, ..allocation(hall()) },
            Reason::InvalidValue,
            "addresses",
        ),
        order(
            "a hold that is over",
            Allocation { purpose: late(0), ..allocation(hall()) },
            Reason::InvalidValue,
            "until",
        ),
        order(
            "a hold of eight days",
            Allocation { purpose: late(8 * 86_400), ..allocation(hall()) },
            Reason::InvalidValue,
            "until",
        ),
        order(
            "an expired claim",
            Allocation { purpose: expired, ..allocation(hall()) },
            Reason::InvalidValue,
            "expires",
        ),
        order(
            "next from an address of the other family",
            Allocation { choice: Choice::Next { from: Some(word("2001:db8::1")) }, ..allocation(hall()) },
            Reason::InvalidAddress,
            "from",
        ),
    ]
}

fn places() -> Vec<Case> {
    let full = vec![word("spaces/default/prefixes/10.7.0.0-24"), word("spaces/default/prefixes/10.0.0.0-8")];
    vec![
        order("a scope that is not there", allocation(Place::Scope(word("scopes/x"))), Reason::ScopeNotFound, "scope"),
        order("a network that is not there", allocation(network("10.7.0.0-24")), Reason::PrefixNotFound, "network"),
        order("a container", allocation(network("10.0.0.0-8")), Reason::NotANetwork, "network"),
        order("networks that are none", allocation(Place::OneOf(full)), Reason::NoFreeAddress, ""),
        order("more than the scope has", Allocation { count: 79, ..allocation(hall()) }, Reason::NoFreeAddress, ""),
        order(
            "more than the scope has, by lot",
            Allocation { count: 79, choice: Choice::Random { seed: [1; 16] }, ..allocation(hall()) },
            Reason::NoFreeAddress,
            "",
        ),
        order(
            "next behind the last pool",
            Allocation { choice: Choice::Next { from: Some(word("10.0.0.100")) }, ..allocation(hall()) },
            Reason::NoFreeAddress,
            "",
        ),
    ]
}

fn given() -> Vec<Case> {
    let line = |what, address: &str, reason| {
        let choice = Choice::Given(vec![word(address)]);
        order(what, Allocation { choice, ..allocation(hall()) }, reason, "addresses[0]")
    };
    let taken_by_lease = Allocation {
        choice: Choice::Given(vec![word("10.0.0.80")]),
        leases: leased("scopes/hall", &[("10.0.0.80", "02:00:00:00:00:80")]),
        ..allocation(hall())
    };
    let excluded = Allocation {
        choice: Choice::Given(vec![word("10.0.0.22")]),
        purpose: Purpose::Reservation,
        details: vec![details(Some("02:00:00:00:00:71"))],
        ..allocation(hall())
    };
    vec![
        line("an address elsewhere", "10.0.1.9", Reason::AddressNotUsable),
        line("a network's own address", "10.0.0.0", Reason::AddressNotUsable),
        line("a router", "10.0.0.1", Reason::AddressNotUsable),
        line("a held address", "10.0.0.60", Reason::AddressTaken),
        line("a claimed address", "10.0.0.61", Reason::AddressTaken),
        line("a reserved address", "10.0.0.50", Reason::AddressReserved),
        order("a leased address", taken_by_lease, Reason::AddressLeased, "addresses[0]"),
        order("an excluded address, to reserve it", excluded, Reason::AddressExcluded, "reservation.address"),
    ]
}

fn clients() -> Vec<Case> {
    let claim = |client: Option<&str>| Allocation {
        purpose: claimed(),
        details: vec![details(client)],
        ..allocation(network("10.0.0.0-24"))
    };
    let six = AddressDetails {
        client: Some(freehold_core::client::ClientIdentity::ClientId(word("01:02:00:00:00:00:71"))),
        ..details(None)
    };
    vec![
        order("a claim for nobody where DHCP serves", claim(None), Reason::ClientRequired, "client"),
        order("a claim for a client with one", claim(Some(CLIENT)), Reason::ClientClaimed, "client"),
        order(
            "a claim for a client with a reservation",
            claim(Some("02:00:00:00:00:01")),
            Reason::ClientReserved,
            "client",
        ),
        order(
            "a reservation for nobody",
            Allocation { purpose: Purpose::Reservation, ..allocation(hall()) },
            Reason::ClientRequired,
            "client",
        ),
        order(
            "a client identifier in IPv6",
            Allocation { purpose: claimed(), details: vec![six], ..allocation(Place::Scope(word("scopes/six"))) },
            Reason::InvalidClientIdentifier,
            "client_id",
        ),
        case(
            "a reservation for a client with a claim",
            reservation("scopes/hall/reservations/10.0.0.77", CLIENT),
            Reason::ClientClaimed,
            "reservation.hardware_address",
        ),
        case(
            "a reservation of a held address",
            reservation("scopes/hall/reservations/10.0.0.60", "02:00:00:00:00:71"),
            Reason::AddressTaken,
            "reservation.address",
        ),
    ]
}

fn seen(name: &str) -> Command {
    Command::RecordSighting { name: word(name), hardware: None, agent: word("agents/a") }
}

fn changes() -> Vec<Case> {
    let held = || word("spaces/default/addresses/10.0.0.60");
    let claim = || word("spaces/default/addresses/10.0.0.61");
    let none = || word("spaces/default/addresses/10.0.0.62");
    let until = NOW.plus_seconds(1200);
    let patch = AssignmentPatch { expires: Some(Some(until)), ..AssignmentPatch::default() };
    let nobody = AssignmentPatch { client: Some(None), ..AssignmentPatch::default() };
    let taken = AssignmentPatch { client: Some(Some(client("02:00:00:00:00:01"))), ..AssignmentPatch::default() };
    let over = Command::ExtendHold { name: held(), etag: None, until };
    let over_claim = Command::ClaimHold { name: held(), etag: None, patch: AssignmentPatch::default() };
    vec![
        case(
            "to clear an address that nobody was seen on",
            Command::ClearSighting { name: none(), etag: None },
            Reason::SightingNotFound,
            "name",
        ),
        Case {
            what: "an address that somebody was seen on",
            command: Command::Allocate(Allocation {
                choice: Choice::Given(vec![word("10.0.0.62")]),
                ..allocation(hall())
            }),
            reason: Reason::AddressAnswers,
            field: "addresses[0]",
            prepare: |state| after(state, &seen("spaces/default/addresses/10.0.0.62"), NOW),
        },
        case("somebody in no space", seen("spaces/none/addresses/10.0.0.62"), Reason::SpaceNotFound, "name"),
        case(
            "to release what is free",
            Command::Release { name: none(), etag: None },
            Reason::AssignmentNotFound,
            "name",
        ),
        case("to extend a claim", Command::ExtendHold { name: claim(), etag: None, until }, Reason::NotAHold, "name"),
        case(
            "to extend a hold into the past",
            Command::ExtendHold { name: held(), etag: None, until: NOW },
            Reason::InvalidValue,
            "until",
        ),
        Case {
            what: "to extend a hold that is over",
            command: over,
            reason: Reason::HoldExpired,
            field: "name",
            prepare: long_prepared,
        },
        Case {
            what: "to claim a hold that is over",
            command: over_claim.clone(),
            reason: Reason::HoldExpired,
            field: "name",
            prepare: long_prepared,
        },
        case("to claim a hold for nobody", over_claim, Reason::ClientRequired, "client"),
        case(
            "an expiry of a hold",
            Command::UpdateAssignment { name: held(), etag: None, patch },
            Reason::FieldImmutable,
            "expires",
        ),
        case(
            "to take a claim's client away",
            Command::UpdateAssignment { name: claim(), etag: None, patch: nobody },
            Reason::ClientRequired,
            "client",
        ),
        case(
            "a claim for a client with a reservation, later on",
            Command::UpdateAssignment { name: claim(), etag: None, patch: taken },
            Reason::ClientReserved,
            "client",
        ),
        case(
            "an old etag",
            Command::Release { name: claim(), etag: Some(freehold_core::Revision(1)) },
            Reason::EtagMismatch,
            "etag",
        ),
    ]
}

fn conversions() -> Vec<Case> {
    let lease = |address: &str, purpose| LeaseConversion {
        scope: word("scopes/hall"),
        address: word(address),
        purpose,
        details: details(None),
        holder: "operators/alice".into(),
        leases: leased("scopes/hall", &[("10.0.0.80", CLIENT)]),
        accept_risk: false,
    };
    let held = || word("spaces/default/addresses/10.0.0.60");
    let moved = |to: &str| Command::MoveReservation {
        name: word("scopes/hall/reservations/10.0.0.50"),
        etag: None,
        to: word(to),
    };
    vec![
        case("no lease", Command::ConvertLease(lease("10.0.0.81", claimed())), Reason::LeaseNotFound, "address"),
        case(
            "the lease of a client with a claim",
            Command::ConvertLease(lease("10.0.0.80", claimed())),
            Reason::ClientClaimed,
            "client",
        ),
        case(
            "a hold of nobody, to reserve it",
            Command::ConvertToReservation { name: held(), etag: None, client: None },
            Reason::ClientRequired,
            "client",
        ),
        case(
            "an assignment for a client with a reservation, to reserve it",
            Command::ConvertToReservation { name: held(), etag: None, client: Some(client("02:00:00:00:00:01")) },
            Reason::ClientReserved,
            "reservation.hardware_address",
        ),
        case(
            "a reservation that is not there, to claim it",
            Command::ConvertToClaim {
                name: word("scopes/hall/reservations/10.0.0.77"),
                etag: None,
                expires: None,
                holder: "operators/alice".into(),
            },
            Reason::ReservationNotFound,
            "name",
        ),
        case("a reservation to a held address", moved("10.0.0.60"), Reason::AddressTaken, "to"),
        case("a reservation to a reserved address", moved("10.0.0.51"), Reason::AddressReserved, "to"),
        case("a reservation to another network", moved("10.0.1.9"), Reason::AddressNotUsable, "to"),
    ]
}
