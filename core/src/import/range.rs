use super::{Context, Planner, Want};
use crate::command::{Command, ScopePatch};
use crate::exchange::{RangeKind, RangeRow};
use crate::model::{Exclusion, Scope};
use crate::refusal::{Reason, Refusal};
use std::sync::Arc;

impl Planner {
    pub(super) fn range(&mut self, context: Context<'_>, line: u64, row: &RangeRow) -> Result<Want, Refusal> {
        if row.kind == RangeKind::Note {
            return Ok(Want::LeaveOut("a range that is written down only; Freehold has ranges in scopes"));
        }
        self.no_labels(context, line, "ranges", &row.labels)?;
        let there = self.scope_of_range(row)?;
        let (patch, column) = match row.kind {
            RangeKind::Pool if there.ranges.contains(&row.range) => return Ok(Want::Nothing),
            RangeKind::Pool => {
                let ranges = there.ranges.iter().copied().chain([row.range]).collect();
                (ScopePatch { ranges: Some(ranges), ..ScopePatch::default() }, "ranges")
            }
            RangeKind::Exclusion | RangeKind::Note => match excluding(context, row, &there) {
                Some(exclusions) => {
                    (ScopePatch { exclusions: Some(exclusions), ..ScopePatch::default() }, "exclusions")
                }
                None => return Ok(Want::Nothing),
            },
        };
        let etag = self.etag(there.stamp.revision);
        let command = Command::UpdateScope { name: there.name.clone(), etag, patch };
        Ok(Want::change(there.stamp.revision, vec![column.to_owned()], vec![command]))
    }

    fn scope_of_range(&self, row: &RangeRow) -> Result<Arc<Scope>, Refusal> {
        let (found, message) = match &row.scope {
            Some(name) => (self.state.scope(name), format!("{name} does not exist")),
            None => (
                self.state.scope_at(&row.space, row.range.start()),
                format!("no scope of {} serves a network with {}; name the scope", row.space, row.range),
            ),
        };
        found.cloned().ok_or_else(|| {
            let field = if row.scope.is_some() { "scope" } else { "start" };
            Refusal::new(Reason::ScopeNotFound, message).at(field)
        })
    }
}

/// The exclusions of a scope with this one; `None` if it is there as the line has it.
fn excluding(context: Context<'_>, row: &RangeRow, there: &Scope) -> Option<Vec<Exclusion>> {
    let mut exclusions = there.exclusions.clone();
    match exclusions.iter_mut().find(|exclusion| exclusion.range == row.range) {
        Some(same) if !context.sheet.has("comment") || same.comment == row.comment => return None,
        Some(same) => same.comment.clone_from(&row.comment),
        None => exclusions.push(Exclusion { range: row.range, comment: row.comment.clone() }),
    }
    Some(exclusions)
}
