//! Leases by whom they are of: 16 to 56 bytes a lease, kept by values that a renewal does not change.
//!
//! Keys are beginnings and hashes, so what is found is only likely: whoever asks looks at the lease itself.

use super::Lease;
use imbl::OrdSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// The bytes of a host name that are sorted by.
const NAME: usize = 16;

/// Leases of one family, whose addresses are `A`: by key, number of the server, address.
#[derive(Debug, Clone)]
struct Sorted<A: Ord + Copy> {
    hardware: OrdSet<(u64, u32, A)>,
    host_name: OrdSet<([u8; NAME], u32, A)>,
    /// By hash: client identifiers, DUIDs and whole host names.
    exact: OrdSet<(u64, u32, A)>,
}

impl<A: Ord + Copy> Default for Sorted<A> {
    fn default() -> Self {
        Self { hardware: OrdSet::new(), host_name: OrdSet::new(), exact: OrdSet::new() }
    }
}

/// All leases.
#[derive(Debug, Clone, Default)]
pub(super) struct Clients {
    v4: Sorted<u32>,
    v6: Sorted<u128>,
}

/// A server's number and an address.
pub(super) type Place = (u32, IpAddr);

/// What the lease is found by.
struct Keys {
    hardware: Option<u64>,
    host_name: Option<[u8; NAME]>,
    exact: Vec<u64>,
}

fn number(bytes: &[u8], rest: u8) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(rest)))
}

fn name(text: &str, rest: u8) -> [u8; NAME] {
    std::array::from_fn(|at| text.as_bytes().get(at).copied().unwrap_or(rest))
}

fn hash(kind: u8, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, bytes).hash(&mut hasher);
    hasher.finish()
}

/// Whether a client identifier only repeats an Ethernet address (RFC 2132 §9.14).
fn repeats_hardware(lease: &Lease) -> bool {
    lease.hardware.len() == 6
        && lease.client_id.split_first().is_some_and(|(kind, id)| *kind == 1 && id == lease.hardware)
}

fn keys(lease: &Lease) -> Keys {
    let called = lease.host_name.to_ascii_lowercase();
    let mut exact = Vec::new();
    if !lease.client_id.is_empty() && !repeats_hardware(lease) {
        exact.push(hash(b'c', &lease.client_id));
    }
    if !lease.duid.is_empty() {
        exact.push(hash(b'c', &lease.duid));
    }
    // A shorter name is found by its beginning.
    if called.len() > NAME {
        exact.push(hash(b'n', called.as_bytes()));
    }
    Keys {
        hardware: (!lease.hardware.is_empty()).then(|| number(&lease.hardware, 0)),
        host_name: (!called.is_empty()).then(|| name(&called, 0)),
        exact,
    }
}

/// Whether both are found by the same.
pub(super) fn alike(one: &Lease, other: &Lease) -> bool {
    (&one.hardware, &one.client_id, &one.duid, &one.host_name)
        == (&other.hardware, &other.client_id, &other.duid, &other.host_name)
}

impl<A: Ord + Copy> Sorted<A> {
    fn put(&mut self, keys: &Keys, server: u32, address: A) {
        self.hardware.extend(keys.hardware.map(|key| (key, server, address)));
        self.host_name.extend(keys.host_name.map(|key| (key, server, address)));
        self.exact.extend(keys.exact.iter().map(|key| (*key, server, address)));
    }

    fn take(&mut self, keys: &Keys, server: u32, address: A) {
        if let Some(key) = keys.hardware {
            self.hardware.remove(&(key, server, address));
        }
        if let Some(key) = keys.host_name {
            self.host_name.remove(&(key, server, address));
        }
        for key in &keys.exact {
            self.exact.remove(&(*key, server, address));
        }
    }
}

/// The places in both families with a key between two.
macro_rules! between {
    ($self:ident.$set:ident, $first:expr, $last:expr) => {{
        let (first, last) = ($first, $last);
        let v4 = $self.v4.$set.range((first, 0, 0)..=(last, u32::MAX, u32::MAX));
        let v6 = $self.v6.$set.range((first, 0, 0)..=(last, u32::MAX, u128::MAX));
        v4.map(|(_, server, address)| (*server, IpAddr::from(address.to_be_bytes())))
            .chain(v6.map(|(_, server, address)| (*server, IpAddr::from(address.to_be_bytes()))))
    }};
}

impl Clients {
    pub(super) fn put(&mut self, server: u32, lease: &Lease) {
        match lease.address {
            IpAddr::V4(address) => self.v4.put(&keys(lease), server, address.to_bits()),
            IpAddr::V6(address) => self.v6.put(&keys(lease), server, address.to_bits()),
        }
    }

    pub(super) fn take(&mut self, server: u32, lease: &Lease) {
        match lease.address {
            IpAddr::V4(address) => self.v4.take(&keys(lease), server, address.to_bits()),
            IpAddr::V6(address) => self.v6.take(&keys(lease), server, address.to_bits()),
        }
    }

    /// Those whose hardware address may begin with these bytes.
    pub(super) fn of_hardware(&self, bytes: &[u8]) -> impl Iterator<Item = Place> + '_ {
        between!(self.hardware, number(bytes, 0), number(bytes, u8::MAX))
    }

    /// Those whose host name may begin so, in lower case.
    pub(super) fn called(&self, beginning: &str) -> impl Iterator<Item = Place> + '_ {
        between!(self.host_name, name(beginning, 0), name(beginning, u8::MAX))
    }

    /// Those who may have this whole host name, in lower case, longer than what is sorted by.
    pub(super) fn called_exactly(&self, whole: &str) -> impl Iterator<Item = Place> + '_ {
        let key = hash(b'n', whole.as_bytes());
        between!(self.exact, key, key)
    }

    /// Those who may have this client identifier or DUID, unless it repeats the hardware address.
    pub(super) fn of_client(&self, bytes: &[u8]) -> impl Iterator<Item = Place> + '_ {
        let key = hash(b'c', bytes);
        between!(self.exact, key, key)
    }
}
