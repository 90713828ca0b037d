//! What a process took of the machine, from /proc.

use anyhow::{Context, Result};
use std::fs;

/// Linux counts in hundredths of a second for programs, whatever its own clock (USER_HZ, on all of Debian's architectures).
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of a process so far, all of its threads, in seconds (proc(5): utime and stime).
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    // The second field is the program's name in brackets, which may hold anything; utime is the 14th.
    let (_, fields) = text.rsplit_once(')').context("a stat line has a name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64> { Ok(fields.get(index).context("a field is missing")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Memory of a process that lies in RAM, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0)
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
