//! Who gets in, and what the others are told.

use crate::peer::Peer;
use crate::{Ran, freehold};
use freehold_certs::authority::{Authority, Issued, OPERATOR_LIFETIME};
use freehold_certs::credentials::Credentials;
use freehold_certs::folder::IdentityFolder;
use freehold_certs::identity::Uuid;
use freehold_certs::request::{KeyAndRequest, RequestedKey};
use freehold_certs::tls::{ClientCertificates, Protocols, server, system_clock};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A CA in a temporary folder, and who has certificates from it.
pub(crate) struct Ca {
    authority: Authority,
    temporary: TempDir,
}

fn credentials(issue: impl FnOnce(&RequestedKey) -> Issued) -> Credentials {
    let made = KeyAndRequest::generate().unwrap();
    let issued = issue(&RequestedKey::from_request(&made.request).unwrap());
    Credentials::new(made.key, issued.chain).unwrap()
}

impl Ca {
    pub(crate) fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(400 * 86_400);
        let authority =
            Authority::create(&temporary.path().join("ca"), "example.org".parse().unwrap(), long_ago).unwrap();
        Self { authority, temporary }
    }

    /// The identity folder of an operator.
    pub(crate) fn identity(&self, name: &str) -> PathBuf {
        self.identity_since(name, SystemTime::now())
    }

    fn identity_since(&self, name: &str, from: SystemTime) -> PathBuf {
        let id = name.parse().unwrap();
        let own = credentials(|key| self.authority.issue_operator(key, id, OPERATOR_LIFETIME, from).unwrap());
        let path = self.temporary.path().join(name);
        let folder = IdentityFolder::open(&path).unwrap();
        folder.write_roots(&self.authority.roots()).unwrap();
        folder.write_credentials(&own).unwrap();
        path
    }

    /// Accepts clients with a certificate of this CA, as a controller.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let id = Uuid::from_bytes([0xc0; 16]);
        let host = ["127.0.0.1".try_into().unwrap()];
        self.acceptor_as(&credentials(|key| {
            self.authority.issue_controller(key, id, &host, SystemTime::now()).unwrap()
        }))
    }

    fn acceptor_as(&self, own: &Credentials) -> TlsAcceptor {
        let domain = self.authority.trust_domain();
        let config = server(
            own,
            &self.authority.roots(),
            domain,
            ClientCertificates::Required,
            Protocols::Http2,
            system_clock(),
        );
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

fn check(ran: &Ran, message: &str, hint: &str) {
    assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{}", ran.err);
    let lines: Vec<_> = ran.err.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains(message) && lines[1].contains(hint), "{}", ran.err);
}

#[tokio::test]
async fn an_expired_certificate_is_named_as_the_cause() {
    let ca = Ca::new();
    let peer = Peer::default().serve(ca.acceptor()).await;
    let expired = ca.identity_since("alice", SystemTime::now() - Duration::from_secs(399 * 86_400));
    let ran = freehold(&peer.endpoint, &expired, "scope list").await;
    check(&ran, "broke the connection off: received fatal alert", "because it has expired");
}

#[tokio::test]
async fn a_foreign_controller_is_not_trusted() {
    let (ours, theirs) = (Ca::new(), Ca::new());
    let peer = Peer::default().serve(theirs.acceptor()).await;
    let ran = freehold(&peer.endpoint, &ours.identity("alice"), "scope list").await;
    check(&ran, "no TLS connection to 127.0.0.1:", "not from the CA in roots.pem");
}

#[tokio::test]
async fn an_operator_who_plays_controller_is_not_trusted() {
    let ca = Ca::new();
    let mallory = ca.identity("mallory");
    let own = IdentityFolder::open(&mallory).unwrap().credentials().unwrap().unwrap();
    let peer = Peer::default().serve(ca.acceptor_as(&own)).await;
    let ran = freehold(&peer.endpoint, &ca.identity("alice"), "scope list").await;
    check(&ran, "no TLS connection to 127.0.0.1:", "did not prove to be your controller");
}

#[tokio::test]
async fn something_else_on_the_port_is_told_apart() {
    let ca = Ca::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let web = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let identity = ca.identity("alice");
    let (ran, ()) = tokio::join!(freehold(&endpoint, &identity, "scope list"), web);
    check(&ran, "no TLS connection to 127.0.0.1:", "does not speak TLS 1.3");
}

#[tokio::test]
async fn an_exposed_key_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let ca = Ca::new();
    let identity = ca.identity("alice");
    let key = identity.join("identity.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = freehold("127.0.0.1:1", &identity, "scope list").await;
    check(&ran, "may be used by others on this host (mode 644)", "identity.pem (0600)");
}
