//! What a line of a file says, in core's own types. A row does not say what is to be done with it: that is the plan's to
//! find out, by comparing it with the state.

use super::labels::Labels;
use super::layout::Table;
use crate::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use crate::command::NewScope;
use crate::lease::Lease;
use crate::model::{PrefixKind, PrefixStatus};
use crate::name::{PrefixName, ReservationName, ScopeName, ServerName, SpaceName};
use crate::net::{AddressRange, Cidr};
use crate::text::{HostName, Text};
use crate::time::Timestamp;
use std::net::IpAddr;

/// One line of a file, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The physical line, from 1, that it begins on.
    pub line: u64,
    /// What it says.
    pub item: Item,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// There is a prefix.
    Prefix(PrefixRow),
    /// An address has an owner, or is given out by DHCP.
    Address(AddressRow),
    /// Addresses from a first to a last are for something.
    Range(RangeRow),
    /// A client has a fixed address.
    Reservation(ReservationRow),
    /// There is a scope.
    Scope(ScopeRow),
    /// A server granted a lease.
    Lease(LeaseRow),
}

impl Item {
    /// The table that it belongs to.
    pub fn table(&self) -> Table {
        match self {
            Self::Prefix(_) => Table::Prefixes,
            Self::Address(_) => Table::Addresses,
            Self::Range(_) => Table::Ranges,
            Self::Reservation(_) => Table::Reservations,
            Self::Scope(_) => Table::Scopes,
            Self::Lease(_) => Table::Leases,
        }
    }

    /// Its tags and custom fields; leases have none.
    pub fn labels(&self) -> Option<&Labels> {
        match self {
            Self::Prefix(row) => Some(&row.labels),
            Self::Address(row) => Some(&row.labels),
            Self::Range(row) => Some(&row.labels),
            Self::Reservation(row) => Some(&row.labels),
            Self::Scope(row) => Some(&row.labels),
            Self::Lease(_) => None,
        }
    }

    pub(super) fn labels_mut(&mut self) -> Option<&mut Labels> {
        match self {
            Self::Prefix(row) => Some(&mut row.labels),
            Self::Address(row) => Some(&mut row.labels),
            Self::Range(row) => Some(&mut row.labels),
            Self::Reservation(row) => Some(&mut row.labels),
            Self::Scope(row) => Some(&mut row.labels),
            Self::Lease(_) => None,
        }
    }
}

/// A prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRow {
    /// Its space and CIDR.
    pub name: PrefixName,
    /// What it holds; `None` where the file does not say: a container if it turns out to hold prefixes.
    pub kind: Option<PrefixKind>,
    /// How far it has come; `None` where the file does not say.
    pub status: Option<PrefixStatus>,
    /// A heading.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// Tags and custom fields.
    pub labels: Labels,
}

/// What an address is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// Given to a named client: a claim.
    Claim,
    /// Given out by DHCP or formed by SLAAC when the file was written. No claim: that would take the address from its pool.
    Dynamic,
}

/// An address and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRow {
    /// Its space.
    pub space: SpaceName,
    /// The address.
    pub address: IpAddr,
    /// Whether it is claimed.
    pub kind: AddressKind,
    /// The client's hardware address.
    pub hardware: Option<HardwareAddress>,
    /// The client's identifier.
    pub client_id: Option<ClientId>,
    /// The client's DUID.
    pub duid: Option<Duid>,
    /// Its host name.
    pub host_name: Option<HostName>,
    /// Who answers for it.
    pub owner: Text,
    /// What it is for.
    pub comment: Text,
    /// When the claim ends.
    pub expires: Option<Timestamp>,
    /// Tags and custom fields.
    pub labels: Labels,
}

/// What a range is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RangeKind {
    /// Leased by its scope.
    Pool,
    /// Never leased.
    Exclusion,
    /// Written down only: the source does not say that a server acts on it.
    Note,
}

/// Addresses from a first to a last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeRow {
    /// Its space.
    pub space: SpaceName,
    /// Its scope, if the file names one; else that of the network that covers it.
    pub scope: Option<ScopeName>,
    /// The addresses.
    pub range: AddressRange,
    /// What it is for.
    pub kind: RangeKind,
    /// Why.
    pub comment: Text,
    /// Tags and custom fields.
    pub labels: Labels,
}

/// A fixed address of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationRow {
    /// Its scope and address.
    pub name: ReservationName,
    /// Whom it is for.
    pub client: ClientIdentity,
    /// Prefixes that are delegated to the client.
    pub prefixes: Vec<Cidr>,
    /// The host name that the client is given.
    pub host_name: Option<HostName>,
    /// What it is for.
    pub description: Text,
    /// Tags and custom fields.
    pub labels: Labels,
}

/// A scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRow {
    /// All of it.
    pub scope: NewScope,
    /// Tags and custom fields.
    pub labels: Labels,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// Who granted it.
    pub server: ServerName,
    /// The lease as the server told it.
    pub lease: Lease,
}
