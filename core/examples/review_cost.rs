//! What a review of a large plan costs: 10,000 scopes of 250 addresses, each on one of 20 servers, with 100,000 leases and 100,000 reservations.
//!
//! `cargo run --release -p freehold-core --example review_cost [SCOPES] [LEASES] [RESERVATIONS]`
//!
//! Prints the time of a review of everything, of one scope, and how much was found.

use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::labels::Labels;
use freehold_core::lease::{Lease, LeaseBook, LeaseState};
use freehold_core::model::{
    ForeignSubnet, LeaseTimes, Link, Management, OwnFinding, Prefix, PrefixKind, PrefixStatus, Reservation, Scope,
    ScopeStatus, Server, ServerKind, Space, Stamp, SubnetId,
};
use freehold_core::name::{PrefixName, ReservationName, ScopeName, ServerName, SpaceName};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::review::{Check, Review};
use freehold_core::state::Loading;
use freehold_core::text::{HostName, Text};
use freehold_core::usage::Usage;
use freehold_core::{Record, Revision, State, Timestamp};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const TEN: u32 = 0x0a00_0000;
const SERVERS: u32 = 20;
/// Subnets that each server has of its own.
const OWN: u32 = 100;

fn stamp() -> Stamp {
    Stamp { created: NOW, updated: NOW, revision: Revision(1) }
}

fn space() -> SpaceName {
    SpaceName::from_id("default").expect("a name")
}

fn server(n: u32) -> ServerName {
    format!("servers/a/kea{}", n % SERVERS).parse().expect("a name")
}

fn address(scope: u32, n: u32) -> IpAddr {
    Ipv4Addr::from(TEN + scope * 256 + n).into()
}

fn hardware(n: u32) -> HardwareAddress {
    let [a, b, c, d] = n.to_be_bytes();
    HardwareAddress::from_bytes(&[2, 0, a, b, c, d]).expect("six bytes")
}

fn options(scope: u32) -> Options {
    let mut options = Options::default();
    let addresses = |list: Vec<IpAddr>| OptionValue::Addresses(list);
    options.add(OptionCode::ROUTERS, addresses(vec![address(scope, 1)])).expect("it fits");
    // Every tenth names a DNS server in the pool of its neighbour.
    let dns = if scope.is_multiple_of(10) { address(scope + 1, 250) } else { Ipv4Addr::new(192, 0, 2, 53).into() };
    options.add(OptionCode::DNS_SERVERS, addresses(vec![dns])).expect("it fits");
    options
}

fn subnet_id(scope: u32) -> SubnetId {
    SubnetId::new(SubnetId::FIRST.number() + scope).expect("an id")
}

fn planned(scopes: u32, reservations: u32) -> State {
    let mut loading = Loading::default();
    let (text, labels) = (Text::default, || Labels::NONE);
    let root = Space { name: space(), title: text(), description: text(), labels: labels(), stamp: stamp() };
    loading.record(Record::Space(Arc::new(root)));
    for n in 0..SERVERS {
        let foreign = |own: u32| ForeignSubnet {
            network: Cidr::new(Ipv4Addr::from(0xac10_0000 + (n * OWN + own) * 256).into(), 24).expect("a network"),
            subnet_id: own + 1,
        };
        loading.record(Record::Server(Arc::new(Server {
            name: server(n),
            kind: ServerKind::KeaDhcp4,
            version: text(),
            found: None,
            management: Management::Managed,
            foreign_subnets: (0..OWN).map(foreign).collect(),
            findings: vec![OwnFinding { check: Check::NoStatistics, message: text() }],
            description: text(),
            confirm_seconds: None,
            stamp: stamp(),
        })));
    }
    for n in 0..scopes {
        let network = Cidr::new(address(n, 0), 24).expect("a network");
        loading.record(Record::Prefix(Arc::new(Prefix {
            name: PrefixName { space: space(), cidr: network },
            kind: PrefixKind::Network,
            status: PrefixStatus::Active,
            title: text(),
            description: text(),
            made_from: Vec::new(),
            labels: labels(),
            stamp: stamp(),
        })));
        loading.record(Record::Scope(Arc::new(Scope {
            name: ScopeName::from_id(&format!("s{n}")).expect("a name"),
            space: space(),
            network,
            subnet_id: subnet_id(n),
            ranges: vec![AddressRange::new(address(n, 5), address(n, 254)).expect("a range")],
            exclusions: Vec::new(),
            prefix_pools: Vec::new(),
            options: options(n),
            lease_times: LeaseTimes::default(),
            link: Link::default(),
            status: ScopeStatus::Active,
            server: Some(server(n)),
            description: text(),
            labels: labels(),
            stamp: stamp(),
        })));
    }
    for n in 0..reservations {
        let scope = ScopeName::from_id(&format!("s{}", n % scopes)).expect("a name");
        loading.record(Record::Reservation(Arc::new(Reservation {
            name: ReservationName { scope, address: address(n % scopes, 5 + n / scopes) },
            client: ClientIdentity::Hardware(hardware(n)),
            prefixes: Vec::new(),
            host_name: HostName::parse(&format!("host-{n}")).ok(),
            description: text(),
            labels: labels(),
            stamp: stamp(),
        })));
    }
    loading.done(Revision(1))
}

fn leased(scopes: u32, leases: u32) -> LeaseBook {
    let mut book = LeaseBook::default();
    for n in 0..leases {
        let lease = Lease {
            address: address(n % scopes, 100 + n / scopes),
            prefix_len: 32,
            subnet_id: subnet_id(n % scopes).number(),
            hardware: hardware(n).as_bytes().to_vec(),
            client_id: Vec::new(),
            duid: Vec::new(),
            iaid: 0,
            host_name: String::new(),
            cltt: NOW,
            valid_seconds: 3600,
            state: LeaseState::Granted,
        };
        book.load(&server(n % scopes), lease);
    }
    book
}

fn main() {
    let mut counts = std::env::args().skip(1).map(|count| count.parse::<u32>().expect("a number"));
    let mut count = |default| counts.next().unwrap_or(default);
    let (scopes, leases, reservations) = (count(10_000), count(100_000), count(100_000));
    let (state, book) = (Arc::new(planned(scopes, reservations)), Arc::new(leased(scopes, leases)));
    let mut usage = Usage::default();
    usage.follow(&state, &book);
    println!("{scopes} scopes, {leases} leases, {reservations} reservations");
    let mut took: Vec<_> = (0..9)
        .map(|_| {
            let begun = Instant::now();
            let found = Review::of(&usage).all().len();
            (begun.elapsed(), found)
        })
        .collect();
    took.sort();
    println!("a review of everything, {} findings: {:.1} ms (median of 9)", took[4].1, took[4].0.as_secs_f64() * 1e3);
    let begun = Instant::now();
    let review = Review::of(&usage);
    let found: usize = state.scopes().values().take(1).map(|scope| review.of_scope(scope).len()).sum();
    println!("a review of one scope, {found} findings: {:.2} ms", begun.elapsed().as_secs_f64() * 1e3);
}
