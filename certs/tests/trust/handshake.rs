//! Real handshakes over loopback: who gets in, and why the others do not.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::identity::{Identity, TrustDomain};
use freehold_certs::peer::PeerCertificate;
use freehold_certs::reload::CurrentServer;
use freehold_certs::tls::{self, ClientCertificates, Protocols};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::ca::{AGENT, CONTROLLER, Ca, DAY, credentials, now};

/// A clock that stands still.
#[derive(Debug)]
struct At(SystemTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.duration_since(UNIX_EPOCH).unwrap()))
    }
}

pub(crate) fn at(time: SystemTime) -> Arc<dyn TimeProvider> {
    Arc::new(At(time))
}

pub(crate) fn domain() -> TrustDomain {
    "example.org".parse().unwrap()
}

/// What each end has to say: its connection, or why there is none.
pub(crate) struct Met {
    pub(crate) server: Result<server::TlsStream<TcpStream>, String>,
    pub(crate) client: Result<client::TlsStream<TcpStream>, String>,
}

impl Met {
    /// Both connections, when both ends were content.
    pub(crate) fn both(self) -> (server::TlsStream<TcpStream>, client::TlsStream<TcpStream>) {
        (self.server.expect("the server is content"), self.client.expect("the client is content"))
    }

    /// Why the server refused.
    pub(crate) fn server_refused(self) -> String {
        assert!(self.client.is_err(), "a refused client notices");
        self.server.map(|_| ()).expect_err("the server refuses")
    }

    /// Why the client refused.
    pub(crate) fn client_refused(self) -> String {
        assert!(self.server.is_err(), "a refused server notices");
        self.client.map(|_| ()).expect_err("the client refuses")
    }
}

/// Lets both ends meet and exchange a byte each way: in TLS 1.3 a client learns only by reading that the server refused it.
pub(crate) async fn meet(acceptor: TlsAcceptor, config: ClientConfig) -> Met {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tls = acceptor.accept(tcp).await?;
        tls.write_all(b"s").await?;
        tls.flush().await?;
        let mut byte = [0];
        tls.read_exact(&mut byte).await?;
        Ok(tls)
    };
    let call = async {
        let tcp = TcpStream::connect(address).await.unwrap();
        let host = "localhost".try_into().unwrap();
        let mut tls = TlsConnector::from(Arc::new(config)).connect(host, tcp).await?;
        let mut byte = [0];
        tls.read_exact(&mut byte).await?;
        tls.write_all(b"c").await?;
        tls.flush().await?;
        Ok(tls)
    };
    let limit = Duration::from_secs(10);
    let (server, client) = tokio::time::timeout(limit, async { tokio::join!(serve, call) })
        .await
        .expect("a handshake on loopback takes less than 10 s");
    let told = |error: io::Error| error.to_string();
    Met { server: server.map_err(told), client: client.map_err(told) }
}

pub(crate) fn acceptor(config: ServerConfig) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) fn server_of(
    credentials: &Credentials,
    roots: &Roots,
    presence: ClientCertificates,
    time: SystemTime,
) -> ServerConfig {
    tls::server(credentials, roots, &domain(), presence, Protocols::Http2, at(time)).unwrap()
}

fn server(ca: &Ca, presence: ClientCertificates) -> TlsAcceptor {
    acceptor(server_of(&ca.controller(), &ca.authority.roots(), presence, now()))
}

fn client(own: Option<&Credentials>, ca: &Ca, time: SystemTime) -> ClientConfig {
    tls::client(own, &ca.authority.roots(), &domain(), at(time)).unwrap()
}

fn peer(certificates: Option<&[rustls::pki_types::CertificateDer<'_>]>) -> Option<Identity> {
    let leaf = certificates?.first()?;
    Some(PeerCertificate::from_der(leaf).unwrap().identity)
}

use ClientCertificates::{Optional, Required};

#[tokio::test]
async fn an_agent_and_a_controller_know_each_other() {
    let ca = Ca::new();
    let (server, client) = meet(server(&ca, Required), client(Some(&ca.agent()), &ca, now())).await.both();
    let (server, client) = (server.get_ref().1, client.get_ref().1);
    assert_eq!(peer(server.peer_certificates()), Some(Identity::Agent(AGENT)));
    assert_eq!(peer(client.peer_certificates()), Some(Identity::Controller(CONTROLLER)));
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(server.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn an_operator_gets_in_too() {
    let ca = Ca::new();
    let (server, _client) = meet(server(&ca, Required), client(Some(&ca.operator()), &ca, now())).await.both();
    let identity = peer(server.get_ref().1.peer_certificates());
    assert_eq!(identity, Some(Identity::Operator("alice".parse().unwrap())));
}

#[tokio::test]
async fn without_a_certificate_only_where_it_is_optional() {
    let ca = Ca::new();
    let refused = meet(server(&ca, Required), client(None, &ca, now())).await.server_refused();
    assert_eq!(refused, "peer sent no certificates");
    let (server, _client) = meet(server(&ca, Optional), client(None, &ca, now())).await.both();
    assert_eq!(peer(server.get_ref().1.peer_certificates()), None);
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_refused_even_where_none_is_needed() {
    let ca = Ca::new();
    let stranger = Ca::new().agent();
    for presence in [Required, Optional] {
        let refused = meet(server(&ca, presence), client(Some(&stranger), &ca, now())).await.server_refused();
        assert_eq!(refused, "invalid peer certificate: UnknownIssuer", "{presence:?}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused_to_the_second() {
    let ca = Ca::new();
    let agent = ca.agent();
    let end = agent.leaf().validity.not_after;
    let controller = ca.controller();
    let meet_at = async |time| {
        let server = server_of(&controller, &ca.authority.roots(), Required, time);
        meet(acceptor(server), client(Some(&agent), &ca, time)).await
    };
    meet_at(end).await.both();
    let refused = meet_at(end + Duration::from_secs(1)).await.server_refused();
    assert!(refused.contains("certificate expired"), "{refused}");
    // An agent whose clock runs ahead sees that the controller's has run out.
    let server = server_of(&controller, &ca.authority.roots(), Required, now());
    let refused = meet(acceptor(server), client(Some(&agent), &ca, now() + 91 * DAY)).await.client_refused();
    assert!(refused.contains("certificate expired"), "{refused}");
}

#[tokio::test]
async fn a_clock_five_minutes_late_is_forgiven_and_six_are_not() {
    let ca = Ca::new();
    let (controller, agent) = (ca.controller(), ca.agent());
    let meet_at = async |time| {
        let server = server_of(&controller, &ca.authority.roots(), Required, now());
        meet(acceptor(server), client(Some(&agent), &ca, time)).await
    };
    meet_at(now() - Duration::from_secs(5 * 60)).await.both();
    let refused = meet_at(now() - Duration::from_secs(6 * 60)).await.client_refused();
    assert!(refused.contains("not valid yet"), "{refused}");
}

#[tokio::test]
async fn a_server_certificate_is_no_client_certificate_and_the_other_way_round() {
    let ca = Ca::new();
    let refused = meet(server(&ca, Required), client(Some(&ca.controller()), &ca, now())).await.server_refused();
    assert!(refused.contains("extended key usage"), "{refused}");
    let agent_serves = acceptor(server_of(&ca.agent(), &ca.authority.roots(), Required, now()));
    let refused = meet(agent_serves, client(Some(&ca.agent()), &ca, now())).await.client_refused();
    assert!(refused.contains("extended key usage"), "{refused}");
}

#[tokio::test]
async fn a_controller_of_a_foreign_ca_is_refused() {
    let (ca, foreign) = (Ca::new(), Ca::new());
    let refused = meet(server(&foreign, Optional), client(None, &ca, now())).await.client_refused();
    assert_eq!(refused, "invalid peer certificate: UnknownIssuer");
}

#[tokio::test]
async fn another_trust_domain_under_the_same_root_is_refused_both_ways() {
    let ca = Ca::new();
    // Somebody uses our intermediate's key under another name.
    let bundle = std::fs::read(ca.folder.join("intermediate.pem")).unwrap();
    let elsewhere = freehold_certs::authority::Authority::adopt(
        &ca.temporary.path().join("elsewhere"),
        "elsewhere.org".parse().unwrap(),
        &bundle,
        &bundle,
        now(),
    )
    .unwrap();
    let agent = credentials(|key| elsewhere.issue_agent(key, AGENT, now()).unwrap());
    let refused = meet(server(&ca, Required), client(Some(&agent), &ca, now())).await.server_refused();
    assert!(refused.contains("elsewhere.org"), "{refused}");
    let controller = credentials(|key| elsewhere.issue_controller(key, CONTROLLER, &[], now()).unwrap());
    let serves = acceptor(server_of(&controller, &ca.authority.roots(), Optional, now()));
    let refused = meet(serves, client(None, &ca, now())).await.client_refused();
    assert!(refused.contains("elsewhere.org"), "{refused}");
}

#[tokio::test]
async fn a_client_with_nothing_newer_than_tls_1_2_is_refused() {
    let ca = Ca::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.authority.roots().certificates()[0].clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let old = ClientConfig::builder_with_details(provider, at(now()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let refused = meet(server(&ca, Optional), old).await.server_refused();
    assert!(refused.contains("Tls12NotOfferedOrEnabled"), "{refused}");
}

#[tokio::test]
async fn no_session_is_ever_resumed() {
    let ca = Ca::new();
    let server = server(&ca, Required);
    // A client that would like to resume, unlike ours.
    let mut eager = client(Some(&ca.agent()), &ca, now());
    eager.resumption = rustls::client::Resumption::in_memory_sessions(8);
    for _ in 0..2 {
        let (server, client) = meet(server.clone(), eager.clone()).await.both();
        assert_eq!(client.get_ref().1.tls13_tickets_received(), 0);
        assert_eq!(server.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
    // Our client keeps nothing, even of a server that gives tickets.
    let mut generous = server_of(&ca.controller(), &ca.authority.roots(), Required, now());
    generous.send_tls13_tickets = 2;
    generous.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    let (server, ours) = (acceptor(generous), client(Some(&ca.agent()), &ca, now()));
    for _ in 0..2 {
        let (server, client) = meet(server.clone(), ours.clone()).await.both();
        assert_eq!(client.get_ref().1.tls13_tickets_received(), 2, "the server is generous");
        assert_eq!(server.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[tokio::test]
async fn browsers_may_speak_http_1_where_it_is_offered() {
    let ca = Ca::new();
    for (protocols, expected) in [(Protocols::Http2, false), (Protocols::Http2AndHttp1, true)] {
        let (own, roots) = (ca.controller(), ca.authority.roots());
        let config = tls::server(&own, &roots, &domain(), Optional, protocols, at(now())).unwrap();
        let mut old = client(None, &ca, now());
        old.alpn_protocols = vec![b"http/1.1".to_vec()];
        assert_eq!(meet(acceptor(config), old).await.client.is_ok(), expected);
    }
}

#[tokio::test]
async fn a_renewed_certificate_serves_the_next_connection_and_the_open_one_goes_on() {
    let ca = Ca::new();
    let (old, new) = (ca.controller(), ca.controller());
    let config = |own| server_of(own, &ca.authority.roots(), Optional, now());
    let current = CurrentServer::new(config(&old));
    let serial = |tls: &client::TlsStream<TcpStream>| {
        let leaf = &tls.get_ref().1.peer_certificates().unwrap()[0];
        PeerCertificate::from_der(leaf).unwrap().serial
    };
    let (mut open_server, mut open_client) = meet(current.acceptor(), client(None, &ca, now())).await.both();
    assert_eq!(serial(&open_client), old.leaf().serial);
    current.clone().replace(config(&new));
    let (_server, next) = meet(current.acceptor(), client(None, &ca, now())).await.both();
    assert_eq!(serial(&next), new.leaf().serial);
    open_server.write_all(b"still here").await.unwrap();
    open_server.flush().await.unwrap();
    let mut said = [0; 10];
    open_client.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"still here");
}

#[test]
fn the_provider_offers_tls_1_3_alone_and_may_be_installed_twice() {
    let provider = tls::provider();
    assert!(!provider.cipher_suites.is_empty());
    assert!(provider.cipher_suites.iter().all(|suite| suite.tls13().is_some()));
    tls::install_provider();
    tls::install_provider();
    let installed = rustls::crypto::CryptoProvider::get_default().unwrap();
    assert!(installed.cipher_suites.iter().all(|suite| suite.tls13().is_some()));
}
