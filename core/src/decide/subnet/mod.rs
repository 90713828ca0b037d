//! Prefixes made out of prefixes: carved out of a container, split, joined, resized. Each is one change of the plan, and what
//! a network holds goes with it or stands against it; a scope keeps its name and its subnet id, so that its leases stay its own.
//!
//! A prefix is named by its CIDR, so one that is resized is gone, and another is made. The new one says in `made_from` what it
//! was before, keeps its time of creation, and the one entry of the ledger has both.

mod carve;
mod fit;
mod join;
mod resize;
mod split;

pub(super) use carve::{carve, find_free};
pub(super) use join::join;
pub(super) use resize::resize;
pub(super) use split::split;

/// Most prefixes that one command makes or joins.
pub const PARTS_MAX: u64 = 1024;
