//! What the disk does by itself: a measure for everything that waits for it.

use anyhow::{Context, Result};
use rustix::fs::{FsWord, fdatasync, statfs};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::figures::{Figures, percentile};

/// statfs(2): the type of tmpfs, and of a ramfs.
const MEMORY: [FsWord; 2] = [0x0102_1994, 0x8584_58f6];
/// Bytes of a write, as small as the ledger's frames are at low load.
const WRITE_BYTES: usize = 4096;
/// How long it is measured.
const WHILE: Duration = Duration::from_secs(2);
/// Size of the file that is written over and over, in writes.
const WRITES: u64 = 256;

/// Whether a folder lies in memory.
pub(crate) fn is_memory(folder: &Path) -> Result<bool> {
    let found = statfs(folder).with_context(|| format!("cannot look at {}", folder.display()))?;
    Ok(MEMORY.contains(&found.f_type))
}

/// One writer that writes 4 KiB over what is there and waits for `fdatasync`, as the ledger does, for two seconds.
pub(crate) fn fdatasync_rate(folder: &Path) -> Result<Figures> {
    let file = tempfile::tempfile_in(folder).context("no file to write to")?;
    prepare(&file)?;
    let begun = Instant::now();
    let mut waits = Vec::new();
    while begun.elapsed() < WHILE {
        let place = waits.len() as u64 % WRITES;
        let start = Instant::now();
        file.write_all_at(&[0x5A; WRITE_BYTES], place * WRITE_BYTES as u64)?;
        fdatasync(&file)?;
        waits.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let rate = waits.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(vec![
        ("fdatasync_per_second", rate),
        ("fdatasync_p50_ms", percentile(&mut waits, 50.0)),
        ("fdatasync_p99_ms", percentile(&mut waits, 99.0)),
    ])
}

/// Writes all of it once, so that later writes change no metadata.
fn prepare(file: &File) -> Result<()> {
    for place in 0..WRITES {
        file.write_all_at(&[0; WRITE_BYTES], place * WRITE_BYTES as u64)?;
    }
    Ok(file.sync_all()?)
}
