//! Commands that are wrong, each with the reason and the field of the refusal.

mod addresses;
mod delegation;
mod hosts;
mod labels;
mod lookups;
mod plan;
mod subnets;
mod views;

use freehold_core::command::Command;
use freehold_core::{Reason, State};

/// One line of the table.
pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) command: Command,
    pub(crate) reason: Reason,
    pub(crate) field: &'static str,
    prepare: fn(State) -> State,
}

impl Case {
    /// The state before the command: the world, or what the case makes of it.
    pub(crate) fn before(&self, world: &State) -> State {
        (self.prepare)(world.clone())
    }
}

fn case(what: &'static str, command: Command, reason: Reason, field: &'static str) -> Case {
    Case { what, command, reason, field, prepare: |state| state }
}

/// Every line.
pub(crate) fn cases() -> Vec<Case> {
    [
        lookups::cases(),
        plan::cases(),
        delegation::cases(),
        labels::cases(),
        subnets::cases(),
        hosts::cases(),
        addresses::cases(),
        views::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
