//! Core's types and their messages, a file a noun.
//!
//! `message` makes the frozen form out of a core value and cannot fail. `parse` makes the core value
//! out of a message, or says which field is wrong and why; it is the only way in.

pub mod address;
pub mod assignment;
pub mod client;
pub mod conflict;
pub mod event;
pub mod field;
pub mod grant;
pub mod hosts;
pub mod label;
pub mod lease;
pub mod option;
pub mod plan;
pub mod point;
pub mod review;
pub mod scope;
pub mod sighting;
pub mod stored;
pub mod time;
pub mod view;
