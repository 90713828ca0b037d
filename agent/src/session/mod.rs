//! The agent's side of the sync protocol, as pure machines: time, random numbers and messages come in, messages
//! and things to do come out, in order. What follows a [`machine::Output::Persist`] waits until that is durable.
//!
//! - [`line`]: the shell around the session's machine
//! - [`machine`]: the session: greeting, staging, answers, reconnecting
//! - [`staging`]: change sets in parts, put together and checked before anything is touched
//! - [`upload`]: lease events of one server, from the spool to the controller
//! - [`memory`]: what the agent knows durably, and how that is stored
//!
//! A crash leaves what was persisted: the store it belongs to, the highest fence, the last point obeyed and, per
//! server, the bundle that runs and the one that was about to. From those the next greeting is made.

pub mod line;
pub mod machine;
pub mod memory;
mod staging;
pub mod upload;

#[cfg(test)]
mod tests;
