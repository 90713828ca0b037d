//! Holds and claims, one by one: made, changed, extended, settled, released.

use super::Moment;
use super::labels;
use super::lookup::{self, etag_matches};
use super::reservation::client_fits;
use crate::address::could_lease;
use crate::change::{Change, Record};
use crate::client::ClientIdentity;
use crate::command::{AddressDetails, AssignmentPatch, Etag, Outcome, Purpose};
use crate::model::{Assignment, AssignmentKind, LabelledKind, Phase, Prefix, Rare, Scope, ScopeStatus};
use crate::name::AddressName;
use crate::net::{Family, family};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::text::Text;
use crate::time::{Revision, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// What an assignment is to be.
pub(super) struct Wanted<'a> {
    pub(super) kind: AssignmentKind,
    pub(super) details: &'a AddressDetails,
    pub(super) holder: &'a Arc<str>,
    pub(super) accept_risk: bool,
}

/// Makes an assignment of a free address.
pub(super) fn make(
    state: &State,
    at: Moment,
    name: AddressName,
    network: &Prefix,
    scope: Option<&Arc<Scope>>,
    wanted: &Wanted<'_>,
) -> Result<Change, Refusal> {
    let details = wanted.details;
    if matches!(wanted.kind, AssignmentKind::Claim { .. }) {
        claim_fits(state, network, scope, name.address, details.client.as_ref())?;
    }
    let pending = could_lease(state, scope.map(AsRef::as_ref), &name.space, name.address);
    let rare = Rare {
        comment: details.comment.clone(),
        owner: details.owner.clone(),
        conflict: Text::default(),
        labels: labels::fitting(state, LabelledKind::Address, &details.labels)?,
    };
    let assignment = Assignment {
        name,
        kind: wanted.kind,
        phase: if pending && !wanted.accept_risk { Phase::Pending } else { Phase::Active },
        risk_accepted: pending && wanted.accept_risk,
        holder: Arc::clone(wanted.holder),
        client: details.client.clone(),
        host_name: details.host_name.clone(),
        rare: rare.boxed(),
        stamp: at.made(),
    };
    Ok(Change::made(Record::Address(Arc::new(assignment))))
}

/// Refuses an address that is held or claimed.
pub(super) fn not_assigned(state: &State, name: &AddressName) -> Result<(), Refusal> {
    match state.assignment(name) {
        Some(other) => {
            let how = if other.is_hold() { "held" } else { "claimed" };
            let message = format!("{} is {how} by {}", name.address, other.holder);
            Err(Refusal::new(Reason::AddressTaken, message).about(name))
        }
        None => Ok(()),
    }
}

/// The client of a claim: named where DHCP serves the network, of a kind that the family has, and with no other
/// address of its own there.
fn claim_fits(
    state: &State,
    network: &Prefix,
    scope: Option<&Arc<Scope>>,
    address: IpAddr,
    client: Option<&ClientIdentity>,
) -> Result<(), Refusal> {
    let Some(client) = client else {
        let served = scope.filter(|scope| scope.status == ScopeStatus::Active && scope.server.is_some());
        return match served {
            Some(scope) if family(address) == Family::V4 => Err(Refusal::new(
                Reason::ClientRequired,
                format!("{} serves {} by DHCP; say which client the address is for", scope.name, network.name.cidr),
            )
            .at("client")
            .about(&scope.name)),
            _ => Ok(()),
        };
    };
    client_fits(family(address), client)?;
    let own = AddressName { space: network.name.space.clone(), address };
    has_no_claim(state, network, client, &own)?;
    let reserved = |client: &ClientIdentity| scope.and_then(|scope| state.reserved_for(&scope.name, client));
    match reserved(client).or_else(|| client.twin().and_then(|twin| reserved(&twin))) {
        Some(other) if other != address => Err(Refusal::new(
            Reason::ClientReserved,
            format!("{client} has {other} reserved in {} already", network.name.cidr),
        )
        .at("client")),
        _ => Ok(()),
    }
}

/// Refuses a client that claims another address of the network than `own`.
pub(super) fn has_no_claim(
    state: &State,
    network: &Prefix,
    client: &ClientIdentity,
    own: &AddressName,
) -> Result<(), Refusal> {
    let claimed = |client: &ClientIdentity| {
        let mut all = state.assignments_for(client).filter(|found| !found.is_hold() && found.name.space == own.space);
        all.find(|found| network.name.cidr.contains(found.name.address) && found.name != *own)
    };
    match claimed(client).or_else(|| client.twin().and_then(|twin| claimed(&twin))) {
        Some(other) => Err(Refusal::new(
            Reason::ClientClaimed,
            format!("{client} has {} claimed in {} already", other.name.address, network.name.cidr),
        )
        .at("client")
        .about(&other.name)),
        None => Ok(()),
    }
}

fn change(before: Arc<Assignment>, at: Moment, mut after: Assignment) -> Vec<Change> {
    if after == *before {
        return Vec::new();
    }
    after.stamp = at.changed(before.stamp);
    vec![Change::changed(Record::Address(before), Record::Address(Arc::new(after)))]
}

/// Gives a held or claimed address back.
pub(super) fn release(state: &State, name: &AddressName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::assignment(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    Ok(vec![Change::gone(Record::Address(before))])
}

/// The hold that is there, not over yet.
fn hold(state: &State, at: Moment, name: &AddressName, etag: Etag) -> Result<Arc<Assignment>, Refusal> {
    let before = lookup::assignment(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    match before.kind {
        AssignmentKind::Claim { .. } => {
            Err(Refusal::new(Reason::NotAHold, format!("{name} is claimed, not held")).at("name").about(name))
        }
        AssignmentKind::Hold { until } if until <= at.now => {
            Err(Refusal::new(Reason::HoldExpired, format!("the hold of {name} is over; ask for an address again"))
                .at("name")
                .about(name))
        }
        AssignmentKind::Hold { .. } => Ok(before),
    }
}

pub(super) fn extend(
    state: &State,
    at: Moment,
    name: &AddressName,
    etag: Etag,
    until: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    let before = hold(state, at, name, etag)?;
    super::allocate::ends_in_time(at, &Purpose::Hold { until })?;
    let after = Assignment { kind: AssignmentKind::Hold { until }, ..Assignment::clone(&before) };
    Ok(change(before, at, after))
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &AddressName,
    etag: Etag,
    patch: &AssignmentPatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::assignment(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = patched(state, &before, patch)?;
    if let Some(expires) = patch.expires {
        if before.is_hold() {
            let message = format!("{name} is held, and a hold has a deadline; extend it, or make it a claim");
            return Err(Refusal::new(Reason::FieldImmutable, message).at("expires").about(name));
        }
        super::allocate::ends_in_time(at, &Purpose::Claim { expires })?;
        after.kind = AssignmentKind::Claim { expires };
    }
    if after == *before {
        return Ok(Vec::new());
    }
    if !after.is_hold() {
        still_fits(state, &after)?;
    }
    Ok(change(before, at, after))
}

fn patched(state: &State, before: &Assignment, patch: &AssignmentPatch) -> Result<Assignment, Refusal> {
    let mut after = before.clone();
    if let Some(client) = &patch.client {
        after.client.clone_from(client);
    }
    if let Some(host_name) = &patch.host_name {
        after.host_name.clone_from(host_name);
    }
    let mut rare = after.rare();
    if let Some(comment) = &patch.comment {
        rare.comment.clone_from(comment);
    }
    if let Some(owner) = &patch.owner {
        rare.owner.clone_from(owner);
    }
    rare.labels = labels::patched(state, LabelledKind::Address, &rare.labels, &patch.labels)?;
    after.rare = rare.boxed();
    Ok(after)
}

/// A claim in the network that it lies in.
fn still_fits(state: &State, claim: &Assignment) -> Result<(), Refusal> {
    let AddressName { space, address } = &claim.name;
    let network =
        state.network_at(space, *address).expect("a network with assignments stays one: prefix.rs sees to it");
    claim_fits(state, network, state.scope_at(space, *address), *address, claim.client.as_ref())
}

/// Makes a hold a claim; the address stays.
pub(super) fn claim(
    state: &State,
    at: Moment,
    name: &AddressName,
    etag: Etag,
    patch: &AssignmentPatch,
) -> Result<Vec<Change>, Refusal> {
    let expires = patch.expires.flatten();
    let before = hold(state, at, name, etag)?;
    super::allocate::ends_in_time(at, &Purpose::Claim { expires })?;
    let after = Assignment { kind: AssignmentKind::Claim { expires }, ..patched(state, &before, patch)? };
    still_fits(state, &after)?;
    Ok(change(before, at, after))
}

/// What was found out about an assignment. Nothing, if it changed meanwhile: it is looked at anew then.
///
/// A conflict that is over is not ACTIVE at once: its server may have been given another form of the scope meanwhile, and
/// whether it leases the address is for the barrier to say.
pub(super) fn settle(
    state: &State,
    at: Moment,
    name: &AddressName,
    revision: Revision,
    outcome: &Outcome,
) -> Vec<Change> {
    let Some(before) = state.assignment(name).filter(|before| before.stamp.revision == revision) else {
        return Vec::new();
    };
    let (phase, conflict) = match outcome {
        Outcome::Active => (Phase::Active, Text::default()),
        Outcome::Freed => {
            let scope = state.scope_at(&name.space, name.address);
            let pending = could_lease(state, scope.map(AsRef::as_ref), &name.space, name.address);
            (if pending { Phase::Pending } else { Phase::Active }, Text::default())
        }
        Outcome::Conflict { who } => (Phase::Conflict, who.clone()),
    };
    let rare = Rare { conflict, ..before.rare() }.boxed();
    let after = Assignment { phase, rare, ..Assignment::clone(&before) };
    change(before, at, after)
}

/// Frees holds whose deadline is over, and claims that expired, the first to end first; `most` of them.
pub(super) fn expire(state: &State, at: Moment, most: u32) -> Vec<Change> {
    let over = state.assignments_ending().take_while(|found| found.ends().is_some_and(|end| end <= at.now));
    over.take(most as usize).map(|found| Change::gone(Record::Address(found))).collect()
}
