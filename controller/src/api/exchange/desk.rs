//! Pieces of files into a plan, on a thread of its own: reading and deciding a long file takes seconds.

use super::piece::{Part, Piece, Settings, source, space};
use super::{Answer, Caller};
use crate::engine::ENTRY_BYTES_MAX;
use freehold_core::Command;
use freehold_core::access::Permission;
use freehold_core::exchange::{Asked, Fault, Outcome, Reader, Row, Settings as Reading, Table};
use freehold_core::import::{Context, Limits, Line, Order, Plan, Planner, Step, Verdict};
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::convert::stored::change_bytes;
use freehold_proto::v1::import_line::Outcome as Told;
use freehold_proto::v1::{ImportFile, ImportLine, ImportPlan, ImportProgress, ImportRemark, import_progress::Stage};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::mpsc::Receiver;

/// Files of one import at most.
const FILES_MAX: usize = 100;
/// Bytes of all files of an import at most.
const BYTES_MAX: u64 = 512 << 20;
/// Lines of all files of an import at most, the headers not counted.
const ROWS_MAX: u64 = 2_000_000;
/// Lines that are refused or left out and told at most; all are counted.
const TOLD_MAX: usize = 1_000;
/// Lines in one part of an answer at most.
const LINES_MAX: usize = 500;
/// Bytes that are read before the lines in them are planned.
const SLICE: usize = 64 << 10;
/// Bytes between two words of progress.
const PROGRESS_BYTES: u64 = 512 << 10;
/// Bytes of a change that are not its records.
const ENTRY_ROOM: usize = 1 << 20;

/// A plan with what an apply needs beside it.
pub(super) struct Draft {
    pub(super) plan: Plan,
    /// A hash of the files and of how they are read.
    pub(super) content: [u8; 32],
    /// Lines that cannot be, faults of reading among them.
    pub(super) refused: u64,
    /// The first of them, in words.
    pub(super) first_refused: Option<(ImportLine, String)>,
    formats: Vec<String>,
    remarks: Vec<ImportRemark>,
}

impl Draft {
    /// Names exactly this plan.
    pub(super) fn digest(&self) -> String {
        let digest = Sha256::new().chain_update(self.content).chain_update(self.plan.digest).finalize();
        digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn message(&self) -> ImportPlan {
        let counts = self.plan.counts;
        ImportPlan {
            digest: self.digest(),
            revision: self.plan.base.0,
            formats: self.formats.clone(),
            created: counts.created,
            changed: counts.changed,
            unchanged: counts.unchanged,
            left_out: counts.left_out,
            refused: self.refused,
            remarks: self.remarks.clone(),
        }
    }
}

/// Where an import is worked on.
pub(super) struct Desk {
    caller: Caller,
    answer: Answer,
    tell_changes: bool,
    planner: Planner,
    content: Sha256,
    reader: Option<Reader>,
    /// Whether the caller may import what is in the file that is being read.
    allowed: bool,
    /// Faults of that file that were told.
    faults: usize,
    formats: Vec<String>,
    remarks: Vec<ImportRemark>,
    bytes: u64,
    rows: u64,
    told_at: u64,
    told: usize,
    faulty: u64,
    first_refused: Option<(ImportLine, String)>,
    lines: Vec<ImportLine>,
}

impl Desk {
    pub(super) fn new(caller: Caller, settings: &Settings, answer: Answer) -> Self {
        let (engine, leases) = (&caller.api.engine, caller.api.leases.book());
        let order = Order {
            holder: Arc::from(caller.actor.principal.as_str()),
            now: engine.now(),
            create_missing: settings.create_missing,
        };
        let limits = Limits { cost: change_bytes, bytes_max: ENTRY_BYTES_MAX - ENTRY_ROOM };
        Self {
            planner: Planner::new(&engine.state(), &leases, order, limits),
            content: Sha256::new().chain_update([u8::from(settings.create_missing)]),
            caller,
            answer,
            tell_changes: settings.tell_changes,
            reader: None,
            allowed: false,
            faults: 0,
            formats: Vec::new(),
            remarks: Vec::new(),
            bytes: 0,
            rows: 0,
            told_at: 0,
            told: 0,
            faulty: 0,
            first_refused: None,
            lines: Vec::new(),
        }
    }

    /// Works until the last piece, or until nobody wants to know any more.
    pub(super) fn work(mut self, mut pieces: Receiver<Piece>) -> Result<Draft, Refusal> {
        while let Some(piece) = pieces.blocking_recv() {
            match piece {
                Piece::Settings(_) => {
                    let message = "the settings come once, before the files";
                    return Err(Refusal::new(Reason::InvalidValue, message).at("settings"));
                }
                Piece::File(file) => self.begin(&file)?,
                Piece::Data(data) => self.take(&data)?,
            }
        }
        self.end_file()?;
        if self.formats.is_empty() {
            return Err(Refusal::new(Reason::FieldRequired, "an import without a file; send one").at("file"));
        }
        self.send_lines();
        let plan = self.planner.finish();
        may_make_what_is_missing(&self.caller, &plan.steps)?;
        let remarks = plan.remarks.iter().map(|remark| ImportRemark {
            file: remark.file,
            line: remark.line,
            count: remark.count,
            message: remark.text.clone(),
        });
        let mut remarks: Vec<_> = self.remarks.into_iter().chain(remarks).collect();
        remarks.sort_by_key(|remark| remark.file);
        Ok(Draft {
            content: self.content.finalize().into(),
            refused: self.faulty + plan.counts.refused + plan.counts.beyond,
            first_refused: self.first_refused,
            formats: self.formats,
            remarks,
            plan,
        })
    }

    fn begin(&mut self, file: &ImportFile) -> Result<(), Refusal> {
        self.end_file()?;
        if self.formats.len() == FILES_MAX {
            let message = format!("more than {FILES_MAX} files; import some of them first");
            return Err(Refusal::new(Reason::TooMany, message).at("file"));
        }
        let (space, source) = (space(file)?, source(file)?);
        self.content.update(space.to_string());
        self.content.update([0, u8::try_from(file.format).unwrap_or(u8::MAX)]);
        let format = source.map_or(Asked::Any, Asked::Of);
        self.reader = Some(Reader::new(Reading { space, format }));
        (self.allowed, self.faults) = (false, 0);
        self.planner.begin_file(self.file());
        Ok(())
    }

    /// The number of the file that is being read.
    fn file(&self) -> u32 {
        u32::try_from(self.formats.len()).expect("at most FILES_MAX")
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Refusal> {
        self.bytes += data.len() as u64;
        if self.bytes > BYTES_MAX {
            let message = format!("the files have more than {} MiB; split them, and import the parts", BYTES_MAX >> 20);
            return Err(Refusal::new(Reason::FileTooLarge, message).at("data"));
        }
        self.content.update(data);
        for slice in data.chunks(SLICE) {
            let Some(mut reader) = self.reader.take() else {
                let message = "bytes of no file; say first what file follows";
                return Err(Refusal::new(Reason::FieldRequired, message).at("file"));
            };
            let mut rows = Vec::new();
            reader.feed(slice, &mut |row| rows.push(row));
            if let Some(sheet) = reader.sheet() {
                self.allow(sheet.layout.table)?;
                self.plan(Context { sheet, spaces: reader.spaces() }, &rows)?;
            }
            let new = reader.faults().kept()[self.faults..].to_vec();
            self.faults += new.len();
            new.iter().for_each(|fault| self.tell_fault(fault));
            self.reader = Some(reader);
        }
        if self.bytes - self.told_at >= PROGRESS_BYTES {
            self.told_at = self.bytes;
            self.send_progress();
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Refusal> {
        let Some(reader) = self.reader.take() else { return Ok(()) };
        self.content.update([0]);
        let mut rows = Vec::new();
        let Outcome { sheet, faults, notes, spaces, .. } = reader.finish(&mut |row| rows.push(row));
        if let Some(sheet) = &sheet {
            self.allow(sheet.layout.table)?;
            self.plan(Context { sheet, spaces: &spaces }, &rows)?;
        }
        faults.kept()[self.faults..].iter().for_each(|fault| self.tell_fault(fault));
        self.faulty += faults.total();
        let file = self.file();
        self.remarks.extend(notes.iter().map(|note| {
            let column = note.column.as_ref().map_or(String::new(), |column| format!("{column}: "));
            ImportRemark { file, line: note.line, count: note.count, message: format!("{column}{}", note.text) }
        }));
        self.formats.push(sheet.map_or(String::new(), |sheet| sheet.layout.id.to_owned()));
        Ok(())
    }

    /// Whether the caller may write what is in a file of `table` somewhere; the planner is told where.
    fn allow(&mut self, table: Table) -> Result<(), Refusal> {
        if !self.allowed {
            let permission = match table {
                Table::Prefixes => Permission::PrefixesWrite,
                Table::Addresses => Permission::AddressesWrite,
                Table::Ranges | Table::Scopes => Permission::ScopesWrite,
                Table::Reservations => Permission::ReservationsWrite,
                // They are held against those that are there, and never written.
                Table::Leases => Permission::LeasesRead,
            };
            self.planner.hold_to(permission, self.caller.reach(permission)?);
            self.allowed = true;
        }
        Ok(())
    }

    fn plan(&mut self, context: Context<'_>, rows: &[Row]) -> Result<(), Refusal> {
        self.rows += rows.len() as u64;
        if self.rows > ROWS_MAX {
            let message = format!("the files have more than {ROWS_MAX} lines; split them, and import the parts");
            return Err(Refusal::new(Reason::FileTooLarge, message).at("data"));
        }
        for row in rows {
            let line = self.planner.line(context, row);
            self.tell(line);
        }
        Ok(())
    }

    fn tell(&mut self, line: Line) {
        let mut told = ImportLine { file: self.file(), line: line.line, resource: line.resource, ..Default::default() };
        let always = match line.verdict {
            Verdict::Unchanged | Verdict::Beyond => return,
            Verdict::Create => {
                told.set_outcome(Told::Created);
                false
            }
            Verdict::Change { columns } => {
                told.set_outcome(Told::Changed);
                told.columns = columns;
                false
            }
            Verdict::LeftOut { why } => {
                told.set_outcome(Told::LeftOut);
                why.clone_into(&mut told.message);
                true
            }
            Verdict::Refuse { column, refusal } => {
                told.set_outcome(Told::Refused);
                let fault = Fault { line: line.line, column, refusal };
                self.refuse(&mut told, &fault);
                true
            }
        };
        if always || self.tell_changes {
            self.push(told, always);
        }
    }

    fn tell_fault(&mut self, fault: &Fault) {
        let mut told = ImportLine { file: self.file(), line: fault.line, ..Default::default() };
        told.set_outcome(Told::Refused);
        self.refuse(&mut told, fault);
        self.push(told, true);
    }

    fn refuse(&mut self, told: &mut ImportLine, fault: &Fault) {
        if let Some(column) = &fault.column {
            told.column = u32::try_from(column.number).unwrap_or(u32::MAX);
            told.column_name.clone_from(&column.name);
        }
        fault.refusal.reason.as_str().clone_into(&mut told.reason);
        told.message.clone_from(&fault.refusal.message);
        let earlier = |(first, _): &(ImportLine, String)| (first.file, first.line) <= (told.file, told.line);
        if !self.first_refused.as_ref().is_some_and(earlier) {
            self.first_refused = Some((told.clone(), fault.to_string()));
        }
    }

    fn push(&mut self, line: ImportLine, limited: bool) {
        if limited {
            if self.told == TOLD_MAX {
                return;
            }
            self.told += 1;
        }
        self.lines.push(line);
        if self.lines.len() >= LINES_MAX {
            self.send_lines();
        }
    }

    fn send_lines(&mut self) {
        if !self.lines.is_empty() {
            let lines = std::mem::take(&mut self.lines);
            self.send(Part { lines, ..Part::default() });
        }
    }

    fn send_progress(&mut self) {
        let progress = ImportProgress { stage: Stage::Planning.into(), bytes: self.bytes, lines: self.rows };
        self.send(Part { progress: Some(progress), ..Part::default() });
    }

    fn send(&mut self, part: Part) {
        // Where nobody reads any more no further piece comes, and the work ends.
        drop(self.answer.blocking_send(Ok(part)));
    }
}

/// What an import makes beside what its lines are about needs rights of its own.
fn may_make_what_is_missing(caller: &Caller, steps: &[Step]) -> Result<(), Refusal> {
    for step in steps {
        match &step.command {
            Command::CreateSpace { .. } => drop(caller.reach(Permission::SpacesWrite)?),
            Command::CreateField(_) => drop(caller.reach(Permission::FieldsWrite)?),
            _ => {}
        }
    }
    Ok(())
}
