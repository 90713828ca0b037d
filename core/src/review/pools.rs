//! Pools that have nothing left, or never had.

use super::Look;
use super::finding::{Said, named};
use crate::model::PrefixPool;
use crate::net::subtract;

/// From where on a pool has almost nothing left, in percent.
const NEARLY_PERCENT: f64 = 95.0;

pub(super) fn exhausted(look: &Look<'_>) -> Option<Said> {
    let counts = &look.counts;
    (counts.used() > 0 && counts.available == 0)
        .then(|| format!("all {} addresses of {} are in use", counts.used(), look.scope.name).into())
}

pub(super) fn nearly_exhausted(look: &Look<'_>) -> Option<Said> {
    let counts = &look.counts;
    let used = counts.used_percent().filter(|used| *used >= NEARLY_PERCENT && counts.available > 0)?;
    Some(format!("{} addresses of {} are left, {used:.1} % are in use", counts.available, look.scope.name).into())
}

/// How many prefixes of a pool are delegated.
fn delegated(look: &Look<'_>, pool: &PrefixPool) -> u128 {
    let server = look.scope.server.as_ref();
    let Some(book) = server.and_then(|server| look.facts.book.of(server)) else { return 0 };
    let inside = book.leases.range(pool.prefix.network()..=pool.prefix.last());
    inside.filter(|(_, lease)| lease.delegated().is_some()).count() as u128
}

pub(super) fn prefixes_nearly_exhausted(look: &Look<'_>) -> Option<Said> {
    let pools = &look.scope.prefix_pools;
    let all = pools.iter().fold(0u128, |sum, pool| sum.saturating_add(pool.count()));
    let used: u128 = pools.iter().map(|pool| delegated(look, pool)).sum();
    (all > 0 && used.saturating_mul(100) >= all.saturating_mul(95))
        .then(|| format!("{used} of the {all} prefixes of {} ({}) are delegated", look.scope.name, named(pools)).into())
}

pub(super) fn delegated_too_long(look: &Look<'_>) -> Option<Said> {
    let long: Vec<_> = look.scope.prefix_pools.iter().filter(|pool| pool.delegated_length > 64).collect();
    (!long.is_empty()).then(|| format!("{} delegates {}", look.scope.name, named(&long)).into())
}

pub(super) fn serves_nobody(look: &Look<'_>) -> Option<Said> {
    let (scope, state) = (look.scope, look.facts.state);
    let leases = !scope.ranges.is_empty() || !scope.prefix_pools.is_empty();
    let taken = || state.taken(&scope.space, scope.family()).count_in(scope.network.range().numbers()) > 0;
    (!leases && !taken())
        .then(|| format!("{} is active, and nothing in {} can be leased", scope.name, scope.network).into())
}

pub(super) fn range_excluded(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    let exclusions: Vec<_> = scope.exclusions.iter().map(|exclusion| exclusion.range).collect();
    let whole = scope.ranges.iter().filter(|range| subtract(&[**range], &exclusions).is_empty());
    let whole: Vec<_> = whole.collect();
    (!whole.is_empty()).then(|| format!("exclusions of {} cover all of {}", scope.name, named(&whole)).into())
}
