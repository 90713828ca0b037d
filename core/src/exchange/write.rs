//! Rows into text that reads back the same.

use super::cells::guarded;
use super::instant;
use super::labels::{FieldId, Labels};
use super::layout::{Layout, Table};
use super::row::{AddressKind, Item, RangeKind};
use crate::client::ClientIdentity;
use crate::lease::LeaseState;
use crate::model::{PrefixKind, PrefixStatus, ScopeStatus};
use crate::name::{ServerName, SpaceName};
use crate::option::{OptionCode, OptionName};
use std::fmt::Display;

/// A row that the file has no place for; nothing of it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// It belongs into another file.
    #[error("a row of {found:?} in a file of {wanted:?}; write it into a file of its own")]
    Table {
        /// What the row is of.
        found: Table,
        /// What the file is of.
        wanted: Table,
    },
    /// It has a custom field without a column.
    #[error("the row has the custom field {0}, and the file has no column for it; name it when the file is begun")]
    Field(FieldId),
    /// It has an option without a column.
    #[error("the row has option {0}, and the file has no column for it; name it when the file is begun")]
    Option(OptionCode),
}

/// Writes a file of one table: comma, LF, UTF-8 without BOM; a cell in quotes where it has to be.
#[derive(Debug, Clone)]
pub struct Writer {
    table: Table,
    fields: Vec<FieldId>,
    options: Vec<OptionName>,
}

impl Writer {
    /// A file of `table` with columns for these custom fields and, in scopes, these options, each once.
    pub fn new(
        table: Table,
        fields: impl IntoIterator<Item = FieldId>,
        options: impl IntoIterator<Item = OptionCode>,
    ) -> Self {
        let mut writer = Self {
            table,
            fields: fields.into_iter().collect(),
            options: options.into_iter().map(OptionName::of).collect(),
        };
        writer.fields.sort();
        writer.fields.dedup();
        writer.options.sort();
        writer.options.dedup();
        writer
    }

    /// Adds the header to `out`.
    pub fn header(&self, out: &mut String) {
        let mut line = Line { out, first: true };
        Layout::of(self.table).columns().for_each(|name| line.cell(name));
        for name in &self.options {
            line.cell(&format!("option:{name}"));
        }
        self.fields.iter().for_each(|id| line.cell(&format!("field:{id}")));
        line.end();
    }

    /// Adds a line to `out`.
    pub fn row(&self, item: &Item, out: &mut String) -> Result<(), Unwritable> {
        if item.table() != self.table {
            return Err(Unwritable::Table { found: item.table(), wanted: self.table });
        }
        let stray = |labels: &Labels| labels.fields().keys().find(|id| self.fields.binary_search(id).is_err()).cloned();
        if let Some(id) = item.labels().and_then(stray) {
            return Err(Unwritable::Field(id));
        }
        if let Item::Scope(row) = item
            && let Some((code, _)) =
                row.scope.options.iter().find(|(code, _)| self.options.binary_search(&OptionName::of(*code)).is_err())
        {
            return Err(Unwritable::Option(code));
        }
        let mut line = Line { out, first: true };
        self.cells(item, &mut line);
        if let Some(labels) = item.labels() {
            self.fields.iter().for_each(|id| line.cell(labels.fields().get(id).map_or("", String::as_str)));
        }
        line.end();
        Ok(())
    }

    /// The cells of a row, in the order of its layout, and the options.
    fn cells(&self, item: &Item, line: &mut Line<'_>) {
        match item {
            Item::Prefix(row) => {
                line.cell(row.name.space.id());
                line.shown(&row.name.cidr);
                line.cell(row.kind.map_or("", |kind| match kind {
                    PrefixKind::Container => "container",
                    PrefixKind::Network => "network",
                }));
                line.cell(row.status.map_or("", PrefixStatus::word));
                line.cell(row.title.as_str());
                line.cell(row.description.as_str());
                line.cell(&row.labels.write_tags());
            }
            Item::Address(row) => {
                line.cell(row.space.id());
                line.shown(&row.address);
                line.cell(match row.kind {
                    AddressKind::Claim => "claim",
                    AddressKind::Dynamic => "dynamic",
                });
                line.maybe(row.hardware.as_ref());
                line.maybe(row.client_id.as_ref());
                line.maybe(row.duid.as_ref());
                line.maybe(row.host_name.as_ref());
                line.cell(row.owner.as_str());
                line.cell(row.comment.as_str());
                line.cell(&row.expires.map(instant::write).unwrap_or_default());
                line.cell(&row.labels.write_tags());
            }
            Item::Range(row) => {
                line.cell(row.space.id());
                line.cell(row.scope.as_ref().map_or("", |scope| scope.id()));
                line.shown(&row.range.start());
                line.shown(&row.range.end());
                line.cell(match row.kind {
                    RangeKind::Pool => "pool",
                    RangeKind::Exclusion => "exclusion",
                    RangeKind::Note => "note",
                });
                line.cell(row.comment.as_str());
                line.cell(&row.labels.write_tags());
            }
            Item::Reservation(row) => {
                line.cell(row.name.scope.id());
                line.shown(&row.name.address);
                line.maybe(if let ClientIdentity::Hardware(address) = &row.client { Some(address) } else { None });
                line.maybe(if let ClientIdentity::ClientId(id) = &row.client { Some(id) } else { None });
                line.maybe(if let ClientIdentity::Duid(duid) = &row.client { Some(duid) } else { None });
                line.maybe(row.host_name.as_ref());
                line.cell(row.description.as_str());
                line.cell(&row.labels.write_tags());
                line.cell(&joined(&row.prefixes, "; "));
            }
            Item::Scope(row) => {
                let scope = &row.scope;
                line.cell(scope.name.id());
                line.cell(SpaceName::id(&scope.space));
                line.shown(&scope.network);
                line.cell(&joined(&scope.ranges, "; "));
                let exclusions = scope.exclusions.iter().map(|exclusion| match exclusion.comment.as_str() {
                    "" => exclusion.range.to_string(),
                    comment => format!("{} {comment}", exclusion.range),
                });
                line.cell(&exclusions.collect::<Vec<_>>().join("\n"));
                line.shown(&scope.lease_times.valid_seconds());
                line.maybe(scope.lease_times.renew_seconds().as_ref());
                line.maybe(scope.lease_times.rebind_seconds().as_ref());
                line.cell(match scope.status {
                    ScopeStatus::Active => "active",
                    ScopeStatus::Inactive => "inactive",
                });
                line.cell(&scope.server.as_ref().map(server).unwrap_or_default());
                line.cell(scope.description.as_str());
                line.cell(&row.labels.write_tags());
                line.maybe(scope.lease_times.preferred_seconds().as_ref());
                line.cell(&joined(&scope.prefix_pools, "; "));
                line.cell(scope.link.interface.as_str());
                line.cell(&joined(&scope.link.relays, "; "));
                line.cell(scope.link.interface_id.as_str());
                for name in &self.options {
                    line.maybe(name.code(scope.network.family()).ok().and_then(|code| scope.options.get(code)));
                }
            }
            Item::Lease(row) => {
                let lease = &row.lease;
                line.cell(&server(&row.server));
                line.shown(&lease.address);
                line.shown(&lease.prefix_len);
                line.shown(&lease.subnet_id);
                line.cell(&hexadecimal(&lease.hardware));
                line.cell(&hexadecimal(&lease.client_id));
                line.cell(&hexadecimal(&lease.duid));
                line.shown(&lease.iaid);
                line.cell(&lease.host_name);
                line.cell(&instant::write(lease.cltt));
                line.shown(&lease.valid_seconds);
                line.cell(match lease.state {
                    LeaseState::Granted => "granted",
                    LeaseState::Declined => "declined",
                });
            }
        }
    }
}

fn server(name: &ServerName) -> String {
    format!("{}/{}", name.agent().id(), name.daemon())
}

fn hexadecimal(bytes: &[u8]) -> String {
    joined(bytes.iter().map(|byte| format!("{byte:02x}")), ":")
}

fn joined(items: impl IntoIterator<Item = impl Display>, between: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(between)
}

/// A line that is being written.
struct Line<'a> {
    out: &'a mut String,
    first: bool,
}

impl Line<'_> {
    fn cell(&mut self, text: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        let guarded = guarded(text);
        let text = guarded.as_deref().unwrap_or(text);
        if !text.contains([',', ';', '\t', '"', '\n', '\r']) && text.trim() == text {
            self.out.push_str(text);
            return;
        }
        self.out.push('"');
        self.out.push_str(&text.replace('"', "\"\""));
        self.out.push('"');
    }

    fn shown(&mut self, value: &impl Display) {
        self.cell(&value.to_string());
    }

    fn maybe(&mut self, value: Option<&impl Display>) {
        self.cell(&value.map(ToString::to_string).unwrap_or_default());
    }

    fn end(self) {
        self.out.push('\n');
    }
}
