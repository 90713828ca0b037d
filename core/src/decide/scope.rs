use super::assignment::not_assigned;
use super::labels;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use super::server;
use super::{Moment, delegation};
use crate::capability::{Feature, supports};
use crate::change::{Change, Record};
use crate::command::{Etag, NewScope, ScopePatch};
use crate::labels::Labelled;
use crate::model::{LabelledKind, Link, PrefixKind, Scope, ScopeStatus, SubnetId};
use crate::name::{AddressName, ReservationName, ScopeName, ServerName};
use crate::net::{AddressRange, Family, family};
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
        return Err(already_exists(&new.name, "scope_id"));
    }
    let (subnet_id, next) = free_subnet_id(state, new.server.as_ref())?;
    let mut scope = Scope {
        name: new.name.clone(),
        space: new.space.clone(),
        network: new.network,
        subnet_id,
        ranges: new.ranges.clone(),
        exclusions: new.exclusions.clone(),
        prefix_pools: new.prefix_pools.clone(),
        options: new.options.clone(),
        lease_times: new.lease_times,
        link: new.link.clone(),
        status: new.status,
        server: new.server.clone(),
        description: new.description.clone(),
        labels: labels::fitting(state, LabelledKind::Scope, &new.labels).map_err(|refusal| refusal.under("scope"))?,
        stamp: at.made(),
    };
    let fits = || {
        serves_a_network(state, &scope)?;
        shares_no_address(state, &scope)?;
        holds_together(&scope)?;
        delegation::pools_fit(state, &scope)?;
        takes_no_used_address(state, &scope)?;
        complete(state, &scope)?;
        served(state, &scope, None)
    };
    fits().map_err(|refusal: Refusal| refusal.under("scope"))?;
    in_order(&mut scope);
    Ok(vec![
        Change::made(Record::Scope(Arc::new(scope))),
        Change::changed(Record::NextSubnetId(state.next_subnet_id()), Record::NextSubnetId(next)),
    ])
}

fn in_order(scope: &mut Scope) {
    scope.ranges.sort();
    scope.exclusions.sort();
    scope.prefix_pools.sort();
    scope.link.relays.sort();
}

fn complete(state: &State, scope: &Scope) -> Result<(), Refusal> {
    labels::complete(state, LabelledKind::Scope, Labelled::Scope(scope))
}

/// The next subnet id that no foreign subnet of the server has, and the one after it.
fn free_subnet_id(state: &State, server: Option<&ServerName>) -> Result<(SubnetId, SubnetId), Refusal> {
    let foreign = server.and_then(|name| state.server(name)).map_or(&[][..], |server| &server.foreign_subnets);
    let taken = |id: SubnetId| foreign.iter().any(|foreign| foreign.subnet_id == id.number());
    let mut ids = std::iter::successors(Some(state.next_subnet_id()), |id| id.next());
    let id = ids.find(|id| !taken(*id));
    id.and_then(|id| Some((id, id.next()?))).ok_or_else(|| {
        Refusal::new(Reason::SubnetIdsExhausted, "every subnet id was given to a scope once; ids are never reused")
    })
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
        after.ranges.clone_from(ranges);
    }
    if let Some(exclusions) = &patch.exclusions {
        after.exclusions.clone_from(exclusions);
    }
    after.prefix_pools = patch.prefix_pools.clone().unwrap_or(after.prefix_pools);
    after.options = patch.options.clone().unwrap_or(after.options);
    after.lease_times = patch.lease_times.unwrap_or(after.lease_times);
    after.link = patch.link.clone().unwrap_or(after.link);
    after.status = patch.status.unwrap_or(after.status);
    after.server = patch.server.clone().unwrap_or(after.server);
    after.description = patch.description.clone().unwrap_or(after.description);
    after.labels = labels::patched(state, LabelledKind::Scope, &before.labels, &patch.labels)?;
    if after.labels != before.labels {
        complete(state, &after)?;
    }
    holds_together(&after)?;
    if after.prefix_pools != before.prefix_pools {
        delegation::pools_fit(state, &after)?;
    }
    takes_no_used_address(state, &after)?;
    served(state, &after, Some(&before))?;
    in_order(&mut after);
    if after == *before {
        return Ok(Vec::new());
    }
    after.stamp = at.changed(before.stamp);
    let left = (after.server != before.server).then(|| server::leave(state, at, &before)).flatten();
    let changed = Change::changed(Record::Scope(before), Record::Scope(Arc::new(after)));
    Ok(std::iter::once(changed).chain(left).collect())
}

pub(super) fn delete(
    state: &State,
    at: Moment,
    name: &ScopeName,
    etag: Etag,
    force: bool,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::scope(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let reservations: Vec<_> = state.reservations_in(name).cloned().collect();
    if !reservations.is_empty() && !force {
        let named: Vec<_> = reservations.iter().take(USERS_NAMED).map(|r| r.name.to_string()).collect();
        return Err(in_use(name, &named, reservations.len(), "delete those first, or set force to delete them too"));
    }
    let gone = reservations.into_iter().map(|reservation| Change::gone(Record::Reservation(reservation)));
    let left = server::leave(state, at, &before);
    Ok(std::iter::once(Change::gone(Record::Scope(before))).chain(gone).chain(left).collect())
}

fn serves_a_network(state: &State, scope: &Scope) -> Result<(), Refusal> {
    let name = scope.prefix();
    let prefix = lookup::prefix(state, &name).map_err(|_| {
        Refusal::new(Reason::PrefixNotFound, format!("{name} is not in the plan; create it as a network first"))
            .at("network")
            .about(&name)
    })?;
    if prefix.kind == PrefixKind::Container {
        return Err(Refusal::new(
            Reason::ScopeOutsideNetwork,
            format!("{name} is a container and holds prefixes; a scope serves a network"),
        )
        .at("network")
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
        .at("network")
        .about(&other.name)),
        None => Ok(()),
    }
}

/// What must hold within a scope, whatever else is in the plan. Its lists are as the caller gave them, so that a
/// refusal names the element that the caller knows.
fn holds_together(scope: &Scope) -> Result<(), Refusal> {
    limits(scope)?;
    ranges_fit(scope)?;
    exclusions_fit(scope)?;
    link_fits(scope)?;
    let family = scope.family();
    if scope.options.family().is_some_and(|of| of != family) {
        return Err(Refusal::new(
            Reason::InvalidOption,
            format!("{} is {family}, and the options are those of the other protocol; leave them out", scope.network),
        )
        .at("options"));
    }
    if family == Family::V4 && scope.lease_times.preferred_seconds().is_some() {
        let message = "an IPv4 address is preferred as long as it is leased; leave it out";
        return Err(Refusal::new(Reason::InvalidLeaseTime, message).at("lease_times.preferred_seconds"));
    }
    Ok(())
}

fn link_fits(scope: &Scope) -> Result<(), Refusal> {
    let Link { interface, relays, interface_id } = &scope.link;
    let refuse = |field: &str, message: String| Err(Refusal::new(Reason::InvalidValue, message).at(field));
    let name = interface.as_str();
    if name.len() > Link::INTERFACE_BYTES_MAX || name.contains(|c: char| c == '/' || c.is_whitespace()) {
        let message = format!(
            "{name:?} is not the name of a network interface: at most {} bytes without blanks and slashes",
            Link::INTERFACE_BYTES_MAX
        );
        return refuse("link.interface", message);
    }
    if relays.len() > Link::RELAYS_MAX {
        let message = format!("{} relays; a scope has at most {}", relays.len(), Link::RELAYS_MAX);
        return Err(Refusal::new(Reason::TooMany, message).at("link.relay_addresses"));
    }
    for (i, relay) in relays.iter().enumerate() {
        let at = format!("link.relay_addresses[{i}]");
        if family(*relay) != scope.family() {
            return refuse(&at, format!("{relay} is no address of {}, which {} serves", scope.family(), scope.name));
        }
        if relays[..i].contains(relay) {
            return refuse(&at, format!("{relay} is given twice"));
        }
    }
    if !interface_id.as_str().is_empty() {
        if scope.family() == Family::V4 {
            return refuse("link.interface_id", "relays of DHCPv4 send no interface-id; leave it out".to_owned());
        }
        if !name.is_empty() {
            let message = "clients are on an interface of the server, or behind a relay that sends the interface-id: give one of the two";
            return refuse("link.interface_id", message.to_owned());
        }
    }
    Ok(())
}

fn ranges_fit(scope: &Scope) -> Result<(), Refusal> {
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
    match overlapping(&scope.ranges) {
        Some((first, second)) => Err(Refusal::new(
            Reason::InvalidRange,
            format!("the ranges {} and {} share addresses", scope.ranges[first], scope.ranges[second]),
        )
        .at(format!("ranges[{second}]"))),
        None => Ok(()),
    }
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
    let ranges: Vec<_> = scope.exclusions.iter().map(|exclusion| exclusion.range).collect();
    match overlapping(&ranges) {
        Some((first, second)) => Err(Refusal::new(
            Reason::ExclusionOverlap,
            format!("the exclusions {} and {} share addresses", ranges[first], ranges[second]),
        )
        .at(format!("exclusions[{second}]"))),
        None => Ok(()),
    }
}

/// The positions of two ranges that share an address, the smaller position first.
fn overlapping(ranges: &[AddressRange]) -> Option<(usize, usize)> {
    let mut by_start: Vec<usize> = (0..ranges.len()).collect();
    by_start.sort_by_key(|i| ranges[*i]);
    let pair = by_start.windows(2).find(|pair| ranges[pair[0]].overlaps(&ranges[pair[1]]))?;
    Some((pair[0].min(pair[1]), pair[0].max(pair[1])))
}

/// A server that can serve the scope, and does not serve its addresses already by its own configuration.
///
/// A scope that stays active on its server is let be: a subnet that the server grew meanwhile is drift, for a
/// person to settle, and must not keep anybody from excluding an address.
fn served(state: &State, scope: &Scope, before: Option<&Scope>) -> Result<(), Refusal> {
    let Some(name) = &scope.server else {
        return Ok(());
    };
    let server = lookup::server(state, name).map_err(|refusal| refusal.at("server"))?;
    if server.kind.family() != scope.family() {
        let (protocol, family) = (server.kind.protocol(), scope.family());
        return Err(Refusal::new(
            Reason::NotSupportedByServer,
            format!("{name} is a {protocol} server; it cannot serve the {family} network {}", scope.network),
        )
        .at("server")
        .about(name));
    }
    let is_new_there = before.is_none_or(|before| before.server != scope.server);
    for reservation in state.reservations_in(&scope.name).filter(|_| is_new_there) {
        supports(&server, Feature::of_client(&reservation.client))
            .map_err(|refusal| refusal.at("server").about(&reservation.name))?;
    }
    let was_served = before.is_some_and(|before| before.server == scope.server && before.status == ScopeStatus::Active);
    if scope.status == ScopeStatus::Inactive || was_served {
        return Ok(());
    }
    match server.foreign_subnet_against(scope) {
        Some(foreign) => Err(Refusal::new(
            Reason::ServedByServerItself,
            format!(
                "{name} serves {} (subnet id {}) by its own configuration, which Freehold does not touch; remove it there first",
                foreign.network, foreign.subnet_id
            ),
        )
        .at("server")
        .about(name)),
        None => Ok(()),
    }
}

/// A reserved address is neither excluded nor made a router; a held or claimed one is made no router. That may well be
/// excluded: where the exclusions are is where people keep what they number by hand.
fn takes_no_used_address(state: &State, scope: &Scope) -> Result<(), Refusal> {
    for (i, exclusion) in scope.exclusions.iter().enumerate() {
        if let Some(reservation) = state.reservation_within(&scope.name, &exclusion.range) {
            return Err(Refusal::new(
                Reason::AddressExcluded,
                format!("{} holds a reserved address; an excluded address takes no reservation", reservation.name),
            )
            .at(format!("exclusions[{i}]"))
            .about(&reservation.name));
        }
    }
    for router in scope.options.routers() {
        let name = ReservationName { scope: scope.name.clone(), address: *router };
        if let Some(reservation) = state.reservation(&name) {
            return Err(Refusal::new(
                Reason::AddressReserved,
                format!("the router {router} is reserved for {}; delete {name} first", reservation.client),
            )
            .at("options")
            .about(&name));
        }
        let name = AddressName { space: scope.space.clone(), address: *router };
        not_assigned(state, &name).map_err(|refusal| refusal.at("options"))?;
    }
    Ok(())
}
