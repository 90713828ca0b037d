//! Any network that a filter takes and that has room: the order of an allocation that does not care which.

use super::allocate::invalid;
use crate::api::sight::Sight;
use freehold_core::State;
use freehold_core::address::Room;
use freehold_core::command::Place;
use freehold_core::filter::Filter;
use freehold_core::lease::LeaseBook;
use freehold_core::model::{Prefix, PrefixKind, PrefixStatus, ViewKind};
use freehold_core::name::{PrefixName, SpaceName};
use freehold_core::net::Cidr;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::rows::{self, PrefixRow};
use freehold_core::time::Timestamp;
use freehold_proto::v1::AllocateAddressesRequest;

/// Networks that are tried in one order. That they had room was true a moment ago; who finds all of them full by now is refused,
/// and asks again.
const TRIED: usize = 32;

/// The first networks within the parent, of those in which the caller may give addresses out, that the request's filter takes and that have room for `count` addresses.
pub(super) fn fitting(
    sight: &Sight,
    state: &State,
    book: &LeaseBook,
    message: &AllocateAddressesRequest,
    count: u32,
    now: Timestamp,
) -> Result<Place, Refusal> {
    if !message.addresses.is_empty() {
        return Err(invalid("filter", "addresses that are given lie where they lie; leave the filter out"));
    }
    if !message.networks.is_empty() {
        return Err(invalid("filter", "give networks to choose from, or a filter that finds some, but not both"));
    }
    let (space, within) = within(sight, state, &message.parent)?;
    let filter = rows::bind(state, ViewKind::Prefixes, &message.filter, now)?;
    let takes = |prefix: &Prefix| {
        prefix.kind == PrefixKind::Network
            && prefix.status == PrefixStatus::Active
            && sight.reach.covers_prefix(&prefix.name)
            && within.is_none_or(|within| within.covers(&prefix.name.cidr))
            && filter.as_ref().is_none_or(|filter: &Filter| filter.matches(&PrefixRow::new(state, prefix)))
    };
    let mut taken = 0_usize;
    let mut found = Vec::new();
    for prefix in state.prefixes_in(&space).filter(|prefix| takes(prefix)) {
        taken += 1;
        if Room::of_network(state, book, prefix).free() >= u128::from(count) {
            found.push(prefix.name.clone());
            if found.len() == TRIED {
                break;
            }
        }
    }
    match (found.is_empty(), taken) {
        (false, _) => Ok(Place::OneOf(found)),
        (true, 0) => Err(Refusal::new(
            Reason::PrefixNotFound,
            format!("no active network in {} is one that the filter takes", message.parent),
        )
        .at("filter")),
        (true, _) => Err(Refusal::new(
            Reason::NoFreeAddress,
            format!("the filter takes {taken} networks in {}, and none has {count} free addresses", message.parent),
        )
        .at("filter")),
    }
}

/// The space that is looked through, and the part of it.
fn within(sight: &Sight, state: &State, parent: &str) -> Result<(SpaceName, Option<Cidr>), Refusal> {
    if parent.contains("/prefixes/") {
        let name: PrefixName = parent.parse().map_err(|refusal: Refusal| refusal.at("parent"))?;
        sight.allows(sight.reach.meets(&name.space, &name.cidr), &name)?;
        let there = state.prefix(&name);
        there.ok_or_else(|| {
            Refusal::new(Reason::PrefixNotFound, format!("{name} does not exist")).at("parent").about(&name)
        })?;
        return Ok((name.space, Some(name.cidr)));
    }
    if parent.starts_with("scopes/") {
        return Err(invalid("parent", "a filter chooses among the networks of a space or a container; a scope is one"));
    }
    let name: SpaceName = parent.parse().map_err(|refusal: Refusal| refusal.at("parent"))?;
    sight.allows(sight.reach.meets_space(&name), &name)?;
    let there = state.space(&name);
    there.ok_or_else(|| {
        Refusal::new(Reason::SpaceNotFound, format!("{name} does not exist")).at("parent").about(&name)
    })?;
    Ok((name, None))
}
