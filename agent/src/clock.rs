//! The two clocks of this host, read at the edge and handed inwards.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use freehold_core::Timestamp;
use freehold_core::time::Now;
use freehold_proto::convert::time::from_system;

/// The time of day.
pub fn wall() -> Timestamp {
    from_system(SystemTime::now())
}

/// Both clocks: ticks are milliseconds since the first reading.
pub fn now() -> Now {
    Now { ticks: ticks(Instant::now()), wall: wall() }
}

/// The instant of a number of ticks, to wait for it.
pub fn instant(ticks: u64) -> tokio::time::Instant {
    tokio::time::Instant::from_std(start() + std::time::Duration::from_millis(ticks))
}

fn ticks(at: Instant) -> u64 {
    u64::try_from(at.duration_since(start()).as_millis()).unwrap_or(u64::MAX)
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}
