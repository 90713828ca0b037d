//! When certificates are renewed: decisions, and nothing that acts on them.
//!
//! An agent's certificate lives 30 days and renews from day 10 ± 10 %, so a branch may be cut off for about 20 days without ceremony, and
//! 10,000 agents enrolled in one hour do not come back in one hour.

use std::time::{Duration, SystemTime};

use crate::validity::Validity;

/// How late after its end a certificate's key may still prove itself: 180 days.
pub const LATE_MAX: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// How often an agent may come late before it needs a new token.
pub const LATE_RENEWALS_MAX: u32 = 3;

/// Why an expired certificate's key no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLate {
    /// The certificate holds: the ordinary renewal is the way.
    #[error("the certificate has not expired: renew it over a connection that presents it")]
    NotExpired,
    /// More than [`LATE_MAX`] have passed.
    #[error(
        "the certificate expired more than 180 days ago: enrol the agent again with a new token (freehold agent token create)"
    )]
    LongAgo,
    /// It has come late [`LATE_RENEWALS_MAX`] times.
    #[error(
        "the agent has renewed too late three times already: enrol it again with a new token (freehold agent token create)"
    )]
    TooOften,
}

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

/// Whether the key of an expired certificate may still renew it. `late_renewals` counts how often this agent came late before.
pub fn may_renew_late(validity: Validity, now: SystemTime, late_renewals: u32) -> Result<(), TooLate> {
    let late = now.duration_since(validity.not_after).map_err(|_| TooLate::NotExpired)?;
    if late.is_zero() {
        return Err(TooLate::NotExpired);
    }
    if late > LATE_MAX {
        return Err(TooLate::LongAgo);
    }
    if late_renewals >= LATE_RENEWALS_MAX {
        return Err(TooLate::TooOften);
    }
    Ok(())
}
