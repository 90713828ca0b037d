//! Points in the life of a store, as controller and agents tell them to each other.

use crate::sync;
use freehold_core::time::{Revision, StorePoint};

/// The message of a point.
pub fn message(point: &StorePoint) -> sync::StorePoint {
    sync::StorePoint { store_id: point.store.to_vec(), incarnation: point.incarnation, revision: point.revision.0 }
}

/// The point of a message; `None` if it names no store.
pub fn parse(message: &sync::StorePoint) -> Option<StorePoint> {
    Some(StorePoint {
        store: message.store_id.as_slice().try_into().ok()?,
        incarnation: message.incarnation,
        revision: Revision(message.revision),
    })
}
