//! Why a command was not carried out.
//!
//! A refusal names what was wrong, where, and what to do next. Its [`Reason`] is a promise to
//! clients: a reason is never renamed and never changes its meaning; new ones may be added.

use std::fmt;

/// What kind of answer a refusal is; decides the gRPC code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The request is wrong whatever the state (INVALID_ARGUMENT).
    Invalid,
    /// A thing named does not exist (NOT_FOUND).
    NotFound,
    /// A thing to be created exists (ALREADY_EXISTS).
    Exists,
    /// The state does not allow it now (FAILED_PRECONDITION).
    Precondition,
    /// Another change came first: read again and retry (ABORTED).
    Conflict,
    /// Not for this caller (PERMISSION_DENIED).
    Denied,
    /// A limit is reached (RESOURCE_EXHAUSTED).
    Exhausted,
    /// This version does not do that (UNIMPLEMENTED).
    Unimplemented,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $class:ident;)*) => {
        /// The stable reason of a refusal, in the form `google.rpc.ErrorInfo.reason` wants.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Reason] = &[$(Reason::$variant,)*];

            /// The reason's frozen text, UPPER_SNAKE_CASE.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $text,)* }
            }

            /// What kind of answer it is.
            pub fn class(self) -> Class {
                match self { $(Reason::$variant => Class::$class,)* }
            }
        }
    };
}

reasons! {
    /// A name breaks the rules of names.
    InvalidName = "INVALID_NAME", Invalid;
    /// Free text is too long or has control characters.
    InvalidText = "INVALID_TEXT", Invalid;
    /// Not a CIDR, or one with bits set behind its length.
    InvalidCidr = "INVALID_CIDR", Invalid;
    /// Not an address, or one that Freehold does not take (IPv4-mapped, zone-scoped).
    InvalidAddress = "INVALID_ADDRESS", Invalid;
    /// A range whose end is before its start, or of two families.
    InvalidRange = "INVALID_RANGE", Invalid;
    /// Not a hardware address.
    InvalidHardwareAddress = "INVALID_HARDWARE_ADDRESS", Invalid;
    /// Not a client identifier or DUID.
    InvalidClientIdentifier = "INVALID_CLIENT_IDENTIFIER", Invalid;
    /// Not a host name.
    InvalidHostName = "INVALID_HOST_NAME", Invalid;
    /// An option code that may not be set, or a value of the wrong shape.
    InvalidOption = "INVALID_OPTION", Invalid;
    /// Lease times that do not fit together.
    InvalidLeaseTime = "INVALID_LEASE_TIME", Invalid;
    /// A field that must be given is missing.
    FieldRequired = "FIELD_REQUIRED", Invalid;
    /// A field that cannot be changed was to be changed.
    FieldImmutable = "FIELD_IMMUTABLE", Invalid;
    /// A path of an update mask that is not a field of the resource.
    UnknownMaskPath = "UNKNOWN_MASK_PATH", Invalid;
    /// A page token that this list did not hand out.
    InvalidPageToken = "INVALID_PAGE_TOKEN", Invalid;
    /// A list with more elements than allowed.
    TooMany = "TOO_MANY", Invalid;
    /// A malformed etag.
    InvalidEtag = "INVALID_ETAG", Invalid;
    /// A malformed request id.
    InvalidRequestId = "INVALID_REQUEST_ID", Invalid;
    /// An enum value that does not exist or may not be set.
    InvalidValue = "INVALID_VALUE", Invalid;
    /// A filter that does not parse.
    InvalidFilter = "INVALID_FILTER", Invalid;
    /// A message of more bytes than are taken.
    MessageTooLarge = "MESSAGE_TOO_LARGE", Invalid;
    /// A file that is not what it should be: its quotes, its characters, the number of its cells.
    MalformedFile = "MALFORMED_FILE", Invalid;
    /// A file of more bytes, or of more lines, than are taken.
    FileTooLarge = "FILE_TOO_LARGE", Invalid;
    /// A column that the format does not have, or has twice, or that is missing.
    UnknownColumn = "UNKNOWN_COLUMN", Invalid;
    /// Bytes that are not the message they should be.
    MalformedMessage = "MALFORMED_MESSAGE", Invalid;
    /// Not a tag.
    InvalidTag = "INVALID_TAG", Invalid;
    /// A value that does not fit its custom field's definition.
    InvalidFieldValue = "INVALID_FIELD_VALUE", Invalid;
    /// A prefix length that makes no sense there.
    InvalidLength = "INVALID_LENGTH", Invalid;
    /// A certificate signing request that does not verify.
    InvalidCertificateRequest = "INVALID_CERTIFICATE_REQUEST", Invalid;

    /// No such space.
    SpaceNotFound = "SPACE_NOT_FOUND", NotFound;
    /// No such prefix.
    PrefixNotFound = "PREFIX_NOT_FOUND", NotFound;
    /// No such scope.
    ScopeNotFound = "SCOPE_NOT_FOUND", NotFound;
    /// No such reservation.
    ReservationNotFound = "RESERVATION_NOT_FOUND", NotFound;
    /// The address is neither held nor claimed.
    AssignmentNotFound = "ASSIGNMENT_NOT_FOUND", NotFound;
    /// Nobody is known to answer on the address.
    SightingNotFound = "SIGHTING_NOT_FOUND", NotFound;
    /// No such server.
    ServerNotFound = "SERVER_NOT_FOUND", NotFound;
    /// No such agent.
    AgentNotFound = "AGENT_NOT_FOUND", NotFound;
    /// No such enrolment token.
    TokenNotFound = "TOKEN_NOT_FOUND", NotFound;
    /// No such operator.
    OperatorNotFound = "OPERATOR_NOT_FOUND", NotFound;
    /// The operator has no certificate with this serial number.
    CertificateNotFound = "CERTIFICATE_NOT_FOUND", NotFound;
    /// No such custom field.
    FieldDefinitionNotFound = "FIELD_DEFINITION_NOT_FOUND", NotFound;
    /// Somebody was seen with the address, so that it is not taken back.
    AddressSeen = "ADDRESS_SEEN", Precondition;
    /// There is no such view.
    ViewNotFound = "VIEW_NOT_FOUND", NotFound;
    /// No such lease.
    LeaseNotFound = "LEASE_NOT_FOUND", NotFound;
    /// No conflict has this name; it is over, if there was one.
    ConflictNotFound = "CONFLICT_NOT_FOUND", NotFound;
    /// No such preview, or it was kept long enough.
    PreviewNotFound = "PREVIEW_NOT_FOUND", NotFound;
    /// No such event.
    EventNotFound = "EVENT_NOT_FOUND", NotFound;

    /// The name is taken.
    AlreadyExists = "ALREADY_EXISTS", Exists;

    /// A prefix would lie in, or hold, one that does not allow it.
    PrefixOverlap = "PREFIX_OVERLAP", Precondition;
    /// The custom field is not for things of this kind.
    FieldNotApplicable = "FIELD_NOT_APPLICABLE", Precondition;
    /// A custom field that things of this kind must have is missing.
    RequiredFieldMissing = "REQUIRED_FIELD_MISSING", Precondition;
    /// A network was named where only a container will do.
    NotAContainer = "NOT_A_CONTAINER", Precondition;
    /// What a prefix holds does not fit into what would become of the prefix.
    DoesNotFit = "DOES_NOT_FIT", Precondition;
    /// The prefixes do not make exactly one larger prefix, or are too different for it.
    NotJoinable = "NOT_JOINABLE", Precondition;
    /// Two scopes of one space would share addresses.
    ScopeOverlap = "SCOPE_OVERLAP", Precondition;
    /// A scope's range lies outside its network.
    ScopeOutsideNetwork = "SCOPE_OUTSIDE_NETWORK", Precondition;
    /// An exclusion lies outside its scope's ranges.
    ExclusionOutsideScope = "EXCLUSION_OUTSIDE_SCOPE", Precondition;
    /// Two exclusions of one scope share addresses.
    ExclusionOverlap = "EXCLUSION_OVERLAP", Precondition;
    /// An excluded address cannot be reserved, nor a reserved one excluded.
    AddressExcluded = "ADDRESS_EXCLUDED", Precondition;
    /// The address is reserved for another client.
    AddressReserved = "ADDRESS_RESERVED", Precondition;
    /// The address cannot be given to a client (network, broadcast, outside the network).
    AddressNotUsable = "ADDRESS_NOT_USABLE", Precondition;
    /// The address is held or claimed.
    AddressTaken = "ADDRESS_TAKEN", Precondition;
    /// The address is leased to another client.
    AddressLeased = "ADDRESS_LEASED", Precondition;
    /// Somebody answers on the address, though nothing is known of it.
    AddressAnswers = "ADDRESS_ANSWERS", Precondition;
    /// The address was to be probed, and nobody can.
    ProbeImpossible = "PROBE_IMPOSSIBLE", Precondition;
    /// The client has a reservation in this scope.
    ClientReserved = "CLIENT_RESERVED", Precondition;
    /// The client has a claimed address in this network.
    ClientClaimed = "CLIENT_CLAIMED", Precondition;
    /// The network is served by DHCP, so it has to be said which client the address is for.
    ClientRequired = "CLIENT_REQUIRED", Precondition;
    /// Not a network of the plan that has addresses.
    NotANetwork = "NOT_A_NETWORK", Precondition;
    /// The address is not held, but claimed.
    NotAHold = "NOT_A_HOLD", Precondition;
    /// The hold's deadline is over.
    HoldExpired = "HOLD_EXPIRED", Precondition;
    /// The file has lines that cannot be imported; nothing of it was.
    ImportRefused = "IMPORT_REFUSED", Precondition;
    /// What a line says is not for a person to say: a lease is what a server granted.
    NotImportable = "NOT_IMPORTABLE", Precondition;
    /// Others use the thing that was to be deleted.
    InUse = "IN_USE", Precondition;
    /// The server's own configuration already serves this network.
    ServedByServerItself = "SERVED_BY_SERVER_ITSELF", Precondition;
    /// The server cannot do what is asked of it.
    NotSupportedByServer = "NOT_SUPPORTED_BY_SERVER", Precondition;
    /// The thing is built in and stays.
    BuiltIn = "BUILT_IN", Precondition;
    /// The request id was used for a different request.
    RequestIdReused = "REQUEST_ID_REUSED", Precondition;
    /// The last administrator cannot be removed.
    LastAdministrator = "LAST_ADMINISTRATOR", Precondition;
    /// Nothing waits for the decision that was made, or something else by now.
    NothingToDecide = "NOTHING_TO_DECIDE", Precondition;
    /// The store went backwards, and that has to be decided on first.
    StoreWentBackwards = "STORE_WENT_BACKWARDS", Precondition;
    /// The agent is not connected, and nobody else can carry it out.
    AgentNotConnected = "AGENT_NOT_CONNECTED", Precondition;
    /// The history asked for is not kept any more, or not there yet.
    RevisionOutOfRange = "REVISION_OUT_OF_RANGE", Precondition;

    /// The resource changed since the caller read it.
    EtagMismatch = "ETAG_MISMATCH", Conflict;
    /// What an import would do is not what the caller was shown: something changed since.
    PlanChanged = "PLAN_CHANGED", Conflict;
    /// What an earlier call with this request id made or changed is gone again.
    ResourceGone = "RESOURCE_GONE", Conflict;

    /// The caller's roles lack the permission.
    PermissionDenied = "PERMISSION_DENIED", Denied;
    /// The call needs a certificate, and none was shown.
    CertificateRequired = "CERTIFICATE_REQUIRED", Denied;
    /// The certificate is over, and it is too late to renew it if it was tried.
    CertificateExpired = "CERTIFICATE_EXPIRED", Denied;
    /// The proof of an expired certificate's key does not hold.
    ProofRefused = "PROOF_REFUSED", Denied;
    /// The identity is revoked or disabled.
    IdentityRevoked = "IDENTITY_REVOKED", Denied;
    /// The enrolment token is wrong, used, expired or burnt.
    TokenRefused = "TOKEN_REFUSED", Denied;
    /// An agent with a lower fence than one already seen, or of another store.
    AgentRefused = "AGENT_REFUSED", Denied;

    /// Not enough addresses are free where they were asked for.
    NoFreeAddress = "NO_FREE_ADDRESS", Exhausted;
    /// As many of these are under way as may be at once.
    TooBusy = "TOO_BUSY", Exhausted;
    /// No block of that length is free, or not as many as asked for.
    NoFreeSubnet = "NO_FREE_SUBNET", Exhausted;
    /// This version cannot do it.
    NotImplemented = "NOT_IMPLEMENTED", Unimplemented;

    /// No subnet id is left.
    SubnetIdsExhausted = "SUBNET_IDS_EXHAUSTED", Exhausted;
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command that was not carried out, and why. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable reason.
    pub reason: Reason,
    /// The field of the request it is about, as in its proto (`scope.ranges[1].end`); may be empty.
    pub field: String,
    /// What was wrong, where, and what to do next; for people.
    pub message: String,
    /// The resource it is about, if there is one (`scopes/berlin-voice`).
    pub resource: Option<String>,
    /// Each thing that stands against the command, where there can be several.
    pub obstacles: Vec<Obstacle>,
}

/// One thing that stands against a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Which resource.
    pub resource: String,
    /// Why, for people.
    pub message: String,
}

/// How many obstacles a refusal's message has in full.
const OBSTACLES_TOLD: usize = 3;

impl Refusal {
    /// A refusal for `reason`, told to people by `message`.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, field: String::new(), message: message.into(), resource: None, obstacles: Vec::new() }
    }

    /// Names the field of the request that is at fault.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Puts `parent.` before the field, for a value that sits inside another.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        self.field = match self.field.as_str() {
            "" => parent.to_owned(),
            inner if inner.starts_with('[') => format!("{parent}{inner}"),
            inner => format!("{parent}.{inner}"),
        };
        self
    }

    /// A refusal because of all of these; `message` is what they stand against.
    ///
    /// `more` is how many there are beside `obstacles`.
    pub fn because(reason: Reason, message: &str, obstacles: Vec<Obstacle>, more: usize) -> Self {
        let told: Vec<_> = obstacles.iter().take(OBSTACLES_TOLD).map(|obstacle| obstacle.message.as_str()).collect();
        let more = obstacles.len().saturating_sub(OBSTACLES_TOLD) + more;
        let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
        let refusal = Self::new(reason, format!("{message}: {}{tail}", told.join("; ")));
        let about = obstacles.first().map(|first| first.resource.clone());
        Self { resource: about, obstacles, ..refusal }
    }

    /// Names the resource that the refusal is about.
    #[must_use]
    pub fn about(mut self, resource: impl fmt::Display) -> Self {
        self.resource = Some(resource.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn reasons_are_distinct_and_of_the_form_that_error_info_wants() {
        let texts: BTreeSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(texts.len(), Reason::ALL.len());
        for text in texts {
            assert!(
                text.len() <= 63 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
                "{text} does not match [A-Z_]{{1,63}}"
            );
        }
    }

    #[test]
    fn a_field_grows_outwards() {
        let refusal = Refusal::new(Reason::InvalidRange, "x").at("end").under("[1]");
        assert_eq!(refusal.field, "[1].end");
        assert_eq!(refusal.under("ranges").under("scope").field, "scope.ranges[1].end");
    }
}
