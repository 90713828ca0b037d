//! The orders that assignments and reservations are found in.

use super::packed::Packed;
use super::sorted::Order;
use crate::model::Reservation;
use crate::name::AddressName;
use crate::net::to_number;
use crate::time::Timestamp;
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::sync::Arc;

/// A record of an address that is for somebody.
pub(super) trait ForClient: Clone {
    /// The kind of client, and its bytes.
    fn client(&self) -> Option<(u8, &[u8])>;
    fn host_name(&self) -> Option<&[u8]>;
    fn cmp_name(&self, other: &Self) -> Ordering;
}

impl ForClient for Packed {
    fn client(&self) -> Option<(u8, &[u8])> {
        self.keys().client
    }

    fn host_name(&self) -> Option<&[u8]> {
        self.keys().host_name
    }

    fn cmp_name(&self, other: &Self) -> Ordering {
        self.keys().cmp_name(&other.keys())
    }
}

impl ForClient for Arc<Reservation> {
    fn client(&self) -> Option<(u8, &[u8])> {
        Some(self.client.parts())
    }

    fn host_name(&self) -> Option<&[u8]> {
        self.host_name.as_ref().map(|name| name.as_str().as_bytes())
    }

    fn cmp_name(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

/// The first sixteen bytes as a number.
fn first_bytes(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    let length = bytes.len().min(16);
    first[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(first)
}

/// Assignments of one space and family, by address.
pub(super) struct ByAddress;

impl Order for ByAddress {
    type Record = Packed;
    type Place<'a> = u128;

    fn order(one: &Packed, other: &Packed) -> Ordering {
        one.address().cmp(&other.address())
    }

    fn beginning(record: &Packed) -> u128 {
        to_number(record.address())
    }

    fn order_place(place: &u128, record: &Packed) -> Ordering {
        place.cmp(&to_number(record.address())).then(Ordering::Less)
    }
}

/// By the client, then by name. A place is the kind of client and the first bytes.
pub(super) struct ByClient<T>(PhantomData<T>);

impl<T: ForClient> Order for ByClient<T> {
    type Record = T;
    type Place<'a> = (u8, &'a [u8]);

    fn order(one: &T, other: &T) -> Ordering {
        one.client().cmp(&other.client()).then_with(|| one.cmp_name(other))
    }

    fn beginning(record: &T) -> u128 {
        record.client().map_or(0, |(kind, bytes)| u128::from(kind) << 120 | first_bytes(bytes) >> 8)
    }

    fn order_place(place: &(u8, &[u8]), record: &T) -> Ordering {
        Some(*place).cmp(&record.client()).then(Ordering::Less)
    }
}

/// By the host name, then by name. A place is the beginning of a host name.
pub(super) struct ByHostName<T>(PhantomData<T>);

impl<T: ForClient> Order for ByHostName<T> {
    type Record = T;
    type Place<'a> = &'a str;

    fn order(one: &T, other: &T) -> Ordering {
        one.host_name().cmp(&other.host_name()).then_with(|| one.cmp_name(other))
    }

    fn beginning(record: &T) -> u128 {
        record.host_name().map_or(0, first_bytes)
    }

    fn order_place(place: &&str, record: &T) -> Ordering {
        Some(place.as_bytes()).cmp(&record.host_name()).then(Ordering::Less)
    }
}

/// By the time that they end by themselves, then by name. A place is a time, and a name among those that end then.
pub(super) struct ByEnd;

impl Order for ByEnd {
    type Record = Packed;
    type Place<'a> = (Timestamp, Option<&'a AddressName>);

    fn order(one: &Packed, other: &Packed) -> Ordering {
        let (one, other) = (one.keys(), other.keys());
        one.end.cmp(&other.end).then_with(|| one.cmp_name(&other))
    }

    fn beginning(record: &Packed) -> u128 {
        record.keys().end.map_or(0, |end| u128::from(end.0.abs_diff(i64::MIN)))
    }

    fn order_place((end, name): &Self::Place<'_>, record: &Packed) -> Ordering {
        let keys = record.keys();
        let by_name = || name.map_or(Ordering::Less, |name| keys.cmp_to(name).reverse());
        Some(*end).cmp(&keys.end).then_with(by_name).then(Ordering::Less)
    }
}
