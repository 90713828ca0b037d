//! What came of a line.

use crate::change::RecordKey;
use crate::exchange::{Column, Item};
use crate::name::AddressName;
use crate::refusal::Refusal;

/// What came of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The physical line, from 1.
    pub line: u64,
    /// What it is about.
    pub resource: String,
    /// What becomes of that.
    pub verdict: Verdict,
}

/// What becomes of what a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Create,
    /// It is changed.
    Change {
        /// Where the file says something else than what is there, by the names of Freehold's own columns.
        columns: Vec<String>,
    },
    /// It is so already.
    Unchanged,
    /// Freehold has no place for it.
    LeftOut {
        /// Why.
        why: &'static str,
    },
    /// It cannot be.
    Refuse {
        /// The column at fault, if it is one.
        column: Option<Column>,
        /// Why.
        refusal: Refusal,
    },
    /// It stands behind a line up to which all that fits into one change is used up; it was not decided.
    Beyond,
}

impl Verdict {
    pub(super) fn number(&self) -> u8 {
        match self {
            Self::Create => 1,
            Self::Change { .. } => 2,
            Self::Unchanged => 3,
            Self::LeftOut { .. } => 4,
            Self::Refuse { .. } => 5,
            Self::Beyond => 6,
        }
    }
}

/// How many lines come to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// What they are about is made.
    pub created: u64,
    /// It is changed.
    pub changed: u64,
    /// It is so already.
    pub unchanged: u64,
    /// Freehold has no place for it.
    pub left_out: u64,
    /// It cannot be.
    pub refused: u64,
    /// They were not decided.
    pub beyond: u64,
}

impl Counts {
    pub(super) fn add(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Create => &mut self.created,
            Verdict::Change { .. } => &mut self.changed,
            Verdict::Unchanged => &mut self.unchanged,
            Verdict::LeftOut { .. } => &mut self.left_out,
            Verdict::Refuse { .. } => &mut self.refused,
            Verdict::Beyond => &mut self.beyond,
        } += 1;
    }
}

/// What a row is about, by name.
pub(super) fn resource(item: &Item) -> String {
    match item {
        Item::Prefix(row) => row.name.to_string(),
        Item::Address(row) => {
            RecordKey::Address(AddressName { space: row.space.clone(), address: row.address }).to_string()
        }
        Item::Range(row) => match &row.scope {
            Some(scope) => format!("{scope} {}", row.range),
            None => format!("{} {}", row.space, row.range),
        },
        Item::Reservation(row) => row.name.to_string(),
        Item::Scope(row) => row.scope.name.to_string(),
        Item::Lease(row) => format!("{}/leases/{}", row.server, row.lease.address),
    }
}
