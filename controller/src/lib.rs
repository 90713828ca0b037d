//! Freehold.
pub mod engine;
pub mod ledger;
