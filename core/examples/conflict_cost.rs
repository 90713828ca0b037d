//! What it costs to keep conflicts up to date on a large plan: 1,000,000 claims and 100,000 leases, of which every hundredth is
//! against a claim.
//!
//! `cargo run --release -p freehold-core --example conflict_cost [CLAIMS] [LEASES]`
//!
//! Prints the time of a look at everything, and of one lease event and one change of a claim among them.

use freehold_core::change::Record;
use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::conflict::{Facts, Watcher};
use freehold_core::labels::Labels;
use freehold_core::lease::{Lease, LeaseBook, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::model::{
    Assignment, AssignmentKind, LeaseTimes, Link, Phase, Prefix, PrefixKind, PrefixStatus, Scope, ScopeStatus, Space,
    Stamp, SubnetId,
};
use freehold_core::name::{AddressName, PrefixName, ScopeName, ServerName, SpaceName};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::Options;
use freehold_core::state::Loading;
use freehold_core::text::Text;
use freehold_core::{Change, Revision, State, Timestamp};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const TEN: u32 = 0x0a00_0000;
/// Addresses in one of the networks, each with a scope.
const NETWORK: u32 = 1 << 16;

fn stamp() -> Stamp {
    Stamp { created: NOW, updated: NOW, revision: Revision(1) }
}

fn space() -> SpaceName {
    SpaceName::from_id("default").expect("a name")
}

fn server() -> ServerName {
    "servers/a/kea4".parse().expect("a name")
}

fn hardware(n: u32) -> HardwareAddress {
    let [a, b, c, d] = n.to_be_bytes();
    HardwareAddress::from_bytes(&[2, 0, a, b, c, d]).expect("six bytes")
}

/// The `n`th claim, for the `n`th client.
fn claim(n: u32) -> Arc<Assignment> {
    Arc::new(Assignment {
        name: AddressName { space: space(), address: Ipv4Addr::from(TEN + n).into() },
        kind: AssignmentKind::Claim { expires: None },
        phase: Phase::Active,
        risk_accepted: false,
        holder: "operators/alice".into(),
        client: Some(ClientIdentity::Hardware(hardware(n))),
        host_name: None,
        rare: None,
        stamp: stamp(),
    })
}

/// The claims, with a network and a scope for each 65,536 of them.
fn planned(claims: u32) -> State {
    let mut loading = Loading::default();
    let text = Text::default;
    let labels = || Labels::NONE;
    let root = Space { name: space(), title: text(), description: text(), labels: labels(), stamp: stamp() };
    loading.record(Record::Space(Arc::new(root)));
    for n in 0..claims.div_ceil(NETWORK) {
        let first = Ipv4Addr::from(TEN + n * NETWORK);
        let cidr = Cidr::new(first.into(), 16).expect("a network");
        loading.record(Record::Prefix(Arc::new(Prefix {
            name: PrefixName { space: space(), cidr },
            kind: PrefixKind::Network,
            status: PrefixStatus::Active,
            title: text(),
            description: text(),
            made_from: Vec::new(),
            labels: labels(),
            stamp: stamp(),
        })));
        let end = Ipv4Addr::from(TEN + (n + 1) * NETWORK - 2);
        loading.record(Record::Scope(Arc::new(Scope {
            name: ScopeName::from_id(&format!("s{n}")).expect("a name"),
            space: space(),
            network: cidr,
            subnet_id: subnet(n * NETWORK),
            ranges: vec![AddressRange::new(Ipv4Addr::from(u32::from(first) + 1).into(), end.into()).expect("a range")],
            exclusions: Vec::new(),
            prefix_pools: Vec::new(),
            options: Options::default(),
            lease_times: LeaseTimes::default(),
            link: Link::default(),
            status: ScopeStatus::Active,
            server: Some(server()),
            description: text(),
            labels: labels(),
            stamp: stamp(),
        })));
    }
    (0..claims).for_each(|n| loading.record(Record::Address(claim(n))));
    loading.done(Revision(1))
}

fn subnet(n: u32) -> SubnetId {
    SubnetId::new(SubnetId::FIRST.number() + n / NETWORK).expect("an id")
}

/// The lease of the `n`th address, for its own client or for another.
fn lease(n: u32, own: bool) -> Lease {
    Lease {
        address: Ipv4Addr::from(TEN + n).into(),
        prefix_len: 32,
        subnet_id: subnet(n).number(),
        hardware: hardware(if own { n } else { u32::MAX - n }).as_bytes().to_vec(),
        client_id: Vec::new(),
        duid: Vec::new(),
        iaid: 0,
        host_name: String::new(),
        cltt: NOW,
        valid_seconds: 3600,
        state: LeaseState::Granted,
    }
}

fn main() {
    let mut counts = std::env::args().skip(1).map(|count| count.parse::<u32>().expect("a number"));
    let (claims, leases) = (counts.next().unwrap_or(1_000_000), counts.next().unwrap_or(100_000));
    let state = planned(claims);
    let mut book = LeaseBook::default();
    (0..leases).for_each(|n| book.load(&server(), lease(n, n % 100 != 0)));
    let form = |_: &State, _: &_| None;
    let begun = Instant::now();
    let mut watcher = Watcher::of(&Facts { state: &state, book: &book, form }, NOW);
    println!("{claims} claims, {leases} leases, {} conflicts", watcher.found().len());
    println!("a look at everything: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);

    let events = leases.min(20_000);
    let begun = Instant::now();
    for n in 0..events {
        let event =
            LeaseEvent { kind: LeaseEventKind::Renewed, lease: lease(n, n % 100 != 0), observed: NOW, folded: 0 };
        book.apply(&server(), &event);
        let facts = Facts { state: &state, book: &book, form };
        watcher.leased(&facts, &event.lease);
        watcher.refresh(&facts, NOW);
    }
    println!("a lease event, with the book: {:.1} us", begun.elapsed().as_secs_f64() * 1e6 / f64::from(events));

    let changes: Vec<_> = (0..claims.min(20_000)).map(|n| Change::made(Record::Address(claim(n)))).collect();
    let begun = Instant::now();
    for change in &changes {
        let facts = Facts { state: &state, book: &book, form };
        watcher.changed(&facts, change);
        watcher.refresh(&facts, NOW);
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / changes.len() as f64;
    println!("a change of a claim: {each:.1} us");
}
