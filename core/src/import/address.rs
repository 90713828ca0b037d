use super::labels::{Labelling, whole, with};
use super::{Context, Planner, Want, differing};
use crate::client::ClientIdentity;
use crate::command::{AddressDetails, Allocation, AssignmentPatch, Choice, Command, Place, Purpose};
use crate::exchange::{AddressKind, AddressRow};
use crate::labels::Labels;
use crate::model::{Assignment, LabelledKind};
use crate::name::AddressName;
use crate::refusal::{Reason, Refusal};
use std::sync::Arc;

impl Planner {
    pub(super) fn address(&mut self, context: Context<'_>, line: u64, row: &AddressRow) -> Result<Want, Refusal> {
        if row.kind == AddressKind::Dynamic {
            return Ok(Want::LeaveOut("given out by DHCP or SLAAC: to claim it would take it from its client"));
        }
        let client = self.client_of(context, line, row)?;
        let name = AddressName { space: row.space.clone(), address: row.address };
        let labels = self.state.assignment(&name).map_or(Labels::NONE, |there| there.labels().clone());
        let labelling = self.labels(context, line, LabelledKind::Address, &row.labels, &labels)?;
        match self.state.assignment(&name) {
            Some(there) if there.is_hold() => {
                let message = format!(
                    "{} is held by {}; wait until that is over, or release it first",
                    row.address, there.holder
                );
                Err(Refusal::new(Reason::AddressTaken, message).at("address").about(&name))
            }
            Some(there) => self.other_claim(context, row, client, &there, labelling),
            None => self.new_claim(row, client, labelling),
        }
    }

    fn new_claim(
        &self,
        row: &AddressRow,
        client: Option<ClientIdentity>,
        labelling: Labelling,
    ) -> Result<Want, Refusal> {
        let Some(network) = self.state.network_at(&row.space, row.address) else {
            let message = format!(
                "{} lies in no network of {}; import its network first, or in a file before this one",
                row.address, row.space
            );
            return Err(Refusal::new(Reason::NotANetwork, message).at("address"));
        };
        let details = AddressDetails {
            client,
            host_name: row.host_name.clone(),
            comment: row.comment.clone(),
            owner: row.owner.clone(),
            labels: whole(&labelling.patch),
        };
        let claim = Command::Allocate(Allocation {
            place: Place::Network(network.name.clone()),
            choice: Choice::Given(vec![row.address]),
            count: 1,
            purpose: Purpose::Claim { expires: row.expires },
            details: vec![details],
            holder: Arc::clone(&self.order.holder),
            leases: self.leases.clone(),
            accept_risk: false,
        });
        Ok(Want::Make(labelling.commands.into_iter().chain([claim]).collect()))
    }

    fn other_claim(
        &self,
        context: Context<'_>,
        row: &AddressRow,
        client: Option<ClientIdentity>,
        there: &Arc<Assignment>,
        labelling: Labelling,
    ) -> Result<Want, Refusal> {
        let (sheet, rare, mut columns) = (context.sheet, there.rare(), Vec::new());
        let says_whom = ["hardware_address", "client_id", "duid"].into_iter().any(|column| sheet.has(column));
        let whom = (says_whom && client != there.client).then_some(client);
        columns.extend(whom.as_ref().map(|_| "client".to_owned()));
        let patch = AssignmentPatch {
            client: whom,
            host_name: differing(&mut columns, sheet, "host_name", &there.host_name, &row.host_name),
            comment: differing(&mut columns, sheet, "comment", &rare.comment, &row.comment),
            owner: differing(&mut columns, sheet, "owner", &rare.owner, &row.owner),
            expires: differing(&mut columns, sheet, "expires", &there.ends(), &row.expires),
            labels: labelling.patch.clone(),
        };
        let columns = with(columns, &labelling);
        let etag = self.etag(there.stamp.revision);
        let command = Command::UpdateAssignment { name: there.name.clone(), etag, patch };
        let commands = labelling.commands.into_iter().chain([command]).collect();
        Ok(Want::change(there.stamp.revision, columns, commands))
    }

    /// Whom the address is for: one client, by what tells it apart best.
    fn client_of(
        &mut self,
        context: Context<'_>,
        line: u64,
        row: &AddressRow,
    ) -> Result<Option<ClientIdentity>, Refusal> {
        let named = [
            row.hardware.map(ClientIdentity::Hardware),
            row.client_id.clone().map(ClientIdentity::ClientId),
            row.duid.clone().map(ClientIdentity::Duid),
        ];
        let mut named = named.into_iter().flatten();
        let first = named.next();
        match named.next() {
            Some(_) if context.own() => {
                let message =
                    "there is more than one of hardware_address, client_id and duid; an address is for one client";
                Err(Refusal::new(Reason::InvalidValue, message).at("client"))
            }
            Some(second) => {
                let kept = first.as_ref().map_or("", ClientIdentity::field);
                self.remark(
                    line,
                    format!("an address is for one client: {kept} counts, {} is left out", second.field()),
                );
                Ok(first)
            }
            None => Ok(first),
        }
    }
}
