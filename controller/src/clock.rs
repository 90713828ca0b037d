//! The host's clock, and the two ways in which points in time are written here.

use freehold_core::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time on this host; 1970 if its clock says something earlier.
pub fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

/// Core's form of a time, cut to milliseconds.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The form that certificates take; 1970 for anything earlier.
pub fn system_time(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(time.0).unwrap_or_default())
}
