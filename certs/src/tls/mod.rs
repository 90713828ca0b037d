//! TLS settings for both sides: only TLS 1.3, only aws-lc-rs, no resumption.
//!
//! - [`server`]: a controller's. Client certificates are required, or optional where enrolment and calls without one share the port. One that is
//!   presented must always verify and name an identity of the trust domain.
//! - [`client`]: an agent's or a person's. The server must be *a controller of the trust domain*, by its URI. Host names are not compared:
//!   only a controller gets a server certificate, and a renamed host or another way to it must not cut off a branch.
//! - [`pinned_client`]: an agent's before it has anything but its enrolment token.
//!
//! No session is resumed: rustls resumes a TLS 1.3 session without asking about the client's certificate again, so servers give no tickets
//! and clients keep none. What a handshake decided is still only the beginning: whether an identity has been revoked is asked on every call.
//!
//! The clock for certificate validity is a parameter; [`system_clock`] is the host's.

mod verify;

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, ServerConfig, SupportedCipherSuite};

use crate::credentials::{Credentials, Roots};
use crate::identity::TrustDomain;
use crate::pin::Pin;

pub use verify::{Refused, Usage, verify_chain};

/// Whether a client must have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// The handshake fails without one.
    Required,
    /// The handshake succeeds without one, and the calls decide. One that is presented must verify.
    Optional,
}

/// Which HTTP versions a server offers (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2, for gRPC.
    Http2,
    /// HTTP/2 and HTTP/1.1, for browsers too.
    Http2AndHttp1,
}

/// The host's own clock, for certificate validity.
pub fn system_clock() -> Arc<dyn TimeProvider> {
    Arc::new(DefaultTimeProvider)
}

/// The cryptography that every setting here is built on: aws-lc-rs, with the suites of TLS 1.3 alone.
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| matches!(suite, SupportedCipherSuite::Tls13(_)));
    Arc::new(provider)
}

/// Makes [`provider`] the process's default, for libraries that look for one. The first call counts; the settings here do not need it.
pub fn install_provider() {
    if CryptoProvider::get_default().is_none() {
        // Err means that another thread was faster, and then the work is done.
        drop(CryptoProvider::install_default((*provider()).clone()));
    }
}

/// A controller's settings.
///
/// The credentials' chain is sent as it is; it must end with the root, which is how an agent that enrols finds the pinned key.
pub fn server(
    credentials: &Credentials,
    roots: &Roots,
    trust_domain: &TrustDomain,
    client_certificates: ClientCertificates,
    protocols: Protocols,
    clock: Arc<dyn TimeProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = provider();
    let verifier = verify::ClientIdentity::new(roots, trust_domain, client_certificates, &provider)?;
    let mut config = ServerConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(credentials.chain().to_vec(), credentials.key().for_tls())?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.alpn_protocols = match protocols {
        Protocols::Http2 => vec![b"h2".to_vec()],
        Protocols::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(config)
}

/// The settings of a client that knows its controller's roots. Without credentials it presents no certificate (bearer tokens, late renewal).
pub fn client(
    credentials: Option<&Credentials>,
    roots: &Roots,
    trust_domain: &TrustDomain,
    clock: Arc<dyn TimeProvider>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let trust = verify::Trust::Roots(roots.store().into(), trust_domain.clone());
    client_with(credentials, trust, provider, clock)
}

/// The settings of an agent that enrols: it presents no certificate, and trusts only a controller whose chain ends in a root with the pinned key.
///
/// Chain, validity (the root's too), the controller's URI and the handshake's signature are verified as ever. Afterwards
/// [`Roots::pinned`] takes the root out of the certificates that the connection shows, to be stored.
pub fn pinned_client(pin: Pin, clock: Arc<dyn TimeProvider>) -> Result<ClientConfig, rustls::Error> {
    client_with(None, verify::Trust::Pin(pin), provider(), clock)
}

fn client_with(
    credentials: Option<&Credentials>,
    trust: verify::Trust,
    provider: Arc<CryptoProvider>,
    clock: Arc<dyn TimeProvider>,
) -> Result<ClientConfig, rustls::Error> {
    let verifier = verify::ControllerIdentity::new(trust, &provider);
    let builder = ClientConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match credentials {
        Some(own) => builder.with_client_auth_cert(own.chain().to_vec(), own.key().for_tls())?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
