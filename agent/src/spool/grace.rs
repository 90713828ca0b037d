//! Dropping what is acknowledged, in whole segments, oldest first (P20).
//!
//! A segment goes when every event in it is acknowledged, and its last one is older than the grace window or the files
//! take up more than the limit. What is not acknowledged never goes this way; if it alone is over the limit, [`super::fold`] follows.

use freehold_journal::segment;

use super::reader;
use super::{Spool, SpoolError};

impl Spool {
    /// Drops what the grace window no longer needs. Call it now and then; appending does so by itself when it has to.
    ///
    /// # Errors
    /// `Directory`, `Journal`, `Frame`.
    pub fn tidy(&mut self, now_ms: i64) -> Result<(), SpoolError> {
        self.drop_acknowledged(now_ms).map(|_| ())
    }

    /// Sees to it that the files stay within the limit.
    pub(super) fn make_room(&mut self, now_ms: i64) -> Result<(), SpoolError> {
        if self.unfinished {
            self.fold(now_ms)?;
        }
        if self.unmeasured < self.options.segment_bytes / 2 {
            return Ok(());
        }
        if self.drop_acknowledged(now_ms)? > self.options.limit_bytes {
            self.unfinished = true;
            self.fold(now_ms)?;
        }
        self.unmeasured = 0;
        Ok(())
    }

    /// Returns what the files take up afterwards, in bytes.
    fn drop_acknowledged(&mut self, now_ms: i64) -> Result<u64, SpoolError> {
        let segments = self.measure()?;
        let mut total: u64 = segments.iter().map(|(_, bytes)| bytes).sum();
        let standing = self.standing();
        let journal = self.journal.reader();
        let mut keep_from = 0;
        for pair in segments.windows(2) {
            let ((_, bytes), (next_first, _)) = (pair[0], pair[1]);
            // The newest frame says where the spool stands, so it stays.
            if next_first > standing.last_frame {
                break;
            }
            let last = reader::frame(&journal, next_first - 1)?;
            let of_this_epoch = next_first > standing.epoch_frame;
            if of_this_epoch && last.next_seq() > standing.status.acked_seq + 1 {
                break;
            }
            let old = now_ms.saturating_sub(last.header.at_ms) >= self.options.grace_ms;
            if !(old || total > self.options.limit_bytes || !of_this_epoch) {
                break;
            }
            keep_from = next_first;
            total -= bytes;
        }
        if keep_from > 0 {
            self.journal.truncate_before(keep_from)?;
            let oldest = reader::frame(&journal, journal.first_seq().max(standing.epoch_frame))?;
            self.standing_mut().status.first_seq = oldest.header.first_seq;
        }
        Ok(total)
    }

    /// The first frame and the size in bytes of every segment, in order.
    fn measure(&self) -> Result<Vec<(u64, u64)>, SpoolError> {
        let failed = |action| move |source| SpoolError::Directory { action, source };
        let mut segments = Vec::new();
        for name in self.disk.list().map_err(failed("list"))? {
            if let Some(first) = segment::parse_file_name(&name) {
                let bytes = self.disk.open(&name).and_then(|file| file.size()).map_err(failed("measure"))?;
                segments.push((first, bytes));
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }
}
