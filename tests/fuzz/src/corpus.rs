//! Inputs in files: one a file, as every fuzzer wants them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The examples of a target that are checked in.
pub fn checked_in(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// Where runs leave what they find: a folder below the workspace's `target`.
pub fn left_in(folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies in tests/fuzz");
    root.join("target/fuzz").join(folder)
}

/// Every input in `folder`, in the order of the file names; none if there is no such folder.
pub fn read(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// Writes `input` into `folder` under a name made of its content, and returns the file.
pub fn keep(folder: &Path, input: &[u8]) -> io::Result<PathBuf> {
    // FNV-1a: the same name by every build.
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{hash:016x}"));
    fs::write(&path, input)?;
    Ok(path)
}
