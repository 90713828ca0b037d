//! Reading everything, and stating each invariant again.

use std::fmt;
use std::path::Path;

use data_encoding::HEXLOWER;
use freehold_core::State;
use freehold_core::lease::LeaseBook;

use super::take::load_identity;
use super::{BackupError, scan};
use crate::ledger::Identity;
use crate::recover::DataDir;
use crate::view::{Digest, Point, View};

/// What a data directory or a backup holds.
#[derive(Debug)]
pub struct Report {
    /// Which store.
    pub identity: Identity,
    /// The last frame of the ledger; all up to it were verified.
    pub ledger: Point,
    /// The last revision.
    pub revision: u64,
    /// The digest of all records and remembered requests.
    pub state: Digest,
    /// The last frame of the lease ledger.
    pub leases: Point,
    /// How many leases there are.
    pub lease_count: usize,
    /// The digest of all leases and cursors.
    pub book: Digest,
    /// Rules that the state breaks, in words; there should be none.
    pub broken: Vec<String>,
}

/// Reads the ledgers of a data directory or a backup from their first frame to their last. Changes nothing; the controller may run.
///
/// # Errors
/// See [`BackupError`]: what cannot be read, or the first frame that is damaged.
pub fn check(data: &DataDir) -> Result<Report, BackupError> {
    let identity = load_identity(&data.ledger())?;
    let (state, ledger): (State, Point) = replayed(&data.ledger())?;
    let (book, leases): (LeaseBook, Point) =
        if data.leases().is_dir() { replayed(&data.leases())? } else { (LeaseBook::default(), Point::START) };
    Ok(Report {
        identity,
        ledger,
        revision: state.revision().0,
        state: state.digest(),
        leases,
        lease_count: book.len(),
        book: book.digest(),
        broken: freehold_core::check(&state),
    })
}

fn replayed<V: View>(folder: &Path) -> Result<(V, Point), BackupError> {
    let (mut view, mut touched) = (V::default(), V::Touched::default());
    let at = scan::scan(folder, &mut |group| {
        for frame in group.frames {
            let failed = |fault| BackupError::Frame { path: folder.to_owned(), seq: frame.seq, fault };
            view.replay(&frame.payload, &mut touched).map_err(failed)?;
        }
        Ok(())
    })?;
    Ok((view, at))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity { store_id, incarnation } = &self.identity;
        writeln!(f, "store          {}, incarnation {incarnation}", HEXLOWER.encode(store_id))?;
        writeln!(f, "ledger         {} frames verified, the last is {}", self.ledger.seq, self.ledger.hash)?;
        writeln!(f, "revision       {}", self.revision)?;
        writeln!(f, "state digest   {}", self.state)?;
        writeln!(f, "lease ledger   {} frames verified, the last is {}", self.leases.seq, self.leases.hash)?;
        writeln!(f, "leases         {}", self.lease_count)?;
        writeln!(f, "lease digest   {}", self.book)?;
        match self.broken.len() {
            0 => write!(f, "rules          all kept"),
            broken => {
                write!(f, "rules          {broken} broken")?;
                self.broken.iter().try_for_each(|rule| write!(f, "\n  {rule}"))
            }
        }
    }
}
