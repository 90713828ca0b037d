//! The header of one file: which column is what.

use super::fault::{Column, Fault, Faults, Notes};
use super::labels::{FieldId, slug};
use super::layout::{Layout, Meaning, Role, Table, recognise};
use super::read::Asked;
use super::record::Record;
use crate::option::OptionName;
use crate::refusal::{Reason, Refusal};
use crate::text::shown;

/// What a file is and what its columns are; known once its header is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The format that the header was recognised as, or that was asked for.
    pub layout: &'static Layout,
    /// What splits its cells: a comma, a semicolon or a tab.
    pub delimiter: char,
    names: Vec<String>,
    roles: [Option<u8>; Role::COUNT],
    pub(super) fields: Vec<(usize, FieldId)>,
    pub(super) options: Vec<(usize, OptionName)>,
}

impl Sheet {
    /// The names of its columns, in order, as the header has them.
    pub fn columns(&self) -> &[String] {
        &self.names
    }

    /// Whether it has a column of this name in Freehold's own table: a column that is not there says nothing, where an
    /// empty cell says that there is nothing.
    pub fn has(&self, column: &str) -> bool {
        match Layout::of(self.layout.table).meaning(column) {
            Some(Meaning::Is(role)) => self.index(role).is_some(),
            _ => false,
        }
    }

    /// The column that says what this column of Freehold's own table says, or that is this custom field's.
    pub fn column_of(&self, column: &str) -> Option<Column> {
        if let Some(id) = column.strip_prefix("field:") {
            let found = self.fields.iter().find(|(_, known)| known.as_str() == id);
            return found.map(|(index, _)| self.column(*index));
        }
        match Layout::of(self.layout.table).meaning(column) {
            Some(Meaning::Is(role)) => self.index(role).map(|index| self.column(index)),
            _ => None,
        }
    }

    /// Custom fields that it has columns for.
    pub fn fields(&self) -> impl Iterator<Item = &FieldId> {
        self.fields.iter().map(|(_, id)| id)
    }

    /// Options that it has columns for.
    pub fn options(&self) -> impl Iterator<Item = &OptionName> {
        self.options.iter().map(|(_, name)| name)
    }

    pub(super) fn index(&self, role: Role) -> Option<usize> {
        self.roles[role as usize].map(usize::from)
    }

    pub(super) fn column(&self, index: usize) -> Column {
        Column { number: index + 1, name: self.names.get(index).cloned().unwrap_or_default() }
    }

    /// Reads a header. `None` if something is wrong with it, and that is among the faults.
    pub(super) fn read(
        header: &Record<'_>,
        delimiter: char,
        asked: Asked,
        faults: &mut Faults,
        notes: &mut Notes,
    ) -> Option<Self> {
        let cells: Vec<&str> = (0..header.len()).map(|i| header.cell(i).trim()).collect();
        let names: Vec<String> = cells.iter().map(|name| name.chars().take(80).collect()).collect();
        let whole = |refusal| Fault { line: header.line, column: None, refusal };
        let layout = match asked {
            Asked::Exactly(layout) => Ok(layout),
            Asked::Of(source) => recognise(&cells, Some(source)),
            Asked::Any => recognise(&cells, None),
        };
        let layout = match layout {
            Ok(layout) => layout,
            Err(refusal) => {
                faults.add(whole(refusal));
                return None;
            }
        };
        let before = faults.total();
        let mut sheet =
            Self { layout, delimiter, names, roles: [None; Role::COUNT], fields: Vec::new(), options: Vec::new() };
        for (index, name) in cells.iter().enumerate() {
            let bound = match sheet.bind(index, name) {
                Ok(Some(note)) => {
                    notes.add(header.line, Some(index), &note);
                    continue;
                }
                Ok(None) => continue,
                Err(refusal) => refusal,
            };
            faults.add(Fault { line: header.line, column: Some(sheet.column(index)), refusal: bound });
        }
        for role in layout.needs.iter().filter(|role| sheet.index(**role).is_none()) {
            faults.add(whole(Refusal::new(
                Reason::UnknownColumn,
                format!("{} needs a column {}, and the header has none", layout.id, layout.named(*role)),
            )));
        }
        (faults.total() == before).then_some(sheet)
    }

    /// Gives a column its meaning; says what there is to remark about it.
    fn bind(&mut self, index: usize, name: &str) -> Result<Option<String>, Refusal> {
        let kept = |id: &FieldId| Ok(Some(format!("kept as custom field {id}")));
        match self.layout.meaning(name) {
            Some(Meaning::Is(role)) => {
                if self.roles[role as usize].is_some() {
                    return Err(twice(name));
                }
                self.roles[role as usize] = u8::try_from(index).ok();
                Ok(None)
            }
            Some(Meaning::Keep(id)) => {
                let id = FieldId::parse(id)?;
                self.field(index, id.clone(), name)?;
                kept(&id)
            }
            Some(Meaning::Derived) => Ok(Some("left out: Freehold works it out itself".to_owned())),
            None if self.layout.own() => self.bind_own(index, name).map(|()| None),
            None => {
                let id = slug(name.strip_prefix("cf_").unwrap_or(name));
                let id = FieldId::parse(if id.is_empty() { format!("column-{}", index + 1) } else { id }.as_str())?;
                self.field(index, id.clone(), name)?;
                kept(&id)
            }
        }
    }

    fn bind_own(&mut self, index: usize, name: &str) -> Result<(), Refusal> {
        if let Some(id) = name.strip_prefix("field:") {
            return self.field(index, FieldId::parse(id)?, name);
        }
        if let Some(option) = name.strip_prefix("option:").filter(|_| self.layout.table == Table::Scopes) {
            let option = OptionName::parse(option)?;
            if self.options.iter().any(|(_, known)| known.meets(&option)) {
                return Err(twice(name));
            }
            self.options.push((index, option));
            return Ok(());
        }
        let known: Vec<_> = self.layout.columns().collect();
        Err(Refusal::new(
            Reason::UnknownColumn,
            format!(
                "no column is called {} in {}; there are {}, and field:ID for a custom field",
                shown(name),
                self.layout.id,
                known.join(", ")
            ),
        ))
    }

    fn field(&mut self, index: usize, id: FieldId, name: &str) -> Result<(), Refusal> {
        if self.layout.table == Table::Leases {
            return Err(Refusal::new(Reason::UnknownColumn, "leases have no custom fields; leave the column out"));
        }
        if self.fields.iter().any(|(_, known)| *known == id) {
            return Err(twice(name));
        }
        self.fields.push((index, id));
        Ok(())
    }
}

fn twice(name: &str) -> Refusal {
    Refusal::new(Reason::UnknownColumn, format!("there are two columns for what {} says; leave one out", shown(name)))
}
