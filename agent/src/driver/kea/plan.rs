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
    let foreign = running.foreign_subnets();
    for (key, resource) in of_kind(bundle, ResourceKind::Scope) {
        match scope(key, resource, &foreign) {
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
        let [Step::Member(dhcp4), Step::Member(subnet4), Step::Item(index), within @ ..] = path else { return None };
        if dhcp4 != "Dhcp4" || subnet4 != "subnet4" {
            return None;
        }
        let foreign = self.config.foreign()["Dhcp4"]["subnet4"].as_array().map_or(0, Vec::len);
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

fn scope(key: &ResourceKey, resource: &Resource, foreign: &[ForeignSubnet]) -> Result<(u32, Value), Fault> {
    let scope: ScopeResource = decode(key, resource)?;
    let subnet = render::scope(&scope).map_err(|unfit| invalid(key, unfit))?;
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
    Ok((scope.subnet_id, subnet))
}

fn reservation(key: &ResourceKey, resource: &Resource, running: &Config) -> Result<(String, Value), Fault> {
    let reservation: ReservationResource = decode(key, resource)?;
    let host = render::reservation(&reservation).map_err(|unfit| invalid(key, unfit))?;
    let identifier = match reservation.client {
        Some(Client::ClientId(_)) => "client-id",
        Some(Client::Duid(_)) => "duid",
        Some(Client::Hardware(_)) | None => "hw-address",
    };
    let looked_for = running.reservation_identifiers();
    if !looked_for.is_empty() && !looked_for.contains(&identifier) {
        let message = format!(
            "this Kea does not look for reservations by {identifier}: add it to host-reservation-identifiers in Dhcp4"
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
