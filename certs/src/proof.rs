//! What an agent shows whose certificate has expired: that it holds the old certificate's key, on this very connection.
//!
//! The old key signs `"freehold-renew-expired-v1" || exporter || nonce || SHA-256(request)`, where the exporter is 32 bytes of keying material
//! of the TLS connection (RFC 5705, RFC 8446 section 7.5), the nonce is the controller's, and the request asks for the new key's certificate. So a proof
//! cannot be replayed, cannot be carried to another connection by somebody in between, and cannot be turned to another key.
//!
//! Whether the agent may still come, and whether it was revoked, is decided by the controller.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::ConnectionCommon;
use rustls_pki_types::CertificateDer;

use crate::credentials::{Credentials, Roots};
use crate::identity::TrustDomain;
use crate::key::KeyError;
use crate::peer::{self, PeerCertificate, PeerCertificateError};
use crate::pin::sha256;
use crate::tls::{self, Usage};

const CONTEXT: &[u8] = b"freehold-renew-expired-v1";
const EXPORTER_LABEL: &[u8] = b"EXPORTER-freehold-renew-expired-v1";

/// What the old key signs, but for its prefix.
#[derive(Debug, Clone, Copy)]
pub struct Challenge<'a> {
    /// From [`channel_binding`], each side from its own end of the connection.
    pub binding: &'a [u8; 32],
    /// Random, from the controller, used once.
    pub nonce: &'a [u8; 32],
    /// The DER certificate request for the new key.
    pub request: &'a [u8],
}

/// Why a proof was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The old certificate was never this authority's.
    #[error("the old certificate does not verify, even as of its last second")]
    Chain(#[source] rustls::Error),
    /// The old certificate does not parse.
    #[error(transparent)]
    Certificate(#[from] PeerCertificateError),
    /// The old certificate is from another realm.
    #[error("the old certificate is of another trust domain, {0}")]
    TrustDomain(TrustDomain),
    /// The signature is not the old key's, or not over this challenge.
    #[error("the proof is not signed by the old certificate's key for this connection")]
    Signature,
}

impl Challenge<'_> {
    /// All parts have a fixed length, so no two challenges give the same bytes.
    fn message(&self) -> Vec<u8> {
        [CONTEXT, &self.binding[..], &self.nonce[..], &sha256(self.request)[..]].concat()
    }
}

/// Draws a nonce for a challenge.
pub fn nonce() -> [u8; 32] {
    crate::random::bytes()
}

/// The 32 bytes that both ends of one TLS connection know, and nobody in between. Fails before the handshake is done.
pub fn channel_binding<Side>(connection: &ConnectionCommon<Side>) -> Result<[u8; 32], rustls::Error> {
    connection.export_keying_material([0; 32], EXPORTER_LABEL, None)
}

/// Signs a challenge with the key of the expired certificate.
pub fn sign(old: &Credentials, challenge: Challenge<'_>) -> Result<Vec<u8>, KeyError> {
    old.key().sign(&challenge.message())
}

/// Verifies a proof: the old chain was good in its last second, and its leaf's key signed this challenge. Returns whose it is.
pub fn verify(
    roots: &Roots,
    trust_domain: &TrustDomain,
    old_chain: &[CertificateDer<'_>],
    challenge: Challenge<'_>,
    signature: &[u8],
) -> Result<PeerCertificate, ProofError> {
    let leaf = old_chain.first().ok_or(ProofError::Chain(rustls::Error::NoCertificatesPresented))?;
    let peer = PeerCertificate::from_der(leaf)?;
    tls::verify_chain(roots, old_chain, Usage::Client, peer.validity.not_after).map_err(ProofError::Chain)?;
    if peer.trust_domain != *trust_domain {
        return Err(ProofError::TrustDomain(peer.trust_domain));
    }
    let parsed = peer::parse(leaf)?;
    let point = &parsed.public_key().subject_public_key.data;
    // The authority gives certificates to P-256 keys only; any other key fails here.
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.as_ref())
        .verify(&challenge.message(), signature)
        .map_err(|_| ProofError::Signature)?;
    Ok(peer)
}
