//! What a page of a large network costs: 100 rows of a /8 with a million claims and a scope of 256 ranges.
//!
//! `cargo run --release -p freehold-proto --example page_cost [CLAIMS] [PAGES]`
//!
//! Prints the time of a page: found and made a message of; encoded and dropped.

use freehold_core::address::list;
use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::labels::Labels;
use freehold_core::lease::LeaseBook;
use freehold_core::model::{
    Assignment, AssignmentKind, LeaseTimes, Link, Phase, Prefix, PrefixKind, PrefixStatus, Rare, Scope, ScopeStatus,
    Space, Stamp, SubnetId,
};
use freehold_core::name::{AddressName, PrefixName, ScopeName, SpaceName};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::Options;
use freehold_core::state::Loading;
use freehold_core::text::{HostName, Text};
use freehold_core::{Record, Revision, State, Timestamp};
use freehold_proto::convert::address::row_message;
use freehold_proto::v1::ListAddressesResponse;
use prost::Message;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const EIGHT: u32 = 0x0a00_0000;
const BLOCKS: u32 = 256;
const ROWS: usize = 100;

fn stamp() -> Stamp {
    Stamp { created: NOW, updated: NOW, revision: Revision(1_000_000) }
}

fn space() -> SpaceName {
    SpaceName::from_id("flat").expect("a name")
}

fn network() -> Cidr {
    Cidr::new(Ipv4Addr::from(EIGHT).into(), 8).expect("a network")
}

fn range(block: u32) -> AddressRange {
    let at = |n: u32| Ipv4Addr::from(EIGHT + (block << 16) + n).into();
    AddressRange::new(at(0x2000), at(0x9000)).expect("a range")
}

fn address(n: u32, claims: u32) -> IpAddr {
    let each = claims.div_ceil(BLOCKS);
    Ipv4Addr::from(EIGHT + ((n / each) << 16) + n % each + 1).into()
}

fn claim(n: u32, claims: u32) -> Assignment {
    let [_, a, b, c] = n.to_be_bytes();
    let hardware = HardwareAddress::from_bytes(&[2, 1, 0x5e, a, b, c]).expect("six bytes");
    let rare = Rare { owner: Text::parse("the network team").expect("a text"), ..Rare::default() };
    Assignment {
        name: AddressName { space: space(), address: address(n, claims) },
        kind: AssignmentKind::Claim { expires: None },
        phase: Phase::Active,
        risk_accepted: false,
        holder: "operators/admin".into(),
        client: Some(ClientIdentity::Hardware(hardware)),
        host_name: Some(HostName::parse(&format!("flat-{n:07}.example.net")).expect("a name")),
        rare: rare.boxed(),
        stamp: stamp(),
    }
}

fn plan(claims: u32) -> State {
    let mut loading = Loading::default();
    let text = Text::default;
    let root = Space { name: space(), title: text(), description: text(), labels: Labels::NONE, stamp: stamp() };
    loading.record(Record::Space(Arc::new(root)));
    loading.record(Record::Prefix(Arc::new(Prefix {
        name: PrefixName { space: space(), cidr: network() },
        kind: PrefixKind::Network,
        status: PrefixStatus::Active,
        title: text(),
        description: text(),
        made_from: Vec::new(),
        labels: Labels::NONE,
        stamp: stamp(),
    })));
    loading.record(Record::Scope(Arc::new(Scope {
        name: ScopeName::from_id("flat").expect("a name"),
        space: space(),
        network: network(),
        subnet_id: SubnetId::FIRST,
        ranges: (0..BLOCKS).map(range).collect(),
        exclusions: Vec::new(),
        prefix_pools: Vec::new(),
        options: Options::default(),
        lease_times: LeaseTimes::default(),
        link: Link::default(),
        status: ScopeStatus::Inactive,
        server: None,
        description: text(),
        labels: Labels::NONE,
        stamp: stamp(),
    })));
    for n in 0..claims {
        loading.record(Record::Address(Arc::new(claim(n, claims))));
    }
    loading.done(Revision(1))
}

fn argument(n: usize, otherwise: u32) -> u32 {
    std::env::args().nth(n).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn main() {
    let (claims, pages) = (argument(1, 1_000_000), argument(2, 5_000));
    let (state, book) = (plan(claims), LeaseBook::default());
    let name = PrefixName { space: space(), cidr: network() };
    let network = state.prefix(&name).expect("it was made");
    let (mut made, mut encoded, mut bytes) = (Vec::new(), Vec::new(), 0);
    for page in 0..pages {
        let first = address(page.wrapping_mul(2_654_435_761) % (claims - claims / 100), claims);
        let range = AddressRange::new(first, name.cidr.last()).expect("ascending");
        let begun = Instant::now();
        let rows = list(&state, &book, network, &range).take(ROWS).map(|row| row_message(&row, NOW)).collect();
        let response = ListAddressesResponse { rows, next_page_token: String::new() };
        made.push(begun.elapsed());
        let begun = Instant::now();
        let mut buffer = Vec::new();
        response.encode(&mut buffer).expect("a vector grows");
        bytes = buffer.len();
        drop((response, buffer));
        encoded.push(begun.elapsed());
    }
    let [made, encoded] = [made, encoded].map(median);
    println!("{claims} claims, {ROWS} rows, {bytes} bytes: made {made:.0} µs, encoded and gone {encoded:.0} µs");
}
