//! The plan as text: CSV of prefixes, addresses, ranges, reservations, scopes and leases, and the exports of NetBox, phpIPAM
//! and Windows Server IPAM. `docs/formats/csv.md` is the manual.
//!
//! Text becomes [`Row`]s by a [`Reader`], which is pushed bytes in pieces of any size and keeps no more than one record,
//! so that a million lines cost the memory of one; rows become text by a [`Writer`], and what it writes reads back the
//! same. Nothing here compares a row with the state or changes anything: that is for [`import`](crate::import). Rows of the
//! state are made by [`export`](crate::export).
//!
//! - [`record`]: bytes into records; quotes, lines, limits
//! - [`layout`], with a file for each source: what columns mean, and whose header it is
//! - [`sheet`]: the columns of one file · [`cells`]: the cells of one line · [`build`]: the row they make
//! - [`row`], [`labels`]: what comes out · [`fault`]: what is wrong, by line and column, and what was not understood
//!
//! Two promises. A line with a fault makes no row, and every fault of it is told: who finds [`Outcome::faults`] empty has
//! every line. And of a foreign file nothing is dropped in silence: a cell without a place becomes a custom field of
//! the row, and whatever is changed or left out is told as a [`Note`].

mod build;
mod cells;
mod fault;
mod freehold;
mod instant;
mod labels;
mod layout;
mod netbox;
mod phpipam;
mod read;
mod record;
mod row;
mod sheet;
mod windows;
mod write;

pub(crate) use cells::shortened;
pub use fault::{Column, FAULTS_MAX, Fault, Faults, NOTES_MAX, Note};
pub(crate) use labels::slug;
pub use labels::{FieldId, Labels};
pub use layout::{LAYOUTS, Layout, Source, Table};
pub use read::{Asked, Outcome, Reader, SPACES_MAX, Settings};
pub use record::{COLUMNS_MAX, RECORD_BYTES_MAX};
pub use row::{AddressKind, AddressRow, Item, LeaseRow, PrefixRow, RangeKind, RangeRow, ReservationRow, Row, ScopeRow};
pub use sheet::Sheet;
pub use write::{Unwritable, Writer};
