//! Commands about addresses, drawn from the same small universe.

use crate::draws::{clients, label_patches, labels, one_of, reservation_names, scopes, spaces, texts};
use crate::universe::{address, word};
use freehold_core::Revision;
use freehold_core::Timestamp;
use freehold_core::client::ClientIdentity;
use freehold_core::command::{
    AddressDetails, Allocation, AssignmentPatch, Choice, Command, LeaseConversion, Outcome, Place, Purpose,
};
use freehold_core::labels::Labels;
use freehold_core::lease::{Lease, LeaseBook, LeaseState};
use freehold_core::model::SubnetId;
use freehold_core::name::{AddressName, AgentName};
use freehold_core::text::{HostName, Text};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;

fn ip() -> BoxedStrategy<IpAddr> {
    prop_oneof![12 => (2u8..8).prop_map(|n| address(n).into()), 6 => (0u8..32).prop_map(|n| address(n).into()), 1 => Just(word("2001:db8::5"))]
        .boxed()
}

fn names() -> BoxedStrategy<AddressName> {
    (spaces(), ip()).prop_map(|(space, address)| AddressName { space, address }).boxed()
}

fn ends() -> BoxedStrategy<Timestamp> {
    select(&[-1i64, 600, 3600, 90_000, 90_000, 90_000][..]).prop_map(|seconds| Timestamp(seconds * 1000)).boxed()
}

fn places() -> BoxedStrategy<Place> {
    let network = || {
        one_of(&[
            "spaces/default/prefixes/10.0.0.0-28",
            "spaces/default/prefixes/10.0.0.0-28",
            "spaces/default/prefixes/10.0.0.16-28",
            "spaces/other/prefixes/10.0.0.0-28",
            "spaces/default/prefixes/2001:db8::-64",
            "spaces/default/prefixes/10.0.0.0-8",
        ])
    };
    prop_oneof![
        6 => scopes().prop_map(Place::Scope),
        6 => network().prop_map(Place::Network),
        1 => vec(network(), 0..3).prop_map(Place::OneOf),
    ]
    .boxed()
}

fn choices() -> BoxedStrategy<Choice> {
    prop_oneof![
        3 => option::weighted(0.2, ip()).prop_map(|from| Choice::Next { from }),
        3 => any::<[u8; 16]>().prop_map(|seed| Choice::Random { seed }),
        5 => prop_oneof![3 => vec(ip(), 1), 1 => vec(ip(), 2)].prop_map(Choice::Given),
    ]
    .boxed()
}

fn purposes() -> BoxedStrategy<Purpose> {
    prop_oneof![
        4 => ends().prop_map(|until| Purpose::Hold { until }),
        4 => option::of(ends()).prop_map(|expires| Purpose::Claim { expires }),
        1 => Just(Purpose::Reservation),
    ]
    .boxed()
}

fn details() -> BoxedStrategy<AddressDetails> {
    let host_name =
        option::of(select(&["door", "printer"][..]).prop_map(|name| HostName::parse(name).expect("a name")));
    let labels = prop_oneof![3 => Just(Labels::NONE), 1 => labels()];
    (option::weighted(0.6, clients()), host_name, texts(), labels)
        .prop_map(|(client, host_name, comment, labels)| AddressDetails {
            client,
            host_name,
            comment,
            owner: Text::default(),
            labels,
        })
        .boxed()
}

/// Leases of three clients in the first scopes there are.
fn leases() -> BoxedStrategy<LeaseBook> {
    let lease = (0u32..3, 0u8..16, 0u8..3);
    vec(lease, 0..8)
        .prop_map(|leases| {
            let mut book = LeaseBook::default();
            for (scope, n, client) in leases {
                let lease = Lease {
                    address: address(n).into(),
                    prefix_len: 32,
                    subnet_id: SubnetId::FIRST.number() + scope,
                    hardware: vec![2, 0, 0, 0, 0, client],
                    client_id: Vec::new(),
                    duid: Vec::new(),
                    iaid: 0,
                    host_name: String::new(),
                    cltt: Timestamp(0),
                    valid_seconds: 60,
                    state: LeaseState::Granted,
                };
                book.load(&word("servers/a/kea4"), lease);
            }
            book
        })
        .boxed()
}

fn orders() -> BoxedStrategy<Command> {
    (places(), choices(), purposes(), vec(details(), 2), 1u32..4, leases(), any::<bool>(), any::<bool>())
        .prop_map(|(place, choice, purpose, mut details, count, leases, alice, accept_risk)| {
            let count = match &choice {
                Choice::Given(addresses) => u32::try_from(addresses.len()).expect("two at most"),
                _ => count,
            };
            if count != 2 {
                details.truncate(1);
            }
            let holder = if alice { "operators/alice" } else { "operators/bob" }.into();
            Command::Allocate(Allocation { place, choice, count, purpose, details, holder, leases, accept_risk })
        })
        .boxed()
}

fn patches() -> BoxedStrategy<AssignmentPatch> {
    let host_name = || option::of(Just(HostName::parse("gate").expect("a name")));
    let parts = (option::of(option::of(clients())), option::of(host_name()), option::of(texts()), label_patches());
    (parts, option::weighted(0.3, option::of(ends())))
        .prop_map(|((client, host_name, comment, labels), expires)| AssignmentPatch {
            client,
            host_name,
            comment,
            owner: None,
            expires,
            labels,
        })
        .boxed()
}

fn conversions() -> BoxedStrategy<Command> {
    let lease = (scopes(), 0u8..16, purposes(), leases()).prop_map(|(scope, n, purpose, leases)| {
        Command::ConvertLease(LeaseConversion {
            scope,
            address: address(n).into(),
            purpose,
            details: AddressDetails::default(),
            holder: "operators/alice".into(),
            leases,
            accept_risk: false,
        })
    });
    let client = option::of(clients()).prop_map(|client: Option<ClientIdentity>| client);
    prop_oneof![
        6 => lease,
        2 => (names(), client)
            .prop_map(|(name, client)| Command::ConvertToReservation { name, etag: None, client }),
        2 => (reservation_names(), option::of(ends())).prop_map(|(name, expires)| Command::ConvertToClaim {
            name,
            etag: None,
            expires,
            holder: "operators/bob".into()
        }),
        2 => (reservation_names(), ip()).prop_map(|(name, to)| Command::MoveReservation { name, etag: None, to }),
    ]
    .boxed()
}

/// Commands about addresses.
pub(crate) fn commands() -> BoxedStrategy<Command> {
    let outcome = prop_oneof![
        Just(Outcome::Active),
        Just(Outcome::Freed),
        Just(Outcome::Conflict { who: Text::parse("somebody").expect("text") })
    ];
    prop_oneof![
        12 => orders(),
        3 => (names(), ends()).prop_map(|(name, until)| Command::ExtendHold { name, etag: None, until }),
        3 => (names(), patches()).prop_map(|(name, patch)| Command::UpdateAssignment { name, etag: None, patch }),
        5 => (names(), patches()).prop_map(|(name, patch)| Command::ClaimHold { name, etag: None, patch }),
        2 => names().prop_map(|name| Command::Release { name, etag: None }),
        4 => conversions(),
        2 => (names(), outcome)
            .prop_map(|(name, outcome)| Command::Settle { name, revision: Revision(0), outcome }),
        1 => (1u32..4).prop_map(|most| Command::Expire { most }),
        2 => names().prop_map(|name| Command::RecordSighting {
            name,
            hardware: None,
            agent: AgentName::from_id("berlin-1").expect("a name"),
        }),
        1 => names().prop_map(|name| Command::ClearSighting { name, etag: None }),
    ]
    .boxed()
}
