//! Freehold.
pub mod session;
