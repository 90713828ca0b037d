//! Freehold.

pub mod driver;
pub mod enrol;
pub mod files;
pub mod home;
