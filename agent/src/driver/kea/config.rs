//! A running configuration as two parts: what is Freehold's and what is not. Pure.
//!
//! Freehold owns the subnets that carry its mark, wherever they stand, and nothing else. Everything else passes
//! through [`Config::with`] untouched, unknown members included, in Kea's own canonical form.

use std::collections::BTreeSet;

use freehold_core::model::ForeignSubnet;
use freehold_core::net::Cidr;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::hidden;
use super::live::Change;
use super::protocol::Protocol;
use super::readback::{ReadBack, read_back};
use super::render::MARK;

/// `{"Dhcp4": …}` or `{"Dhcp6": …}` as `config-get` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    protocol: Protocol,
    /// All but Freehold's subnets.
    foreign: Value,
    /// Freehold's subnets, by id.
    ours: Vec<Value>,
    /// Where options of others are whose values nobody tells.
    untold: Vec<String>,
    /// Whether some of Freehold's subnets stand in a shared network, where somebody put them.
    in_network: bool,
}

impl Config {
    /// Takes a configuration apart.
    pub fn new(protocol: Protocol, config: Value) -> Self {
        let (mut foreign, mut ours, mut in_network) = (config, Vec::new(), false);
        if let Some(root) = foreign.get_mut(protocol.root()) {
            take_marked(protocol, root, &mut ours);
            let alone = ours.len();
            let networks = root.get_mut("shared-networks").and_then(Value::as_array_mut);
            networks.into_iter().flatten().for_each(|network| take_marked(protocol, network, &mut ours));
            in_network = ours.len() > alone;
        }
        ours.sort_by_key(|subnet| subnet["id"].as_u64());
        Self { protocol, foreign, ours, untold: Vec::new(), in_network }
    }

    /// Takes apart what runs, with the options that Kea does not show as Kea's file, `written`, says them.
    pub fn uncovered(protocol: Protocol, running: Value, written: impl FnOnce() -> Option<Value>) -> Self {
        let mut config = Self::new(protocol, running);
        if !hidden::uncover(&mut config.foreign, None).is_empty() {
            config.untold = hidden::uncover(&mut config.foreign, written().as_ref());
        }
        config
    }

    /// Of which server it is.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// All of the server's settings but Freehold's part.
    pub(super) fn root(&self) -> &Value {
        &self.foreign[self.protocol.root()]
    }

    /// The subnets that are not Freehold's, wherever they stand.
    fn theirs(&self) -> impl Iterator<Item = &Value> {
        let (root, subnets) = (self.root(), self.protocol.subnets());
        array(&root[subnets]).chain(array(&root["shared-networks"]).flat_map(move |network| array(&network[subnets])))
    }

    /// Where options of others are whose values Kea does not show and its file does not say: whoever sets this configuration loses them.
    pub fn untold(&self) -> &[String] {
        &self.untold
    }

    /// Whether some of Freehold's subnets stand in a shared network; as a whole it has them by themselves.
    pub fn in_network(&self) -> bool {
        self.in_network
    }

    /// The same configuration with `ours` as Freehold's part.
    #[must_use]
    pub fn with(&self, ours: Vec<Value>) -> Self {
        Self {
            protocol: self.protocol,
            foreign: self.foreign.clone(),
            ours,
            untold: self.untold.clone(),
            in_network: false,
        }
    }

    /// How many subnets there are.
    pub fn subnet_count(&self) -> usize {
        self.theirs().count() + self.ours.len()
    }

    /// Id and prefix of every subnet.
    pub fn subnets(&self) -> BTreeSet<(u64, String)> {
        let all = self.theirs().chain(&self.ours);
        all.filter_map(|subnet| Some((subnet["id"].as_u64()?, subnet["subnet"].as_str()?.to_owned()))).collect()
    }

    /// Freehold's subnets.
    pub fn ours(&self) -> &[Value] {
        &self.ours
    }

    /// Freehold's subnet with this id.
    pub fn ours_mut(&mut self, id: u64) -> Option<&mut Value> {
        self.ours.iter_mut().find(|subnet| subnet["id"].as_u64() == Some(id))
    }

    /// Puts a subnet of Freehold's in the place of the one with its id, whose reservations stay, or adds it.
    pub fn put_ours(&mut self, mut subnet: Value) {
        let id = |subnet: &Value| subnet["id"].as_u64();
        match self.ours.binary_search_by_key(&id(&subnet), id) {
            Ok(at) => {
                let hosts = self.ours[at].as_object_mut().and_then(|members| members.shift_remove("reservations"));
                subnet["reservations"] = hosts.unwrap_or_else(|| Value::Array(Vec::new()));
                self.ours[at] = subnet;
            }
            Err(at) => self.ours.insert(at, subnet),
        }
    }

    /// Whether the reservations of subnets that went by `changes` are there again.
    pub(super) fn has_hosts_of(&self, changes: &[Change]) -> bool {
        changes.iter().all(|change| {
            let subnet = self.ours.iter().find(|subnet| subnet["id"].as_u64() == Some(change.subnet_id()));
            let there = subnet.and_then(|subnet| subnet["reservations"].as_array());
            change.hosts().iter().all(|host| there.is_some_and(|there| there.contains(host)))
        })
    }

    /// Takes a subnet of Freehold's away, with its reservations.
    pub fn remove_ours(&mut self, id: u64) {
        self.ours.retain(|subnet| subnet["id"].as_u64() != Some(id));
    }

    /// All but Freehold's part.
    pub fn foreign(&self) -> &Value {
        &self.foreign
    }

    /// The whole, with Freehold's subnets behind the others.
    pub fn whole(&self) -> Value {
        serde_json::to_value(self).expect("it is made of values")
    }

    /// Freehold's part as resources.
    pub fn read_back(&self) -> ReadBack {
        read_back(self.protocol, self.root(), &self.ours)
    }

    /// The subnets that are not Freehold's; those whose prefix cannot be read are left out.
    pub fn foreign_subnets(&self) -> Vec<ForeignSubnet> {
        let mut found: Vec<_> = self.theirs().filter_map(|subnet| foreign(subnet, network(subnet)?)).collect();
        found.sort();
        found
    }

    /// The blocks out of which subnets that are not Freehold's delegate prefixes, each with the id of its subnet.
    pub fn foreign_delegated(&self) -> Vec<ForeignSubnet> {
        let of = |subnet: &Value| {
            let blocks = array(&subnet["pd-pools"]).filter_map(|pool| {
                let length = u8::try_from(pool["prefix-len"].as_u64()?).ok()?;
                foreign(subnet, block(pool["prefix"].as_str()?, length)?)
            });
            blocks.collect::<Vec<_>>()
        };
        self.theirs().flat_map(of).collect()
    }

    /// The kinds of identifiers by which this Kea looks for reservations.
    pub fn reservation_identifiers(&self) -> Vec<&str> {
        identifiers(self.protocol(), self.root())
    }

    /// Whether this Kea has loaded the hook of this file name.
    pub(super) fn has_hook(&self, file: &str) -> bool {
        let hooks = array(&self.root()["hooks-libraries"]);
        hooks.filter_map(|hook| hook["library"].as_str()).any(|library| library.rsplit('/').next() == Some(file))
    }
}

/// The kinds of identifiers by which a Kea of this configuration looks for reservations: the usual ones where it does not say.
pub(super) fn identifiers(protocol: Protocol, root: &Value) -> Vec<&str> {
    let said: Vec<_> = array(&root["host-reservation-identifiers"]).filter_map(Value::as_str).collect();
    if said.is_empty() { protocol.usual_identifiers().to_vec() } else { said }
}

/// As the whole, with Freehold's subnets behind the others.
impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(members) = &self.foreign else { return self.foreign.serialize(serializer) };
        let mut whole = serializer.serialize_map(Some(members.len()))?;
        for (name, value) in members {
            match value {
                Value::Object(root) if name == self.protocol.root() => {
                    let subnets = self.protocol.subnets();
                    whole.serialize_entry(name, &Root { members: root, subnets, ours: &self.ours })?;
                }
                other => whole.serialize_entry(name, other)?,
            }
        }
        whole.end()
    }
}

/// The one member with Freehold's subnets.
struct Root<'a> {
    members: &'a Map<String, Value>,
    /// The name of the list that they are in.
    subnets: &'static str,
    ours: &'a [Value],
}

impl Serialize for Root<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serializer.serialize_map(None)?;
        for (name, value) in self.members {
            match value {
                Value::Array(theirs) if name == self.subnets => {
                    whole.serialize_entry(name, &Joined([theirs, self.ours]))?;
                }
                other => whole.serialize_entry(name, other)?,
            }
        }
        if !self.ours.is_empty() && !self.members.contains_key(self.subnets) {
            whole.serialize_entry(self.subnets, self.ours)?;
        }
        whole.end()
    }
}

/// Two lists as one.
struct Joined<'a>([&'a [Value]; 2]);

impl Serialize for Joined<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().copied().flatten())
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The network of a subnet; `None` if it cannot be read.
pub(super) fn network(subnet: &Value) -> Option<Cidr> {
    let (address, length) = subnet["subnet"].as_str()?.split_once('/')?;
    block(address, length.parse().ok()?)
}

/// Kea accepts host bits behind the prefix.
fn block(address: &str, length: u8) -> Option<Cidr> {
    let network = ipnet::IpNet::new(address.parse().ok()?, length).ok()?.trunc();
    Cidr::new(network.network(), network.prefix_len()).ok()
}

fn foreign(subnet: &Value, network: Cidr) -> Option<ForeignSubnet> {
    Some(ForeignSubnet { network, subnet_id: u32::try_from(subnet["id"].as_u64()?).ok()? })
}

/// Moves the marked subnets of `parent` to `ours`.
fn take_marked(protocol: Protocol, parent: &mut Value, ours: &mut Vec<Value>) {
    let Some(list) = parent.get_mut(protocol.subnets()).and_then(Value::as_array_mut) else { return };
    let is_marked = |subnet: &Value| subnet["user-context"][MARK].is_object();
    let (marked, rest): (Vec<_>, Vec<_>) = std::mem::take(list).into_iter().partition(is_marked);
    *list = rest;
    ours.extend(marked);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn marked(id: u32) -> Value {
        json!({"id": id, "subnet": format!("10.{id}.0.0/16"), "user-context": {"freehold": {"scope": format!("s{id}")}}})
    }

    fn running() -> Value {
        json!({"Dhcp4": {
            "unknown-key": {"kept": [1, 2.5, null]},
            "shared-networks": [{"name": "n", "subnet4": [marked(3), {"id": 8, "subnet": "10.8.1.9/16"}]}],
            "subnet4": [marked(5), {"id": 7, "subnet": "10.7.0.0/16", "user-context": {"comment": "by hand", "freehold": "a word"}}, marked(1)],
        }})
    }

    #[test]
    fn what_is_marked_is_ours_wherever_it_stands_and_the_rest_stays() {
        let config = Config::new(Protocol::V4, running());
        assert_eq!(config.ours(), [marked(1), marked(3), marked(5)]);
        let without = json!({"Dhcp4": {
            "unknown-key": {"kept": [1, 2.5, null]},
            "shared-networks": [{"name": "n", "subnet4": [{"id": 8, "subnet": "10.8.1.9/16"}]}],
            "subnet4": [{"id": 7, "subnet": "10.7.0.0/16", "user-context": {"comment": "by hand", "freehold": "a word"}}],
        }});
        assert_eq!(config.with(vec![]).whole().to_string(), without.to_string());
        let one = config.with(vec![marked(9)]);
        assert_eq!(one.whole()["Dhcp4"]["subnet4"][1], marked(9));
        assert_eq!(Config::new(Protocol::V4, one.whole()), one);
        assert_eq!(
            config.foreign_subnets(),
            [("10.7.0.0/16", 7), ("10.8.0.0/16", 8)]
                .map(|(network, subnet_id)| ForeignSubnet { network: network.parse().unwrap(), subnet_id })
        );
    }

    #[test]
    fn nothing_is_added_to_a_configuration_that_has_no_subnets() {
        let bare = json!({"Dhcp4": {}});
        let config = Config::new(Protocol::V4, bare.clone());
        assert_eq!(config.whole(), bare);
        assert_eq!(config.with(vec![marked(1)]).whole(), json!({"Dhcp4": {"subnet4": [marked(1)]}}));
    }
}
