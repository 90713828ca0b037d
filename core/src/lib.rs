//! The rules of Freehold, and nothing else.
//!
//! This crate knows what an address space is and what may be done to it. It takes the [`State`], a
//! [`Command`] and the time, and [`decide`]s: either the [`Change`]s that carry the command out, or
//! a [`Refusal`] that says what is wrong and what to do. It has no clock, no randomness, no socket,
//! no file and no async; whoever calls it brings those.
//!
//! The tour, in reading order:
//!
//! - [`name`], [`net`], [`client`], [`text`], [`option`]: words that cannot be wrong once parsed
//! - [`subnet`]: free blocks, equal parts, prefixes that make a larger one
//! - [`labels`]: tags and custom fields, and how they come down the tree
//! - [`occupied`]: which addresses are taken, counted, so that finding a free one never scans
//! - [`model`]: the nouns (space, prefix, scope, reservation, server, agent, operator, lease)
//! - [`command`] → [`decide`] → [`change`]: the life of a change
//! - [`state`]: everything at one revision, cheap to copy
//! - [`check`]: the invariants, each stated once more as a test of a whole state
//! - [`address`]: the state of an address and why it is not free, and which addresses are
//! - [`usage`]: how many addresses of a place are what, rolled up
//! - [`capability`]: what a server can do of what the plan may ask of it, and in which translation
//! - [`bundle`], [`desired`]: what one server should run, and the difference between two such
//! - [`lease`]: what servers granted; [`impact`]: whom a change takes something away from
//! - [`conflict`]: what contradicts itself, and what can be done about it; [`review`]: what is doubtful
//! - [`filter`]: which rows of a list a caller wants, in the words of AIP-160
//! - [`rows`]: what the rows of lists can be filtered by
//! - [`access`]: permissions and the roles that hold them
//! - [`exchange`]: the plan as CSV, Freehold's own and that of other programs; [`import`]: what a file would make of
//!   the state; [`export`]: the state as rows

pub mod access;
pub mod address;
pub mod bundle;
pub mod capability;
pub mod change;
pub mod check;
pub mod client;
pub mod command;
pub mod conflict;
pub mod decide;
pub mod desired;
pub mod exchange;
pub mod export;
pub mod filter;
pub mod impact;
pub mod import;
pub mod labels;
pub mod lease;
pub mod model;
pub mod name;
pub mod net;
pub mod occupied;
pub mod option;
pub mod refusal;
pub mod review;
pub mod rows;
pub mod search;
pub mod state;
pub mod subnet;
pub mod text;
pub mod time;
pub mod usage;

pub use change::{Change, Entry, Record, RecordKey};
pub use check::check;
pub use command::Command;
pub use decide::decide;
pub use refusal::{Reason, Refusal};
pub use state::State;
pub use time::{Now, Revision, StorePoint, Timestamp};
