//! The channel to the controller: TLS 1.3 both ways, as the identity in a folder.
//!
//! The first connection is made before the first call, so that what is wrong with the way there is told apart from
//! what is wrong with a call. A client whose certificate the controller refuses sees the connection succeed and the
//! first call break off: in TLS 1.3 the client is done before the server has judged it. [`Api::diagnose`] then
//! connects once more and reads the controller's last word.

use freehold_certs::ServerName;
use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::tls;
use freehold_proto::v1;
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;
use tonic::transport::{Channel, Uri};

/// How long to wait for a connection, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait for the controller's last word after it refused.
const LAST_WORD_LIMIT: Duration = Duration::from_secs(2);
/// How often an idle connection is tried, and how long its answer may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// The largest answer that is taken: a page of big scopes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the controller is: `host:port`, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// A controller, and who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where the controller is.
    pub endpoint: Endpoint,
    /// The folder with the caller's certificate, key and trusted roots.
    pub identity: PathBuf,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The endpoint is not one.
    #[error("{0:?} is not an endpoint; give HOST:PORT, such as freehold.example:7443 or [2001:db8::1]:7443")]
    Endpoint(String),
    /// There is no such folder.
    #[error("there is no identity folder {}", .0.display())]
    NoFolder(PathBuf),
    /// A file of the identity is missing.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] FolderError),
    /// The TLS settings do not work.
    #[error("the certificate cannot be used for TLS")]
    Tls(#[source] rustls::Error),
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
    #[error("{0} did not answer in time")]
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

impl std::str::FromStr for Endpoint {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Self, ConnectError> {
        let wrong = || ConnectError::Endpoint(text.chars().take(80).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if inner.is_none() && host.contains(':') {
            return Err(wrong());
        }
        let host = inner.unwrap_or(host);
        // Only what TLS takes as the name of a server goes on.
        ServerName::try_from(host).map_err(|_| wrong())?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Reads who the caller is out of a folder, which must be complete.
pub fn read_identity(folder: &Path) -> Result<(Credentials, Roots), ConnectError> {
    if !folder.is_dir() {
        return Err(ConnectError::NoFolder(folder.to_owned()));
    }
    let identity = IdentityFolder::open(folder)?;
    let credentials = identity.credentials()?.ok_or_else(|| ConnectError::Missing(identity.identity_path()))?;
    let roots = identity.roots()?.ok_or_else(|| ConnectError::Missing(identity.roots_path()))?;
    Ok((credentials, roots))
}

/// The API of one controller, as one caller.
#[derive(Debug, Clone)]
pub struct Api {
    target: Target,
    dial: Dial,
    channel: Channel,
}

#[derive(Clone)]
struct Dial {
    endpoint: Endpoint,
    tls: Arc<rustls::ClientConfig>,
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dial({})", self.endpoint)
    }
}

impl Dial {
    async fn connect(&self) -> Result<TlsStream<TcpStream>, ConnectError> {
        match timeout(CONNECT_LIMIT, self.connect_unlimited()).await {
            Ok(done) => done,
            Err(_) => Err(ConnectError::Late(self.endpoint.clone())),
        }
    }

    async fn connect_unlimited(&self) -> Result<TlsStream<TcpStream>, ConnectError> {
        let endpoint = || self.endpoint.clone();
        let unreachable = |source| ConnectError::Unreachable { endpoint: endpoint(), source };
        let stream =
            TcpStream::connect((self.endpoint.host.as_str(), self.endpoint.port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let name = ServerName::try_from(self.endpoint.host.clone()).expect("parsed when the endpoint was");
        TlsConnector::from(self.tls.clone())
            .connect(name, stream)
            .await
            .map_err(|source| ConnectError::Handshake { endpoint: endpoint(), source })
    }
}

impl Api {
    /// Connects; the identity is read now and not again.
    pub async fn connect(target: &Target) -> Result<Self, ConnectError> {
        let (credentials, roots) = read_identity(&target.identity)?;
        let domain = &credentials.leaf().trust_domain;
        let tls = tls::client(Some(&credentials), &roots, domain, tls::system_clock()).map_err(ConnectError::Tls)?;
        let dial = Dial { endpoint: target.endpoint.clone(), tls: Arc::new(tls) };
        let connector = dial.clone();
        let uri: Uri = format!("https://{}", target.endpoint).parse().expect("an endpoint is an authority");
        let channel = Channel::builder(uri)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .keep_alive_while_idle(true)
            .connect_with_connector(tower::service_fn(move |_: Uri| {
                let dial = connector.clone();
                async move { dial.connect().await.map(TokioIo::new).map_err(Box::new) }
            }))
            .await
            .map_err(|error| own_error(error, &target.endpoint))?;
        Ok(Self { target: target.clone(), dial, channel })
    }

    /// The controller, and who is calling.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Why the controller breaks calls off, in its own words, if it says so.
    pub async fn diagnose(&self) -> Option<String> {
        let mut stream = match self.dial.connect().await {
            Ok(stream) => stream,
            Err(error) => return Some(chain(&error)),
        };
        let mut byte = [0];
        match timeout(LAST_WORD_LIMIT, stream.read(&mut byte)).await {
            Ok(Err(error)) => Some(error.to_string()),
            Ok(Ok(_)) | Err(_) => None,
        }
    }
}

macro_rules! services {
    ($($(#[$doc:meta])* $method:ident: $module:ident::$client:ident;)*) => {
        impl Api {
            $(
                $(#[$doc])*
                pub fn $method(&self) -> v1::$module::$client<Channel> {
                    v1::$module::$client::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
                }
            )*
        }
    };
}

services! {
    /// Spaces.
    spaces: space_service_client::SpaceServiceClient;
    /// Prefixes.
    prefixes: prefix_service_client::PrefixServiceClient;
    /// Scopes.
    scopes: scope_service_client::ScopeServiceClient;
    /// Reservations.
    reservations: reservation_service_client::ReservationServiceClient;
    /// Leases.
    leases: lease_service_client::LeaseServiceClient;
    /// Servers.
    servers: server_service_client::ServerServiceClient;
    /// Agents and enrolment tokens.
    agents: agent_service_client::AgentServiceClient;
    /// Operators.
    operators: operator_service_client::OperatorServiceClient;
    /// Events.
    events: event_service_client::EventServiceClient;
    /// Following changes.
    watch: watch_service_client::WatchServiceClient;
}

/// Finds our own error inside the one that tonic wraps around it.
fn own_error(error: tonic::transport::Error, endpoint: &Endpoint) -> ConnectError {
    let endpoint = endpoint.clone();
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(this) = cause {
        if let Some(ours) = this.downcast_ref::<Box<ConnectError>>() {
            return match ours.as_ref() {
                ConnectError::Unreachable { source, .. } => {
                    ConnectError::Unreachable { endpoint, source: again(source) }
                }
                ConnectError::Handshake { source, .. } => ConnectError::Handshake { endpoint, source: again(source) },
                ConnectError::Late(_) => ConnectError::Late(endpoint),
                _ => ConnectError::Http { endpoint, source: error },
            };
        }
        cause = this.source();
    }
    ConnectError::Http { endpoint, source: error }
}

/// The same error once more; those of the system cannot be copied.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// An error with its causes in one line, each said once.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        let more = this.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = this.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_a_host_and_a_port() {
        for text in ["freehold.example:7443", "10.0.0.1:1", "[2001:db8::1]:65535", "localhost:7443"] {
            assert_eq!(text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()).ok(), Some(text.to_owned()));
        }
        for bad in [
            "",
            "host",
            "host:",
            ":7443",
            "host:0",
            "host:65536",
            "2001:db8::1:7443",
            "a b:1",
            "https://h:1",
            "[h:1",
            "h/x:1",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad:?}");
        }
    }
}
