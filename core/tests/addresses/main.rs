//! States of addresses, lists and allocation against the plain definition, address by address.

mod lots;
mod model;
mod questions;
mod usage;
