//! The controller: decides, remembers, and tells agents what their servers should run.
//!
//! - [`ledger`]: the one log that everything else is a view of
//! - [`engine`]: the single writer: decide, make durable, tell
//! - [`leases`]: what servers granted, in a ledger of its own
//! - [`obedience`], [`presence`]: how far servers have come, who is connected
//! - [`api`]: `freehold.v1`, a file a resource
//! - [`sync`]: `freehold.sync.v1`, what agents speak
pub mod api;
pub mod engine;
pub mod leases;
pub mod ledger;
pub mod obedience;
pub mod presence;
pub mod sync;
