use super::{Scope, Stamp, SubnetId};
use crate::bundle::{Digest, Hash, Resource, ResourceKey};
use crate::lease::LeaseCursor;
use crate::name::{ServerName, SpaceName};
use crate::net::{Cidr, Family};
use crate::review::Check;
use crate::text::Text;
use crate::time::{Revision, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The software of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerKind {
    /// ISC Kea, DHCPv4.
    KeaDhcp4,
    /// ISC Kea, DHCPv6.
    KeaDhcp6,
}

impl ServerKind {
    /// The family of the networks that it serves.
    pub fn family(self) -> Family {
        match self {
            Self::KeaDhcp4 => Family::V4,
            Self::KeaDhcp6 => Family::V6,
        }
    }

    /// The protocol that it speaks.
    pub fn protocol(self) -> &'static str {
        match self.family() {
            Family::V4 => "DHCPv4",
            Family::V6 => "DHCPv6",
        }
    }
}

/// Whether Freehold changes a server's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Management {
    /// Seen and reported; never changed. So is every server until an operator says otherwise.
    Unmanaged,
    /// Freehold's parts of its configuration follow the plan.
    Managed,
}

/// A subnet that the server's own configuration has and Freehold does not own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForeignSubnet {
    /// Its network.
    pub network: Cidr,
    /// The id that the server knows it by.
    pub subnet_id: u32,
}

/// What a check found in the configuration that a server runs, by its agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnFinding {
    /// Which check; one of a configuration.
    pub check: Check,
    /// What was found.
    pub message: Text,
}

/// Something that a server's software can do where it is installed and loaded so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ability {
    /// Leases are added, read and taken away by command (Kea's `lease_cmds`).
    LeaseCommands,
    /// Counters are told (`stat_cmds`).
    Counters,
    /// Subnets change while it serves (`subnet_cmds`).
    SubnetCommands,
    /// Reservations change while it serves (`host_cmds`).
    HostCommands,
    /// Client classes change while it serves (`class_cmds`).
    ClassCommands,
    /// BOOTP is answered (`bootp`).
    Bootp,
    /// It has partners (`ha`).
    HighAvailability,
}

impl Ability {
    /// Every ability.
    pub const ALL: &[Self] = &[
        Self::LeaseCommands,
        Self::Counters,
        Self::SubnetCommands,
        Self::HostCommands,
        Self::ClassCommands,
        Self::Bootp,
        Self::HighAvailability,
    ];

    /// Its word: the name of Kea's hook.
    pub fn word(self) -> &'static str {
        match self {
            Self::LeaseCommands => "lease_cmds",
            Self::Counters => "stat_cmds",
            Self::SubnetCommands => "subnet_cmds",
            Self::HostCommands => "host_cmds",
            Self::ClassCommands => "class_cmds",
            Self::Bootp => "bootp",
            Self::HighAvailability => "ha",
        }
    }

    /// The ability of a word; `None` if this version does not know it.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|ability| ability.word() == word)
    }
}

/// Where a server keeps its leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseStore {
    /// In a file, which its agent follows.
    File,
    /// In memory alone.
    Volatile,
    /// In a database.
    Database,
}

/// What the agent found a server to be able to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it can do.
    pub abilities: BTreeSet<Ability>,
    /// By what it looks for reservations, in Kea's words: `hw-address`, `duid`.
    pub identifiers: BTreeSet<Text>,
    /// Where it keeps its leases.
    pub leases: LeaseStore,
}

impl Found {
    /// Most kinds of identifiers: Kea has five.
    pub const IDENTIFIERS_MAX: usize = 16;
}

/// What an agent reports of a server on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its software.
    pub kind: ServerKind,
    /// Its version, in its own words.
    pub version: Text,
    /// What it can do, if the agent says.
    pub found: Option<Found>,
    /// Subnets of its own.
    pub foreign_subnets: Vec<ForeignSubnet>,
    /// What is doubtful in the configuration that it runs.
    pub findings: Vec<OwnFinding>,
}

impl Report {
    /// A report of nothing but the software.
    pub fn of(kind: ServerKind) -> Self {
        let (foreign_subnets, findings) = Default::default();
        Self { kind, version: Text::default(), found: None, foreign_subnets, findings }
    }
}

/// A DHCP server on the host of an agent. The agent reports it; an operator manages it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its agent and short id.
    pub name: ServerName,
    /// Its software.
    pub kind: ServerKind,
    /// Its version, in its own words.
    pub version: Text,
    /// What it can do; `None` until its agent has said.
    pub found: Option<Found>,
    /// Whether Freehold changes it.
    pub management: Management,
    /// Subnets of its own, kept as they are; sorted.
    pub foreign_subnets: Vec<ForeignSubnet>,
    /// What is doubtful in the configuration that it runs, sorted, each check once.
    pub findings: Vec<OwnFinding>,
    /// What it is for.
    pub description: Text,
    /// Within how many seconds a change of it must be confirmed, or undoes itself (P14); `None` if it need not be.
    pub confirm_seconds: Option<u32>,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl Server {
    /// How long a server may be given to hear a confirmation, in seconds.
    pub const CONFIRM_SECONDS: std::ops::RangeInclusive<u32> = 10..=3600;

    /// A foreign subnet of it that shares addresses, or the id, with `scope`: it could not serve both.
    pub fn foreign_subnet_against(&self, scope: &Scope) -> Option<&ForeignSubnet> {
        let against =
            |own: &&ForeignSubnet| own.network.overlaps(&scope.network) || own.subnet_id == scope.subnet_id.number();
        self.foreign_subnets.iter().find(against)
    }
}

/// The bundle that a server was last proven to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The revision of the state that the bundle was made from.
    pub revision: Revision,
    /// The bundle's digest, as read back from the server.
    pub digest: Digest,
    /// When the controller was told.
    pub at: Timestamp,
    /// From the commit of that revision to the proof, in milliseconds.
    pub took_ms: u64,
    /// The barrier: where the lease spool stood with everything in it that the server had granted by then; `None` if that is
    /// not known.
    pub barrier: Option<LeaseCursor>,
}

/// A scope that a server was to run once and is not to run any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The space of its network.
    pub space: SpaceName,
    /// Its network.
    pub network: Cidr,
    /// With which revision it was taken off the server. What was proven at that one or later runs without it.
    pub since: Revision,
}

/// A resource that a server refused: another form of it, or none, is in its bundle until it is edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The refused form; another form is tried.
    pub hash: Hash,
    /// The field at fault, if the server says.
    pub field: Text,
    /// The server's own message.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// Set if what refused it lacks a feature that it needs: the edition that does. Another edition is tried.
    pub lacking: Option<Hash>,
    /// The form that the server runs and goes on with meanwhile; `None` if it runs none.
    pub instead: Option<Resource>,
}

/// A bundle that a server refused as a whole: no resource of it is at fault by itself, as far as anybody can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBundle {
    /// The digest of the bundle; any other bundle is tried.
    pub digest: Digest,
    /// The edition of the agent and the server that refused it: a hash of their versions and features. Another one is tried.
    pub edition: Hash,
    /// The server's own message.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// What a person decided about a server that its sessions could not decide, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What, in words.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

/// What is known of a server's obedience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStatus {
    /// Whose.
    pub server: ServerName,
    /// What it was last proven to run.
    pub applied: Option<Applied>,
    /// What it refused. A rejection whose hash is not that of the resource's present form is history.
    pub quarantine: BTreeMap<ResourceKey, Rejection>,
    /// What it may still run although it should not: it was not proven to run without, or its leases up to that proof are not
    /// known yet.
    pub left: BTreeMap<SubnetId, Left>,
    /// The bundle that it last refused as a whole. If it is not what the server should run now, it is history.
    pub refused: Option<RefusedBundle>,
    /// Why the last apply failed as a whole, in the server's own words; empty if it did not.
    pub last_error: String,
    /// What a person last decided about it.
    pub decided: Option<Decided>,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl ServerStatus {
    /// Whether the server goes on with another form of the scope, because it refused a newer one.
    pub fn runs_older(&self, scope: &Scope) -> bool {
        self.quarantine.get(&ResourceKey::of_scope(&scope.name)).is_some_and(|rejection| rejection.instead.is_some())
    }
}
