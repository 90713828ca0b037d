//! The controller: decides, remembers, and tells agents what their servers should run.
//!
//! - [`ledger`]: the one log that everything else is a view of
//! - [`engine`]: the single writer: decide, make durable, tell
//! - [`leases`]: what servers granted, in a ledger of its own
//! - [`view`]: both as rows, [`store`]: kept in sled, [`checkpoint`]: dumped now and then, so that a start need not replay everything
//! - [`conflicts`]: what contradicts itself, found at the change
//! - [`settle`], [`expire`]: what becomes of holds and claims by itself
//! - [`trail`]: what happened to one address or resource, found without reading the ledgers
//! - [`history`]: what happened to an address, and who had it when, out of the trails
//! - [`usage`]: how many addresses of each place are what
//! - [`obedience`], [`presence`]: how far servers have come, who is connected
//! - [`probe`]: whether somebody has an address, asked of the agent nearest to it
//! - [`api`]: `freehold.v1`, a file a resource
//! - [`sync`]: `freehold.sync.v1`, what agents speak
//! - [`serve`]: the port: connections, who is at their other end, and what they may call; [`enrol`]: how hosts become agents
//! - [`backup`]: taking one beside a running controller, restoring it, checking either
//! - [`init`] makes a controller; [`config`] is what a running one is told, [`recover`] its state out of the ledger, [`run`] the wiring diagram
pub mod api;
pub mod backup;
pub mod checkpoint;
pub mod clock;
pub mod config;
pub mod conflicts;
mod context;
pub mod engine;
pub mod enrol;
pub mod expire;
pub mod history;
pub mod init;
pub mod leases;
pub mod ledger;
pub mod notify;
pub mod obedience;
pub mod presence;
pub mod probe;
pub mod recover;
pub mod run;
pub mod serve;
pub mod settle;
pub mod store;
pub mod sync;
pub mod trail;
pub mod usage;
pub mod view;

pub use context::Context;
