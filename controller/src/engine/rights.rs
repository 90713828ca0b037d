//! Whose call it is, and so what it may change. Every call passes here, and none says itself what it may.
//!
//! Operators may change what their roles and grants hold, by the permission that the .proto files declare for the method. Freehold
//! itself and agents are not held against grants: what they do, they do by commands of their own.

use super::Call;
use freehold_core::access::{Needs, Right};
use freehold_core::name::OperatorName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Change, State};
use freehold_proto::access::{Caller, caller_of};
use std::sync::Arc;

/// What one call may change.
pub(super) enum Rights {
    /// Whatever the rules allow.
    Own,
    /// What an operator may.
    Of(Right),
}

impl Rights {
    /// Those of a call at this state.
    pub(super) fn of(state: &State, call: &Call) -> Result<Self, Refusal> {
        let principal = call.actor.principal.as_str();
        if !principal.starts_with(OperatorName::COLLECTION) {
            return Ok(Self::Own);
        }
        let refuse = |why: String| Refusal::new(Reason::PermissionDenied, why);
        let needs = match caller_of(&call.method) {
            Some(Caller::With(permission)) => Needs::One(permission),
            Some(Caller::AnyOperator) => Needs::OfEachKind,
            Some(Caller::Agent | Caller::Anyone) | None => {
                return Err(refuse(format!("{principal} is an operator, and {} is not for operators", call.method)));
            }
        };
        let operator = principal.parse::<OperatorName>().ok().and_then(|name| state.operator(&name));
        let operator = operator.ok_or_else(|| refuse(format!("{principal} is not an operator any more")))?;
        Ok(Self::Of(Right::new(Arc::clone(operator), needs)))
    }

    /// Whether the call may ask for what it does.
    pub(super) fn may_ask(&self, state: &State, call: &Call) -> Result<(), Refusal> {
        match self {
            Self::Own => Ok(()),
            Self::Of(right) => right.may_ask(state, &call.command),
        }
    }

    /// Whether these changes may come of it.
    pub(super) fn may_make(&self, state: &State, changes: &[Change]) -> Result<(), Refusal> {
        match self {
            Self::Own => Ok(()),
            Self::Of(right) => right.may_make(state, changes),
        }
    }
}
