//! The driver of ISC Kea DHCPv4.
//!
//! - [`control`] speaks with Kea over its unix control socket.
//! - [`memfile`] reads Kea's lease file, [`follow`] follows it as it grows and rotates.

pub mod control;
pub mod discover;
pub mod follow;
pub mod locate;
pub mod memfile;
pub mod probe;
pub mod source;
