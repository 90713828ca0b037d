//! What is wrong with a file, by line and column, and what an importer did not understand in it.

use crate::refusal::Refusal;
use std::collections::BTreeMap;
use std::fmt;

/// Most faults that are kept; the others are counted.
pub const FAULTS_MAX: usize = 1_000;
/// Most notes that are kept; those about further matters are counted together.
pub const NOTES_MAX: usize = 1_000;

/// A column of a file: its place, from 1, and its name in the header as the file has it, cut to 80 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// From 1.
    pub number: usize,
    /// Empty where the header has no such column.
    pub name: String,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "column {}", self.number),
            name => write!(f, "column {} ({name})", self.number),
        }
    }
}

/// One thing that is wrong: where, and the refusal that the API would give for the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The physical line, from 1, that the cell or the record begins on.
    pub line: u64,
    /// The column, unless it is about the whole line.
    pub column: Option<Column>,
    /// What was wrong, and what to do.
    pub refusal: Refusal,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}", self.refusal)
    }
}

/// The first [`FAULTS_MAX`] faults of a file, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    kept: Vec<Fault>,
    total: u64,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.total += 1;
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(fault);
        }
    }

    /// The first ones, in the order of the file.
    pub fn kept(&self) -> &[Fault] {
        &self.kept
    }

    /// How many there are, kept or not.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// Something that an importer changed, kept elsewhere or left out; told once for all lines that it holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The first line that it holds for.
    pub line: u64,
    /// How many cells or lines it holds for.
    pub count: u64,
    /// The column that it is about.
    pub column: Option<Column>,
    /// What was done.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "{column}: ")?;
        }
        write!(f, "{} ({} from line {})", self.text, times(self.count), self.line)
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once,".to_owned() } else { format!("{count} times,") }
}

/// The notes of a file, each matter once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notes {
    by_matter: BTreeMap<(Option<usize>, String), (u64, u64)>,
    beyond: Option<(u64, u64)>,
}

impl Notes {
    pub(super) fn add(&mut self, line: u64, column: Option<usize>, text: &str) {
        let key = (column, text.to_owned());
        let kept = self.by_matter.len();
        match self.by_matter.get_mut(&key) {
            Some((_, count)) => *count += 1,
            None if kept < NOTES_MAX => {
                self.by_matter.insert(key, (line, 1));
            }
            None => self.beyond.get_or_insert((line, 0)).1 += 1,
        }
    }

    /// In the order of the lines that they begin with.
    pub(super) fn into_list(self, column: impl Fn(usize) -> Column) -> Vec<Note> {
        let mut notes: Vec<_> = self
            .by_matter
            .into_iter()
            .map(|((number, text), (line, count))| Note { line, count, column: number.map(&column), text })
            .collect();
        notes.sort_by_key(|note| (note.line, note.column.clone()));
        notes.extend(self.beyond.map(|(line, count)| Note {
            line,
            count,
            column: None,
            text: format!("further remarks that are not listed; {NOTES_MAX} are"),
        }));
        notes
    }
}
