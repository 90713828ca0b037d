//! A value as it was written: text with wildcards, and where it stood.

use super::syntax::{is_keyword, is_word};
use std::fmt;

/// Where something stands in a filter: characters from its beginning, the first is 1.
///
/// All columns are equal: where a thing stood is no part of what it is, so a filter equals its canonical print.
#[derive(Debug, Clone, Copy)]
pub struct Column(pub usize);

impl PartialEq for Column {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Column {}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A value in a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// The text between the wildcards; never empty, and inside never with an empty piece: `**` is `*`.
    pieces: Vec<String>,
    /// Where it begins.
    pub column: Column,
}

impl Literal {
    /// The value whose wildcards stand between `pieces`.
    pub(super) fn new(pieces: Vec<String>, column: Column) -> Self {
        let last = pieces.len().saturating_sub(1);
        let keep = |(i, piece): (usize, String)| (i == 0 || i == last || !piece.is_empty()).then_some(piece);
        Self { pieces: pieces.into_iter().enumerate().filter_map(keep).collect(), column }
    }

    /// The value as text; `None` if it has a wildcard.
    pub fn text(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    /// The text before a wildcard that ends it and is its only one.
    pub fn beginning(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [beginning, end] if end.is_empty() && !beginning.is_empty() => Some(beginning),
            _ => None,
        }
    }

    /// Whether it is `*`, any value.
    pub fn is_any(&self) -> bool {
        self.pieces.len() == 2 && self.pieces.iter().all(String::is_empty)
    }

    /// The text between the wildcards.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Writes it without quotes where that reads back; `alone` for a value with no field before it.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, alone: bool) -> fmt::Result {
        let word = self.pieces.join("*");
        let plain = self.pieces.iter().all(|piece| !piece.contains('*'));
        if plain && !is_keyword(&word) && is_word(&word, alone) {
            return f.write_str(&word);
        }
        let quoted: Vec<String> = self.pieces.iter().map(|piece| escaped(piece)).collect();
        write!(f, "\"{}\"", quoted.join("*"))
    }
}

/// `text` as it stands between quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '"' | '*') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}
