use super::Stamp;
use crate::name::{AgentName, TokenName};
use crate::text::Text;
use crate::time::Timestamp;
use std::fmt;

/// A certificate that was issued to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRecord {
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// SHA-256 of its public key (SubjectPublicKeyInfo).
    pub spki_sha256: [u8; 32],
    /// When it ends.
    pub not_after: Timestamp,
}

/// Whether an agent may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentState {
    /// It may.
    Active,
    /// It may not, ever again.
    Revoked,
}

/// A host's process that fronts its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub name: AgentName,
    /// Its identity in certificates.
    pub id: [u8; 16],
    /// Whether it may connect.
    pub state: AgentState,
    /// Certificates that it may show, the newest last; at most two: the one that it was last known to hold, and
    /// the one made for it then, whose delivery is not known until it shows it.
    pub certificates: Vec<CertificateRecord>,
    /// The highest fence given to one of its sessions.
    pub fence: u64,
    /// How often it renewed after its certificate had ended.
    pub late_renewals: u32,
    /// What it is for.
    pub description: Text,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl Agent {
    /// Most certificates that an agent may show.
    pub const CERTIFICATES_MAX: usize = 2;
}

/// SHA-256 of a token's secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// What a token was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenUse {
    /// When.
    pub at: Timestamp,
    /// SHA-256 of the public key that it was used with.
    pub spki_sha256: [u8; 32],
}

/// The right to enrol one agent, once, until a deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// Its name.
    pub name: TokenName,
    /// The agent that it makes.
    pub agent: AgentName,
    /// Its secret's hash; the secret itself is not kept.
    pub secret: SecretHash,
    /// When it ends.
    pub expires: Timestamp,
    /// Wrong secrets shown so far; at five the token is burnt.
    pub wrong_secrets: u32,
    /// Its use, if it was used.
    pub used: Option<TokenUse>,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl EnrolmentToken {
    /// Wrong secrets that burn a token.
    pub const WRONG_SECRETS_MAX: u32 = 5;
    /// Longest time from making to deadline, in seconds: 7 days.
    pub const SECONDS_MAX: i64 = 7 * 24 * 3600;
    /// How long after its use a token answers the same key again, in seconds: the first answer may be lost.
    pub const REPEAT_SECONDS: i64 = 600;

    /// Whether the right secret would still get an answer at `now`.
    pub fn usable(&self, now: Timestamp) -> bool {
        let deadline = self.used.map_or(self.expires, |used| used.at.plus_seconds(Self::REPEAT_SECONDS));
        self.wrong_secrets < Self::WRONG_SECRETS_MAX && now < deadline
    }
}
