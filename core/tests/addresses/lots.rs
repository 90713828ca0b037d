//! Random choice is uniform: counted over many draws, whether few of the free addresses are leased or most.

use crate::model::{NOW, word};
use freehold_core::address::Room;
use freehold_core::change::Change;
use freehold_core::command::{AddressDetails, Allocation, Choice, Command, NewScope, Place, Purpose};
use freehold_core::lease::{Lease, LeaseBook, LeaseState};
use freehold_core::model::PrefixKind;
use freehold_core::name::PrefixName;
use freehold_core::text::Text;
use freehold_core::{Record, State, decide};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const DRAWS: u32 = 20_000;

fn address(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, n).into()
}

/// A /24 with a scope of two ranges, in which these are held.
fn state(held: impl Iterator<Item = u8>) -> State {
    let text = Text::default;
    let (space, network) = (word("spaces/default"), word("10.0.0.0/24"));
    let name = word("spaces/default/prefixes/10.0.0.0-24");
    let mut commands = vec![
        Command::CreateSpace {
            name: word("spaces/default"),
            title: text(),
            description: text(),
            labels: freehold_core::labels::Labels::NONE,
        },
        Command::CreatePrefix { name, draft: freehold_core::command::PrefixDraft::of(PrefixKind::Network) },
        Command::CreateScope(NewScope {
            ranges: vec![word("10.0.0.5-10.0.0.100"), word("10.0.0.120-10.0.0.250")],
            ..NewScope::of(word("scopes/s"), PrefixName { space, cidr: network })
        }),
    ];
    commands.extend(held.map(|n| Command::Allocate(order(Choice::Given(vec![address(n)]), LeaseBook::default()))));
    let mut state = State::default();
    for command in &commands {
        let changes = decide(&state, command, NOW).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
        state.apply_changes(&changes);
    }
    state
}

fn order(choice: Choice, leases: LeaseBook) -> Allocation {
    Allocation {
        place: Place::Scope(word("scopes/s")),
        choice,
        count: 1,
        purpose: Purpose::Hold { until: NOW.plus_seconds(60) },
        details: vec![AddressDetails::default()],
        holder: "operators/alice".into(),
        leases,
        accept_risk: false,
    }
}

fn leased(state: &State, leased: impl Iterator<Item = u8>) -> LeaseBook {
    let subnet_id = state.scope(&word("scopes/s")).expect("the scope").subnet_id.number();
    let mut book = LeaseBook::default();
    for n in leased {
        let lease = Lease {
            address: address(n),
            prefix_len: 32,
            subnet_id,
            hardware: vec![n],
            client_id: Vec::new(),
            duid: Vec::new(),
            iaid: 0,
            host_name: String::new(),
            cltt: NOW,
            valid_seconds: 3600,
            state: LeaseState::Granted,
        };
        book.load(&word("servers/a/kea4"), lease);
    }
    book
}

/// Draws many times; the counts of the free addresses differ no more than chance lets them, by Pearson's chi-square.
fn uniform(state: &State, book: &LeaseBook) {
    let mut counts: BTreeMap<IpAddr, u32> = BTreeMap::new();
    for n in 0..DRAWS {
        let mut seed = [0; 16];
        seed[..4].copy_from_slice(&n.to_be_bytes());
        let command = Command::Allocate(order(Choice::Random { seed }, book.clone()));
        let changes = decide(state, &command, NOW).expect("there is room");
        match changes.first().and_then(Change::after) {
            Some(Record::Address(assignment)) => *counts.entry(assignment.name.address).or_default() += 1,
            other => panic!("not an assignment: {other:?}"),
        }
    }
    let scope = state.scope(&word("scopes/s")).expect("the scope");
    let free = Room::of_scope(state, book, scope).free();
    assert_eq!(counts.len() as u128, free, "every free address is drawn at some time");
    let expected = f64::from(DRAWS) / free as f64;
    let chi_square: f64 = counts.values().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    let degrees = free as f64 - 1.0;
    let far = 4.0 * (2.0 * degrees).sqrt();
    assert!((chi_square - degrees).abs() < far, "chi-square {chi_square} of {degrees} degrees of freedom");
}

#[test]
fn random_is_uniform_where_few_are_leased() {
    let state = state((5..100).step_by(3));
    let book = leased(&state, (121..250).step_by(7));
    uniform(&state, &book);
}

#[test]
fn random_is_uniform_where_all_but_a_few_are_leased() {
    let state = state((5..60).step_by(2));
    let book = leased(&state, (5..=250).filter(|n| ![7, 8, 99, 120, 248].contains(n)));
    uniform(&state, &book);
}
