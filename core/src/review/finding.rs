use super::{Check, Severity};
use crate::access::{Reach, Spot};
use crate::model::{Scope, Server};
use crate::name::{ScopeName, ServerName};
use std::fmt;

/// What a check was found at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A scope.
    Scope(ScopeName),
    /// A server.
    Server(ServerName),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(name) => name.fmt(f),
            Self::Server(name) => name.fmt(f),
        }
    }
}

/// What a check found at one place: the values that it is about, not the reason and the fix, which are the check's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// At what.
    pub place: Place,
    /// What else takes part, by name.
    pub related: Vec<String>,
    /// What was found, with its values.
    pub message: String,
    /// Where all that takes part lies: it is shown to those who see all of it.
    spots: Vec<Spot>,
}

impl Finding {
    pub(super) fn of_scope(check: Check, scope: &Scope, said: Said) -> Self {
        Self::new(check, Place::Scope(scope.name.clone()), Spot::Plan(scope.prefix()), said)
    }

    pub(super) fn of_server(check: Check, server: &Server, said: Said) -> Self {
        Self::new(check, Place::Server(server.name.clone()), Spot::House, said)
    }

    fn new(check: Check, place: Place, spot: Spot, said: Said) -> Self {
        let Said { message, related } = said;
        let (related, mut spots): (Vec<_>, Vec<_>) = related.into_iter().unzip();
        spots.push(spot);
        Self { check, place, related, message, spots }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.check.severity()
    }

    /// Whether all that takes part in it lies within a reach.
    pub fn lies_in(&self, reach: &Reach) -> bool {
        self.spots.iter().all(|spot| reach.takes(spot))
    }

    /// Its place in the order of findings, and its own among all: a check is found at a place once.
    pub fn key(&self) -> String {
        let rank = match self.severity() {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Advice => 2,
        };
        format!("{rank} {} {}", self.place, self.check)
    }
}

/// What a check has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) related: Vec<(String, Spot)>,
}

impl From<String> for Said {
    fn from(message: String) -> Self {
        Self { message, related: Vec::new() }
    }
}

impl Said {
    /// The same, with a scope that takes part.
    pub(super) fn with(mut self, scope: &Scope) -> Self {
        let one = (scope.name.to_string(), Spot::Plan(scope.prefix()));
        if !self.related.contains(&one) {
            self.related.push(one);
        }
        self
    }
}

/// How many things of a kind are named.
const NAMED_MAX: usize = 5;

/// Things, the first few by name.
pub(super) fn named<T: fmt::Display>(things: &[T]) -> String {
    let shown: Vec<_> = things.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match things.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
