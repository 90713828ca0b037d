//! What lies on the controller's disk: entries, records, remembered requests, lease batches.
//!
//! Reading back is strict: a stored form that does not parse is damage, or was written by a later
//! version, and is refused by name instead of being half understood.

use super::{assignment, client, field, grant, hosts, lease, plan, scope, sighting, view};
use crate::stored::{self, record::Record as Stored};
use freehold_core::bundle::{Digest, Hash, Resource, ResourceKey, ResourceKind};
use freehold_core::change::{Actor, Outcome, RequestMark};
use freehold_core::lease::{LeaseCursor, LeaseEvent};
use freehold_core::model::{
    Agent, AgentState, Applied, CertificateRecord, Decided, EnrolmentToken, Left, Operator, RefusedBundle, Rejection,
    SecretHash, ServerStatus, Stamp, SubnetId, TokenUse,
};
use freehold_core::name::{ServerName, SpaceName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::state::RememberedRequest;
use freehold_core::text::Text;
use freehold_core::{Change, Entry, Record, RecordKey, Revision, Timestamp};
use prost::Message;
use std::borrow::Borrow;
use std::sync::Arc;

/// A stored form that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not the message that it should be.
    #[error("not a stored message")]
    Message(#[from] prost::DecodeError),
    /// A field has a value that no version wrote.
    #[error("the stored {field} does not read: {message}")]
    Field {
        /// Which field.
        field: String,
        /// Why.
        message: String,
    },
}

impl From<Refusal> for Unreadable {
    fn from(refusal: Refusal) -> Self {
        Self::Field { field: refusal.field, message: refusal.message }
    }
}

fn bad(field: &str, message: impl Into<String>) -> Unreadable {
    Unreadable::Field { field: field.to_owned(), message: message.into() }
}

fn bytes<const N: usize>(field: &str, bytes: &[u8]) -> Result<[u8; N], Unreadable> {
    bytes.try_into().map_err(|_| bad(field, format!("{} bytes instead of {N}", bytes.len())))
}

/// The bytes of a frame of entries.
pub fn encode_frame(entries: &[impl Borrow<Entry>]) -> Vec<u8> {
    entries.iter().flat_map(|entry| encode_entry(entry.borrow())).collect()
}

/// The bytes of a frame of one entry. Such frames one after the other are the frame of all the entries.
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    stored::Frame { entries: vec![entry_message(entry)] }.encode_to_vec()
}

/// The entries of a frame.
pub fn decode_frame(frame: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    stored::Frame::decode(frame)?.entries.into_iter().map(parse_entry).collect()
}

fn entry_message(entry: &Entry) -> stored::Entry {
    let (refusal, message) = match &entry.outcome {
        Outcome::Done(_) => (String::new(), String::new()),
        Outcome::Denied { reason, message } => (reason.to_string(), message.clone()),
    };
    let request = entry.request.as_ref();
    stored::Entry {
        revision: entry.revision.0,
        at_ms: entry.at.0,
        principal: entry.actor.principal.clone(),
        certificate_serial: entry.actor.certificate_serial.clone(),
        address: entry.actor.address.clone(),
        method: entry.method.clone(),
        request_id: request.map(|r| r.id.clone()).unwrap_or_default(),
        request_fingerprint: request.map(|r| r.fingerprint.to_vec()).unwrap_or_default(),
        changes: entry.changes().iter().map(change_message).collect(),
        refusal,
        message,
    }
}

fn parse_entry(message: stored::Entry) -> Result<Entry, Unreadable> {
    let request = if message.request_id.is_empty() {
        None
    } else {
        let fingerprint = bytes("request_fingerprint", &message.request_fingerprint)?;
        Some(RequestMark { id: message.request_id, fingerprint })
    };
    let outcome = if message.refusal.is_empty() {
        Outcome::Done(message.changes.iter().map(parse_change).collect::<Result<_, _>>()?)
    } else {
        let known = Reason::ALL.iter().copied().find(|reason| reason.as_str() == message.refusal);
        let reason = known.ok_or_else(|| bad("refusal", format!("{:?} is not a reason", message.refusal)))?;
        Outcome::Denied { reason, message: message.message }
    };
    Ok(Entry {
        revision: Revision(message.revision),
        at: Timestamp(message.at_ms),
        actor: Actor {
            principal: message.principal,
            certificate_serial: message.certificate_serial,
            address: message.address,
        },
        method: message.method,
        request,
        outcome,
    })
}

/// How many bytes a change takes in the ledger, a little too many.
pub fn change_bytes(change: &Change) -> usize {
    change_message(change).encoded_len() + 8
}

fn change_message(change: &Change) -> stored::Change {
    stored::Change { before: change.before().map(record_message), after: change.after().map(record_message) }
}

fn parse_change(message: &stored::Change) -> Result<Change, Unreadable> {
    let before = message.before.as_ref().map(parse_record).transpose()?;
    let after = message.after.as_ref().map(parse_record).transpose()?;
    Change::stored(before, after).ok_or_else(|| bad("change", "neither side, or two names"))
}

/// The bytes of a record.
pub fn encode_record(record: &Record) -> Vec<u8> {
    record_message(record).encode_to_vec()
}

/// The record of its bytes.
pub fn decode_record(bytes: &[u8]) -> Result<Record, Unreadable> {
    parse_record(&stored::Record::decode(bytes)?)
}

fn record_message(record: &Record) -> stored::Record {
    let record = match record {
        Record::Space(space) => Stored::Space(plan::space_message(space)),
        Record::Prefix(prefix) => Stored::Prefix(plan::prefix_message(prefix)),
        Record::Scope(scope) => Stored::Scope(scope::message(scope)),
        Record::Reservation(reservation) => Stored::Reservation(client::message(reservation)),
        Record::Address(found) => Stored::Assignment(assignment::message(found)),
        Record::Sighting(sighting) => Stored::Sighting(sighting::message(sighting)),
        Record::Server(server) => Stored::Server(hosts::server_message(server)),
        Record::ServerStatus(status) => Stored::ServerStatus(status_message(status)),
        Record::Agent(agent) => Stored::Agent(agent_message(agent)),
        Record::Token(token) => Stored::Token(token_message(token)),
        Record::Operator(operator) => Stored::Operator(operator_message(operator)),
        Record::Field(field) => Stored::FieldDefinition(field::message(field)),
        Record::View(found) => Stored::View(view::message(found)),
        Record::NextSubnetId(id) => Stored::NextSubnetId(id.number()),
    };
    stored::Record { record: Some(record) }
}

fn parse_record(message: &stored::Record) -> Result<Record, Unreadable> {
    let stored = message.record.as_ref().ok_or_else(|| bad("record", "of a kind that this version does not know"))?;
    Ok(match stored {
        Stored::Space(space) => Record::Space(Arc::new(plan::parse_space(space)?)),
        Stored::Prefix(prefix) => Record::Prefix(Arc::new(plan::parse_prefix(prefix)?)),
        Stored::Scope(scope) => Record::Scope(Arc::new(scope::parse(scope)?)),
        Stored::Reservation(reservation) => Record::Reservation(Arc::new(client::parse(reservation)?)),
        Stored::Assignment(found) => Record::Address(Arc::new(assignment::parse(found)?)),
        Stored::Sighting(sighting) => Record::Sighting(Arc::new(sighting::parse(sighting)?)),
        Stored::Server(server) => Record::Server(Arc::new(hosts::parse_server(server)?)),
        Stored::ServerStatus(status) => Record::ServerStatus(Arc::new(parse_status(status)?)),
        Stored::Agent(agent) => Record::Agent(Arc::new(parse_agent(agent)?)),
        Stored::Token(token) => Record::Token(Arc::new(parse_token(token)?)),
        Stored::Operator(operator) => Record::Operator(Arc::new(parse_operator(operator)?)),
        Stored::FieldDefinition(field) => Record::Field(Arc::new(field::parse(field)?)),
        Stored::View(found) => Record::View(Arc::new(view::parse(found)?)),
        Stored::NextSubnetId(id) => Record::NextSubnetId(
            SubnetId::new(*id).ok_or_else(|| bad("next_subnet_id", format!("{id} is not a subnet id")))?,
        ),
    })
}

fn stamp_message(stamp: Stamp) -> Option<stored::Stamp> {
    Some(stored::Stamp { created_ms: stamp.created.0, updated_ms: stamp.updated.0, revision: stamp.revision.0 })
}

fn parse_stamp(message: Option<&stored::Stamp>) -> Result<Stamp, Unreadable> {
    let message = message.ok_or_else(|| bad("stamp", "missing"))?;
    Ok(Stamp {
        created: Timestamp(message.created_ms),
        updated: Timestamp(message.updated_ms),
        revision: Revision(message.revision),
    })
}

fn status_message(status: &ServerStatus) -> stored::ServerStatus {
    let rejection = |(key, rejection): (&ResourceKey, &Rejection)| stored::Rejection {
        kind: key.kind.as_str().to_owned(),
        id: key.id.clone(),
        hash: rejection.hash.0.to_vec(),
        field: rejection.field.to_string(),
        message: rejection.message.clone(),
        at_ms: rejection.at.0,
        lacking: rejection.lacking.map(|edition| edition.0.to_vec()).unwrap_or_default(),
        instead: rejection.instead.as_ref().map(|form| form.body().to_vec()).unwrap_or_default(),
    };
    let left = |(id, left): (&SubnetId, &Left)| stored::Left {
        subnet_id: id.number(),
        space: left.space.id().to_owned(),
        network: left.network.to_string(),
        since: left.since.0,
    };
    stored::ServerStatus {
        server: status.server.to_string(),
        applied: status.applied.as_ref().map(|applied| stored::Applied {
            revision: applied.revision.0,
            digest: applied.digest.0.to_vec(),
            at_ms: applied.at.0,
            took_ms: applied.took_ms,
            lease_seq: applied.barrier.map(|barrier| barrier.next_seq - 1).unwrap_or_default(),
            lease_epoch: applied.barrier.map(|barrier| barrier.epoch.to_vec()).unwrap_or_default(),
        }),
        left: status.left.iter().map(left).collect(),
        quarantine: status.quarantine.iter().map(rejection).collect(),
        refused: status.refused.as_ref().map(|refused| stored::RefusedBundle {
            digest: refused.digest.0.to_vec(),
            edition: refused.edition.0.to_vec(),
            message: refused.message.clone(),
            at_ms: refused.at.0,
        }),
        decided: status
            .decided
            .as_ref()
            .map(|decided| stored::Decided { what: decided.what.clone(), at_ms: decided.at.0 }),
        last_error: status.last_error.clone(),
        stamp: stamp_message(status.stamp),
    }
}

fn parse_status(message: &stored::ServerStatus) -> Result<ServerStatus, Unreadable> {
    let applied = |applied: &stored::Applied| {
        Ok::<_, Unreadable>(Applied {
            revision: Revision(applied.revision),
            digest: Digest(bytes("digest", &applied.digest)?),
            at: Timestamp(applied.at_ms),
            took_ms: applied.took_ms,
            barrier: match applied.lease_epoch.as_slice() {
                [] => None,
                epoch => Some(LeaseCursor {
                    epoch: bytes("lease_epoch", epoch)?,
                    next_seq: applied.lease_seq.saturating_add(1),
                }),
            },
        })
    };
    let rejection = |rejection: &stored::Rejection| {
        let kind = ResourceKind::from_wire(&rejection.kind)
            .ok_or_else(|| bad("kind", format!("{:?} is not a kind of resource", rejection.kind)))?;
        let key = ResourceKey { kind, id: rejection.id.clone() };
        let value = Rejection {
            hash: Hash(bytes("hash", &rejection.hash)?),
            field: Text::parse(&rejection.field)?,
            message: rejection.message.clone(),
            at: Timestamp(rejection.at_ms),
            lacking: match rejection.lacking.as_slice() {
                [] => None,
                edition => Some(Hash(bytes("lacking", edition)?)),
            },
            instead: Some(&rejection.instead).filter(|form| !form.is_empty()).map(|form| Resource::new(form.clone())),
        };
        Ok::<_, Unreadable>((key, value))
    };
    let left = |left: &stored::Left| {
        let value = Left {
            space: SpaceName::from_id(&left.space)?,
            network: left.network.parse()?,
            since: Revision(left.since),
        };
        let id = SubnetId::new(left.subnet_id);
        let id = id.ok_or_else(|| bad("subnet_id", format!("{} is not a subnet id", left.subnet_id)))?;
        Ok::<_, Unreadable>((id, value))
    };
    let refused = |refused: &stored::RefusedBundle| {
        Ok::<_, Unreadable>(RefusedBundle {
            digest: Digest(bytes("digest", &refused.digest)?),
            edition: Hash(bytes("edition", &refused.edition)?),
            message: refused.message.clone(),
            at: Timestamp(refused.at_ms),
        })
    };
    Ok(ServerStatus {
        server: message.server.parse::<ServerName>()?,
        applied: message.applied.as_ref().map(applied).transpose()?,
        quarantine: message.quarantine.iter().map(rejection).collect::<Result<_, _>>()?,
        left: message.left.iter().map(left).collect::<Result<_, _>>()?,
        refused: message.refused.as_ref().map(refused).transpose()?,
        decided: message
            .decided
            .as_ref()
            .map(|decided| Decided { what: decided.what.clone(), at: Timestamp(decided.at_ms) }),
        last_error: message.last_error.clone(),
        stamp: parse_stamp(message.stamp.as_ref())?,
    })
}

fn certificate_message(certificate: &CertificateRecord) -> stored::Certificate {
    stored::Certificate {
        serial: certificate.serial.clone(),
        spki_sha256: certificate.spki_sha256.to_vec(),
        not_after_ms: certificate.not_after.0,
    }
}

fn parse_certificate(message: &stored::Certificate) -> Result<CertificateRecord, Unreadable> {
    Ok(CertificateRecord {
        serial: message.serial.clone(),
        spki_sha256: bytes("spki_sha256", &message.spki_sha256)?,
        not_after: Timestamp(message.not_after_ms),
    })
}

fn agent_message(agent: &Agent) -> stored::Agent {
    stored::Agent {
        name: agent.name.to_string(),
        id: agent.id.to_vec(),
        revoked: agent.state == AgentState::Revoked,
        certificates: agent.certificates.iter().map(certificate_message).collect(),
        fence: agent.fence,
        late_renewals: agent.late_renewals,
        description: agent.description.to_string(),
        stamp: stamp_message(agent.stamp),
    }
}

fn parse_agent(message: &stored::Agent) -> Result<Agent, Unreadable> {
    Ok(Agent {
        name: message.name.parse()?,
        id: bytes("id", &message.id)?,
        state: if message.revoked { AgentState::Revoked } else { AgentState::Active },
        certificates: message.certificates.iter().map(parse_certificate).collect::<Result<_, _>>()?,
        fence: message.fence,
        late_renewals: message.late_renewals,
        description: Text::parse(&message.description)?,
        stamp: parse_stamp(message.stamp.as_ref())?,
    })
}

fn token_message(token: &EnrolmentToken) -> stored::EnrolmentToken {
    stored::EnrolmentToken {
        name: token.name.to_string(),
        agent: token.agent.to_string(),
        secret_sha256: token.secret.0.to_vec(),
        expires_ms: token.expires.0,
        wrong_secrets: token.wrong_secrets,
        used_ms: token.used.as_ref().map(|used| used.at.0).unwrap_or_default(),
        used_spki_sha256: token.used.as_ref().map(|used| used.spki_sha256.to_vec()).unwrap_or_default(),
        stamp: stamp_message(token.stamp),
    }
}

fn parse_token(message: &stored::EnrolmentToken) -> Result<EnrolmentToken, Unreadable> {
    let used = if message.used_spki_sha256.is_empty() {
        None
    } else {
        let spki_sha256 = bytes("used_spki_sha256", &message.used_spki_sha256)?;
        Some(TokenUse { at: Timestamp(message.used_ms), spki_sha256 })
    };
    Ok(EnrolmentToken {
        name: message.name.parse()?,
        agent: message.agent.parse()?,
        secret: SecretHash(bytes("secret_sha256", &message.secret_sha256)?),
        expires: Timestamp(message.expires_ms),
        wrong_secrets: message.wrong_secrets,
        used,
        stamp: parse_stamp(message.stamp.as_ref())?,
    })
}

fn operator_message(operator: &Operator) -> stored::Operator {
    stored::Operator {
        name: operator.name.to_string(),
        roles: operator.roles.iter().map(ToString::to_string).collect(),
        disabled: operator.disabled,
        certificates: operator.certificates.iter().map(certificate_message).collect(),
        stamp: stamp_message(operator.stamp),
        grants: operator.grants.iter().map(grant::stored_message).collect(),
    }
}

fn parse_operator(message: &stored::Operator) -> Result<Operator, Unreadable> {
    Ok(Operator {
        name: message.name.parse()?,
        roles: message.roles.iter().map(|role| role.parse()).collect::<Result<_, Refusal>>()?,
        grants: message.grants.iter().map(grant::parse_stored).collect::<Result<_, Refusal>>()?,
        disabled: message.disabled,
        certificates: message.certificates.iter().map(parse_certificate).collect::<Result<_, _>>()?,
        stamp: parse_stamp(message.stamp.as_ref())?,
    })
}

/// The bytes of a record's name.
pub fn encode_key(key: &RecordKey) -> Vec<u8> {
    key_message(key).encode_to_vec()
}

fn key_message(key: &RecordKey) -> stored::RecordRef {
    let name = match key {
        RecordKey::ServerStatus(server) => server.to_string(),
        RecordKey::Sighting(address) => address.to_string(),
        RecordKey::NextSubnetId => String::new(),
        other => other.to_string(),
    };
    stored::RecordRef { kind: key.kind().to_owned(), name }
}

fn parse_key(message: &stored::RecordRef) -> Result<RecordKey, Unreadable> {
    let name = message.name.as_str();
    Ok(match message.kind.as_str() {
        "space" => RecordKey::Space(name.parse()?),
        "prefix" => RecordKey::Prefix(name.parse()?),
        "scope" => RecordKey::Scope(name.parse()?),
        "reservation" => RecordKey::Reservation(name.parse()?),
        "address" => RecordKey::Address(name.parse()?),
        "sighting" => RecordKey::Sighting(name.parse()?),
        "server" => RecordKey::Server(name.parse()?),
        "server-status" => RecordKey::ServerStatus(name.parse()?),
        "agent" => RecordKey::Agent(name.parse()?),
        "enrolment-token" => RecordKey::Token(name.parse()?),
        "operator" => RecordKey::Operator(name.parse()?),
        "field-definition" => RecordKey::Field(name.parse()?),
        "view" => RecordKey::View(name.parse()?),
        "next-subnet-id" => RecordKey::NextSubnetId,
        other => return Err(bad("kind", format!("{other:?} is not a kind of record"))),
    })
}

/// The bytes of a remembered request.
pub fn encode_request(principal: &str, id: &str, request: &RememberedRequest) -> Vec<u8> {
    stored::RememberedRequest {
        principal: principal.to_owned(),
        id: id.to_owned(),
        fingerprint: request.fingerprint.to_vec(),
        revision: request.revision.0,
        at_ms: request.at.0,
        about: request.about.as_ref().map(key_message),
    }
    .encode_to_vec()
}

/// The remembered request of its bytes: whose, its id, and what is remembered.
pub fn decode_request(message: &[u8]) -> Result<(String, String, RememberedRequest), Unreadable> {
    let message = stored::RememberedRequest::decode(message)?;
    let request = RememberedRequest {
        fingerprint: bytes("fingerprint", &message.fingerprint)?,
        revision: Revision(message.revision),
        at: Timestamp(message.at_ms),
        about: message.about.as_ref().map(parse_key).transpose()?,
    };
    Ok((message.principal, message.id, request))
}

/// Events of one server that became durable together, and where its stream stands after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseBatch {
    /// The server.
    pub server: ServerName,
    /// The spool that they come from.
    pub epoch: [u8; 16],
    /// Number of the first event.
    pub first_seq: u64,
    /// The events, contiguous.
    pub events: Vec<LeaseEvent>,
    /// The next event awaited after them.
    pub next_seq: u64,
    /// When they were taken in.
    pub at: Timestamp,
}

/// The bytes of a frame of lease batches.
pub fn encode_leases(batches: &[LeaseBatch]) -> Vec<u8> {
    let message = |batch: &LeaseBatch| stored::LeaseBatch {
        server: batch.server.to_string(),
        spool_epoch: batch.epoch.to_vec(),
        first_seq: batch.first_seq,
        events: batch.events.iter().map(lease::wire).collect(),
        next_seq: batch.next_seq,
        at_ms: batch.at.0,
    };
    stored::LeaseFrame { batches: batches.iter().map(message).collect() }.encode_to_vec()
}

/// The lease batches of a frame.
pub fn decode_leases(frame: &[u8]) -> Result<Vec<LeaseBatch>, Unreadable> {
    let batch = |message: stored::LeaseBatch| {
        Ok(LeaseBatch {
            server: message.server.parse::<ServerName>()?,
            epoch: bytes("spool_epoch", &message.spool_epoch)?,
            first_seq: message.first_seq,
            events: message.events.iter().map(lease::parse_wire).collect::<Result<_, Refusal>>()?,
            next_seq: message.next_seq,
            at: Timestamp(message.at_ms),
        })
    };
    stored::LeaseFrame::decode(frame)?.batches.into_iter().map(batch).collect()
}
