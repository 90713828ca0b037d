//! Finding what a command names, and holding it against the caller's etag.

use crate::command::Etag;
use crate::model::{
    Agent, AgentState, Assignment, EnrolmentToken, FieldDefinition, Operator, Prefix, Reservation, Scope, Server,
    Space, Stamp, View,
};
use crate::name::{
    AddressName, AgentName, FieldName, OperatorName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName,
    TokenName, ViewName,
};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::fmt;
use std::sync::Arc;

fn found<T: Clone>(record: Option<&T>, reason: Reason, name: impl fmt::Display) -> Result<T, Refusal> {
    record.cloned().ok_or_else(|| Refusal::new(reason, format!("{name} does not exist")).at("name").about(name))
}

pub(super) fn space(state: &State, name: &SpaceName) -> Result<Arc<Space>, Refusal> {
    found(state.space(name), Reason::SpaceNotFound, name)
}

pub(super) fn prefix(state: &State, name: &PrefixName) -> Result<Arc<Prefix>, Refusal> {
    found(state.prefix(name), Reason::PrefixNotFound, name)
}

pub(super) fn field(state: &State, name: &FieldName) -> Result<Arc<FieldDefinition>, Refusal> {
    found(state.field(name), Reason::FieldDefinitionNotFound, name)
}

pub(super) fn view(state: &State, name: &ViewName) -> Result<Arc<View>, Refusal> {
    found(state.view(name), Reason::ViewNotFound, name)
}

pub(super) fn scope(state: &State, name: &ScopeName) -> Result<Arc<Scope>, Refusal> {
    found(state.scope(name), Reason::ScopeNotFound, name)
}

pub(super) fn reservation(state: &State, name: &ReservationName) -> Result<Arc<Reservation>, Refusal> {
    found(state.reservation(name), Reason::ReservationNotFound, name)
}

pub(super) fn assignment(state: &State, name: &AddressName) -> Result<Arc<Assignment>, Refusal> {
    let missing = || Refusal::new(Reason::AssignmentNotFound, format!("{name} is neither held nor claimed"));
    state.assignment(name).ok_or_else(|| missing().at("name").about(name))
}

pub(super) fn server(state: &State, name: &ServerName) -> Result<Arc<Server>, Refusal> {
    found(state.server(name), Reason::ServerNotFound, name)
}

pub(super) fn agent(state: &State, name: &AgentName) -> Result<Arc<Agent>, Refusal> {
    found(state.agent(name), Reason::AgentNotFound, name)
}

/// The agent, unless it is revoked: what it says then is not taken, though its stream may not have ended yet.
pub(super) fn active_agent(state: &State, name: &AgentName) -> Result<Arc<Agent>, Refusal> {
    let agent = agent(state, name)?;
    match agent.state {
        AgentState::Active => Ok(agent),
        AgentState::Revoked => {
            Err(Refusal::new(Reason::IdentityRevoked, format!("{name} is revoked")).at("name").about(name))
        }
    }
}

pub(super) fn token(state: &State, name: &TokenName) -> Result<Arc<EnrolmentToken>, Refusal> {
    found(state.token(name), Reason::TokenNotFound, name)
}

pub(super) fn operator(state: &State, name: &OperatorName) -> Result<Arc<Operator>, Refusal> {
    found(state.operator(name), Reason::OperatorNotFound, name)
}

/// Refuses a caller that read another revision than the one that is there.
pub(super) fn etag_matches(etag: Etag, stamp: Stamp, name: impl fmt::Display) -> Result<(), Refusal> {
    match etag {
        Some(read) if read != stamp.revision => Err(Refusal::new(
            Reason::EtagMismatch,
            format!(
                "{name} was changed since you read it: its etag is {}, yours is {read}; read it again and retry",
                stamp.revision
            ),
        )
        .at("etag")
        .about(name)),
        _ => Ok(()),
    }
}

/// A refusal to make what is there; `field` is the one of the request that holds the name.
pub(super) fn already_exists(name: impl fmt::Display, field: &str) -> Refusal {
    Refusal::new(Reason::AlreadyExists, format!("{name} exists already")).at(field).about(name)
}

/// A refusal to delete what others use, naming the first few of them.
pub(super) fn in_use(name: impl fmt::Display, users: &[String], total: usize, hint: &str) -> Refusal {
    let more = total.saturating_sub(users.len());
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    Refusal::new(Reason::InUse, format!("{name} is used by {}{tail}; {hint}", users.join(", "))).at("name").about(name)
}

/// How many users a refusal names.
pub(super) const USERS_NAMED: usize = 5;
