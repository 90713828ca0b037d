//! What the history of an address and a search cost: `cargo run --release -p freehold-controller --example history -- EVENTS ADDRESSES`.
//!
//! Makes a lease ledger of so many events of so many addresses, puts its trail together, and asks for pages and for moments of addresses
//! drawn at random; then fills a book with a lease for each of the addresses and searches that.

use freehold_controller::history::{ANY_TIME, Past, Place};
use freehold_controller::ledger::{Identity, Ledger, SegmentLedger};
use freehold_controller::trail::Trail;
use freehold_core::access::Reach;
use freehold_core::lease::{Lease, LeaseBook, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::name::{AddressName, AgentName, ServerName, SpaceName};
use freehold_core::search::search;
use freehold_core::{State, Timestamp};
use freehold_journal::RealDisk;
use freehold_proto::convert::stored::{LeaseBatch, encode_leases};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FRAME: u64 = 1_000;

/// A number for each index, as good as drawn (splitmix64).
fn drawn(index: u64) -> u64 {
    let mut z = index.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn lease(number: u64, at: i64) -> Lease {
    let n = u32::try_from(number).expect("fewer addresses than IPv4 has");
    let hardware = [&[2, 0][..], &n.to_be_bytes()].concat();
    Lease {
        address: Ipv4Addr::from_bits(0x0a00_0000 + n).into(),
        prefix_len: 32,
        subnet_id: 7,
        client_id: [&[1][..], &hardware].concat(),
        hardware,
        duid: Vec::new(),
        iaid: 0,
        host_name: format!("phone-{n:08}.voice.example"),
        cltt: Timestamp(at * 1000),
        valid_seconds: 3600,
        state: LeaseState::Granted,
    }
}

fn name(number: u64) -> AddressName {
    let space = SpaceName::from_id("default").expect("a name");
    AddressName { space, address: lease(number, 0).address }
}

/// The median and the 99th percentile, in milliseconds.
fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |at: usize| times[at].as_secs_f64() * 1e3;
    println!(
        "{what}: p50 {:.3} ms, p99 {:.3} ms, most {:.3} ms",
        ms(times.len() / 2),
        ms(times.len() * 99 / 100),
        ms(times.len() - 1)
    );
}

fn timed(count: u64, mut ask: impl FnMut(u64)) -> Vec<Duration> {
    (0..count)
        .map(|i| {
            let began = Instant::now();
            ask(drawn(i ^ 0xabcd));
            began.elapsed()
        })
        .collect()
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let events = arguments.next().unwrap_or(Ok(1_000_000))?;
    let addresses = arguments.next().unwrap_or(Ok(100_000))?;
    let folder = tempfile::tempdir_in(".")?;
    let server = ServerName::new(AgentName::from_id("a")?, "kea4")?;
    let identity = Identity { store_id: [1; 16], incarnation: 1 };
    let entries = SegmentLedger::create(
        Arc::new(RealDisk::create(&folder.path().join("entries"))?),
        identity.store_id,
        16 << 20,
    )?;
    let mut ledger =
        SegmentLedger::create(Arc::new(RealDisk::create(&folder.path().join("leases"))?), identity.store_id, 16 << 20)?;
    for frame in 1..=events / FRAME {
        let first_seq = (frame - 1) * FRAME + 1;
        let event = |seq: u64| {
            let at = i64::try_from(seq).expect("small");
            LeaseEvent {
                kind: LeaseEventKind::Renewed,
                lease: lease(drawn(seq) % addresses, at),
                observed: Timestamp(at * 1000),
                folded: 0,
            }
        };
        let next_seq = first_seq + FRAME;
        let events = (first_seq..next_seq).map(event).collect();
        let batch =
            LeaseBatch { server: server.clone(), epoch: [1; 16], first_seq, events, next_seq, at: Timestamp(0) };
        ledger.append(frame, &encode_leases(&[batch]))?;
    }
    let began = Instant::now();
    let (trail, followers) = Trail::start(&folder.path().join("trail"), entries.history(), ledger.history())?;
    while trail.leases.reach().await.is_err() {}
    let took = began.elapsed().as_secs_f64();
    let (rows, runs) = trail.leases.size();
    println!(
        "{events} events: {rows} rows in {runs} runs after {took:.1} s ({:.0} events/s), {} MB resident",
        events as f64 / took,
        resident_mb()
    );
    let pages = timed(5_000, |draw| {
        let mut past = Past::of(&trail, name(draw % addresses), Reach::Everywhere).expect("a past");
        let page = past.page(Place::NEWEST, (Timestamp(i64::MIN), ANY_TIME), 100).expect("a page");
        assert!(!page.rows.is_empty() || events < 10 * addresses);
    });
    told("a page of 100 of an address' history", pages);
    let moments = timed(5_000, |draw| {
        let mut past = Past::of(&trail, name(draw % addresses), Reach::Everywhere).expect("a past");
        let at = Timestamp(i64::try_from(drawn(draw) % events).expect("small") * 1000);
        past.holding(at, &|_| true).expect("an answer");
    });
    told("who had an address at a moment", moments);
    drop((entries, ledger));
    followers.join().await;

    let before = resident_mb();
    let mut book = LeaseBook::default();
    (0..addresses).for_each(|number| book.load(&server, lease(number, 0)));
    println!("a book of {addresses} leases: {} MB", resident_mb() - before);
    let state = State::default();
    for (what, query) in [
        (
            "hardware address",
            Box::new(|n: u64| {
                format!("02:00:{:02x}:{:02x}:{:02x}:{:02x}", n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255)
            }) as Box<dyn Fn(u64) -> String>,
        ),
        ("client identifier", Box::new(|n| format!("010200{n:08x}"))),
        ("whole host name", Box::new(|n| format!("phone-{n:08}.voice.example"))),
        ("beginning of 100 host names", Box::new(|n| format!("phone-{:06}", n / 100))),
        ("address", Box::new(|n| Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).expect("small")).to_string())),
        ("beginning of everything", Box::new(|_| "phone".to_owned())),
    ] {
        let times = timed(2_000, |draw| {
            let found = search(&state, &book, &Reach::Everywhere, &query(draw % addresses)).expect("an answer");
            assert!(!found.matches.is_empty(), "{}", query(draw % addresses));
        });
        told(&format!("search by {what}"), times);
    }
    Ok(())
}
