//! Challenges for late renewals: random, for one connection, good for a minute, once.

use freehold_core::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// How long a challenge is good, in seconds.
const GOOD_SECONDS: i64 = 60;
/// Open challenges at most; past that the oldest is forgotten, and its agent asks again.
const OPEN_MAX: usize = 16_384;

/// The challenges that have been given and not been answered.
#[derive(Debug, Default)]
pub(super) struct Challenges {
    open: BTreeMap<[u8; 32], Given>,
    order: VecDeque<([u8; 32], Timestamp)>,
}

#[derive(Debug)]
struct Given {
    binding: [u8; 32],
    until: Timestamp,
}

impl Challenges {
    /// Takes note that this nonce was given out on the connection with this binding.
    pub(super) fn give(&mut self, nonce: [u8; 32], binding: [u8; 32], now: Timestamp) {
        while let Some((oldest, until)) = self.order.front()
            && (*until < now || self.order.len() >= OPEN_MAX)
        {
            self.open.remove(oldest);
            self.order.pop_front();
        }
        let until = now.plus_seconds(GOOD_SECONDS);
        self.open.insert(nonce, Given { binding, until });
        self.order.push_back((nonce, until));
    }

    /// Uses a nonce up. Whether it was given on this connection, and is still good.
    pub(super) fn take(&mut self, nonce: &[u8; 32], binding: &[u8; 32], now: Timestamp) -> bool {
        self.open.remove(nonce).is_some_and(|given| given.binding == *binding && now <= given.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: [u8; 32] = [1; 32];
    const THERE: [u8; 32] = [2; 32];

    fn nonce(n: usize) -> [u8; 32] {
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&n.to_le_bytes());
        nonce
    }

    #[test]
    fn a_challenge_is_good_once_here_and_for_a_minute() {
        let mut challenges = Challenges::default();
        for n in 0..3 {
            challenges.give(nonce(n), HERE, Timestamp(1_000));
        }
        assert!(!challenges.take(&nonce(9), &HERE, Timestamp(1_000)), "never given");
        assert!(challenges.take(&nonce(0), &HERE, Timestamp(61_000)));
        assert!(!challenges.take(&nonce(0), &HERE, Timestamp(61_000)), "used up");
        assert!(!challenges.take(&nonce(1), &HERE, Timestamp(61_001)), "too late");
        assert!(!challenges.take(&nonce(2), &THERE, Timestamp(1_000)), "given on another connection");
    }

    #[test]
    fn a_flood_forgets_the_oldest_and_time_forgets_all() {
        let mut challenges = Challenges::default();
        for n in 0..OPEN_MAX + 5 {
            challenges.give(nonce(n), HERE, Timestamp(1_000));
        }
        assert_eq!((challenges.open.len(), challenges.order.len()), (OPEN_MAX, OPEN_MAX));
        assert!(!challenges.take(&nonce(4), &HERE, Timestamp(1_000)));
        assert!(challenges.take(&nonce(5), &HERE, Timestamp(1_000)));
        challenges.give(nonce(0), HERE, Timestamp(61_001));
        assert_eq!((challenges.open.len(), challenges.order.len()), (1, 1));
    }
}
