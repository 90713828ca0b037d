//! Whom a change of the plan hits: the clients of a server that lose what they have leased, and those that get it with other options or times.

use crate::client::ClientIdentity;
use crate::desired::{Desired, Served, desired};
use crate::lease::{Lease, LeaseBook, LeaseState};
use crate::model::{Assignment, Scope};
use crate::name::{AddressName, ReservationName, ScopeName, ServerName};
use crate::net::family;
use crate::state::State;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A client that loses its address or prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What it has leased.
    pub lease: Arc<Lease>,
    /// The scope that it is of.
    pub scope: ScopeName,
    /// Why it loses it.
    pub why: Loss,
}

/// Why a client loses its address or prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// The server does not serve the scope any more.
    NotServed,
    /// It is in no pool any more.
    NotInPool,
    /// Another client has it, by a reservation, a claim or a hold.
    Anothers(AddressName),
    /// Another address is fixed for the client, by a reservation or a claim.
    HasAnother(AddressName),
}

/// Whom a change hits at one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Impact {
    /// Who loses something, by scope and address.
    pub lost: Vec<Hit>,
    /// How many keep what they have, and get it with other options or times.
    pub renewed: u64,
}

/// Whom the change from `before` to `after` hits among those who have a live lease of `server`. Costs a look at each of its leases.
pub fn impact(before: &State, after: &State, book: &LeaseBook, server: &ServerName, now: Timestamp) -> Impact {
    let (ran, to_run) = (desired(before, server), desired(after, server));
    let then: BTreeMap<&ScopeName, &Served> = to_run.scopes.iter().map(|served| (&served.scope.name, served)).collect();
    let pairs = ran.scopes.iter().map(|served| {
        let scope = &served.scope;
        // Leases are of a subnet's number: a scope with another one is another one to the server.
        let still = then.get(&scope.name).filter(|then| then.scope.subnet_id == scope.subnet_id).copied();
        (served, still)
    });
    let claims_stay = |scope: &ScopeName| claims_in(&ran, scope).eq(claims_in(&to_run, scope));
    let is_other = |(served, still): &(&Served, Option<&Served>)| {
        let scope = &served.scope.name;
        still.is_none_or(|then| then != *served || !reservations_stay(before, after, scope) || !claims_stay(scope))
    };
    let pairs: BTreeMap<u32, _> = pairs.filter(is_other).map(|pair| (pair.0.scope.subnet_id.number(), pair)).collect();
    let mut impact = Impact::default();
    let leases = book.of(server).into_iter().flat_map(|leases| leases.leases.values());
    for lease in leases.filter(|lease| lease.live(now) && lease.state == LeaseState::Granted) {
        let Some((served, still)) = pairs.get(&lease.subnet_id) else { continue };
        let scope = &served.scope;
        if served.scope.network.family() != family(lease.address) {
            continue;
        }
        let gives_otherwise = |then: &&Served| {
            let of = |scope: &Scope| (scope.network, scope.options.clone(), scope.lease_times);
            of(&then.scope) != of(scope)
        };
        let why = match still {
            Some(then) => loss(after, then, lease).filter(|_| loss(before, served, lease).is_none()),
            None => Some(Loss::NotServed),
        };
        match why {
            Some(why) => impact.lost.push(Hit { lease: Arc::clone(lease), scope: scope.name.clone(), why }),
            None => impact.renewed += u64::from(still.as_ref().is_some_and(gives_otherwise)),
        }
    }
    impact.lost.sort_by(|one, other| (&one.scope, one.lease.address).cmp(&(&other.scope, other.lease.address)));
    impact
}

/// The claims that are served in a scope.
fn claims_in<'a>(desired: &'a Desired, scope: &'a ScopeName) -> impl Iterator<Item = &'a Arc<Assignment>> {
    desired.claims.iter().filter(move |(of, _)| of == scope).map(|(_, claim)| claim)
}

fn reservations_stay(before: &State, after: &State, scope: &ScopeName) -> bool {
    before.reservations_in(scope).eq(after.reservations_in(scope))
}

/// Why the client of `lease` does not keep it where this is served, if it does not.
fn loss(state: &State, served: &Served, lease: &Lease) -> Option<Loss> {
    let scope = &served.scope;
    if let Some(prefix) = lease.delegated() {
        let reserved = state.reserved_prefixes_overlapping(&scope.space, prefix);
        let is_its_own = |name| state.reservation(name).is_some_and(|found| lease.is_of(&found.client));
        let of_reservations: Vec<bool> = reserved.map(|(_, name)| is_its_own(name)).collect();
        let in_pool = scope
            .prefix_pools
            .iter()
            .any(|pool| pool.prefix.covers(&prefix) && pool.delegated_length == prefix.prefix_len());
        return match of_reservations[..] {
            [] => (!in_pool).then_some(Loss::NotInPool),
            ref found if found.contains(&true) => None,
            _ => Some(Loss::Anothers(AddressName { space: scope.space.clone(), address: lease.address })),
        };
    }
    let name = AddressName { space: scope.space.clone(), address: lease.address };
    let reserved = ReservationName { scope: scope.name.clone(), address: lease.address };
    let reserved = state.reservation(&reserved).map(|found| lease.is_of(&found.client));
    let assigned = || {
        let assigned = state.assignment(&name)?;
        Some(assigned.client.as_ref().is_some_and(|client| lease.is_of(client)))
    };
    match reserved.or_else(assigned) {
        Some(true) => return None,
        Some(false) => return Some(Loss::Anothers(name)),
        None => {}
    }
    let claimed = |client: &ClientIdentity| {
        let mut claims = state.assignments_for(client).filter(|found| !found.is_hold());
        claims.find(|claim| claim.name.space == scope.space && scope.network.contains(claim.name.address))
    };
    let elsewhere = clients(lease).find_map(|client| {
        state.reserved_for(&scope.name, &client).or_else(|| claimed(&client).map(|claim| claim.name.address))
    });
    if let Some(address) = elsewhere {
        return Some(Loss::HasAnother(AddressName { space: scope.space.clone(), address }));
    }
    (!served.pools.iter().any(|pool| pool.contains(lease.address))).then_some(Loss::NotInPool)
}

/// Whom a lease is for, in every way to say it.
fn clients(lease: &Lease) -> impl Iterator<Item = ClientIdentity> {
    let said = [&lease.hardware, &lease.client_id, &lease.duid];
    let said = (0..).zip(said).filter_map(|(kind, bytes)| ClientIdentity::from_parts(kind, bytes).ok());
    let said: Vec<_> = said.collect();
    let twins: Vec<_> = said.iter().filter_map(ClientIdentity::twin).collect();
    said.into_iter().chain(twins)
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotServed => f.write_str("the server does not serve its scope any more"),
            Self::NotInPool => f.write_str("it is in no pool any more"),
            Self::Anothers(name) => write!(f, "{name} is another's: reserved, claimed or held"),
            Self::HasAnother(name) => write!(f, "{name} is fixed for its client"),
        }
    }
}
