//! One port: connections, who is at their other end, and what they may call.
//!
//! ```text
//! TCP ─▶ TLS 1.3 (limit in time) ─▶ Peer ─▶ HTTP/2 ─▶ gRPC-Web for browsers ─▶ Caller ─▶ services
//!                                     ▲ revocation, end of the certificate
//! ```
//!
//! A client certificate is optional in the handshake, because enrolment has none; each method says who may call it, and [`standing`] asks
//! on every call whether that caller is still welcome. A revoked identity's streams end within a second with
//! `UNAUTHENTICATED`, and its connections are closed. Strangers' connections last a minute.
//!
//! Nothing here outlives [`serve`]: connections and the calls on them are tracked, and what does not end by itself at shutdown is dropped.

mod body;
mod caller;
pub mod certificate;
mod connection;
mod connections;
mod denials;
mod front;
mod gathered;
mod peer;
mod standing;
mod strangers;

pub use caller::Caller;
pub use denials::Denials;
pub use peer::Peer;
pub use standing::Principal;

use crate::context::Context;
use caller::Authorise;
use connection::Acceptor;
use freehold_certs::reload::CurrentServer;
use front::Front;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Connections at once; past that, callers wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 20_000;
/// How long open calls may take to end when the controller stops.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long nothing is accepted after an error, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`; then accepts no more, ends streams, lets calls finish within a limit, and returns.
pub async fn serve(
    listener: TcpListener,
    tls: CurrentServer,
    routes: Routes,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let engine = context.engine.clone();
    let front = Front::new(Authorise::new(routes.prepare(), context, stop.clone()));
    let acceptor = Arc::new(Acceptor::new(tls, front, engine.clone(), stop.clone()));
    let revocation = tokio::spawn({
        let (acceptor, stop) = (Arc::clone(&acceptor), stop.clone());
        async move { acceptor.connections.follow(engine, stop).await }
    });
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = open.join_next(), if !open.is_empty() => told(ended),
            accepted = listener.accept(), if open.len() < CONNECTIONS_MAX => match accepted {
                Ok((tcp, address)) => take(&mut open, &acceptor, tcp, address),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    told(revocation.await);
    let all_ended = async {
        while let Some(ended) = open.join_next().await {
            told(ended);
        }
        acceptor.calls.close();
        acceptor.calls.wait().await;
    };
    if tokio::time::timeout(STOP_LIMIT, all_ended).await.is_err() {
        tracing::warn!(connections = open.len(), calls = acceptor.calls.len(), "some calls did not end in time");
        open.shutdown().await;
    }
}

fn take(open: &mut JoinSet<()>, acceptor: &Arc<Acceptor>, tcp: TcpStream, address: SocketAddr) {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let nodelay: io::Result<()> = tcp.set_nodelay(true);
    if let Err(error) = nodelay {
        tracing::debug!(%address, %error, "the connection was gone before it was taken");
        return;
    }
    let acceptor = Arc::clone(acceptor);
    open.spawn(async move { acceptor.run(tcp, address).await });
}

fn told(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}
