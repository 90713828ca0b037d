//! What stands against a command, where everything that does is to be named and not only the first.

use crate::refusal::{Obstacle, Reason, Refusal};
use std::fmt;

/// How many are named in full; the others are counted.
const NAMED_MAX: usize = 100;

/// Everything found so far.
#[derive(Debug, Default)]
pub(super) struct Obstacles {
    named: Vec<Obstacle>,
    more: usize,
}

impl Obstacles {
    /// `resource` stands against it, because of `message`.
    pub(super) fn add(&mut self, resource: impl fmt::Display, message: impl FnOnce() -> String) {
        match self.named.len() {
            NAMED_MAX.. => self.more += 1,
            _ => self.named.push(Obstacle { resource: resource.to_string(), message: message() }),
        }
    }

    /// Goes on if there are none. `what` is what they stand against, and `field` says where it was asked for.
    pub(super) fn clear(self, reason: Reason, field: &str, what: impl FnOnce() -> String) -> Result<(), Refusal> {
        if self.named.is_empty() {
            return Ok(());
        }
        Err(Refusal::because(reason, &what(), self.named, self.more).at(field))
    }
}
