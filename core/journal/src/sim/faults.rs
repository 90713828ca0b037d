//! Which operation fails when, and how.

use std::collections::BTreeMap;
use std::io;

/// What can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Create,
    Read,
    Write,
    SetSize,
    SyncData,
    SyncDir,
    Rename,
    Remove,
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This error, without effect (a failed sync also forgets what was dirty).
    Error(io::ErrorKind),
    /// For a write: half of the sectors (or one byte) are written and the call says so.
    Short,
    /// For a write: half of the sectors are written, then this error.
    ShortThenError(io::ErrorKind),
    /// The process is dead at this point: an error, and nothing changes, not even what is dirty.
    Frozen,
}

/// What a caller sees of a disk that stands still.
pub(super) const FROZEN: io::ErrorKind = io::ErrorKind::BrokenPipe;

/// One failure to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub operation: Operation,
    /// How many operations of this kind succeed before.
    pub after: u64,
    pub outcome: Outcome,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    waiting: Vec<Fault>,
    /// How many operations that change something still happen.
    until_frozen: Option<u64>,
    counts: BTreeMap<Operation, u64>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    pub(super) fn freeze_after(&mut self, operations: u64) {
        self.until_frozen = Some(operations);
    }

    pub(super) fn count(&self, operation: Operation) -> u64 {
        self.counts.get(&operation).copied().unwrap_or(0)
    }

    /// Counts an operation and says how it fails, if it does.
    pub(super) fn take(&mut self, operation: Operation) -> Option<Outcome> {
        *self.counts.entry(operation).or_default() += 1;
        if operation != Operation::Read
            && let Some(left) = &mut self.until_frozen
        {
            if *left == 0 {
                return Some(Outcome::Frozen);
            }
            *left -= 1;
        }
        let mut due = None;
        self.waiting.retain_mut(|fault| {
            if fault.operation != operation {
                return true;
            }
            if fault.after == 0 && due.is_none() {
                due = Some(fault.outcome);
                return false;
            }
            fault.after = fault.after.saturating_sub(1);
            true
        });
        due
    }

    /// For operations that happen or do not.
    pub(super) fn check(&mut self, operation: Operation) -> io::Result<()> {
        match self.take(operation) {
            Some(Outcome::Error(kind) | Outcome::ShortThenError(kind)) => Err(kind.into()),
            Some(Outcome::Frozen) => Err(FROZEN.into()),
            Some(Outcome::Short) | None => Ok(()),
        }
    }
}
