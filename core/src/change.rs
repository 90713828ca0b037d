//! What an entry of the ledger says: who did what when, and what became different.

use crate::model::{
    Agent, Assignment, EnrolmentToken, FieldDefinition, Operator, Prefix, Reservation, Scope, Server, ServerStatus,
    Sighting, Space, SubnetId, View,
};
use crate::name::{
    AddressName, AgentName, FieldName, OperatorName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName,
    TokenName, ViewName,
};
use crate::refusal::Reason;
use crate::time::{Revision, Timestamp};
use std::fmt;
use std::sync::Arc;

macro_rules! records {
    ($($(#[$doc:meta])* $kind:ident($record:ty) by $name:ty = $word:literal, $suffix:literal;)*) => {
        /// One record of the state, of any kind.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Record {
            $($(#[$doc])* $kind(Arc<$record>),)*
            /// The number that the next scope gets.
            NextSubnetId(SubnetId),
        }

        /// What a record is called.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RecordKey {
            $($(#[$doc])* $kind($name),)*
            /// The number that the next scope gets.
            NextSubnetId,
        }

        impl RecordKey {
            /// The word of every kind.
            pub const KINDS: &[&str] = &[$($word,)* "next-subnet-id"];

            /// The kind's word, as filters and events write it.
            pub fn kind(&self) -> &'static str {
                match self { $(RecordKey::$kind(_) => $word,)* RecordKey::NextSubnetId => "next-subnet-id" }
            }
        }

        impl fmt::Display for RecordKey {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(RecordKey::$kind(name) => write!(f, concat!("{}", $suffix), name),)*
                    RecordKey::NextSubnetId => f.write_str("next-subnet-id"),
                }
            }
        }
    };
}

records! {
    /// A space.
    Space(Space) by SpaceName = "space", "";
    /// A prefix.
    Prefix(Prefix) by PrefixName = "prefix", "";
    /// A scope.
    Scope(Scope) by ScopeName = "scope", "";
    /// A reservation.
    Reservation(Reservation) by ReservationName = "reservation", "";
    /// What was decided about an address.
    Address(Assignment) by AddressName = "address", "";
    /// Somebody who answers on an address that was to be given out.
    Sighting(Sighting) by AddressName = "sighting", "/sighting";
    /// A server.
    Server(Server) by ServerName = "server", "";
    /// What is known of a server's obedience.
    ServerStatus(ServerStatus) by ServerName = "server-status", "/status";
    /// An agent.
    Agent(Agent) by AgentName = "agent", "";
    /// An enrolment token.
    Token(EnrolmentToken) by TokenName = "enrolment-token", "";
    /// An operator.
    Operator(Operator) by OperatorName = "operator", "";
    /// A custom field's definition.
    Field(FieldDefinition) by FieldName = "field-definition", "";
    /// A saved view.
    View(View) by ViewName = "view", "";
}

impl Record {
    /// What the record is called.
    pub fn key(&self) -> RecordKey {
        match self {
            Record::Space(space) => RecordKey::Space(space.name.clone()),
            Record::Prefix(prefix) => RecordKey::Prefix(prefix.name.clone()),
            Record::Scope(scope) => RecordKey::Scope(scope.name.clone()),
            Record::Reservation(reservation) => RecordKey::Reservation(reservation.name.clone()),
            Record::Address(assignment) => RecordKey::Address(assignment.name.clone()),
            Record::Sighting(sighting) => RecordKey::Sighting(sighting.name.clone()),
            Record::Server(server) => RecordKey::Server(server.name.clone()),
            Record::ServerStatus(status) => RecordKey::ServerStatus(status.server.clone()),
            Record::Agent(agent) => RecordKey::Agent(agent.name.clone()),
            Record::Token(token) => RecordKey::Token(token.name.clone()),
            Record::Operator(operator) => RecordKey::Operator(operator.name.clone()),
            Record::Field(field) => RecordKey::Field(field.name.clone()),
            Record::View(view) => RecordKey::View(view.name.clone()),
            Record::NextSubnetId(_) => RecordKey::NextSubnetId,
        }
    }
}

/// One record before and after: made, changed or gone. Its inverse is the two swapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    before: Option<Record>,
    after: Option<Record>,
}

impl Change {
    /// A record that was not there.
    pub fn made(after: Record) -> Self {
        Self { before: None, after: Some(after) }
    }

    /// A record that was different. Both must be of one name.
    pub fn changed(before: Record, after: Record) -> Self {
        debug_assert_eq!(before.key(), after.key(), "a change is of one record");
        Self { before: Some(before), after: Some(after) }
    }

    /// A record that is gone.
    pub fn gone(before: Record) -> Self {
        Self { before: Some(before), after: None }
    }

    /// A change as it was stored; `None` if it has neither side or two names.
    pub fn stored(before: Option<Record>, after: Option<Record>) -> Option<Self> {
        let fits = match (&before, &after) {
            (None, None) => false,
            (Some(before), Some(after)) => before.key() == after.key(),
            _ => true,
        };
        fits.then_some(Self { before, after })
    }

    /// The record as it was.
    pub fn before(&self) -> Option<&Record> {
        self.before.as_ref()
    }

    /// The record as it is.
    pub fn after(&self) -> Option<&Record> {
        self.after.as_ref()
    }

    /// This change and `next`, of the same record, as one; `None` if nothing comes of the two.
    pub(crate) fn then(self, next: Self) -> Option<Self> {
        debug_assert_eq!(self.after, next.before, "a change begins where the one before ended");
        Self::stored(self.before, next.after)
    }

    /// What the record is called.
    pub fn key(&self) -> RecordKey {
        let either = self.after.as_ref().or(self.before.as_ref());
        either.map(Record::key).expect("a change has a side: every constructor gives one")
    }
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// The identity, such as `operators/alice`, `agents/berlin-1` or `system`.
    pub principal: String,
    /// Serial number of the certificate that it showed; empty if it showed none.
    pub certificate_serial: String,
    /// Where it called from.
    pub address: String,
}

/// The mark of a request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMark {
    /// The caller's id of it, 1 to 64 printable ASCII characters; counted per principal.
    pub id: String,
    /// A hash of what was asked, to tell a repetition from a reuse.
    pub fingerprint: [u8; 16],
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done; the record that it was about comes first.
    Done(Vec<Change>),
    /// It was refused for want of a right; nothing changed.
    Denied {
        /// Why.
        reason: Reason,
        /// In words.
        message: String,
    },
}

/// One entry of the ledger: it is the audit record, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number; one more than the entry before.
    pub revision: Revision,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// The method called, such as `/freehold.v1.ScopeService/CreateScope`.
    pub method: String,
    /// The caller's request id, if it gave one.
    pub request: Option<RequestMark>,
    /// What came of it.
    pub outcome: Outcome,
}

impl Entry {
    /// The changes that it made.
    pub fn changes(&self) -> &[Change] {
        match &self.outcome {
            Outcome::Done(changes) => changes,
            Outcome::Denied { .. } => &[],
        }
    }
}
