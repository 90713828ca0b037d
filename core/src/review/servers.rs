//! Servers, as the plan uses them.

use super::finding::{Said, named};
use super::links::Links;
use super::{Check, Facts, times};
use crate::access::Spot;
use crate::model::{Management, Scope, Server};
use crate::name::ServerName;
use crate::net::Cidr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Renewals a second of one server whose pools are full, at most.
const RENEWALS_MAX: u128 = 500;

/// What is found at a server, its own configuration aside.
pub(super) fn find(facts: &Facts<'_>, links: &Links<'_>, server: &Server) -> Vec<(Check, Said)> {
    let scopes: Vec<_> = facts.state.scopes_of(&server.name).filter(|scope| super::is_active(scope)).collect();
    let found = [
        (Check::ServerUnmanaged, unmanaged(server, &scopes)),
        (Check::ServerRenewStorm, renew_storm(facts, server, &scopes)),
        (Check::LinkShared, link_shared(links, server)),
        (Check::SubnetOnTwoServers, subnet_on_two_servers(facts, links, server)),
    ];
    found.into_iter().filter_map(|(check, said)| Some((check, said?))).collect()
}

fn unmanaged(server: &Server, scopes: &[&Arc<Scope>]) -> Option<Said> {
    let names: Vec<_> = scopes.iter().map(|scope| &scope.name).collect();
    (server.management == Management::Unmanaged && !names.is_empty()).then(|| {
        let message = format!("{} is not managed, and is to serve {}", server.name, named(&names));
        scopes.iter().take(1).fold(Said::from(message), |said, scope| said.with(scope))
    })
}

fn renew_storm(facts: &Facts<'_>, server: &Server, scopes: &[&Arc<Scope>]) -> Option<Said> {
    // In thousandths, for a thousand pools may each have less than one a second.
    let rate = |scope: &Arc<Scope>| {
        let clients = times::clients(scope, &facts.counts(scope));
        clients.saturating_mul(1000) / u128::from(times::renew_seconds(&scope.lease_times))
    };
    let mut rates: Vec<_> = scopes.iter().map(|scope| (rate(scope), *scope)).collect();
    let all = rates.iter().fold(0u128, |sum, (rate, _)| sum.saturating_add(*rate)) / 1000;
    rates.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.name.cmp(&other.1.name)));
    let (most, largest) = rates.first().filter(|_| all > RENEWALS_MAX)?;
    let message = format!(
        "when they are full, the {} pools of {} renew {all} leases a second, {} of these those of {}",
        scopes.len(),
        server.name,
        most / 1000,
        largest.name
    );
    Some(Said::from(message).with(largest))
}

fn link_shared(links: &Links<'_>, server: &Server) -> Option<Said> {
    let shared: Vec<_> = links.shared(&server.name).collect();
    let words: Vec<_> = shared
        .iter()
        .map(|(mark, scopes)| {
            let names: Vec<_> = scopes.iter().map(|scope| &scope.name).collect();
            format!("{mark} of {}", named(&names))
        })
        .collect();
    let scopes = shared.iter().flat_map(|(_, scopes)| scopes.iter());
    (!words.is_empty()).then(|| {
        let message = format!("on {} several scopes have the same link: {}", server.name, named(&words));
        scopes.fold(Said::from(message), |said, scope| said.with(scope))
    })
}

/// Whether a server says that it is one of a pair.
fn is_paired(server: &Server) -> bool {
    server.findings.iter().any(|own| own.check == Check::HaPair)
}

/// Of two servers it is found at the first.
fn subnet_on_two_servers(facts: &Facts<'_>, links: &Links<'_>, server: &Server) -> Option<Said> {
    let mut met: BTreeMap<&ServerName, Vec<Cidr>> = BTreeMap::new();
    for own in &server.foreign_subnets {
        let others = links.foreign.overlapping(own.network).map(|(other, _)| other);
        for other in others.filter(|other| **other > server.name) {
            met.entry(other).or_default().push(own.network);
        }
    }
    let is_pair =
        |other: &ServerName| is_paired(server) && facts.state.server(other).is_some_and(|other| is_paired(other));
    met.retain(|other, _| !is_pair(other) && may_be_of_one_space(facts, &server.name, other));
    met.values_mut().for_each(Vec::dedup);
    let words: Vec<_> = met.iter().map(|(other, both)| format!("{} with {other}", named(both))).collect();
    (!words.is_empty()).then(|| Said {
        message: format!("{} serves by its own configuration what others do, too: {}", server.name, named(&words)),
        related: met.keys().map(|other| (other.to_string(), Spot::House)).collect(),
    })
}

/// Whether the addresses of two servers can be those of one space: one without scopes can be of any.
fn may_be_of_one_space(facts: &Facts<'_>, one: &ServerName, other: &ServerName) -> bool {
    let spaces = |server| facts.state.scopes_of(server).map(|scope| &scope.space).collect::<BTreeSet<_>>();
    let (one, other) = (spaces(one), spaces(other));
    one.is_empty() || other.is_empty() || !one.is_disjoint(&other)
}
