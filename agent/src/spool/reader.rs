//! Reading events beside the writer.

use std::sync::{Arc, RwLock};

use freehold_journal::Reader;
use prost::Message;

use super::frame::Frame;
use super::{Batch, SpoolError, Status};

/// What writer and readers share.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) status: Status,
    /// The journal frame with which the epoch begins.
    pub(super) epoch_frame: u64,
    /// The newest journal frame that counts; what is behind it is an unfinished fold.
    pub(super) last_frame: u64,
}

/// Where the last read ended, so that the next one need not search.
#[derive(Debug, Clone)]
struct Resume {
    epoch: [u8; 16],
    next_seq: u64,
    frame: u64,
}

/// Reads the durable events of a spool. Cheap to clone; any number may read beside the writer.
#[derive(Debug, Clone)]
pub struct SpoolReader {
    journal: Reader,
    standing: Arc<RwLock<Standing>>,
    resume: Option<Resume>,
}

impl SpoolReader {
    pub(super) fn new(journal: Reader, standing: Arc<RwLock<Standing>>) -> Self {
        Self { journal, standing, resume: None }
    }

    /// Where the spool stands now.
    pub fn status(&self) -> Status {
        self.standing().status
    }

    /// Durable events from number `from` on: at most `limit`, and at most so many bytes but at least one; none if `from` is
    /// the next one to come. Blocks on the disk.
    ///
    /// If the epoch of [`SpoolReader::status`] changes, the numbers mean other events: end the upload and greet anew.
    ///
    /// # Errors
    /// `Gone`, `Frame` and `Journal`.
    pub fn read(&mut self, from: u64, limit: usize, bytes: usize) -> Result<Batch, SpoolError> {
        let standing = self.standing();
        let Status { epoch, first_seq: first, last_seq: last, .. } = standing.status;
        if from < first || from > last + 1 {
            return Err(SpoolError::Gone { wanted: from, first, last });
        }
        let mut batch = Batch { first_seq: from, events: Vec::new() };
        if from == last + 1 || limit == 0 {
            return Ok(batch);
        }
        let start = match &self.resume {
            Some(resume) if resume.epoch == epoch && resume.next_seq == from => resume.frame,
            _ => find(&self.journal, &standing, from)?,
        };
        let (mut frame_seq, mut left) = (start, bytes);
        'frames: for frame in frames(&self.journal, start, standing.last_frame)? {
            let (seq, frame) = frame?;
            frame_seq = seq;
            let known = usize::try_from(from.saturating_sub(frame.header.first_seq)).unwrap_or(usize::MAX);
            for event in frame.events.into_iter().skip(known) {
                let size = event.encoded_len();
                let full = batch.events.len() == limit || (size > left && !batch.events.is_empty());
                if full {
                    break 'frames;
                }
                left = left.saturating_sub(size);
                batch.events.push(event);
            }
        }
        self.resume = Some(Resume { epoch, next_seq: from + batch.events.len() as u64, frame: frame_seq });
        Ok(batch)
    }

    fn standing(&self) -> Standing {
        self.standing.read().expect("nobody panics while holding the standing").clone()
    }
}

/// Frames from one to another, taken apart, with their numbers.
pub(super) fn frames(
    journal: &Reader,
    from: u64,
    through: u64,
) -> Result<impl Iterator<Item = Result<(u64, Frame), SpoolError>> + use<>, SpoolError> {
    let decoded = journal.read(from)?.map(|stored| {
        let stored = stored?;
        let frame = Frame::decode(&stored.payload).map_err(|what| SpoolError::Frame { seq: stored.seq, what })?;
        Ok((stored.seq, frame))
    });
    Ok(decoded.take_while(move |frame| frame.as_ref().map_or(true, |(seq, _)| *seq <= through)))
}

/// One frame.
pub(super) fn frame(journal: &Reader, seq: u64) -> Result<Frame, SpoolError> {
    let found = frames(journal, seq, seq)?.next();
    found.unwrap_or(Err(SpoolError::Frame { seq, what: "it is missing" })).map(|(_, frame)| frame)
}

/// The frame that has event `seq`, which the standing says is there.
pub(super) fn find(journal: &Reader, standing: &Standing, seq: u64) -> Result<u64, SpoolError> {
    let (mut low, mut high) = (journal.first_seq().max(standing.epoch_frame), standing.last_frame);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if frame(journal, middle)?.header.first_seq <= seq {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}
