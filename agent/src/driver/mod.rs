//! The servers an agent drives, a folder each.

pub mod kea;
