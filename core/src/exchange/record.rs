//! Bytes into records: RFC 4180, pushed in pieces of any size.
//!
//! A parser of our own and not the `csv` crate, because that one guesses where this must refuse: it takes a quote inside
//! an unquoted cell, text behind a closing quote and a quote that is never closed, and each of these moves
//! addresses into other rows. It also pulls from `std::io`, which core does not know, and cannot say on which physical
//! line a cell of a longer record begins.
//!
//! Memory: one record, at most [`RECORD_BYTES_MAX`] bytes. After a fault reading goes on with the next physical line.

use super::fault::{Column, Fault};
use crate::refusal::{Reason, Refusal};

/// Longest record, in bytes, delimiters and quotes included; so no line is longer either.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// Most cells of a record.
pub const COLUMNS_MAX: usize = 200;

/// One record: its cells, and where each begins.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// The physical line, from 1.
    pub(super) line: u64,
    text: &'a str,
    cells: &'a [End],
}

impl<'a> Record<'a> {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The text of a cell; empty behind the last.
    pub(super) fn cell(&self, index: usize) -> &'a str {
        let begin = index.checked_sub(1).and_then(|before| self.cells.get(before)).map_or(0, |before| before.at);
        self.cells.get(index).map_or("", |end| &self.text[begin..end.at])
    }

    /// The physical line that a cell begins on.
    pub(super) fn line_of(&self, index: usize) -> u64 {
        self.cells.get(index).map_or(self.line, |end| end.line)
    }
}

/// Where a cell ends in the record's text, and the line that it began on.
#[derive(Debug, Clone, Copy)]
struct End {
    at: usize,
    line: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the first byte of a cell.
    Begin,
    /// In a cell without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that closes the cell, unless another follows.
    Closed,
    /// Behind a carriage return that ends the record.
    Return,
    /// In what is left of a line with a fault.
    Skip,
}

/// The state between two pieces.
#[derive(Debug)]
pub(super) struct Records {
    delimiter: u8,
    state: State,
    /// The physical line that is being read.
    line: u64,
    /// The line that the record began on, and the cell.
    record_line: u64,
    cell_line: u64,
    /// Bytes of the record so far.
    bytes: usize,
    text: Vec<u8>,
    cells: Vec<End>,
    quoted: bool,
}

impl Records {
    /// Reads from the beginning of physical line `line`.
    pub(super) fn new(delimiter: u8, line: u64) -> Self {
        Self {
            delimiter,
            state: State::Begin,
            line,
            record_line: line,
            cell_line: line,
            bytes: 0,
            text: Vec::new(),
            cells: Vec::new(),
            quoted: false,
        }
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Takes the next piece; calls `out` with every record that ends in it. Blank records are passed over.
    pub(super) fn feed(&mut self, mut piece: &[u8], out: &mut impl FnMut(Result<Record<'_>, Fault>)) {
        while !piece.is_empty() {
            let room = (RECORD_BYTES_MAX + 1).saturating_sub(self.bytes).min(piece.len());
            let taken = match self.state {
                State::Skip => self.skip(piece),
                State::Quoted => self.quoted(&piece[..room]),
                State::Closed => self.closed(piece[0], out),
                State::Return => self.returned(piece[0], out),
                State::Begin | State::Plain => self.plain(&piece[..room], out),
            };
            piece = &piece[taken..];
            if self.bytes > RECORD_BYTES_MAX {
                self.too_long(out);
            }
        }
    }

    /// Takes the end of the file.
    pub(super) fn finish(&mut self, out: &mut impl FnMut(Result<Record<'_>, Fault>)) {
        match self.state {
            State::Quoted => self.fault(
                self.cell_line,
                "the quote is never closed; close it, or write \"\" for a quote inside a cell",
                out,
            ),
            State::Skip => {}
            State::Begin if self.cells.is_empty() => {}
            State::Begin | State::Plain | State::Closed | State::Return => {
                self.end_record(out);
            }
        }
    }

    fn plain(&mut self, piece: &[u8], out: &mut impl FnMut(Result<Record<'_>, Fault>)) -> usize {
        let delimiter = self.delimiter;
        let special = |b: &u8| *b == delimiter || matches!(*b, b'\n' | b'\r' | b'"');
        let n = piece.iter().position(special).unwrap_or(piece.len());
        self.text.extend_from_slice(&piece[..n]);
        self.bytes += n;
        if n > 0 {
            self.state = State::Plain;
        }
        let Some(found) = piece.get(n) else { return n };
        self.bytes += 1;
        match found {
            b'"' if self.state == State::Begin => {
                self.quoted = true;
                self.state = State::Quoted;
            }
            b'"' => self.fault(
                self.cell_line,
                "there is a quote inside a cell without quotes; put the cell in quotes and double the quote",
                out,
            ),
            b'\n' => self.end_line(out),
            b'\r' => self.state = State::Return,
            _ => self.end_cell(out),
        }
        n + 1
    }

    fn quoted(&mut self, piece: &[u8]) -> usize {
        let n = piece.iter().position(|b| *b == b'"').unwrap_or(piece.len());
        self.line += piece[..n].iter().filter(|b| **b == b'\n').count() as u64;
        self.text.extend_from_slice(&piece[..n]);
        let taken = n + usize::from(n < piece.len());
        self.bytes += taken;
        if n < piece.len() {
            self.state = State::Closed;
        }
        taken
    }

    fn closed(&mut self, next: u8, out: &mut impl FnMut(Result<Record<'_>, Fault>)) -> usize {
        self.bytes += 1;
        match next {
            b'"' => {
                self.text.push(b'"');
                self.state = State::Quoted;
            }
            b'\n' => self.end_line(out),
            b'\r' => self.state = State::Return,
            next if next == self.delimiter => self.end_cell(out),
            _ => {
                self.fault(
                    self.cell_line,
                    "there is something behind the closing quote; end the cell there, or write \"\" for a quote inside it",
                    out,
                );
                return 0;
            }
        }
        1
    }

    fn returned(&mut self, next: u8, out: &mut impl FnMut(Result<Record<'_>, Fault>)) -> usize {
        if next == b'\n' {
            self.end_line(out);
            return 1;
        }
        self.fault(
            self.cell_line,
            "there is a carriage return without a line feed; end lines with LF or CRLF, and put a cell that has one in quotes",
            out,
        );
        0
    }

    fn skip(&mut self, piece: &[u8]) -> usize {
        match piece.iter().position(|b| *b == b'\n') {
            Some(n) => {
                self.next_line();
                n + 1
            }
            None => piece.len(),
        }
    }

    fn too_long(&mut self, out: &mut impl FnMut(Result<Record<'_>, Fault>)) {
        let what = match self.state {
            State::Skip => return,
            State::Quoted => {
                "the quote is not closed within 65,536 bytes; close it, or write \"\" for a quote inside a cell"
            }
            _ => "the line has more than 65,536 bytes; shorten it",
        };
        self.fault(self.cell_line, what, out);
    }

    fn end_cell(&mut self, out: &mut impl FnMut(Result<Record<'_>, Fault>)) {
        if self.cells.len() + 1 >= COLUMNS_MAX {
            self.fault(self.cell_line, "the line has more than 200 columns; leave out what is not wanted", out);
            return;
        }
        self.push_cell();
        self.state = State::Begin;
    }

    fn push_cell(&mut self) {
        self.cells.push(End { at: self.text.len(), line: self.cell_line });
        self.cell_line = self.line;
    }

    fn end_line(&mut self, out: &mut impl FnMut(Result<Record<'_>, Fault>)) {
        self.end_record(out);
        self.next_line();
    }

    fn end_record(&mut self, out: &mut impl FnMut(Result<Record<'_>, Fault>)) {
        self.push_cell();
        let blank = self.text.is_empty() && !self.quoted;
        match checked(&self.text, &self.cells) {
            Ok(_) if blank => {}
            Ok(text) => out(Ok(Record { line: self.record_line, text, cells: &self.cells })),
            Err(index) => out(Err(fault(self.cells[index].line, index, NOT_UTF8))),
        }
    }

    fn next_line(&mut self) {
        self.line += 1;
        (self.record_line, self.cell_line) = (self.line, self.line);
        self.bytes = 0;
        self.text.clear();
        self.cells.clear();
        self.quoted = false;
        self.state = State::Begin;
    }

    fn fault(&mut self, line: u64, what: &str, out: &mut impl FnMut(Result<Record<'_>, Fault>)) {
        out(Err(fault(line, self.cells.len(), what)));
        self.text.clear();
        self.bytes = 0;
        self.state = State::Skip;
    }
}

pub(super) const NOT_UTF8: &str =
    "the cell is not UTF-8; save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\"), it is perhaps Windows-1252";

pub(super) fn fault(line: u64, index: usize, what: &str) -> Fault {
    Fault {
        line,
        column: Some(Column { number: index + 1, name: String::new() }),
        refusal: Refusal::new(Reason::MalformedFile, what),
    }
}

/// The text, if every cell of it is UTF-8; else the first cell that is not.
fn checked<'a>(text: &'a [u8], cells: &[End]) -> Result<&'a str, usize> {
    let whole = std::str::from_utf8(text);
    let bad = match &whole {
        Ok(text) => cells.iter().position(|end| !text.is_char_boundary(end.at)),
        Err(error) => Some(cells.iter().position(|end| error.valid_up_to() < end.at).unwrap_or(0)),
    };
    match (whole, bad) {
        (Ok(text), None) => Ok(text),
        (_, bad) => Err(bad.unwrap_or(0)),
    }
}
