//! Reads the grammar. One pass from left to right; it goes down only at a parenthesis, and counts those.

use super::expression::{Comparison, Expression, Operator};
use super::literal::{Column, Literal};
use super::{DEPTH_MAX, LENGTH_MAX, TERMS_MAX, refuse};
use crate::client::HardwareAddress;
use crate::net::{Cidr, parse_address};
use crate::refusal::{Reason, Refusal};
use crate::text::controls;

/// What stands between the beginning and the end of a filter, read up to `at`.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
    /// Open parentheses.
    depth: usize,
    /// Comparisons and searched words so far.
    terms: usize,
}

const TERM: &str = "a comparison or a word to search for";

impl<'a> Reader<'a> {
    /// Reads a whole filter.
    pub(super) fn read(text: &'a str) -> Result<Expression, Refusal> {
        let too_long = |bytes: usize, how: &str| {
            let message = format!("the filter has {bytes} bytes{how}; at most {LENGTH_MAX} are taken, shorten it");
            Refusal::new(Reason::InvalidFilter, message).at("filter")
        };
        if text.len() > LENGTH_MAX {
            return Err(too_long(text.len(), ""));
        }
        let mut reader = Self { text, at: 0, depth: 0, terms: 0 };
        reader.space();
        if reader.rest().is_empty() {
            return Ok(Expression::All(Vec::new()));
        }
        let expression = reader.expression()?;
        if !reader.rest().is_empty() {
            return Err(reader.expected("AND, OR, or the end: no parenthesis is open"));
        }
        let printed = expression.to_string().len();
        if printed > LENGTH_MAX {
            return Err(too_long(printed, " with every AND and NOT spelled out"));
        }
        Ok(expression)
    }

    /// Factors joined by AND or white space, up to a closing parenthesis or the end.
    fn expression(&mut self) -> Result<Expression, Refusal> {
        let mut factors = vec![self.factor()?];
        while !matches!(self.peek(), None | Some(')')) {
            if self.takes_keyword("AND") {
                self.space();
            }
            factors.push(self.factor()?);
        }
        Ok(Expression::all(factors))
    }

    fn factor(&mut self) -> Result<Expression, Refusal> {
        let mut terms = vec![self.term()?];
        while self.takes_keyword("OR") {
            self.space();
            terms.push(self.term()?);
        }
        Ok(Expression::any(terms))
    }

    /// One term and the white space behind it.
    fn term(&mut self) -> Result<Expression, Refusal> {
        let negated = self.takes('-') || self.takes_keyword("NOT");
        if negated {
            self.space();
        }
        let simple = if self.peek() == Some('(') { self.group()? } else { self.restriction()? };
        match self.peek() {
            None | Some(')') => {}
            Some(c) if c.is_whitespace() => self.space(),
            Some(_) => return Err(self.expected("a space")),
        }
        Ok(if negated { Expression::Not(Box::new(simple)) } else { simple })
    }

    fn group(&mut self) -> Result<Expression, Refusal> {
        let opened = self.column();
        if self.depth == DEPTH_MAX {
            return Err(refuse(
                opened,
                format_args!("more than {DEPTH_MAX} parentheses are open; simplify the filter"),
            ));
        }
        self.takes('(');
        self.depth += 1;
        self.space();
        let inner = self.expression()?;
        self.depth -= 1;
        if self.takes(')') {
            Ok(inner)
        } else {
            Err(refuse(opened, "the parenthesis that opens here is never closed; add )"))
        }
    }

    /// A comparison, or a value alone.
    fn restriction(&mut self) -> Result<Expression, Refusal> {
        let column = self.column();
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(refuse(
                column,
                format_args!("more than {TERMS_MAX} comparisons and words; ask with several filters"),
            ));
        }
        if matches!(self.peek(), Some('"' | '\'')) {
            let value = self.string()?;
            return self.searched(value, "a quoted text");
        }
        if self.peek() == Some('-') {
            return Err(self.expected(TERM));
        }
        let word = self.word(true);
        if word.contains(':') && is_word(word, true) {
            self.at += word.len();
            return self.searched(literal(word, column), "a value");
        }
        let word = self.word(false);
        if word.is_empty() || matches!(word, "AND" | "OR" | "NOT") {
            return Err(self.expected(TERM));
        }
        self.refuse_keyword(word)?;
        self.at += word.len();
        if self.peek() == Some('(') {
            return Err(refuse(
                column,
                format_args!("{word:?} is called, but there are no functions; compare a field"),
            ));
        }
        if let (Some(path), Some('"' | '\'')) = (word.strip_suffix('.'), self.peek()) {
            let key = self.string()?;
            return self.comparison(path, Some(key), column);
        }
        if self.operator_follows() {
            return self.comparison(word, None, column);
        }
        Ok(Expression::Search(literal(word, column)))
    }

    /// A value alone; an operator after it is refused.
    fn searched(&mut self, value: Literal, what: &str) -> Result<Expression, Refusal> {
        let column = value.column;
        if self.operator_follows() {
            Err(refuse(column, format_args!("expected a field to compare, found {what}; fields stand without quotes")))
        } else {
            Ok(Expression::Search(value))
        }
    }

    /// The operator and the value of a comparison whose field was read.
    fn comparison(&mut self, path: &str, key: Option<Literal>, column: Column) -> Result<Expression, Refusal> {
        let mut path: Vec<String> = path.split('.').map(str::to_owned).collect();
        if !path.iter().all(|part| is_name(part)) {
            let path = path.join(".");
            return Err(refuse(column, format_args!("expected a field such as title or tags.site, found {path:?}")));
        }
        if let Some(key) = key {
            match key.text() {
                Some(text) if !text.is_empty() => path.push(text.to_owned()),
                _ => return Err(refuse(key.column, "expected a key, found an empty text or a wildcard")),
            }
        }
        self.space();
        let Some(operator) = self.operator() else {
            return Err(self.expected("an operator after the field: one of = != < <= > >= :"));
        };
        self.at += operator.as_str().len();
        self.space();
        let value = self.value(operator)?;
        Ok(Expression::Compare(Comparison { path, operator, value, column }))
    }

    fn value(&mut self, operator: Operator) -> Result<Literal, Refusal> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.string();
        }
        let word = self.word(true);
        if self.peek() == Some('(') {
            let hint = "write alternatives out: (a = x OR a = y)";
            return Err(refuse(self.column(), format_args!("expected a value after {operator}, found \"(\"; {hint}")));
        }
        if word.is_empty() || matches!(word, "AND" | "OR" | "NOT") {
            return Err(self.expected(&format!("a value after {operator}")));
        }
        self.refuse_keyword(word)?;
        let column = self.column();
        self.at += word.len();
        Ok(literal(word, column))
    }

    /// A quoted text. Its `*` are wildcards unless a backslash stands before them.
    fn string(&mut self) -> Result<Literal, Refusal> {
        let column = self.column();
        let endless = || refuse(column, "the quoted text that begins here has no end; close the quote");
        let quote = self.peek().ok_or_else(endless)?;
        self.at += quote.len_utf8();
        let mut pieces = vec![String::new()];
        loop {
            let here = self.at;
            let c = self.peek().ok_or_else(endless)?;
            self.at += c.len_utf8();
            let piece = pieces.last_mut().expect("it begins with one");
            match c {
                c if c == quote => return Ok(Literal::new(pieces, column)),
                '*' => pieces.push(String::new()),
                '\\' => match self.peek() {
                    Some(c @ ('\\' | '"' | '\'' | '*')) => {
                        self.at += 1;
                        piece.push(c);
                    }
                    _ => {
                        return Err(refuse(
                            self.column_of(here),
                            "a backslash stands before \\ \" ' or * alone; write \\\\ for one",
                        ));
                    }
                },
                c if controls(c) => {
                    return Err(refuse(self.column_of(here), format_args!("the control character {c:?}; remove it")));
                }
                c => piece.push(c),
            }
        }
    }

    /// Refuses `and`, `Or` and the like.
    fn refuse_keyword(&self, word: &str) -> Result<(), Refusal> {
        if !is_keyword(word) {
            return Ok(());
        }
        let capitals = word.to_ascii_uppercase();
        Err(refuse(
            self.column(),
            format_args!("operators are written in capitals: {capitals}, or \"{word}\" in quotes for the word"),
        ))
    }

    /// Whether an operator comes next, behind white space.
    fn operator_follows(&self) -> bool {
        let rest = self.rest().trim_start();
        Operator::ALL.iter().any(|operator| rest.starts_with(operator.as_str()))
    }

    fn operator(&self) -> Option<Operator> {
        Operator::ALL.into_iter().find(|operator| self.rest().starts_with(operator.as_str()))
    }

    /// The word that comes next; may be empty.
    fn word(&self, colons: bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !(is_plain(c) || (colons && c == ':'))).unwrap_or(rest.len());
        &rest[..end]
    }

    fn takes(&mut self, c: char) -> bool {
        let takes = self.peek() == Some(c);
        self.at += if takes { c.len_utf8() } else { 0 };
        takes
    }

    fn takes_keyword(&mut self, keyword: &str) -> bool {
        let takes = self.word(false) == keyword && !self.rest()[keyword.len()..].starts_with(':');
        self.at += if takes { keyword.len() } else { 0 };
        takes
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn column(&self) -> Column {
        self.column_of(self.at)
    }

    /// Costs the text before it.
    fn column_of(&self, at: usize) -> Column {
        Column(self.text[..at].chars().count() + 1)
    }

    /// Refuses what comes next.
    fn expected(&self, what: &str) -> Refusal {
        let found = match (self.word(false), self.peek()) {
            (_, None) => "the end".to_owned(),
            ("", Some(c)) => format!("{:?}", c.to_string()),
            (word, Some(_)) => format!("{:?}", word.chars().take(40).collect::<String>()),
        };
        let hint = match self.peek() {
            Some(c) if controls(c) => "; remove it",
            Some(c) if !is_plain(c) && !"()=<>!:\"'".contains(c) => "; quote a text that has it",
            _ => "",
        };
        refuse(self.column(), format_args!("expected {what}, found {found}{hint}"))
    }
}

fn literal(word: &str, column: Column) -> Literal {
    Literal::new(word.split('*').map(str::to_owned).collect(), column)
}

/// Whether `c` can stand in a word.
fn is_plain(c: char) -> bool {
    match c {
        '_' | '-' | '.' | '*' | '/' | '@' | '#' | '%' | '+' | '~' | '$' => true,
        c if c.is_ascii() => c.is_ascii_alphanumeric(),
        c => !c.is_whitespace() && !controls(c),
    }
}

/// Whether `word` reads as AND, OR or NOT in letters of any case.
pub(super) fn is_keyword(word: &str) -> bool {
    ["AND", "OR", "NOT"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Whether `part` is a part of a path that needs no quotes.
pub(super) fn is_name(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| is_plain(c) && !matches!(c, '.' | '*'))
}

/// Whether `text` is one word where a value is expected, or, `alone`, where a term is.
pub(super) fn is_word(text: &str, alone: bool) -> bool {
    let plain = !text.is_empty() && text.chars().all(|c| is_plain(c) || c == ':');
    let is_term = || {
        !text.starts_with('-')
            && (!text.contains(':')
                || text.starts_with(|c: char| c.is_ascii_digit())
                || parse_address(text).is_ok()
                || text.parse::<Cidr>().is_ok()
                || text.parse::<HardwareAddress>().is_ok_and(|address| address.as_bytes().len() >= 6))
    };
    plain && (!alone || is_term())
}
