//! Freehold.
pub mod api;
pub mod engine;
pub mod leases;
pub mod ledger;
pub mod obedience;
pub mod presence;
