//! Refused attempts go on record, but a flood of them cannot fill the ledger.
//!
//! In one minute the ledger takes at most [`PER_SOURCE`] of them from one source, at most [`FROM_STRANGERS`] from all sources that are not
//! known and at most [`FROM_PRINCIPALS`] from those that are; so strangers cannot hide what an insider tries. What is left out is counted, and
//! the next one that is recorded says how many there were. A source is a principal, or for strangers an address (of IPv6 its /64).

use super::standing::Principal;
use crate::engine::Engine;
use freehold_core::change::Actor;
use freehold_core::{Refusal, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

const WINDOW_MS: i64 = 60_000;
/// Entries of one source in a minute.
const PER_SOURCE: u32 = 10;
/// Entries of all unknown sources in a minute.
const FROM_STRANGERS: u32 = 30;
/// Entries of all known principals in a minute.
const FROM_PRINCIPALS: u32 = 300;

/// Puts refused attempts on record.
#[derive(Debug)]
pub struct Denials {
    engine: Engine,
    window: Mutex<Window>,
}

/// Who is behind an attempt, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Principal(String),
    Address(IpAddr),
}

/// What was recorded in this minute.
#[derive(Debug, Default)]
struct Window {
    begun: Timestamp,
    recorded: BTreeMap<Source, u32>,
    strangers: u32,
    principals: u32,
    left_out: u64,
}

impl Denials {
    /// Records into this engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine, window: Mutex::default() }
    }

    /// Puts an attempt on record, durably, or counts it if there were too many. An engine that has ended is logged: its end is told elsewhere.
    pub async fn record(
        &self,
        known: Option<&Principal>,
        actor: Actor,
        address: IpAddr,
        method: &str,
        refusal: &Refusal,
    ) {
        let source = match known {
            Some(principal) => Source::Principal(principal.to_string()),
            None => Source::Address(network(address)),
        };
        let admitted = self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(source, self.engine.now());
        let Some(left_out) = admitted else {
            tracing::debug!(%address, method, reason = %refusal.reason, "refused, and not recorded: there are too many");
            return;
        };
        tracing::info!(principal = actor.principal, %address, method, reason = %refusal.reason, "refused");
        let mut message = refusal.message.clone();
        if left_out > 0 {
            tracing::warn!(left_out, "refused attempts were not recorded, there were too many");
            message.push_str(&format!(
                " (before this, {left_out} refused attempts were not recorded: there were too many)"
            ));
        }
        if let Err(error) = self.engine.record_denied(actor, method.to_owned(), refusal.reason, message).await {
            tracing::error!(%error, "a refused attempt could not be recorded");
        }
    }
}

/// The network that counts as one source: whoever has one IPv6 address usually has a /64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
    }
}

impl Window {
    /// Whether an attempt of `source` is recorded; if so, how many were left out since the last one that was.
    fn admit(&mut self, source: Source, now: Timestamp) -> Option<u64> {
        if !(0..WINDOW_MS).contains(&now.since(self.begun)) {
            *self = Self { begun: now, left_out: self.left_out, ..Self::default() };
        }
        let (all, limit) = match &source {
            Source::Principal(_) => (&mut self.principals, FROM_PRINCIPALS),
            Source::Address(_) => (&mut self.strangers, FROM_STRANGERS),
        };
        // A source gets an entry here only if there is room for all, so the table is as bounded as the sums are.
        if *all >= limit || self.recorded.get(&source).is_some_and(|&count| count >= PER_SOURCE) {
            self.left_out += 1;
            return None;
        }
        *all += 1;
        *self.recorded.entry(source).or_default() += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(n: u32) -> Source {
        Source::Address(IpAddr::V4(n.into()))
    }

    fn admitted(window: &mut Window, attempts: impl Iterator<Item = Source>, now: i64) -> usize {
        attempts.filter(|source| window.admit(source.clone(), Timestamp(now)).is_some()).count()
    }

    #[test]
    fn one_source_is_recorded_ten_times_a_minute_and_the_rest_is_told_later() {
        let mut window = Window::default();
        assert_eq!(admitted(&mut window, (0..500).map(|_| stranger(1)), 100_000), 10);
        assert_eq!(window.admit(stranger(2), Timestamp(100_001)), Some(490));
        assert_eq!(admitted(&mut window, (0..500).map(|_| stranger(1)), 160_000), 10);
    }

    #[test]
    fn many_strangers_share_thirty_and_leave_the_insiders_theirs() {
        let mut window = Window::default();
        assert_eq!(admitted(&mut window, (0..10_000).map(stranger), 5), 30);
        assert_eq!(window.recorded.len(), 30);
        assert_eq!(admitted(&mut window, (0..20).map(|_| Source::Principal("operators/eve".into())), 5), 10);
    }

    #[test]
    fn a_clock_that_is_set_back_begins_a_new_minute() {
        let mut window = Window::default();
        assert_eq!(admitted(&mut window, (0..20).map(|_| stranger(1)), 1_000_000), 10);
        assert_eq!(admitted(&mut window, (0..20).map(|_| stranger(1)), 10), 10);
    }

    #[test]
    fn an_ipv6_source_is_its_64() {
        let network_of = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network_of("192.0.2.7"), "192.0.2.7");
    }
}
