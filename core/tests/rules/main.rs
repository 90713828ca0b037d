//! What `decide` says to single commands: each refusal, and what is done where that is not obvious.

mod addresses;
mod enrolment;
mod impact;
mod labels;
mod refusals;
mod requests;
mod scopes;
mod servers;
mod sightings;
mod subnets;
mod together;
mod world;
mod wrong_commands;
mod wrong_words;
