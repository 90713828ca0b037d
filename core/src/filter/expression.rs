//! A filter as it was written, before anybody asked whether its fields exist.

use super::literal::{Column, Literal, escaped};
use super::syntax::{Reader, is_name};
use crate::refusal::Refusal;
use std::fmt;

/// What was written. Nested ANDs are one, and so are nested ORs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Every one of them; all rows if there are none.
    All(Vec<Expression>),
    /// At least one of them; two or more.
    Any(Vec<Expression>),
    /// The rows that it does not take.
    Not(Box<Expression>),
    /// A field compared with a value.
    Compare(Comparison),
    /// A value alone, searched for.
    Search(Literal),
}

/// A field compared with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The parts of the field's path; never empty, nor any of them.
    pub path: Vec<String>,
    /// How they are compared.
    pub operator: Operator,
    /// What with.
    pub value: Literal,
    /// Where the path begins.
    pub column: Column,
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `:`
    Has,
}

impl Operator {
    /// Every operator, a longer one before its beginning.
    pub(super) const ALL: [Self; 7] =
        [Self::AtMost, Self::AtLeast, Self::NotEqual, Self::Less, Self::More, Self::Equal, Self::Has];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Has => ":",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Expression {
    /// Reads a filter. A refusal names the column and what was expected there.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Reader::read(text)
    }

    /// `parts` joined by AND; one part is itself.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let flat = |part| match part {
            Self::All(inner) => inner,
            other => vec![other],
        };
        let mut flat: Vec<Self> = parts.into_iter().flat_map(flat).collect();
        if flat.len() == 1 { flat.remove(0) } else { Self::All(flat) }
    }

    /// `parts`, at least one, joined by OR; one part is itself.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        let flat = |part| match part {
            Self::Any(inner) => inner,
            other => vec![other],
        };
        let mut flat: Vec<Self> = parts.into_iter().flat_map(flat).collect();
        if flat.len() == 1 { flat.remove(0) } else { Self::Any(flat) }
    }
}

impl fmt::Display for Expression {
    /// The one canonical form: AND and NOT spelled out, parentheses and quotes only where they are needed.
    /// [`Expression::parse`] reads it back as the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    f.write_str(if i > 0 { " AND " } else { "" })?;
                    part.fmt(f)?;
                }
                Ok(())
            }
            Self::Any(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    f.write_str(if i > 0 { " OR " } else { "" })?;
                    match part {
                        Self::All(_) => write!(f, "({part})")?,
                        part => part.fmt(f)?,
                    }
                }
                Ok(())
            }
            Self::Not(inner) => match inner.as_ref() {
                Self::Compare(_) | Self::Search(_) => write!(f, "NOT {inner}"),
                Self::All(_) | Self::Any(_) | Self::Not(_) => write!(f, "NOT ({inner})"),
            },
            Self::Compare(comparison) => comparison.fmt(f),
            Self::Search(value) => value.write(f, true),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.path.iter().enumerate() {
            f.write_str(if i > 0 { "." } else { "" })?;
            if is_name(part) {
                f.write_str(part)?;
            } else {
                write!(f, "\"{}\"", escaped(part))?;
            }
        }
        write!(f, " {} {}", self.operator, self.value)
    }
}
