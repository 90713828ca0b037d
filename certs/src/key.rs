//! A private key for TLS and for signing: ECDSA on P-256 when made here.

use std::fmt;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::pem::{self, PemError};
use crate::pin::Pin;

/// A private key. It is never shown by `Debug`.
pub struct PrivateKey(KeyPair);

/// Why a key could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text around the key.
    #[error("the key file: {0}")]
    Pem(#[from] PemError),
    /// The key itself.
    #[error("the private key cannot be used (ECDSA P-256, P-384, RSA or Ed25519 in PKCS#8 form is)")]
    Unusable(#[source] rcgen::Error),
    /// aws-lc-rs refused to make a key or to sign with it.
    #[error("the cryptographic library failed")]
    Library(#[source] rcgen::Error),
}

impl PrivateKey {
    /// Makes a new ECDSA P-256 key.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(KeyError::Library)?;
        Ok(Self(pair))
    }

    /// Reads the one `PRIVATE KEY` section of a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::Pkcs8(pem::private_key(text)?);
        Ok(Self(KeyPair::try_from(&der).map_err(KeyError::Unusable)?))
    }

    /// The key as PEM text in PKCS#8 form: a secret.
    pub fn to_pem(&self) -> String {
        pem::section("PRIVATE KEY", self.0.serialized_der())
    }

    /// The fingerprint of the public half.
    pub fn spki_sha256(&self) -> Pin {
        Pin::of_spki(&self.0.subject_public_key_info())
    }

    /// Signs a message with the key's own algorithm (for P-256: ECDSA with SHA-256, in ASN.1 form).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.sign(message).map_err(KeyError::Library)
    }

    /// The form rustls takes.
    pub(crate) fn for_tls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.0.serialized_der().to_vec()))
    }

    /// The form rcgen takes.
    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0
    }

    /// Gives the form rcgen takes.
    pub(crate) fn into_pair(self) -> KeyPair {
        self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(public {})", self.spki_sha256())
    }
}
