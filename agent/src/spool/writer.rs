//! The writer: opening, appending, acknowledging.

use std::fmt;
use std::sync::{Arc, RwLock};

use freehold_journal::{Disk, Journal, segment};
use freehold_proto::sync::LeaseEvent;
use prost::Message;

use super::frame::{self, Header, stored_bytes};
use super::reader::{self, SpoolReader, Standing};
use super::{Epochs, Options, SpoolError, Status};

/// Bytes of events in a frame at most, but never more than half a segment; an event is far smaller.
const FRAME_BYTES: usize = 1 << 20;
/// Bytes of frames that go to the disk together at most.
const GROUP_BYTES: usize = 32 << 20;
const RESTORE: &str = "let the agent set the spool aside and read the server's leases anew";
const ASIDE: &str = ".damaged";

/// The writer. There is one a spool.
pub struct Spool {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) journal: Journal,
    pub(super) standing: Arc<RwLock<Standing>>,
    pub(super) options: Options,
    pub(super) epochs: Epochs,
    /// A fold was begun and has to be carried out before anything is appended.
    pub(super) unfinished: bool,
    /// Bytes appended since the files were last measured.
    pub(super) unmeasured: u64,
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("standing", &self.standing).finish_non_exhaustive()
    }
}

impl Spool {
    /// Opens the spool in this directory, after whatever crash; a directory without one gets one, with a new epoch.
    ///
    /// # Errors
    /// `Journal`, `NoRoom`, `Frame`, `Directory`. If [`SpoolError::is_damage`], go on with [`Spool::replace`].
    pub fn open(disk: Arc<dyn Disk>, options: Options, epochs: Epochs) -> Result<Self, SpoolError> {
        let settings = freehold_journal::Options { segment_bytes: options.segment_bytes, restore: RESTORE.to_owned() };
        let journal = Journal::open(Arc::clone(&disk), settings)?;
        let status = Status {
            epoch: [0; 16],
            first_seq: 1,
            last_seq: 0,
            acked_seq: 0,
            position: Vec::new(),
            lost: 0,
            folded: 0,
        };
        let standing = Standing { status, epoch_frame: 1, last_frame: 0 };
        let standing = Arc::new(RwLock::new(standing));
        let mut spool = Self { disk, journal, standing, options, epochs, unfinished: false, unmeasured: u64::MAX };
        if spool.journal.head().0 == 0 {
            spool.begin()?;
        } else {
            spool.take_up()?;
        }
        Ok(spool)
    }

    /// Sets a damaged spool aside (in place of an earlier one that was) and begins a new one, with a new epoch.
    ///
    /// # Errors
    /// Those of [`Spool::open`].
    pub fn replace(disk: Arc<dyn Disk>, options: Options, epochs: Epochs) -> Result<Self, SpoolError> {
        let failed = |action| move |source| SpoolError::Directory { action, source };
        let names = disk.list().map_err(failed("list"))?;
        let segments: Vec<_> = names.iter().filter(|name| segment::parse_file_name(name).is_some()).collect();
        if !segments.is_empty() {
            for earlier in names.iter().filter(|name| name.ends_with(ASIDE)) {
                disk.remove(earlier).map_err(failed("tidy"))?;
            }
        }
        // The newest first: what a crash leaves in place is then damaged too, or a part that nobody takes for the whole.
        for name in segments.iter().rev() {
            disk.rename(name, &format!("{name}{ASIDE}")).map_err(failed("set aside the files of"))?;
        }
        disk.sync_dir().map_err(failed("sync"))?;
        Self::open(disk, options, epochs)
    }

    /// Makes events durable, with how far the server's lease file was read to find them; returns the last one's number.
    ///
    /// All of them go to the disk together; above 32 MB a crash may leave the first part of them, with the old position.
    /// Without events, a position is made durable all the same. `now_ms` is in milliseconds since 1970.
    ///
    /// # Errors
    /// `NoRoom`: nothing was taken in, or only a first part with the old position. `Journal` and `Frame`: see
    /// [`SpoolError::is_fatal`].
    pub fn append(&mut self, events: &[LeaseEvent], position: &[u8], now_ms: i64) -> Result<u64, SpoolError> {
        self.make_room(now_ms)?;
        let before = self.status();
        let mut header = Header {
            folding: false,
            epoch: before.epoch,
            epoch_frame: self.standing().epoch_frame,
            first_seq: before.last_seq + 1,
            acked_seq: before.acked_seq,
            lost: before.lost,
            folded: before.folded,
            at_ms: now_ms,
            position: before.position,
        };
        let events = events.iter().map(Message::encode_to_vec);
        let mut frames = cut(events, self.frame_bytes()).into_iter().peekable();
        let (mut group, mut group_bytes) = (Vec::new(), 0);
        while let Some(events) = frames.next() {
            if frames.peek().is_none() {
                header.position = position.to_vec();
            }
            let frame = frame::encode(&header, &events);
            header.first_seq += events.len() as u64;
            group_bytes += frame.len();
            group.push(frame);
            if group_bytes >= GROUP_BYTES || frames.peek().is_none() {
                self.write(&group)?;
                let head = self.journal.head().0;
                let mut standing = self.standing_mut();
                standing.last_frame = head;
                standing.status.last_seq = header.first_seq - 1;
                standing.status.position.clone_from(&header.position);
                group.clear();
                group_bytes = 0;
            }
        }
        Ok(self.status().last_seq)
    }

    /// The controller has every event up to this one durably. It is written down with the next append.
    pub fn acknowledge(&mut self, seq: u64) {
        let mut standing = self.standing_mut();
        let status = &mut standing.status;
        status.acked_seq = seq.min(status.last_seq).max(status.acked_seq);
    }

    /// Begins a new epoch with what is not acknowledged, because the numbers of this one can no longer be trusted:
    /// the controller knows more of them than there are.
    ///
    /// # Errors
    /// `NoRoom`: the next append tries again. `Journal`, `Frame`.
    pub fn begin_epoch(&mut self, now_ms: i64) -> Result<(), SpoolError> {
        self.unfinished = true;
        self.fold(now_ms)
    }

    /// Where the spool stands.
    pub fn status(&self) -> Status {
        self.standing().status
    }

    /// A handle for reading.
    pub fn reader(&self) -> SpoolReader {
        SpoolReader::new(self.journal.reader(), Arc::clone(&self.standing))
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing.read().expect("nobody panics while holding the standing").clone()
    }

    pub(super) fn standing_mut(&self) -> std::sync::RwLockWriteGuard<'_, Standing> {
        self.standing.write().expect("nobody panics while holding the standing")
    }

    pub(super) fn frame_bytes(&self) -> usize {
        FRAME_BYTES.min(usize::try_from(self.options.segment_bytes / 2).unwrap_or(FRAME_BYTES))
    }

    pub(super) fn write(&mut self, group: &[Vec<u8>]) -> Result<(), SpoolError> {
        self.journal.append(group)?;
        let bytes: usize = group.iter().map(Vec::len).sum();
        self.unmeasured = self.unmeasured.saturating_add(bytes as u64 + 512);
        Ok(())
    }

    /// The first frame of a new spool.
    fn begin(&mut self) -> Result<(), SpoolError> {
        let epoch = (self.epochs)();
        let header = Header {
            folding: false,
            epoch,
            epoch_frame: 1,
            first_seq: 1,
            acked_seq: 0,
            lost: 0,
            folded: 0,
            at_ms: 0,
            position: Vec::new(),
        };
        self.write(&[frame::encode(&header, &[])])?;
        let mut standing = self.standing_mut();
        standing.status.epoch = epoch;
        standing.last_frame = 1;
        Ok(())
    }

    /// Goes on where an earlier process stopped.
    fn take_up(&mut self) -> Result<(), SpoolError> {
        let journal = self.journal.reader();
        let mut last_frame = journal.head().0;
        let mut newest = reader::frame(&journal, last_frame)?;
        while newest.header.folding {
            self.unfinished = true;
            last_frame = newest.header.epoch_frame - 1;
            newest = reader::frame(&journal, last_frame)?;
        }
        let oldest = reader::frame(&journal, journal.first_seq().max(newest.header.epoch_frame))?;
        let last_seq = newest.next_seq() - 1;
        let first_seq = oldest.header.first_seq;
        let header = newest.header;
        let status = Status {
            epoch: header.epoch,
            first_seq,
            last_seq,
            // What was dropped was acknowledged, even if no frame says so.
            acked_seq: header.acked_seq.max(first_seq - 1),
            position: header.position,
            lost: header.lost,
            folded: header.folded,
        };
        *self.standing_mut() = Standing { status, epoch_frame: header.epoch_frame, last_frame };
        if self.unfinished {
            match self.fold(header.at_ms) {
                // The next append tries again; until then the old epoch can be read.
                Ok(()) | Err(SpoolError::NoRoom(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Cuts events into frames; one frame at least.
fn cut(events: impl Iterator<Item = Vec<u8>>, frame_bytes: usize) -> Vec<Vec<Vec<u8>>> {
    let (mut frames, mut bytes) = (vec![Vec::new()], 0);
    for event in events {
        let size = stored_bytes(&event);
        if bytes + size > frame_bytes && bytes > 0 {
            frames.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        frames.last_mut().expect("never empty").push(event);
    }
    frames
}
