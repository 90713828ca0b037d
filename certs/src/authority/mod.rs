//! The built-in certificate authority: root → one intermediate per controller → leaves.
//!
//! | certificate | lives | for |
//! |---|---|---|
//! | root | 10 years | signing intermediates; its key's fingerprint is in every enrolment token |
//! | intermediate | 2 years, renewed from half of it | signing leaves; path length 0 |
//! | agent | 30 days | client |
//! | controller | 90 days | server, under the URI and the host names given |
//! | operator, service | 90 days unless said otherwise | client |
//!
//! All keys made here are ECDSA P-256. A leaf never outlives its intermediate, an intermediate never its root. Leaves begin 5 minutes in the past.
//! The subject of a leaf is empty: its only name is the URI.
//!
//! **An outside CA** may give the intermediate instead. Then the intermediate itself is the end of every chain, not the outside root: whatever
//! else that CA signs cannot name itself a Freehold operator.
//!
//! Every chain that is issued ends with the trusted root, so that a server which shows it can be checked against a pinned fingerprint.
//!
//! Left out on purpose: name constraints. Host names of controllers are not known beforehand, and rustls' verifier refuses every certificate
//! under a constraint on URIs. The trust domain is checked on each certificate instead.

mod folder;
mod issue;

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls_pki_types::CertificateDer;

use crate::credentials::{CredentialsError, Roots, RootsError};
use crate::files::FileError;
use crate::identity::{IdentityError, TrustDomain};
use crate::key::{KeyError, PrivateKey};
use crate::peer::{self, PeerCertificateError, Serial};
use crate::pem::PemError;
use crate::pin::Pin;
use crate::validity::{TimeRange, Validity, to_offset};

pub use issue::Issued;

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a root lives.
pub const ROOT_LIFETIME: Duration = DAY.saturating_mul(3650);
/// How long an intermediate lives.
pub const INTERMEDIATE_LIFETIME: Duration = DAY.saturating_mul(730);
/// How long an agent's certificate lives.
pub const AGENT_LIFETIME: Duration = DAY.saturating_mul(30);
/// How long a controller's server certificate lives.
pub const CONTROLLER_LIFETIME: Duration = DAY.saturating_mul(90);
/// How long an operator's or service's certificate lives unless said otherwise.
pub const OPERATOR_LIFETIME: Duration = DAY.saturating_mul(90);

/// What signs the certificates of one trust domain. The root's key is not in it: it is read only to renew the intermediate.
pub struct Authority {
    trust_domain: TrustDomain,
    anchor: CertificateDer<'static>,
    intermediate: CertificateDer<'static>,
    intermediate_validity: Validity,
    issuer: Issuer<'static, KeyPair>,
}

/// Why the authority could not be made, loaded or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is one already, and keys are never overwritten.
    #[error("{} is there already and is not empty: a CA is never overwritten; name another folder, or move it away", .0.display())]
    Exists(std::path::PathBuf),
    /// A file that the authority needs is not there.
    #[error("{} is missing: restore the CA's folder from its backup, or run `freehold-controller init` for a new one", .0.display())]
    Missing(std::path::PathBuf),
    /// A PEM text.
    #[error("{what}")]
    Pem {
        /// Which file.
        what: &'static str,
        /// What is wrong with it.
        source: PemError,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A CA certificate does not parse.
    #[error("a CA certificate: {0}")]
    Certificate(#[from] PeerCertificateError),
    /// The root cannot be trusted.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The stored trust domain is not one.
    #[error(transparent)]
    TrustDomain(#[from] IdentityError),
    /// Key and certificate of the intermediate are not a pair.
    #[error("the intermediate's certificate is for another key than the one beside it")]
    KeyMismatch,
    /// The certificate given as an intermediate may not sign others.
    #[error(
        "the given intermediate may not sign certificates: it needs basicConstraints CA:TRUE and key usage keyCertSign"
    )]
    NotAuthority,
    /// The intermediate's time is over, or has not come.
    #[error("the CA's intermediate certificate does not hold now; renew it, and check this host's clock")]
    Expired,
    /// The root's time is over, or has not come.
    #[error("the CA's root certificate does not hold now; check this host's clock")]
    RootExpired,
    /// An outside intermediate is renewed by the CA that gave it.
    #[error("the intermediate comes from an outside CA: have that CA renew it")]
    Outside,
    /// A certificate just made does not verify; with an outside intermediate, its own constraints may forbid Freehold's names.
    #[error(
        "a certificate signed by the intermediate does not verify: its name constraints may forbid what Freehold's certificates hold"
    )]
    TrialRefused(#[source] rustls::Error),
    /// The time cannot be stated in a certificate.
    #[error(transparent)]
    Time(#[from] TimeRange),
    /// The library refused to sign.
    #[error("the certificate could not be signed")]
    Signing(#[source] rcgen::Error),
    /// A certificate just made does not fit its key or does not parse.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl Authority {
    /// The realm whose identities this authority gives.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The root that clients and servers trust: what goes into `roots.pem`.
    pub fn roots(&self) -> Roots {
        Roots::new(vec![self.anchor.clone()]).expect("the anchor was tried when the authority was loaded")
    }

    /// The fingerprint that goes into enrolment tokens.
    pub fn pin(&self) -> Pin {
        self.roots().pins()[0]
    }

    /// When the intermediate holds; see [`renewal::renew_intermediate_from`](crate::renewal::renew_intermediate_from).
    pub fn intermediate_validity(&self) -> Validity {
        self.intermediate_validity
    }

    /// Whether the intermediate was given by an outside CA, and so cannot be renewed here.
    pub fn is_outside(&self) -> bool {
        self.anchor == self.intermediate
    }

    /// Puts the parts together after checking that they fit each other; whether they hold now is asked when something is signed.
    fn assemble(
        trust_domain: TrustDomain,
        anchor: CertificateDer<'static>,
        intermediate: CertificateDer<'static>,
        key: PrivateKey,
    ) -> Result<Self, AuthorityError> {
        let intermediate_validity = {
            let parsed = peer::parse(&intermediate)?;
            let usage = parsed.key_usage().map_err(|error| PeerCertificateError::Malformed(error.to_string()))?;
            let may_sign = usage.is_some_and(|found| found.value.key_cert_sign());
            let extended =
                parsed.extended_key_usage().map_err(|error| PeerCertificateError::Malformed(error.to_string()))?;
            let both_uses =
                extended.is_none_or(|found| found.value.any || (found.value.client_auth && found.value.server_auth));
            if !peer::is_authority(&parsed)? || !may_sign || !both_uses {
                return Err(AuthorityError::NotAuthority);
            }
            if Pin::of_spki(parsed.public_key().raw) != key.spki_sha256() {
                return Err(AuthorityError::KeyMismatch);
            }
            Validity::of(&parsed).map_err(PeerCertificateError::Validity)?
        };
        Roots::new(vec![anchor.clone()])?;
        let issuer = Issuer::from_ca_cert_der(&intermediate, key.into_pair()).map_err(AuthorityError::Signing)?;
        Ok(Self { trust_domain, anchor, intermediate, intermediate_validity, issuer })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("trust_domain", &self.trust_domain)
            .field("intermediate_validity", &self.intermediate_validity)
            .finish_non_exhaustive()
    }
}

/// A self-signed root.
fn make_root(key: &PrivateKey, now: SystemTime) -> Result<CertificateDer<'static>, AuthorityError> {
    let params =
        authority_params("Freehold root", BasicConstraints::Unconstrained, Validity::lasting(now, ROOT_LIFETIME)?)?;
    let root = params.self_signed(key.pair()).map_err(AuthorityError::Signing)?;
    Ok(root.into())
}

/// An intermediate that may sign leaves only.
fn make_intermediate(
    root: &CertificateDer<'static>,
    root_key: &PrivateKey,
    key: &PrivateKey,
    now: SystemTime,
) -> Result<CertificateDer<'static>, AuthorityError> {
    let root_validity = Validity::of(&peer::parse(root)?)?;
    if !root_validity.holds_at(now) {
        return Err(AuthorityError::RootExpired);
    }
    let validity = Validity::lasting(now, INTERMEDIATE_LIFETIME)?.within(root_validity);
    let mut params = authority_params("Freehold intermediate", BasicConstraints::Constrained(0), validity)?;
    params.use_authority_key_identifier_extension = true;
    let issuer = Issuer::from_ca_cert_der(root, root_key.pair()).map_err(AuthorityError::Signing)?;
    let intermediate = params.signed_by(key.pair(), &issuer).map_err(AuthorityError::Signing)?;
    Ok(intermediate.into())
}

/// What root and intermediate have in common. The serial number in the name keeps the names of two CAs apart.
fn authority_params(
    kind: &str,
    constraints: BasicConstraints,
    validity: Validity,
) -> Result<CertificateParams, AuthorityError> {
    let serial = Serial::random();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("{kind} {serial}"));
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.not_before = to_offset(validity.not_before)?;
    params.not_after = to_offset(validity.not_after)?;
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}
