//! Freehold.

pub mod driver;
pub mod files;
