//! The lease events of one server, durable until the controller has them and for a while after.
//!
//! ```text
//! lease file ─▶ Spool::append ─▶ journal, one fdatasync ─▶ SpoolReader::read ─▶ controller
//!                                                           Spool::acknowledge ◀──┘
//! ```
//!
//! # What it promises
//!
//! - When [`Spool::append`] returns, the events and the position in the server's lease file that they bring the agent to are
//!   durable, together. A crash leaves both or neither, so a follower that resumes at [`Status::position`] misses nothing.
//! - Events of one epoch are numbered from 1 without a gap. An event that was ever shown by [`SpoolReader::read`] keeps its number.
//! - An event that the controller has not acknowledged is only ever given up as [`fold`](mod@self::fold) describes: the
//!   limit is reached, folding renewals was not enough, and [`Status::lost`] counts it (P23).
//! - What is acknowledged stays for the grace window, so that a controller restored from a backup can ask again (P20).
//!
//! # Epochs and gaps
//!
//! The journal is append-only, so nothing is taken out of the middle of a stream. Where events have to be folded, the
//! stream begins anew under another epoch: the controller sees the new epoch and asks for a full listing. Events that
//! were lost have the first numbers of that epoch: if it begins at 41, 40 are lost (and the renewals that were folded into
//! them), and the greeting says so.
//! Events that the controller had made durable but not acknowledged by then reach it twice, under two epochs;
//! an event carries its whole lease, so the leases come out the same.
//!
//! # What a crash leaves
//!
//! Every frame says all there is to know ([`frame`]), and there is no other file: the newest frame is the state. A crash in the middle of
//! folding leaves a part of the new epoch, which nobody was told of; opening folds again. How far the controller acknowledged is written
//! with the next append, so a crash may set it back; then less is dropped until the controller says it again.
//!
//! # Without room
//!
//! When the disk is full [`SpoolError::NoRoom`] says so and nothing happened. The caller leaves the rows in the server's lease
//! file, where they are safe, and tries again. While folding, the old and the new epoch are both there: count on
//! 1.75 times [`Options::limit_bytes`].

mod error;
mod fold;
pub mod frame;
mod grace;
mod reader;
mod writer;

use freehold_proto::sync::LeaseEvent;

pub use error::SpoolError;
pub use reader::SpoolReader;
pub use writer::Spool;

/// Where new epochs come from: 16 random bytes at each call.
pub type Epochs = Box<dyn FnMut() -> [u8; 16] + Send>;

/// What the owner of a spool decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The size of a journal segment, in bytes; what is acknowledged is dropped in these pieces.
    pub segment_bytes: u64,
    /// What the files may take before something has to go, in bytes; at least eight segments.
    pub limit_bytes: u64,
    /// How long acknowledged events are kept, in milliseconds.
    pub grace_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 4 << 20, limit_bytes: 256 << 20, grace_ms: 7 * 24 * 3600 * 1000 }
    }
}

/// Where a spool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// 16 random bytes made with the stream of events.
    pub epoch: [u8; 16],
    /// The first event that is still there; one more than the last if there is none.
    pub first_seq: u64,
    /// The last event that is durable; one less than the first if there is none.
    pub last_seq: u64,
    /// The last event that the controller has acknowledged.
    pub acked_seq: u64,
    /// What the last append said about how far the server's lease file was read; empty if none did.
    pub position: Vec<u8>,
    /// Events given up since the spool was made, with those folded into them; an alarm if it grows.
    pub lost: u64,
    /// Renewals folded since the spool was made.
    pub folded: u64,
}

/// Events in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Number of the first event.
    pub first_seq: u64,
    /// The events, contiguous.
    pub events: Vec<LeaseEvent>,
}
