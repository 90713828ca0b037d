//! What Kea would make of a bundle: its own test of the configuration, how it would be changed, and what would be different in it. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use freehold_core::bundle::{Bundle, ResourceKey, ResourceKind};
use serde_json::Value;
use tokio::time::Instant;

use super::apply::{ApplyError, Kea, takes_commands, would_lose};
use super::config::Config;
use super::control::ConfigText;
use super::intent::Intent;
use super::live::{Change, head, reservations};
use super::plan::{Fault, plan};
use super::protocol::Protocol;
use super::readback::address;
use super::steps::{self, by_scope};

/// What would come of an apply.
#[derive(Debug, Clone, PartialEq)]
pub enum Preview {
    /// Kea runs it already.
    Runs,
    /// Kea's own test takes it.
    Accepted {
        /// The commands that would change it while it serves; `None` if it takes a `config-set`.
        commands: Option<Vec<String>>,
        differences: Vec<Difference>,
        /// How long the test took.
        test: Duration,
    },
    /// It cannot be served, or Kea's own test refuses it.
    Refused { faults: Vec<Fault>, message: String, differences: Vec<Difference> },
    /// It cannot be said now.
    Unable { message: String },
}

/// A part of the configuration, before and after, as it would be given to Kea.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub key: ResourceKey,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Kea {
    /// What would come of an apply of `to`. Kea tests the whole of the configuration, and serves meanwhile.
    pub async fn preview(&mut self, to: &Bundle) -> Result<Preview, ApplyError> {
        if Intent::open(&self.intent_file)?.is_some() {
            return Ok(Preview::Unable { message: "an apply was cut short and is not ended yet".to_owned() });
        }
        let known = self.look().await?.clone();
        if known.read_back.bundle == *to {
            return Ok(Preview::Runs);
        }
        let refused =
            |faults: Vec<Fault>, message: String, differences| Preview::Refused { faults, message, differences };
        if let Some(message) = would_lose(&known.config) {
            return Ok(refused(Vec::new(), message, Vec::new()));
        }
        let planned = match plan(to, &known.config) {
            Ok(planned) => planned,
            Err(faults) => {
                let message = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
                return Ok(refused(faults, message, Vec::new()));
            }
        };
        // What Kea shows has values that were never given to it; what it would be given today for what it runs has none of them.
        let given =
            plan(&known.read_back.bundle, &known.config).map_or_else(|_| known.config.clone(), |given| given.config);
        let differences = differences(&given, &planned.config);
        let text = ConfigText::of(&planned.config.whole());
        let begun = Instant::now();
        if let Some((faults, message)) = self.test(to, &known.config, &text).await? {
            return Ok(refused(faults, message, differences));
        }
        let test = begun.elapsed();
        let commands = takes_commands(&known).then(|| {
            let difference = known.read_back.bundle.diff(to);
            let touched = plan(&steps::touched(&known.read_back.bundle, to, &difference), &known.config).ok()?;
            steps::changes(known.abilities, &known.config, &touched.config, &difference)
        });
        let commands =
            commands.flatten().map(|changes| changes.iter().map(|change| named(self.protocol(), change)).collect());
        Ok(Preview::Accepted { commands, differences, test })
    }
}

/// A command as Kea calls it.
fn named(protocol: Protocol, change: &Change) -> String {
    let text = change.to_string();
    match text.strip_prefix("subnet") {
        Some(rest) => format!("{}{rest}", protocol.subnets()),
        None => text,
    }
}

/// What is different between Freehold's parts of two configurations: subnets without their reservations, and reservations.
fn differences(before: &Config, after: &Config) -> Vec<Difference> {
    let (before, after) = (parts(before), parts(after));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differing = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    differing
        .map(|key| Difference { key: key.clone(), before: before.get(key).cloned(), after: after.get(key).cloned() })
        .collect()
}

fn parts(config: &Config) -> BTreeMap<ResourceKey, Value> {
    let mut parts = BTreeMap::new();
    for (scope, subnet) in by_scope(config.ours()) {
        parts.insert(ResourceKey { kind: ResourceKind::Scope, id: scope.to_owned() }, head(subnet));
        for host in reservations(subnet) {
            let id = format!("{scope}/{}", address(host));
            parts.insert(ResourceKey { kind: ResourceKind::Reservation, id }, host.clone());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{bundle, host, scope};
    use super::*;
    use freehold_proto::sync::{ScopeResource, reservation_resource::Client};
    use serde_json::json;

    #[test]
    fn what_is_different_is_told_by_scope_and_reservation() {
        let nothing = Config::new(Protocol::V4, json!({}));
        let hosts = |client: u8| [host("a", "10.77.9.1", Client::Hardware(vec![2, 0, 0, 0, 0, client]))];
        let config =
            |scopes: &[ScopeResource], client: u8| plan(&bundle(scopes, &hosts(client)), &nothing).unwrap().config;
        let (a, b) = (scope("a", 7, "10.77.0.0/16"), scope("b", 8, "10.78.0.0/16"));
        let before = config(&[a.clone(), b], 1);
        let after = config(&[ScopeResource { valid_seconds: 700, ..a.clone() }, scope("c", 9, "10.79.0.0/16")], 1);
        let told = |before: &Config, after: &Config| -> Vec<_> {
            let told = differences(before, after);
            told.iter().map(|it| (it.key.to_string(), it.before.is_some(), it.after.is_some())).collect()
        };
        let row = |key: &str, before, after| (key.to_owned(), before, after);
        assert_eq!(
            told(&before, &after),
            [row("scope a", true, true), row("scope b", true, false), row("scope c", false, true)]
        );
        let alone = [a];
        let lifetime = &differences(&before, &after)[0];
        assert_eq!(lifetime.before.as_ref().unwrap()["valid-lifetime"], 600);
        assert_eq!(lifetime.after.as_ref().unwrap()["valid-lifetime"], 700);
        assert_eq!(lifetime.after.as_ref().unwrap().get("reservations"), None);
        assert_eq!(told(&config(&alone, 1), &config(&alone, 2)), [row("reservation a/10.77.9.1", true, true)]);
    }
}
