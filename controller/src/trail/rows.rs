//! Which rows a frame makes, and how they are read again.

use super::row::{Position, Row, Topic};
use freehold_core::change::Outcome;
use freehold_core::lease::{LeaseEvent, LeaseEventKind};
use freehold_core::model::Scope;
use freehold_core::name::{PrefixName, ServerName};
use freehold_core::{Change, Entry, Record, Revision, Timestamp};
use freehold_proto::convert::stored::{self, LeaseBatch, Unreadable};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What was changed in the record of this name. Of records that concern addresses the change itself is kept, of others
/// its revision.
pub fn resource(name: &str) -> Topic {
    Topic::new(b'h', name.as_bytes())
}

/// What this caller did, by revision.
pub fn principal(name: &str) -> Topic {
    Topic::new(b'p', name.as_bytes())
}

/// Which scopes came to a network, or left it.
pub fn network(name: &PrefixName) -> Topic {
    Topic::new(b'n', name.to_string().as_bytes())
}

/// Which network the scope with this subnet id came to, or left.
pub fn subnet(id: u32) -> Topic {
    Topic::new(b'u', &id.to_be_bytes())
}

/// What happened to leases of this address, on any server.
pub fn leased(address: IpAddr) -> Topic {
    match address {
        IpAddr::V4(v4) => Topic::new(b'a', &v4.octets()),
        IpAddr::V6(v6) => Topic::new(b'a', &v6.octets()),
    }
}

/// In which frames there are events of this server.
pub fn server(name: &ServerName) -> Topic {
    Topic::new(b's', name.to_string().as_bytes())
}

/// Where the stream of this server was begun anew, or lost events.
pub fn stream(name: &ServerName) -> Topic {
    Topic::new(b'g', name.to_string().as_bytes())
}

/// Rows of one frame.
struct Rows {
    frame: u64,
    rows: Vec<(Topic, Row)>,
}

impl Rows {
    fn add(&mut self, topic: Topic, at: Timestamp, body: Vec<u8>) {
        let position = Position::new(self.frame, self.rows.len());
        self.rows.push((topic, Row { position, at, body }));
    }
}

/// The rows of a frame of the ledger.
pub(super) fn of_entries(frame: u64, payload: &[u8]) -> Result<Vec<(Topic, Row)>, Unreadable> {
    let mut rows = Rows { frame, rows: Vec::new() };
    for mut entry in stored::decode_frame(payload)? {
        let (at, revision) = (entry.at, entry.revision.0.to_be_bytes());
        rows.add(principal(&entry.actor.principal), at, revision.to_vec());
        let Outcome::Done(changes) = std::mem::replace(&mut entry.outcome, Outcome::Done(Vec::new())) else { continue };
        for change in changes {
            let key = change.key();
            for (topic, body) in moved(&change) {
                rows.add(topic, at, body.to_string().into_bytes());
            }
            let mut body = revision.to_vec();
            if concerns_addresses(&change) {
                let of_this = Entry { outcome: Outcome::Done(vec![change]), ..entry.clone() };
                body.extend(stored::encode_entry(&of_this));
            }
            rows.add(resource(&key.to_string()), at, body);
        }
    }
    Ok(rows.rows)
}

fn concerns_addresses(change: &Change) -> bool {
    let record = change.after().or(change.before());
    matches!(
        record,
        Some(
            Record::Address(_)
                | Record::Reservation(_)
                | Record::Scope(_)
                | Record::Prefix(_)
                | Record::ServerStatus(_)
        )
    )
}

/// What finds a scope by its network and its subnet id, if the change moved it.
fn moved(change: &Change) -> Vec<(Topic, String)> {
    let scope = |record: Option<&Record>| match record {
        Some(Record::Scope(scope)) => Some(std::sync::Arc::clone(scope)),
        _ => None,
    };
    let (before, after) = (scope(change.before()), scope(change.after()));
    let place = |scope: &Option<std::sync::Arc<Scope>>| scope.as_deref().map(|scope| (scope.prefix(), scope.subnet_id));
    if place(&before) == place(&after) {
        return Vec::new();
    }
    let both = [before, after].into_iter().flatten();
    both.flat_map(|scope| {
        [
            (network(&scope.prefix()), scope.name.to_string()),
            (subnet(scope.subnet_id.number()), scope.prefix().to_string()),
        ]
    })
    .collect()
}

/// The rows of a frame of the lease ledger.
pub(super) fn of_leases(frame: u64, payload: &[u8]) -> Result<Vec<(Topic, Row)>, Unreadable> {
    let (mut rows, mut named) = (Rows { frame, rows: Vec::new() }, BTreeSet::new());
    for mut batch in stored::decode_leases(payload)? {
        if named.insert(batch.server.clone()) {
            rows.add(server(&batch.server), batch.at, Vec::new());
        }
        if batch.events.is_empty() {
            rows.add(stream(&batch.server), batch.at, stored::encode_leases(&[batch]));
            continue;
        }
        let numbered = batch.next_seq > batch.first_seq;
        let (events, first) = (std::mem::take(&mut batch.events), batch.first_seq);
        for (event, number) in events.into_iter().zip(first..) {
            let (topic, at) = (leased(event.lease.address), effective(&event));
            batch.first_seq = if numbered { number } else { 0 };
            batch.next_seq = batch.first_seq + u64::from(numbered);
            batch.events = vec![event];
            rows.add(topic, at, stored::encode_leases(std::slice::from_ref(&batch)));
        }
    }
    Ok(rows.rows)
}

/// When an event took effect: what a client got it has from its last transaction, what it lost it has no more from when that was seen.
pub fn effective(event: &LeaseEvent) -> Timestamp {
    match event.kind {
        LeaseEventKind::Seen | LeaseEventKind::Granted | LeaseEventKind::Renewed => event.lease.cltt,
        LeaseEventKind::Released | LeaseEventKind::Expired | LeaseEventKind::Declined | LeaseEventKind::Removed => {
            event.observed
        }
    }
}

/// The revision that a row of [`resource`] or [`principal`] names.
pub fn revision(row: &Row) -> Option<Revision> {
    row.body.first_chunk().map(|bytes| Revision(u64::from_be_bytes(*bytes)))
}

/// The entry of a row of [`resource`], with the one change that is of this name; `None` if it is of another.
///
/// # Errors
/// If it does not read.
pub fn change(row: &Row, name: &str) -> Result<Option<Entry>, Unreadable> {
    let entry = stored::decode_frame(row.body.get(8..).unwrap_or_default())?.pop();
    Ok(entry.filter(|entry| entry.changes().iter().any(|change| change.key().to_string() == name)))
}

/// The batch of a row of [`leased`] or [`stream`].
///
/// # Errors
/// If it does not read.
pub fn batch(row: &Row) -> Result<Option<LeaseBatch>, Unreadable> {
    Ok(stored::decode_leases(&row.body)?.pop())
}

/// The name that a row of [`network`] or [`subnet`] holds.
pub fn name<N: std::str::FromStr>(row: &Row) -> Option<N> {
    std::str::from_utf8(&row.body).ok()?.parse().ok()
}
