//! What it costs to decide on one command in a full state: 200,000 reservations in 40,000 scopes.
//!
//! `cargo run --release -p freehold-core --example decide_cost`
//!
//! Each line is of many calls, each on another scope. Decide is what one command costs the single writer before the
//! ledger; apply is what it costs after. Ends with status 1 if a new reservation's median is 50 µs or more.

use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::command::{Command, NewReservation, NewScope, PrefixDraft, ScopePatch};
use freehold_core::labels::Labels;
use freehold_core::model::{Exclusion, PrefixKind};
use freehold_core::name::{PrefixName, ReservationName, ScopeName, SpaceName};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::text::Text;
use freehold_core::{State, Timestamp, check, decide};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SCOPES: u32 = 40_000;
const RESERVATIONS_PER_SCOPE: u32 = 5;
const MEDIAN_MAX: Duration = Duration::from_micros(50);

fn address(scope: u32, host: u32) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 + scope * 256 + host).into()
}

fn scope_name(scope: u32) -> ScopeName {
    ScopeName::from_id(&format!("scope-{scope}")).expect("a name")
}

fn space() -> SpaceName {
    SpaceName::from_id("default").expect("a name")
}

fn network(scope: u32) -> Cidr {
    Cidr::new(address(scope, 0), 24).expect("a network")
}

fn new_network(scope: u32) -> Command {
    Command::CreatePrefix {
        name: PrefixName { space: space(), cidr: network(scope) },
        draft: PrefixDraft::of(PrefixKind::Network),
    }
}

fn new_scope(scope: u32) -> Command {
    Command::CreateScope(NewScope {
        ranges: vec![AddressRange::new(address(scope, 10), address(scope, 250)).expect("a range")],
        ..NewScope::of(scope_name(scope), PrefixName { space: space(), cidr: network(scope) })
    })
}

fn new_reservation(scope: u32, host: u32) -> Command {
    let [_, a, b, c] = scope.to_be_bytes();
    let hardware = HardwareAddress::from_bytes(&[2, a, b, c, 0, host.to_be_bytes()[3]]).expect("six bytes");
    Command::CreateReservation(NewReservation::of(
        ReservationName { scope: scope_name(scope), address: address(scope, host) },
        ClientIdentity::Hardware(hardware),
    ))
}

fn exclude(scope: u32) -> Command {
    let range = AddressRange::new(address(scope, 200), address(scope, 210)).expect("a range");
    let exclusions = Some(vec![Exclusion { range, comment: Text::default() }]);
    Command::UpdateScope { name: scope_name(scope), etag: None, patch: ScopePatch { exclusions, ..Default::default() } }
}

/// Decides on `command`, applies it while a reader holds the state before, and says how long each took.
fn carry_out(state: &mut State, command: &Command) -> (Duration, Duration) {
    let now = Timestamp(1_700_000_000_000);
    let begin = Instant::now();
    let changes = decide(state, command, now).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
    let decided = begin.elapsed();
    let entry = Entry {
        revision: state.revision().next(),
        at: now,
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(changes),
    };
    let read_meanwhile = state.clone();
    let begin = Instant::now();
    state.apply(&entry);
    let applied = begin.elapsed();
    drop(read_meanwhile);
    (decided, applied)
}

/// Carries all commands out and prints a line; gives the median time to decide.
fn measure(what: &str, state: &mut State, commands: impl Iterator<Item = Command>) -> Duration {
    let (mut decided, mut applied): (Vec<_>, Vec<_>) = commands.map(|command| carry_out(state, &command)).unzip();
    decided.sort();
    applied.sort();
    let at =
        |times: &[Duration], per_mille: usize| times[(times.len() - 1) * per_mille / 1000].as_nanos() as f64 / 1000.0;
    println!(
        "{what:<34} {:>8} calls   decide p50 {:>6.1} µs, p99 {:>6.1} µs   apply p50 {:>6.1} µs, p99 {:>6.1} µs",
        decided.len(),
        at(&decided, 500),
        at(&decided, 990),
        at(&applied, 500),
        at(&applied, 990),
    );
    decided[(decided.len() - 1) / 2]
}

fn main() -> ExitCode {
    let mut state = State::default();
    let default = Command::CreateSpace {
        name: space(),
        title: Text::default(),
        description: Text::default(),
        labels: Labels::NONE,
    };
    carry_out(&mut state, &default);
    measure("networks, from none", &mut state, (0..SCOPES + 1000).map(new_network));
    measure("scopes, from none", &mut state, (0..SCOPES).map(new_scope));
    let all = (0..SCOPES).flat_map(|scope| (0..RESERVATIONS_PER_SCOPE).map(move |n| new_reservation(scope, 20 + n)));
    measure("reservations, from none", &mut state, all);

    println!("in a state of {} scopes and {} reservations:", state.scopes().len(), state.reservations().len());
    // 7,919 is prime to the number of scopes: every call meets another part of the maps.
    let spread = |n: u32| n * 7919 % SCOPES;
    let median = measure("a new reservation", &mut state, (0..20_000).map(|n| new_reservation(spread(n), 100)));
    measure("an exclusion", &mut state, (0..20_000).map(|n| exclude(spread(n))));
    measure("a new scope", &mut state, (SCOPES..SCOPES + 1000).map(new_scope));

    let begin = Instant::now();
    let copies: Vec<State> = (0..10_000).map(|_| state.clone()).collect();
    println!("a copy of the state: {:.2} µs", begin.elapsed().as_secs_f64() * 1e6 / copies.len() as f64);
    let begin = Instant::now();
    let wrong = check(&state);
    println!("check of the whole state: {} ms, {} wrong", begin.elapsed().as_millis(), wrong.len());
    if median >= MEDIAN_MAX || !wrong.is_empty() {
        eprintln!("a new reservation took {median:?}; it should take less than {MEDIAN_MAX:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
