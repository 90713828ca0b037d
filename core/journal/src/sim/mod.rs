//! A disk for tests and simulation: it knows what was synced, and can lose the rest.
//!
//! Every clone of a [`SimDisk`] is the same directory, as several processes would see it. What was written is visible
//! at once (the page cache); what a loss of power keeps is decided by [`SimDisk::power_loss`] and a seed:
//!
//! - Synced content of a file, and names after `sync_dir`, survive.
//! - Each page of 4 KiB that was written and not synced is old, new, or torn: each of its sectors of 512 bytes old or new.
//! - A length that was changed and not synced is the old or the new one; what was never written to the disk within
//!   it is zeros or what the disk held there before.
//! - Each creation, renaming and removal of a name that was not synced happened or did not, independently of the others.
//! - After a *failed* sync the pages look clean and are not on the disk, as on Linux.
//!
//! [`SimDisk::inject`] makes an operation fail; [`SimDisk::set_capacity`] makes the disk full. Nothing here is random
//! but what a seed says.

mod faults;
mod file;
mod rng;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::disk::{Access, Disk, DiskFile, Lock};
use faults::{FROZEN, Faults};
pub use faults::{Fault, Operation, Outcome};
use file::{Content, SimFile};
pub use rng::SimRng;

/// A simulated directory.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
    locked: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct World {
    inodes: BTreeMap<u64, Content>,
    next_inode: u64,
    /// What a process sees.
    names: BTreeMap<String, u64>,
    /// What a loss of power keeps for certain, before `pending`.
    durable_names: BTreeMap<String, u64>,
    /// Changes of names since the last `sync_dir`.
    pending: Vec<NameChange>,
    faults: Faults,
    capacity_bytes: Option<u64>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Set { name: String, inode: u64 },
    Rename { from: String, to: String, inode: u64 },
    Remove { name: String },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Set { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
        }
    }
}

impl SimDisk {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a loss of power at this moment leaves, one of the many possibilities; this disk is not changed.
    #[must_use]
    pub fn power_loss(&self, seed: u64) -> Self {
        let mut rng = SimRng::new(seed);
        let world = self.world();
        let mut names = world.durable_names.clone();
        for change in &world.pending {
            if rng.coin() {
                change.apply(&mut names);
            }
        }
        let inodes: BTreeMap<u64, Content> =
            world.inodes.iter().map(|(&inode, content)| (inode, content.after_power_loss(&mut rng))).collect();
        let image = World {
            inodes,
            next_inode: world.next_inode,
            durable_names: names.clone(),
            names,
            capacity_bytes: world.capacity_bytes,
            ..World::default()
        };
        Self { world: Arc::new(Mutex::new(image)), locked: Arc::default() }
    }

    /// A copy of everything as processes see it, all of it durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        let world = self.world();
        let inodes = world.inodes.iter().map(|(&inode, content)| (inode, content.all_synced())).collect();
        let copy = World {
            inodes,
            next_inode: world.next_inode,
            names: world.names.clone(),
            durable_names: world.names.clone(),
            ..World::default()
        };
        Self { world: Arc::new(Mutex::new(copy)), locked: Arc::default() }
    }

    /// Makes an operation fail, the first time or a later one.
    pub fn inject(&self, fault: Fault) {
        self.world().faults.add(fault);
    }

    /// After this many more operations that change something, everything fails without effect: the process is dead.
    ///
    /// The moment between a write and its sync is reached in this way. Then [`SimDisk::power_loss`] gives what is left,
    /// or [`SimDisk::clear_faults`] lets the next process have the page cache as it is.
    pub fn freeze_after(&self, operations: u64) {
        self.world().faults.freeze_after(operations);
    }

    /// Takes back every fault that has not happened yet.
    pub fn clear_faults(&self) {
        self.world().faults = Faults::default();
    }

    /// How many operations of this kind were asked for so far.
    #[must_use]
    pub fn count(&self, operation: Operation) -> u64 {
        self.world().faults.count(operation)
    }

    /// Limits the bytes of all files; what needs more fails as on a full disk. `None` is no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity_bytes = bytes;
    }

    /// The bytes of a file as processes see it; `None` if there is none of this name.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.get(name).map(|inode| world.inodes[inode].seen().to_vec())
    }

    /// Puts a file with these bytes there, durably: damage, or a file from elsewhere.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut world = self.world();
        let inode = world.add_inode(Content::durable(bytes));
        world.names.insert(name.to_owned(), inode);
        world.durable_names.insert(name.to_owned(), inode);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panics while holding the disk")
    }

    fn file(&self, inode: u64) -> Box<dyn DiskFile> {
        Box::new(SimFile::new(self.clone(), inode))
    }
}

impl World {
    fn add_inode(&mut self, content: Content) -> u64 {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(inode, content);
        inode
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn inode(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Fails if the files would take up more than there is.
    fn check_room(&self, more_bytes: u64) -> io::Result<()> {
        let used: u64 = self.names.values().map(|inode| self.inodes[inode].seen().len() as u64).sum();
        match self.capacity_bytes {
            Some(capacity) if more_bytes > 0 && used + more_bytes > capacity => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Disk for SimDisk {
    fn lock(&self) -> io::Result<Lock> {
        struct Held(Arc<AtomicBool>);
        impl Drop for Held {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Release);
            }
        }
        if self.locked.swap(true, Ordering::AcqRel) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Lock::new(Held(Arc::clone(&self.locked))))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.world().inode(name)?;
        Ok(self.file(inode))
    }

    fn create(&self, name: &str, _: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.faults.check(Operation::Create)?;
        let inode = world.add_inode(Content::default());
        world.change_names(NameChange::Set { name: name.to_owned(), inode });
        drop(world);
        Ok(self.file(inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.faults.check(Operation::Rename)?;
        let inode = world.inode(from)?;
        world.change_names(NameChange::Rename { from: from.to_owned(), to: to.to_owned(), inode });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.faults.check(Operation::Remove)?;
        world.inode(name)?;
        world.change_names(NameChange::Remove { name: name.to_owned() });
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut world = self.world();
        match world.faults.check(Operation::SyncDir) {
            Ok(()) => {
                world.durable_names = world.names.clone();
                world.pending.clear();
                Ok(())
            }
            Err(error) if error.kind() == FROZEN => Err(error),
            Err(error) => {
                // The kernel forgets that these were dirty.
                world.pending.clear();
                Err(error)
            }
        }
    }
}
