//! The agent: beside each DHCP server, applies what the controller wants and reports what there is.
//!
//! - [`home`], [`enrol`]: the agent's own folder, and how it comes to belong to a controller
//! - [`session`]: its side of the sync protocol, as pure machines
//! - [`driver`]: the servers that it drives
//! - [`files`]: files that must be whole after a crash

pub mod driver;
pub mod enrol;
pub mod files;
pub mod home;
pub mod session;
