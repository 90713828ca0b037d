//! The way to a controller: TCP, TLS 1.3, HTTP/2, each with a limit in time.
//!
//! A client whose certificate the controller refuses sees the connection succeed and its first call break off: in
//! TLS 1.3 the client is done before the server has judged it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Uri};

use crate::token::Endpoint;

/// How long a connection may take, TLS included.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How often an idle connection is tried, and how long its answer may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// The window of a stream and of a connection, in bytes.
const WINDOW: u32 = 1 << 20;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody can be reached there.
    #[error("cannot connect to {endpoint}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody is there, but not the controller that is trusted, or it does not trust us.
    #[error("no TLS connection to {endpoint}")]
    Handshake {
        /// Where.
        endpoint: Endpoint,
        /// What was wrong.
        source: io::Error,
    },
    /// Nobody answered in time.
    #[error("{0} did not answer within 10 seconds")]
    Late(Endpoint),
    /// TLS stands, and HTTP/2 does not.
    #[error("{endpoint} does not speak HTTP/2")]
    Http {
        /// Where.
        endpoint: Endpoint,
        /// What was wrong.
        source: tonic::transport::Error,
    },
}

/// A controller, and how to speak TLS with it.
#[derive(Debug, Clone)]
pub struct Dial {
    endpoint: Endpoint,
    tls: Arc<ClientConfig>,
}

impl Dial {
    /// The way to `endpoint` with these settings of [`crate::tls`].
    pub fn new(endpoint: Endpoint, tls: ClientConfig) -> Self {
        Self { endpoint, tls: Arc::new(tls) }
    }

    /// Where the controller is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// One TLS connection.
    ///
    /// # Errors
    /// `Unreachable`, `Handshake`, `Late`.
    pub async fn connect(&self) -> Result<TlsStream<TcpStream>, DialError> {
        match tokio::time::timeout(CONNECT_LIMIT, self.connect_unlimited()).await {
            Ok(done) => done,
            Err(_) => Err(DialError::Late(self.endpoint.clone())),
        }
    }

    async fn connect_unlimited(&self) -> Result<TlsStream<TcpStream>, DialError> {
        let endpoint = || self.endpoint.clone();
        let unreachable = |source| DialError::Unreachable { endpoint: endpoint(), source };
        let host = self.endpoint.host().to_str().into_owned();
        let stream = TcpStream::connect((host.as_str(), self.endpoint.port())).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        TlsConnector::from(Arc::clone(&self.tls))
            .connect(self.endpoint.host().clone(), stream)
            .await
            .map_err(|source| DialError::Handshake { endpoint: endpoint(), source })
    }

    /// A channel for calls, on `connection`, which ends with it: nothing is dialled again behind the caller's back.
    ///
    /// # Errors
    /// `Http`.
    pub async fn channel(&self, connection: TlsStream<TcpStream>) -> Result<Channel, DialError> {
        let once = first(connection);
        self.over(move || {
            let taken = take(&once);
            std::future::ready(taken.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
        })
        .await
    }

    /// A channel for calls, on `connection` at first; after that has ended, a call dials again.
    ///
    /// # Errors
    /// `Http`.
    pub async fn lasting_channel(&self, connection: TlsStream<TcpStream>) -> Result<Channel, DialError> {
        let (once, dial) = (first(connection), self.clone());
        self.over(move || {
            let (taken, dial) = (take(&once), dial.clone());
            async move {
                match taken {
                    Some(connection) => Ok(connection),
                    None => dial.connect().await.map(TokioIo::new).map_err(Box::new),
                }
            }
        })
        .await
    }

    async fn over<F, E>(&self, mut connect: impl FnMut() -> F + Send + 'static) -> Result<Channel, DialError>
    where
        F: Future<Output = Result<TokioIo<TlsStream<TcpStream>>, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let uri: Uri = format!("https://{}", self.endpoint).parse().expect("an endpoint is an authority");
        Channel::builder(uri)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .keep_alive_while_idle(true)
            .connect_with_connector(tower::service_fn(move |_: Uri| connect()))
            .await
            .map_err(|source| DialError::Http { endpoint: self.endpoint.clone(), source })
    }
}

type First = Arc<Mutex<Option<TokioIo<TlsStream<TcpStream>>>>>;

fn first(connection: TlsStream<TcpStream>) -> First {
    Arc::new(Mutex::new(Some(TokioIo::new(connection))))
}

fn take(first: &First) -> Option<TokioIo<TlsStream<TcpStream>>> {
    first.lock().unwrap_or_else(PoisonError::into_inner).take()
}
