//! Delegated prefixes: nobody else has an address of a block out of which prefixes are delegated, nor of a prefix that is reserved for a router.

use crate::model::{PrefixPool, Scope};
use crate::name::{ReservationName, SpaceName};
use crate::net::{Cidr, Family};
use crate::refusal::{Reason, Refusal};
use crate::state::State;

/// Most blocks of a scope.
pub const PREFIX_POOLS_MAX: usize = 64;
/// Most prefixes that a reservation delegates.
pub const PREFIXES_MAX: usize = 16;

/// Each block of a scope is well formed, and shares addresses with nothing else of the plan.
pub(super) fn pools_fit(state: &State, scope: &Scope) -> Result<(), Refusal> {
    if scope.prefix_pools.len() > PREFIX_POOLS_MAX {
        let message = format!("{} prefix pools; a scope has at most {PREFIX_POOLS_MAX}", scope.prefix_pools.len());
        return Err(Refusal::new(Reason::TooMany, message).at("prefix_pools"));
    }
    for (i, pool) in scope.prefix_pools.iter().enumerate() {
        pool_fits(state, scope, pool).map_err(|refusal| refusal.under(&format!("prefix_pools[{i}]")))?;
        let before = &scope.prefix_pools[..i];
        if let Some(other) = before.iter().find(|other| other.prefix.overlaps(&pool.prefix)) {
            let message = format!("{} shares addresses with {}, which is given before", pool.prefix, other.prefix);
            return Err(Refusal::new(Reason::ScopeOverlap, message).at(format!("prefix_pools[{i}].prefix")));
        }
    }
    Ok(())
}

fn pool_fits(state: &State, scope: &Scope, pool: &PrefixPool) -> Result<(), Refusal> {
    let block = pool.prefix;
    if scope.family() == Family::V4 || block.family() == Family::V4 {
        let message = "prefixes are delegated by DHCPv6 alone; leave the pool out";
        return Err(Refusal::new(Reason::InvalidValue, message).at("prefix"));
    }
    if !(block.prefix_len()..=128).contains(&pool.delegated_length) {
        let message = format!(
            "{block} cannot be cut into prefixes of {} bits; give {} to 128",
            pool.delegated_length,
            block.prefix_len()
        );
        return Err(Refusal::new(Reason::InvalidLength, message).at("delegated_length"));
    }
    let other = state.prefix_pools_overlapping(&scope.space, block).find(|(_, of)| **of != scope.name);
    if let Some((other, of)) = other {
        let message = format!("{of} delegates prefixes out of {other}, which shares addresses with {block}");
        return Err(Refusal::new(Reason::ScopeOverlap, message).at("prefix").about(of));
    }
    if let Some(network) = state.networks_overlapping(&scope.space, block).next() {
        let message =
            format!("{network} is a network and shares addresses with {block}; delegate what nobody else uses");
        return Err(Refusal::new(Reason::ScopeOverlap, message).at("prefix").about(network));
    }
    let reserved = state.reserved_prefixes_overlapping(&scope.space, block);
    let unfit = |(prefix, of): &(Cidr, &ReservationName)| of.scope != scope.name || !is_one_of(*prefix, pool);
    if let Some((prefix, of)) = reserved.into_iter().find(unfit) {
        let message = format!("{of} has {prefix}, which is none of the prefixes of {pool}");
        return Err(Refusal::new(Reason::ScopeOverlap, message).at("prefix").about(of));
    }
    Ok(())
}

/// Whether the pool would delegate just this prefix.
fn is_one_of(prefix: Cidr, pool: &PrefixPool) -> bool {
    pool.prefix.covers(&prefix) && prefix.prefix_len() == pool.delegated_length
}

/// What delegates prefixes that share addresses with `network`: the resource, and that in words. A network has no address that
/// may be delegated to a router.
pub(super) fn delegating<'a>(
    state: &'a State,
    space: &'a SpaceName,
    network: Cidr,
) -> impl Iterator<Item = (String, String)> + use<'a> {
    let shares = move |what: String| format!("{what}, which shares addresses with {network}");
    let pools = state
        .prefix_pools_overlapping(space, network)
        .map(move |(block, of)| (of.to_string(), shares(format!("{of} delegates prefixes out of {block}"))));
    let reserved = state
        .reserved_prefixes_overlapping(space, network)
        .map(move |(prefix, of)| (of.to_string(), shares(format!("{of} delegates {prefix}"))));
    pools.chain(reserved)
}

/// The prefixes that a reservation in `scope` is to delegate, sorted.
pub(super) fn reserved(
    state: &State,
    scope: &Scope,
    name: &ReservationName,
    prefixes: &[Cidr],
) -> Result<Vec<Cidr>, Refusal> {
    if prefixes.len() > PREFIXES_MAX {
        let message = format!("{} prefixes; a reservation delegates at most {PREFIXES_MAX}", prefixes.len());
        return Err(Refusal::new(Reason::TooMany, message).at("delegated_prefixes"));
    }
    for (i, prefix) in prefixes.iter().enumerate() {
        let fits = prefix_fits(state, scope, name, *prefix).and_then(|()| {
            match prefixes[..i].iter().find(|other| other.overlaps(prefix)) {
                Some(other) => Err(overlap(format!("{prefix} shares addresses with {other}, which is given before"))),
                None => Ok(()),
            }
        });
        fits.map_err(|refusal| refusal.at(format!("delegated_prefixes[{i}]")))?;
    }
    let mut sorted = prefixes.to_vec();
    sorted.sort();
    Ok(sorted)
}

fn overlap(message: String) -> Refusal {
    Refusal::new(Reason::ScopeOverlap, message)
}

fn prefix_fits(state: &State, scope: &Scope, name: &ReservationName, prefix: Cidr) -> Result<(), Refusal> {
    if prefix.family() == Family::V4 || scope.family() == Family::V4 {
        return Err(Refusal::new(Reason::InvalidValue, "prefixes are delegated by DHCPv6 alone; leave it out"));
    }
    if let Some(network) = state.networks_overlapping(&scope.space, prefix).next() {
        return Err(overlap(format!("{network} is a network and shares addresses with {prefix}")).about(network));
    }
    if let Some((other, of)) = state.reserved_prefixes_overlapping(&scope.space, prefix).find(|(_, of)| *of != name) {
        return Err(overlap(format!("{of} has {other}, which shares addresses with {prefix}")).about(of));
    }
    for (block, of) in state.prefix_pools_overlapping(&scope.space, prefix) {
        let pools = scope.prefix_pools.iter().filter(|_| *of == scope.name);
        if !pools.into_iter().any(|pool| pool.prefix == block && is_one_of(prefix, pool)) {
            let message = format!("{of} delegates other prefixes out of {block}, which share addresses with {prefix}");
            return Err(overlap(message).about(of));
        }
    }
    Ok(())
}
