//! Addresses that Kea must not lease from now on, until its configuration says so.
//!
//! A hold or a claim takes an address out of the pools, which is a `config-set`, and that waits for its turn. Until then a declined lease that is nobody's
//! stands on the address: `lease4-add` or `lease6-add` with state 1 takes half a millisecond, loses no packet, and works alike on Kea 2.2, 2.6 and 3.0. It is refused where any lease is,
//! so nobody's is ever overwritten. Once the pools are without the address the lease is taken away; left behind by a crash it ends by itself.
//!
//! These leases are marked in their `user-context`, and are no leases to anybody else ([`is_placeholder`]).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use freehold_core::bundle::{Bundle, ResourceKind};
use freehold_core::net::{AddressRange, family, from_number, to_number};
use freehold_proto::sync::ScopeResource;
use prost::Message;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracing::{debug, warn};

use super::control::{ControlError, ControlSocket, LOOKUP_TIME_MAX, Outcome};
use super::protocol::Protocol;
use super::render::MARK;

/// How long a placeholder stays if nobody takes it away.
const LIFETIME: Duration = Duration::from_secs(600);
/// One that is about to end is not taken away: the next lease on the address might be a client's.
const LAST: Duration = Duration::from_secs(10);
/// More addresses than that are not single holds or claims; they wait for the configuration.
const ADDRESSES_MAX: usize = 256;

/// Whether a lease with this `user-context` is a placeholder.
pub fn is_placeholder(context: Option<&Map<String, Value>>) -> bool {
    context.is_some_and(|context| context.get(MARK).is_some_and(|mark| mark["hold"] == true))
}

/// The placeholders on one Kea.
#[derive(Debug, Default)]
pub struct Bridge {
    /// When each ends.
    placed: BTreeMap<IpAddr, Instant>,
    /// This Kea has no lease commands.
    unsupported: bool,
}

impl Bridge {
    /// Puts a placeholder on each address that is in a pool of what Kea `runs` and in none of what is `wanted`, and takes away those that are not needed
    /// any more. What cannot be placed waits for the configuration, as it would without.
    pub async fn keep(&mut self, kea: &ControlSocket, runs: &Bundle, wanted: &Bundle) {
        if self.unsupported {
            return;
        }
        let leaving = leaving(runs, wanted);
        let done: Vec<_> = self.placed.keys().filter(|address| !leaving.contains_key(address)).copied().collect();
        for address in done {
            let ends = self.placed.remove(&address);
            if ends.is_some_and(|ends| ends > Instant::now() + LAST)
                && let Err(error) = take_away(kea, address).await
            {
                warn!(%address, error = %error, "a placeholder could not be taken away; it ends by itself");
            }
        }
        self.placed.retain(|_, ends| *ends > Instant::now());
        for (address, subnet_id) in leaving {
            if self.placed.contains_key(&address) {
                continue;
            }
            let ends = Instant::now() + LIFETIME;
            match place(kea, address, subnet_id).await {
                Ok(Outcome::Success) => drop(self.placed.insert(address, ends)),
                Ok(Outcome::Unsupported) => {
                    warn!("Kea has no lease_cmds hook: holds and claims bite only with the next configuration");
                    self.unsupported = true;
                    return;
                }
                // There is a lease, live or remembered: whose that is, the controller sees by the barrier.
                Ok(outcome) => debug!(%address, ?outcome, "no placeholder"),
                Err(error) => {
                    warn!(%address, error = %error, "a placeholder could not be placed; the next configuration says so");
                    return;
                }
            }
        }
    }
}

/// The addresses that leave the pools of a scope which stays, with its subnet's id; none if they are too many.
fn leaving(runs: &Bundle, wanted: &Bundle) -> BTreeMap<IpAddr, u32> {
    let mut leaving = BTreeMap::new();
    for (key, before) in runs.resources().iter().filter(|(key, _)| key.kind == ResourceKind::Scope) {
        let Some(after) = wanted.resources().get(key).filter(|after| after.body() != before.body()) else { continue };
        let (Ok(before), Ok(after)) = (ScopeResource::decode(before.body()), ScopeResource::decode(after.body()))
        else {
            continue;
        };
        if before.subnet_id != after.subnet_id {
            continue;
        }
        let after = pools(&after);
        for range in pools(&before) {
            let (family, last) = (family(range.start()), *range.numbers().end());
            let mut next = Some(*range.numbers().start());
            while let Some(number) = next.filter(|number| *number <= last) {
                let Some(address) = from_number(family, number) else { break };
                // A pool that has it is passed as a whole.
                next = match after.iter().find(|range| range.contains(address)) {
                    Some(range) => to_number(range.end()).checked_add(1),
                    None => {
                        leaving.insert(address, before.subnet_id);
                        number.checked_add(1)
                    }
                };
                if leaving.len() > ADDRESSES_MAX {
                    return BTreeMap::new();
                }
            }
        }
    }
    leaving
}

/// The pools of addresses. Of delegated prefixes none is held.
fn pools(scope: &ScopeResource) -> Vec<AddressRange> {
    scope.pools.iter().filter_map(|pool| format!("{}-{}", pool.start, pool.end).parse().ok()).collect()
}

async fn place(kea: &ControlSocket, address: IpAddr, subnet_id: u32) -> Result<Outcome, ControlError> {
    let command = kea.protocol().commands().lease_add;
    let mut lease = json!({
        "ip-address": address,
        "subnet-id": subnet_id,
        "valid-lft": LIFETIME.as_secs(),
        "state": 1,
        "user-context": {MARK: {"hold": true}},
    });
    // Nobody's: Kea wants one.
    match kea.protocol() {
        Protocol::V4 => lease["hw-address"] = json!("00:00:00:00:00:00"),
        Protocol::V6 => (lease["duid"], lease["iaid"]) = (json!("00:00:00"), json!(0)),
    }
    let request = json!({"command": command, "arguments": lease});
    Ok(kea.exchange(command, &request.to_string(), LOOKUP_TIME_MAX).await?.outcome)
}

/// Takes a placeholder away, if the lease there is still one.
async fn take_away(kea: &ControlSocket, address: IpAddr) -> Result<(), ControlError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Found {
        user_context: Option<Map<String, Value>>,
    }
    let of = |command: &str| json!({"command": command, "arguments": {"ip-address": address}}).to_string();
    let commands = kea.protocol().commands();
    let answer = kea.exchange(commands.lease_get, &of(commands.lease_get), LOOKUP_TIME_MAX).await?;
    if answer.outcome == Outcome::Empty {
        return Ok(());
    }
    let answer = kea.success(commands.lease_get, answer)?;
    let found: Found = kea.arguments(commands.lease_get, answer)?;
    if is_placeholder(found.user_context.as_ref()) {
        kea.exchange(commands.lease_del, &of(commands.lease_del), LOOKUP_TIME_MAX).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{bundle, scope};
    use super::*;
    use freehold_proto::sync::PoolRange;

    fn with(pools: &[(&str, &str)]) -> Bundle {
        let range = |(start, end): &(&str, &str)| PoolRange { start: (*start).to_owned(), end: (*end).to_owned() };
        let other = scope("other", 9, "10.78.0.0/16");
        bundle(
            &[ScopeResource { pools: pools.iter().map(range).collect(), ..scope("a", 7, "10.77.0.0/16") }, other],
            &[],
        )
    }

    #[test]
    fn what_leaves_the_pools_is_found() {
        let check = |before: &[(&str, &str)], after: &[(&str, &str)], expected: &[&str]| {
            let found: Vec<_> = leaving(&with(before), &with(after)).into_keys().map(|a| a.to_string()).collect();
            assert_eq!(found, expected, "{before:?} {after:?}");
        };
        let whole = [("10.77.1.0", "10.77.1.9")];
        check(&whole, &whole, &[]);
        check(&whole, &[("10.77.1.0", "10.77.1.3"), ("10.77.1.5", "10.77.1.9")], &["10.77.1.4"]);
        check(&[("10.77.1.0", "10.77.1.3"), ("10.77.1.5", "10.77.1.9")], &whole, &[]);
        check(&whole, &[("10.77.1.1", "10.77.1.8")], &["10.77.1.0", "10.77.1.9"]);
        check(&[("10.77.1.0", "10.77.1.1"), ("10.77.2.0", "10.77.2.0")], &[], &["10.77.1.0", "10.77.1.1", "10.77.2.0"]);
        // A range that somebody takes away is no hold.
        check(&[("10.77.1.0", "10.77.9.0")], &[("10.77.1.0", "10.77.1.9")], &[]);
        assert_eq!(leaving(&with(&whole), &Bundle::default()).len(), 0, "the scope goes");
    }
}
