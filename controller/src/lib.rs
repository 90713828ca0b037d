//! Freehold.
pub mod sync;
