//! Configurations made up at random, within what the controller lets pass: Kea's own test takes each, and what Kea runs then is just that.
//!
//! So many on each generation of Kea, half of them of DHCPv6, as `FREEHOLD_CONFIGURATIONS` says; 60 if it does not. One that fails is told with its number, and made again from that.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use freehold_agent::driver::kea::apply::Outcome;
use freehold_agent::driver::kea::preview::Preview;
use freehold_agent::driver::kea::protocol::Protocol;
use freehold_core::bundle::Bundle;
use freehold_proto::sync::{
    DelegatedPool, PoolRange, ReservationResource, ScopeResource, reservation_resource::Client,
};
use freehold_proto::v1::DhcpOption;
use serde_json::json;

use crate::generation::{Generation, on_each_kea};
use crate::host::KeaHost;
use crate::served::{bundle, every_option, every_option_v6, reserved, scope_resource};

const SCOPES_MAX: u64 = 6;
const POOLS_MAX: u64 = 5;
const HOSTS_MAX: u64 = 8;

/// Numbers from a number (splitmix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn small(&mut self, end: u32) -> u32 {
        u32::try_from(self.below(end.into())).unwrap()
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// Some of these, each as likely as not to be there.
    fn some<T: Clone>(&mut self, all: &[T], one_in: u64) -> Vec<T> {
        all.iter().filter(|_| self.one_in(one_in)).cloned().collect()
    }

    fn bytes(&mut self, least: u64, most: u64) -> Vec<u8> {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

/// The `host`th address of the `scope`th network.
fn address(protocol: Protocol, scope: u64, host: u64) -> String {
    let (scope, host) = (u32::try_from(scope).unwrap(), u32::try_from(host).unwrap());
    match protocol {
        Protocol::V4 => Ipv4Addr::from(0x0a4d_0000 + (scope << 16) + host).to_string(),
        Protocol::V6 => {
            Ipv6Addr::from((0x2001_0db8_u128 << 96) + (u128::from(scope) << 64) + u128::from(host)).to_string()
        }
    }
}

/// Ranges that do not touch each other, ascending, from the tenth address on.
fn pools(draw: &mut Draw, protocol: Protocol, scope: u64) -> Vec<PoolRange> {
    let mut at = 10;
    let pools = (0..draw.below(POOLS_MAX)).map(|_| {
        let first = at + draw.below(300);
        let last = first + if draw.one_in(3) { 0 } else { draw.below(900) };
        at = last + 2;
        PoolRange { start: address(protocol, scope, first), end: address(protocol, scope, last) }
    });
    pools.collect()
}

fn link(draw: &mut Draw, protocol: Protocol, scope: ScopeResource) -> ScopeResource {
    let relays: BTreeSet<_> = (0..draw.below(3)).map(|_| 200 + draw.below(50)).collect();
    let relays = relays.into_iter().map(|host| address(protocol, 100, host)).collect();
    match draw.below(3) {
        0 => ScopeResource { interface: "srv".to_owned(), ..scope },
        1 if protocol == Protocol::V6 => {
            ScopeResource { interface_id: format!("vlan {}", scope.subnet_id), relays, ..scope }
        }
        1 => ScopeResource { relays, ..scope },
        _ => scope,
    }
}

fn scope(draw: &mut Draw, protocol: Protocol, number: u64, options: &[DhcpOption]) -> ScopeResource {
    let valid_seconds = 60 + draw.small(100_000);
    let preferred = valid_seconds / 2 + draw.small(valid_seconds / 2);
    let good = if protocol == Protocol::V6 { preferred } else { valid_seconds };
    let (renew, rebind) = match draw.below(4) {
        0 => (1 + draw.small(good / 2), 0),
        1 => (0, 2 + draw.small(good - 2)),
        2 => {
            let renew = 1 + draw.small(good / 2);
            (renew, renew + 1 + draw.small(good - renew - 1))
        }
        _ => (0, 0),
    };
    let network = match protocol {
        Protocol::V4 => format!("{}/16", address(protocol, number, 0)),
        Protocol::V6 => format!("{}/64", address(protocol, number, 0)),
    };
    let block = DelegatedPool { prefix: format!("2001:db8:8{number}00::/40"), delegated_length: 48 + draw.small(17) };
    let options = match draw.below(3) {
        0 => Vec::new(),
        1 => draw.some(options, 4),
        _ => draw.some(options, 20),
    };
    let scope = ScopeResource {
        id: format!("scope-{number}"),
        // As ids of a plan are: not in the order of the networks.
        subnet_id: 1 + 7 * u32::try_from((number * 5 + 3) % 11).unwrap(),
        network,
        pools: pools(draw, protocol, number),
        options,
        valid_seconds,
        renew_seconds: renew,
        rebind_seconds: rebind,
        ..ScopeResource::default()
    };
    let scope = match protocol {
        Protocol::V4 => scope,
        Protocol::V6 => {
            let prefix_pools = if draw.one_in(2) { vec![block] } else { Vec::new() };
            ScopeResource { preferred_seconds: preferred, prefix_pools, ..scope }
        }
    };
    link(draw, protocol, scope)
}

fn reservations(draw: &mut Draw, protocol: Protocol, number: u64) -> Vec<ReservationResource> {
    let hosts: BTreeSet<_> = (0..draw.below(HOSTS_MAX)).map(|_| 1 + draw.below(3_000)).collect();
    let mut clients = BTreeSet::new();
    let hosts = hosts.into_iter().filter_map(|host| {
        let (kind, bytes) = match (draw.below(3), protocol) {
            (0, _) => (0, draw.bytes(6, 6)),
            (1, Protocol::V4) => (1, draw.bytes(2, 255)),
            _ => (2, draw.bytes(3, 128)),
        };
        if !clients.insert((kind, bytes.clone())) {
            return None;
        }
        let client = match kind {
            0 => Client::Hardware(bytes),
            1 => Client::ClientId(bytes),
            _ => Client::Duid(bytes),
        };
        let prefix = format!("2001:db8:c{number:x}{host:02x}::/48");
        let delegates = protocol == Protocol::V6 && draw.one_in(4) && host < 0x100;
        Some(ReservationResource {
            scope: format!("scope-{number}"),
            address: address(protocol, number, host),
            client: Some(client),
            host_name: if draw.one_in(2) { format!("host-{host}.ward-{number}.example") } else { String::new() },
            delegated_prefixes: if delegates { vec![prefix] } else { Vec::new() },
        })
    });
    hosts.collect()
}

fn configuration(number: u64, protocol: Protocol, options: &[DhcpOption]) -> Bundle {
    let mut draw = Draw(number);
    let mut resources = Vec::new();
    for scope_number in 0..SCOPES_MAX {
        if draw.one_in(3) {
            continue;
        }
        resources.push(scope_resource(scope(&mut draw, protocol, scope_number, options)));
        resources.extend(reservations(&mut draw, protocol, scope_number).into_iter().map(reserved));
    }
    bundle(resources)
}

async fn configurations_come_back(generation: Generation, protocol: Protocol, options: &[DhcpOption]) {
    let count: u64 = std::env::var("FREEHOLD_CONFIGURATIONS").map_or(60, |count| count.parse().unwrap());
    let Some(host) = KeaHost::start_of(protocol, generation, "generated", json!({})).await else { return };
    let mut kea = host.kea();
    let mut differing = 0;
    for number in 0..count.div_ceil(2) {
        let wanted = configuration(number, protocol, options);
        match kea.preview(&wanted).await.unwrap() {
            Preview::Accepted { .. } => differing += 1,
            Preview::Runs => {}
            other => panic!("configuration {number}: {other:?}"),
        }
        let outcome = kea.apply(&wanted).await.unwrap();
        assert!(matches!(outcome, Outcome::Applied { .. }), "configuration {number}: {outcome:?}");
        let running = kea.running().await.unwrap().read_back();
        assert_eq!(running.bundle, wanted, "configuration {number}");
        assert_eq!(running.strange, [], "configuration {number}");
    }
    assert!(differing > count / 3, "{differing} of {count} were another");
}

on_each_kea! {

async fn generated_configurations_pass_the_test_and_come_back_as_they_were(generation: Generation) {
    configurations_come_back(generation, Protocol::V4, &every_option()).await;
}

async fn generated_configurations_of_dhcpv6_pass_the_test_and_come_back_as_they_were(generation: Generation) {
    configurations_come_back(generation, Protocol::V6, &every_option_v6(&[])).await;
}

}
