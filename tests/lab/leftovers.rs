//! What a lab leaves when it is killed, and how the next one finds it.
//!
//! Every lab has an id `fh<pid>-<number>`: its namespaces are named `<id>-<host>`, its files lie in `/var/lib/freehold-lab/<id>`, and
//! as long as it lives it holds a lock on the file `lock` there. A lab whose lock nobody holds is dead: its processes are killed,
//! its namespaces and files removed. A process id that was given again deceives nobody, since the lock is what counts.
//!
//! The folder is not the temporary one: all users and test runners of a machine have to agree on it, and only root may write there.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::netns;

const FOLDER: &str = "/var/lib/freehold-lab";

static LABS: AtomicU32 = AtomicU32::new(0);

/// A lab's id and folder, its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    id: String,
    folder: PathBuf,
    /// Held, not used: closing it lets go of the lock.
    _lock: File,
}

impl Claim {
    /// Removes what dead labs left, and claims a new id.
    pub(crate) fn new() -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(FOLDER)
            .with_context(|| format!("cannot make {FOLDER}"))?;
        let _alone = alone()?;
        sweep()?;
        let id = format!("fh{}-{}", std::process::id(), LABS.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(FOLDER).join(&id);
        DirBuilder::new().mode(0o755).create(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().with_context(|| format!("somebody took the new lab {id}"))?;
        Ok(Self { id, folder, _lock: lock })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Err(error) = alone().and_then(|_alone| remove(&self.id)) {
            eprintln!("the lab {} leaves something behind: {error:#}", self.id);
        }
    }
}

/// Removes every lab that is dead. Only under [`alone`]: else a lab that is being made looks dead.
fn sweep() -> Result<()> {
    let mut ids: BTreeSet<String> = netns::all()?.iter().filter_map(|name| lab_of(name)).map(str::to_owned).collect();
    for entry in fs::read_dir(FOLDER)? {
        ids.extend(entry?.file_name().to_str().filter(|name| is_lab(name)).map(str::to_owned));
    }
    for id in ids {
        if is_dead(&id)? {
            eprintln!("removing what the lab {id} left");
            remove(&id)?;
        }
    }
    Ok(())
}

fn is_dead(id: &str) -> Result<bool> {
    let file = match File::open(Path::new(FOLDER).join(id).join("lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Ends a lab: its processes, its namespaces, its files.
fn remove(id: &str) -> Result<()> {
    for name in netns::all()?.iter().filter(|name| lab_of(name) == Some(id)) {
        netns::remove(name)?;
    }
    match fs::remove_dir_all(Path::new(FOLDER).join(id)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The lab that a namespace belongs to: `fh12-0` of `fh12-0-berlin`.
fn lab_of(namespace: &str) -> Option<&str> {
    let dash = namespace.match_indices('-').nth(1)?.0;
    Some(&namespace[..dash]).filter(|id| is_lab(id))
}

fn is_lab(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("fh")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(pid, number)| is_number(pid) && is_number(number))
}

/// Waits until no other lab of this machine is being made or removed; for as long as the result lives.
fn alone() -> Result<File> {
    let file = File::create(Path::new(FOLDER).join("lock"))?;
    file.lock()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::lab_of;

    #[test]
    fn a_namespace_of_others_belongs_to_no_lab() {
        let labs =
            ["fh12-0-berlin", "fh12-10-berlin-client-1", "fh12-berlin", "fhx-0-a", "fh-0-a", "fh12-0", "cni-1-2"]
                .map(lab_of);
        assert_eq!(labs, [Some("fh12-0"), Some("fh12-10"), None, None, None, None, None]);
    }
}
