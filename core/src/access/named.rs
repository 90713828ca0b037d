//! What a command names, and where that lies.

use super::Spot;
use crate::command::{Allocation, Choice, Command, NewReservation, Place};
use crate::name::{AddressName, PrefixName, ReservationName, ScopeName, SpaceName};
use crate::net::Cidr;
use crate::state::State;
use std::fmt;

/// Something that a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// What it is called.
    pub(super) what: String,
    /// Where it lies.
    pub(super) spot: Spot,
    /// Whether it is only asked for something in it, so that a part of it is enough.
    pub(super) part: bool,
}

/// Everything that a command names, in its order. What is not there, and does not say by its name where it would be, lies nowhere.
pub(super) fn named(state: &State, command: &Command) -> Vec<Named> {
    match command {
        Command::CreateSpace { name, .. } | Command::UpdateSpace { name, .. } | Command::DeleteSpace { name, .. } => {
            vec![one(name, Spot::Space(name.clone()))]
        }
        Command::CreatePrefix { name, .. }
        | Command::UpdatePrefix { name, .. }
        | Command::DeletePrefix { name, .. }
        | Command::SplitPrefix { name, .. } => vec![prefix(name)],
        Command::CarvePrefixes { parent, .. } => vec![part(prefix(parent))],
        Command::ResizePrefix { name, cidr, .. } => {
            vec![prefix(name), prefix(&PrefixName { space: name.space.clone(), cidr: *cidr })]
        }
        Command::JoinPrefixes { pieces } => pieces.iter().map(|(name, _)| prefix(name)).collect(),
        Command::CreateScope(new) => {
            let network = one(&new.name, Spot::Plan(PrefixName { space: new.space.clone(), cidr: new.network }));
            let pools = new.prefix_pools.iter().map(|pool| pool.prefix);
            std::iter::once(network).chain(blocks(&new.space, pools)).collect()
        }
        Command::UpdateScope { name, patch, .. } => {
            let pools = patch.prefix_pools.iter().flatten().map(|pool| pool.prefix);
            std::iter::once(scope(state, name)).chain(blocks_in(state, name, pools)).collect()
        }
        Command::DeleteScope { name, .. } => vec![scope(state, name)],
        Command::CreateReservation(NewReservation { name, prefixes, .. }) => {
            let prefixes = blocks_in(state, &name.scope, prefixes.iter().copied());
            std::iter::once(reservation(state, name)).chain(prefixes).collect()
        }
        Command::UpdateReservation { name, patch, .. } => {
            let prefixes = blocks_in(state, &name.scope, patch.prefixes.iter().flatten().copied());
            std::iter::once(reservation(state, name)).chain(prefixes).collect()
        }
        Command::DeleteReservation { name, .. } | Command::ConvertToClaim { name, .. } => {
            vec![reservation(state, name)]
        }
        Command::MoveReservation { name, to, .. } => {
            let moved = ReservationName { scope: name.scope.clone(), address: *to };
            vec![reservation(state, name), reservation(state, &moved)]
        }
        Command::Allocate(order) => allocation(state, order),
        Command::ConvertLease(order) => {
            vec![reservation(state, &ReservationName { scope: order.scope.clone(), address: order.address })]
        }
        Command::ExtendHold { name, .. }
        | Command::UpdateAssignment { name, .. }
        | Command::ClaimHold { name, .. }
        | Command::ConvertToReservation { name, .. }
        | Command::Release { name, .. }
        | Command::Settle { name, .. }
        | Command::RecordSighting { name, .. }
        | Command::ClearSighting { name, .. } => vec![address(name)],
        Command::Together(commands) => commands.iter().flat_map(|command| named(state, command)).collect(),
        Command::CreateField(_)
        | Command::UpdateField { .. }
        | Command::DeleteField { .. }
        | Command::CreateView(_)
        | Command::UpdateView { .. }
        | Command::DeleteView { .. }
        | Command::Expire { .. }
        | Command::ReportServer { .. }
        | Command::UpdateServer { .. }
        | Command::DeleteServer { .. }
        | Command::RecordApplied { .. }
        | Command::RecordRejected { .. }
        | Command::ForgetLeft { .. }
        | Command::LiftRefusals { .. }
        | Command::NoteDecision { .. }
        | Command::CreateToken { .. }
        | Command::DeleteToken { .. }
        | Command::EnrolAgent { .. }
        | Command::CountWrongSecret { .. }
        | Command::RenewAgent { .. }
        | Command::OpenSession { .. }
        | Command::RevokeAgent { .. }
        | Command::DeleteAgent { .. }
        | Command::CreateOperator { .. }
        | Command::UpdateOperator { .. }
        | Command::AddOperatorCertificate { .. }
        | Command::RevokeOperatorCertificate { .. }
        | Command::DeleteOperator { .. } => vec![one("what is not of the plan", Spot::House)],
    }
}

fn one(what: impl fmt::Display, spot: Spot) -> Named {
    Named { what: what.to_string(), spot, part: false }
}

fn part(named: Named) -> Named {
    Named { part: true, ..named }
}

fn prefix(name: &PrefixName) -> Named {
    one(name, Spot::Plan(name.clone()))
}

/// Blocks that are delegated, which lie outside of the network that they are delegated in.
fn blocks(space: &SpaceName, blocks: impl Iterator<Item = Cidr>) -> impl Iterator<Item = Named> {
    blocks.map(|cidr| prefix(&PrefixName { space: space.clone(), cidr }))
}

/// The same, in the space of a scope; none where there is no such scope.
fn blocks_in(state: &State, scope: &ScopeName, cidrs: impl Iterator<Item = Cidr>) -> Vec<Named> {
    state.scope(scope).map(|scope| blocks(&scope.space, cidrs).collect()).unwrap_or_default()
}

fn address(name: &AddressName) -> Named {
    one(name, Spot::address(&name.space, name.address))
}

fn scope(state: &State, name: &ScopeName) -> Named {
    one(name, Spot::scope(state.scope(name)))
}

fn reservation(state: &State, name: &ReservationName) -> Named {
    one(name, Spot::reservation(state, name))
}

/// The places of an allocation, and the addresses that are asked for by name.
fn allocation(state: &State, order: &Allocation) -> Vec<Named> {
    let (mut all, space) = match &order.place {
        Place::Scope(name) => (vec![part(scope(state, name))], state.scope(name).map(|scope| scope.space.clone())),
        Place::Network(name) => (vec![part(prefix(name))], Some(name.space.clone())),
        Place::OneOf(names) => {
            (names.iter().map(|name| part(prefix(name))).collect(), names.first().map(|name| name.space.clone()))
        }
    };
    if let (Choice::Given(addresses), Some(space)) = (&order.choice, space) {
        all.extend(addresses.iter().map(|given| address(&AddressName { space: space.clone(), address: *given })));
    }
    all
}
