//! Lease times that cost more than they give.

use super::Look;
use super::finding::Said;
use crate::model::{LeaseTimes, Scope};
use crate::net::Family;
use crate::usage::Counts;

/// Renewals a second of one full pool, at most. A server on a small machine commits some thousand leases a second; after an outage clients that renew
/// every minute all come within that minute, beside those that begin.
pub(super) const RENEWALS_MAX: u128 = 100;
/// The shortest lease of a pool that is not small, in seconds.
const SHORT_SECONDS: u32 = 300;
/// How many addresses a small pool has.
const SMALL_POOL: u128 = 256;
/// A lease that is long, in seconds: a week.
const LONG_SECONDS: u32 = 7 * 86_400;
/// From where on a pool is almost full, in percent.
const FULL_PERCENT: f64 = 80.0;

/// When clients renew (T1), in seconds: as they are told, or after half of the lease.
pub(super) fn renew_seconds(times: &LeaseTimes) -> u32 {
    times.renew_seconds().unwrap_or(times.valid_seconds() / 2).max(1)
}

/// How many clients there can be: as many as its pool has addresses; in IPv6, as there are now.
pub(super) fn clients(scope: &Scope, counts: &Counts) -> u128 {
    match scope.family() {
        Family::V4 => u128::from(counts.used()) + counts.available,
        Family::V6 => counts.used().into(),
    }
}

pub(super) fn renew_storm(look: &Look<'_>) -> Option<Said> {
    let times = &look.scope.lease_times;
    let (clients, renew, valid) = (clients(look.scope, &look.counts), renew_seconds(times), times.valid_seconds());
    let rate = clients / u128::from(renew);
    let often = rate > RENEWALS_MAX;
    (often || (valid < SHORT_SECONDS && clients > SMALL_POOL)).then(|| {
        let name = &look.scope.name;
        format!("{clients} clients of {name} renew leases of {valid} s after {renew} s, which is {rate} a second")
            .into()
    })
}

pub(super) fn late_renewal(look: &Look<'_>) -> Option<Said> {
    let times = &look.scope.lease_times;
    let beyond = |seconds: Option<u32>, percent: u64| {
        let late = |seconds: &u32| u64::from(*seconds) * 100 > u64::from(times.valid_seconds()) * percent;
        seconds.filter(late)
    };
    let late = [
        beyond(times.renew_seconds(), 80).map(|seconds| format!("renew after {seconds} s")),
        beyond(times.rebind_seconds(), 95).map(|seconds| format!("rebind after {seconds} s")),
    ];
    let late: Vec<_> = late.into_iter().flatten().collect();
    (!late.is_empty()).then(|| {
        format!("clients of {} {} of a lease of {} s", look.scope.name, late.join(" and "), times.valid_seconds())
            .into()
    })
}

pub(super) fn preferred_ends_early(look: &Look<'_>) -> Option<Said> {
    let times = &look.scope.lease_times;
    let (preferred, renew) = (times.effective_preferred_seconds(), renew_seconds(times));
    (look.scope.family() == Family::V6 && preferred <= renew).then(|| {
        let name = &look.scope.name;
        format!("addresses of {name} are preferred for {preferred} s, and clients renew after {renew} s").into()
    })
}

pub(super) fn long_leases_in_full_pool(look: &Look<'_>) -> Option<Said> {
    let valid = look.scope.lease_times.valid_seconds();
    let used = look.counts.used_percent().filter(|used| *used >= FULL_PERCENT && valid >= LONG_SECONDS)?;
    let leased = look.counts.leased > 0;
    leased.then(|| {
        let days = f64::from(valid) / 86_400.0;
        format!("{:.1} % of {} are in use, and a lease is good for {days:.1} days", used, look.scope.name).into()
    })
}
