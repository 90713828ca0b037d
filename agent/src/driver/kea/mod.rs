//! The driver of ISC Kea DHCPv4.
//!
//! - [`control`] speaks with Kea over its unix control socket.
//! - [`memfile`] reads Kea's lease file, [`follow`] follows it as it grows and rotates.

pub mod apply;
pub mod blame;
pub mod config;
pub mod control;
pub mod discover;
pub mod follow;
pub mod intent;
pub mod leases;
pub mod locate;
pub mod memfile;
pub mod persist;
pub mod plan;
pub mod probe;
pub mod readback;
pub mod render;
pub mod source;
