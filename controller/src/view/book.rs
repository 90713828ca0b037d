//! The book of leases as rows: leases and cursors.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseBook, LeaseCursor, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::name::ServerName;
use freehold_proto::convert::lease::{parse_wire, wire};
use freehold_proto::convert::stored::{self, Unreadable};
use freehold_proto::sync;
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use prost::Message;

use super::{Part, Point, ReplayFault, Row, RowChange, View, bad, change, key};
use crate::leases::{self, DurableLeases};

impl View for LeaseBook {
    const PART: Part = Part::Leases;
    type Frame = DurableLeases;
    type Touched = BTreeSet<ServerName>;
    type Loading = Self;

    fn rows(&self) -> Box<dyn Iterator<Item = Row> + '_> {
        Box::new(self.servers().flat_map(|(server, leases)| {
            let cursor = leases.cursor.map(|cursor| (cursor_key(server), cursor_value(cursor)));
            let leases = leases.leases.iter();
            cursor.into_iter().chain(leases.map(|(address, lease)| (lease_key(server, *address), lease_value(lease))))
        }))
    }

    fn load(loading: &mut Self, key: &[u8], value: &[u8]) -> Result<(), Unreadable> {
        let (prefix, name) = key.split_first().ok_or_else(|| bad("key", "it is empty"))?;
        match prefix {
            b'l' => {
                let end = name.iter().position(|&byte| byte == 0).ok_or_else(|| bad("key", "it names no address"))?;
                let server = server(&name[..end])?;
                let lease = parse_wire(&sync::LeaseEvent::decode(value)?)?.lease;
                if lease_key(&server, lease.address) != key {
                    return Err(bad("lease", "it is under another lease's name"));
                }
                loading.load(&server, lease);
            }
            b'c' => {
                let value: &[u8; 24] = value.try_into().map_err(|_| bad("cursor", "it has not 24 bytes"))?;
                let (epoch, next_seq) = value.split_first_chunk::<16>().expect("24 bytes");
                let next_seq = u64::from_le_bytes(next_seq.try_into().expect("8 bytes"));
                loading.set_cursor(&server(name)?, LeaseCursor { epoch: *epoch, next_seq });
            }
            _ => return Err(bad("key", "no row of the leases has such a key")),
        }
        Ok(())
    }

    fn loaded(loading: Self, _: u64) -> Self {
        loading
    }

    /// Leases have no number of their own.
    fn revision(&self) -> u64 {
        0
    }

    fn replay(&mut self, payload: &[u8], touched: &mut BTreeSet<ServerName>) -> Result<(), ReplayFault> {
        for batch in &stored::decode_leases(payload)? {
            leases::apply(self, batch);
            touched.insert(batch.server.clone());
        }
        Ok(())
    }

    fn weight(frame: &DurableLeases) -> usize {
        frame.batches.iter().map(|batch| batch.events.len()).sum()
    }

    fn follow(frame: DurableLeases, touched: &mut BTreeSet<ServerName>) -> (Point, Arc<Self>) {
        touched.extend(frame.batches.iter().map(|batch| batch.server.clone()));
        (Point { seq: frame.seq, hash: frame.hash }, frame.book)
    }

    fn changes(before: &Self, after: &Self, touched: BTreeSet<ServerName>) -> Vec<RowChange> {
        let none = OrdMap::new();
        let mut changes = Vec::new();
        for server in &touched {
            let (old, new) = (before.of(server), after.of(server));
            let cursor = |leases: Option<&freehold_core::lease::ServerLeases>| leases?.cursor.map(cursor_value);
            changes.extend(change(cursor_key(server), cursor(old), cursor(new)));
            let (old, new) = (old.map_or(&none, |old| &old.leases), new.map_or(&none, |new| &new.leases));
            changes.extend(old.diff(new).filter_map(|difference| match difference {
                DiffItem::Add(address, new) => change(lease_key(server, *address), None, Some(lease_value(new))),
                DiffItem::Update { old, new } => {
                    change(lease_key(server, *new.0), Some(lease_value(old.1)), Some(lease_value(new.1)))
                }
                DiffItem::Remove(address, old) => change(lease_key(server, *address), Some(lease_value(old)), None),
            }));
        }
        changes
    }
}

fn server(name: &[u8]) -> Result<ServerName, Unreadable> {
    let name = std::str::from_utf8(name).map_err(|_| bad("key", "it names no server"))?;
    Ok(name.parse::<ServerName>()?)
}

fn lease_key(server: &ServerName, address: IpAddr) -> Vec<u8> {
    let server = server.to_string();
    match address {
        IpAddr::V4(v4) => key(b'l', &[server.as_bytes(), &v4.octets()]),
        IpAddr::V6(v6) => key(b'l', &[server.as_bytes(), &v6.octets()]),
    }
}

fn lease_value(lease: &Arc<Lease>) -> Vec<u8> {
    let kind = match lease.state {
        LeaseState::Granted => LeaseEventKind::Seen,
        LeaseState::Declined => LeaseEventKind::Declined,
    };
    let event = LeaseEvent { kind, lease: Lease::clone(lease), observed: Timestamp(0), folded: 0 };
    wire(&event).encode_to_vec()
}

fn cursor_key(server: &ServerName) -> Vec<u8> {
    key(b'c', &[server.to_string().as_bytes()])
}

fn cursor_value(cursor: LeaseCursor) -> Vec<u8> {
    [cursor.epoch.as_slice(), &cursor.next_seq.to_le_bytes()].concat()
}
