//! The orders that assignments and reservations are found in.

use super::sorted::Order;
use crate::client::ClientIdentity;
use crate::model::{Assignment, Reservation};
use crate::name::{AddressName, ReservationName};
use crate::net::to_number;
use crate::text::HostName;
use crate::time::Timestamp;
use std::cmp::Ordering;
use std::marker::PhantomData;

/// A record of an address that is for somebody.
pub(super) trait ForClient {
    type Name: Ord;

    fn name(&self) -> &Self::Name;
    fn client(&self) -> Option<&ClientIdentity>;
    fn host_name(&self) -> Option<&HostName>;
}

impl ForClient for Assignment {
    type Name = AddressName;

    fn name(&self) -> &AddressName {
        &self.name
    }

    fn client(&self) -> Option<&ClientIdentity> {
        self.client.as_ref()
    }

    fn host_name(&self) -> Option<&HostName> {
        self.host_name.as_ref()
    }
}

impl ForClient for Reservation {
    type Name = ReservationName;

    fn name(&self) -> &ReservationName {
        &self.name
    }

    fn client(&self) -> Option<&ClientIdentity> {
        Some(&self.client)
    }

    fn host_name(&self) -> Option<&HostName> {
        self.host_name.as_ref()
    }
}

/// Assignments of one space and family, by address.
pub(super) struct ByAddress;

impl Order for ByAddress {
    type Record = Assignment;
    type Place<'a> = u128;

    fn order(one: &Assignment, other: &Assignment) -> Ordering {
        one.name.address.cmp(&other.name.address)
    }

    fn order_place(place: &u128, record: &Assignment) -> Ordering {
        place.cmp(&to_number(record.name.address)).then(Ordering::Less)
    }
}

/// By the client, then by name. A place is the kind of client and the first bytes.
pub(super) struct ByClient<T>(PhantomData<T>);

impl<T: ForClient> Order for ByClient<T> {
    type Record = T;
    type Place<'a> = (u8, &'a [u8]);

    fn order(one: &T, other: &T) -> Ordering {
        let client = one.client().map(ClientIdentity::parts).cmp(&other.client().map(ClientIdentity::parts));
        client.then_with(|| one.name().cmp(other.name()))
    }

    fn order_place(place: &(u8, &[u8]), record: &T) -> Ordering {
        Some(*place).cmp(&record.client().map(ClientIdentity::parts)).then(Ordering::Less)
    }
}

/// By the host name, then by name. A place is the beginning of a host name.
pub(super) struct ByHostName<T>(PhantomData<T>);

impl<T: ForClient> Order for ByHostName<T> {
    type Record = T;
    type Place<'a> = &'a str;

    fn order(one: &T, other: &T) -> Ordering {
        one.host_name().cmp(&other.host_name()).then_with(|| one.name().cmp(other.name()))
    }

    fn order_place(place: &&str, record: &T) -> Ordering {
        Some(*place).cmp(&record.host_name().map(HostName::as_str)).then(Ordering::Less)
    }
}

/// By the time that they end by themselves, then by name. A place is a time, and a name among those that end then.
pub(super) struct ByEnd;

impl Order for ByEnd {
    type Record = Assignment;
    type Place<'a> = (Timestamp, Option<&'a AddressName>);

    fn order(one: &Assignment, other: &Assignment) -> Ordering {
        one.ends().cmp(&other.ends()).then_with(|| one.name.cmp(&other.name))
    }

    fn order_place((end, name): &Self::Place<'_>, record: &Assignment) -> Ordering {
        let by_name = || name.map_or(Ordering::Less, |name| name.cmp(&record.name));
        Some(*end).cmp(&record.ends()).then_with(by_name).then(Ordering::Less)
    }
}
