use super::Moment;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use crate::change::{Change, Record};
use crate::command::{Etag, NewScope, ScopePatch};
use crate::model::{Exclusion, PrefixKind, Scope, ScopeStatus};
use crate::name::ScopeName;
use crate::net::AddressRange;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::sync::Arc;

/// Most ranges in a scope.
pub const RANGES_MAX: usize = 256;
/// Most exclusions in a scope: Kea 2.2 takes 0.2 s for 1,000 pools in a subnet and 3 s for 5,000.
pub const EXCLUSIONS_MAX: usize = 1000;
/// Most options in a scope.
pub const OPTIONS_MAX: usize = 254;

pub(super) fn create(state: &State, at: Moment, new: &NewScope) -> Result<Vec<Change>, Refusal> {
    if state.scope(&new.name).is_some() {
        return Err(already_exists(&new.name));
    }
    let subnet_id = state.next_subnet_id();
    let next = subnet_id.next().ok_or_else(|| {
        Refusal::new(Reason::SubnetIdsExhausted, "every subnet id was given to a scope once; ids are never reused")
    })?;
    let scope = Scope {
        name: new.name.clone(),
        space: new.space.clone(),
        network: new.network,
        subnet_id,
        ranges: sorted(&new.ranges),
        exclusions: sorted(&new.exclusions),
        options: new.options.clone(),
        lease_times: new.lease_times,
        status: new.status,
        server: new.server.clone(),
        description: new.description.clone(),
        stamp: at.made(),
    };
    serves_a_network(state, &scope)?;
    shares_no_address(state, &scope)?;
    holds_together(state, &scope).map_err(|refusal| refusal.under("scope"))?;
    Ok(vec![
        Change::made(Record::Scope(Arc::new(scope))),
        Change::changed(Record::NextSubnetId(subnet_id), Record::NextSubnetId(next)),
    ])
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &ScopeName,
    etag: Etag,
    patch: &ScopePatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::scope(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = Scope::clone(&before);
    if let Some(ranges) = &patch.ranges {
        after.ranges = sorted(ranges);
    }
    if let Some(exclusions) = &patch.exclusions {
        after.exclusions = sorted(exclusions);
    }
    after.options = patch.options.clone().unwrap_or(after.options);
    after.lease_times = patch.lease_times.unwrap_or(after.lease_times);
    after.status = patch.status.unwrap_or(after.status);
    after.server = patch.server.clone().unwrap_or(after.server);
    after.description = patch.description.clone().unwrap_or(after.description);
    if after == *before {
        return Ok(Vec::new());
    }
    holds_together(state, &after).map_err(|refusal| refusal.under("scope"))?;
    excludes_no_reservation(state, &after)?;
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Scope(before), Record::Scope(Arc::new(after)))])
}

pub(super) fn delete(state: &State, name: &ScopeName, etag: Etag, force: bool) -> Result<Vec<Change>, Refusal> {
    let before = lookup::scope(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let reservations: Vec<_> = state.reservations_in(name).cloned().collect();
    if !reservations.is_empty() && !force {
        let named: Vec<_> = reservations.iter().take(USERS_NAMED).map(|r| r.name.to_string()).collect();
        return Err(in_use(name, &named, reservations.len(), "delete those first, or set force to delete them too"));
    }
    let gone = reservations.into_iter().map(|reservation| Change::gone(Record::Reservation(reservation)));
    Ok(std::iter::once(Change::gone(Record::Scope(before))).chain(gone).collect())
}

fn sorted<T: Clone + Ord>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

fn serves_a_network(state: &State, scope: &Scope) -> Result<(), Refusal> {
    let name = scope.prefix();
    let prefix = lookup::prefix(state, &name).map_err(|_| {
        Refusal::new(Reason::PrefixNotFound, format!("{name} is not in the plan; create it as a network first"))
            .at("scope.network")
            .about(&name)
    })?;
    if prefix.kind == PrefixKind::Container {
        return Err(Refusal::new(
            Reason::ScopeOutsideNetwork,
            format!("{name} is a container and holds prefixes; a scope serves a network"),
        )
        .at("scope.network")
        .about(&name));
    }
    Ok(())
}

fn shares_no_address(state: &State, scope: &Scope) -> Result<(), Refusal> {
    match state.scope_overlapping(&scope.space, &scope.network) {
        Some(other) => Err(Refusal::new(
            Reason::ScopeOverlap,
            format!("{} already serves {}, which shares addresses with {}", other.name, other.network, scope.network),
        )
        .at("scope.network")
        .about(&other.name)),
        None => Ok(()),
    }
}

/// What must hold within a scope and towards its server, whatever else is in the plan.
fn holds_together(state: &State, scope: &Scope) -> Result<(), Refusal> {
    limits(scope)?;
    for (i, range) in scope.ranges.iter().enumerate() {
        let at = format!("ranges[{i}]");
        if !scope.network.range().covers(range) {
            return Err(Refusal::new(
                Reason::ScopeOutsideNetwork,
                format!("the range {range} does not lie in the network {}", scope.network),
            )
            .at(at));
        }
        if let Some(edge) = [range.start(), range.end()].into_iter().find(|address| !scope.network.usable(*address)) {
            return Err(Refusal::new(
                Reason::AddressNotUsable,
                format!("the range {range} holds {edge}, the network's own or its broadcast address; leave it out"),
            )
            .at(at));
        }
    }
    if let Some((i, pair)) = overlapping(&scope.ranges, |range| *range) {
        return Err(Refusal::new(
            Reason::InvalidRange,
            format!("the ranges {} and {} share addresses", pair[0], pair[1]),
        )
        .at(format!("ranges[{i}]")));
    }
    exclusions_fit(scope)?;
    server_fits(state, scope)
}

fn limits(scope: &Scope) -> Result<(), Refusal> {
    let counts = [
        ("ranges", scope.ranges.len(), RANGES_MAX),
        ("exclusions", scope.exclusions.len(), EXCLUSIONS_MAX),
        ("options", scope.options.len(), OPTIONS_MAX),
    ];
    match counts.into_iter().find(|(_, count, most)| count > most) {
        Some((field, count, most)) => {
            Err(Refusal::new(Reason::TooMany, format!("{count} {field}; a scope has at most {most}")).at(field))
        }
        None => Ok(()),
    }
}

fn exclusions_fit(scope: &Scope) -> Result<(), Refusal> {
    for (i, exclusion) in scope.exclusions.iter().enumerate() {
        if !scope.ranges.iter().any(|range| range.covers(&exclusion.range)) {
            return Err(Refusal::new(
                Reason::ExclusionOutsideScope,
                format!(
                    "the exclusion {} does not lie in a range of the scope; what is outside is never leased anyway",
                    exclusion.range
                ),
            )
            .at(format!("exclusions[{i}]")));
        }
    }
    match overlapping(&scope.exclusions, |exclusion: &Exclusion| exclusion.range) {
        Some((i, pair)) => Err(Refusal::new(
            Reason::ExclusionOverlap,
            format!("the exclusions {} and {} share addresses", pair[0].range, pair[1].range),
        )
        .at(format!("exclusions[{i}]"))),
        None => Ok(()),
    }
}

/// The first two neighbours of a sorted list that share an address, and the position of the second.
fn overlapping<T>(list: &[T], range: impl Fn(&T) -> AddressRange) -> Option<(usize, &[T])> {
    let at = list.windows(2).position(|pair| range(&pair[0]).overlaps(&range(&pair[1])))?;
    Some((at + 1, &list[at..at + 2]))
}

fn server_fits(state: &State, scope: &Scope) -> Result<(), Refusal> {
    let Some(name) = &scope.server else {
        return Ok(());
    };
    let server = lookup::server(state, name).map_err(|refusal| refusal.at("server"))?;
    let foreign = server.foreign_subnets.iter().find(|foreign| foreign.network.overlaps(&scope.network));
    match foreign.filter(|_| scope.status == ScopeStatus::Active) {
        Some(foreign) => Err(Refusal::new(
            Reason::ServedByServerItself,
            format!(
                "{name} serves {} (subnet id {}) by its own configuration, which Freehold does not touch; remove it there or adopt it first",
                foreign.network, foreign.subnet_id
            ),
        )
        .at("server")
        .about(name)),
        None => Ok(()),
    }
}

fn excludes_no_reservation(state: &State, scope: &Scope) -> Result<(), Refusal> {
    match state.reservations_in(&scope.name).find(|reservation| scope.excludes(reservation.name.address)) {
        Some(reservation) => Err(Refusal::new(
            Reason::AddressExcluded,
            format!("{} holds a reserved address; an excluded address takes no reservation", reservation.name),
        )
        .at("scope.exclusions")
        .about(&reservation.name)),
        None => Ok(()),
    }
}
