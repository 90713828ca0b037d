//! Addresses given out: which, in what phase, and what becomes of them.

use crate::world::{
    NOW, after, allocation, client, details, exclusions, hall, leased, managed, reservation, state, word,
};
use freehold_core::address::{AddressState, awaits, lease_against, look};
use freehold_core::bundle::{Digest, Resource, ResourceKey, ResourceKind};
use freehold_core::change::Change;
use freehold_core::command::{Allocation, Choice, Command, LeaseConversion, Outcome, Place, Purpose, ScopePatch};
use freehold_core::desired::desired;
use freehold_core::lease::LeaseBook;
use freehold_core::model::{Applied, Phase, PrefixKind, Rejection};
use freehold_core::{Reason, Record, State, decide};
use std::net::IpAddr;

/// The addresses that `order` is given, in order.
fn given(state: &State, order: &Allocation) -> Vec<IpAddr> {
    let changes = decide(state, &Command::Allocate(order.clone()), NOW).expect("there is room");
    let address = |change: &Change| match change.after() {
        Some(Record::Address(assignment)) => assignment.name.address,
        Some(Record::Reservation(reservation)) => reservation.name.address,
        other => panic!("not an address: {other:?}"),
    };
    changes.iter().map(address).collect()
}

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|address| word(address)).collect()
}

fn phase(state: &State, name: &str) -> Option<Phase> {
    state.assignment(&word(name)).map(|assignment| assignment.phase)
}

fn seen(state: &State, name: &str) -> AddressState {
    look(state, &LeaseBook::default(), &word(name)).state
}

#[test]
fn a_scope_gives_from_its_pools_and_a_network_from_what_is_left() {
    let state = state();
    let hold = Allocation { count: 12, ..allocation(Place::Scope(word("scopes/hall"))) };
    let pool = given(&state, &hold);
    assert_eq!(pool[0], word::<IpAddr>("10.0.0.10"));
    assert_eq!(pool[9..], addresses(&["10.0.0.19", "10.0.0.30", "10.0.0.31"]));
    let hall = Place::Network(word("spaces/default/prefixes/10.0.0.0-24"));
    let around = given(&state, &Allocation { count: 9, ..allocation(hall.clone()) });
    assert_eq!(around[0], word::<IpAddr>("10.0.0.2"), "neither the network's own nor the router");
    assert_eq!(around[7..], addresses(&["10.0.0.9", "10.0.0.100"]));
    let all = Allocation { count: 163, ..allocation(hall.clone()) };
    assert_eq!(given(&state, &all).last(), Some(&word("10.0.0.254")), "not the broadcast address");
    let refused = decide(&state, &Command::Allocate(Allocation { count: 164, ..allocation(hall) }), NOW);
    assert_eq!(refused.map_err(|refusal| refusal.reason), Err(Reason::NoFreeAddress));
}

#[test]
fn what_is_given_is_taken_and_what_is_released_is_free() {
    let order = allocation(Place::Scope(word("scopes/hall")));
    let mut state = after(state(), &Command::Allocate(order.clone()), NOW);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.10"), AddressState::Held);
    assert_eq!(given(&state, &order), addresses(&["10.0.0.11"]));
    state = after(state, &Command::Release { name: word("spaces/default/addresses/10.0.0.10"), etag: None }, NOW);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.10"), AddressState::Available);
    assert_eq!(given(&state, &order), addresses(&["10.0.0.10"]));
}

#[test]
fn what_a_server_could_lease_is_pending_and_out_of_its_pools() {
    let state = managed(state());
    let claim = |address: &str, hardware: &str, accept_risk| {
        Command::Allocate(Allocation {
            choice: Choice::Given(addresses(&[address])),
            purpose: Purpose::Claim { expires: None },
            details: vec![details(Some(hardware))],
            accept_risk,
            ..allocation(Place::Network(word("spaces/default/prefixes/10.0.0.0-24")))
        })
    };
    let state = after(state, &claim("10.0.0.12", "02:00:00:00:00:61", false), NOW);
    let state = after(state, &claim("10.0.0.13", "02:00:00:00:00:62", true), NOW);
    let state = after(state, &claim("10.0.0.22", "02:00:00:00:00:63", false), NOW);
    let phases =
        ["10.0.0.12", "10.0.0.13", "10.0.0.22"].map(|n| phase(&state, &format!("spaces/default/addresses/{n}")));
    assert_eq!(phases, [Some(Phase::Pending), Some(Phase::Active), Some(Phase::Active)]);
    let desired = desired(&state, &word("servers/a/kea4"));
    let pools: Vec<_> = desired.scopes[0].pools.iter().map(ToString::to_string).collect();
    assert_eq!(pools, ["10.0.0.10-10.0.0.11", "10.0.0.14-10.0.0.19", "10.0.0.30-10.0.0.99"]);
    let claims: Vec<_> = desired.claims.iter().map(|(_, claim)| claim.client.clone()).collect();
    assert_eq!(claims, ["61", "62", "63"].map(|n| Some(client(&format!("02:00:00:00:00:{n}")))));
}

#[test]
fn a_network_with_assignments_stays_and_they_outlive_their_scope() {
    let order = allocation(Place::Network(word("spaces/default/prefixes/10.0.2.0-24")));
    let state = after(state(), &Command::Allocate(order), NOW);
    let name = word::<freehold_core::name::PrefixName>("spaces/default/prefixes/10.0.2.0-24");
    let gone = Command::DeletePrefix { name: name.clone(), etag: None };
    let patch = freehold_core::command::PrefixPatch { kind: Some(PrefixKind::Container), ..Default::default() };
    let container = Command::UpdatePrefix { name, etag: None, patch };
    for command in [gone, container] {
        let refusal = decide(&state, &command, NOW).expect_err("in use");
        assert_eq!(refusal.reason, Reason::InUse, "{refusal}");
        assert!(refusal.message.contains("spaces/default/addresses/10.0.2.1"), "{refusal}");
    }
    let state = after(state, &Command::Allocate(allocation(Place::Scope(word("scopes/hall")))), NOW);
    let state = after(state, &Command::DeleteScope { name: word("scopes/hall"), etag: None, force: true }, NOW);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.10"), AddressState::Held);
    assert_eq!(seen(&state, "spaces/default/addresses/10.0.0.50"), AddressState::Available, "its reservation is gone");
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
}

#[test]
fn reasons_are_all_told_the_firmest_first() {
    let order = Allocation {
        choice: Choice::Given(addresses(&["10.0.0.25"])),
        ..allocation(Place::Network(word("spaces/default/prefixes/10.0.0.0-24")))
    };
    let state = after(state(), &Command::Allocate(order), NOW);
    let view = look(&state, &LeaseBook::default(), &word("spaces/default/addresses/10.0.0.25"));
    let states: Vec<_> = view.reasons.iter().map(freehold_core::address::Why::state).collect();
    assert_eq!((view.state, states), (AddressState::Held, vec![AddressState::Held, AddressState::Excluded]));
    for (address, wanted) in [
        ("10.0.0.0", AddressState::NotUsable),
        ("10.0.0.1", AddressState::NotUsable),
        ("10.0.0.255", AddressState::NotUsable),
        ("10.0.0.20", AddressState::Excluded),
        ("10.0.0.50", AddressState::Reserved),
        ("10.0.0.52", AddressState::Available),
        ("10.9.0.1", AddressState::Unplanned),
        ("2001:db8::", AddressState::NotUsable),
        ("2001:db8::1", AddressState::Available),
    ] {
        assert_eq!(seen(&state, &format!("spaces/default/addresses/{address}")), wanted, "{address}");
    }
}

#[test]
fn an_assigned_address_is_neither_reserved_nor_made_a_router_but_may_be_excluded() {
    let state = after(state(), &Command::Allocate(allocation(Place::Scope(word("scopes/hall")))), NOW);
    let reserve = reservation("scopes/hall/reservations/10.0.0.10", "02:00:00:00:00:0a");
    let router = hall(ScopePatch { options: Some(crate::world::routers("10.0.0.10")), ..ScopePatch::default() });
    for command in [reserve, router] {
        assert_eq!(decide(&state, &command, NOW).map_err(|refusal| refusal.reason), Err(Reason::AddressTaken));
    }
    let exclude = hall(ScopePatch { exclusions: Some(exclusions(&["10.0.0.10"])), ..ScopePatch::default() });
    let state = after(state, &exclude, NOW);
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
}

fn lease(address: &str, hardware: &str, purpose: Purpose) -> LeaseConversion {
    LeaseConversion {
        scope: word("scopes/hall"),
        address: word(address),
        purpose,
        details: details(None),
        holder: "operators/alice".into(),
        leases: leased("scopes/hall", &[(address, hardware)]),
        accept_risk: false,
    }
}

#[test]
fn a_lease_becomes_a_claim_or_a_reservation_of_its_client() {
    let to = |purpose| Command::ConvertLease(lease("10.0.0.80", "02:00:00:00:00:80", purpose));
    let claimed = after(managed(state()), &to(Purpose::Claim { expires: None }), NOW);
    let claim = claimed.assignment(&word("spaces/default/addresses/10.0.0.80")).expect("a claim");
    assert_eq!((claim.client.clone(), claim.phase), (Some(client("02:00:00:00:00:80")), Phase::Pending));
    let book = leased("scopes/hall", &[("10.0.0.80", "02:00:00:00:00:80")]);
    assert_eq!(lease_against(&claimed, &book, &claim), None, "the lease is its own");
    let other = leased("scopes/hall", &[("10.0.0.80", "02:00:00:00:00:81")]);
    assert!(lease_against(&claimed, &other, &claim).is_some());
    let reserved = after(state(), &to(Purpose::Reservation), NOW);
    let reservation = reserved.reservation(&word("scopes/hall/reservations/10.0.0.80")).expect("a reservation");
    assert_eq!(reservation.client, client("02:00:00:00:00:80"));
}

#[test]
fn an_address_keeps_its_client_when_what_it_is_changes() {
    let (name, address) = (word("scopes/hall/reservations/10.0.0.50"), "spaces/default/addresses/10.0.0.50");
    let to_claim = Command::ConvertToClaim { name, etag: None, expires: None, holder: "operators/alice".into() };
    let state = after(state(), &to_claim, NOW);
    assert_eq!(seen(&state, address), AddressState::Claimed);
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
    let back = Command::ConvertToReservation { name: word(address), etag: None, client: None };
    let state = after(state, &back, NOW);
    assert_eq!(seen(&state, address), AddressState::Reserved);
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
    let to = Command::MoveReservation {
        name: word("scopes/hall/reservations/10.0.0.50"),
        etag: None,
        to: word("10.0.0.52"),
    };
    let state = after(state, &to, NOW);
    assert_eq!(seen(&state, address), AddressState::Available);
    let moved = state.reservation(&word("scopes/hall/reservations/10.0.0.52")).expect("moved");
    assert_eq!(moved.client, client("02:00:00:00:00:01"));
}

#[test]
fn a_pending_address_waits_for_its_server_and_is_settled_once() {
    let order = allocation(Place::Scope(word("scopes/hall")));
    let state = after(managed(state()), &Command::Allocate(order), NOW);
    let name = || word::<freehold_core::name::AddressName>("spaces/default/addresses/10.0.0.10");
    let revision = state.revision();
    assert_eq!(awaits(&state, &name()), [(word("servers/a/kea4"), revision)].into());
    let settle = |revision, outcome| Command::Settle { name: name(), revision, outcome };
    let stale = settle(freehold_core::Revision(revision.0 - 1), Outcome::Active);
    assert_eq!(decide(&state, &stale, NOW), Ok(Vec::new()), "it was found out about another assignment");
    let who = freehold_core::text::Text::parse("02:00:00:00:00:99").expect("text");
    let state = after(state, &settle(revision, Outcome::Conflict { who: who.clone() }), NOW);
    let found = state.assignment(&name()).expect("still taken");
    assert_eq!((found.phase, found.rare().conflict), (Phase::Conflict, who));
    assert_eq!(awaits(&state, &name()), [].into());
    let state = after(state.clone(), &settle(state.revision(), Outcome::Active), NOW);
    let found = state.assignment(&name()).expect("still taken");
    assert_eq!((found.phase, found.rare.clone()), (Phase::Active, None));
}

#[test]
fn an_address_waits_for_every_server_that_may_still_lease_it() {
    let kea = || word::<freehold_core::name::ServerName>("servers/a/kea4");
    let name = || word::<freehold_core::name::AddressName>("spaces/default/addresses/10.0.0.10");
    let take_off = || Command::UpdateScope {
        name: word("scopes/hall"),
        etag: None,
        patch: ScopePatch { server: Some(None), ..Default::default() },
    };
    let order = || Command::Allocate(allocation(Place::Scope(word("scopes/hall"))));

    let before = after(managed(state()), &order(), NOW);
    let off = after(before, &take_off(), NOW);
    let since = off.revision();
    assert_eq!(awaits(&off, &name()), [(kea(), since)].into(), "it waits on, although the scope has no server now");

    // What is put aside later waits as well, whatever becomes of the scope.
    let off = after(managed(state()), &take_off(), NOW);
    let since = off.revision();
    let later = after(off.clone(), &order(), NOW);
    assert_eq!(later.assignment(&name()).map(|found| found.phase), Some(Phase::Pending));
    assert_eq!(awaits(&later, &name()), [(kea(), since)].into());
    let gone = Command::DeleteScope { name: word("scopes/hall"), etag: None, force: true };
    let hall = Place::Network(word("spaces/default/prefixes/10.0.0.0-24"));
    let given = Allocation { choice: Choice::Given(addresses(&["10.0.0.10"])), ..allocation(hall) };
    let gone = after(after(managed(state()), &gone, NOW), &Command::Allocate(given), NOW);
    assert_eq!(awaits(&gone, &name()).keys().collect::<Vec<_>>(), [&kea()]);

    // Only when it is known what it leased up to then, is it forgotten.
    let forget = |up_to| Command::ForgetLeft { server: kea(), up_to: freehold_core::Revision(up_to) };
    assert_eq!(decide(&later, &forget(since.0 - 1), NOW), Ok(Vec::new()));
    let forgotten = after(off, &forget(since.0), NOW);
    let settled = after(forgotten, &order(), NOW);
    assert_eq!(settled.assignment(&name()).map(|found| found.phase), Some(Phase::Active));
    assert_eq!(freehold_core::check(&settled), Vec::<String>::new());
}

#[test]
fn a_scope_that_runs_in_an_older_form_may_lease_anything() {
    let hall = Place::Network(word("spaces/default/prefixes/10.0.0.0-24"));
    let outside = || Allocation { choice: Choice::Given(addresses(&["10.0.0.200"])), ..allocation(hall.clone()) };
    let phase = |state: &State| phase(state, "spaces/default/addresses/10.0.0.200");
    let managed = managed(state());
    let (digest, revision) = (Digest([1; 32]), managed.revision());
    let applied = Applied { revision, digest, at: NOW, took_ms: 1, barrier: None };
    let proven = after(managed, &Command::RecordApplied { server: word("servers/a/kea4"), applied }, NOW);
    assert_eq!(phase(&after(proven.clone(), &Command::Allocate(outside()), NOW)), Some(Phase::Active));
    let refused = |instead: Option<Resource>| Command::RecordRejected {
        server: word("servers/a/kea4"),
        rejections: [(
            ResourceKey { kind: ResourceKind::Scope, id: "hall".to_owned() },
            Rejection {
                hash: freehold_core::bundle::Hash([1; 16]),
                field: freehold_core::text::Text::default(),
                message: "no".to_owned(),
                at: NOW,
                lacking: None,
                instead,
            },
        )]
        .into(),
        error: String::new(),
        bundle: None,
    };
    let older = after(proven.clone(), &refused(Some(Resource::new(vec![7]))), NOW);
    assert_eq!(phase(&after(older, &Command::Allocate(outside()), NOW)), Some(Phase::Pending));
    let none = after(proven, &refused(None), NOW);
    assert_eq!(phase(&after(none, &Command::Allocate(outside()), NOW)), Some(Phase::Active), "it runs no form at all");
}

#[test]
fn what_ends_by_itself_is_freed_in_its_order_and_not_a_moment_early() {
    let at = |seconds| NOW.plus_seconds(seconds);
    let hold = |seconds| Allocation {
        purpose: Purpose::Hold { until: at(seconds) },
        ..allocation(Place::Scope(word("scopes/yard")))
    };
    let mut state =
        [300, 100, 200].iter().fold(state(), |s, seconds| after(s, &Command::Allocate(hold(*seconds)), NOW));
    let expire = |most| Command::Expire { most };
    assert_eq!(decide(&state, &expire(9), freehold_core::Timestamp(at(100).0 - 1)), Ok(Vec::new()));
    let freed = |state: &State, most, seconds| {
        let changes = decide(state, &expire(most), at(seconds)).expect("nothing is refused");
        changes.iter().map(|change| change.key().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(freed(&state, 9, 100), ["spaces/default/addresses/10.0.1.11"]);
    assert_eq!(freed(&state, 1, 300), ["spaces/default/addresses/10.0.1.11"]);
    assert_eq!(freed(&state, 9, 300).len(), 3);
    let extend = Command::ExtendHold { name: word("spaces/default/addresses/10.0.1.11"), etag: None, until: at(900) };
    state = after(state, &extend, at(50));
    assert_eq!(freed(&state, 9, 300), ["spaces/default/addresses/10.0.1.12", "spaces/default/addresses/10.0.1.10"]);
}

#[test]
fn a_client_and_a_host_name_are_found_wherever_they_are() {
    let named = |name: &str, hardware: &str| freehold_core::command::AddressDetails {
        host_name: Some(freehold_core::text::HostName::parse(name).expect("a name")),
        ..details(Some(hardware))
    };
    let order = Allocation {
        count: 3,
        details: vec![
            named("printer-2", "02:00:00:00:00:62"),
            named("printer-10", "02:00:00:00:01:61"),
            named("door", "02:00:00:00:01:60"),
        ],
        ..allocation(Place::Scope(word("scopes/yard")))
    };
    let state = after(state(), &Command::Allocate(order), NOW);
    let addresses = |found: &mut dyn Iterator<Item = std::sync::Arc<freehold_core::model::Assignment>>| {
        found.map(|assignment| assignment.name.address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(addresses(&mut state.assignments_called("printer")), ["10.0.1.11", "10.0.1.10"]);
    assert_eq!(addresses(&mut state.assignments_of_hardware(&[2, 0, 0, 0, 1])), ["10.0.1.12", "10.0.1.11"]);
    assert_eq!(addresses(&mut state.assignments_for(&client("02:00:00:00:00:62"))), ["10.0.1.10"]);
    let reserved: Vec<_> = state.reservations_for(&client("02:00:00:00:00:01")).map(|r| r.name.to_string()).collect();
    assert_eq!(reserved, ["scopes/hall/reservations/10.0.0.50"]);
}

#[test]
fn a_refused_claim_is_still_the_servers_to_run() {
    let order = Allocation {
        purpose: Purpose::Claim { expires: None },
        details: vec![details(Some("02:00:00:00:00:62"))],
        ..allocation(Place::Scope(word("scopes/hall")))
    };
    let state = after(managed(state()), &Command::Allocate(order), NOW);
    let key = ResourceKey { kind: ResourceKind::Reservation, id: "hall/10.0.0.10".to_owned() };
    let rejection = Rejection {
        hash: freehold_core::bundle::Hash([1; 16]),
        field: freehold_core::text::Text::default(),
        message: "no".to_owned(),
        at: NOW,
        lacking: None,
        instead: None,
    };
    let refuse = Command::RecordRejected {
        server: word("servers/a/kea4"),
        rejections: [(key.clone(), rejection)].into(),
        error: String::new(),
        bundle: None,
    };
    let state = after(state, &refuse, NOW);
    let status = state.status(&word("servers/a/kea4")).expect("a status");
    assert!(status.quarantine.contains_key(&key));
    assert_eq!(state.resource(&key).map(|key| key.to_string()), Some("spaces/default/addresses/10.0.0.10".to_owned()));
}

/// Whether leases were heard of in one order or another, the same addresses are leased.
#[test]
fn a_lease_takes_its_address_until_its_server_says_that_it_is_over() {
    let book = leased("scopes/hall", &[("10.0.0.10", "02:00:00:00:00:62")]);
    let order = Allocation { leases: book.clone(), ..allocation(Place::Scope(word("scopes/hall"))) };
    assert_eq!(given(&state(), &order), addresses(&["10.0.0.11"]));
    let random = Allocation { choice: Choice::Random { seed: [3; 16] }, count: 77, ..order };
    assert!(!given(&state(), &random).contains(&word("10.0.0.10")));
    let view = look(&state(), &book, &word("spaces/default/addresses/10.0.0.10"));
    assert_eq!(view.state, AddressState::Leased);
    assert!(view.reasons[0].until().expect("an end") < NOW, "it ended, but its server did not say so");
}
