//! From what Kea runs to what it should run, by single changes. Pure.
//!
//! The order is such that whatever an agent leaves half done leases nothing to anybody that neither the old nor the new configuration would: pools are
//! narrowed before reservations in them go or come, and widened afterwards; a new subnet has no pools until its reservations are there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use freehold_core::bundle::{Bundle, Difference, Resource, ResourceKey, ResourceKind};
use freehold_core::net::{AddressRange, subtract};
use freehold_proto::sync::ScopeResource;
use prost::Message;
use serde_json::{Value, json};

use super::config::Config;
use super::live::{Abilities, Change, closed, id, reservations};
use super::readback::{self, address, prefixes};
use super::render::MARK;

/// What takes longer than this is one `config-set`: meanwhile no hold bites.
const TIME_MAX: Duration = Duration::from_secs(5);
/// What a command about a subnet takes for each subnet that Kea has (71 ms with 1,000), and one about a reservation (0.4 ms).
const TIME_OF_SUBNETS: Duration = Duration::from_micros(70);
const TIME_OF_HOST: Duration = Duration::from_micros(400);

/// The changes in their order, each kind of step after the one above it.
#[derive(Debug, Default)]
struct Steps {
    subnets_gone: Vec<Change>,
    narrowed: Vec<Change>,
    hosts_gone: Vec<Change>,
    hosts: Vec<Change>,
    changed: Vec<Change>,
    closed: Vec<Change>,
    hosts_of_new: Vec<Change>,
    opened: Vec<Change>,
}

/// The part of `to` that `difference` is about, to be planned in the place of the whole: the scopes of what changes, and the reservations that come with a scope.
pub fn touched(from: &Bundle, to: &Bundle, difference: &Difference) -> Bundle {
    let mut touched = BTreeMap::new();
    let mut take = |key: &ResourceKey| {
        if let Some(resource) = to.resources().get(key) {
            touched.insert(key.clone(), resource.clone());
        }
    };
    for key in difference.upserts.keys().chain(&difference.removes) {
        take(key);
        match key.parent() {
            Some(scope) => take(&scope),
            None if from.resources().get(key).map(subnet) != to.resources().get(key).map(subnet) => {
                let first = ResourceKey { kind: ResourceKind::Reservation, id: format!("{}/", key.id) };
                let inside = to.resources().range(&first..).map(|(key, _)| key);
                inside.take_while(|reserved| reserved.parent().as_ref() == Some(key)).for_each(&mut take);
            }
            None => {}
        }
    }
    Bundle::new(touched)
}

/// The subnet that a scope is to Kea; a scope with another one is another one to Kea too.
fn subnet(resource: &Resource) -> Option<(u32, String)> {
    let scope = ScopeResource::decode(resource.body()).ok()?;
    Some((scope.subnet_id, scope.network))
}

/// The changes that make what `running` has of Freehold's what `planned` has, which differ by `difference` and has what is [`touched`]; `None` if a Kea with
/// these abilities cannot be changed so, or only by too many.
pub fn changes(
    abilities: Abilities,
    running: &Config,
    planned: &Config,
    difference: &Difference,
) -> Option<Vec<Change>> {
    let keys: BTreeSet<_> = difference.upserts.keys().chain(&difference.removes).collect();
    let (scopes, hosts): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.kind == ResourceKind::Scope);
    let (before, after) = (by_scope(running.ours()), by_scope(planned.ours()));
    let mut inside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in hosts {
        let (scope, address) = key.id.split_once('/')?;
        inside.entry(scope).or_default().push(address);
    }
    // While a reserved prefix changes hands, another router must not get it; and a subnet without its pools meanwhile would take prefixes from those that renew.
    let delegates = |(scope, addresses): (&&str, &Vec<&str>)| {
        let (Some(before), Some(after)) = (before.get(scope), after.get(scope)) else { return false };
        let (before, after) = (by_address(before), by_address(after));
        let of = |host: Option<&&Value>| {
            let host = host.filter(|host| !prefixes(host).is_empty());
            host.map(|host| (prefixes(host).join(","), identifier(host)))
        };
        addresses.iter().any(|at| of(before.get(at)) != of(after.get(at)))
    };
    if inside.iter().any(delegates) {
        return None;
    }
    let mut steps = Steps::default();
    for scope in scopes.iter().map(|key| key.id.as_str()) {
        match (before.get(scope), after.get(scope)) {
            (Some(before), Some(after)) if id(before) == id(after) && before["subnet"] == after["subnet"] => {
                steps.change(scope, before, after, &inside.remove(scope).unwrap_or_default());
            }
            (found, wanted) => {
                steps.subnets_gone.extend(found.map(|before| Change::of_subnet(scope, Some(before), None)));
                if let Some(after) = wanted {
                    steps.add(scope, after);
                }
                // Its reservations come and go with it.
                inside.remove(scope);
            }
        }
    }
    for (scope, addresses) in inside {
        let (before, after) = (before.get(scope)?, after.get(scope)?);
        steps.reserve(scope, before, before, after, &addresses);
    }
    let all = steps.in_order();
    // As many as there are in the end: each that comes makes the next one dearer.
    let comes = all.iter().filter(|change| change.comes()).count();
    let of_subnet = TIME_OF_SUBNETS * u32::try_from(running.subnet_count() + comes).unwrap_or(u32::MAX);
    let time = |change: &Change| match change.key.kind {
        ResourceKind::Scope => of_subnet,
        ResourceKind::Reservation => TIME_OF_HOST,
    };
    let can = all.iter().all(|change| abilities.of_kind(change.key.kind));
    (can && all.iter().map(time).sum::<Duration>() <= TIME_MAX).then_some(all)
}

impl Steps {
    /// A subnet becomes another, and so do the reservations of these addresses, if any.
    fn change(&mut self, scope: &str, before: &Value, after: &Value, addresses: &[&str]) {
        if addresses.is_empty() {
            self.changed.push(Change::of_subnet(scope, Some(before), Some(after)));
        } else {
            self.reserve(scope, before, after, after, addresses);
        }
    }

    /// The reservations of these addresses of a subnet become others, come or go; `after` is the subnet then, and `planned` has them. If any of them is in a pool, the pools are meanwhile those
    /// that the subnet has before and after, without what passes from one client to another.
    fn reserve(&mut self, scope: &str, before: &Value, after: &Value, planned: &Value, addresses: &[&str]) {
        let subnet_id = id(before).unwrap_or_default();
        let mut passing = Vec::new();
        let (of_before, of_planned) = (by_address(before), by_address(planned));
        for address in addresses {
            let (found, wanted) = (of_before.get(address).copied(), of_planned.get(address).copied());
            if let (Some(found), Some(wanted)) = (found, wanted) {
                if identifier(found) == identifier(wanted) {
                    self.hosts.push(Change::of_host(scope, subnet_id, Some(found), Some(wanted)));
                    continue;
                }
                passing.extend(format!("{address}-{address}").parse::<AddressRange>());
            }
            self.hosts_gone.extend(found.map(|found| Change::of_host(scope, subnet_id, Some(found), None)));
            self.hosts.extend(wanted.map(|wanted| Change::of_host(scope, subnet_id, None, Some(wanted))));
        }
        let (old, new) = (pools(before).unwrap_or_default(), pools(after).unwrap_or_default());
        let in_pool = |address: &&str| {
            let address = address.parse().ok();
            address.is_some_and(|address| old.iter().chain(&new).any(|range| range.contains(address)))
        };
        if !addresses.iter().any(in_pool) {
            if before != after {
                self.changed.push(Change::of_subnet(scope, Some(before), Some(after)));
            }
            return;
        }
        let between = subtract(&subtract(&old, &subtract(&old, &new)), &passing);
        let mut narrow = after.clone();
        if between != new {
            narrow["pools"] = between.iter().map(|range| json!({"pool": range.to_string()})).collect();
        }
        if between != old || before != after {
            self.narrowed.push(Change::of_subnet(scope, Some(before), Some(&narrow)));
        }
        if between != new {
            self.changed.push(Change::of_subnet(scope, Some(&narrow), Some(after)));
        }
    }

    /// A subnet comes with its reservations.
    fn add(&mut self, scope: &str, subnet: &Value) {
        let closed = closed(subnet);
        self.closed.push(Change::of_subnet(scope, None, Some(&closed)));
        let subnet_id = id(subnet).unwrap_or_default();
        self.hosts_of_new.extend(reservations(subnet).map(|host| Change::of_host(scope, subnet_id, None, Some(host))));
        if *subnet != closed {
            self.opened.push(Change::of_subnet(scope, Some(&closed), Some(subnet)));
        }
    }

    fn in_order(self) -> Vec<Change> {
        let Self { subnets_gone, narrowed, hosts_gone, hosts, changed, closed, hosts_of_new, opened } = self;
        [subnets_gone, narrowed, hosts_gone, hosts, changed, closed, hosts_of_new, opened].concat()
    }
}

fn pools(subnet: &Value) -> Option<Vec<AddressRange>> {
    subnet["pools"].as_array().into_iter().flatten().map(|pool| readback::pool(pool).ok()).collect()
}

pub(super) fn by_scope(subnets: &[Value]) -> BTreeMap<&str, &Value> {
    subnets.iter().filter_map(|subnet| Some((subnet["user-context"][MARK]["scope"].as_str()?, subnet))).collect()
}

fn by_address(subnet: &Value) -> BTreeMap<&str, &Value> {
    reservations(subnet).map(|host| (address(host), host)).collect()
}

/// What Kea knows a reservation's client by; it writes some in upper case and some with colons.
fn identifier(host: &Value) -> [Option<String>; 3] {
    let plain = |text: &str| text.replace(':', "").to_ascii_lowercase();
    ["hw-address", "client-id", "duid"].map(|name| host[name].as_str().map(plain))
}

#[cfg(test)]
mod tests {
    use super::super::plan::plan;
    use super::super::plan::tests::{bundle, host, scope};
    use super::super::protocol::Protocol;
    use super::*;
    use freehold_proto::sync::{DelegatedPool, PoolRange, ReservationResource, reservation_resource::Client};

    const BOTH: Abilities = Abilities { subnets: true, reservations: true };

    fn with_pools(id: &str, subnet_id: u32, network: &str, pools: &[(&str, &str)]) -> ScopeResource {
        let range = |(start, end): &(&str, &str)| PoolRange { start: (*start).to_owned(), end: (*end).to_owned() };
        ScopeResource { pools: pools.iter().map(range).collect(), ..scope(id, subnet_id, network) }
    }

    fn reserve(scope: &str, address: &str, client: u8) -> ReservationResource {
        host(scope, address, Client::Hardware(vec![2, 0, 0, 0, 0, client]))
    }

    type Resources = (Vec<ScopeResource>, Vec<ReservationResource>);

    /// The commands, each with the pools that a subnet has then, or the address that a reservation is for.
    fn steps(abilities: Abilities, before: &Resources, after: &Resources) -> Option<Vec<String>> {
        let is_v6 = before.0.iter().chain(&after.0).any(|scope| scope.network.contains(':'));
        let protocol = if is_v6 { Protocol::V6 } else { Protocol::V4 };
        let nothing = Config::new(protocol, json!({}));
        let (from, to) = (bundle(&before.0, &before.1), bundle(&after.0, &after.1));
        let config = |bundle: &Bundle| plan(bundle, &nothing).unwrap().config;
        let difference = from.diff(&to);
        let touched = touched(&from, &to, &difference);
        let changes = changes(abilities, &config(&from), &config(&touched), &difference)?;
        Some(changes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn pools_are_narrow_while_reservations_move() {
        let before = (
            vec![with_pools("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.9")])],
            vec![reserve("a", "10.77.1.3", 1)],
        );
        let after = (
            vec![with_pools("a", 1, "10.77.0.0/16", &[("10.77.1.5", "10.77.1.19")])],
            vec![reserve("a", "10.77.1.12", 1), reserve("a", "10.77.1.3", 2)],
        );
        let expected = [
            "subnet-update 1 10.77.1.5-10.77.1.9",
            "reservation-del 1 10.77.1.3",
            "reservation-add 1 10.77.1.12",
            "reservation-add 1 10.77.1.3",
            "subnet-update 1 10.77.1.5-10.77.1.19",
        ];
        assert_eq!(steps(BOTH, &before, &after).unwrap(), expected);
        // An address in a pool that passes to another client is in none meanwhile.
        let passed = (before.0.clone(), vec![reserve("a", "10.77.1.3", 2)]);
        let expected = [
            "subnet-update 1 10.77.1.0-10.77.1.2,10.77.1.4-10.77.1.9",
            "reservation-del 1 10.77.1.3",
            "reservation-add 1 10.77.1.3",
            "subnet-update 1 10.77.1.0-10.77.1.9",
        ];
        assert_eq!(steps(BOTH, &before, &passed).unwrap(), expected);
        // One that comes or goes needs nothing.
        let both = (before.0.clone(), vec![reserve("a", "10.77.1.3", 1), reserve("a", "10.77.1.4", 2)]);
        assert_eq!(steps(BOTH, &before, &both).unwrap(), ["reservation-add 1 10.77.1.4"]);
        // Nothing but the pools: one step.
        let wide = (after.0.clone(), before.1.clone());
        assert_eq!(steps(BOTH, &before, &wide).unwrap(), ["subnet-update 1 10.77.1.5-10.77.1.19"]);
    }

    #[test]
    fn a_new_subnet_opens_last() {
        let nothing = (Vec::new(), Vec::new());
        let ward = (
            vec![with_pools("ward", 7, "10.78.0.0/16", &[("10.78.1.0", "10.78.1.9")])],
            vec![reserve("ward", "10.78.1.3", 1)],
        );
        let expected = ["subnet-add 7 ", "reservation-add 7 10.78.1.3", "subnet-update 7 10.78.1.0-10.78.1.9"];
        assert_eq!(steps(BOTH, &nothing, &ward).unwrap(), expected);
        assert_eq!(steps(BOTH, &ward, &nothing).unwrap(), ["subnet-del 7"]);
        let moved = (vec![ScopeResource { subnet_id: 8, ..ward.0[0].clone() }], ward.1.clone());
        let expected =
            ["subnet-del 7", "subnet-add 8 ", "reservation-add 8 10.78.1.3", "subnet-update 8 10.78.1.0-10.78.1.9"];
        assert_eq!(steps(BOTH, &ward, &moved).unwrap(), expected);
    }

    /// A thousand commands for subnets take a minute, for each costs as much as there are subnets by then; a `config-set` takes a second.
    #[test]
    fn a_first_configuration_of_many_scopes_is_set_as_a_whole() {
        let many = |count: u8| {
            let scope = |n: u8| with_pools(&format!("s{n}"), 1 + u32::from(n), &format!("10.{n}.0.0/16"), &[]);
            ((0..count).map(scope).collect(), Vec::new())
        };
        assert_eq!(steps(BOTH, &(Vec::new(), Vec::new()), &many(250)).map(|steps| steps.len()), Some(250));
        let open = |(mut scopes, hosts): Resources| {
            let pool = |network: &str| PoolRange {
                start: network.replace(".0.0/16", ".1.0"),
                end: network.replace(".0.0/16", ".1.9"),
            };
            scopes.iter_mut().for_each(|scope| scope.pools = vec![pool(&scope.network)]);
            (scopes, hosts)
        };
        assert_eq!(steps(BOTH, &(Vec::new(), Vec::new()), &open(many(100))).map(|steps| steps.len()), Some(200));
        assert_eq!(steps(BOTH, &(Vec::new(), Vec::new()), &open(many(250))), None);
    }

    #[test]
    fn of_dhcpv6_reserved_prefixes_change_as_a_whole_only() {
        let block = |prefix: &str| DelegatedPool { prefix: prefix.to_owned(), delegated_length: 56 };
        let of = |prefix: &str| ScopeResource {
            preferred_seconds: 300,
            prefix_pools: vec![block(prefix)],
            ..with_pools("ward", 7, "2001:db8:77::/64", &[("2001:db8:77::1:0", "2001:db8:77::1:9")])
        };
        let ward = || of("2001:db8:8000::/36");
        let reserved = |address: &str, client: u8, prefixes: &[&str]| ReservationResource {
            delegated_prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            ..host("ward", address, Client::Duid(vec![0, 3, 0, 1, 2, 0, client]))
        };
        let (with, without) = (["2001:db8:8000:100::/56"].as_slice(), [].as_slice());
        let pair = |client: u8, prefixes: &[&str]| {
            (vec![ward()], vec![reserved("2001:db8:77::9", client, prefixes), reserved("2001:db8:77::8", 8, without)])
        };
        let nothing = (Vec::new(), Vec::new());
        let expected = [
            "subnet-add 7 ",
            "reservation-add 7 2001:db8:77::8",
            "reservation-add 7 2001:db8:77::9",
            "subnet-update 7 2001:db8:77::1:0-2001:db8:77::1:9",
        ];
        assert_eq!(steps(BOTH, &nothing, &pair(1, with)).unwrap(), expected);
        // The pools of prefixes are closed until then, too.
        let closed_too = ScopeResource { pools: Vec::new(), ..ward() };
        let expected = ["subnet-add 7 ", "subnet-update 7 "];
        assert_eq!(steps(BOTH, &nothing, &(vec![closed_too], Vec::new())).unwrap(), expected);
        assert_eq!(steps(BOTH, &pair(1, with), &nothing).unwrap(), ["subnet-del 7"]);
        for after in [pair(1, without), pair(2, with), (vec![ward()], Vec::new())] {
            assert_eq!(steps(BOTH, &pair(1, with), &after), None);
        }
        let expected = ["reservation-del 7 2001:db8:77::9", "reservation-add 7 2001:db8:77::9"];
        assert_eq!(steps(BOTH, &pair(1, without), &pair(2, without)).unwrap(), expected);
        let other_block = (vec![of("2001:db8:9000::/36")], pair(1, with).1);
        let expected = ["subnet-update 7 2001:db8:77::1:0-2001:db8:77::1:9"];
        assert_eq!(steps(BOTH, &pair(1, with), &other_block).unwrap(), expected);
    }

    #[test]
    fn a_client_is_the_same_however_kea_writes_it() {
        let kea = json!({"ip-address": "10.77.1.3", "client-id": "01AABBCC"});
        assert_eq!(identifier(&kea), identifier(&json!({"client-id": "01aabbcc"})));
        assert_eq!(identifier(&json!({"duid": "00:02:AA"})), identifier(&json!({"duid": "00:02:aa"})));
        assert_ne!(identifier(&json!({"duid": "01aabbcc"})), identifier(&kea));
    }

    #[test]
    fn what_kea_has_no_command_for_is_not_changed_so() {
        let office = with_pools("a", 1, "10.77.0.0/16", &[]);
        let before = (vec![office.clone()], vec![reserve("a", "10.77.1.3", 1)]);
        let other_host = (vec![office.clone()], vec![reserve("a", "10.77.1.3", 2)]);
        let other_scope = (vec![ScopeResource { valid_seconds: 700, ..office.clone() }], before.1.clone());
        let hosts_only = Abilities { subnets: false, reservations: true };
        assert!(steps(hosts_only, &before, &other_host).is_some());
        assert_eq!(steps(hosts_only, &before, &other_scope), None);
        assert_eq!(steps(Abilities::default(), &before, &other_host), None);
        // The same client by another name.
        let mut named = before.clone();
        named.1[0].host_name = "ward-3".to_owned();
        assert_eq!(steps(BOTH, &before, &named).unwrap(), ["reservation-update 1 10.77.1.3"]);
        // Five seconds are what 12,500 reservations take.
        let hosts = |third: u8, count: u8| {
            (0..count).map(move |fourth| reserve("a", &format!("10.77.{third}.{fourth}"), third))
        };
        let many = (vec![office], (0..=255).flat_map(|third| hosts(third, 50)).collect());
        assert_eq!(steps(BOTH, &before, &many), None);
    }
}
