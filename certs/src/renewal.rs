//! When certificates are renewed: decisions, and nothing that acts on them.
//!
//! An agent's certificate lives 30 days and renews from day 10 ± 10 %, so a branch may be cut off for about 20 days without ceremony, and
//! 10,000 agents enrolled in one hour do not come back in one hour.

use std::time::{Duration, SystemTime};

use crate::validity::Validity;

/// The moment from which a certificate is to be renewed: a third of its life, ± 10 % of that third.
///
/// `jitter` is any number, drawn once for each certificate and spread evenly over all of `u32`: 0 gives 9 days of 30, the largest gives 11.
pub fn renew_from(validity: Validity, jitter: u32) -> SystemTime {
    let life = validity.not_after.duration_since(validity.not_before).unwrap_or(Duration::ZERO);
    let earliest = life * 3 / 10;
    let spread = life / 15;
    let share = spread.mul_f64(f64::from(jitter) / f64::from(u32::MAX));
    validity.not_before + earliest + share
}

/// The moment from which a controller renews its intermediate: half of its life, so that no leaf's end is cut short by it.
pub fn renew_intermediate_from(validity: Validity) -> SystemTime {
    let life = validity.not_after.duration_since(validity.not_before).unwrap_or(Duration::ZERO);
    validity.not_before + life / 2
}
