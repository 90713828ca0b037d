//! What addresses cost: memory of a claimed one with hardware address and host name, and time to find a free one by how
//! full the network is.
//!
//! `cargo run --release -p freehold-core --example address_cost [CLAIMS]`
//!
//! The last case, 16.6 million bare claims, needs 4 GB. Memory is the growth of the resident set while one claim after the other is applied, every index included. Times are of `decide`
//! and of `apply` while a reader holds the state before. Ends with status 1 if a claim takes more than 300 bytes, or the next free
//! address of a 99 %-full /8 costs more than twice that of an empty one.

use freehold_core::address::{list, look};
use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::command::{AddressDetails, Allocation, Choice, Command, Place, Purpose};
use freehold_core::lease::LeaseBook;
use freehold_core::model::{Assignment, AssignmentKind, Phase, PrefixKind, Stamp};
use freehold_core::name::{AddressName, PrefixName, SpaceName};
use freehold_core::net::{AddressRange, Cidr, Family, from_number};
use freehold_core::state::Loading;
use freehold_core::text::{HostName, Text};
use freehold_core::{Change, Record, State, Timestamp, check, decide};
use std::hint::black_box;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// Most claims of which all is measured: of more, only how they lie in a row, for the others have to stay in memory meanwhile.
const ALL_MAX: u32 = 1_000_000;
const EIGHT: u32 = 0x0a00_0000;

/// SplitMix64: the same numbers at every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn resident_bytes() -> Result<f64, Error> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.map(|pages| pages * 4096.0).ok_or_else(|| Error::new(ErrorKind::InvalidData, statm))
}

fn space() -> SpaceName {
    SpaceName::from_id("default").expect("a name")
}

fn network(first: IpAddr, length: u8) -> PrefixName {
    PrefixName { space: space(), cidr: Cidr::new(first, length).expect("a network") }
}

fn eight() -> PrefixName {
    network(Ipv4Addr::from(EIGHT).into(), 8)
}

fn sixty_four() -> PrefixName {
    network("2001:db8::".parse().expect("an address"), 64)
}

fn entry(state: &State, changes: Vec<Change>) -> Entry {
    Entry {
        revision: state.revision().next(),
        at: NOW,
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(changes),
    }
}

fn planned() -> State {
    let mut state = State::default();
    let text = Text::default;
    let prefix =
        |name| Command::CreatePrefix { name, draft: freehold_core::command::PrefixDraft::of(PrefixKind::Network) };
    let space = Command::CreateSpace {
        name: space(),
        title: text(),
        description: text(),
        labels: freehold_core::labels::Labels::NONE,
    };
    for command in [space, prefix(eight()), prefix(sixty_four())] {
        let changes = decide(&state, &command, NOW).unwrap_or_else(|refusal| panic!("{refusal}"));
        state.apply(&entry(&state, changes));
    }
    state
}

/// A claim as it comes from the ledger: every name of its own.
fn claim(n: u32, address: IpAddr, host_name: bool) -> Assignment {
    let mixed = Draw(n.into()).next().to_be_bytes();
    let hardware = HardwareAddress::from_bytes(&[2, mixed[1], mixed[2], mixed[3], mixed[4], mixed[5]]);
    let name = format!("host-{n:08}.example");
    Assignment {
        name: AddressName { space: space(), address },
        kind: AssignmentKind::Claim { expires: None },
        phase: Phase::Active,
        risk_accepted: false,
        holder: "operators/alice".into(),
        client: hardware.ok().map(ClientIdentity::Hardware),
        host_name: host_name.then(|| HostName::parse(&name).expect("a host name")),
        rare: None,
        stamp: Stamp::made(NOW, Default::default()),
    }
}

/// Claims so many, one applied entry each, and prints what one takes.
fn grown(what: &str, addresses: impl Iterator<Item = IpAddr>) -> Result<(State, f64), Error> {
    let mut state = planned();
    let (before, start) = (resident_bytes()?, Instant::now());
    for (n, address) in (0u32..).zip(addresses) {
        let changes = vec![Change::made(Record::Address(Arc::new(claim(n, address, true))))];
        state.apply(&entry(&state, changes));
    }
    let (took, bytes) = (start.elapsed(), resident_bytes()? - before);
    let count = state.assignments_len() as f64;
    println!(
        "{what:<44} {count:>10} {:>8.1} MB {:>7.1} bytes each {:>6.2} µs each",
        bytes / 1e6,
        bytes / count,
        took.as_secs_f64() * 1e6 / count
    );
    Ok((state, bytes / count))
}

fn order(place: &PrefixName, choice: Choice) -> Allocation {
    Allocation {
        place: Place::Network(place.clone()),
        choice,
        count: 1,
        purpose: Purpose::Claim { expires: None },
        details: vec![AddressDetails::default()],
        holder: "operators/alice".into(),
        leases: LeaseBook::default(),
        accept_risk: false,
    }
}

/// Median nanoseconds of `decide` and of `apply`, over many calls on a state that grows by each.
fn timed(what: &str, state: &State, place: &PrefixName, choice: impl Fn(u64) -> Choice) -> f64 {
    let mut state = state.clone();
    let (mut decided, mut applied) = (Vec::new(), Vec::new());
    for n in 0..20_000 {
        let command = Command::Allocate(order(place, choice(n)));
        let start = Instant::now();
        let changes = decide(&state, &command, NOW).unwrap_or_else(|refusal| panic!("{refusal}"));
        decided.push(start.elapsed().as_nanos() as f64);
        let (entry, read_meanwhile) = (entry(&state, changes), state.clone());
        let start = Instant::now();
        state.apply(&entry);
        applied.push(start.elapsed().as_nanos() as f64);
        drop(read_meanwhile);
    }
    let middle = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (decide, apply) = (middle(&mut decided), middle(&mut applied));
    println!("{what:<44} decide {decide:>7.0} ns   apply {apply:>7.0} ns");
    decide
}

/// A /8 in which every address is claimed with this chance, with no client: the room is what is measured.
fn filled(per_mille: u64) -> State {
    let (plan, mut loading) = (planned(), Loading::default());
    plan.records().for_each(|record| loading.record(record));
    let mut draw = Draw(per_mille);
    for n in 1..0x00ff_ffff {
        if draw.next() % 1000 < per_mille {
            let bare = Assignment { client: None, ..claim(n, Ipv4Addr::from(EIGHT + n).into(), false) };
            loading.record(Record::Address(Arc::new(bare)));
        }
    }
    loading.done(plan.revision())
}

fn next(_: u64) -> Choice {
    Choice::Next { from: None }
}

fn random(n: u64) -> Choice {
    let mut seed = [0; 16];
    seed[..8].copy_from_slice(&n.to_be_bytes());
    Choice::Random { seed }
}

/// Mean nanoseconds of a call.
fn each(what: &str, calls: u32, mut call: impl FnMut(u32)) {
    let start = Instant::now();
    (0..calls).for_each(&mut call);
    println!("{what:<44} {:>10.0} ns", start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
}

fn questions(state: &State, claims: u32) {
    let book = LeaseBook::default();
    let drawn = |n: u32| (Draw(n.into()).next() % u64::from(claims)) as u32;
    each("look at an address", 100_000, |n| {
        let name = AddressName { space: space(), address: Ipv4Addr::from(EIGHT + drawn(n)).into() };
        black_box(look(state, &book, &name));
    });
    let prefix = state.prefix(&eight()).expect("the /8");
    each("list 100 rows from anywhere", 10_000, |n| {
        let range = AddressRange::new(Ipv4Addr::from(EIGHT + drawn(n)).into(), prefix.name.cidr.last());
        black_box(list(state, &book, prefix, &range.expect("a range")).take(100).count());
    });
    each("find by hardware address", 100_000, |n| {
        let client = claim(drawn(n), Ipv4Addr::from(EIGHT).into(), false).client.expect("a client");
        black_box(state.assignments_for(&client).count());
    });
    each("find 100 by the beginning of a host name", 10_000, |n| {
        let beginning = format!("host-{:06}", drawn(n) / 100);
        black_box(state.assignments_called(&beginning).take(100).count());
    });
}

fn main() -> Result<ExitCode, Error> {
    let claims: u32 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    println!("Memory of claims with hardware address and host name");
    let ascending = (1..=claims).map(|n| Ipv4Addr::from(EIGHT + n).into());
    let (row, bytes) = grown("in a row in a /8", ascending)?;
    questions(&row, claims);
    if claims > ALL_MAX {
        return Ok(if bytes <= 300.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let spread = (1..=claims).map(|n| Ipv4Addr::from(EIGHT + 1 + n.wrapping_mul(7_919) % 0x00ff_fffd).into());
    let (all_over, spread_bytes) = grown("all over a /8", spread)?;
    questions(&all_over, claims);
    let first = u128::from(0x2001_0db8_u32) << 96;
    let wide = (1..=claims).map(|n| from_number(Family::V6, first | u128::from(Draw(n.into()).next())).expect("IPv6"));
    let (state, wide_bytes) = grown("all over a /64", wide)?;
    println!("check: {} wrong", check(&state).len());
    drop((row, all_over));
    println!("\nOne address of a network");
    let empty = timed("/8 empty, next", &planned(), &eight(), next);
    timed("/8 empty, random", &planned(), &eight(), random);
    timed("/64 empty, next", &planned(), &sixty_four(), next);
    timed("/64 in use, next", &state, &sixty_four(), next);
    timed("/64 in use, random", &state, &sixty_four(), random);
    drop(state);
    let half = filled(500);
    timed("/8 half full, next", &half, &eight(), next);
    timed("/8 half full, random", &half, &eight(), random);
    drop(half);
    let most = filled(990);
    let full = timed("/8 99 % full, next", &most, &eight(), next);
    timed("/8 99 % full, random", &most, &eight(), random);
    let small = bytes.max(spread_bytes).max(wide_bytes) <= 300.0;
    Ok(if small && full <= 2.0 * empty { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
