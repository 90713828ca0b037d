//! What DHCP servers granted: leases, the events that change them, and the book of both.
//!
//! The server owns its leases; the controller keeps what it was told, in the order of (epoch, seq),
//! never of a clock. Whether a lease is live is computed from its end and the time, never awaited.

mod clients;

use crate::client::ClientIdentity;
use crate::model::SubnetId;
use crate::name::ServerName;
use crate::net::{Cidr, Family, family, to_number};
use crate::occupied::AddressSet;
use crate::time::Timestamp;
use clients::{Clients, Place};
use imbl::ordmap::DiffItem;
use imbl::{OrdMap, Vector};
use std::fmt;
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

    /// Whether it is this client's, in either way to say an Ethernet client.
    pub fn is_of(&self, client: &ClientIdentity) -> bool {
        let says = |client: &ClientIdentity| match client {
            ClientIdentity::Hardware(address) => self.hardware == address.as_bytes(),
            ClientIdentity::ClientId(id) => self.client_id == id.as_bytes(),
            ClientIdentity::Duid(duid) => self.duid == duid.as_bytes(),
        };
        says(client) || client.twin().is_some_and(|twin| says(&twin))
    }

    /// The prefix that is delegated; `None` if an address is leased.
    pub fn delegated(&self) -> Option<Cidr> {
        if self.is_of_an_address() { None } else { Cidr::new(self.address, self.prefix_len).ok() }
    }

    /// Whether it is of one address, and not of a delegated prefix.
    fn is_of_an_address(&self) -> bool {
        match family(self.address) {
            Family::V4 => true,
            Family::V6 => self.prefix_len == 128,
        }
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerLeases {
    /// Where the stream stands; `None` before its first word.
    pub cursor: Option<LeaseCursor>,
    /// Leases by address.
    pub leases: OrdMap<IpAddr, Arc<Lease>>,
}

/// The leased addresses of one subnet, whoever leases them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Subnet {
    leased: AddressSet,
    /// The servers that have leases in it, and how many.
    servers: OrdMap<ServerName, u64>,
}

/// All leases of all servers. Copying it costs nothing.
///
/// Beside each server's leases it keeps the set of leased addresses by subnet id: ids are never reused, so a scope that moved
/// from one server to another finds the leases of both.
#[derive(Clone, Default)]
pub struct LeaseBook {
    servers: OrdMap<ServerName, ServerLeases>,
    subnets: OrdMap<(u32, Family), Subnet>,
    clients: Clients,
    /// Servers in the order in which they were first heard of, and each one's number in that.
    heard: Vector<ServerName>,
    numbers: OrdMap<ServerName, u32>,
}

/// Numbers of servers depend on who came first, and say nothing.
impl PartialEq for LeaseBook {
    fn eq(&self, other: &Self) -> bool {
        self.servers == other.servers && self.subnets == other.subnets
    }
}

impl Eq for LeaseBook {}

/// How much is in it: a book may have a million leases.
impl fmt::Debug for LeaseBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseBook({} leases of {} servers)", self.len(), self.servers.len())
    }
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
        match event.kind {
            LeaseEventKind::Seen | LeaseEventKind::Granted | LeaseEventKind::Renewed | LeaseEventKind::Declined => {
                self.load(server, event.lease.clone());
            }
            LeaseEventKind::Released | LeaseEventKind::Expired | LeaseEventKind::Removed => {
                let gone = self.entry(server).leases.remove(&event.lease.address);
                if let Some(lease) = gone {
                    self.leave(server, &lease);
                    let number = self.number(server);
                    self.clients.take(number, &lease);
                }
            }
        }
    }

    /// The leases whose hardware address begins with these bytes.
    pub fn leases_of_hardware<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = (&'a ServerName, &'a Arc<Lease>)> + 'a {
        let found = self.clients.of_hardware(bytes);
        found.filter_map(|place| self.at(place)).filter(|(_, lease)| lease.hardware.starts_with(bytes))
    }

    /// The leases whose host name begins so (in lower case); those who are called exactly so come first.
    pub fn leases_called<'a>(
        &'a self,
        beginning: &'a str,
    ) -> impl Iterator<Item = (&'a ServerName, &'a Arc<Lease>)> + 'a {
        let exactly = self.clients.called_exactly(beginning).filter_map(|place| self.at(place));
        let exactly = exactly.filter(move |(_, lease)| lease.host_name.eq_ignore_ascii_case(beginning));
        exactly.chain(self.clients.called(beginning).filter_map(|place| self.at(place)))
    }

    /// The leases of a client with this identifier or DUID.
    pub fn leases_of_client<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = (&'a ServerName, &'a Arc<Lease>)> + 'a {
        // Identifiers that repeat an Ethernet address are found by that.
        let hardware = bytes.strip_prefix(&[1]).filter(|hardware| hardware.len() == 6);
        let twins = hardware.into_iter().flat_map(|hardware| self.leases_of_hardware(hardware));
        let found = self.clients.of_client(bytes).filter_map(|place| self.at(place));
        found.chain(twins).filter(move |(_, lease)| lease.client_id == bytes || lease.duid == bytes)
    }

    /// The leases of an address, whatever its subnet, on the first `servers` servers.
    pub fn leases_at(&self, address: IpAddr, servers: usize) -> impl Iterator<Item = (&ServerName, &Arc<Lease>)> {
        let servers = self.servers.iter().take(servers);
        servers.filter_map(move |(server, leases)| Some((server, leases.leases.get(&address)?)))
    }

    fn at(&self, (server, address): Place) -> Option<(&ServerName, &Arc<Lease>)> {
        let server = self.heard.get(usize::try_from(server).ok()?)?;
        Some((server, self.servers.get(server)?.leases.get(&address)?))
    }

    fn number(&mut self, server: &ServerName) -> u32 {
        if let Some(number) = self.numbers.get(server) {
            return *number;
        }
        let number = u32::try_from(self.heard.len()).expect("there are fewer servers than addresses");
        self.heard.push_back(server.clone());
        self.numbers.insert(server.clone(), number);
        number
    }

    /// The leased addresses of a subnet, of one family. A lease is among them until its server says that it is over,
    /// whatever the time.
    pub fn leased(&self, subnet: SubnetId, family: Family) -> &AddressSet {
        self.subnets.get(&(subnet.number(), family)).map_or(AddressSet::none(), |subnet| &subnet.leased)
    }

    /// The leases of an address in a subnet, and the servers that granted them: more than one where servers disagree.
    pub fn leases_on(&self, subnet: SubnetId, address: IpAddr) -> impl Iterator<Item = (&ServerName, &Arc<Lease>)> {
        let id = subnet.number();
        let subnet = self.subnets.get(&(id, family(address)));
        let found = subnet.filter(|subnet| subnet.leased.contains(to_number(address)));
        found.into_iter().flat_map(|subnet| subnet.servers.keys()).filter_map(move |server| {
            let lease = self.servers.get(server)?.leases.get(&address)?;
            (lease.subnet_id == id).then_some((server, lease))
        })
    }

    /// The subnets, by family, whose leased addresses may be others in `after`. Costs what differs.
    pub(crate) fn subnets_that_differ(&self, after: &Self) -> Vec<(SubnetId, Family)> {
        let differing = self.subnets.diff(&after.subnets).map(|difference| match difference {
            DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), .. } => *key,
        });
        differing.filter_map(|(subnet, family)| Some((SubnetId::new(subnet)?, family))).collect()
    }

    /// Puts a lease where it was, when a stored view is loaded.
    pub fn load(&mut self, server: &ServerName, lease: Lease) {
        let lease = Arc::new(lease);
        let before = self.entry(server).leases.insert(lease.address, Arc::clone(&lease));
        self.enter(server, &lease);
        if before.as_ref().is_none_or(|before| !clients::alike(before, &lease)) {
            let number = self.number(server);
            before.iter().for_each(|before| self.clients.take(number, before));
            self.clients.put(number, &lease);
        }
        before.into_iter().for_each(|before| self.leave(server, &before));
    }

    /// Forgets all about `server`.
    pub fn forget(&mut self, server: &ServerName) {
        let gone = self.servers.remove(server).unwrap_or_default();
        let number = self.number(server);
        for lease in gone.leases.values() {
            self.leave(server, lease);
            self.clients.take(number, lease);
        }
    }

    fn enter(&mut self, server: &ServerName, lease: &Lease) {
        if lease.is_of_an_address() {
            let subnet = self.subnets.entry((lease.subnet_id, family(lease.address))).or_default();
            *subnet.servers.entry(server.clone()).or_default() += 1;
            subnet.leased.insert(to_number(lease.address));
        }
    }

    /// Counts a lease out that is no longer in the book; its address stays leased as long as another lease of it is.
    fn leave(&mut self, server: &ServerName, lease: &Lease) {
        let key = (lease.subnet_id, family(lease.address));
        let Some(subnet) = self.subnets.get_mut(&key).filter(|_| lease.is_of_an_address()) else { return };
        if let Some(count) = subnet.servers.get_mut(server) {
            *count -= 1;
            if *count == 0 {
                subnet.servers.remove(server);
            }
        }
        let leased_by = |server: &ServerName| {
            let other = self.servers.get(server).and_then(|leases| leases.leases.get(&lease.address));
            other.is_some_and(|other| other.subnet_id == lease.subnet_id)
        };
        if !subnet.servers.keys().any(leased_by) {
            subnet.leased.remove(to_number(lease.address));
        }
        if subnet.servers.is_empty() {
            self.subnets.remove(&key);
        }
    }

    fn entry(&mut self, server: &ServerName) -> &mut ServerLeases {
        self.servers.entry(server.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(kind: LeaseEventKind, n: u8, subnet_id: u32) -> LeaseEvent {
        let lease = Lease {
            address: std::net::Ipv4Addr::new(10, 0, 0, n).into(),
            prefix_len: 32,
            subnet_id,
            hardware: vec![n],
            client_id: Vec::new(),
            duid: Vec::new(),
            iaid: 0,
            host_name: String::new(),
            cltt: Timestamp(0),
            valid_seconds: 60,
            state: LeaseState::Granted,
        };
        LeaseEvent { kind, lease, observed: Timestamp(0), folded: 0 }
    }

    proptest! {
        /// Two servers grant, move between subnets and end leases of the same addresses, and are forgotten.
        #[test]
        fn the_leased_addresses_of_a_subnet_are_those_of_its_leases(
            steps in proptest::collection::vec((0usize..2, 0u8..6, 1u32..3, 0u8..8), 0..80)
        ) {
            let servers: [ServerName; 2] = ["servers/a/kea4", "servers/b/kea4"].map(|name| name.parse().expect("a name"));
            let mut book = LeaseBook::default();
            for (server, n, subnet, what) in steps {
                match what {
                    0 => book.forget(&servers[server]),
                    1 | 2 => book.apply(&servers[server], &event(LeaseEventKind::Expired, n, subnet)),
                    _ => book.apply(&servers[server], &event(LeaseEventKind::Granted, n, subnet)),
                }
                for subnet in [1u32, 2] {
                    let id = SubnetId::new(subnet).expect("an id");
                    let all = book.servers().flat_map(|(name, leases)| leases.leases.values().map(move |l| (name, l)));
                    let here: Vec<_> = all.filter(|(_, lease)| lease.subnet_id == subnet).collect();
                    let wanted: AddressSet = here.iter().map(|(_, lease)| to_number(lease.address)).collect();
                    prop_assert_eq!(book.leased(id, Family::V4), &wanted);
                    let found = (0..6).flat_map(|n| book.leases_on(id, std::net::Ipv4Addr::new(10, 0, 0, n).into()));
                    prop_assert_eq!(found.count(), here.len());
                }
            }
            servers.iter().for_each(|server| book.forget(server));
            prop_assert_eq!(book, LeaseBook::default());
        }

        /// Whatever happened to leases: the indexes find what a look at every lease finds.
        #[test]
        fn leases_are_found_by_their_clients(
            events in proptest::collection::vec((0u8..3, 0u8..9, 0u8..4, 0u8..4, 0u8..4, 0u8..2), 0..60),
        ) {
            let names = ["", "a", "Phone-7", "phone-71.voice.example"];
            let server = |n: u8| ServerName::new(crate::name::AgentName::from_id("a").expect("a name"), &format!("k{n}")).expect("a name");
            let mut book = LeaseBook::default();
            for (on, address, hardware, id, name, gone) in events {
                let lease = Lease {
                    address: if address < 6 { IpAddr::from([10, 0, 0, address]) } else { IpAddr::from([address; 16]) },
                    prefix_len: 32,
                    subnet_id: 1,
                    hardware: vec![2, 0, 0, 0, 0, hardware],
                    client_id: if id == 0 { vec![1, 2, 0, 0, 0, 0, hardware] } else { vec![0, id] },
                    duid: Vec::new(),
                    iaid: 0,
                    host_name: names[usize::from(name)].to_owned(),
                    cltt: Timestamp(0),
                    valid_seconds: 1,
                    state: LeaseState::Granted,
                };
                let kind = if gone == 0 { LeaseEventKind::Granted } else { LeaseEventKind::Removed };
                book.apply(&server(on), &LeaseEvent { kind, lease, observed: Timestamp(0), folded: 0 });
                if (on, gone, address) == (2, 1, 0) {
                    book.forget(&server(1));
                }
            }
            let all: Vec<_> = book.servers().flat_map(|(name, on)| on.leases.values().map(move |lease| (name, lease))).collect();
            let same = |found: Vec<(&ServerName, &Arc<Lease>)>, wanted: &dyn Fn(&Lease) -> bool| {
                let sorted = |mut rows: Vec<(ServerName, IpAddr)>| { rows.sort(); rows.dedup(); rows };
                let row = |(name, lease): &(&ServerName, &Arc<Lease>)| (ServerName::clone(name), lease.address);
                let wanted: Vec<_> = all.iter().filter(|(_, lease)| wanted(lease)).collect();
                assert_eq!(sorted(found.iter().map(row).collect()), sorted(wanted.into_iter().map(row).collect()));
            };
            for bytes in [&[2][..], &[2, 0, 0, 0, 0, 1], &[3]] {
                same(book.leases_of_hardware(bytes).collect(), &|lease| lease.hardware.starts_with(bytes));
            }
            for id in [&[1, 2, 0, 0, 0, 0, 3][..], &[0, 2], &[0, 9]] {
                same(book.leases_of_client(id).collect(), &|lease| lease.client_id == id);
            }
            for name in ["p", "phone-7", "phone-71.voice.example", "x"] {
                same(book.leases_called(name).collect(), &|lease| lease.host_name.to_lowercase().starts_with(name));
            }
        }

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
