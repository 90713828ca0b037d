//! The controller's side of the sync protocol: what agents should run goes down, what they do and what
//! their servers lease comes up.
//!
//! Everything here is a pure machine: time and random numbers come in, messages and commands go out, and
//! nothing waits. A machine promises only what its inputs say is durable: it acknowledges lease events after
//! the engine says that they are committed, and welcomes a session after its fence is.
//!
//! - [`service`]: the shell around all of them, and `dispatch`, which wakes the sessions that a commit concerns
//! - [`session`]: one agent's session; one server of it is a follower, a change is cut into parts there
//! - [`lease_upload`]: one server's stream of lease events, and full listings
//! - [`registry`]: who is connected, who supersedes whom, and who runs twice
//! - [`admission`]: how many may come in at once
//! - [`ancestry`]: bundles that agents may still hold, so that they are sent differences
//! - [`wanted`]: what a server should run, less what it refused
//! - [`questions`]: who waits for what an agent finds out, on its network and of its servers
//! - [`waits`]: what only a person can decide
//!
//! A crash leaves nothing: sessions are rebuilt from the agents' greetings. Only the numbers of change sets
//! are lost, and those mean nothing outside their stream.

pub mod admission;
pub mod ancestry;
pub(crate) mod dispatch;
pub mod lease_upload;
pub mod questions;
pub mod registry;
pub mod service;
pub mod session;
pub mod waits;
pub mod wanted;
