//! Changes that Kea takes while it serves: commands for what is different and nothing else.
//!
//! Kea 3.0 has them in its hooks `subnet_cmds` (`subnet4-add`, `-update`, `-del`, and the same of `subnet6`) and `host_cmds` (`reservation-add`, `-update`, `-del`, on what is in
//! memory). It checks each before it does anything, and loses no packet, where a `config-set` closes the sockets for as long as it takes: half a millisecond for a
//! reservation, for a subnet some 70 µs times as many as there are.
//! What each command changes was read before and is read again afterwards, and each has an opposite, so that what was done can be undone.
//! Which they are, and in which order, is up to [`super::steps`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use freehold_core::bundle::{Bundle, ResourceKey, ResourceKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bytes;
use super::config::Config;
use super::control::{Answer, ControlError, ControlSocket, LOOKUP_TIME_MAX, Outcome};
use super::protocol::Protocol;
use super::readback::{address, read_back};

/// Kea read a value otherwise, or dropped the end of it.
pub(super) const ALTERED: &str = "other values than it was given";

/// What a Kea can change while it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// Subnets: the hook `subnet_cmds` is loaded.
    pub subnets: bool,
    /// Reservations: the hook `host_cmds` is loaded.
    pub reservations: bool,
}

impl Abilities {
    /// Of a Kea of this version with these commands. What came before 3.0 was never tried with them.
    pub fn of(protocol: Protocol, version: &str, commands: &BTreeSet<String>) -> Self {
        let of = protocol.commands();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let is_known = major.is_some_and(|major| major >= 3);
        let all = |names: &[&str]| is_known && names.iter().all(|name| commands.contains(*name));
        Self {
            subnets: all(&[of.subnet_add, of.subnet_update, of.subnet_del, of.subnet_get, of.subnet_list]),
            reservations: all(&["reservation-add", "reservation-update", "reservation-del", "reservation-get"]),
        }
    }

    pub(super) fn of_kind(self, kind: ResourceKind) -> bool {
        match kind {
            ResourceKind::Scope => self.subnets,
            ResourceKind::Reservation => self.reservations,
        }
    }
}

/// A subnet without its reservations, or a reservation, that becomes another, comes or goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    #[serde(with = "written_key")]
    pub key: ResourceKey,
    /// The id of the subnet that it is, or is in.
    subnet_id: u64,
    before: Option<Value>,
    after: Option<Value>,
    /// The reservations that go with a subnet that goes.
    hosts: Vec<Value>,
}

impl Change {
    pub(super) fn of_subnet(scope: &str, before: Option<&Value>, after: Option<&Value>) -> Self {
        let hosts = match (before, after) {
            (Some(before), None) => before["reservations"].as_array().cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        Self {
            key: ResourceKey { kind: ResourceKind::Scope, id: scope.to_owned() },
            subnet_id: before.or(after).and_then(id).unwrap_or_default(),
            before: before.map(head),
            after: after.map(head),
            hosts,
        }
    }

    pub(super) fn of_host(scope: &str, subnet_id: u64, before: Option<&Value>, after: Option<&Value>) -> Self {
        let address = before.or(after).map(address).unwrap_or_default();
        Self {
            key: ResourceKey { kind: ResourceKind::Reservation, id: format!("{scope}/{address}") },
            subnet_id,
            before: before.cloned(),
            after: after.cloned(),
            hosts: Vec::new(),
        }
    }

    /// What undoes it, in order. A subnet that comes back has no pools until its reservations are there.
    pub fn undone(&self) -> Vec<Change> {
        let turned = Self { before: self.after.clone(), after: self.before.clone(), hosts: Vec::new(), ..self.clone() };
        let scope = &self.key.id;
        match (self.key.kind, &self.before, &self.after) {
            (ResourceKind::Scope, Some(subnet), None) => {
                let closed = closed(subnet);
                let comes = Self::of_subnet(scope, None, Some(&closed));
                let hosts = self.hosts.iter().map(|host| Self::of_host(scope, self.subnet_id, None, Some(host)));
                let opens = Self::of_subnet(scope, Some(&closed), Some(subnet));
                std::iter::once(comes).chain(hosts).chain([opens]).collect()
            }
            _ => vec![turned],
        }
    }

    /// Whether a subnet comes.
    pub(super) fn comes(&self) -> bool {
        self.key.kind == ResourceKind::Scope && self.before.is_none()
    }

    /// The id of the subnet that it is, or is in.
    pub(super) fn subnet_id(&self) -> u64 {
        self.subnet_id
    }

    /// The reservations that go with a subnet that goes.
    pub(super) fn hosts(&self) -> &[Value] {
        &self.hosts
    }

    /// Whether more may be leased after it, or of what is leased otherwise, than before: the last step of something larger.
    pub fn may_open(&self) -> bool {
        self.key.kind == ResourceKind::Scope && self.before.is_some() && self.after.is_some()
    }

    /// The thing that it is about, as Kea knows it.
    fn thing(&self) -> (u64, Option<&str>) {
        match self.key.kind {
            ResourceKind::Scope => (self.subnet_id, None),
            ResourceKind::Reservation => (self.subnet_id, self.address()),
        }
    }

    fn address(&self) -> Option<&str> {
        self.before.as_ref().or(self.after.as_ref()).map(address)
    }

    /// The command that does it.
    fn command(&self, protocol: Protocol) -> (&'static str, Value) {
        let (of, target) = (protocol.commands(), "memory");
        match (self.key.kind, &self.before, &self.after) {
            (ResourceKind::Scope, None, Some(subnet)) => (of.subnet_add, json!({protocol.subnets(): [subnet]})),
            (ResourceKind::Scope, Some(_), Some(subnet)) => (of.subnet_update, json!({protocol.subnets(): [subnet]})),
            (ResourceKind::Scope, _, None) => (of.subnet_del, json!({"id": self.subnet_id})),
            (ResourceKind::Reservation, before, Some(host)) => {
                let mut host = host.clone();
                host["subnet-id"] = json!(self.subnet_id);
                let name = if before.is_none() { "reservation-add" } else { "reservation-update" };
                (name, json!({"reservation": host, "operation-target": target}))
            }
            (ResourceKind::Reservation, _, None) => ("reservation-del", self.place()),
        }
    }

    /// Where a reservation is, as Kea's commands want it.
    fn place(&self) -> Value {
        json!({"subnet-id": self.subnet_id, "ip-address": self.address(), "operation-target": "memory"})
    }

    /// Does it. The inner `Err` has Kea's own words where it refused: it changed nothing then.
    ///
    /// # Errors
    /// All that is no refusal of this change: Kea does not have the command any more, or has nothing there to change.
    pub async fn carry_out(&self, kea: &ControlSocket) -> Result<Result<(), String>, ControlError> {
        let (command, arguments) = self.command(kea.protocol());
        let answer = ask(kea, command, &arguments).await?;
        match answer.outcome {
            Outcome::Error | Outcome::Conflict => Ok(Err(answer.text)),
            _ => kea.success(command, answer).map(|_| Ok(())),
        }
    }

    /// What stands in its place now.
    async fn stands(&self, kea: &ControlSocket) -> Result<Option<Value>, ControlError> {
        let (command, arguments) = match self.key.kind {
            ResourceKind::Scope => (kea.protocol().commands().subnet_get, json!({"id": self.subnet_id})),
            ResourceKind::Reservation => ("reservation-get", self.place()),
        };
        let answer = ask(kea, command, &arguments).await?;
        if answer.outcome == Outcome::Empty {
            return Ok(None);
        }
        let mut found = kea.success(command, answer)?.arguments;
        Ok(Some(match self.key.kind {
            ResourceKind::Scope => head(&found[kea.protocol().subnets()][0]),
            ResourceKind::Reservation => {
                found.as_object_mut().map(|host| host.shift_remove("subnet-id"));
                found
            }
        }))
    }
}

/// What stands otherwise than `config` and the first change of each thing say, if anything does.
pub async fn moved(kea: &ControlSocket, changes: &[Change], config: &Config) -> Result<Option<String>, ControlError> {
    let subnets = || changes.iter().filter(|change| change.key.kind == ResourceKind::Scope);
    // Kea takes a subnet that lies over another one.
    if subnets().any(|change| change.before.is_none()) && listed(kea).await? != config.subnets() {
        return Ok(Some("a subnet".to_owned()));
    }
    let comes_or_goes = |change: &&Change| change.before.is_none() || change.after.is_none();
    let moving: BTreeSet<_> = subnets().filter(comes_or_goes).map(|change| change.subnet_id).collect();
    let mut seen = BTreeSet::new();
    for change in changes {
        // Of a subnet that comes or goes nothing inside can be said.
        let is_inside = change.key.kind == ResourceKind::Reservation && moving.contains(&change.subnet_id);
        let is_first = seen.insert(change.thing());
        if is_first && !is_inside && change.stands(kea).await? != change.before {
            return Ok(Some(change.key.to_string()));
        }
    }
    Ok(None)
}

/// Id and prefix of every subnet that Kea has.
async fn listed(kea: &ControlSocket) -> Result<BTreeSet<(u64, String)>, ControlError> {
    #[derive(Deserialize)]
    struct List {
        subnets: Vec<Subnet>,
    }
    #[derive(Deserialize)]
    struct Subnet {
        id: u64,
        subnet: String,
    }
    let command = kea.protocol().commands().subnet_list;
    let answer = ask(kea, command, &json!({})).await?;
    if answer.outcome == Outcome::Empty {
        return Ok(BTreeSet::new());
    }
    let answer = kea.success(command, answer)?;
    let list: List = kea.arguments(command, answer)?;
    Ok(list.subnets.into_iter().map(|found| (found.id, found.subnet)).collect())
}

/// Reads back what `changes` changed into `config`. Says which is not as `to` wants it and how, if any is.
pub async fn taken_in(
    kea: &ControlSocket,
    changes: &[Change],
    config: &mut Config,
    to: &Bundle,
) -> Result<Option<(ResourceKey, String)>, ControlError> {
    // Of several changes of one thing the last counts; subnets come before what is in them.
    let last: BTreeMap<_, _> = changes.iter().map(|change| (change.thing(), change)).collect();
    let (subnets, hosts): (Vec<_>, Vec<_>) =
        last.into_values().partition(|change| change.key.kind == ResourceKind::Scope);
    let goes = |change: &&Change| change.key.kind == ResourceKind::Scope && change.after.is_none();
    changes.iter().filter(goes).for_each(|change| config.remove_ours(change.subnet_id));
    let mut touched: BTreeMap<u64, Value> = BTreeMap::new();
    for change in subnets {
        match change.stands(kea).await? {
            Some(subnet) if change.after.is_some() => {
                config.put_ours(subnet.clone());
                touched.insert(change.subnet_id, subnet);
            }
            None if change.after.is_none() => {}
            Some(_) => return Ok(Some((change.key.clone(), "it is still there".to_owned()))),
            None => return Ok(Some((change.key.clone(), "it is not there".to_owned()))),
        }
    }
    for change in hosts {
        let found = change.stands(kea).await?;
        let address = change.address().unwrap_or_default();
        let Some(subnet) = config.ours_mut(change.subnet_id) else {
            return Ok(Some((change.key.clone(), "its scope is not there".to_owned())));
        };
        let part = touched.entry(change.subnet_id).or_insert_with(|| head(subnet));
        set_host(subnet, address, found.clone());
        set_host(part, address, found);
    }
    let read = read_back(config.protocol(), config.root(), touched.values());
    let strange = read.strange.into_iter().next().map(|strange| (strange.key, strange.what));
    let is_wrong = |key: &&ResourceKey| read.bundle.resources().get(key) != to.resources().get(key);
    let wrong = changes.iter().map(|change| &change.key).find(is_wrong);
    Ok(strange.or_else(|| wrong.map(|key| (key.clone(), ALTERED.to_owned()))))
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.key.kind {
            ResourceKind::Scope => "subnet",
            ResourceKind::Reservation => "reservation",
        };
        let done = match (&self.before, &self.after) {
            (None, _) => "add",
            (Some(_), Some(_)) => "update",
            (Some(_), None) => "del",
        };
        write!(f, "{what}-{done} {}", self.subnet_id)?;
        match (self.key.kind, &self.after) {
            (ResourceKind::Reservation, _) => {
                write!(f, " {}", self.address().unwrap_or_default())
            }
            (ResourceKind::Scope, Some(subnet)) => {
                let pools: Vec<_> =
                    subnet["pools"].as_array().into_iter().flatten().filter_map(|pool| pool["pool"].as_str()).collect();
                write!(f, " {}", pools.join(","))
            }
            (ResourceKind::Scope, None) => Ok(()),
        }
    }
}

async fn ask(kea: &ControlSocket, command: &'static str, arguments: &Value) -> Result<Answer, ControlError> {
    let request = json!({"command": command, "arguments": arguments});
    kea.exchange(command, &bytes::escaped(request.to_string()), LOOKUP_TIME_MAX).await
}

/// How a change's key is written in an intent.
mod written_key {
    use super::{ResourceKey, ResourceKind};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(key: &ResourceKey, serializer: S) -> Result<S::Ok, S::Error> {
        (key.kind.as_str(), &key.id).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ResourceKey, D::Error> {
        let (kind, id) = <(String, String)>::deserialize(deserializer)?;
        let kind = ResourceKind::from_wire(&kind).ok_or_else(|| D::Error::custom("there is no such kind"))?;
        Ok(ResourceKey { kind, id })
    }
}

/// A subnet without its pools.
pub(super) fn closed(subnet: &Value) -> Value {
    let mut closed = subnet.clone();
    closed["pools"] = json!([]);
    if let Some(delegated) = closed.get_mut("pd-pools") {
        *delegated = json!([]);
    }
    closed
}

pub(super) fn id(subnet: &Value) -> Option<u64> {
    subnet["id"].as_u64()
}

/// A subnet without its reservations.
pub(super) fn head(subnet: &Value) -> Value {
    let mut head = subnet.clone();
    head.as_object_mut().map(|members| members.shift_remove("reservations"));
    head
}

pub(super) fn reservations(subnet: &Value) -> impl Iterator<Item = &Value> {
    subnet["reservations"].as_array().into_iter().flatten()
}

/// Puts a reservation in the place of the one for its address, or takes it away.
fn set_host(subnet: &mut Value, at: &str, host: Option<Value>) {
    let Some(members) = subnet.as_object_mut() else { return };
    let hosts = members.entry("reservations").or_insert_with(|| json!([]));
    if let Some(hosts) = hosts.as_array_mut() {
        hosts.retain(|found| address(found) != at);
        hosts.extend(host);
    }
}
