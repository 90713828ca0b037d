//! Freehold.
pub mod ledger;
