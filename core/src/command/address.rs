//! What addresses are asked for with.

use crate::client::ClientIdentity;
use crate::labels::{Labels, LabelsPatch};
use crate::lease::LeaseBook;
use crate::name::{PrefixName, ScopeName};
use crate::text::{HostName, Text};
use crate::time::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// Where addresses are to be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the pools of this scope.
    Scope(ScopeName),
    /// In this network, outside the ranges of its scope.
    Network(PrefixName),
    /// In the first of these networks that has room.
    OneOf(Vec<PrefixName>),
}

/// Which addresses are to be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The first free ones.
    Next {
        /// From here on; from the place's beginning if `None`.
        from: Option<IpAddr>,
    },
    /// Any free ones, each as likely.
    Random {
        /// From the operating system's randomness.
        seed: [u8; 16],
    },
    /// These, wherever in the network they lie.
    Given(Vec<IpAddr>),
}

/// What addresses are given out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Put aside.
    Hold {
        /// The deadline.
        until: Timestamp,
    },
    /// Given to a client.
    Claim {
        /// When it ends by itself.
        expires: Option<Timestamp>,
    },
    /// Reserved in the scope.
    Reservation,
}

/// What is said about an address that is given out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressDetails {
    /// Whom it is for.
    pub client: Option<ClientIdentity>,
    /// The client's host name.
    pub host_name: Option<HostName>,
    /// What it is for; a reservation's description.
    pub comment: Text,
    /// Whom to ask. A reservation has none.
    pub owner: Text,
    /// Tags and custom fields.
    pub labels: Labels,
}

/// Addresses to give out, all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// Where.
    pub place: Place,
    /// Which.
    pub choice: Choice,
    /// How many; of given ones the number of them.
    pub count: u32,
    /// As what.
    pub purpose: Purpose,
    /// What is said about them: one for all, or one each.
    pub details: Vec<AddressDetails>,
    /// Who asks: a principal.
    pub holder: Arc<str>,
    /// What servers lease. It may be a moment old: it spares a detour, and is not what proves an address free.
    pub leases: LeaseBook,
    /// ACTIVE at once, though a server might lease the address; and a given one even though it does.
    pub accept_risk: bool,
}

/// A lease to make something firmer of, for the client that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseConversion {
    /// The scope that the address is leased in.
    pub scope: ScopeName,
    /// The leased address.
    pub address: IpAddr,
    /// What it becomes.
    pub purpose: Purpose,
    /// What is said about it; the client and host name of the lease where these are not said.
    pub details: AddressDetails,
    /// Who asks: a principal.
    pub holder: Arc<str>,
    /// What servers lease.
    pub leases: LeaseBook,
    /// As in [`Allocation`].
    pub accept_risk: bool,
}

/// Fields of an assignment to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssignmentPatch {
    /// Whom it is for, or nobody.
    pub client: Option<Option<ClientIdentity>>,
    /// The host name, or none.
    pub host_name: Option<Option<HostName>>,
    /// What it is for.
    pub comment: Option<Text>,
    /// Whom to ask.
    pub owner: Option<Text>,
    /// When a claim ends by itself, or never.
    pub expires: Option<Option<Timestamp>>,
    /// Tags and custom fields.
    pub labels: LabelsPatch,
}

/// What was found out about an assignment: what its wait came to, or what a lease that came or ended makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// No server leases the address.
    Active,
    /// The lease against it is over. If a server could grant another one it is PENDING, else ACTIVE.
    Freed,
    /// Somebody else has it.
    Conflict {
        /// Who, in words.
        who: Text,
    },
}
