//! A file, pushed in pieces, into rows.

use super::build;
use super::cells::{Cells, Tally};
use super::fault::{Column, Fault, Faults, Note};
use super::layout::{Layout, Source};
use super::record::{NOT_UTF8, RECORD_BYTES_MAX, Record, Records, fault};
use super::row::Row;
use super::sheet::Sheet;
use crate::name::SpaceName;
use crate::refusal::{Reason, Refusal};
use std::collections::BTreeMap;

/// Most spaces that one file may name.
pub const SPACES_MAX: usize = 10_000;

/// How a file is to be read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The space of lines that name none.
    pub space: SpaceName,
    /// The format, where it is not to be found out by the header among all.
    pub format: Asked,
}

/// Which format a file is asked to be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asked {
    /// Whichever its header is of.
    #[default]
    Any,
    /// One of this program's, by its header.
    Of(Source),
    /// This one.
    Exactly(&'static Layout),
}

/// Reads one file. Its memory does not grow with the file: one record, at most [`FAULTS_MAX`](super::FAULTS_MAX) faults,
/// [`NOTES_MAX`](super::NOTES_MAX) notes and [`SPACES_MAX`] spaces.
#[derive(Debug)]
pub struct Reader {
    settings: Settings,
    stage: Stage,
    tally: Tally,
    rows: u64,
}

#[derive(Debug)]
enum Stage {
    /// The header is not complete.
    Header {
        /// The physical line that begins with the first byte of `text`.
        line: u64,
        text: Vec<u8>,
        /// How much of `text` was looked at, and whether a quote is open there.
        seen: usize,
        open: bool,
    },
    Rows {
        sheet: Box<Sheet>,
        records: Records,
    },
    /// The header is at fault; the rest says nothing without it.
    Lost,
}

/// What is known of a file at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it is; `None` if its header is at fault.
    pub sheet: Option<Sheet>,
    /// How many rows came out of it.
    pub rows: u64,
    /// What is wrong with it.
    pub faults: Faults,
    /// What was changed, kept elsewhere or left out.
    pub notes: Vec<Note>,
    /// The spaces that it names, by what it calls them.
    pub spaces: BTreeMap<String, SpaceName>,
}

impl Reader {
    /// Begins a file.
    pub fn new(settings: Settings) -> Self {
        let stage = Stage::Header { line: 1, text: Vec::new(), seen: 0, open: false };
        Self { settings, stage, tally: Tally::default(), rows: 0 }
    }

    /// Takes the next piece of the file, and gives `out` every row that ends in it, in order.
    pub fn feed(&mut self, piece: &[u8], out: &mut impl FnMut(Row)) {
        let mut rest = piece;
        while let Stage::Header { text, .. } = &mut self.stage {
            let room = (RECORD_BYTES_MAX + 1).saturating_sub(text.len());
            let Some(end) = rest.iter().take(room).position(|b| *b == b'\n') else {
                text.extend(rest.iter().take(room));
                if text.len() > RECORD_BYTES_MAX {
                    self.lose(
                        1,
                        Reason::MalformedFile,
                        "the header has more than 65,536 bytes; this is perhaps no CSV",
                    );
                }
                break;
            };
            text.extend_from_slice(&rest[..=end]);
            rest = &rest[end + 1..];
            self.line_of_header(false);
        }
        self.rows_of(rest, out);
    }

    /// The file ends here: gives `out` the last row, if its line had no end, and tells the rest.
    pub fn finish(mut self, out: &mut impl FnMut(Row)) -> Outcome {
        if let Stage::Header { text, .. } = &self.stage {
            let blank = text.is_empty();
            if !blank {
                self.line_of_header(true);
            }
            if matches!(self.stage, Stage::Header { .. }) {
                self.lose(1, Reason::MalformedFile, "the file has no header; its first line names the columns");
            }
        }
        let Self { settings, stage, mut tally, mut rows } = self;
        let sheet = match stage {
            Stage::Rows { sheet, mut records } => {
                records.finish(&mut |record| row(&settings, &sheet, &mut tally, &mut rows, record, out));
                Some(*sheet)
            }
            Stage::Header { .. } | Stage::Lost => None,
        };
        let Tally { faults, notes, spaces } = tally;
        let column =
            |index| sheet.as_ref().map_or(Column { number: index + 1, name: String::new() }, |s| s.column(index));
        Outcome { rows, faults, notes: notes.into_list(column), spaces, sheet }
    }

    /// What is wrong so far.
    pub fn faults(&self) -> &Faults {
        &self.tally.faults
    }

    /// What the file is, once its header is read.
    pub fn sheet(&self) -> Option<&Sheet> {
        match &self.stage {
            Stage::Rows { sheet, .. } => Some(sheet),
            Stage::Header { .. } | Stage::Lost => None,
        }
    }

    /// The spaces that it names so far, by what it calls them.
    pub fn spaces(&self) -> &BTreeMap<String, SpaceName> {
        &self.tally.spaces
    }

    /// How many rows came out so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn rows_of(&mut self, piece: &[u8], out: &mut impl FnMut(Row)) {
        if let Stage::Rows { sheet, records } = &mut self.stage {
            let (settings, tally, rows) = (&self.settings, &mut self.tally, &mut self.rows);
            records.feed(piece, &mut |record| row(settings, sheet, tally, rows, record, out));
        }
    }

    /// A physical line of the header is complete: passes it over, waits for the rest of it, or reads it.
    fn line_of_header(&mut self, last: bool) {
        let Stage::Header { line, text, seen, open } = &mut self.stage else { return };
        if *line == 1 && (text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff])) {
            let what =
                "the file is UTF-16; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\"; Export-Csv -Encoding UTF8)";
            return self.lose(1, Reason::MalformedFile, what);
        }
        *open ^= text[*seen..].iter().filter(|b| **b == b'"').count() % 2 == 1;
        *seen = text.len();
        if *open && !last {
            return;
        }
        let header = text.strip_prefix(b"\xef\xbb\xbf".as_slice()).filter(|_| *line == 1).unwrap_or(text);
        let Ok(header) = std::str::from_utf8(header) else { return self.lose(1, Reason::MalformedFile, NOT_UTF8) };
        let blank = header.trim_matches([' ', '\t', '\r', '\n', ',', ';']).is_empty();
        if blank || header.starts_with("#TYPE ") || is_separator_hint(header) {
            *line += 1;
            *seen = 0;
            text.clear();
            return;
        }
        let (first, header) = (*line, header.to_owned());
        self.read_header(first, &header);
    }

    fn read_header(&mut self, first: u64, header: &str) {
        let delimiter = delimiter_of(header);
        let mut records = Records::new(delimiter as u8, first);
        let (faults, notes, asked) = (&mut self.tally.faults, &mut self.tally.notes, self.settings.format);
        let mut sheet = None;
        let mut take = |record: Result<Record<'_>, Fault>| match record {
            Ok(record) => sheet = Sheet::read(&record, delimiter, asked, faults, notes),
            Err(fault) => faults.add(fault),
        };
        records.feed(header.as_bytes(), &mut take);
        records.finish(&mut take);
        let next = Records::new(delimiter as u8, records.line());
        self.stage = match sheet {
            Some(sheet) => Stage::Rows { sheet: Box::new(sheet), records: next },
            None => Stage::Lost,
        };
    }

    fn lose(&mut self, line: u64, reason: Reason, what: &str) {
        self.tally.faults.add(Fault { line, column: None, refusal: Refusal::new(reason, what) });
        self.stage = Stage::Lost;
    }
}

/// What splits the cells of a header: of comma, semicolon and tab the one that is there most, outside of quotes; the comma
/// if none is.
fn delimiter_of(header: &str) -> char {
    let mut inside = false;
    let mut counts = [(',', 0u32), (';', 0), ('\t', 0)];
    for c in header.chars() {
        inside ^= c == '"';
        if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| *delimiter == c && !inside) {
            *count += 1;
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts.iter().find(|(_, count)| *count == most).map_or(',', |(delimiter, _)| *delimiter)
}

/// `sep=;`, which spreadsheets write above a header.
fn is_separator_hint(line: &str) -> bool {
    line.trim_end_matches(['\r', '\n']).strip_prefix("sep=").is_some_and(|hint| hint.chars().count() == 1)
}

fn row(
    settings: &Settings,
    sheet: &Sheet,
    tally: &mut Tally,
    rows: &mut u64,
    record: Result<Record<'_>, Fault>,
    out: &mut impl FnMut(Row),
) {
    let record = match record {
        Ok(record) => record,
        Err(mut wrong) => {
            wrong.column = wrong.column.map(|column| sheet.column(column.number - 1));
            return tally.faults.add(wrong);
        }
    };
    let (cells, columns) = (record.len(), sheet.columns().len());
    if cells != columns {
        let what = format!(
            "the line has {cells} cells and the header {columns}; a cell with the delimiter in it goes into quotes, and a line cut short is to be completed"
        );
        return tally.faults.add(Fault { column: None, ..fault(record.line, 0, &what) });
    }
    if let Some(item) = build::item(&mut Cells::new(sheet, &record, tally), &settings.space) {
        *rows += 1;
        out(Row { line: record.line, item });
    }
}
