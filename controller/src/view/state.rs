//! The state as rows: records and remembered requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use freehold_core::state::Loading;
use freehold_core::{Change, Record, RecordKey, Revision, State};
use freehold_proto::convert::stored::{self, Unreadable};
use imbl::ordmap::DiffItem;

use super::{Part, Point, ReplayFault, Row, RowChange, View, bad, change, key};
use crate::engine::Durable;

impl View for State {
    const PART: Part = Part::State;
    type Frame = Durable;
    type Touched = BTreeSet<RecordKey>;
    type Loading = Loading;

    fn rows(&self) -> Box<dyn Iterator<Item = Row> + '_> {
        let records = self.records().map(|record| (record_key(&record.key()), stored::encode_record(&record)));
        let requests = self.requests().iter().map(|((principal, id), request)| {
            (request_key(principal, id), stored::encode_request(principal, id, request))
        });
        Box::new(records.chain(requests))
    }

    fn load(loading: &mut Loading, key: &[u8], value: &[u8]) -> Result<(), Unreadable> {
        match key.first() {
            Some(b'r') => {
                let record = stored::decode_record(value)?;
                if record_key(&record.key()) != key {
                    return Err(bad("record", "it is under another record's name"));
                }
                loading.record(record);
            }
            Some(b'q') => {
                let (principal, id, request) = stored::decode_request(value)?;
                if request_key(&principal, &id) != key {
                    return Err(bad("request", "it is under another request's name"));
                }
                loading.request(principal, id, request);
            }
            _ => return Err(bad("key", "no row of the state has such a key")),
        }
        Ok(())
    }

    fn loaded(loading: Loading, revision: u64) -> Self {
        loading.done(Revision(revision))
    }

    fn revision(&self) -> u64 {
        State::revision(self).0
    }

    fn replay(&mut self, payload: &[u8], touched: &mut BTreeSet<RecordKey>) -> Result<(), ReplayFault> {
        for entry in &stored::decode_frame(payload)? {
            let wanted = State::revision(self).next();
            if entry.revision != wanted {
                return Err(ReplayFault::Gap { wanted: wanted.0, found: entry.revision.0 });
            }
            self.apply(entry);
            touched.extend(entry.changes().iter().map(Change::key));
        }
        Ok(())
    }

    fn weight(frame: &Durable) -> usize {
        frame.changes()
    }

    fn follow(frame: Durable, touched: &mut BTreeSet<RecordKey>) -> (Point, Arc<Self>) {
        touched.extend(frame.entries.iter().flat_map(|entry| entry.changes().iter().map(Change::key)));
        (Point { seq: frame.seq, hash: frame.hash }, frame.state)
    }

    fn changes(before: &Self, after: &Self, touched: BTreeSet<RecordKey>) -> Vec<RowChange> {
        let value = |record: Option<Record>| record.as_ref().map(stored::encode_record);
        let records = touched.iter().map(|key| (record_key(key), value(before.record(key)), value(after.record(key))));
        // Requests are forgotten by their age, without a change that says so.
        let requests = before.requests().diff(after.requests()).map(|difference| {
            let value = |(principal, id): &(String, String), request| stored::encode_request(principal, id, request);
            match difference {
                DiffItem::Add(name, new) => (request_key(&name.0, &name.1), None, Some(value(name, new))),
                DiffItem::Update { old, new } => {
                    (request_key(&new.0.0, &new.0.1), Some(value(old.0, old.1)), Some(value(new.0, new.1)))
                }
                DiffItem::Remove(name, old) => (request_key(&name.0, &name.1), Some(value(name, old)), None),
            }
        });
        records.chain(requests).filter_map(|(key, before, after)| change(key, before, after)).collect()
    }
}

fn record_key(name: &RecordKey) -> Vec<u8> {
    key(b'r', &[name.kind().as_bytes(), name.to_string().as_bytes()])
}

fn request_key(principal: &str, id: &str) -> Vec<u8> {
    key(b'q', &[principal.as_bytes(), id.as_bytes()])
}
