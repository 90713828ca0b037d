//! The nouns, a file each. Fields are open where any value of their type is right; what must hold
//! between records is `decide`'s to keep and `check`'s to test.

mod agent;
mod assignment;
mod field;
mod operator;
mod prefix;
mod reservation;
mod scope;
mod server;
mod sighting;
mod space;
mod view;

pub use agent::{Agent, AgentState, CertificateRecord, EnrolmentToken, SecretHash, TokenUse};
pub use assignment::{Assignment, AssignmentKind, Phase, Rare};
pub use field::{FieldDefinition, FieldType, LabelledKind};
pub use operator::Operator;
pub use prefix::{Prefix, PrefixKind, PrefixStatus};
pub use reservation::Reservation;
pub use scope::{Exclusion, LeaseTimes, Link, PrefixPool, Scope, ScopeStatus, SubnetId};
pub use server::{
    Ability, Applied, Decided, ForeignSubnet, Found, LeaseStore, Left, Management, OwnFinding, RefusedBundle,
    Rejection, Report, Server, ServerKind, ServerStatus,
};
pub use sighting::Sighting;
pub use space::Space;
pub use view::{View, ViewKind};

use crate::time::{Revision, Timestamp};

/// When a record was made and last changed, and at which revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// The entry that last changed it; its etag.
    pub revision: Revision,
}

impl Stamp {
    /// The stamp of a record made by entry `revision` at `now`.
    pub fn made(now: Timestamp, revision: Revision) -> Self {
        Self { created: now, updated: now, revision }
    }

    /// The same record changed by entry `revision` at `now`.
    #[must_use]
    pub fn changed(self, now: Timestamp, revision: Revision) -> Self {
        Self { updated: now, revision, ..self }
    }
}
