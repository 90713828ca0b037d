//! How many appends a second become durable, beside what the disk can do at all.
//!
//! `cargo run --release -p freehold-journal --example appends [folder]`; the folder (default: the temporary one) should be
//! on the disk in question. Each figure is the median of three runs.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_journal::{Access, Disk, Journal, Options, RealDisk};

const PAYLOAD_BYTES: usize = 256;
const SEGMENT_BYTES: u64 = 16 << 20;
const RUN: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let base = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let mut out = io::stdout().lock();
    let raw = median(|| raw_syncs(&base))?;
    writeln!(out, "the disk: {raw:.0} fdatasync/s of 512 bytes over written zeros ({:.0} µs each)", 1e6 / raw)?;
    for group in [1, 16, 256] {
        let mut slowest = Duration::ZERO;
        let rate = median(|| appends(&base, group, &mut slowest))?;
        let syncs = rate / group as f64;
        writeln!(
            out,
            "groups of {group:>3}: {rate:>8.0} frames/s of {PAYLOAD_BYTES} bytes, {syncs:.0} groups/s ({:.0} µs each), slowest {:.1} ms",
            1e6 / syncs,
            slowest.as_secs_f64() * 1e3,
        )?;
    }
    let rate = median(|| opening(&base))?;
    writeln!(out, "opening checks {:.0} MB/s, {rate:.0} frames/s", rate * PAYLOAD_BYTES as f64 / 1e6)?;
    Ok(())
}

fn median(mut run: impl FnMut() -> Result<f64, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut rates = [run()?, run()?, run()?];
    rates.sort_by(f64::total_cmp);
    Ok(rates[1])
}

fn raw_syncs(base: &Path) -> Result<f64, Box<dyn Error>> {
    let folder = tempfile::tempdir_in(base)?;
    let file = RealDisk::open(folder.path())?.create("raw", Access::Private)?;
    file.write_all_at(&vec![0; 1 << 20], 0)?;
    file.sync_data()?;
    let (start, mut count) = (Instant::now(), 0u64);
    while start.elapsed() < RUN {
        file.write_all_at(&[0xA5; 512], count % 2048 * 512)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

fn appends(base: &Path, group: usize, slowest: &mut Duration) -> Result<f64, Box<dyn Error>> {
    let folder = tempfile::tempdir_in(base)?;
    let mut journal = open(folder.path())?;
    let payloads = vec![[0x5A; PAYLOAD_BYTES]; group];
    let start = Instant::now();
    while start.elapsed() < RUN {
        let before = Instant::now();
        journal.append(&payloads)?;
        *slowest = before.elapsed().max(*slowest);
    }
    Ok(journal.head().0 as f64 / start.elapsed().as_secs_f64())
}

fn opening(base: &Path) -> Result<f64, Box<dyn Error>> {
    let folder = tempfile::tempdir_in(base)?;
    let mut journal = open(folder.path())?;
    for _ in 0..200 {
        journal.append(&vec![[0x5A; PAYLOAD_BYTES]; 1000])?;
    }
    drop(journal);
    let start = Instant::now();
    let frames = open(folder.path())?.recovery().frames;
    Ok(frames as f64 / start.elapsed().as_secs_f64())
}

fn open(folder: &Path) -> Result<Journal, Box<dyn Error>> {
    let options = Options { segment_bytes: SEGMENT_BYTES, restore: "start again".to_owned() };
    Ok(Journal::open(Arc::new(RealDisk::open(folder)?), options)?)
}
