//! Sets of taken addresses beside a plain sorted set: the same changes, the same answers.

mod changes;
mod edges;
mod model;
mod questions;
mod unions;
