use super::Stamp;
use crate::client::ClientIdentity;
use crate::labels::Labels;
use crate::name::AddressName;
use crate::text::{HostName, Text};
use crate::time::Timestamp;
use std::sync::Arc;

/// What an address was put aside as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssignmentKind {
    /// For one caller, until a deadline; free again by itself then.
    Hold {
        /// The deadline.
        until: Timestamp,
    },
    /// For a client, until it is released, or expires.
    Claim {
        /// When it ends by itself; `None` if it does not.
        expires: Option<Timestamp>,
    },
}

/// How sure it is that no DHCP server leases the address to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// A server may lease it until it applied a bundle without it, and its lease events up to then are in.
    Pending,
    /// No server leases it.
    Active,
    /// Another client has it; somebody has to settle that.
    Conflict,
}

/// What was decided about one address: it is held or claimed.
///
/// A state keeps it in another form, of a hundred bytes; this one is for whoever looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its space and address.
    pub name: AddressName,
    /// Held or claimed, and until when.
    pub kind: AssignmentKind,
    /// Whether it can be relied on.
    pub phase: Phase,
    /// Whether it was made ACTIVE at the caller's risk, without waiting for a server.
    pub risk_accepted: bool,
    /// Who asked for it: a principal, such as `operators/alice`.
    pub holder: Arc<str>,
    /// Whom it is for.
    pub client: Option<ClientIdentity>,
    /// The client's host name.
    pub host_name: Option<HostName>,
    /// What few assignments have; absent where all of it is empty.
    pub rare: Option<Box<Rare>>,
    /// When it was made and changed.
    pub stamp: Stamp,
}

/// What few assignments have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rare {
    /// What it is for.
    pub comment: Text,
    /// Whom to ask.
    pub owner: Text,
    /// Who else has the address, while it is in conflict.
    pub conflict: Text,
    /// Tags and custom fields of its own.
    pub labels: Labels,
}

impl Rare {
    /// The same in the form that an assignment keeps.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Assignment {
    /// When it ends by itself.
    pub fn ends(&self) -> Option<Timestamp> {
        match self.kind {
            AssignmentKind::Hold { until } => Some(until),
            AssignmentKind::Claim { expires } => expires,
        }
    }

    /// Whether it is a hold.
    pub fn is_hold(&self) -> bool {
        matches!(self.kind, AssignmentKind::Hold { .. })
    }

    /// Tags and custom fields of its own.
    pub fn labels(&self) -> &Labels {
        static NONE: Labels = Labels::NONE;
        self.rare.as_ref().map_or(&NONE, |rare| &rare.labels)
    }

    /// What few assignments have, all of it empty where there is nothing.
    pub fn rare(&self) -> Rare {
        self.rare.as_deref().cloned().unwrap_or_default()
    }
}
