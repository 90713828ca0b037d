//! How many agents may come in at once (P25): a controller that restarts meets all of its agents within
//! seconds, and must neither fall over nor make any of them wait for ever.

use freehold_core::name::ServerName;
use std::collections::{BTreeSet, VecDeque};

/// Handshakes let in per second.
pub const HANDSHAKES_PER_SECOND: u64 = 500;
/// Snapshots being built or sent at once.
pub const SNAPSHOTS_MAX: usize = 64;

/// Lets handshakes in at an even pace.
#[derive(Debug, Clone, Default)]
pub struct Handshakes {
    /// Microseconds at which the next one is due.
    next_due: u64,
}

impl Handshakes {
    /// How long the handshake that arrives now has to wait, in milliseconds. A quarter of a second's worth
    /// may come in at once; the rest queue up behind each other.
    pub fn wait_ms(&mut self, ticks: u64) -> u64 {
        const GAP: u64 = 1_000_000 / HANDSHAKES_PER_SECOND;
        const BURST: u64 = 250_000;
        let now = ticks * 1000;
        self.next_due = self.next_due.max(now.saturating_sub(BURST)) + GAP;
        self.next_due.saturating_sub(now) / 1000
    }
}

/// Who is being sent a snapshot and who waits for that, in the order in which they asked.
#[derive(Debug, Clone, Default)]
pub struct Snapshots {
    building: BTreeSet<ServerName>,
    waiting: VecDeque<ServerName>,
}

impl Snapshots {
    /// Asks for a slot. `true` if there is one now; otherwise it comes out of [`Snapshots::release`].
    pub fn ask(&mut self, server: &ServerName) -> bool {
        if self.building.contains(server) {
            return true;
        }
        if self.building.len() < SNAPSHOTS_MAX {
            self.building.insert(server.clone());
            return true;
        }
        if !self.waiting.contains(server) {
            self.waiting.push_back(server.clone());
        }
        false
    }

    /// Gives a slot, or a place in the queue, back. Returns who has the slot now.
    pub fn release(&mut self, server: &ServerName) -> Option<ServerName> {
        self.waiting.retain(|waiting| waiting != server);
        if !self.building.remove(server) {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.building.insert(next.clone());
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(n: usize) -> ServerName {
        format!("servers/agent-{n}/kea4").parse().expect("a name")
    }

    #[test]
    fn p25_ten_thousand_handshakes_at_once_are_spread_over_twenty_seconds() {
        let mut handshakes = Handshakes::default();
        let waits: Vec<_> = (0..10_000).map(|_| handshakes.wait_ms(5_000)).collect();
        assert_eq!((waits[0], waits[124]), (0, 0));
        assert_eq!(waits[9_999], (10_000 - 125) * 2);
        for second in 0..19u64 {
            let in_it = waits.iter().filter(|wait| (second * 1000 + 1..=(second + 1) * 1000).contains(*wait)).count();
            assert_eq!(in_it, 500, "second {second}");
        }
        assert_eq!(handshakes.wait_ms(60_000), 0, "a pause fills the allowance again");
    }

    #[test]
    fn p25_the_65th_snapshot_waits_for_one_to_end() {
        let mut snapshots = Snapshots::default();
        assert!((0..64).all(|n| snapshots.ask(&server(n))));
        assert!(!snapshots.ask(&server(64)) && !snapshots.ask(&server(65)) && !snapshots.ask(&server(64)));
        assert!(snapshots.ask(&server(3)), "asking twice takes one slot");
        assert_eq!(snapshots.release(&server(65)), None, "who leaves the queue frees no slot");
        assert_eq!(snapshots.release(&server(0)), Some(server(64)));
        assert_eq!(snapshots.release(&server(1)), None);
        assert!(snapshots.ask(&server(66)));
    }
}
