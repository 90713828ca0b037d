//! The durable log under the controller's ledger, its lease ledger and the agent's spool.
//!
//! A [`Journal`] is a directory of segment files that hold frames: opaque payloads numbered from 1 without gaps and
//! chained by SHA-256. [`Journal::append`] takes a *group* of payloads and returns when all of them are durable:
//! one write, one `fdatasync`. A group is there as a whole or not at all. [`Reader`]s see durable frames only.
//!
//! # What it promises
//!
//! - An acknowledged frame is there after a crash of the process or a loss of power, unchanged, in its place.
//! - What a crash left of a group that was never acknowledged is cut when the journal is opened; [`Recovery`] says so.
//! - Everything else that is not as it was written is a refusal to open ([`JournalError::Damaged`]) that names segment
//!   file, frame, byte and the command that restores. Opening never guesses and never skips.
//! - A failed `fdatasync` or write poisons the journal for good: the caller ends the process. Nothing is retried,
//!   because the kernel may have dropped the pages and called them clean. For the same reason the last group is
//!   written and synced again on opening, before anyone is told that it is durable.
//! - When there is no room for a group nothing of it is written ([`JournalError::NotWritten`]), and the journal
//!   stays usable.
//!
//! # A torn tail or a flipped byte?
//!
//! A group only ever goes over zeros that are durable since before its segment had a name, starts on a sector of 512 bytes and fills its last
//! sector. A disk writes a sector whole or not at all, and a kernel copies whole pages. So a torn group shows at least one sector that is still zero,
//! and a group of which every sector arrived but whose checksums are wrong was changed afterwards. The header counts
//! the sectors that are zero by their content, so payloads full of zeros do not blur this. The next group is only
//! written after the one before was synced, so anything after a bad group proves that the bad one was acknowledged.
//! `tail.rs` decides, from bytes alone.
//!
//! What cannot be told apart, and is cut: an acknowledged **last** group of which a whole sector has turned to zeros
//! (a byte flip does that only to a sector whose single non-zero byte it hits). And a last segment *file* that somebody
//! deleted leaves a shorter, valid journal; the controller notices that by what its agents remember.
//! A disk that tears inside a sector makes the journal refuse to open rather than lose anything silently.
//!
//! # Where things are
//!
//! [`group`](mod@group) and [`segment`](mod@segment) hold the byte layouts, frozen by `tests/stored`; `scan.rs` walks
//! groups, `journal.rs` appends and rotates, `recovery.rs` opens, `reader.rs` reads. [`disk`] is the seam to the file
//! system, with the real one and, in [`sim`], one that loses power. [`write_atomically`] is for the small files of
//! everyone else: certificates, identities, intents.
//!
//! # Speed
//!
//! A segment is filled with zeros when it is started. Of the ways to prepare a file this made the cheapest `fdatasync` on
//! ext4 (about 180 µs, against 250 µs with `fallocate(KEEP_SIZE)` and 245 µs when the file simply grows):
//! neither its size nor its extents change. `examples/appends.rs` measures appends beside the disk's own rate.

mod atomic_file;
pub mod disk;
mod error;
pub mod group;
mod index;
mod journal;
mod reader;
mod recovery;
mod scan;
mod seeded_bugs;
pub mod segment;
pub mod sim;
pub mod tail;

#[cfg(test)]
mod tests;

pub use atomic_file::write_atomically;
pub use disk::{Access, Disk, DiskFile, RealDisk};
pub use error::{Damage, JournalError};
pub use group::{Frame, GROUP_BYTES_MAX, Hash};
pub use journal::{Journal, Options};
pub use reader::{Frames, Reader};
pub use recovery::{Cut, Recovery};
