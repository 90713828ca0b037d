//! The rows of one ledger: the newest in memory, the others in runs.

use super::TrailError;
use super::row::{Key, Position, Row, Topic};
use super::run::{self, Run, RunWriter};
use crate::ledger::History;
use crate::recover::is_of;
use crate::view::Point;
use freehold_core::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Runs that are merged into one.
const MERGE: usize = 4;

/// Rows in memory.
type Fresh = BTreeMap<Key, (Timestamp, Box<[u8]>)>;

/// The rows, for any number of readers and one writer.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    contents: RwLock<Contents>,
}

#[derive(Debug)]
struct Contents {
    /// The oldest first; each begins where the one before ends.
    runs: Vec<Arc<Run>>,
    fresh: Fresh,
}

impl Shelf {
    /// Opens a folder, makes it if it is not there, and removes from it what is not a part of `history`. Says up to which
    /// frame it has everything.
    pub(super) fn open(folder: &Path, history: &dyn History) -> Result<(Self, Point), TrailError> {
        let failed = |source| TrailError::File { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match Run::open(path.clone()) {
                Ok(run) if is_of(history, run.last)? => found.push(run),
                // Cut off by a crash, damaged, or of another ledger: its frames are read again.
                _ => std::fs::remove_file(&path).map_err(failed)?,
            }
        }
        // A merged run before those that it was made of, which a crash may have left.
        found.sort_by_key(|run| (run.first, Reverse(run.last.seq)));
        let (mut runs, mut at) = (Vec::new(), Point::START);
        for run in found {
            if run.first == at.seq + 1 {
                at = run.last;
                runs.push(Arc::new(run));
            } else {
                std::fs::remove_file(&run.path).map_err(failed)?;
            }
        }
        let contents = RwLock::new(Contents { runs, fresh: Fresh::new() });
        Ok((Self { folder: folder.to_owned(), contents }, at))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows of the next frames.
    pub(super) fn add(&self, rows: Vec<(Topic, Row)>) {
        let mut contents = self.write();
        for (topic, row) in rows {
            contents.fresh.insert((topic, Reverse(row.position)), (row.at, row.body.into()));
        }
    }

    /// Writes the rows in memory, which are those of these frames, to a run.
    pub(super) fn put_down(&self, first: u64, last: Point) -> Result<(), TrailError> {
        let mut writer = RunWriter::create(run::path(&self.folder, first, last.seq))?;
        // Nobody but this thread changes them.
        for (key, (at, body)) in &self.read().fresh {
            writer.add(*key, *at, body)?;
        }
        let run = Arc::new(writer.finish(first, last)?);
        let mut contents = self.write();
        contents.runs.push(run);
        let gone = std::mem::take(&mut contents.fresh);
        drop(contents);
        drop(gone);
        Ok(())
    }

    /// Runs beside each other that are worth merging: of like size, so that a row is copied once in each size.
    pub(super) fn to_merge(&self) -> Option<Vec<Arc<Run>>> {
        let contents = self.read();
        let newest = contents.runs.len().checked_sub(MERGE)?;
        let of_like_size = |runs: &[Arc<Run>]| {
            let newer: u64 = runs[1..].iter().map(|run| run.rows).sum();
            runs[0].rows <= newer
        };
        let found = (0..=newest).find(|at| of_like_size(&contents.runs[*at..*at + MERGE]))?;
        Some(contents.runs[found..found + MERGE].to_vec())
    }

    /// Merges runs into one. Takes long and holds nobody up.
    pub(super) fn merge(&self, runs: &[Arc<Run>]) -> Result<(), TrailError> {
        let (Some(oldest), Some(newest)) = (runs.first(), runs.last()) else { return Ok(()) };
        let mut writer = RunWriter::create(run::path(&self.folder, oldest.first, newest.last.seq))?;
        let mut readers: Vec<_> = runs.iter().map(|run| run.reader()).collect();
        loop {
            let mut least: Option<(Key, usize)> = None;
            for (index, reader) in readers.iter_mut().enumerate() {
                if let Some(raw) = reader.row()?
                    && least.is_none_or(|(key, _)| raw.key < key)
                {
                    least = Some((raw.key, index));
                }
            }
            let Some((_, index)) = least else { break };
            if let Some(raw) = readers[index].row()? {
                writer.add(raw.key, raw.at, raw.body)?;
            }
            readers[index].step();
        }
        let merged = Arc::new(writer.finish(oldest.first, newest.last)?);
        let mut contents = self.write();
        let at = contents.runs.iter().position(|run| run.first == oldest.first).expect("they are on the shelf");
        contents.runs.splice(at..at + runs.len(), [merged]);
        drop(contents);
        for run in runs {
            std::fs::remove_file(&run.path).map_err(|source| TrailError::File { path: run.path.clone(), source })?;
        }
        Ok(())
    }

    /// Up to `limit` rows of `topic` below a position, not after `until`, the newest first.
    pub(super) fn newest(
        &self,
        topic: Topic,
        below: Position,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Row>, TrailError> {
        let mut found = Vec::new();
        let runs = {
            let contents = self.read();
            let from = (topic, Reverse(below));
            let rows = contents.fresh.range(from..).take_while(|(key, _)| key.0 == topic);
            let rows = rows.filter(|(key, (at, _))| **key > from && *at <= until);
            let row = |(key, (at, body)): (&Key, &(Timestamp, Box<[u8]>))| Row {
                position: key.1.0,
                at: *at,
                body: body.to_vec(),
            };
            found.extend(rows.take(limit).map(row));
            contents.runs.clone()
        };
        for run in runs.iter().rev().filter(|run| Position::new(run.first, 0) < below) {
            let more = found.len() < limit
                && run.newest(topic, below, &mut |raw| {
                    if raw.at <= until {
                        found.push(raw.row());
                    }
                    found.len() < limit
                })?;
            if !more {
                break;
            }
        }
        Ok(found)
    }

    /// Up to `limit` rows of `topic` above a position, the oldest first.
    pub(super) fn oldest(&self, topic: Topic, above: Position, limit: usize) -> Result<Vec<Row>, TrailError> {
        let (runs, fresh) = {
            let contents = self.read();
            let until = (topic, Reverse(above));
            let rows = contents.fresh.range(..until).rev().take_while(|(key, _)| key.0 == topic);
            let row = |(key, (at, body)): (&Key, &(Timestamp, Box<[u8]>))| Row {
                position: key.1.0,
                at: *at,
                body: body.to_vec(),
            };
            (contents.runs.clone(), rows.take(limit).map(row).collect::<Vec<_>>())
        };
        let mut found = Vec::new();
        for run in runs.iter().filter(|run| run.last.seq >= above.frame()) {
            run.oldest(topic, above, limit, &mut found)?;
            if found.len() == limit {
                return Ok(found);
            }
        }
        found.extend(fresh.into_iter().take(limit - found.len()));
        Ok(found)
    }

    /// Rows and runs.
    pub(super) fn size(&self) -> (u64, usize) {
        let contents = self.read();
        (contents.runs.iter().map(|run| run.rows).sum::<u64>() + contents.fresh.len() as u64, contents.runs.len())
    }
}
