//! The process that tries inputs. It may end in any way; the input is in its log.

use crate::engine::{self, Surroundings};
use crate::targets::Target;
use crate::{corpus, coverage};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The input that is being tried, in a file: how many were before it, its length, and itself.
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// An empty one.
    pub fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self)
    }

    fn write(&self, tried: u64, input: &[u8]) -> io::Result<()> {
        let length = input.len() as u64;
        self.0.write_all_at(&[&tried.to_le_bytes(), &length.to_le_bytes(), input].concat(), 0)
    }

    /// What stands in the log at `path`; `None` before the first input.
    pub fn read(path: &Path) -> io::Result<Option<(u64, Vec<u8>)>> {
        let bytes = std::fs::read(path)?;
        let Some((header, rest)) = bytes.split_at_checked(16) else { return Ok(None) };
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let length = usize::try_from(number(&header[8..])).unwrap_or(usize::MAX).min(rest.len());
        Ok(Some((number(&header[..8]), rest[..length].to_vec())))
    }
}

struct Run {
    log: Log,
    end: Instant,
    found: PathBuf,
}

impl Surroundings for Run {
    fn goes_on(&mut self, tried: u64, input: &[u8]) -> io::Result<bool> {
        self.log.write(tried, input)?;
        Ok(Instant::now() < self.end)
    }

    fn found(&mut self, input: &[u8]) -> io::Result<()> {
        corpus::keep(&self.found, input).map(drop)
    }
}

/// Tries inputs for some time and prints the tally.
pub fn work(target: &Target, time: Duration, seed: u64, log: &Path) -> io::Result<()> {
    let found = corpus::left_in("found").join(target.name);
    let mut inputs = corpus::read(&corpus::checked_in(target.name))?;
    if coverage::counts() {
        inputs.extend(corpus::read(&found)?);
    }
    let start = Instant::now();
    let mut run = Run { log: Log::create(log)?, end: start + time, found };
    let tally = engine::fuzz(target, inputs, seed, &mut run)?;
    let rate = tally.tried as f64 / start.elapsed().as_secs_f64();
    let edges = if coverage::counts() { format!(", {} edges", tally.edges) } else { String::new() };
    let (name, tried, corpus) = (target.name, tally.tried, tally.corpus);
    let slowest = tally.slowest.as_micros();
    println!(
        "{name}: {tried} inputs from seed {seed}, {rate:.0}/s, the slowest {slowest} µs; {corpus} to go on from{edges}; no fault"
    );
    Ok(())
}
