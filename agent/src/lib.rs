//! The agent: beside each DHCP server, applies what the controller wants and reports what there is.
//!
//! - [`home`], [`enrol`]: the agent's own folder, and how it comes to belong to a controller
//! - [`session`]: its side of the sync protocol, as pure machines
//! - [`server`]: the tasks around one server, [`run`]: how all tasks hang together
//! - [`probe`]: whether somebody has an address
//! - [`renew`], [`status`]: its certificate, and what it says of itself
//! - [`spool`]: lease events, durable until the controller has them
//! - [`driver`]: the servers that it drives
//! - [`files`]: files that must be whole after a crash

pub mod clock;
pub mod driver;
pub mod enrol;
pub mod files;
pub mod home;
pub mod probe;
pub mod renew;
pub mod run;
pub mod server;
pub mod session;
pub mod spool;
pub mod status;
