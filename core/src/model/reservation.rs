use super::Stamp;
use crate::client::ClientIdentity;
use crate::labels::Labels;
use crate::name::ReservationName;
use crate::net::Cidr;
use crate::text::{HostName, Text};

/// A fixed address for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its scope and address.
    pub name: ReservationName,
    /// Whom it is for.
    pub client: ClientIdentity,
    /// Prefixes that are delegated to the client, sorted, disjoint; IPv6 only.
    pub prefixes: Vec<Cidr>,
    /// The host name that the client is given.
    pub host_name: Option<HostName>,
    /// What it is for.
    pub description: Text,
    /// Tags and custom fields of its own.
    pub labels: Labels,
    /// When it was made and changed.
    pub stamp: Stamp,
}
