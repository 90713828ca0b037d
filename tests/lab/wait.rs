//! Waiting for something real: poll with a deadline, never sleep and hope.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Tries until `attempt` succeeds; after `limit`, its last error.
pub fn until<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error).with_context(|| format!("waited {limit:?} in vain: {what}"));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
