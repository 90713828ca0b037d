//! Freehold.

pub mod driver;
