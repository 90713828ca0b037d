use super::labels::{whole, with};
use super::{Context, Planner, Want, differing};
use crate::command::{Command, NewReservation, ReservationPatch};
use crate::exchange::ReservationRow;
use crate::labels::Labels;
use crate::model::LabelledKind;
use crate::refusal::Refusal;

impl Planner {
    pub(super) fn reservation(
        &mut self,
        context: Context<'_>,
        line: u64,
        row: &ReservationRow,
    ) -> Result<Want, Refusal> {
        let there = self.state.reservation(&row.name).cloned();
        let labels = there.as_ref().map_or(Labels::NONE, |there| there.labels.clone());
        let labelling = self.labels(context, line, LabelledKind::Reservation, &row.labels, &labels)?;
        let Some(there) = there else {
            let labels = whole(&labelling.patch);
            let mut commands = labelling.commands;
            commands.push(Command::CreateReservation(NewReservation {
                name: row.name.clone(),
                client: row.client.clone(),
                prefixes: row.prefixes.clone(),
                host_name: row.host_name.clone(),
                description: row.description.clone(),
                labels,
            }));
            return Ok(Want::Make(commands));
        };
        let (sheet, mut columns) = (context.sheet, Vec::new());
        let client = (row.client != there.client).then(|| row.client.clone());
        columns.extend(client.as_ref().map(|_| "client".to_owned()));
        let mut prefixes = row.prefixes.clone();
        prefixes.sort();
        let patch = ReservationPatch {
            client,
            prefixes: differing(&mut columns, sheet, "delegated_prefixes", &there.prefixes, &prefixes),
            host_name: differing(&mut columns, sheet, "host_name", &there.host_name, &row.host_name),
            description: differing(&mut columns, sheet, "description", &there.description, &row.description),
            labels: labelling.patch.clone(),
        };
        let columns = with(columns, &labelling);
        let etag = self.etag(there.stamp.revision);
        let mut commands = labelling.commands;
        commands.push(Command::UpdateReservation { name: row.name.clone(), etag, patch });
        Ok(Want::change(there.stamp.revision, columns, commands))
    }
}
