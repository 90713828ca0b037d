//! What is read out of a peer's certificate, strictly.
//!
//! This is parsing, not trust: whoever calls it has had the chain verified by TLS, or does so next. Any bytes may come in.

use std::fmt;

use data_encoding::HEXLOWER;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::identity::{Identity, IdentityError, SpiffeId, TrustDomain};
use crate::pin::Pin;
use crate::validity::{TimeRange, Validity};

/// A leaf certificate's meaning to Freehold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The realm of the identity.
    pub trust_domain: TrustDomain,
    /// Whom the certificate speaks for.
    pub identity: Identity,
    /// The serial number, which revocation and the audit trail go by.
    pub serial: Serial,
    /// When it holds.
    pub validity: Validity,
    /// The fingerprint of its public key.
    pub spki_sha256: Pin,
}

/// A certificate's serial number: 1 to 20 bytes, most significant first, without leading zeros, written in lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

/// Why a certificate is not one that Freehold gives to anyone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerCertificateError {
    /// The bytes are not one DER certificate.
    #[error("the certificate is not valid DER: {0}")]
    Malformed(String),
    /// The certificate of an authority was shown as somebody's own.
    #[error("the certificate is a CA's, not a leaf")]
    IsAuthority,
    /// There is not exactly one URI among the alternative names.
    #[error("the certificate has {0} URI names, and must have exactly one")]
    UriCount(usize),
    /// An alternative name that this kind of identity never has.
    #[error("only a controller's certificate may hold names besides its URI, and only DNS names and addresses")]
    OtherNames,
    /// The URI is not one of Freehold's identities.
    #[error("the certificate's URI name is not an identity: {0}")]
    Identity(#[from] IdentityError),
    /// The serial number is not 1 to 20 positive bytes (RFC 5280, section 4.1.2.2).
    #[error("the certificate's serial number is not a positive number of at most 20 bytes")]
    Serial,
    /// The validity cannot be represented.
    #[error("the certificate's validity: {0}")]
    Validity(#[from] TimeRange),
}

impl PeerCertificate {
    /// Reads a DER leaf certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, PeerCertificateError> {
        let certificate = parse(der)?;
        if is_authority(&certificate)? {
            return Err(PeerCertificateError::IsAuthority);
        }
        let SpiffeId { trust_domain, identity } = identity_of(&certificate)?;
        Ok(Self {
            trust_domain,
            identity,
            serial: Serial::of(&certificate)?,
            validity: Validity::of(&certificate)?,
            spki_sha256: Pin::of_spki(certificate.public_key().raw),
        })
    }

    /// The whole name, as the URI states it.
    pub fn spiffe_id(&self) -> SpiffeId {
        SpiffeId { trust_domain: self.trust_domain.clone(), identity: self.identity.clone() }
    }
}

/// Parses one DER certificate with nothing behind it.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, PeerCertificateError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|error| PeerCertificateError::Malformed(error.to_string()))?;
    if !rest.is_empty() {
        return Err(PeerCertificateError::Malformed(format!("{} bytes follow it", rest.len())));
    }
    Ok(certificate)
}

/// Whether the certificate may sign others.
pub(crate) fn is_authority(certificate: &X509Certificate<'_>) -> Result<bool, PeerCertificateError> {
    let constraints =
        certificate.basic_constraints().map_err(|error| PeerCertificateError::Malformed(error.to_string()))?;
    Ok(constraints.is_some_and(|found| found.value.ca))
}

fn identity_of(certificate: &X509Certificate<'_>) -> Result<SpiffeId, PeerCertificateError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| PeerCertificateError::Malformed(error.to_string()))?
        .map_or(&[][..], |found| &found.value.general_names[..]);
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let count = uris.clone().count();
    let (Some(uri), 1) = (uris.next(), count) else {
        return Err(PeerCertificateError::UriCount(count));
    };
    let id: SpiffeId = uri.parse()?;
    let others_are_hosts = names
        .iter()
        .all(|name| matches!(name, GeneralName::URI(_) | GeneralName::DNSName(_) | GeneralName::IPAddress(_)));
    let fitting = match id.identity {
        Identity::Controller(_) => others_are_hosts,
        Identity::Agent(_) | Identity::Operator(_) | Identity::Service(_) => names.len() == 1,
    };
    if !fitting {
        return Err(PeerCertificateError::OtherNames);
    }
    Ok(id)
}

impl Serial {
    /// Makes a random serial number of exactly 16 bytes: the first bits are fixed so that it is positive and never shorter.
    pub(crate) fn random() -> Self {
        let mut bytes = crate::random::bytes::<16>();
        bytes[0] = (bytes[0] & 0x3f) | 0x40;
        Self(bytes.to_vec())
    }

    /// The bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(certificate: &X509Certificate<'_>) -> Result<Self, PeerCertificateError> {
        let raw = certificate.raw_serial();
        let significant = match raw {
            [0, rest @ ..] => rest,
            [first, ..] if *first < 0x80 => raw,
            _ => return Err(PeerCertificateError::Serial),
        };
        if significant.is_empty() || significant.len() > 20 || significant[0] == 0 {
            return Err(PeerCertificateError::Serial);
        }
        Ok(Self(significant.to_vec()))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
