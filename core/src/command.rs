//! What may be asked of the state. A command carries parsed values only, and everything random or
//! secret that it needs, so that `decide` stays a function.

mod address;
mod plan;

pub use address::{AddressDetails, Allocation, AssignmentPatch, Choice, LeaseConversion, Outcome, Place, Purpose};
pub use plan::{FieldPatch, NewField, NewView, PrefixDraft, PrefixPatch, SpacePatch, ViewPatch};

use crate::access::{Grant, Role};
use crate::bundle::{Hash, ResourceKey};
use crate::client::{ClientIdentity, HardwareAddress};
use crate::labels::{Labels, LabelsPatch};
use crate::model::{
    Applied, CertificateRecord, Exclusion, LeaseTimes, Link, Management, PrefixPool, RefusedBundle, Rejection, Report,
    ScopeStatus, SecretHash,
};
use crate::name::{
    AddressName, AgentName, FieldName, OperatorName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName,
    TokenName, ViewName,
};
use crate::net::{AddressRange, Cidr};
use crate::option::Options;
use crate::text::{HostName, Text};
use crate::time::{Revision, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// The revision that the caller read; `None` where it does not care.
pub type Etag = Option<Revision>;

/// A scope to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewScope {
    /// Its name.
    pub name: ScopeName,
    /// The space of its network.
    pub space: SpaceName,
    /// The network prefix that it serves.
    pub network: Cidr,
    /// What may be leased.
    pub ranges: Vec<AddressRange>,
    /// What in the ranges may not.
    pub exclusions: Vec<Exclusion>,
    /// Blocks out of which prefixes are delegated.
    pub prefix_pools: Vec<PrefixPool>,
    /// Options.
    pub options: Options,
    /// Lease times.
    pub lease_times: LeaseTimes,
    /// Which clients are on its link.
    pub link: Link,
    /// Whether it leases.
    pub status: ScopeStatus,
    /// The server that serves it.
    pub server: Option<ServerName>,
    /// What it is for.
    pub description: Text,
    /// Its labels.
    pub labels: Labels,
}

/// Fields of a scope to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopePatch {
    /// What may be leased, all of it.
    pub ranges: Option<Vec<AddressRange>>,
    /// What in the ranges may not, all of it.
    pub exclusions: Option<Vec<Exclusion>>,
    /// Blocks out of which prefixes are delegated, all of them.
    pub prefix_pools: Option<Vec<PrefixPool>>,
    /// Options, all of them.
    pub options: Option<Options>,
    /// Lease times.
    pub lease_times: Option<LeaseTimes>,
    /// Which clients are on its link.
    pub link: Option<Link>,
    /// Whether it leases.
    pub status: Option<ScopeStatus>,
    /// The server, or none.
    pub server: Option<Option<ServerName>>,
    /// What it is for.
    pub description: Option<Text>,
    /// New labels.
    pub labels: LabelsPatch,
}

impl NewScope {
    /// A scope of which nothing else is said: active, on no server, leasing nothing.
    pub fn of(name: ScopeName, network: PrefixName) -> Self {
        Self {
            name,
            space: network.space,
            network: network.cidr,
            ranges: Vec::new(),
            exclusions: Vec::new(),
            prefix_pools: Vec::new(),
            options: Options::default(),
            lease_times: LeaseTimes::default(),
            link: Link::default(),
            status: ScopeStatus::Active,
            server: None,
            description: Text::default(),
            labels: Labels::NONE,
        }
    }
}

/// A reservation to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReservation {
    /// The scope and address.
    pub name: ReservationName,
    /// Whom it is for.
    pub client: ClientIdentity,
    /// Prefixes that are delegated to the client.
    pub prefixes: Vec<Cidr>,
    /// The host name that the client is given.
    pub host_name: Option<HostName>,
    /// What it is for.
    pub description: Text,
    /// Its labels.
    pub labels: Labels,
}

impl NewReservation {
    /// A reservation of which nothing else is said.
    pub fn of(name: ReservationName, client: ClientIdentity) -> Self {
        let (description, labels) = (Text::default(), Labels::NONE);
        Self { name, client, prefixes: Vec::new(), host_name: None, description, labels }
    }
}

/// Fields of a reservation to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReservationPatch {
    /// Whom it is for.
    pub client: Option<ClientIdentity>,
    /// Prefixes that are delegated to the client, all of them.
    pub prefixes: Option<Vec<Cidr>>,
    /// The host name, or none.
    pub host_name: Option<Option<HostName>>,
    /// What it is for.
    pub description: Option<Text>,
    /// New labels.
    pub labels: LabelsPatch,
}

/// Fields of a server to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerPatch {
    /// Whether Freehold changes it.
    pub management: Option<Management>,
    /// What it is for.
    pub description: Option<Text>,
    /// Within how many seconds a change must be confirmed, or none.
    pub confirm_seconds: Option<Option<u32>>,
}

/// Fields of an operator to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperatorPatch {
    /// What it may do everywhere, all of it.
    pub roles: Option<BTreeSet<Role>>,
    /// What it may do within places, all of it.
    pub grants: Option<BTreeSet<Grant>>,
    /// Whether it is shut out.
    pub disabled: Option<bool>,
}

/// What may be asked of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make a space.
    CreateSpace {
        /// Its name.
        name: SpaceName,
        /// A heading.
        title: Text,
        /// What it is for.
        description: Text,
        /// Its labels.
        labels: Labels,
    },
    /// Change a space.
    UpdateSpace {
        /// Which.
        name: SpaceName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: SpacePatch,
    },
    /// Delete an empty space.
    DeleteSpace {
        /// Which.
        name: SpaceName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Put a prefix into the plan.
    CreatePrefix {
        /// Its space and CIDR.
        name: PrefixName,
        /// What it is.
        draft: PrefixDraft,
    },
    /// Change a prefix.
    UpdatePrefix {
        /// Which.
        name: PrefixName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: PrefixPatch,
    },
    /// Take a prefix out of the plan; it must hold nothing.
    DeletePrefix {
        /// Which.
        name: PrefixName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Make the first free blocks of a length in a container prefixes: all of them or none.
    CarvePrefixes {
        /// The container.
        parent: PrefixName,
        /// How many bits each has.
        length: u8,
        /// How many.
        count: u32,
        /// What each is.
        draft: PrefixDraft,
    },
    /// Split a prefix into equal parts.
    SplitPrefix {
        /// Which.
        name: PrefixName,
        /// As the caller read it.
        etag: Etag,
        /// How many bits each part has.
        length: u8,
        /// Take it out of the plan; if not, it is the container of its parts.
        remove_original: bool,
    },
    /// Make one prefix of several.
    JoinPrefixes {
        /// Which, each as the caller read it.
        pieces: Vec<(PrefixName, Etag)>,
    },
    /// Grow or shrink a prefix.
    ResizePrefix {
        /// Which.
        name: PrefixName,
        /// As the caller read it.
        etag: Etag,
        /// What it becomes; around it or inside it.
        cidr: Cidr,
    },
    /// Define a custom field.
    CreateField(NewField),
    /// Change a custom field's definition.
    UpdateField {
        /// Which.
        name: FieldName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: FieldPatch,
    },
    /// Delete a custom field that has no value anywhere.
    DeleteField {
        /// Which.
        name: FieldName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Save a view.
    CreateView(NewView),
    /// Change a view.
    UpdateView {
        /// Which.
        name: ViewName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: ViewPatch,
    },
    /// Delete a view; its members stay.
    DeleteView {
        /// Which.
        name: ViewName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Make a scope.
    CreateScope(NewScope),
    /// Change a scope.
    UpdateScope {
        /// Which.
        name: ScopeName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: ScopePatch,
    },
    /// Delete a scope.
    DeleteScope {
        /// Which.
        name: ScopeName,
        /// As the caller read it.
        etag: Etag,
        /// Its reservations too, if it has any.
        force: bool,
    },
    /// Reserve an address.
    CreateReservation(NewReservation),
    /// Change a reservation.
    UpdateReservation {
        /// Which.
        name: ReservationName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: ReservationPatch,
    },
    /// Give a reserved address back.
    DeleteReservation {
        /// Which.
        name: ReservationName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Give addresses out; see [`Allocation`]. The changes are in the order of the addresses.
    Allocate(Allocation),
    /// Move a hold's deadline.
    ExtendHold {
        /// Which.
        name: AddressName,
        /// As the caller read it.
        etag: Etag,
        /// The new deadline.
        until: Timestamp,
    },
    /// Change what is said about a held or claimed address.
    UpdateAssignment {
        /// Which.
        name: AddressName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: AssignmentPatch,
    },
    /// Make a hold a claim; the address stays.
    ClaimHold {
        /// Which.
        name: AddressName,
        /// As the caller read it.
        etag: Etag,
        /// When the claim ends by itself, and what else to say about it.
        patch: AssignmentPatch,
    },
    /// Make a lease a claim, a hold or a reservation.
    ConvertLease(LeaseConversion),
    /// Make a held or claimed address a reservation of its scope.
    ConvertToReservation {
        /// Which.
        name: AddressName,
        /// As the caller read it.
        etag: Etag,
        /// Whom it is for, where the assignment does not say, or says another.
        client: Option<ClientIdentity>,
    },
    /// Make a reservation a claim.
    ConvertToClaim {
        /// Which.
        name: ReservationName,
        /// As the caller read it.
        etag: Etag,
        /// When the claim ends by itself.
        expires: Option<Timestamp>,
        /// Who asks: a principal.
        holder: Arc<str>,
    },
    /// Give a reservation another address of its scope.
    MoveReservation {
        /// Which.
        name: ReservationName,
        /// As the caller read it.
        etag: Etag,
        /// The new address.
        to: IpAddr,
    },
    /// Give a held or claimed address back.
    Release {
        /// Which.
        name: AddressName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Take note of what the wait of an assignment came to; nothing, if it is not as it was when that was found out.
    Settle {
        /// Which.
        name: AddressName,
        /// The revision that it was last changed at.
        revision: Revision,
        /// What it came to.
        outcome: Outcome,
    },
    /// Take note that somebody answers on an address that was to be given out.
    RecordSighting {
        /// Which.
        name: AddressName,
        /// Who answered, where that is known.
        hardware: Option<HardwareAddress>,
        /// The agent that asked.
        agent: AgentName,
    },
    /// Forget who answers on an address.
    ClearSighting {
        /// Which.
        name: AddressName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Free what ends by itself and is over.
    Expire {
        /// How many at most.
        most: u32,
    },
    /// Take note of a server that an agent found, or of what became different about it.
    ReportServer {
        /// Its agent and short id.
        name: ServerName,
        /// What it is.
        report: Report,
    },
    /// Change how a server is treated.
    UpdateServer {
        /// Which.
        name: ServerName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: ServerPatch,
    },
    /// Forget a server that serves no scope.
    DeleteServer {
        /// Which.
        name: ServerName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Take note of what a server was proven to run.
    RecordApplied {
        /// Which.
        server: ServerName,
        /// What it runs.
        applied: Applied,
    },
    /// Take note of what a server refused.
    RecordRejected {
        /// Which.
        server: ServerName,
        /// The resources refused, put into quarantine.
        rejections: BTreeMap<ResourceKey, Rejection>,
        /// Why the whole apply failed; empty if it did not.
        error: String,
        /// The bundle, if it was refused and no resource is at fault by itself.
        bundle: Option<RefusedBundle>,
    },
    /// Forget what a server was taken off: it was proven to run without, and its leases up to then are known.
    ForgetLeft {
        /// Which.
        server: ServerName,
        /// What it was taken off at this revision or before.
        up_to: Revision,
    },
    /// Forget refusals of a server, so that it is asked again.
    LiftRefusals {
        /// Which.
        server: ServerName,
        /// The edition that answers now: only refusals that hang on another one are lifted. `None` lifts all.
        edition: Option<Hash>,
    },
    /// Put on record what a person decided about a server; its session carries it out. Each time is a decision of its own.
    NoteDecision {
        /// Which.
        server: ServerName,
        /// What was decided, in words.
        what: String,
    },
    /// Give the right to enrol one agent.
    CreateToken {
        /// Its name.
        name: TokenName,
        /// The agent that it makes.
        agent: AgentName,
        /// Its secret's hash.
        secret: SecretHash,
        /// When it ends.
        expires: Timestamp,
    },
    /// Take the right back.
    DeleteToken {
        /// Which.
        name: TokenName,
    },
    /// Use a token: makes the agent, or gives the same key the same answer again. After a refusal the
    /// caller submits [`Command::CountWrongSecret`].
    EnrolAgent {
        /// The token.
        token: TokenName,
        /// The hash of the secret that was shown.
        secret: SecretHash,
        /// An identity for the agent, if it is made.
        id: [u8; 16],
        /// The certificate made for it.
        certificate: CertificateRecord,
    },
    /// Count a wrong secret against its token; nothing, if the secret is right or the token of no use any more.
    CountWrongSecret {
        /// The token.
        token: TokenName,
        /// The hash of the secret that was shown.
        secret: SecretHash,
    },
    /// Take note of an agent's next certificate.
    RenewAgent {
        /// Which.
        name: AgentName,
        /// Serial number of the certificate whose key it proved, in hexadecimal; it may have ended.
        shown: String,
        /// The certificate made for it.
        certificate: CertificateRecord,
    },
    /// Open a session: gives the next fence.
    OpenSession {
        /// Which agent.
        agent: AgentName,
        /// The highest fence that the agent says it has seen.
        seen: u64,
    },
    /// Shut an agent out.
    RevokeAgent {
        /// Which.
        name: AgentName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Forget a revoked agent, its servers and its tokens.
    DeleteAgent {
        /// Which.
        name: AgentName,
        /// As the caller read it.
        etag: Etag,
    },
    /// Let somebody call the API.
    CreateOperator {
        /// Its name.
        name: OperatorName,
        /// What it may do everywhere.
        roles: BTreeSet<Role>,
        /// What it may do within places.
        grants: BTreeSet<Grant>,
        /// The certificate made for it.
        certificate: Option<CertificateRecord>,
    },
    /// Change what somebody may do.
    UpdateOperator {
        /// Which.
        name: OperatorName,
        /// As the caller read it.
        etag: Etag,
        /// What to change.
        patch: OperatorPatch,
    },
    /// Take note of a further certificate of an operator.
    AddOperatorCertificate {
        /// Which operator.
        name: OperatorName,
        /// The certificate made for it.
        certificate: CertificateRecord,
    },
    /// Revoke one certificate of an operator.
    RevokeOperatorCertificate {
        /// Which operator.
        name: OperatorName,
        /// The certificate's serial number, in hexadecimal.
        serial: String,
    },
    /// Remove somebody.
    DeleteOperator {
        /// Which.
        name: OperatorName,
        /// As the caller read it.
        etag: Etag,
    },
    /// All of these as one change, each decided on what those before it made; or none of them.
    Together(Vec<Command>),
}
