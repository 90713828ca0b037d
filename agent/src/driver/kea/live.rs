//! Changes that Kea takes while it serves: commands for what is different and nothing else.
//!
//! Kea 3.0 has them in its hooks `subnet_cmds` (`subnet4-add`, `-update`, `-del`) and `host_cmds` (`reservation-add`, `-update`, `-del`, on what is in
//! memory). It checks each before it does anything, answers within a millisecond or some, and loses no packet, where a `config-set` closes the sockets for as long as it takes.
//! What each command changes was read before and is read again afterwards, and each has an opposite, so that what was done can be undone.

use std::collections::{BTreeMap, BTreeSet};

use freehold_core::bundle::{Bundle, Difference, ResourceKey, ResourceKind};
use serde_json::{Value, json};

use super::config::Config;
use super::control::{Answer, ControlError, ControlSocket, LOOKUP_TIME_MAX, Outcome};
use super::readback::read_back;
use super::render::MARK;

/// More changes than this are one `config-set`: each command takes up to 40 ms of a Kea with 1,000 subnets.
const CHANGES_MAX: usize = 500;

/// What a Kea can change while it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// Subnets: the hook `subnet_cmds` is loaded.
    pub subnets: bool,
    /// Reservations: the hook `host_cmds` is loaded.
    pub reservations: bool,
}

impl Abilities {
    /// Of a Kea with these commands.
    pub fn of(commands: &BTreeSet<String>) -> Self {
        let all = |names: &[&str]| names.iter().all(|name| commands.contains(*name));
        Self {
            subnets: all(&["subnet4-add", "subnet4-update", "subnet4-del", "subnet4-get"]),
            reservations: all(&["reservation-add", "reservation-update", "reservation-del", "reservation-get"]),
        }
    }

    fn of_kind(self, kind: ResourceKind) -> bool {
        match kind {
            ResourceKind::Scope => self.subnets,
            ResourceKind::Reservation => self.reservations,
        }
    }
}

/// A subnet without its reservations, or a reservation, that becomes another, comes or goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub key: ResourceKey,
    /// The id of the subnet that it is, or is in.
    subnet_id: u64,
    before: Option<Value>,
    after: Option<Value>,
    /// The reservations that go with a subnet that goes.
    hosts: Vec<Value>,
}

impl Change {
    fn of_subnet(scope: &str, before: Option<&Value>, after: Option<&Value>) -> Self {
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

    fn of_host(scope: &str, subnet_id: u64, before: Option<&Value>, after: Option<&Value>) -> Self {
        let address = before.or(after).map(address).unwrap_or_default();
        Self {
            key: ResourceKey { kind: ResourceKind::Reservation, id: format!("{scope}/{address}") },
            subnet_id,
            before: before.cloned(),
            after: after.cloned(),
            hosts: Vec::new(),
        }
    }

    /// What undoes it, in order.
    pub fn undone(&self) -> Vec<Change> {
        let turned = Self { before: self.after.clone(), after: self.before.clone(), hosts: Vec::new(), ..self.clone() };
        let scope = &self.key.id;
        let back = self.hosts.iter().map(|host| Self::of_host(scope, self.subnet_id, None, Some(host)));
        std::iter::once(turned).chain(back).collect()
    }

    /// The command that does it.
    fn command(&self) -> (&'static str, Value) {
        let target = "memory";
        match (self.key.kind, &self.before, &self.after) {
            (ResourceKind::Scope, None, Some(subnet)) => ("subnet4-add", json!({"subnet4": [subnet]})),
            (ResourceKind::Scope, Some(_), Some(subnet)) => ("subnet4-update", json!({"subnet4": [subnet]})),
            (ResourceKind::Scope, _, None) => ("subnet4-del", json!({"id": self.subnet_id})),
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
        let address = self.before.as_ref().or(self.after.as_ref()).map(address);
        json!({"subnet-id": self.subnet_id, "ip-address": address, "operation-target": "memory"})
    }

    /// Does it. `Err` has Kea's own words where it refused: it changed nothing then.
    pub async fn carry_out(&self, kea: &ControlSocket) -> Result<Result<(), String>, ControlError> {
        let (command, arguments) = self.command();
        let answer = ask(kea, command, &arguments).await?;
        Ok(if answer.outcome == Outcome::Success { Ok(()) } else { Err(answer.text) })
    }

    /// What stands in its place now.
    async fn stands(&self, kea: &ControlSocket) -> Result<Option<Value>, ControlError> {
        let (command, arguments) = match self.key.kind {
            ResourceKind::Scope => ("subnet4-get", json!({"id": self.subnet_id})),
            ResourceKind::Reservation => ("reservation-get", self.place()),
        };
        let answer = ask(kea, command, &arguments).await?;
        if answer.outcome == Outcome::Empty {
            return Ok(None);
        }
        let mut found = kea.success(command, answer)?.arguments;
        Ok(Some(match self.key.kind {
            ResourceKind::Scope => head(&found["subnet4"][0]),
            ResourceKind::Reservation => {
                found.as_object_mut().map(|host| host.shift_remove("subnet-id"));
                found
            }
        }))
    }
}

/// The changes from what `running` has of `from` to what `planned` has of its successor, in the order in which they are safe; `None` if they are not to be had so.
pub fn changes(
    abilities: Abilities,
    running: &Config,
    planned: &Config,
    difference: &Difference,
) -> Option<Vec<Change>> {
    let keys: BTreeSet<_> = difference.upserts.keys().chain(&difference.removes).collect();
    if keys.len() > CHANGES_MAX || !keys.iter().all(|key| abilities.of_kind(key.kind)) {
        return None;
    }
    let (before, after) = (by_scope(running.ours()), by_scope(planned.ours()));
    let (mut gone, mut other, mut new) = (Vec::new(), Vec::new(), Vec::new());
    // Scopes whose reservations come and go with their subnet.
    let mut whole = BTreeSet::new();
    for key in keys.iter().filter(|key| key.kind == ResourceKind::Scope) {
        let scope = key.id.as_str();
        match (before.get(scope), after.get(scope)) {
            (Some(before), Some(after)) if id(before) == id(after) && before["subnet"] == after["subnet"] => {
                other.push(Change::of_subnet(scope, Some(before), Some(after)));
                continue;
            }
            (found, wanted) => {
                gone.extend(found.map(|before| Change::of_subnet(scope, Some(before), None)));
                new.extend(wanted.map(|after| Change::of_subnet(scope, None, Some(after))));
                whole.insert(scope);
            }
        }
    }
    let mut hosts = Vec::new();
    for scope in &whole {
        let Some(subnet) = after.get(scope) else { continue };
        let added =
            reservations(subnet).map(|host| Change::of_host(scope, id(subnet).unwrap_or_default(), None, Some(host)));
        hosts.extend(added);
    }
    for key in keys.iter().filter(|key| key.kind == ResourceKind::Reservation) {
        let (scope, address) = key.id.split_once('/')?;
        if whole.contains(scope) {
            continue;
        }
        let subnet_id = before.get(scope).copied().and_then(id)?;
        let find = |subnets: &BTreeMap<&str, &'_ Value>| host_at(subnets.get(scope)?, address);
        match (find(&before), find(&after)) {
            (Some(before), Some(after)) if identifier(&before) == identifier(&after) => {
                other.push(Change::of_host(scope, subnet_id, Some(&before), Some(&after)));
            }
            (found, wanted) => {
                gone.extend(found.map(|before| Change::of_host(scope, subnet_id, Some(&before), None)));
                hosts.extend(wanted.map(|after| Change::of_host(scope, subnet_id, None, Some(&after))));
            }
        }
    }
    // What goes makes room for what comes, and a reservation needs its subnet.
    let all: Vec<_> = [gone, other, new, hosts].into_iter().flatten().collect();
    (all.len() <= CHANGES_MAX && all.iter().all(|change| abilities.of_kind(change.key.kind))).then_some(all)
}

/// Whether what is about to be changed still stands as it did; else the first that does not.
pub async fn moved(kea: &ControlSocket, changes: &[Change]) -> Result<Option<ResourceKey>, ControlError> {
    let is_subnet = |change: &&Change| change.key.kind == ResourceKind::Scope;
    let comes_or_goes = |change: &&Change| change.before.is_none() || change.after.is_none();
    let moving: BTreeSet<_> =
        changes.iter().filter(is_subnet).filter(comes_or_goes).map(|change| change.subnet_id).collect();
    let place = |change: &Change| (change.key.kind, change.subnet_id, change.key.id.clone());
    let left: BTreeSet<_> = changes.iter().filter(|change| change.after.is_none()).map(place).collect();
    for change in changes {
        // Nothing can be said yet of what comes where something else goes, or is to be in a subnet that is not there.
        let replaces = change.before.is_none() && left.contains(&place(change));
        let waits = change.key.kind == ResourceKind::Reservation && moving.contains(&change.subnet_id);
        if !replaces && !waits && change.stands(kea).await? != change.before {
            return Ok(Some(change.key.clone()));
        }
    }
    Ok(None)
}

/// Reads back what `changes` changed into `config`. Says what is not as `to` wants it, if anything is.
pub async fn taken_in(
    kea: &ControlSocket,
    changes: &[Change],
    config: &mut Config,
    to: &Bundle,
) -> Result<Option<String>, ControlError> {
    let coming: BTreeSet<_> = changes
        .iter()
        .filter(|change| change.key.kind == ResourceKind::Scope && change.after.is_some())
        .map(|change| change.subnet_id)
        .collect();
    let mut touched: BTreeMap<u64, Value> = BTreeMap::new();
    for change in changes {
        let id = change.subnet_id;
        match change.key.kind {
            ResourceKind::Scope if change.after.is_none() => {
                config.remove_ours(id);
                if !coming.contains(&id) && change.stands(kea).await?.is_some() {
                    return Ok(Some(format!("{} is still there", change.key)));
                }
            }
            ResourceKind::Scope => {
                let Some(subnet) = change.stands(kea).await? else {
                    return Ok(Some(format!("{} is not there", change.key)));
                };
                config.put_ours(subnet.clone());
                touched.insert(id, subnet);
            }
            ResourceKind::Reservation => {
                let found = change.stands(kea).await?;
                let address = change.before.as_ref().or(change.after.as_ref()).map(address).unwrap_or_default();
                if let Some(subnet) = config.ours_mut(id) {
                    let part = touched.entry(id).or_insert_with(|| head(subnet));
                    set_host(subnet, address, found.clone());
                    set_host(part, address, found);
                }
            }
        }
    }
    let read = read_back(&config.foreign()["Dhcp4"], touched.values());
    let strange = read.strange.first().map(|strange| format!("{}: {}", strange.key, strange.what));
    let wrong = changes
        .iter()
        .map(|change| &change.key)
        .find(|key| read.bundle.resources().get(key) != to.resources().get(key));
    Ok(strange.or_else(|| wrong.map(ToString::to_string)))
}

async fn ask(kea: &ControlSocket, command: &'static str, arguments: &Value) -> Result<Answer, ControlError> {
    let request = json!({"command": command, "arguments": arguments});
    kea.exchange(command, &request.to_string(), LOOKUP_TIME_MAX).await
}

fn by_scope(subnets: &[Value]) -> BTreeMap<&str, &Value> {
    subnets.iter().filter_map(|subnet| Some((subnet["user-context"][MARK]["scope"].as_str()?, subnet))).collect()
}

fn id(subnet: &Value) -> Option<u64> {
    subnet["id"].as_u64()
}

/// A subnet without its reservations.
fn head(subnet: &Value) -> Value {
    let mut head = subnet.clone();
    head.as_object_mut().map(|members| members.shift_remove("reservations"));
    head
}

fn reservations(subnet: &Value) -> impl Iterator<Item = &Value> {
    subnet["reservations"].as_array().into_iter().flatten()
}

fn address(host: &Value) -> &str {
    host["ip-address"].as_str().unwrap_or_default()
}

fn host_at(subnet: &Value, at: &str) -> Option<Value> {
    reservations(subnet).find(|host| address(host) == at).cloned()
}

/// What Kea knows a reservation's client by.
fn identifier(host: &Value) -> [&Value; 3] {
    ["hw-address", "client-id", "duid"].map(|name| &host[name])
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
