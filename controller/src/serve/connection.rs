//! The life of one connection.

use super::body::stopping;
use super::connections::Connections;
use super::front::Front;
use super::gathered::Gathered;
use super::peer::Peer;
use super::standing;
use super::strangers::Strangers;
use crate::api::status;
use crate::clock;
use crate::engine::Engine;
use freehold_certs::peer::{PeerCertificate, PeerCertificateError};
use freehold_certs::proof;
use freehold_certs::reload::CurrentServer;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

/// A handshake that takes longer is given up.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection lasts whose peer has shown no certificate, or one that is not welcome.
const STRANGER_LIMIT: Duration = Duration::from_secs(60);
/// How long the last answers may take to reach a peer that was cut off.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// HTTP/2 flow control, of a stream and of a connection, in bytes.
const WINDOW: u32 = 1 << 20;
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_LIMIT: Duration = Duration::from_secs(10);
const STREAMS_MAX: u32 = 256;
const HEADERS_MAX: u32 = 32 << 10;

/// What every connection needs.
#[derive(Debug)]
pub(super) struct Acceptor {
    tls: CurrentServer,
    front: Front,
    engine: Engine,
    stop: CancellationToken,
    strangers: Strangers,
    pub(super) connections: Connections,
    /// The calls that are being answered.
    pub(super) calls: TaskTracker,
}

/// Why a connection came to nothing.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the handshake took longer than {} s", HANDSHAKE_LIMIT.as_secs())]
    TooSlow,
    #[error("{0}")]
    Handshake(io::Error),
    #[error(transparent)]
    Certificate(#[from] PeerCertificateError),
    #[error("{0}")]
    Binding(#[from] tokio_rustls::rustls::Error),
}

impl Acceptor {
    pub(super) fn new(tls: CurrentServer, front: Front, engine: Engine, stop: CancellationToken) -> Self {
        Self {
            tls,
            front,
            engine,
            stop,
            strangers: Strangers::default(),
            connections: Connections::default(),
            calls: TaskTracker::new(),
        }
    }

    /// Runs a connection to its end.
    pub(super) async fn run(&self, tcp: TcpStream, address: SocketAddr) {
        let Some(stranger) = self.strangers.admit(address.ip()) else {
            tracing::warn!(%address, "refused a connection: too many of its kind have shown no certificate");
            return;
        };
        let handshake = tokio::select! {
            () = self.stop.cancelled() => return,
            done = self.handshake(tcp, address) => done,
        };
        let (tls, peer) = match handshake {
            Ok(done) => done,
            Err(Refused::Handshake(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                tracing::debug!(%address, "closed before the handshake was done");
                return;
            }
            Err(refused) => {
                tracing::warn!(%address, reason = %refused, "refused a connection");
                return;
            }
        };
        let place = self.connections.enter(&peer);
        let (limit, end) = self.limit(&peer);
        let _stranger = place.is_none().then_some(stranger);
        self.serve(tls, &peer, limit, end).await;
    }

    async fn handshake(&self, tcp: TcpStream, address: SocketAddr) -> Result<(TlsStream<TcpStream>, Peer), Refused> {
        let accepted = timeout(HANDSHAKE_LIMIT, self.tls.acceptor().accept(tcp)).await;
        let tls = accepted.map_err(|_| Refused::TooSlow)?.map_err(Refused::Handshake)?;
        let (_, session) = tls.get_ref();
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        let certificate = leaf.map(|leaf| PeerCertificate::from_der(leaf)).transpose()?;
        let peer = Peer::new(certificate.map(Arc::new), address, proof::channel_binding(session)?);
        Ok((tls, peer))
    }

    /// How long the connection may last, and what its streams are told then.
    fn limit(&self, peer: &Peer) -> (Duration, Status) {
        let stranger =
            || (STRANGER_LIMIT, Status::unavailable("a connection without a valid certificate lasts a minute"));
        let Some(shown) = &peer.certificate else {
            return stranger();
        };
        let now = self.engine.now();
        match standing::principal(&self.engine.state(), shown, now) {
            Ok(_) => {
                let left = shown.validity.not_after.duration_since(clock::system_time(now)).unwrap_or_default();
                (left, status::unauthenticated(&standing::expired()))
            }
            // It stays open for a while, so that calls are answered with the reason.
            Err(_) => stranger(),
        }
    }

    async fn serve(&self, tls: TlsStream<TcpStream>, peer: &Peer, limit: Duration, end: Status) {
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        let service = service_fn(|mut request| {
            request.extensions_mut().insert(peer.clone());
            self.front.clone().answer(request)
        });
        let builder = http(self.calls.clone());
        let builder = if http2 { builder.http2_only() } else { builder.http1_only() };
        let gathered = TokioIo::new(Gathered::new(tls, http2));
        let mut connection = std::pin::pin!(builder.serve_connection(gathered, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = tokio::time::sleep(limit) => {
                peer.end(end);
                connection.as_mut().graceful_shutdown();
                timeout(LAST_WORDS, connection).await.unwrap_or(Ok(()))
            }
            () = peer.revoked.cancelled() => {
                connection.as_mut().graceful_shutdown();
                timeout(LAST_WORDS, connection).await.unwrap_or(Ok(()))
            }
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // Calls of a connection that is gone are answered to nobody: they end, too.
        peer.end(stopping());
        if let Err(error) = ended {
            tracing::debug!(address = %peer.address, error, "a connection broke");
        }
    }
}

/// HTTP as it is spoken here.
fn http(calls: TaskTracker) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(Tracked(calls));
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_LIMIT)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADERS_MAX);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_LIMIT);
    builder
}

/// Runs the calls of HTTP/2 connections as tasks that are waited for at shutdown.
#[derive(Debug, Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        drop(self.0.spawn(call));
    }
}
