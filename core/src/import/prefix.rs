use super::labels::{whole, with};
use super::{Context, Planner, Want, differing};
use crate::command::{Command, PrefixDraft, PrefixPatch};
use crate::exchange::PrefixRow;
use crate::labels::Labels;
use crate::model::{LabelledKind, Prefix, PrefixKind};
use crate::refusal::Refusal;
use std::sync::Arc;

impl Planner {
    pub(super) fn prefix(&mut self, context: Context<'_>, line: u64, row: &PrefixRow) -> Result<Want, Refusal> {
        match self.state.prefix(&row.name).cloned() {
            Some(there) => self.other_prefix(context, line, row, &there),
            None => self.new_prefix(context, line, row),
        }
    }

    fn new_prefix(&mut self, context: Context<'_>, line: u64, row: &PrefixRow) -> Result<Want, Refusal> {
        let labelling = self.labels(context, line, LabelledKind::Prefix, &row.labels, &Labels::NONE)?;
        let mut commands: Vec<_> = self.missing_space(context, &row.name.space).into_iter().collect();
        commands.extend(labelling.commands);
        let around = self.state.parent_of(&row.name).filter(|around| around.kind == PrefixKind::Network);
        if let Some(around) = around.filter(|around| self.guessed.contains(&around.name)) {
            let patch = PrefixPatch { kind: Some(PrefixKind::Container), ..PrefixPatch::default() };
            commands.push(Command::UpdatePrefix { name: around.name.clone(), etag: None, patch });
        }
        let holds_prefixes = self.state.inside_of(&row.name).next().is_some();
        let guess = if holds_prefixes { PrefixKind::Container } else { PrefixKind::Network };
        if row.kind.is_none() {
            self.guessed.insert(row.name.clone());
        }
        let draft = PrefixDraft {
            kind: row.kind.unwrap_or(guess),
            status: row.status.unwrap_or_default(),
            title: row.title.clone(),
            description: row.description.clone(),
            labels: whole(&labelling.patch),
        };
        commands.push(Command::CreatePrefix { name: row.name.clone(), draft });
        Ok(Want::Make(commands))
    }

    fn other_prefix(
        &mut self,
        context: Context<'_>,
        line: u64,
        row: &PrefixRow,
        there: &Arc<Prefix>,
    ) -> Result<Want, Refusal> {
        let labelling = self.labels(context, line, LabelledKind::Prefix, &row.labels, &there.labels)?;
        let (sheet, mut columns) = (context.sheet, Vec::new());
        // An empty cell does not say that a prefix holds nothing, or has no status: it says nothing.
        let kind = row.kind.filter(|kind| *kind != there.kind);
        columns.extend(kind.map(|_| "kind".to_owned()));
        let status = row.status.filter(|status| *status != there.status);
        columns.extend(status.map(|_| "status".to_owned()));
        let patch = PrefixPatch {
            kind,
            status,
            title: differing(&mut columns, sheet, "title", &there.title, &row.title),
            description: differing(&mut columns, sheet, "description", &there.description, &row.description),
            labels: labelling.patch.clone(),
        };
        let columns = with(columns, &labelling);
        let etag = self.etag(there.stamp.revision);
        let mut commands = labelling.commands;
        commands.push(Command::UpdatePrefix { name: row.name.clone(), etag, patch });
        Ok(Want::change(there.stamp.revision, columns, commands))
    }
}
