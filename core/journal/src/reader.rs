//! Reading frames that are durable, while the journal is being written to.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::error::{Damage, JournalError};
use crate::group::{Frame, Hash};
use crate::index::Shared;
use crate::scan::{Found, Scan};
use crate::segment::file_name;

/// A view of a journal's durable frames. Cheap to clone; any number may read beside the writer.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The newest durable frame's number and hash; 0 and [`Hash::START`] if there was never one.
    #[must_use]
    pub fn head(&self) -> (u64, Hash) {
        self.shared.index().head
    }

    /// The oldest frame that is kept, or the number of the first one to come.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        self.shared.index().first_seq()
    }

    /// The frames from this one to the newest durable one at this moment, in order. Every byte is checked again.
    ///
    /// # Errors
    /// [`JournalError::Gone`] if the frame was dropped. Frames yield `Gone`, `Damaged` or `Io` and then end.
    pub fn read(&self, from: u64) -> Result<Frames, JournalError> {
        let index = self.shared.index();
        let first = index.first_seq();
        if from < first {
            return Err(JournalError::Gone { wanted: from, first });
        }
        let through = index.head.0;
        drop(index);
        Ok(Frames { shared: Arc::clone(&self.shared), next_seq: from, through, scan: None, ready: VecDeque::new() })
    }
}

/// Frames in order.
#[derive(Debug)]
pub struct Frames {
    shared: Arc<Shared>,
    next_seq: u64,
    through: u64,
    scan: Option<(u64, Scan)>,
    ready: VecDeque<Frame>,
}

impl Iterator for Frames {
    type Item = Result<Frame, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next_seq > self.through {
            return None;
        }
        while self.ready.is_empty() {
            if let Err(error) = self.read_group() {
                self.through = 0;
                return Some(Err(error));
            }
        }
        let frame = self.ready.pop_front()?;
        self.next_seq = frame.seq + 1;
        Some(Ok(frame))
    }
}

impl Frames {
    fn read_group(&mut self) -> Result<(), JournalError> {
        let next_seq = self.next_seq;
        let (segment, mut scan) = match self.scan.take() {
            Some(held) => held,
            None => self.locate()?,
        };
        let name = file_name(segment);
        match scan.next_group().map_err(JournalError::io("read", &name))? {
            Found::Group { frames, .. } => {
                self.ready.extend(frames.into_iter().skip_while(|frame| frame.seq < next_seq));
                self.scan = Some((segment, scan));
                Ok(())
            }
            // The next segment is looked up on the next round.
            Found::Nothing if self.segment_of(next_seq) != Some(segment) => Ok(()),
            Found::Nothing => Err(self.damage(name, next_seq, scan.offset, "durable frames are missing")),
            Found::Broken { seq, offset, what } => Err(self.damage(name, seq, offset, what)),
        }
    }

    fn segment_of(&self, seq: u64) -> Option<u64> {
        self.shared.index().locate(seq).map(|(segment, _)| segment.first_seq)
    }

    fn locate(&self) -> Result<(u64, Scan), JournalError> {
        let index = self.shared.index();
        let gone = JournalError::Gone { wanted: self.next_seq, first: index.first_seq() };
        let Some((segment, (group_seq, offset))) = index.locate(self.next_seq) else {
            return Err(gone);
        };
        let (first_seq, end) = (segment.first_seq, segment.end);
        let name = file_name(first_seq);
        // The index is held until the file is open, so that it cannot be dropped in between.
        let file = self.shared.disk.open(&name).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => self.damage(name.clone(), self.next_seq, 0, "the file is missing"),
            _ => JournalError::Io { action: "open", file: name.clone(), source },
        })?;
        Ok((first_seq, Scan::new(file, offset, end, group_seq, None)))
    }

    fn damage(&self, segment: String, seq: u64, offset: u64, what: &'static str) -> JournalError {
        let restore = self.shared.restore.clone();
        JournalError::Damaged(Box::new(Damage { segment, seq, offset, what, restore }))
    }
}
