//! The API.
pub mod status;
