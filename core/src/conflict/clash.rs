use super::touch::one_way;
use crate::bundle::ResourceKey;
use crate::change::RecordKey;
use crate::client::ClientIdentity;
use crate::lease::Lease;
use crate::model::{Assignment, ForeignSubnet, Rejection, Reservation, Scope, Sighting};
use crate::name::{AddressName, ConflictName, ServerName, SpaceName};
use crate::net::Cidr;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The kind of a conflict, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConflictKind {
    /// A held or claimed address is leased to another client.
    LeaseOnAssigned,
    /// A reserved address is leased to another client.
    LeaseOnReserved,
    /// Two servers lease one address to two clients.
    LeasedTwice,
    /// A client with an address of its own leases another one in the same network.
    ClientElsewhere,
    /// Somebody answers on an address that is free.
    AnswersThoughFree,
    /// Two scopes that share addresses are to be served by one server.
    ScopesOverlap,
    /// A server serves by its own configuration what a scope serves.
    ForeignSubnet,
    /// A server refused a scope, reservation or claim, so that it is not served.
    Refused,
}

impl ConflictKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::LeaseOnAssigned,
        Self::LeaseOnReserved,
        Self::LeasedTwice,
        Self::ClientElsewhere,
        Self::AnswersThoughFree,
        Self::ScopesOverlap,
        Self::ForeignSubnet,
        Self::Refused,
    ];
}

/// An address that somebody gave to a client: a hold, a claim or a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Firm {
    /// A hold or a claim.
    Assigned(Arc<Assignment>),
    /// A reservation, and the space of its scope.
    Reserved(SpaceName, Arc<Reservation>),
}

impl Firm {
    /// Its space and address.
    pub fn address(&self) -> AddressName {
        match self {
            Self::Assigned(assignment) => assignment.name.clone(),
            Self::Reserved(space, reservation) => {
                AddressName { space: space.clone(), address: reservation.name.address }
            }
        }
    }

    /// The record that it is.
    pub fn record(&self) -> RecordKey {
        match self {
            Self::Assigned(assignment) => RecordKey::Address(assignment.name.clone()),
            Self::Reserved(_, reservation) => RecordKey::Reservation(reservation.name.clone()),
        }
    }

    /// Whom it is for.
    pub fn client(&self) -> Option<&ClientIdentity> {
        match self {
            Self::Assigned(assignment) => assignment.client.as_ref(),
            Self::Reserved(_, reservation) => Some(&reservation.client),
        }
    }

    pub(super) fn since(&self) -> Timestamp {
        match self {
            Self::Assigned(assignment) => assignment.stamp.created,
            Self::Reserved(_, reservation) => reservation.stamp.created,
        }
    }
}

/// What contradicts what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// A held, claimed or reserved address is leased to another client.
    LeaseAgainst {
        /// Whose it should be.
        firm: Firm,
        /// Who leased it.
        server: ServerName,
        /// The lease.
        lease: Arc<Lease>,
    },
    /// Two servers lease one address to two clients.
    LeasedTwice {
        /// The address.
        name: AddressName,
        /// The first server and its lease.
        one: (ServerName, Arc<Lease>),
        /// The other.
        other: (ServerName, Arc<Lease>),
    },
    /// A client with an address of its own leases another one in the same network.
    ClientElsewhere {
        /// The address of its own.
        firm: Firm,
        /// Who leased the other.
        server: ServerName,
        /// The other.
        lease: Arc<Lease>,
    },
    /// Somebody answers on an address that nobody was given.
    Answers(Arc<Sighting>),
    /// Two active scopes of two spaces share addresses and have one server.
    ScopesOverlap {
        /// The server.
        server: ServerName,
        /// The first by name.
        one: Arc<Scope>,
        /// The other.
        other: Arc<Scope>,
    },
    /// A server serves by its own configuration what a scope serves.
    ForeignSubnet {
        /// The server.
        server: ServerName,
        /// Its own subnet.
        foreign: ForeignSubnet,
        /// The scope.
        scope: Arc<Scope>,
    },
    /// A server refused a resource in just the form that it has now.
    Refused {
        /// The server.
        server: ServerName,
        /// The resource.
        key: ResourceKey,
        /// What it is made of.
        record: RecordKey,
        /// Its scope.
        scope: Arc<Scope>,
        /// What the server said.
        rejection: Rejection,
    },
}

/// An address as text whose order is that of the addresses.
fn sorted(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("4{:08x}", u32::from(v4)),
        IpAddr::V6(v6) => format!("6{:032x}", u128::from(v6)),
    }
}

impl Clash {
    /// Its kind.
    pub fn kind(&self) -> ConflictKind {
        match self {
            Self::LeaseAgainst { firm: Firm::Assigned(_), .. } => ConflictKind::LeaseOnAssigned,
            Self::LeaseAgainst { firm: Firm::Reserved(..), .. } => ConflictKind::LeaseOnReserved,
            Self::LeasedTwice { .. } => ConflictKind::LeasedTwice,
            Self::ClientElsewhere { .. } => ConflictKind::ClientElsewhere,
            Self::Answers(_) => ConflictKind::AnswersThoughFree,
            Self::ScopesOverlap { .. } => ConflictKind::ScopesOverlap,
            Self::ForeignSubnet { .. } => ConflictKind::ForeignSubnet,
            Self::Refused { .. } => ConflictKind::Refused,
        }
    }

    /// Where in the plan it is.
    pub fn places(&self) -> Vec<(SpaceName, Cidr)> {
        let of = |firm: &Firm| {
            let AddressName { space, address } = firm.address();
            (space, address)
        };
        match self {
            Self::LeaseAgainst { firm, .. } => {
                let (space, address) = of(firm);
                vec![(space, Cidr::of_one(address))]
            }
            Self::LeasedTwice { name, .. } => vec![(name.space.clone(), Cidr::of_one(name.address))],
            Self::Answers(sighting) => vec![(sighting.name.space.clone(), Cidr::of_one(sighting.name.address))],
            Self::ClientElsewhere { firm, lease, .. } => {
                let (space, address) = of(firm);
                vec![(space.clone(), Cidr::of_one(address)), (space, Cidr::of_one(lease.address))]
            }
            Self::ScopesOverlap { one, other, .. } => {
                [one, other].map(|scope| (scope.space.clone(), scope.network)).into()
            }
            Self::ForeignSubnet { scope, .. } => vec![(scope.space.clone(), scope.network)],
            Self::Refused { scope, record, .. } => {
                let cidr = match record {
                    RecordKey::Reservation(name) => Cidr::of_one(name.address),
                    RecordKey::Address(name) => Cidr::of_one(name.address),
                    _ => scope.network,
                };
                vec![(scope.space.clone(), cidr)]
            }
        }
    }

    /// The servers that take part in it.
    pub fn servers(&self) -> Vec<&ServerName> {
        match self {
            Self::LeasedTwice { one, other, .. } => vec![&one.0, &other.0],
            Self::Answers(_) => Vec::new(),
            Self::LeaseAgainst { server, .. }
            | Self::ClientElsewhere { server, .. }
            | Self::ScopesOverlap { server, .. }
            | Self::ForeignSubnet { server, .. }
            | Self::Refused { server, .. } => vec![server],
        }
    }

    /// The names of everything that takes part in it, servers aside.
    pub fn resources(&self) -> Vec<String> {
        let leased = |server: &ServerName, lease: &Lease| format!("{server}/leases/{}", lease.address);
        match self {
            Self::LeaseAgainst { firm, server, lease } | Self::ClientElsewhere { firm, server, lease } => {
                vec![firm.record().to_string(), leased(server, lease)]
            }
            Self::LeasedTwice { one, other, .. } => {
                vec![leased(&one.0, &one.1), leased(&other.0, &other.1)]
            }
            Self::Answers(sighting) => vec![sighting.name.to_string()],
            Self::ScopesOverlap { one, other, .. } => vec![one.name.to_string(), other.name.to_string()],
            Self::ForeignSubnet { scope, .. } => vec![scope.name.to_string()],
            Self::Refused { record, .. } => vec![record.to_string()],
        }
    }

    /// Since when it can be, by what is known of both sides: a lease counts from its last renewal.
    pub(super) fn since(&self) -> Timestamp {
        match self {
            Self::LeaseAgainst { firm, lease, .. } | Self::ClientElsewhere { firm, lease, .. } => {
                firm.since().max(lease.cltt)
            }
            Self::LeasedTwice { one, other, .. } => one.1.cltt.max(other.1.cltt),
            Self::Answers(sighting) => sighting.stamp.created,
            Self::ScopesOverlap { one, other, .. } => one.stamp.updated.max(other.stamp.updated),
            Self::ForeignSubnet { scope, .. } => scope.stamp.updated,
            Self::Refused { rejection, .. } => rejection.at,
        }
    }

    /// What it is found by again: the same for the same conflict at another time, after a restart too. Sorts by kind,
    /// then by place.
    pub(super) fn key(&self) -> String {
        let place = |space: &SpaceName, address: IpAddr| format!("{} {}", space.id(), sorted(address));
        let rest = match self {
            Self::LeaseAgainst { firm, server, .. } => {
                let AddressName { space, address } = firm.address();
                format!("{} {server}", place(&space, address))
            }
            Self::LeasedTwice { name, one, other, .. } => {
                format!("{} {} {}", place(&name.space, name.address), one.0, other.0)
            }
            Self::ClientElsewhere { firm, server, lease } => {
                let AddressName { space, address } = firm.address();
                let client = firm.client().map(|client| one_way(client).to_string()).unwrap_or_default();
                format!("{} {server} {} {client}", place(&space, address), sorted(lease.address))
            }
            Self::Answers(sighting) => place(&sighting.name.space, sighting.name.address),
            Self::ScopesOverlap { one, other, .. } => format!("{} {}", one.name, other.name),
            Self::ForeignSubnet { server, foreign, scope } => {
                format!("{} {server} {} {}", scope.name, foreign.network, foreign.subnet_id)
            }
            Self::Refused { server, key, .. } => format!("{server} {key}"),
        };
        format!("{} {rest}", self.kind() as u8)
    }
}

/// A conflict that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its name, the same after a restart.
    pub name: ConflictName,
    /// What contradicts what.
    pub clash: Clash,
    /// Since when it can be, by what is known of both sides; does not move while it is there.
    pub since: Timestamp,
    /// When it was first noticed since the controller started.
    pub first_seen: Timestamp,
}

impl Conflict {
    pub(super) fn noticed(clash: Clash, key: &str, now: Timestamp) -> Self {
        let digest = Sha256::digest(key);
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        let name = ConflictName::from_id(&Hexadecimal(&id).to_string()).expect("sixteen digits are a name");
        Self { name, since: clash.since(), clash, first_seen: now }
    }
}

struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
