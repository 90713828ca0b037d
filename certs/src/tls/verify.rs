//! Verification of the other side: the chain by rustls' own verifier, then the identity in the leaf.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible, RootCertStore,
    SignatureScheme,
};

use super::ClientCertificates;
use crate::credentials::Roots;
use crate::identity::{Identity, TrustDomain};
use crate::peer::{PeerCertificate, PeerCertificateError};
use crate::pin::Pin;
use crate::validity::{from_unix_time, to_unix_time};

/// Why a certificate whose chain verified was refused all the same.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not one of Freehold's.
    #[error(transparent)]
    Certificate(#[from] PeerCertificateError),
    /// It is from another realm under the same root.
    #[error("the certificate is of trust domain {found}, and {wanted} is expected")]
    TrustDomain {
        /// In the certificate.
        found: TrustDomain,
        /// Expected.
        wanted: TrustDomain,
    },
    /// Something that is not a controller serves.
    #[error("the server is {0}, not a controller")]
    NotController(Identity),
    /// The pinned root is not in the chain.
    #[error("the server showed no certificate with the pinned key {0}")]
    PinMissing(Pin),
    /// The pinned root does not hold now.
    #[error("the pinned root does not hold now; check this host's clock")]
    PinExpired,
    /// The pinned certificate is no CA's.
    #[error("the pinned certificate cannot serve as a root: {0}")]
    PinUnusable(String),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
    }
}

/// What a certificate is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// By the side that connects.
    Client,
    /// By the side that is connected to.
    Server,
}

/// Verifies a chain, leaf first, as TLS would at this time: signatures, validity, constraints and usage, but not whose it is.
pub fn verify_chain(roots: &Roots, chain: &[CertificateDer<'_>], usage: Usage, at: SystemTime) -> Result<(), Error> {
    let at = to_unix_time(at).map_err(|_| Error::FailedToGetCurrentTime)?;
    let provider = super::provider();
    let (leaf, others) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
    match usage {
        Usage::Client => {
            let store = Arc::new(roots.store());
            let verifier = client_verifier(store, ClientCertificates::Required, &provider)?;
            verifier.verify_client_cert(leaf, others, at)?;
        }
        Usage::Server => {
            let algorithms = provider.signature_verification_algorithms;
            verify_server_chain(leaf, others, &roots.store(), at, &algorithms)?;
        }
    }
    Ok(())
}

fn client_verifier(
    roots: Arc<RootCertStore>,
    presence: ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let builder = match presence {
        ClientCertificates::Required => builder,
        ClientCertificates::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| Error::General(error.to_string()))
}

fn verify_server_chain(
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(leaf)?;
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, algorithms.all)
}

/// A server's view of clients: the chain ends in the roots, and the leaf names an identity of the trust domain.
#[derive(Debug)]
pub(super) struct ClientIdentity {
    chain: Arc<dyn ClientCertVerifier>,
    trust_domain: TrustDomain,
}

impl ClientIdentity {
    pub(super) fn new(
        roots: &Roots,
        trust_domain: &TrustDomain,
        presence: ClientCertificates,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        Ok(Self {
            chain: client_verifier(Arc::new(roots.store()), presence, provider)?,
            trust_domain: trust_domain.clone(),
        })
    }
}

impl ClientCertVerifier for ClientIdentity {
    fn offer_client_auth(&self) -> bool {
        self.chain.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        identity_in(end_entity, Some(&self.trust_domain))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// What a client judges a server by.
#[derive(Debug)]
pub(super) enum Trust {
    /// Stored roots, and the trust domain that the controller must be of.
    Roots(Arc<RootCertStore>, TrustDomain),
    /// The key of a root that the server shows; of any trust domain, for the root vouches for it.
    Pin(Pin),
}

/// A client's view of the server: the chain ends in what is trusted, and the leaf names a controller.
#[derive(Debug)]
pub(super) struct ControllerIdentity {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ControllerIdentity {
    pub(super) fn new(trust: Trust, provider: &CryptoProvider) -> Self {
        Self { trust, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for ControllerIdentity {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pinned;
        let (roots, trust_domain) = match &self.trust {
            Trust::Roots(roots, trust_domain) => (roots.as_ref(), Some(trust_domain)),
            Trust::Pin(pin) => {
                pinned = pinned_root(pin, intermediates, now)?;
                (&pinned, None)
            }
        };
        verify_server_chain(end_entity, intermediates, roots, now, &self.algorithms)?;
        match identity_in(end_entity, trust_domain)?.identity {
            Identity::Controller(_) => Ok(ServerCertVerified::assertion()),
            other => Err(Refused::NotController(other).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The root that the server shows and the pin names. rustls does not look at a root's own validity, so that is done here.
fn pinned_root(pin: &Pin, shown: &[CertificateDer<'_>], now: UnixTime) -> Result<RootCertStore, Error> {
    let roots = Roots::pinned(pin, shown).map_err(|error| match error {
        crate::credentials::RootsError::Pin(pin) => Refused::PinMissing(pin),
        other => Refused::PinUnusable(other.to_string()),
    })?;
    let now = from_unix_time(now).map_err(|_| Error::FailedToGetCurrentTime)?;
    let validities = roots.validities().map_err(Refused::Certificate)?;
    if !validities.iter().all(|validity| validity.holds_at(now)) {
        return Err(Refused::PinExpired.into());
    }
    Ok(roots.store())
}

fn identity_in(leaf: &CertificateDer<'_>, wanted: Option<&TrustDomain>) -> Result<PeerCertificate, Refused> {
    let peer = PeerCertificate::from_der(leaf)?;
    match wanted {
        Some(wanted) if *wanted != peer.trust_domain => {
            Err(Refused::TrustDomain { found: peer.trust_domain, wanted: wanted.clone() })
        }
        _ => Ok(peer),
    }
}

fn only_tls13() -> Error {
    Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered)
}
