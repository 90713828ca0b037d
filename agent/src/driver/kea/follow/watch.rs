//! Wakes the follower when the lease file changes, and counts how often the file was created anew.
//!
//! The watch is on the folder (the file's own watch would stay with the renamed file). A slow timer beside it keeps the follower
//! right where the kernel says nothing, on network file systems for instance.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use notify::event::{ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::FileIdentity;

/// The longest time without a look at the file.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// After so long the kernel has told of a file that was created, on a busy machine too.
const TOLD: Duration = Duration::from_secs(1);

/// The folder of the lease file cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {folder} for changes of the lease file")]
pub struct WatchError {
    folder: PathBuf,
    source: notify::Error,
}

/// Where a watch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// What [`Watch::creations`] counted, the creation of the file included.
    pub creations: i64,
    /// The lease file that was there.
    pub file: Option<FileIdentity>,
}

/// A watch on one lease file.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
    signal: Arc<Signal>,
}

#[derive(Debug, Default)]
struct Signal {
    changed: Notify,
    creations: AtomicI64,
}

impl Watch {
    /// Begins to watch; the folder must be there, the file need not.
    pub fn begin(lease_file: &Path) -> Result<Self, WatchError> {
        let folder = lease_file.parent().unwrap_or(Path::new("/")).to_owned();
        let name: OsString = lease_file.file_name().unwrap_or_default().to_owned();
        let signal = Arc::new(Signal::default());
        let heard = Arc::clone(&signal);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| heard.take(&name, event));
        watcher
            .and_then(|mut watcher| {
                watcher.watch(&folder, RecursiveMode::NonRecursive)?;
                Ok(Self { _watcher: watcher, signal })
            })
            .map_err(|source| WatchError { folder, source })
    }

    /// How often the file has come into being since the watch began.
    pub fn creations(&self) -> i64 {
        self.signal.creations.load(Ordering::Acquire)
    }

    /// Where the watch stands when the kernel has had the time to tell of the file that is there now. A file counts as
    /// skipped if it is taken up before its own creation was counted.
    pub async fn settled(&self, lease_file: &Path) -> Settled {
        let is_young =
            |file: &std::fs::Metadata| file.created().is_ok_and(|at| at.elapsed().is_ok_and(|age| age < TOLD));
        let until = tokio::time::Instant::now() + 2 * TOLD;
        loop {
            // The file after the count: if another comes between, it is young.
            let creations = self.creations();
            let file = std::fs::metadata(lease_file).ok();
            if !file.as_ref().is_some_and(is_young) || tokio::time::Instant::now() > until {
                return Settled { creations, file: file.as_ref().map(FileIdentity::of) };
            }
            tokio::time::sleep(TOLD / 20).await;
        }
    }

    /// Waits until there may be something to read.
    pub async fn changed(&self) {
        // A time-out is the other reason to look.
        drop(tokio::time::timeout(LOOK_INTERVAL, self.signal.changed.notified()).await);
    }
}

impl Signal {
    fn take(&self, name: &OsString, event: notify::Result<Event>) {
        let created = match event {
            Ok(event) if event.need_rescan() => true,
            Ok(event) => {
                let about_it = event.paths.iter().any(|path| path.file_name() == Some(name));
                match event.kind {
                    _ if !about_it => return,
                    EventKind::Access(_) => return,
                    EventKind::Create(_) => true,
                    // The kernel tells the two halves of a rename one by one, and notify adds a third event for both.
                    EventKind::Modify(ModifyKind::Name(RenameMode::To)) => true,
                    EventKind::Any | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => false,
                }
            }
            // Events were lost: count a creation that may have been among them, so that the follower looks for a gap.
            Err(_) => true,
        };
        if created {
            self.creations.fetch_add(1, Ordering::AcqRel);
        }
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test]
    async fn a_rotation_counts_once_and_other_files_do_not_wake() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("l.csv");
        fs::write(&file, "").unwrap();
        let watch = Watch::begin(&file).unwrap();
        fs::write(folder.path().join("other"), "x").unwrap();
        fs::rename(&file, folder.path().join("l.csv.1")).unwrap();
        fs::write(&file, "header\n").unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while watch.creations() < 1 && tokio::time::Instant::now() < deadline {
            watch.changed().await;
        }
        fs::write(folder.path().join("tmp"), "header\n").unwrap();
        fs::rename(folder.path().join("tmp"), &file).unwrap();
        while watch.creations() < 2 && tokio::time::Instant::now() < deadline {
            watch.changed().await;
        }
        assert_eq!(watch.creations(), 2);
    }
}
