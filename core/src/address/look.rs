//! What is known of one address.

use crate::change::RecordKey;
use crate::lease::{Lease, LeaseBook};
use crate::model::{Assignment, Exclusion, Prefix, Reservation, Scope, Sighting};
use crate::name::{AddressName, ReservationName, ScopeName, ServerName};
use crate::net::{Family, family, to_number};
use crate::state::State;
use crate::time::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// The state of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressState {
    /// Free.
    Available,
    /// Put aside for a caller until a deadline.
    Held,
    /// Given to a client.
    Claimed,
    /// Fixed for a DHCP client.
    Reserved,
    /// Leased by a DHCP server.
    Leased,
    /// Somebody answers on it, though nothing is known of it.
    Answering,
    /// Never leased, nor given out but by name.
    Excluded,
    /// Not an address that a host of its network can have, or a router's.
    NotUsable,
    /// In no network of the plan.
    Unplanned,
}

/// Why no host can have an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It names the network (RFC 1122 §3.2.1.3).
    Network,
    /// It is the network's broadcast address.
    Broadcast,
    /// Every router of the network has it (subnet-router anycast, RFC 4291 §2.6.1).
    RouterAnycast,
    /// It is a router of this scope.
    Router(ScopeName),
}

/// One reason why an address is not free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is held or claimed.
    Assigned(Arc<Assignment>),
    /// It is reserved.
    Reserved(Arc<Reservation>),
    /// It is leased; the lease may have ended by its own clock, as long as its server does not say so.
    Leased {
        /// Who leased it.
        server: ServerName,
        /// The lease.
        lease: Arc<Lease>,
    },
    /// Somebody answers on it, though it was to be given out.
    Answers(Arc<Sighting>),
    /// It is excluded.
    Excluded {
        /// In which scope.
        scope: ScopeName,
        /// By which exclusion.
        exclusion: Exclusion,
    },
    /// No host can have it.
    NotUsable(Unusable),
    /// No network of the plan has it.
    Unplanned,
}

impl Why {
    /// The state that it makes.
    pub fn state(&self) -> AddressState {
        match self {
            Why::Assigned(assignment) if assignment.is_hold() => AddressState::Held,
            Why::Assigned(_) => AddressState::Claimed,
            Why::Reserved(_) => AddressState::Reserved,
            Why::Leased { .. } => AddressState::Leased,
            Why::Answers(_) => AddressState::Answering,
            Why::Excluded { .. } => AddressState::Excluded,
            Why::NotUsable(_) => AddressState::NotUsable,
            Why::Unplanned => AddressState::Unplanned,
        }
    }

    /// The record that says so; a lease is none.
    pub fn record(&self) -> Option<RecordKey> {
        match self {
            Why::Assigned(assignment) => Some(RecordKey::Address(assignment.name.clone())),
            Why::Reserved(reservation) => Some(RecordKey::Reservation(reservation.name.clone())),
            Why::Answers(sighting) => Some(RecordKey::Sighting(sighting.name.clone())),
            Why::Excluded { scope, .. } | Why::NotUsable(Unusable::Router(scope)) => {
                Some(RecordKey::Scope(scope.clone()))
            }
            Why::Leased { .. } | Why::NotUsable(_) | Why::Unplanned => None,
        }
    }

    /// Since when, where that is known.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Why::Assigned(assignment) => Some(assignment.stamp.created),
            Why::Reserved(reservation) => Some(reservation.stamp.created),
            Why::Leased { lease, .. } => Some(lease.cltt),
            Why::Answers(sighting) => Some(sighting.stamp.created),
            Why::Excluded { .. } | Why::NotUsable(_) | Why::Unplanned => None,
        }
    }

    /// Until when, where there is an end.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Why::Assigned(assignment) => assignment.ends(),
            Why::Leased { lease, .. } => Some(lease.ends()),
            Why::Answers(sighting) => Some(sighting.until),
            Why::Reserved(_) | Why::Excluded { .. } | Why::NotUsable(_) | Why::Unplanned => None,
        }
    }
}

/// All that is known of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressView {
    /// Its space and address.
    pub name: AddressName,
    /// Its state: that of the first reason.
    pub state: AddressState,
    /// Why it is not free: every reason, the one that decides first.
    pub reasons: Vec<Why>,
    /// The network of the plan that it is in.
    pub network: Option<Arc<Prefix>>,
    /// The scope of that network.
    pub scope: Option<Arc<Scope>>,
    /// Whether it is in a pool of that scope, were it not assigned.
    pub in_pool: bool,
}

/// What is known of `name`. Of several reasons the firmer one decides: what somebody decided about the address itself, then
/// what a server says of it, then what is said of many.
pub fn look(state: &State, book: &LeaseBook, name: &AddressName) -> AddressView {
    let (network, scope) = (state.network_at(&name.space, name.address), state.scope_at(&name.space, name.address));
    look_in(state, book, network, scope, name.clone(), state.assignment(name))
}

/// The same of a name whose network, scope and assignment are known.
pub(super) fn look_in(
    state: &State,
    book: &LeaseBook,
    network: Option<&Arc<Prefix>>,
    scope: Option<&Arc<Scope>>,
    name: AddressName,
    assigned: Option<Arc<Assignment>>,
) -> AddressView {
    let mut reasons: Vec<Why> = assigned.map(Why::Assigned).into_iter().collect();
    if let Some(scope) = scope {
        if state.reserved(&name.space, family(name.address)).contains(to_number(name.address)) {
            let reserved = ReservationName { scope: scope.name.clone(), address: name.address };
            reasons.extend(state.reservation(&reserved).cloned().map(Why::Reserved));
        }
        let leases = book.leases_on(scope.subnet_id, name.address);
        reasons.extend(leases.map(|(server, lease)| Why::Leased { server: server.clone(), lease: Arc::clone(lease) }));
    }
    reasons.extend(state.sighting(&name).cloned().map(Why::Answers));
    if let Some(scope) = scope {
        let exclusion = scope.exclusions.iter().find(|exclusion| exclusion.range.contains(name.address));
        reasons.extend(exclusion.map(|found| Why::Excluded { scope: scope.name.clone(), exclusion: found.clone() }));
    }
    match network {
        Some(network) => reasons.extend(unusable(network, scope, name.address).map(Why::NotUsable)),
        None => reasons.push(Why::Unplanned),
    }
    AddressView {
        state: reasons.first().map_or(AddressState::Available, Why::state),
        reasons,
        network: network.cloned(),
        scope: scope.cloned(),
        in_pool: scope.is_some_and(|scope| scope.leases(name.address)),
        name,
    }
}

/// Why no host can have an address of `network`, which `scope` serves if there is one.
pub(crate) fn unusable(network: &Prefix, scope: Option<&Arc<Scope>>, address: IpAddr) -> Option<Unusable> {
    let cidr = &network.name.cidr;
    if !cidr.gives(address) {
        return Some(match family(address) {
            Family::V6 => Unusable::RouterAnycast,
            Family::V4 if address == cidr.network() => Unusable::Network,
            Family::V4 => Unusable::Broadcast,
        });
    }
    let scope = scope?;
    let is_router = scope.options.routers().contains(&address);
    is_router.then(|| Unusable::Router(scope.name.clone()))
}
