//! Mistakes that the tests can switch on, to prove that they would be noticed. Outside the tests none is ever active.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Acknowledge a group without syncing it.
    AckBeforeSync,
    /// Do not sync the directory when a segment gets its name.
    NoDirectorySync,
    /// Give a segment its name before its start and its zeros are synced.
    NoSyncOfZeros,
    /// Trust the page cache of a process that died.
    NoRewriteOnOpen,
    /// Cut whatever does not check out at the end.
    CutWithoutEvidence,
    /// Leave the remains of a torn group behind the end.
    KeepRemains,
    /// Go on after a failed sync.
    RetryFailedSync,
    /// Do not compare a group's previous hash with the frame before.
    SkipChainCheck,
    /// Remove several segments before the directory is synced.
    TruncateInOneSync,
}

#[cfg(not(test))]
pub(crate) const fn active(_: Bug) -> bool {
    false
}

#[cfg(test)]
pub(crate) use switches::{active, with};

#[cfg(test)]
mod switches {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static ACTIVE: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub(crate) fn active(bug: Bug) -> bool {
        ACTIVE.get() == Some(bug)
    }

    /// Runs a test with this bug in the journal, on this thread.
    pub(crate) fn with<T>(bug: Option<Bug>, run: impl FnOnce() -> T) -> T {
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                ACTIVE.set(None);
            }
        }
        ACTIVE.set(bug);
        let _restore = Restore;
        run()
    }
}
