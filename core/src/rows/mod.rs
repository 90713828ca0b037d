//! What the rows of lists can be filtered by: the fields of each kind, and how a record answers for them.
//!
//! [`bind`] makes a [`Filter`] of what a caller wrote, for one kind of list; the rows here are asked by it. Labels are those that hold
//! for a row, inherited ones too, and are looked for when they are asked for.

mod address;
mod holding;
mod prefix;
mod reservation;
mod scope;
mod used;

pub use address::AddressRow;
pub use prefix::PrefixRow;
pub use reservation::ReservationRow;
pub use scope::ScopeRow;
pub use used::{UsedRow, bind_used};

use crate::filter::{Expression, Filter, Schema};
use crate::model::ViewKind;
use crate::refusal::Refusal;
use crate::state::State;
use crate::time::Timestamp;

/// The filter of a list of this kind; `None` takes every row. A refusal names the column.
pub fn bind(state: &State, kind: ViewKind, filter: &str, now: Timestamp) -> Result<Option<Filter>, Refusal> {
    let schema = match kind {
        ViewKind::Prefixes => prefix::fields(Schema::new()),
        ViewKind::Scopes => scope::fields(Schema::new()),
        ViewKind::Reservations => reservation::fields(Schema::new()),
        ViewKind::Addresses => address::fields(Schema::new()),
    };
    bound(state, schema, filter, now)
}

fn bound(state: &State, schema: Schema, filter: &str, now: Timestamp) -> Result<Option<Filter>, Refusal> {
    if filter.is_empty() {
        return Ok(None);
    }
    Expression::parse(filter)?.bind(&holding::fields(state, schema), now).map(Some)
}
