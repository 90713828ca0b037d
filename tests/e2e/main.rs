//! End to end: real programs, real servers, real clients, in the lab's network namespaces. Needs root.
//!
//! A file a story, and each test a lab of its own. [`berlin`] is where most stories begin.

mod adoption;
mod berlin;
mod claims;
mod crash;
mod cutoff;
mod holds;
mod lab;
mod leases;
mod outage;
mod plan;
mod probe;
mod reenrol;
mod refusal;
mod revoke;
mod six;
