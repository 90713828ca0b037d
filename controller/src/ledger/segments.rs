//! The embedded ledger: a journal and an identity in one directory.
//!
//! A crash while a ledger is made leaves an empty journal without an identity, which [`SegmentLedger::create`] takes up
//! again. Everything else that is not whole is a refusal: a ledger that lost its head, its identity or its segments is
//! never silently started anew, because its agents' servers run what the old one said.

use std::sync::Arc;

use freehold_journal::{Disk, Hash, Journal, Options, Reader, Recovery, segment};
use tokio::sync::watch;

use super::{Append, Frames, History, Identity, Ledger, LedgerError, RESTORE};

/// A ledger in segment files.
#[derive(Debug)]
pub struct SegmentLedger {
    disk: Arc<dyn Disk>,
    journal: Journal,
    identity: Identity,
    heads: watch::Sender<u64>,
    history: Arc<SegmentHistory>,
}

#[derive(Debug)]
struct SegmentHistory {
    reader: Reader,
    heads: watch::Receiver<u64>,
}

impl SegmentLedger {
    /// Makes a ledger, with segments of this size in bytes. The store id is random and comes from outside.
    ///
    /// # Errors
    /// `Exists`, `Incomplete`, `Identity`, `Journal`.
    pub fn create(disk: Arc<dyn Disk>, store_id: [u8; 16], segment_bytes: u64) -> Result<Self, LedgerError> {
        if Identity::load(&*disk)?.is_some() {
            return Err(LedgerError::Exists);
        }
        let journal = Journal::open(Arc::clone(&disk), options(segment_bytes))?;
        if journal.head().0 != 0 {
            return Err(LedgerError::Incomplete("there are frames, but no identity"));
        }
        let identity = Identity { store_id, incarnation: 1 };
        identity.store(&*disk)?;
        Ok(Self::new(disk, journal, identity))
    }

    /// Opens a ledger that was made before.
    ///
    /// # Errors
    /// `Missing`, `Incomplete`, `Beheaded`, `Identity`, `IdentityDamaged`, `Journal`.
    pub fn open(disk: Arc<dyn Disk>, segment_bytes: u64) -> Result<Self, LedgerError> {
        let names = disk.list().map_err(|source| LedgerError::Identity { action: "look for", source })?;
        let has_segments = names.iter().any(|name| segment::parse_file_name(name).is_some());
        let identity = match (Identity::load(&*disk)?, has_segments) {
            (Some(identity), true) => identity,
            (Some(_), false) => {
                return Err(LedgerError::Incomplete("there is an identity, but no segment"));
            }
            (None, _) => return Err(LedgerError::Missing),
        };
        let journal = Journal::open(Arc::clone(&disk), options(segment_bytes))?;
        match journal.reader().first_seq() {
            1 => Ok(Self::new(disk, journal, identity)),
            first => Err(LedgerError::Beheaded { first }),
        }
    }

    /// What was found on opening.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        self.journal.recovery()
    }

    fn new(disk: Arc<dyn Disk>, journal: Journal, identity: Identity) -> Self {
        let (heads, receiver) = watch::channel(journal.head().0);
        let history = Arc::new(SegmentHistory { reader: journal.reader(), heads: receiver });
        Self { disk, journal, identity, heads, history }
    }
}

fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, restore: RESTORE.to_owned() }
}

impl Ledger for SegmentLedger {
    fn append(&mut self, expected_seq: u64, frame: &[u8]) -> Result<Append, LedgerError> {
        if expected_seq != self.journal.head().0 + 1 {
            return Ok(Append::Taken);
        }
        // An outcome that is unknown here is settled by opening the journal again, so it is fatal, not `Unknown`.
        let (seq, hash) = self.journal.append(&[frame])?;
        self.heads.send_replace(seq);
        Ok(Append::Appended { hash })
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.history) as Arc<dyn History>
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn reincarnate(&mut self, identity: Identity) -> Result<(), LedgerError> {
        identity.store(&*self.disk)?;
        self.identity = identity;
        Ok(())
    }
}

impl History for SegmentHistory {
    fn read(&self, from: u64) -> Result<Frames, LedgerError> {
        let frames = self.reader.read(from)?;
        Ok(Box::new(frames.map(|frame| frame.map_err(LedgerError::from))))
    }

    fn head(&self) -> (u64, Hash) {
        self.reader.head()
    }

    fn heads(&self) -> watch::Receiver<u64> {
        self.heads.clone()
    }
}
