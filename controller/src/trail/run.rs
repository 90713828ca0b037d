//! A file of sorted rows, written once.
//!
//! It has the rows of consecutive frames, in blocks of about 16 KiB, then an entry a block, then a trailer; numbers are big endian. In memory
//! are the entries alone: 2 MB for a GB. Entries and trailer are checked when the file is opened, a block whenever it is read.
//!
//! | part | bytes |
//! |---|---|
//! | block | rows, as `row.rs` says |
//! | entry | key of the block's first row (16), place (8), length (4), crc32 of the block (4) |
//! | trailer | first and last frame (8 + 8), hash of the last (32), rows (8), place of the entries (8), their number (8), `FhTrail1`, crc32 of entries and trailer so far (4) |

use super::TrailError;
use super::row::{self, Key, Position, Raw, Row, Topic};
use crate::view::Point;
use freehold_core::Timestamp;
use freehold_journal::Hash;
use std::cmp::Reverse;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const BLOCK_BYTES: usize = 16 << 10;
const ENTRY: usize = 32;
const TRAILER: usize = 84;
const MAGIC: &[u8; 8] = b"FhTrail1";

/// A block, as the entries tell of it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    first: Key,
    place: u64,
    length: u32,
    crc: u32,
}

/// An open file of rows.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) path: PathBuf,
    file: File,
    blocks: Vec<Entry>,
    /// The first frame whose rows are in it.
    pub(super) first: u64,
    /// The last one.
    pub(super) last: Point,
    pub(super) rows: u64,
}

impl Run {
    /// Opens a file.
    pub(super) fn open(path: PathBuf) -> Result<Self, TrailError> {
        let failed = |source| TrailError::File { path: path.clone(), source };
        let damaged = || TrailError::Damaged { path: path.clone() };
        let file = File::open(&path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let place = size.checked_sub(TRAILER as u64).ok_or_else(damaged)?;
        let mut trailer = [0; TRAILER];
        file.read_exact_at(&mut trailer, place).map_err(failed)?;
        let number = |at: usize| u64::from_be_bytes(trailer[at..at + 8].try_into().expect("8 bytes"));
        let entries = place.checked_sub(number(56)).and_then(|length| usize::try_from(length).ok());
        let entries = entries.filter(|length| &trailer[72..80] == MAGIC && (*length / ENTRY) as u64 == number(64));
        let mut bytes = vec![0; entries.ok_or_else(damaged)?];
        file.read_exact_at(&mut bytes, number(56)).map_err(failed)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes);
        crc.update(&trailer[..80]);
        if crc.finalize().to_be_bytes() != trailer[80..] {
            return Err(damaged());
        }
        let blocks = bytes.chunks_exact(ENTRY).map(|entry| {
            let eight = |at: usize| -> [u8; 8] { entry[at..at + 8].try_into().expect("8 bytes") };
            let four = |at: usize| u32::from_be_bytes(entry[at..at + 4].try_into().expect("4 bytes"));
            let first = (Topic(eight(0)), Reverse(Position(!u64::from_be_bytes(eight(8)))));
            Entry { first, place: u64::from_be_bytes(eight(16)), length: four(24), crc: four(28) }
        });
        let blocks = blocks.collect();
        let hash = Hash(trailer[16..48].try_into().expect("32 bytes"));
        let (first, last, rows) = (number(0), Point { seq: number(8), hash }, number(48));
        Ok(Self { file, blocks, first, last, rows, path })
    }

    fn block(&self, index: usize) -> Result<Vec<u8>, TrailError> {
        let Entry { place, length, crc, .. } = self.blocks[index];
        let mut bytes = vec![0; length as usize];
        let read = self.file.read_exact_at(&mut bytes, place);
        read.map_err(|source| TrailError::File { path: self.path.clone(), source })?;
        if crc32fast::hash(&bytes) != crc {
            return Err(TrailError::Damaged { path: self.path.clone() });
        }
        Ok(bytes)
    }

    /// The block that `key` is in, if it is in any.
    fn block_of(&self, key: &Key) -> usize {
        self.blocks.partition_point(|block| block.first <= *key).saturating_sub(1)
    }

    /// Gives the rows of `topic` below a position to `take`, the newest first, until it has enough and says `false`.
    pub(super) fn newest(
        &self,
        topic: Topic,
        below: Position,
        take: &mut impl FnMut(Raw<'_>) -> bool,
    ) -> Result<bool, TrailError> {
        let from = (topic, Reverse(below));
        for index in self.block_of(&from)..self.blocks.len() {
            if self.blocks[index].first.0 > topic {
                break;
            }
            let block = self.block(index)?;
            for raw in Raws(&block) {
                if raw.key.0 > topic {
                    return Ok(true);
                }
                if raw.key > from && !take(raw) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Adds the rows of `topic` above a position to `found`, the oldest first, until there are `limit`.
    pub(super) fn oldest(
        &self,
        topic: Topic,
        above: Position,
        limit: usize,
        found: &mut Vec<Row>,
    ) -> Result<(), TrailError> {
        let until = (topic, Reverse(above));
        if self.blocks.is_empty() {
            return Ok(());
        }
        for index in (0..=self.block_of(&until)).rev() {
            let block = self.block(index)?;
            let rows: Vec<Row> =
                Raws(&block).filter(|raw| raw.key.0 == topic && raw.key < until).map(|raw| raw.row()).collect();
            found.extend(rows.into_iter().rev().take(limit - found.len()));
            if found.len() == limit || self.blocks[index].first.0 < topic {
                break;
            }
        }
        Ok(())
    }

    /// All its rows, in order.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { run: self, next: 0, block: Vec::new(), at: 0 }
    }
}

/// The rows of a block.
struct Raws<'a>(&'a [u8]);

impl<'a> Iterator for Raws<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let (raw, rest) = row::decode(self.0)?;
        self.0 = rest;
        Some(raw)
    }
}

/// Reads a run from its beginning to its end, a block at a time.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    run: &'a Run,
    next: usize,
    block: Vec<u8>,
    at: usize,
}

impl Reader<'_> {
    /// The row that it stands at; `None` at the end.
    pub(super) fn row(&mut self) -> Result<Option<Raw<'_>>, TrailError> {
        while self.at == self.block.len() {
            if self.next == self.run.blocks.len() {
                return Ok(None);
            }
            self.block = self.run.block(self.next)?;
            (self.next, self.at) = (self.next + 1, 0);
        }
        let damaged = || TrailError::Damaged { path: self.run.path.clone() };
        row::decode(&self.block[self.at..]).map(|(raw, _)| Some(raw)).ok_or_else(damaged)
    }

    /// Goes to the next row.
    pub(super) fn step(&mut self) {
        if let Some((_, rest)) = row::decode(&self.block[self.at..]) {
            self.at = self.block.len() - rest.len();
        }
    }
}

/// Writes a run; what is not finished is removed at the next start.
pub(super) struct RunWriter {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    block: Vec<u8>,
    first: Option<Key>,
    entries: Vec<u8>,
    place: u64,
    rows: u64,
}

impl RunWriter {
    pub(super) fn create(path: PathBuf) -> Result<Self, TrailError> {
        let unfinished = path.with_extension("unfinished");
        let file = File::create(&unfinished).map_err(|source| TrailError::File { path: path.clone(), source })?;
        let file = BufWriter::with_capacity(1 << 18, file);
        let (block, entries) = (Vec::with_capacity(2 * BLOCK_BYTES), Vec::new());
        Ok(Self { path, unfinished, file, block, first: None, entries, place: 0, rows: 0 })
    }

    /// Adds a row, which must come after those before it.
    pub(super) fn add(&mut self, key: Key, at: Timestamp, body: &[u8]) -> Result<(), TrailError> {
        self.first.get_or_insert(key);
        row::encode(&mut self.block, key, at, body);
        self.rows += 1;
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), TrailError> {
        let Some((topic, Reverse(position))) = self.first.take() else { return Ok(()) };
        let length = u32::try_from(self.block.len()).expect("a frame is smaller than 4 GiB");
        self.entries.extend(topic.0);
        self.entries.extend((!position.0).to_be_bytes());
        self.entries.extend(self.place.to_be_bytes());
        self.entries.extend(length.to_be_bytes());
        self.entries.extend(crc32fast::hash(&self.block).to_be_bytes());
        self.place += u64::from(length);
        let written = self.file.write_all(&self.block);
        self.block.clear();
        written.map_err(|source| TrailError::File { path: self.unfinished.clone(), source })
    }

    /// Ends the file, which has the rows of these frames, and gives it its name.
    pub(super) fn finish(mut self, first: u64, last: Point) -> Result<Run, TrailError> {
        self.end_block()?;
        let mut tail = std::mem::take(&mut self.entries);
        let blocks = (tail.len() / ENTRY) as u64;
        tail.extend(first.to_be_bytes());
        tail.extend(last.seq.to_be_bytes());
        tail.extend(last.hash.0);
        [self.rows, self.place, blocks].iter().for_each(|number| tail.extend(number.to_be_bytes()));
        tail.extend(MAGIC);
        let crc = crc32fast::hash(&tail);
        tail.extend(crc.to_be_bytes());
        let (path, unfinished) = (self.path, self.unfinished);
        let mut file = self.file;
        let written = file.write_all(&tail).and_then(|()| file.flush()).and_then(|()| file.get_ref().sync_data());
        let named = written.and_then(|()| std::fs::rename(&unfinished, &path));
        named.map_err(|source| TrailError::File { path: path.clone(), source })?;
        Run::open(path)
    }
}

/// Where a run of these frames lies.
pub(super) fn path(folder: &Path, first: u64, last: u64) -> PathBuf {
    folder.join(format!("{first:016x}-{last:016x}.run"))
}
