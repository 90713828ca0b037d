//! Giving addresses out, and giving the same ones again to a caller that repeats its request.

use super::fitting::fitting;
use super::probe::shown;
use super::probed::policy;
use super::{known, not_done, purpose};
use crate::api::Api;
use crate::api::call::{at_most, mutation, refuse, there};
use crate::api::sight::Sight;
use crate::api::status::unreadable;
use crate::engine::Committed;
use freehold_core::access::Permission;
use freehold_core::change::Actor;
use freehold_core::command::{Allocation, Choice, Place, Purpose};
use freehold_core::decide::ALLOCATE_MAX;
use freehold_core::name::{AddressName, PrefixName, SpaceName};
use freehold_core::net::parse_address;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Change, Command, Record, Revision, State, Timestamp};
use freehold_proto::convert::address::parse_details;
use freehold_proto::v1::{AllocateAddressesRequest, AllocateAddressesResponse};
use std::net::IpAddr;
use std::sync::Arc;
use tonic::Status;

/// Networks to choose from, at most.
const NETWORKS_MAX: usize = 1000;

/// What core calls the fields of an allocation, and what the request does.
pub(super) const FIELDS: &[(&str, &str)] = &[
    ("scope", "parent"),
    ("network", "parent"),
    ("until", "ttl"),
    ("expires", "expire_time"),
    ("client", "details[0].client"),
    ("hardware_address", "details[0].hardware_address"),
    ("client_id", "details[0].client_id"),
    ("duid", "details[0].duid"),
    ("reservation.address", "addresses"),
    ("tags", "details[0].tags"),
    ("fields", "details[0].fields"),
    ("reservation", "details[0]"),
];

pub(super) fn invalid(field: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(Reason::InvalidValue, message).at(field)
}

/// The order of a request; what it lacks of the state and of the world is put in by the caller.
fn order(
    sight: &Sight,
    state: &State,
    message: &AllocateAddressesRequest,
    now: Timestamp,
) -> Result<Allocation, Refusal> {
    let addresses = addresses(message)?;
    let count = count(message.count, addresses.len())?;
    at_most(message.details.len(), ALLOCATE_MAX as usize, "details")?;
    let details: Result<Vec<_>, Refusal> = message
        .details
        .iter()
        .enumerate()
        .map(|(n, details)| parse_details(details).map_err(|refusal| refusal.under(&format!("details[{n}]"))))
        .collect();
    let mut details = details?;
    if details.is_empty() {
        details.push(Default::default());
    }
    let purpose = purpose(known(message.purpose)?, message.ttl, message.expire_time.as_ref(), now)?;
    Ok(Allocation {
        place: place(sight, state, message, addresses.first())?,
        choice: choice(message, addresses)?,
        count,
        purpose,
        details,
        holder: "".into(),
        leases: Default::default(),
        accept_risk: message.accept_risk,
    })
}

fn addresses(message: &AllocateAddressesRequest) -> Result<Vec<IpAddr>, Refusal> {
    at_most(message.addresses.len(), ALLOCATE_MAX as usize, "addresses")?;
    let parse = |(n, text): (usize, &String)| parse_address(text).map_err(|r| r.at(format!("addresses[{n}]")));
    message.addresses.iter().enumerate().map(parse).collect()
}

fn count(asked: i32, given: usize) -> Result<u32, Refusal> {
    match u32::try_from(asked) {
        Ok(0) => Ok(u32::try_from(given.max(1)).expect("no more addresses than at_most let through")),
        Ok(count) => Ok(count),
        Err(_) => Err(invalid("count", format!("{asked} addresses at once; ask for 1 to {ALLOCATE_MAX}"))),
    }
}

fn choice(message: &AllocateAddressesRequest, addresses: Vec<IpAddr>) -> Result<Choice, Refusal> {
    let from = (!message.from.is_empty()).then(|| parse_address(&message.from)).transpose();
    let from = from.map_err(|refusal| refusal.at("from"))?;
    match (addresses.is_empty(), message.random, from) {
        (false, true, _) => Err(invalid("random", "addresses that are given are not random; leave one of the two out")),
        (false, false, Some(_)) => Err(invalid("from", "addresses that are given begin nowhere; leave one out")),
        (true, true, Some(_)) => Err(invalid("from", "random addresses begin nowhere; leave one of the two out")),
        (false, false, None) => Ok(Choice::Given(addresses)),
        (true, true, None) => {
            let mut seed = [0; 16];
            aws_lc_rs::rand::fill(&mut seed).expect("the system has randomness");
            Ok(Choice::Random { seed })
        }
        (true, false, from) => Ok(Choice::Next { from }),
    }
}

fn place(
    sight: &Sight,
    state: &State,
    message: &AllocateAddressesRequest,
    given: Option<&IpAddr>,
) -> Result<Place, Refusal> {
    let parent = message.parent.as_str();
    if !message.filter.is_empty() {
        // Found by the filter, later.
        return Ok(Place::OneOf(Vec::new()));
    }
    if !message.networks.is_empty() {
        if !parent.is_empty() {
            return Err(invalid("networks", "give a parent, or networks to choose from, but not both"));
        }
        at_most(message.networks.len(), NETWORKS_MAX, "networks")?;
        let parse = |(n, text): (usize, &String)| {
            text.parse::<PrefixName>().map_err(|refusal| refusal.at(format!("networks[{n}]")))
        };
        return message.networks.iter().enumerate().map(parse).collect::<Result<_, _>>().map(Place::OneOf);
    }
    let at_parent = |refusal: Refusal| refusal.at("parent");
    match parent.split('/').next() {
        Some("scopes") => parent.parse().map(Place::Scope).map_err(at_parent),
        Some("spaces") if parent.contains("/prefixes/") => parent.parse().map(Place::Network).map_err(at_parent),
        Some("spaces") => in_space(sight, state, &parent.parse().map_err(at_parent)?, given),
        Some("") | None => {
            Err(Refusal::new(Reason::FieldRequired, "say where: a scope or a network as parent, or networks")
                .at("parent"))
        }
        Some(_) => Err(Refusal::new(
            Reason::InvalidName,
            format!("{} names no scope, network or space", freehold_core::text::shown(parent)),
        )
        .at("parent")),
    }
}

/// The network of the space that a given address lies in.
fn in_space(sight: &Sight, state: &State, space: &SpaceName, given: Option<&IpAddr>) -> Result<Place, Refusal> {
    match given {
        Some(address) => {
            let name = AddressName { space: space.clone(), address: *address };
            sight.allows(sight.reach.covers_address(space, *address), name)?;
        }
        None => sight.allows(sight.reach.meets_space(space), space)?,
    }
    if state.space(space).is_none() {
        return Err(Refusal::new(Reason::SpaceNotFound, format!("{space} does not exist")).at("parent").about(space));
    }
    let Some(address) = given else {
        let message = format!("{space} is a space; ask a scope or a network in it for free addresses");
        return Err(Refusal::new(Reason::NotANetwork, message).at("parent").about(space));
    };
    match state.network_at(space, *address) {
        Some(network) => Ok(Place::Network(network.name.clone())),
        None => {
            let message = format!("no network of {space} has {address}; put its network into the plan first");
            Err(Refusal::new(Reason::PrefixNotFound, message).at("addresses[0]"))
        }
    }
}

impl Api {
    pub(super) async fn allocate(
        &self,
        actor: Actor,
        sight: &Sight,
        message: &AllocateAddressesRequest,
    ) -> Result<AllocateAddressesResponse, Status> {
        let (state, book, now) = (self.engine.state(), self.leases.book(), self.engine.now());
        let order = order(sight, &state, message, now).map_err(refuse)?;
        let order = match message.filter.as_str() {
            "" => order,
            _ => match fitting(sight, &state, &book, message, order.count, now) {
                Ok(place) => Allocation { place, ..order },
                // What it was given the first time may have been the last of it; the same is given again.
                Err(_) if state.request(&actor.principal, &message.request_id).is_some() => order,
                Err(refusal) => return Err(refuse(refusal)),
            },
        };
        if order.purpose == Purpose::Reservation {
            self.still_may(&sight.operator, Permission::ReservationsWrite)?;
        }
        let holder = actor.principal.as_str().into();
        let policy = policy(message, order.count).map_err(refuse)?;
        let order = Allocation { holder, leases: (*book).clone(), ..order };
        let mutation = mutation!("/freehold.v1.AddressService/AllocateAddresses", *message);
        let (done, probes) = match policy.filter(|_| !message.validate_only) {
            Some(required) => self.allocate_probed(actor, mutation, order, required).await?,
            None => {
                let done = self.submit(actor, mutation, Command::Allocate(order)).await;
                (done.map_err(|error| not_done(error, FIELDS))?, Vec::new())
            }
        };
        let made = self.made_by(&done).await?;
        let (state, book) = (&*done.state, self.leases.book());
        // A hold that was probed and became a reservation is gone, and no address that was given out.
        let made = made.iter().filter(|change| change.after().is_some());
        let names: Result<Vec<AddressName>, Status> = made.map(|change| still_there(state, change)).collect();
        let addresses = names?.iter().map(|name| self.shown_address(state, &book, name)).collect();
        Ok(AllocateAddressesResponse { addresses, probes: probes.iter().map(shown).collect() })
    }

    /// What an allocation made: now, or when it was asked for the first time.
    async fn made_by(&self, done: &Committed) -> Result<Arc<[Change]>, Status> {
        if !done.changes.is_empty() || done.about.is_none() {
            return Ok(Arc::clone(&done.changes));
        }
        let before = Revision(done.revision.0.saturating_sub(1));
        let entries = self.engine.entries_after(before).ready(1).await.map_err(|error| unreadable(&error))?;
        let entry = there(entries.first().filter(|entry| entry.revision == done.revision))?;
        Ok(entry.changes().into())
    }
}

/// The address that `change` gave out, if it was not given back since: a caller must not take another's for its own.
fn still_there(state: &State, change: &Change) -> Result<AddressName, Status> {
    let name = match change.after() {
        Some(Record::Address(made)) => state
            .assignment(&made.name)
            .filter(|now| now.stamp.created == made.stamp.created && now.holder == made.holder)
            .map(|now| now.name.clone()),
        Some(Record::Reservation(made)) => {
            state.reservation(&made.name).filter(|now| now.stamp.created == made.stamp.created).and_then(|now| {
                Some(AddressName { space: state.scope(&now.name.scope)?.space.clone(), address: now.name.address })
            })
        }
        _ => None,
    };
    there(name.as_ref())
}
