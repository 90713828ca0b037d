//! Who is at the other end of a connection, as far as TLS says.

use freehold_certs::peer::PeerCertificate;
use freehold_core::change::Actor;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;
use tonic::{Extensions, Status};

/// The other end of a connection. Every request carries it in its extensions.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The certificate that it showed. TLS has verified its chain; whether it is still welcome is asked on every call.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// Where it connects from; IPv4 is never written as IPv6.
    pub address: SocketAddr,
    /// What only the two ends of this connection know, for the proof of an expired certificate's key.
    pub binding: [u8; 32],
    /// Cancelled when everything on this connection has to end: its identity was revoked or its certificate is over.
    pub revoked: CancellationToken,
    why: Arc<OnceLock<Status>>,
}

impl Peer {
    pub(super) fn new(certificate: Option<Arc<PeerCertificate>>, address: SocketAddr, binding: [u8; 32]) -> Self {
        Self { certificate, address, binding, revoked: CancellationToken::new(), why: Arc::default() }
    }

    /// The peer that a request came from.
    ///
    /// # Errors
    /// `INTERNAL` if the request did not come through [`serve`](super::serve).
    pub fn of(extensions: &Extensions) -> Result<&Self, Status> {
        extensions.get().ok_or_else(|| Status::internal("the request came through no connection"))
    }

    /// The actor that `principal` is when it calls over this connection.
    pub fn actor(&self, principal: String) -> Actor {
        let certificate_serial = self.certificate.as_ref().map(|shown| shown.serial.to_string()).unwrap_or_default();
        Actor { principal, certificate_serial, address: self.address.ip().to_string() }
    }

    /// Ends everything on the connection with this answer; the first one counts.
    pub(super) fn end(&self, answer: Status) {
        self.why.get_or_init(|| answer);
        self.revoked.cancel();
    }

    /// The answer to everything that was under way when the connection ended.
    pub(super) fn last_answer(&self) -> Status {
        self.why.get().cloned().unwrap_or_else(|| Status::unavailable("the connection ends"))
    }
}
