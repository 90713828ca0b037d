//! The state of an address, and which addresses are free: one rule for each, here and nowhere else.
//!
//! Stored is only what somebody decided about an address; all the rest is derived. [`look`] lists everything that is
//! known of an address, what decides its state first. [`list`] goes through a network, each gap in one step. [`Room`] is the addresses that a scope or a network gives out,
//! and finds the next free one, or a random one, at the cost of a tree's depth. [`awaits`] says what an assignment has
//! to wait for before no server can lease its address. [`kept`] goes through those that are kept for somebody who may have left.
//!
//! A lease takes its address until its server says that it is over. Its end alone frees nothing: the server may be
//! cut off and have renewed it, and to wait costs an address while to give it twice costs an outage.

mod barrier;
mod kept;
mod list;
mod look;
mod room;

pub(crate) use barrier::{could_lease, leases_there};
pub(crate) use look::unusable;

pub use barrier::{awaits, lease_against};
pub use kept::{Kept, kept};
pub use list::{Row, list};
pub use look::{AddressState, AddressView, Unusable, Why, look};
pub use room::Room;
