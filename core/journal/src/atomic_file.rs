//! Replacing a small file so that a crash leaves the old content or the new, never a mix and never nothing.

use std::io;

use crate::disk::{Access, Disk};

/// What the name of a file that is not complete ends on.
pub(crate) const TEMPORARY: &str = ".new";

/// Replaces (or makes) the file `name` with these bytes: a temporary file, synced, renamed, the directory synced.
///
/// When this returns, the new content is durable. A crash, or an error, leaves the old or the new content; it may also
/// leave `name.new`, which the next call replaces. Two callers must not write the same name at the same time.
///
/// # Errors
/// Those of the disk. After one the content is the old or the new; if a sync failed, call again only in a new process.
pub fn write_atomically(disk: &dyn Disk, name: &str, bytes: &[u8], access: Access) -> io::Result<()> {
    let temporary = temporary_name(name);
    let file = disk.create(&temporary, access)?;
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&temporary, name)?;
    disk.sync_dir()
}

/// What a file is called until it is complete.
pub(crate) fn temporary_name(name: &str) -> String {
    format!("{name}{TEMPORARY}")
}
