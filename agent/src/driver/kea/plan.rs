//! From a bundle to the configuration that makes Kea serve it, or to what keeps it from being served. Pure.

use std::collections::BTreeMap;

use freehold_core::bundle::{Bundle, Resource, ResourceKey, ResourceKind};
use freehold_core::model::ForeignSubnet;
use freehold_core::net::Cidr;
use freehold_proto::sync::resource_result::Code;
use freehold_proto::sync::{ReservationResource, ScopeResource, reservation_resource::Client};
use prost::Message;
use serde_json::Value;

use super::config::Config;
use super::locate::{Step, display};
use super::protocol::Protocol;
use super::render::{self, Unfit};

/// A resource that cannot be served, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub key: ResourceKey,
    pub code: Code,
    /// The field at fault; empty if that is not known.
    pub field: String,
    /// In Kea's own words where it was Kea that refused.
    pub message: String,
}

/// The configuration to push, and which resource each part of it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub config: Config,
    /// In the order of Freehold's subnets: the scope, and its reservations in their order.
    keys: Vec<(ResourceKey, Vec<ResourceKey>)>,
}

/// A scope on its way into the configuration.
struct Planned {
    key: ResourceKey,
    subnet: Value,
    hosts: Vec<(ResourceKey, Value)>,
}

/// Plans to serve `bundle` beside what `running` has of its own.
pub fn plan(bundle: &Bundle, running: &Config) -> Result<Plan, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut scopes: BTreeMap<u32, Planned> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    let (foreign, delegated) = (running.foreign_subnets(), running.foreign_delegated());
    for (key, resource) in of_kind(bundle, ResourceKind::Scope) {
        match scope(running.protocol(), key, resource, &foreign, &delegated) {
            Ok((id, subnet)) if scopes.contains_key(&id) => {
                let message = format!("subnet id {id} of {} is given twice", subnet["subnet"]);
                faults.push(Fault { key: key.clone(), code: Code::Invalid, field: "subnet_id".to_owned(), message });
            }
            Ok((id, subnet)) => {
                ids.insert(key.id.clone(), id);
                scopes.insert(id, Planned { key: key.clone(), subnet, hosts: Vec::new() });
            }
            Err(fault) => faults.push(fault),
        }
    }
    for (key, resource) in of_kind(bundle, ResourceKind::Reservation) {
        match reservation(key, resource, running) {
            Ok((scope, host)) => match ids.get(&scope).and_then(|id| scopes.get_mut(id)) {
                Some(planned) => planned.hosts.push((key.clone(), host)),
                None => faults.push(fault(key, Code::Dependency, "scope", format!("its scope {scope} is not served"))),
            },
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let (mut ours, mut keys) = (Vec::new(), Vec::new());
    for Planned { key, mut subnet, hosts } in scopes.into_values() {
        let (host_keys, hosts): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
        subnet["reservations"] = Value::Array(hosts);
        ours.push(subnet);
        keys.push((key, host_keys));
    }
    Ok(Plan { config: running.with(ours), keys })
}

impl Plan {
    /// The resource at a place in [`Config::whole`], and the place within it.
    pub fn resource_at(&self, path: &[Step]) -> Option<(&ResourceKey, String)> {
        let [Step::Member(root), Step::Member(subnets), Step::Item(index), within @ ..] = path else { return None };
        let protocol = self.config.protocol();
        if root != protocol.root() || subnets != protocol.subnets() {
            return None;
        }
        let foreign = self.config.root()[protocol.subnets()].as_array().map_or(0, Vec::len);
        let (scope, hosts) = self.keys.get(index.checked_sub(foreign)?)?;
        match within {
            [Step::Member(member), Step::Item(host), within @ ..] if member == "reservations" => {
                Some((hosts.get(*host)?, display(within)))
            }
            within => Some((scope, display(within))),
        }
    }

    /// Every resource, a scope before its reservations.
    pub fn keys(&self) -> impl Iterator<Item = &ResourceKey> {
        self.keys.iter().flat_map(|(scope, hosts)| std::iter::once(scope).chain(hosts))
    }
}

fn of_kind(bundle: &Bundle, kind: ResourceKind) -> impl Iterator<Item = (&ResourceKey, &Resource)> {
    bundle.resources().iter().filter(move |(key, _)| key.kind == kind)
}

fn scope(
    protocol: Protocol,
    key: &ResourceKey,
    resource: &Resource,
    foreign: &[ForeignSubnet],
    delegated: &[ForeignSubnet],
) -> Result<(u32, Value), Fault> {
    let scope: ScopeResource = decode(key, resource)?;
    let subnet = render::scope(protocol, &scope).map_err(|unfit| invalid(key, unfit))?;
    let network: Cidr = scope.network.parse().map_err(|refusal| fault(key, Code::Invalid, "network", refusal))?;
    for foreign in foreign {
        let theirs = format!(
            "subnet {} with id {} in Kea's own configuration, which Freehold does not own",
            foreign.network, foreign.subnet_id
        );
        if foreign.subnet_id == scope.subnet_id {
            return Err(fault(key, Code::ConflictLocal, "subnet_id", format!("the id is that of {theirs}")));
        }
        if foreign.network.overlaps(&network) {
            return Err(fault(key, Code::ConflictLocal, "network", format!("overlaps {theirs}")));
        }
    }
    // Kea itself takes a prefix that two subnets delegate.
    let pools = scope.prefix_pools.iter().enumerate();
    let blocks = pools.filter_map(|(at, pool)| Some((format!("prefix_pools[{at}]"), pool.prefix.parse().ok()?)));
    for (field, block) in blocks.chain([("network".to_owned(), network)]) {
        // Networks were compared above, and may be told apart better there.
        if let Some(theirs) = delegated.iter().chain(foreign).find(|theirs| theirs.network.overlaps(&block)) {
            let message = format!(
                "{block} overlaps {} of the subnet with id {} in Kea's own configuration, which Freehold does not own",
                theirs.network, theirs.subnet_id
            );
            return Err(fault(key, Code::ConflictLocal, &field, message));
        }
    }
    Ok((scope.subnet_id, subnet))
}

fn reservation(key: &ResourceKey, resource: &Resource, running: &Config) -> Result<(String, Value), Fault> {
    let reservation: ReservationResource = decode(key, resource)?;
    let host = render::reservation(running.protocol(), &reservation).map_err(|unfit| invalid(key, unfit))?;
    let identifier = match reservation.client {
        Some(Client::ClientId(_)) => "client-id",
        Some(Client::Duid(_)) => "duid",
        Some(Client::Hardware(_)) | None => "hw-address",
    };
    let looked_for = running.reservation_identifiers();
    if !looked_for.contains(&identifier) {
        let message = format!(
            "this Kea does not look for reservations by {identifier}: add it to host-reservation-identifiers in {}",
            running.protocol().root()
        );
        return Err(fault(key, Code::ConflictLocal, "client", message));
    }
    Ok((reservation.scope, host))
}

/// Reads a resource, and refuses one that says more than this agent understands.
fn decode<M: Message + Default>(key: &ResourceKey, resource: &Resource) -> Result<M, Fault> {
    let message = M::decode(resource.body()).map_err(|error| fault(key, Code::Invalid, "", error))?;
    if message.encode_to_vec() == resource.body() {
        Ok(message)
    } else {
        Err(fault(
            key,
            Code::Unsupported,
            "",
            "the controller says more about it than this agent understands: upgrade the agent",
        ))
    }
}

fn invalid(key: &ResourceKey, unfit: Unfit) -> Fault {
    Fault { key: key.clone(), code: Code::Invalid, field: unfit.field, message: unfit.what }
}

fn fault(key: &ResourceKey, code: Code, field: &str, message: impl ToString) -> Fault {
    Fault { key: key.clone(), code, field: field.to_owned(), message: message.to_string() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use freehold_core::option::{OptionCode, OptionValue, Options};
    use freehold_proto::convert::option::resources;
    use freehold_proto::sync::{DelegatedPool, PoolRange};
    use serde_json::json;

    /// A configuration with an operator's subnet, of which Kea 2.2 has ids below and above Freehold's.
    fn running() -> Config {
        Config::new(
            Protocol::V4,
            json!({"Dhcp4": {
                "host-reservation-identifiers": ["hw-address", "client-id"],
                "subnet4": [{"id": 900, "subnet": "10.200.0.0/16"}],
            }}),
        )
    }

    pub(in super::super) fn scope(id: &str, subnet_id: u32, network: &str) -> ScopeResource {
        ScopeResource {
            id: id.to_owned(),
            subnet_id,
            network: network.to_owned(),
            valid_seconds: 600,
            ..ScopeResource::default()
        }
    }

    pub(in super::super) fn host(scope: &str, address: &str, client: Client) -> ReservationResource {
        ReservationResource {
            scope: scope.to_owned(),
            address: address.to_owned(),
            client: Some(client),
            ..ReservationResource::default()
        }
    }

    pub(in super::super) fn bundle(scopes: &[ScopeResource], hosts: &[ReservationResource]) -> Bundle {
        let scopes = scopes.iter().map(|scope| {
            (ResourceKey { kind: ResourceKind::Scope, id: scope.id.clone() }, Resource::new(scope.encode_to_vec()))
        });
        let hosts = hosts.iter().map(|host| {
            let id = format!("{}/{}", host.scope, host.address);
            (ResourceKey { kind: ResourceKind::Reservation, id }, Resource::new(host.encode_to_vec()))
        });
        Bundle::new(scopes.chain(hosts).collect())
    }

    fn hardware() -> Client {
        Client::Hardware(vec![2, 0, 0x5e, 0x10, 0, 1])
    }

    #[test]
    fn the_rendered_configuration_is_the_golden_one() {
        let mut options = Options::default();
        for (code, text) in [
            ("routers", "10.77.0.1,10.77.0.2"),
            ("domain-name", "b.example"),
            ("root-path", "/a,\"b\""),
            ("150", "0a4d0001"),
        ] {
            let code = OptionCode::from_name(freehold_core::net::Family::V4, code).unwrap();
            options.add(code, OptionValue::from_text(code, text).unwrap()).unwrap();
        }
        let pool = |start: &str, end: &str| PoolRange { start: start.to_owned(), end: end.to_owned() };
        let berlin = ScopeResource {
            pools: vec![pool("10.77.1.0", "10.77.1.99"), pool("10.77.1.101", "10.77.1.101")],
            options: resources(&options),
            renew_seconds: 100,
            ..scope("berlin", 7, "10.77.0.0/16")
        };
        let named = ReservationResource { host_name: "ward-3".to_owned(), ..host("berlin", "10.77.9.1", hardware()) };
        let hosts = [named, host("berlin", "10.77.9.2", Client::ClientId(vec![1, 0xab]))];
        let planned = plan(&bundle(&[berlin, scope("aachen", 3, "10.78.0.0/16")], &hosts), &running()).unwrap();
        let rendered = serde_json::to_string_pretty(&planned.config.whole()).unwrap();
        assert_eq!(rendered, include_str!("golden/config.json").trim_end());
    }

    #[test]
    fn each_resource_is_found_at_its_place() {
        let planned = plan(
            &bundle(
                &[scope("a", 7, "10.77.0.0/16"), scope("b", 3, "10.78.0.0/16")],
                &[host("a", "10.77.9.1", hardware())],
            ),
            &running(),
        )
        .unwrap();
        let check = |pointer: &str, expected: Option<(&str, &str)>| {
            let step = |part: &str| part.parse().map_or_else(|_| Step::Member(part.to_owned()), Step::Item);
            let path: Vec<_> = pointer.split('/').map(step).collect();
            let found = planned.resource_at(&path).map(|(key, field)| (key.to_string(), field));
            assert_eq!(found, expected.map(|(key, field)| (key.to_owned(), field.to_owned())), "{pointer}");
        };
        check("Dhcp4/subnet4/0/id", None);
        check("Dhcp4/subnet4/1/option-data/2/data", Some(("scope b", "option-data[2].data")));
        check("Dhcp4/subnet4/2", Some(("scope a", "")));
        check("Dhcp4/subnet4/2/reservations/0/hw-address", Some(("reservation a/10.77.9.1", "hw-address")));
        check("Dhcp4/subnet4/3", None);
        check("Dhcp4/option-data/0", None);
    }

    #[test]
    fn what_cannot_be_served_is_named_with_field_and_reason() {
        let check = |scopes: &[ScopeResource], hosts: &[ReservationResource], expected: (&str, Code, &str, &str)| {
            let faults = plan(&bundle(scopes, hosts), &running()).unwrap_err();
            let found: Vec<_> =
                faults.iter().map(|f| (f.key.to_string(), f.code, f.field.as_str(), f.message.as_str())).collect();
            assert_eq!(found, [(expected.0.to_owned(), expected.1, expected.2, expected.3)]);
        };
        let good = scope("a", 7, "10.77.0.0/16");
        check(
            &[scope("a", 900, "10.77.0.0/16")],
            &[],
            (
                "scope a",
                Code::ConflictLocal,
                "subnet_id",
                "the id is that of subnet 10.200.0.0/16 with id 900 in Kea's own configuration, which Freehold does not own",
            ),
        );
        check(
            &[scope("a", 7, "10.0.0.0/8")],
            &[],
            (
                "scope a",
                Code::ConflictLocal,
                "network",
                "overlaps subnet 10.200.0.0/16 with id 900 in Kea's own configuration, which Freehold does not own",
            ),
        );
        check(
            &[good.clone(), scope("b", 7, "10.78.0.0/16")],
            &[],
            ("scope b", Code::Invalid, "subnet_id", "subnet id 7 of \"10.78.0.0/16\" is given twice"),
        );
        check(
            &[scope("a", 0, "10.77.0.0/16")],
            &[],
            ("scope a", Code::Invalid, "subnet_id", "0 means something else to Kea"),
        );
        check(
            &[scope("a", 7, "2001:db8::/64")],
            &[],
            ("scope a", Code::Invalid, "network", "2001:db8::/64 is not IPv4"),
        );
        check(
            std::slice::from_ref(&good),
            &[host("a", "10.77.9.1", Client::Duid(vec![0, 1, 2]))],
            (
                "reservation a/10.77.9.1",
                Code::ConflictLocal,
                "client",
                "this Kea does not look for reservations by duid: add it to host-reservation-identifiers in Dhcp4",
            ),
        );
        check(
            &[good],
            &[host("b", "10.77.9.1", hardware())],
            ("reservation b/10.77.9.1", Code::Dependency, "scope", "its scope b is not served"),
        );
    }

    #[test]
    fn a_prefix_is_not_delegated_by_two() {
        let theirs = json!({"id": 900, "subnet": "2001:db8:90::/64", "pd-pools": [
            {"prefix": "2001:db8:8000::", "prefix-len": 40, "delegated-len": 56},
        ]});
        let running = Config::new(Protocol::V6, json!({"Dhcp6": {"subnet6": [theirs]}}));
        let check = |prefix: &str, network: &str, expected: Option<(&str, &str)>| {
            let pool = DelegatedPool { prefix: prefix.to_owned(), delegated_length: 60 };
            let ours = ScopeResource { preferred_seconds: 300, prefix_pools: vec![pool], ..scope("a", 7, network) };
            let faults = plan(&bundle(&[ours], &[]), &running).err().unwrap_or_default();
            let found = faults.first().map(|fault| (fault.field.as_str(), fault.message.as_str()));
            let own = "in Kea's own configuration, which Freehold does not own";
            let expected = expected.map(|(field, what)| (field, format!("{what} {own}")));
            assert_eq!(
                found,
                expected.as_ref().map(|(field, message)| (*field, message.as_str())),
                "{prefix} {network}"
            );
        };
        let pool = "prefix_pools[0]";
        check("2001:db8:9000::/36", "2001:db8:91::/64", None);
        check(
            "2001:db8:8000::/36",
            "2001:db8:91::/64",
            Some((pool, "2001:db8:8000::/36 overlaps 2001:db8:8000::/40 of the subnet with id 900")),
        );
        check(
            "2001:db8:90::/48",
            "2001:db8:91::/64",
            Some((pool, "2001:db8:90::/48 overlaps 2001:db8:90::/64 of the subnet with id 900")),
        );
        check(
            "2001:db8:9000::/36",
            "2001:db8:8000:1::/64",
            Some(("network", "2001:db8:8000:1::/64 overlaps 2001:db8:8000::/40 of the subnet with id 900")),
        );
    }

    #[test]
    fn what_only_the_other_protocol_has_is_refused() {
        let check =
            |protocol: Protocol, scopes: &[ScopeResource], hosts: &[ReservationResource], expected: (&str, &str)| {
                let faults = plan(&bundle(scopes, hosts), &Config::new(protocol, json!({}))).unwrap_err();
                assert_eq!((faults[0].field.as_str(), faults[0].message.as_str()), expected);
            };
        let (v4, v6) = (scope("a", 7, "10.77.0.0/16"), scope("a", 7, "2001:db8::/64"));
        let pool = DelegatedPool { prefix: "2001:db8:8000::/36".to_owned(), delegated_length: 60 };
        let own = "only IPv6 has it";
        check(Protocol::V6, std::slice::from_ref(&v4), &[], ("network", "10.77.0.0/16 is not IPv6"));
        check(Protocol::V4, &[ScopeResource { preferred_seconds: 9, ..v4.clone() }], &[], ("preferred_seconds", own));
        check(Protocol::V4, &[ScopeResource { prefix_pools: vec![pool], ..v4.clone() }], &[], ("prefix_pools", own));
        check(Protocol::V4, &[ScopeResource { interface_id: "x".into(), ..v4.clone() }], &[], ("interface_id", own));
        check(
            Protocol::V4,
            &[ScopeResource { relays: vec!["fe80::1".into()], ..v4.clone() }],
            &[],
            ("relays[0]", "fe80::1 is not IPv4"),
        );
        let prefixed = ReservationResource {
            delegated_prefixes: vec!["2001:db8:8000::/56".into()],
            ..host("a", "10.77.9.1", hardware())
        };
        check(Protocol::V4, &[v4], &[prefixed], ("delegated_prefixes", own));
        let by_id = host("a", "2001:db8::9", Client::ClientId(vec![1, 2]));
        check(
            Protocol::V6,
            &[v6],
            &[by_id],
            ("client", "clients of DHCPv6 have no client identifier; reserve by DUID or hardware address"),
        );
    }

    #[test]
    fn a_resource_with_more_to_say_is_not_served_by_half() {
        let key = ResourceKey { kind: ResourceKind::Scope, id: "a".to_owned() };
        let mut body = scope("a", 7, "10.77.0.0/16").encode_to_vec();
        // Field 99, a number: from a controller of the future.
        body.extend([0x98, 0x06, 0x01]);
        let faults = plan(&Bundle::new([(key.clone(), Resource::new(body))].into()), &running()).unwrap_err();
        assert_eq!((&faults[0].key, faults[0].code), (&key, Code::Unsupported));
    }
}
