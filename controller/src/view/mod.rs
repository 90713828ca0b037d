//! What can be kept beside a ledger so that a start need not replay all of it: the state, and the book of leases.
//!
//! A [`View`] is a value that follows from its ledger's frames alone. It can be taken apart into [`Row`]s and put together
//! from them again, and [`Digest`] says of two sets of rows, in whatever order, whether they are the same. The rows are what [`store`](crate::store)
//! and [`checkpoint`](crate::checkpoint) keep, and their form is frozen:
//!
//! | key | value |
//! |---|---|
//! | `r`, kind, 0, name | a record, as the ledger stores it |
//! | `q`, principal, 0, request id | a remembered request |
//! | `l`, server, 0, address in 4 or 16 bytes | a lease, as a `freehold.sync.v1.LeaseEvent` that was seen or declined |
//! | `c`, server | where the server's stream of events stands: spool epoch (16), next number (8, little endian) |

mod book;
mod digest;
mod state;

use std::fmt::Debug;
use std::sync::Arc;

use freehold_journal::Hash;
use freehold_proto::convert::stored::Unreadable;

pub use digest::Digest;

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// A row before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value as it was; `None` if it was not there.
    pub before: Option<Vec<u8>>,
    /// Its value as it is; `None` if it is gone.
    pub after: Option<Vec<u8>>,
}

/// A frame of a ledger, by its number and hash: the same pair is the same history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The frame; 0 is before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Point {
    /// Before the first frame.
    pub const START: Self = Self { seq: 0, hash: Hash::START };
}

/// Which of the two views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Records and remembered requests, out of the ledger.
    State,
    /// Leases and cursors, out of the lease ledger.
    Leases,
}

impl Part {
    /// Its word, in file names and messages.
    pub fn word(self) -> &'static str {
        match self {
            Part::State => "state",
            Part::Leases => "leases",
        }
    }

    /// What the keys of its rows start with.
    pub fn prefixes(self) -> &'static [u8] {
        match self {
            Part::State => b"rq",
            Part::Leases => b"lc",
        }
    }
}

/// What follows from a ledger's frames, kept up to date by them or put together from rows.
pub trait View: Debug + Clone + Default + Send + Sync + 'static {
    /// Which one it is.
    const PART: Part;
    /// A durable frame, as its writer publishes it.
    type Frame: Send + 'static;
    /// What a series of frames may have changed.
    type Touched: Debug + Default + Send + 'static;
    /// A view that is being put together from rows.
    type Loading: Default + Send;

    /// Every row; in the same order for the same content.
    fn rows(&self) -> Box<dyn Iterator<Item = Row> + '_>;
    /// Takes in a row of [`View::rows`].
    ///
    /// # Errors
    /// If it is none.
    fn load(loading: &mut Self::Loading, key: &[u8], value: &[u8]) -> Result<(), Unreadable>;
    /// The view of all rows that were taken in, and of what [`View::revision`] was.
    fn loaded(loading: Self::Loading, revision: u64) -> Self;
    /// The number that is kept besides the rows.
    fn revision(&self) -> u64;
    /// Carries out the payload of the next frame, and notes what it touched.
    ///
    /// # Errors
    /// If it does not read, or does not follow.
    fn replay(&mut self, payload: &[u8], touched: &mut Self::Touched) -> Result<(), ReplayFault>;
    /// How many rows a published frame changes, at a guess.
    fn weight(frame: &Self::Frame) -> usize;
    /// Where a published frame is, and the view right after it; notes what it touched.
    fn follow(frame: Self::Frame, touched: &mut Self::Touched) -> (Point, Arc<Self>);
    /// The rows that are different `after` what was `touched`.
    fn changes(before: &Self, after: &Self, touched: Self::Touched) -> Vec<RowChange>;

    /// The digest of all rows.
    fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        self.rows().for_each(|(key, value)| digest.add(&key, &value));
        digest
    }
}

/// Why a frame cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ReplayFault {
    /// It does not read.
    #[error("does not read; was it written by a newer controller?")]
    Unreadable(#[from] Unreadable),
    /// Its entries do not follow those before it.
    #[error("begins with entry {found}, and {wanted} comes next; restore the newest backup")]
    Gap {
        /// The entry that comes next.
        wanted: u64,
        /// The entry that is there.
        found: u64,
    },
}

fn bad(field: &str, message: &str) -> Unreadable {
    Unreadable::Field { field: field.to_owned(), message: message.to_owned() }
}

/// A key of a prefix and words with zeros between them; no word has a zero in it.
fn key(prefix: u8, words: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend(words.join(&0));
    key
}

/// A row's value before and after, if it is different.
fn change(key: Vec<u8>, before: Option<Vec<u8>>, after: Option<Vec<u8>>) -> Option<RowChange> {
    (before != after).then_some(RowChange { key, before, after })
}
