//! One file: what processes see, what is on the disk, and which pages differ.

use std::collections::BTreeSet;
use std::io;

use super::faults::FROZEN;
use super::{Operation, Outcome, SimDisk, SimRng, World};
use crate::disk::DiskFile;
use crate::group::SECTOR;

const PAGE: usize = 4096;

#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    dirty_pages: BTreeSet<usize>,
    /// Whether a sync would change the durable length.
    size_dirty: bool,
}

impl Content {
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { seen: bytes.clone(), durable: bytes, ..Self::default() }
    }

    pub(super) fn all_synced(&self) -> Self {
        Self::durable(self.seen.clone())
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn after_power_loss(&self, rng: &mut SimRng) -> Self {
        let size = if self.size_dirty && rng.coin() { self.seen.len() } else { self.durable.len() };
        let mut bytes = self.durable.clone();
        // The length may reach the disk before the content does: what the blocks held before is then in the file.
        let stale = if rng.coin() { 0 } else { rng.draw() as u8 };
        bytes.resize(size, stale);
        for &page in &self.dirty_pages {
            let sectors = match rng.below(3) {
                0 => 0,
                1 => u64::MAX,
                _ => rng.draw(),
            };
            for sector in 0..PAGE / SECTOR {
                let start = page * PAGE + sector * SECTOR;
                if sectors >> sector & 1 == 1 && start < size {
                    let end = (start + SECTOR).min(size);
                    bytes[start..end].fill(0);
                    let seen = &self.seen[start.min(self.seen.len())..end.min(self.seen.len())];
                    bytes[start..start + seen.len()].copy_from_slice(seen);
                }
            }
        }
        Self::durable(bytes)
    }

    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if end > self.seen.len() {
            self.set_size(end);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        self.dirty_pages.extend(offset / PAGE..end.div_ceil(PAGE));
    }

    fn set_size(&mut self, size: usize) {
        let changed = self.seen.len().min(size)..self.seen.len().max(size);
        self.seen.resize(size, 0);
        self.size_dirty = true;
        self.dirty_pages.extend(changed.start / PAGE..changed.end.div_ceil(PAGE));
    }

    fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for &page in &self.dirty_pages {
            let start = (page * PAGE).min(self.seen.len());
            let end = (start + PAGE).min(self.seen.len());
            self.durable[start..end].copy_from_slice(&self.seen[start..end]);
        }
        self.forget_dirty();
    }

    /// What a failed sync does: the pages count as clean, and never reach the disk unless they are written again.
    fn forget_dirty(&mut self) {
        self.dirty_pages.clear();
        self.size_dirty = false;
    }
}

#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl SimFile {
    pub(super) fn new(disk: SimDisk, inode: u64) -> Self {
        Self { disk, inode }
    }
}

/// A write is cut short between sectors: kernels copy into whole pages.
fn whole_sectors(bytes: usize) -> usize {
    bytes / SECTOR * SECTOR
}

fn content(world: &mut World, inode: u64) -> &mut Content {
    world.inodes.get_mut(&inode).expect("an open file has its content")
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        Ok(content(&mut self.disk.world(), self.inode).seen.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.disk.world();
        world.faults.check(Operation::Read)?;
        let seen = &content(&mut world, self.inode).seen;
        let start = usize::try_from(offset).map_or(seen.len(), |offset| offset.min(seen.len()));
        let read = buffer.len().min(seen.len() - start);
        buffer[..read].copy_from_slice(&seen[start..start + read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut world = self.disk.world();
        let (length, error) = match world.faults.take(Operation::Write) {
            None => (bytes.len(), None),
            Some(Outcome::Short) => (whole_sectors(bytes.len().div_ceil(2)).max(1), None),
            Some(Outcome::ShortThenError(kind)) => (whole_sectors(bytes.len() / 2), Some(kind)),
            Some(Outcome::Error(kind)) => (0, Some(kind)),
            Some(Outcome::Frozen) => return Err(FROZEN.into()),
        };
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let growth = (start + length).saturating_sub(content(&mut world, self.inode).seen.len());
        world.check_room(growth as u64)?;
        content(&mut world, self.inode).write(&bytes[..length], start);
        match error {
            Some(kind) => Err(kind.into()),
            None => Ok(length),
        }
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.faults.check(Operation::SetSize)?;
        let size = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        content(&mut world, self.inode).set_size(size);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        let checked = world.faults.check(Operation::SyncData);
        let content = content(&mut world, self.inode);
        match &checked {
            Ok(()) => content.sync(),
            Err(error) if error.kind() == FROZEN => {}
            Err(_) => content.forget_dirty(),
        }
        checked
    }
}
