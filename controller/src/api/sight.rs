//! What of the plan a caller may see. Every method that reads asks here, by the permission that the .proto files declare for it.

use super::Api;
use super::call::refuse;
use crate::serve::{Caller, Principal};
use freehold_core::State;
use freehold_core::access::{Permission, Reach, Spot};
use freehold_core::name::{OperatorName, SpaceName};
use freehold_core::refusal::Refusal;
use std::fmt::Display;
use tonic::{Extensions, Status};

/// A caller, and where it has the permission that it reads with.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) operator: OperatorName,
    pub(super) reach: Reach,
    permission: Permission,
}

impl Sight {
    /// The caller of a method that needs a permission, at this state.
    pub(super) fn of(extensions: &Extensions, state: &State) -> Result<Self, Status> {
        let permission = extensions.get().copied();
        let permission = permission.ok_or_else(|| Status::internal("the method declares no permission"))?;
        match &Caller::of(extensions)?.principal {
            Principal::Operator(operator) => Ok(Self::with(operator.clone(), permission, state)),
            Principal::Agent(agent) => Err(Status::internal(format!("{agent} is let through where operators read"))),
        }
    }

    /// This operator, with this permission, at this state.
    pub(super) fn with(operator: OperatorName, permission: Permission, state: &State) -> Self {
        let reach = state.operator(&operator).map_or(Reach::NOWHERE, |found| found.reach(permission));
        Self { operator, reach, permission }
    }

    /// Goes on if what is asked for is seen. It is refused in the same words whether or not it is there.
    pub(super) fn must(&self, seen: bool, what: impl Display) -> Result<(), Status> {
        self.allows(seen, what).map_err(refuse)
    }

    /// The same, where the refusal is not an answer yet.
    pub(super) fn allows(&self, seen: bool, what: impl Display) -> Result<(), Refusal> {
        if seen { Ok(()) } else { Err(self.reach.refuse(&self.operator, self.permission, what)) }
    }

    /// Goes on if all of what lies there is seen.
    pub(super) fn all_of(&self, spot: &Spot, what: impl Display) -> Result<(), Status> {
        self.must(self.reach.takes(spot), what)
    }

    /// Goes on if something of what lies there is seen.
    pub(super) fn part_of(&self, spot: &Spot, what: impl Display) -> Result<(), Status> {
        self.must(self.reach.touches(spot), what)
    }

    /// Goes on if something of a space is seen.
    pub(super) fn part_of_space(&self, space: &SpaceName) -> Result<(), Status> {
        self.must(self.reach.meets_space(space), space)
    }

    /// Goes on if everything is seen, the things of the house too.
    pub(super) fn everything(&self, what: impl Display) -> Result<(), Status> {
        self.must(self.reach.is_everywhere(), what)
    }
}

impl Api {
    /// The caller of a method that needs a permission, as it is now.
    pub(super) fn sight(&self, extensions: &Extensions) -> Result<Sight, Status> {
        Sight::of(extensions, &self.engine.state())
    }
}
