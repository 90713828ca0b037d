//! A key together with its certificate chain, and the roots that the other side is judged by.
//!
//! In a file both halves of [`Credentials`] are one PEM text, so no crash can leave a key with another key's certificate. Programs that
//! want two files (`curl --cert --key`, `buf curl`, gRPC libraries) take the same file for both.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

use crate::key::{KeyError, PrivateKey};
use crate::peer::{self, PeerCertificate, PeerCertificateError};
use crate::pem::{self, PemError};
use crate::pin::Pin;
use crate::validity::Validity;

/// Who this program is to others: its private key, its leaf certificate and the chain behind it.
#[derive(Debug)]
pub struct Credentials {
    key: PrivateKey,
    chain: Vec<CertificateDer<'static>>,
    leaf: PeerCertificate,
}

/// The certificates that a chain must end in: one or more of an authority's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots(Vec<CertificateDer<'static>>);

/// Why key and certificates do not make credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The text of the file.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The leaf certificate.
    #[error(transparent)]
    Leaf(#[from] PeerCertificateError),
    /// There is no certificate at all.
    #[error("the certificate chain is empty")]
    EmptyChain,
    /// They belong to different identities.
    #[error("the certificate is for another key: it holds {certificate}, the private key makes {key}")]
    KeyMismatch {
        /// The fingerprint in the certificate.
        certificate: Pin,
        /// The fingerprint of the key's public half.
        key: Pin,
    },
}

/// Why certificates cannot serve as roots.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The text of the file.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// One does not parse.
    #[error("a trusted root: {0}")]
    Certificate(#[from] PeerCertificateError),
    /// One is a leaf: trusting it would trust a single host as an authority.
    #[error("a trusted root is not a CA's certificate")]
    NotAuthority,
    /// rustls does not take one.
    #[error("a trusted root is not usable")]
    Unusable(#[source] rustls::Error),
    /// There are none.
    #[error("there is no trusted root")]
    Empty,
    /// None of those shown has the key that is trusted.
    #[error(
        "none of the certificates that the controller showed has the pinned key {0}: this is another controller, its CA was replaced, or somebody is in between; make a new token on the right controller"
    )]
    Pin(Pin),
}

impl Credentials {
    /// Puts a key and its chain together; the leaf comes first.
    ///
    /// # Errors
    /// [`CredentialsError::KeyMismatch`] if the leaf is for another key.
    pub fn new(key: PrivateKey, chain: Vec<CertificateDer<'static>>) -> Result<Self, CredentialsError> {
        let first = chain.first().ok_or(CredentialsError::EmptyChain)?;
        let leaf = PeerCertificate::from_der(first)?;
        let own = key.spki_sha256();
        if leaf.spki_sha256 != own {
            return Err(CredentialsError::KeyMismatch { certificate: leaf.spki_sha256, key: own });
        }
        Ok(Self { key, chain, leaf })
    }

    /// Reads the text that [`to_pem`](Self::to_pem) writes.
    pub fn from_pem(text: &[u8]) -> Result<Self, CredentialsError> {
        Self::new(PrivateKey::from_pem(text)?, pem::certificates(text)?)
    }

    /// Certificates, leaf first, then the private key: a secret.
    pub fn to_pem(&self) -> String {
        pem::certificates_to_pem(&self.chain) + &self.key.to_pem()
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The certificates, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// What the leaf says.
    pub fn leaf(&self) -> &PeerCertificate {
        &self.leaf
    }
}

impl Roots {
    /// Takes certificates as trusted roots.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, RootsError> {
        if certificates.is_empty() {
            return Err(RootsError::Empty);
        }
        for der in &certificates {
            if !peer::is_authority(&peer::parse(der)?)? {
                return Err(RootsError::NotAuthority);
            }
        }
        anchors(&certificates)?;
        Ok(Self(certificates))
    }

    /// Takes, of the certificates that a server showed, the one whose key is pinned.
    ///
    /// It says nothing about the server: that is verified by [`tls::pinned_client`](crate::tls::pinned_client).
    pub fn pinned(pin: &Pin, shown: &[CertificateDer<'_>]) -> Result<Self, RootsError> {
        let found = with_key(pin, shown).ok_or(RootsError::Pin(*pin))?;
        Self::new(vec![found.clone().into_owned()])
    }

    /// Reads certificates from PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, RootsError> {
        Self::new(pem::certificates(text)?)
    }

    /// The certificates as PEM text.
    pub fn to_pem(&self) -> String {
        pem::certificates_to_pem(&self.0)
    }

    /// The certificates.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// The fingerprints of the roots' keys, in order.
    pub fn pins(&self) -> Vec<Pin> {
        self.0.iter().filter_map(key_of).collect()
    }

    /// The form rustls takes.
    pub(crate) fn store(&self) -> RootCertStore {
        anchors(&self.0).expect("roots were tried when they were taken")
    }

    /// When each of them holds.
    pub fn validities(&self) -> Result<Vec<Validity>, PeerCertificateError> {
        self.0.iter().map(|der| Ok(Validity::of(&peer::parse(der)?)?)).collect()
    }
}

/// Finds the certificate whose key has this fingerprint.
fn with_key<'a, 'b>(pin: &Pin, shown: &'a [CertificateDer<'b>]) -> Option<&'a CertificateDer<'b>> {
    shown.iter().find(|der| key_of(der).as_ref() == Some(pin))
}

fn key_of(der: &CertificateDer<'_>) -> Option<Pin> {
    let certificate = peer::parse(der).ok()?;
    Some(Pin::of_spki(certificate.public_key().raw))
}

fn anchors(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, RootsError> {
    let mut store = RootCertStore::empty();
    for der in certificates {
        store.add(der.clone()).map_err(RootsError::Unusable)?;
    }
    Ok(store)
}
