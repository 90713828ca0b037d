//! The clocks of the controller, and the two ways in which points in time are written here.

use crate::engine::Clock;
use freehold_core::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time on this host; 1970 if its clock says something earlier.
pub fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

/// The controller's clock: the host's time now, advanced by the clock that nobody sets. Deadlines go by it, so a host
/// clock that is set while the controller runs ends nothing early; the next start takes the new time over.
pub fn steady() -> Clock {
    let (start, since) = (now(), Instant::now());
    Arc::new(move || {
        let elapsed = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp(start.0.saturating_add(elapsed))
    })
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
