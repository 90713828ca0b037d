//! Entries of the ledger, as the audit trail and watchers see them.

use super::{assignment, client, field, hosts, plan, scope, sighting, time, view};
use crate::v1::{self, snapshot::Resource};
use freehold_core::change::Outcome;
use freehold_core::{Change, Entry, Record};

/// Changes in one event at most.
const CHANGES_MAX: usize = 1_000;

/// The message of an entry.
pub fn message(entry: &Entry) -> v1::Event {
    let (refusal, words) = match &entry.outcome {
        Outcome::Done(_) => (String::new(), String::new()),
        Outcome::Denied { reason, message } => (reason.to_string(), message.clone()),
    };
    v1::Event {
        name: format!("events/{}", entry.revision),
        revision: entry.revision.0,
        time: Some(time::message(entry.at)),
        principal: entry.actor.principal.clone(),
        certificate_serial: entry.actor.certificate_serial.clone(),
        address: entry.actor.address.clone(),
        method: entry.method.clone(),
        request_id: entry.request.as_ref().map(|request| request.id.clone()).unwrap_or_default(),
        changes: entry.changes().iter().take(CHANGES_MAX).map(change_message).collect(),
        change_count: entry.changes().len() as u64,
        refusal,
        message: words,
    }
}

/// The message of one change.
pub fn change_message(change: &Change) -> v1::ResourceChange {
    let key = change.key();
    v1::ResourceChange {
        kind: key.kind().to_owned(),
        resource: key.to_string(),
        before: change.before().map(snapshot),
        after: change.after().map(snapshot),
    }
}

fn snapshot(record: &Record) -> v1::Snapshot {
    let resource = match record {
        Record::Space(space) => Resource::Space(plan::space_message(space)),
        Record::Prefix(prefix) => Resource::Prefix(plan::prefix_message(prefix)),
        Record::Scope(scope) => Resource::Scope(scope::message(scope)),
        Record::Reservation(reservation) => Resource::Reservation(client::message(reservation)),
        Record::Address(found) => Resource::Assignment(assignment::message(found)),
        Record::Sighting(sighting) => Resource::Sighting(sighting::message(sighting)),
        Record::Server(server) => Resource::Server(hosts::server_message(server)),
        Record::ServerStatus(status) => Resource::ServerStatus(hosts::status_message(status)),
        Record::Agent(agent) => Resource::Agent(hosts::agent_message(agent)),
        Record::Token(token) => Resource::EnrolmentToken(hosts::token_message(token)),
        Record::Operator(operator) => Resource::Operator(hosts::operator_message(operator)),
        Record::Field(field) => Resource::FieldDefinition(field::message(field)),
        Record::View(found) => Resource::View(view::message(found)),
        Record::NextSubnetId(id) => Resource::NextSubnetId(id.number()),
    };
    v1::Snapshot { resource: Some(resource) }
}
