//! Asking for a certificate, and what the authority takes from the asking: the public key, nothing else.
//!
//! A certificate signing request (PKCS #10, RFC 2986) may name any subject, usage or extension it likes: none of it is looked at. Who the
//! certificate speaks for is decided by the controller from the enrolment token or the present identity. The signature of the request is
//! verified: it shows that the asker holds the private key.

use rcgen::{CertificateParams, DistinguishedName, PKCS_ECDSA_P256_SHA256, SubjectPublicKeyInfo};
use rustls_pki_types::CertificateSigningRequestDer;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::key::{KeyError, PrivateKey};
use crate::pin::Pin;

/// The largest request that is looked at; one made here has about 250 bytes.
pub const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// A private key and the request for its certificate, made on the host that will use them.
#[derive(Debug)]
pub struct KeyAndRequest {
    /// Stays on the host.
    pub key: PrivateKey,
    /// Goes to the controller.
    pub request: CertificateSigningRequestDer<'static>,
}

/// A public key that somebody has shown to hold the private half of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedKey {
    pub(crate) spki: SubjectPublicKeyInfo,
    spki_sha256: Pin,
}

/// Why a certificate signing request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Too long to be honest.
    #[error("the certificate request has {0} bytes; at most {REQUEST_BYTES_MAX} are accepted")]
    TooLong(usize),
    /// The bytes are not one DER request.
    #[error("the certificate request is not valid DER: {0}")]
    Malformed(String),
    /// The key is not one that certificates are given to.
    #[error(
        "the certificate request's key is not ECDSA P-256: make one with `openssl ecparam -genkey -name prime256v1` or let freehold make it"
    )]
    KeyKind,
    /// The asker does not hold the private key.
    #[error("the certificate request is not signed by its own key")]
    Signature,
}

impl KeyAndRequest {
    /// Makes a new key and the request for it.
    pub fn generate() -> Result<Self, KeyError> {
        Self::of(PrivateKey::generate()?)
    }

    /// Makes a request for a key that is there already, such as one kept from an attempt whose answer was lost.
    pub fn of(key: PrivateKey) -> Result<Self, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(key.pair()).map_err(KeyError::Library)?;
        Ok(Self { key, request: request.der().clone() })
    }
}

impl RequestedKey {
    /// Takes the public key out of a DER request after verifying that the request is signed by it.
    pub fn from_request(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLong(der.len()));
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|error| RequestError::Malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(RequestError::Malformed(format!("{} bytes follow it", rest.len())));
        }
        let raw = request.certification_request_info.subject_pki.raw;
        let spki = SubjectPublicKeyInfo::from_der(raw).map_err(|_| RequestError::KeyKind)?;
        if rcgen::PublicKeyData::algorithm(&spki) != &PKCS_ECDSA_P256_SHA256 {
            return Err(RequestError::KeyKind);
        }
        request.verify_signature().map_err(|_| RequestError::Signature)?;
        // What is certified is what rcgen writes again, so the fingerprint is taken of that.
        let spki_sha256 = Pin::of_spki(&rcgen::PublicKeyData::subject_public_key_info(&spki));
        Ok(Self { spki, spki_sha256 })
    }

    /// The fingerprint of the key: a retry is recognised by it, and people compare it.
    pub fn spki_sha256(&self) -> Pin {
        self.spki_sha256
    }
}
