//! What DHCP servers granted: leases, the events that change them, and the book of both.
//!
//! The server owns its leases; the controller keeps what it was told, in the order of (epoch, seq),
//! never of a clock. Whether a lease is live is computed from its end and the time, never awaited.

use crate::name::ServerName;
use crate::time::Timestamp;
use imbl::OrdMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What happened to a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseEventKind {
    /// Found when the whole of the server's leases was read.
    Seen,
    /// Given to a client that had none.
    Granted,
    /// Given again to the same client.
    Renewed,
    /// Given back by its client.
    Released,
    /// Reclaimed by the server after its end.
    Expired,
    /// Refused by its client, which found the address in use (RFC 2131 §3.1 step 5).
    Declined,
    /// Gone from the server for another reason.
    Removed,
}

/// One change of one lease. It carries the whole lease, so that applying it twice is applying it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseEvent {
    /// What happened.
    pub kind: LeaseEventKind,
    /// The lease as it is now.
    pub lease: Lease,
    /// When the agent saw it.
    pub observed: Timestamp,
    /// Renewals that were folded into this one because the agent's spool was full.
    pub folded: u32,
}

/// A lease, as its server tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: IpAddr,
    /// Length of a delegated prefix; 128 or 32 for an address.
    pub prefix_len: u8,
    /// The subnet, by the id that the server knows it by.
    pub subnet_id: u32,
    /// The client's hardware address; empty if not known.
    pub hardware: Vec<u8>,
    /// The client's identifier; empty if none was sent.
    pub client_id: Vec<u8>,
    /// The client's DUID; empty in IPv4.
    pub duid: Vec<u8>,
    /// The identity association; 0 in IPv4.
    pub iaid: u32,
    /// The host name that the server has for it, as it is there.
    pub host_name: String,
    /// When the client last transacted.
    pub cltt: Timestamp,
    /// How long it is good for from then, in seconds.
    pub valid_seconds: u32,
    /// What it is now.
    pub state: LeaseState,
}

/// What a lease is, clocks aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseState {
    /// Granted; live until its end.
    Granted,
    /// The address is put aside because a client found it in use.
    Declined,
}

impl Lease {
    /// When it ends.
    pub fn ends(&self) -> Timestamp {
        self.cltt.plus_seconds(self.valid_seconds.into())
    }

    /// Whether the address is taken by it at `now`.
    pub fn live(&self, now: Timestamp) -> bool {
        now < self.ends()
    }
}

/// Where a server's event stream stands: the spool it comes from and the next number awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseCursor {
    /// The spool, 16 random bytes made with it.
    pub epoch: [u8; 16],
    /// The next sequence number; the first of a spool is 1.
    pub next_seq: u64,
}

/// What to do with a batch that starts at some number of some spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Take the batch without its first `skip` events, which are known.
    Take {
        /// How many to leave out.
        skip: usize,
    },
    /// There is a gap: ask for everything from this number. A gap is never accepted.
    Rewind {
        /// The number awaited.
        next_seq: u64,
    },
    /// The batch is of another spool than the one being followed: greet that spool first.
    OtherEpoch,
}

impl LeaseCursor {
    /// Decides on a batch of `count` events from `first_seq` of spool `epoch`.
    pub fn admit(&self, epoch: [u8; 16], first_seq: u64, count: usize) -> Admission {
        if epoch != self.epoch {
            return Admission::OtherEpoch;
        }
        match self.next_seq.checked_sub(first_seq) {
            None => Admission::Rewind { next_seq: self.next_seq },
            Some(known) => Admission::Take { skip: usize::try_from(known).unwrap_or(count).min(count) },
        }
    }
}

/// The leases of one server, and how far its stream is known.
#[derive(Debug, Clone, Default)]
pub struct ServerLeases {
    /// Where the stream stands; `None` before its first word.
    pub cursor: Option<LeaseCursor>,
    /// Leases by address.
    pub leases: OrdMap<IpAddr, Arc<Lease>>,
}

/// All leases of all servers. Copying it costs nothing.
#[derive(Debug, Clone, Default)]
pub struct LeaseBook {
    servers: OrdMap<ServerName, ServerLeases>,
}

impl LeaseBook {
    /// The leases of `server`.
    pub fn of(&self, server: &ServerName) -> Option<&ServerLeases> {
        self.servers.get(server)
    }

    /// Every server that has said anything, in order.
    pub fn servers(&self) -> impl Iterator<Item = (&ServerName, &ServerLeases)> {
        self.servers.iter()
    }

    /// How many leases there are.
    pub fn len(&self) -> usize {
        self.servers.values().map(|server| server.leases.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets where the stream of `server` stands.
    pub fn set_cursor(&mut self, server: &ServerName, cursor: LeaseCursor) {
        self.entry(server).cursor = Some(cursor);
    }

    /// Carries out one event of `server`.
    pub fn apply(&mut self, server: &ServerName, event: &LeaseEvent) {
        let leases = &mut self.entry(server).leases;
        match event.kind {
            LeaseEventKind::Seen | LeaseEventKind::Granted | LeaseEventKind::Renewed | LeaseEventKind::Declined => {
                leases.insert(event.lease.address, Arc::new(event.lease.clone()));
            }
            LeaseEventKind::Released | LeaseEventKind::Expired | LeaseEventKind::Removed => {
                leases.remove(&event.lease.address);
            }
        }
    }

    /// Puts a lease where it was, when a stored view is loaded.
    pub fn load(&mut self, server: &ServerName, lease: Lease) {
        self.entry(server).leases.insert(lease.address, Arc::new(lease));
    }

    /// Forgets all about `server`.
    pub fn forget(&mut self, server: &ServerName) {
        self.servers.remove(server);
    }

    fn entry(&mut self, server: &ServerName) -> &mut ServerLeases {
        self.servers.entry(server.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However a stream is cut into batches, repeated and reordered, each event is taken exactly once and in order.
        #[test]
        fn every_event_is_taken_once_and_in_order(batches in proptest::collection::vec((1u64..40, 0usize..15), 0..60)) {
            let mut cursor = LeaseCursor { epoch: [7; 16], next_seq: 1 };
            let mut taken = Vec::new();
            for (first, count) in batches {
                match cursor.admit([7; 16], first, count) {
                    Admission::Take { skip } => {
                        let new: Vec<_> = (first..first + count as u64).skip(skip).collect();
                        cursor.next_seq += new.len() as u64;
                        taken.extend(new);
                    }
                    Admission::Rewind { next_seq } => prop_assert!(first > next_seq),
                    Admission::OtherEpoch => prop_assert!(false, "same epoch"),
                }
            }
            prop_assert_eq!(taken, (1..cursor.next_seq).collect::<Vec<_>>());
            prop_assert_eq!(cursor.admit([8; 16], 1, 1), Admission::OtherEpoch);
        }
    }
}
