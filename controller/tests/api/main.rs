//! The API of a whole controller, over real TLS on the loopback: what it refuses, what it repeats, what it shows to whom.

mod addresses;
mod agent;
mod bad_input;
mod capabilities;
mod conflicts;
mod decisions;
mod delegation;
mod events;
mod exchange;
mod history;
mod house;
mod lists;
mod masks;
mod once;
mod planning;
mod previews;
mod probed;
mod probing;
mod reclaim;
mod review;
mod roles;
mod search;
mod settling;
mod usage;
mod views;
mod waiting;
mod watching;
#[path = "../whole/mod.rs"]
mod whole;
