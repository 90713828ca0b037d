//! Giving addresses out: next free, random, or by name; one or many, all or none.

use super::assignment::{self, Wanted};
use super::{Moment, lookup, reservation, sighting};
use crate::address::{Room, unusable};
use crate::change::Change;
use crate::client::ClientIdentity;
use crate::command::{AddressDetails, Allocation, Choice, NewReservation, Place, Purpose};
use crate::model::{AssignmentKind, Prefix, PrefixKind, Scope};
use crate::name::{AddressName, PrefixName, ReservationName};
use crate::net::{family, from_number, to_number};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Most addresses given out at once.
pub const ALLOCATE_MAX: u32 = 1024;
/// Longest hold, in seconds: a week. What is needed for longer is claimed.
pub const HOLD_SECONDS_MAX: i64 = 7 * 24 * 3600;

pub(super) fn allocate(state: &State, at: Moment, order: &Allocation) -> Result<Vec<Change>, Refusal> {
    makes_sense(order)?;
    ends_in_time(at, &order.purpose)?;
    match &order.place {
        Place::Scope(name) => {
            let scope = lookup::scope(state, name).map_err(|refusal| refusal.at("scope"))?;
            let network = lookup::prefix(state, &scope.prefix())?;
            give(state, at, order, &Site { network: &network, scope: Some(&scope), within_scope: true })
        }
        Place::Network(name) => of_network(state, at, order, name),
        Place::OneOf(names) => of_first(state, at, order, names),
    }
}

/// Where addresses are given out.
struct Site<'a> {
    network: &'a Prefix,
    /// The scope of the network.
    scope: Option<&'a Arc<Scope>>,
    /// Whether the addresses are asked of the scope, and not of the network.
    within_scope: bool,
}

impl fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope.filter(|_| self.within_scope) {
            Some(scope) => scope.name.fmt(f),
            None => self.network.name.fmt(f),
        }
    }
}

fn of_network(state: &State, at: Moment, order: &Allocation, name: &PrefixName) -> Result<Vec<Change>, Refusal> {
    let network = lookup::prefix(state, name).map_err(|refusal| refusal.at("network"))?;
    if network.kind == PrefixKind::Container {
        return Err(Refusal::new(
            Reason::NotANetwork,
            format!("{name} is a container and holds prefixes; ask a network, or a scope, for addresses"),
        )
        .at("network")
        .about(name));
    }
    let scope = state.scope_of_network(name);
    give(state, at, order, &Site { network: &network, scope, within_scope: false })
}

/// In the first of these that has room.
fn of_first(state: &State, at: Moment, order: &Allocation, names: &[PrefixName]) -> Result<Vec<Change>, Refusal> {
    for name in names {
        match of_network(state, at, order, name) {
            // The caller chose among networks of a moment ago: one that is full or gone by now is passed over.
            Err(refusal)
                if [Reason::NoFreeAddress, Reason::NotANetwork, Reason::PrefixNotFound].contains(&refusal.reason) => {}
            other => return other,
        }
    }
    let message = format!("none of {} networks has {} free addresses", names.len(), order.count);
    Err(Refusal::new(Reason::NoFreeAddress, message))
}

/// What is wrong with the order whatever the state.
fn makes_sense(order: &Allocation) -> Result<(), Refusal> {
    let invalid = |field: &str, message: String| Err(Refusal::new(Reason::InvalidValue, message).at(field));
    let count = order.count as usize;
    if !(1..=ALLOCATE_MAX).contains(&order.count) {
        return invalid("count", format!("{count} addresses at once; ask for 1 to {ALLOCATE_MAX}"));
    }
    if ![1, count].contains(&order.details.len()) {
        let message =
            format!("details of {} addresses for {count}; give one for all, or one each", order.details.len());
        return invalid("details", message);
    }
    if count > 1 && order.details.len() == 1 && order.details[0].client.is_some() {
        return invalid(
            "details[0].client",
            format!("one client for {count} addresses; give details for each address"),
        );
    }
    if order.purpose == Purpose::Reservation && !matches!(order.place, Place::Scope(_)) {
        return invalid("purpose", "reservations are made in a scope; a network gives out claims and holds".to_owned());
    }
    match &order.choice {
        Choice::Given(addresses) if addresses.len() != count => {
            invalid("count", format!("{} addresses given for a count of {count}", addresses.len()))
        }
        Choice::Given(addresses) if addresses.iter().collect::<BTreeSet<_>>().len() != count => {
            invalid("addresses", "an address is given twice".to_owned())
        }
        Choice::Given(_) | Choice::Next { .. } | Choice::Random { .. } => Ok(()),
    }
}

/// An end that is still to come, and not too far off for a hold.
pub(super) fn ends_in_time(at: Moment, purpose: &Purpose) -> Result<(), Refusal> {
    let wrong = |field: &str, message: String| Err(Refusal::new(Reason::InvalidValue, message).at(field));
    match purpose {
        Purpose::Hold { until } if *until <= at.now => wrong("until", "the hold would be over already".to_owned()),
        Purpose::Hold { until } if *until > at.now.plus_seconds(HOLD_SECONDS_MAX) => {
            wrong("until", "a hold lasts a week at most; claim the address if it is needed for longer".to_owned())
        }
        Purpose::Claim { expires: Some(expires) } if *expires <= at.now => {
            wrong("expires", "the claim would have expired already".to_owned())
        }
        Purpose::Hold { .. } | Purpose::Claim { .. } | Purpose::Reservation => Ok(()),
    }
}

fn give(state: &State, at: Moment, order: &Allocation, site: &Site<'_>) -> Result<Vec<Change>, Refusal> {
    let details = (0..order.count as usize).map(|n| order.details.get(n).unwrap_or(&order.details[0]));
    let details: Vec<&AddressDetails> = details.collect();
    clients_differ(&details)?;
    let addresses = choose(state, order, site)?;
    let made = addresses.iter().zip(details).enumerate().map(|(n, (address, details))| {
        let wrong =
            |refusal: Refusal| if order.details.len() > 1 { refusal.under(&format!("details[{n}]")) } else { refusal };
        one(state, at, order, site, *address, details).map_err(wrong)
    });
    made.collect()
}

fn one(
    state: &State,
    at: Moment,
    order: &Allocation,
    site: &Site<'_>,
    address: IpAddr,
    details: &AddressDetails,
) -> Result<Change, Refusal> {
    let kind = match &order.purpose {
        Purpose::Hold { until } => AssignmentKind::Hold { until: *until },
        Purpose::Claim { expires } => AssignmentKind::Claim { expires: *expires },
        Purpose::Reservation => return reserve(state, at, site, address, details),
    };
    let name = AddressName { space: site.network.name.space.clone(), address };
    let wanted = Wanted { kind, details, holder: &order.holder, accept_risk: order.accept_risk };
    assignment::make(state, at, name, site.network, site.scope, &wanted)
}

fn reserve(
    state: &State,
    at: Moment,
    site: &Site<'_>,
    address: IpAddr,
    details: &AddressDetails,
) -> Result<Change, Refusal> {
    let scope = site.scope.expect("an order for reservations is for a scope: makes_sense saw to it");
    let Some(client) = &details.client else {
        return Err(Refusal::new(Reason::ClientRequired, "say which client the address is reserved for").at("client"));
    };
    let name = ReservationName { scope: scope.name.clone(), address };
    let new = NewReservation {
        host_name: details.host_name.clone(),
        description: details.comment.clone(),
        labels: details.labels.clone(),
        ..NewReservation::of(name, client.clone())
    };
    let made = reservation::create(state, at, &new)?;
    Ok(made.into_iter().next().expect("to make a reservation is one change"))
}

/// No two of these are for one client.
fn clients_differ(details: &[&AddressDetails]) -> Result<(), Refusal> {
    let mut seen: BTreeSet<ClientIdentity> = BTreeSet::new();
    for (n, client) in details.iter().enumerate().filter_map(|(n, details)| Some((n, details.client.as_ref()?))) {
        if client.twin().is_some_and(|twin| seen.contains(&twin)) || !seen.insert(client.clone()) {
            return Err(Refusal::new(Reason::InvalidValue, format!("{client} is to get two addresses at once"))
                .at(format!("details[{n}].client")));
        }
    }
    Ok(())
}

/// The addresses that the order comes to.
fn choose(state: &State, order: &Allocation, site: &Site<'_>) -> Result<Vec<IpAddr>, Refusal> {
    let room = || match site.scope.filter(|_| site.within_scope) {
        Some(scope) => Room::of_scope(state, &order.leases, scope),
        None => Room::of_network(state, &order.leases, site.network),
    };
    let numbers = match &order.choice {
        Choice::Given(addresses) => {
            for (n, address) in addresses.iter().enumerate() {
                is_free(state, order, site, *address, n).map_err(|refusal| refusal.at(format!("addresses[{n}]")))?;
            }
            return Ok(addresses.clone());
        }
        Choice::Next { from } => next(room(), order.count, first_from(*from, site)?),
        Choice::Random { seed } => random(room(), order.count, *seed),
    };
    let family = site.network.name.cidr.family();
    let addresses: Vec<IpAddr> = numbers.iter().filter_map(|number| from_number(family, *number)).collect();
    if addresses.len() < order.count as usize {
        let message = match addresses.len() {
            0 => format!("{site} has no free address"),
            few => format!("{site} has {few} free addresses, not {}", order.count),
        };
        return Err(Refusal::new(Reason::NoFreeAddress, message).about(site));
    }
    Ok(addresses)
}

fn first_from(from: Option<IpAddr>, site: &Site<'_>) -> Result<u128, Refusal> {
    match from {
        Some(from) if family(from) != site.network.name.cidr.family() => {
            let message = format!("{from} is not of the family of {}", site.network.name);
            Err(Refusal::new(Reason::InvalidAddress, message).at("from"))
        }
        Some(from) => Ok(to_number(from)),
        None => Ok(0),
    }
}

/// The first free ones; fewer if there are no more.
fn next(room: Room<'_>, count: u32, from: u128) -> Vec<u128> {
    let mut from = Some(from);
    let numbers = std::iter::from_fn(|| {
        let number = room.next(from?)?;
        from = number.checked_add(1);
        Some(number)
    });
    numbers.take(count as usize).collect()
}

/// Free ones, every choice of so many as likely as any other; fewer if there are no more.
fn random(mut room: Room<'_>, count: u32, seed: [u8; 16]) -> Vec<u128> {
    let mut draws = Draws { seed, next: 0 };
    let numbers = std::iter::from_fn(|| {
        let number = room.any(|limit| draws.below(limit))?;
        room.take(number);
        Some(number)
    });
    numbers.take(count as usize).collect()
}

/// Numbers that nobody foretells who does not know the seed.
struct Draws {
    seed: [u8; 16],
    next: u64,
}

impl Draws {
    fn draw(&mut self) -> u128 {
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.next.to_be_bytes()).finalize();
        self.next += 1;
        u128::from_be_bytes(digest[..16].try_into().expect("a SHA-256 has 32 bytes"))
    }

    /// One below `limit`, each as likely: those of the last, incomplete multiple of it are drawn again.
    fn below(&mut self, limit: u128) -> u128 {
        let excess = (u128::MAX % limit + 1) % limit;
        loop {
            let drawn = self.draw();
            if drawn <= u128::MAX - excess {
                return drawn % limit;
            }
        }
    }
}

/// An address that is asked for by name may lie anywhere in the network, in a pool or an exclusion too.
fn is_free(state: &State, order: &Allocation, site: &Site<'_>, address: IpAddr, n: usize) -> Result<(), Refusal> {
    let network = &site.network.name;
    if !network.cidr.contains(address) {
        let message = format!("{address} does not lie in {network}");
        return Err(Refusal::new(Reason::AddressNotUsable, message).about(network));
    }
    if unusable(site.network, site.scope, address).is_some() {
        let message = format!("{address} is a router, or the network's own or broadcast address; no host can have it");
        return Err(Refusal::new(Reason::AddressNotUsable, message).about(network));
    }
    let name = AddressName { space: network.space.clone(), address };
    assignment::not_assigned(state, &name)?;
    if !order.accept_risk {
        sighting::not_seen(state, &name)?;
    }
    let Some(scope) = site.scope else { return Ok(()) };
    let reserved = ReservationName { scope: scope.name.clone(), address };
    if let Some(other) = state.reservation(&reserved) {
        let message = format!("{address} is reserved for {}", other.client);
        return Err(Refusal::new(Reason::AddressReserved, message).about(reserved));
    }
    let client = order.details.get(n).unwrap_or(&order.details[0]).client.as_ref();
    let mut leases = order.leases.leases_on(scope.subnet_id, address);
    match leases.find(|(_, lease)| !client.is_some_and(|client| lease.is_of(client))) {
        Some((server, _)) if !order.accept_risk => Err(Refusal::new(
            Reason::AddressLeased,
            format!("{server} leases {address} to another client; take another address, or accept the risk"),
        )
        .about(name)),
        _ => Ok(()),
    }
}
