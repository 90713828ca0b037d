//! What utilisation costs: a /8 with 10,000 networks of a scope each, 1,000,000 claims and 250,000 leases. Prints microseconds each, and
//! bytes.
//!
//! ```text
//! cargo run --release -p freehold-core --example usage_cost
//! ```
//!
//! Ends with status 1 if an answer, with a change and a lease to follow before it, takes a millisecond at the median.

use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::command::{Command, NewScope, PrefixDraft};
use freehold_core::labels::Labels;
use freehold_core::lease::{Lease, LeaseBook, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::model::{Assignment, AssignmentKind, Phase, PrefixKind, Stamp};
use freehold_core::name::{AddressName, PrefixName, ScopeName, ServerName, SpaceName};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::text::Text;
use freehold_core::usage::Usage;
use freehold_core::{Change, Record, State, Timestamp, decide};
use std::hint::black_box;
use std::io::{Error, ErrorKind};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const NETWORKS: u32 = 10_000;
const CLAIMS: u32 = 100;
const LEASES: u32 = 25;
const TIMES: usize = 2_000;
const BULKS: usize = 100;

fn commit(state: &mut State, changes: Vec<Change>) {
    state.apply(&Entry {
        revision: state.revision().next(),
        at: NOW,
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(changes),
    });
}

fn carry_out(state: &mut State, command: &Command) {
    let changes = decide(state, command, NOW).unwrap_or_else(|refusal| panic!("{refusal}"));
    commit(state, changes);
}

fn address(network: u32, host: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + network * 256 + host)
}

fn claim(space: &SpaceName, address: Ipv4Addr) -> Record {
    Record::Address(Arc::new(Assignment {
        name: AddressName { space: space.clone(), address: address.into() },
        kind: AssignmentKind::Claim { expires: None },
        phase: Phase::Active,
        risk_accepted: false,
        holder: "operators/alice".into(),
        client: None,
        host_name: None,
        rare: None,
        stamp: Stamp::made(NOW, Default::default()),
    }))
}

fn granted(subnet_id: u32, address: Ipv4Addr) -> LeaseEvent {
    let lease = Lease {
        address: address.into(),
        prefix_len: 32,
        subnet_id,
        hardware: address.octets().to_vec(),
        client_id: Vec::new(),
        duid: Vec::new(),
        iaid: 0,
        host_name: String::new(),
        cltt: NOW,
        valid_seconds: 3600,
        state: LeaseState::Granted,
    };
    LeaseEvent { kind: LeaseEventKind::Granted, lease, observed: NOW, folded: 0 }
}

fn scope(space: &SpaceName, n: u32) -> NewScope {
    let range = AddressRange::new(address(n, 128).into(), address(n, 254).into()).expect("a range");
    let cidr = Cidr::new(address(n, 0).into(), 24).expect("a network");
    let name = ScopeName::from_id(&format!("s{n}")).expect("a name");
    NewScope { ranges: vec![range], ..NewScope::of(name, PrefixName { space: space.clone(), cidr }) }
}

fn resident_bytes() -> Result<f64, Error> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.map(|pages| pages * 4096.0).ok_or_else(|| Error::new(ErrorKind::InvalidData, statm))
}

/// Microseconds: the median and the 99th percentile.
fn timed(what: &str, times: usize, mut call: impl FnMut(usize)) -> f64 {
    let mut taken: Vec<f64> = (0..times)
        .map(|n| {
            let begun = Instant::now();
            call(n);
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    let (p50, p99) = (taken[times / 2], taken[times * 99 / 100]);
    println!("{what:<60} p50 {p50:>9.2} us   p99 {p99:>9.2} us");
    p50
}

fn main() -> Result<ExitCode, Error> {
    let space = SpaceName::from_id("default").expect("a name");
    let eight = PrefixName { space: space.clone(), cidr: "10.0.0.0/8".parse().expect("a CIDR") };
    let mut state = State::default();
    let (title, description) = (Text::default(), Text::default());
    carry_out(&mut state, &Command::CreateSpace { name: space.clone(), title, description, labels: Labels::NONE });
    let draft = PrefixDraft::of(PrefixKind::Container);
    carry_out(&mut state, &Command::CreatePrefix { name: eight.clone(), draft });
    for _ in 0..NETWORKS / 1000 {
        let draft = PrefixDraft::of(PrefixKind::Network);
        carry_out(&mut state, &Command::CarvePrefixes { parent: eight.clone(), length: 24, count: 1000, draft });
    }
    let mut book = LeaseBook::default();
    let server: ServerName = "servers/a/kea4".parse().expect("a name");
    for n in 0..NETWORKS {
        carry_out(&mut state, &Command::CreateScope(scope(&space, n)));
        let claims = (1..=CLAIMS).map(|host| Change::made(claim(&space, address(n, host))));
        commit(&mut state, claims.collect());
        let id = state.scope(&scope(&space, n).name).expect("there").subnet_id.number();
        (0..LEASES).for_each(|host| book.apply(&server, &granted(id, address(n, 200 + host))));
    }
    let (mut state, mut book) = (Arc::new(state), Arc::new(book));
    println!("{eight}: {NETWORKS} networks, {} claims, {} leases", NETWORKS * CLAIMS, NETWORKS * LEASES);

    let (bytes, begun) = (resident_bytes()?, Instant::now());
    let mut usage = Usage::default();
    usage.follow(&state, &book);
    let took = begun.elapsed().as_secs_f64() * 1e3;
    println!(
        "counted from nothing in {took:.1} ms, {:.0} bytes a prefix",
        (resident_bytes()? - bytes) / f64::from(NETWORKS)
    );
    let counted = usage.of_prefix(&eight).addresses;
    assert_eq!((counted.claimed, counted.leased), (1_000_000, 250_000));

    timed("the /8, nothing changed", TIMES, |_| {
        usage.follow(&state, &book);
        black_box(usage.of_prefix(black_box(&eight)));
    });
    let p50 = timed("the /8, a claim and a lease followed first", TIMES, |n| {
        let n = n as u32 * 7 % NETWORKS;
        let changed = Arc::make_mut(&mut state);
        let found = claim(&space, address(n, 110));
        let change = match changed.record(&found.key()) {
            Some(before) => Change::gone(before),
            None => Change::made(found),
        };
        commit(changed, vec![change]);
        let id = changed.scope(&scope(&space, n).name).expect("there").subnet_id.number();
        Arc::make_mut(&mut book).apply(&server, &granted(id, address(n, 240)));
        usage.follow(&state, &book);
        black_box(usage.of_prefix(black_box(&eight)));
    });
    let mut following = 0.0;
    timed("500 claims in 500 networks, changed and followed together", BULKS, |n| {
        let n = n as u32;
        let changed = Arc::make_mut(&mut state);
        let host = 130 + n % 60;
        let changes = (0..500).map(|i| claim(&space, address((n * 37 + i * 19) % NETWORKS, host)));
        let changes = changes.map(|found| match changed.record(&found.key()) {
            Some(before) => Change::gone(before),
            None => Change::made(found),
        });
        let changes: Vec<_> = changes.collect();
        commit(changed, changes);
        let begun = Instant::now();
        usage.follow(&state, &book);
        following += begun.elapsed().as_secs_f64() * 1e6;
    });
    println!("of which to follow, a change: {:.2} us in the mean", following / (500 * BULKS) as f64);
    let mut anew = Usage::default();
    anew.follow(&state, &book);
    assert!(anew == usage, "followed, and counted from the start");
    Ok(if p50 < 1000.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
