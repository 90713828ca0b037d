//! The address plan's figures: next free addresses, reads, search, utilisation and memory of a large plan.
//!
//! One controller is filled once, through the API; each run starts it again and asks it. The load of many callers who want
//! the next free address is made on a new controller at each run, with nothing else in its plan, while the filled one is down.

mod calls;
mod claim;
mod fill;
pub(crate) mod large;
mod read;

use anyhow::{Result, ensure};
use freehold_lab::Loopback;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::disk;
use crate::figures::{RUNS, line};

const START_LIMIT: Duration = Duration::from_secs(300);
/// Callers at once, where there are many.
const CALLERS: usize = 32;

/// Measures with so many addresses in use in each of the two /8s.
pub(crate) async fn measure(folder: &Path, used: u32) -> Result<String> {
    ensure!((10_000..=1_000_000).contains(&used), "between 10,000 and 1,000,000 addresses can be in use");
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    let filled = fill::tree(&mut controller, used).await?;
    fill::others(&controller, used).await?;
    controller.stop()?;

    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut figures = disk::fdatasync_rate(folder)?;
        figures.extend(claim::many(folder).await?);
        let begun = Instant::now();
        controller.start(START_LIMIT)?;
        figures.push(("start_s", begun.elapsed().as_secs_f64()));
        figures.extend(claim::alone(&controller, used).await?);
        figures.extend(read::all(&controller, used).await?);
        controller.stop()?;
        runs.push(figures);
    }
    let mut settings = vec![("used_in_each_8", u64::from(used)), ("callers", CALLERS as u64)];
    settings.extend(filled);
    Ok(line("addresses", &settings, &runs))
}
