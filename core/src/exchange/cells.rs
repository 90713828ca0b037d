//! The cells of one line, parsed. Every fault is told; a cell of a foreign file that has a place but does not fit it is
//! kept as a custom field instead.

use super::fault::{Fault, Faults, Notes};
use super::labels::{FieldId, Labels, slug};
use super::layout::{Role, Source};
use super::read::SPACES_MAX;
use super::record::Record;
use super::sheet::Sheet;
use crate::name::SpaceName;
use crate::refusal::{Reason, Refusal};
use crate::text::{TEXT_CHARS_MAX, Text, shown};
use std::collections::BTreeMap;

/// What is gathered over the lines of a file.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) faults: Faults,
    pub(super) notes: Notes,
    /// Spaces by what the file calls them.
    pub(super) spaces: BTreeMap<String, SpaceName>,
}

/// One line.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    pub(super) sheet: &'a Sheet,
    record: &'a Record<'a>,
    tally: &'a mut Tally,
    /// Whether it makes no row.
    failed: bool,
    kept: Labels,
}

impl<'a> Cells<'a> {
    pub(super) fn new(sheet: &'a Sheet, record: &'a Record<'a>, tally: &'a mut Tally) -> Self {
        Self { sheet, record, tally, failed: false, kept: Labels::default() }
    }

    pub(super) fn own(&self) -> bool {
        self.sheet.layout.own()
    }

    pub(super) fn source(&self) -> Source {
        self.sheet.layout.source
    }

    /// The cell as it is; empty if there is no such column.
    pub(super) fn text(&self, role: Role) -> &'a str {
        self.sheet.index(role).map_or("", |index| self.at(index))
    }

    fn at(&self, index: usize) -> &'a str {
        let text = self.record.cell(index);
        match self.source() {
            Source::Freehold => unguarded(text),
            Source::NetBox if text == "—" => "",
            _ => text,
        }
    }

    /// The value of a cell, spaces around it apart; `None` if it is empty or at fault.
    pub(super) fn parse<T>(&mut self, role: Role, parse: impl FnOnce(&str) -> Result<T, Refusal>) -> Option<T> {
        let text = self.text(role).trim();
        if text.is_empty() {
            return None;
        }
        parse(text).map_err(|refusal| self.fault(role, refusal)).ok()
    }

    /// The value of a cell of which every space counts.
    pub(super) fn parse_whole<T>(&mut self, role: Role, parse: impl FnOnce(&str) -> Result<T, Refusal>) -> Option<T> {
        parse(self.text(role)).map_err(|refusal| self.fault(role, refusal)).ok()
    }

    /// The value of a cell that may not be empty.
    pub(super) fn need<T>(&mut self, role: Role, parse: impl FnOnce(&str) -> Result<T, Refusal>) -> Option<T> {
        if self.text(role).trim().is_empty() {
            let name = self.sheet.layout.named(role);
            self.fault(role, Refusal::new(Reason::FieldRequired, format!("{name} is empty; give one on every line")));
            return None;
        }
        self.parse(role, parse)
    }

    /// The value of a cell; where it does not fit, in a foreign file, the cell becomes the custom field `id`.
    pub(super) fn fit<T>(
        &mut self,
        role: Role,
        id: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        if self.own() {
            return self.parse(role, parse);
        }
        let text = self.text(role).trim();
        if text.is_empty() {
            return None;
        }
        match parse(text) {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.keep(id, text);
                self.note(role, &format!("not taken ({}); kept as custom field {id}", refusal.reason));
                None
            }
        }
    }

    /// Text for people. In a foreign file one that is too long or has line breaks is shortened, and kept whole as the custom
    /// field `id`.
    pub(super) fn words(&mut self, role: Role, id: &'static str) -> Text {
        let text = self.text(role);
        match Text::parse(text) {
            Ok(words) => words,
            Err(refusal) if self.own() => {
                self.fault(role, refusal);
                Text::default()
            }
            Err(_) => {
                self.keep(id, text);
                self.note(
                    role,
                    &format!("with line breaks or more than {TEXT_CHARS_MAX} characters: shortened, and whole as custom field {id}"),
                );
                shortened(text)
            }
        }
    }

    /// Keeps a value without a place of its own.
    pub(super) fn keep(&mut self, id: &'static str, text: &str) {
        self.kept.field(FieldId::parse(id).expect("ids of ours are ids"), text);
    }

    /// The space of the row: the one that is named, else the one for rows that name none.
    pub(super) fn space(&mut self, default: &SpaceName) -> Option<SpaceName> {
        let roles = [Role::CustomerSpace, Role::Space, Role::ProviderSpace];
        let named = roles.into_iter().find(|role| !self.text(*role).trim().is_empty());
        if named == Some(Role::CustomerSpace) {
            let provider = self.text(Role::ProviderSpace);
            self.keep("provider-address-space", provider);
        }
        let Some(role) = named else { return Some(default.clone()) };
        let text = self.text(role).trim();
        let common = match self.source() {
            Source::Freehold => false,
            Source::NetBox => text == "Global",
            Source::PhpIpam | Source::WindowsIpam => text.eq_ignore_ascii_case("default"),
        };
        if common {
            return Some(default.clone());
        }
        if let Some(known) = self.tally.spaces.get(text) {
            return Some(known.clone());
        }
        match self.new_space(text, default) {
            Ok(space) => Some(space),
            Err(refusal) => {
                self.fault(role, refusal);
                None
            }
        }
    }

    fn new_space(&mut self, text: &str, default: &SpaceName) -> Result<SpaceName, Refusal> {
        let space = if self.own() {
            SpaceName::from_id(text.strip_prefix("spaces/").unwrap_or(text))?
        } else {
            self.foreign_space(text, default)?
        };
        if self.tally.spaces.len() >= SPACES_MAX {
            return Err(Refusal::new(
                Reason::TooMany,
                format!(
                    "the file names more than {SPACES_MAX} spaces; split it, or see whether this is the right column"
                ),
            ));
        }
        self.tally.spaces.insert(text.to_owned(), space.clone());
        Ok(space)
    }

    /// A space for a name of another program's; two names never become one space.
    fn foreign_space(&self, text: &str, default: &SpaceName) -> Result<SpaceName, Refusal> {
        let space = SpaceName::from_id(&slug(name_without_rd(text))).map_err(|_| {
            Refusal::new(
                Reason::InvalidName,
                format!(
                    "no space can be called after {}: it has no letter of a-z and no digit; rename it there",
                    shown(text)
                ),
            )
        })?;
        let other = self.tally.spaces.iter().find(|(_, known)| **known == space);
        match other {
            _ if space == *default => Err(Refusal::new(
                Reason::AlreadyExists,
                format!(
                    "{} would become {space}, where lines without a space go; choose another space for those, or rename it in the file",
                    shown(text)
                ),
            )),
            Some((other, _)) => Err(Refusal::new(
                Reason::AlreadyExists,
                format!(
                    "{} and {} would both become {space}; rename one of them in the file",
                    shown(other),
                    shown(text)
                ),
            )),
            None => Ok(space),
        }
    }

    /// The tags and custom fields of the row.
    pub(super) fn labels(&mut self) -> Labels {
        let mut labels = std::mem::take(&mut self.kept);
        let tags = self.text(Role::Tags);
        if self.own() {
            if let Err(refusal) = labels.read_tags(tags) {
                self.fault(Role::Tags, refusal);
            }
        } else {
            for tag in tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
                let fits = Text::parse(tag)
                    .map(|key| labels.tags().contains_key(&key) || labels.tag(key, Text::default()).is_ok());
                if fits != Ok(true) {
                    labels.field(FieldId::parse("tags").expect("ids of ours are ids"), tags);
                    self.note(Role::Tags, "not all of these are tags; kept as custom field tags");
                }
            }
        }
        for (index, id) in &self.sheet.fields {
            labels.field(id.clone(), self.at(*index));
        }
        labels
    }

    /// The line and column are at fault; the line makes no row.
    pub(super) fn fault(&mut self, role: Role, refusal: Refusal) {
        self.fault_at(self.sheet.index(role), refusal);
    }

    pub(super) fn fault_at(&mut self, index: Option<usize>, refusal: Refusal) {
        self.failed = true;
        let line = index.map_or(self.record.line, |index| self.record.line_of(index));
        self.tally.faults.add(Fault { line, column: index.map(|index| self.sheet.column(index)), refusal });
    }

    pub(super) fn note(&mut self, role: Role, text: &str) {
        self.tally.notes.add(self.record.line, self.sheet.index(role), text);
    }

    /// The line is no row, and that is no fault.
    pub(super) fn pass_over(&mut self, role: Role, why: &str) {
        self.failed = true;
        self.note(role, why);
    }

    pub(super) fn cell(&self, index: usize) -> &'a str {
        self.at(index)
    }

    pub(super) fn failed(&self) -> bool {
        self.failed
    }
}

/// A VRF's name where NetBox wrote `NAME (RD)` (RFC 4364 §4.2: `65000:1`, `10.0.0.1:7`).
fn name_without_rd(text: &str) -> &str {
    let inside = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    let is_rd = |rd: &str| {
        rd.split_once(':').is_some_and(|(administrator, assigned)| {
            let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            number(administrator) && number(assigned)
        })
    };
    inside.filter(|(name, rd)| is_rd(rd) && !name.trim().is_empty()).map_or(text, |(name, _)| name)
}

/// As much of a text as fits, on one line.
pub(crate) fn shortened(text: &str) -> Text {
    let fits = |c: char| if Text::parse(c.encode_utf8(&mut [0; 4])).is_ok() { c } else { ' ' };
    let line: String = text.chars().take(TEXT_CHARS_MAX).map(fits).collect();
    Text::parse(line.trim_end()).expect("short and without control characters")
}

/// What a spreadsheet would take for a formula, or for the mark of a text (docs/formats/csv.md, "Spreadsheets").
fn formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r')
}

/// The cell with an apostrophe before it, if a spreadsheet would take it for a formula.
pub(super) fn guarded(text: &str) -> Option<String> {
    let mut chars = text.chars();
    let first = chars.next()?;
    let marked = first == '\'' && chars.next().is_some_and(|c| formula(c) || c == '\'');
    (formula(first) || marked).then(|| format!("'{text}"))
}

/// The cell without that apostrophe.
fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|c| formula(c) || c == '\'') => rest,
        _ => text,
    }
}
