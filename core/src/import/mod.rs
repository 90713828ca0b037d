//! What a file would make of the state: one line after the other becomes commands, each decided on what the lines before it made.
//!
//! A [`Planner`] changes nothing. It keeps a copy of the state, which costs what is changed in it, and the commands and changes
//! that came of the lines so far; lines that are as the state is already leave nothing behind, so that a million of them cost no
//! memory. What is kept is limited in bytes ([`Limits`]): one import is one change, and one change has to fit into the ledger.
//!
//! The rules are those of [`decide`](crate::decide) and no others. Here is only what is the import's own:
//!
//! - a line about what is there changes it, and only in what the file has columns for; a line about what is not there makes it;
//!   no line deletes anything
//! - a prefix of which the file does not say what it holds is a network until another line puts a prefix into it
//! - where that was asked for, spaces and custom fields that are missing are made
//!
//! [`line`]: what came of a line · [`labels`]: tags and custom fields · a file for each kind of row

mod address;
mod field;
mod labels;
mod lease;
mod line;
mod prefix;
mod range;
mod reservation;
mod scope;

pub use line::{Counts, Line, Verdict};

use crate::access::{Permission, Reach, Spot};
use crate::change::Change;
use crate::command::Command;
use crate::decide::decide;
use crate::decide::together::Folded;
use crate::exchange::{Item, Row, Sheet, Source};
use crate::lease::LeaseBook;
use crate::name::{FieldName, PrefixName, SpaceName};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::time::{Revision, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most remarks that are kept; those about further matters are not.
pub const REMARKS_MAX: usize = 1_000;

/// How an import is to be planned.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who asks: a principal.
    pub holder: Arc<str>,
    /// When.
    pub now: Timestamp,
    /// Whether spaces and custom fields that lines name are made where they are missing.
    pub create_missing: bool,
}

/// How much may come of an import.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What a change costs, in bytes.
    pub cost: fn(&Change) -> usize,
    /// Bytes that all changes may cost.
    pub bytes_max: usize,
}

/// The columns of a line, and the spaces that its file has named so far by what it calls them.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The columns.
    pub sheet: &'a Sheet,
    /// The spaces.
    pub spaces: &'a BTreeMap<String, SpaceName>,
}

impl Context<'_> {
    fn own(&self) -> bool {
        self.sheet.layout.source == Source::Freehold
    }
}

/// A command, and the line that it came of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which file, from 0.
    pub file: u32,
    /// The physical line, from 1.
    pub line: u64,
    /// What is asked.
    pub command: Command,
}

/// Something that the import leaves out or puts otherwise; told once for all lines that it holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Which file, from 0.
    pub file: u32,
    /// The first line.
    pub line: u64,
    /// How many lines.
    pub count: u64,
    /// What is done.
    pub text: String,
}

/// What all lines come to.
#[derive(Debug)]
pub struct Plan {
    /// The state that it was decided on.
    pub base: Revision,
    /// How many lines come to what.
    pub counts: Counts,
    /// The commands, in the order of the lines.
    pub steps: Vec<Step>,
    /// What they change, as one change decided at [`base`](Self::base); a record is in it once.
    pub changes: Vec<Change>,
    /// What is left out or put otherwise.
    pub remarks: Vec<Remark>,
    /// A hash of what every line comes to. Two plans with the same are the same.
    pub digest: [u8; 32],
}

/// What a line asks for.
enum Want {
    /// This, to make what is not there.
    Make(Vec<Command>),
    /// This, to change what was last changed at a revision, in these columns.
    Change(Revision, Vec<String>, Vec<Command>),
    /// Nothing: it is so already.
    Nothing,
    /// Nothing: Freehold has no place for it.
    LeaveOut(&'static str),
}

impl Want {
    /// This change, unless it changes nothing.
    fn change(revision: Revision, columns: Vec<String>, commands: Vec<Command>) -> Self {
        if columns.is_empty() { Self::Nothing } else { Self::Change(revision, columns, commands) }
    }
}

/// Plans one import.
#[derive(Debug)]
pub struct Planner {
    order: Order,
    limits: Limits,
    base: Revision,
    state: State,
    leases: LeaseBook,
    file: u32,
    /// Where whoever asks may do what, of the lines that come now.
    right: (Permission, Reach),
    steps: Vec<Step>,
    folded: Folded,
    bytes: usize,
    /// Whether a line came to more than there is room for; no line behind it is decided.
    full: bool,
    /// Prefixes made by this import of which nobody said what they hold.
    guessed: BTreeSet<PrefixName>,
    /// Custom fields made by this import.
    fields_made: BTreeSet<FieldName>,
    remarks: BTreeMap<(u32, String), (u64, u64)>,
    counts: Counts,
    sha: Sha256,
}

impl Planner {
    /// Begins on `state`, while servers lease what `leases` says. No line may be about anything before [`Self::hold_to`] says so.
    pub fn new(state: &State, leases: &LeaseBook, order: Order, limits: Limits) -> Self {
        Self {
            order,
            limits,
            base: state.revision(),
            state: state.clone(),
            leases: leases.clone(),
            file: 0,
            right: (Permission::PrefixesWrite, Reach::NOWHERE),
            steps: Vec::new(),
            folded: Folded::default(),
            bytes: 0,
            full: false,
            guessed: BTreeSet::new(),
            fields_made: BTreeSet::new(),
            remarks: BTreeMap::new(),
            counts: Counts::default(),
            sha: Sha256::new(),
        }
    }

    /// Lines from here on are of file `number`.
    pub fn begin_file(&mut self, number: u32) {
        self.file = number;
    }

    /// What a line comes to.
    pub fn line(&mut self, context: Context<'_>, row: &Row) -> Line {
        let verdict = if self.full { Verdict::Beyond } else { self.decided(context, row) };
        let line = Line { line: row.line, resource: line::resource(&row.item), verdict };
        self.counts.add(&line.verdict);
        self.note_down(&line);
        line
    }

    /// Lines from here on may be only about what lies in `reach`, where whoever asks has `permission`. What is outside is refused in
    /// the same words whether or not it is there.
    pub fn hold_to(&mut self, permission: Permission, reach: Reach) {
        self.right = (permission, reach);
    }

    /// What all lines come to.
    pub fn finish(self) -> Plan {
        let Self { base, counts, steps, folded, remarks, sha, .. } = self;
        let remarks = remarks.into_iter();
        let mut remarks: Vec<_> =
            remarks.map(|((file, text), (line, count))| Remark { file, line, count, text }).collect();
        remarks.sort_by(|a, b| (a.file, a.line, &a.text).cmp(&(b.file, b.line, &b.text)));
        Plan { base, counts, steps, changes: folded.into_changes(), remarks, digest: sha.finalize().into() }
    }

    fn decided(&mut self, context: Context<'_>, row: &Row) -> Verdict {
        let refuse = |refusal: Refusal| {
            let refusal = field::told(refusal);
            Verdict::Refuse { column: field::column(context.sheet, &refusal.field), refusal }
        };
        if let Err(refusal) = self.lies_inside(&row.item) {
            return refuse(refusal);
        }
        let want = match self.wanted(context, row) {
            Ok(want) => want,
            Err(refusal) => return refuse(refusal),
        };
        let (verdict, commands) = match want {
            Want::Nothing => return Verdict::Unchanged,
            Want::LeaveOut(why) => return Verdict::LeftOut { why },
            Want::Make(commands) => (Verdict::Create, commands),
            Want::Change(revision, columns, commands) => {
                if revision <= self.base {
                    self.sha.update(revision.0.to_be_bytes());
                }
                (Verdict::Change { columns }, commands)
            }
        };
        match self.carry_out(row.line, commands) {
            Ok(()) => verdict,
            Err(refusal) => refuse(refusal),
        }
    }

    /// Whether what a line is about lies where it may be.
    fn lies_inside(&self, item: &Item) -> Result<(), Refusal> {
        let (permission, reach) = &self.right;
        let inside = reach.is_everywhere()
            || match item {
                Item::Prefix(row) => reach.covers_prefix(&row.name),
                Item::Address(row) => reach.covers_address(&row.space, row.address),
                Item::Range(row) => {
                    let scope = match &row.scope {
                        Some(name) => self.state.scope(name),
                        None => self.state.scope_at(&row.space, row.range.start()),
                    };
                    let ends = [row.range.start(), row.range.end()];
                    let inside = ends.iter().all(|end| reach.covers_address(&row.space, *end));
                    if row.scope.is_none() && scope.is_none() { inside } else { reach.takes(&Spot::scope(scope)) }
                }
                Item::Reservation(row) => reach.takes_reservation(&self.state, &row.name),
                Item::Scope(row) => {
                    let there = self.state.scope(&row.scope.name);
                    reach.covers(&row.scope.space, &row.scope.network)
                        && there.is_none_or(|there| reach.covers(&there.space, &there.network))
                }
                Item::Lease(row) => reach.takes_lease(&self.state, &row.lease),
            };
        if inside { Ok(()) } else { Err(reach.refuse(&self.order.holder, *permission, line::resource(item))) }
    }

    fn wanted(&mut self, context: Context<'_>, row: &Row) -> Result<Want, Refusal> {
        match &row.item {
            Item::Prefix(prefix) => self.prefix(context, row.line, prefix),
            Item::Address(address) => self.address(context, row.line, address),
            Item::Range(range) => self.range(context, row.line, range),
            Item::Reservation(reservation) => self.reservation(context, row.line, reservation),
            Item::Scope(scope) => self.scope(context, row.line, scope),
            Item::Lease(lease) => self.lease(lease),
        }
    }

    /// Decides on all commands of a line, each on what those before it made; all or none.
    fn carry_out(&mut self, line: u64, commands: Vec<Command>) -> Result<(), Refusal> {
        let before = (commands.len() > 1).then(|| self.state.clone());
        let mut made = Vec::new();
        for command in &commands {
            match decide(&self.state, command, self.order.now) {
                Ok(changes) => {
                    self.state.apply_changes(&changes);
                    made.push(changes);
                }
                Err(refusal) => {
                    if let Some(before) = before {
                        self.state = before;
                    }
                    return Err(refusal);
                }
            }
        }
        self.bytes += made.iter().flatten().map(self.limits.cost).sum::<usize>();
        if self.bytes > self.limits.bytes_max {
            // Nobody carries out a plan that does not fit, so its state need not be the one before.
            self.full = true;
            return Err(self.does_not_fit());
        }
        for command in &commands {
            if let Command::CreateField(new) = command {
                self.fields_made.insert(new.name.clone());
            }
        }
        made.into_iter().for_each(|changes| self.folded.extend(changes));
        let file = self.file;
        self.steps.extend(commands.into_iter().map(|command| Step { file, line, command }));
        Ok(())
    }

    fn does_not_fit(&self) -> Refusal {
        Refusal::new(
            Reason::TooMany,
            format!(
                "the lines up to here change more than the {} MiB that one change may have in the ledger; import the lines before \
                 this one first, and the others after that",
                self.limits.bytes_max >> 20
            ),
        )
    }

    fn remark(&mut self, line: u64, text: String) {
        let room = self.remarks.len() < REMARKS_MAX;
        match self.remarks.get_mut(&(self.file, text.clone())) {
            Some((_, count)) => *count += 1,
            None if room => drop(self.remarks.insert((self.file, text), (line, 1))),
            None => {}
        }
    }

    /// The revision that a command may insist on; none where the record is of this import itself.
    fn etag(&self, revision: Revision) -> Option<Revision> {
        (revision <= self.base).then_some(revision)
    }

    /// What makes a space that is missing, if that was asked for.
    fn missing_space(&self, context: Context<'_>, name: &SpaceName) -> Option<Command> {
        if self.state.space(name).is_some() || !self.order.create_missing {
            return None;
        }
        let called = context.spaces.iter().find(|(_, known)| *known == name);
        let title = called.map(|(called, _)| crate::exchange::shortened(called)).unwrap_or_default();
        let title = if title.as_str() == name.id() { Default::default() } else { title };
        let labels = crate::labels::Labels::NONE;
        Some(Command::CreateSpace { name: name.clone(), title, description: Default::default(), labels })
    }

    fn note_down(&mut self, line: &Line) {
        self.sha.update(self.file.to_be_bytes());
        self.sha.update(line.line.to_be_bytes());
        self.sha.update(line.resource.as_bytes());
        self.sha.update([0, line.verdict.number()]);
        if let Verdict::Refuse { refusal, .. } = &line.verdict {
            self.sha.update(refusal.reason.as_str());
        }
    }
}

/// Adds `column` where the file has it and says something else than what is there, and gives what it says.
fn differing<T: Clone + PartialEq>(
    columns: &mut Vec<String>,
    sheet: &Sheet,
    column: &str,
    there: &T,
    said: &T,
) -> Option<T> {
    if !sheet.has(column) || there == said {
        return None;
    }
    columns.push(column.to_owned());
    Some(said.clone())
}
