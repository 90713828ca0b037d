//! A server's TLS settings that can be replaced while it runs.
//!
//! A renewed certificate or a changed CA serves the next connection; connections that are open keep what they were made with.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

/// The settings in force. Clones see the same settings.
#[derive(Clone)]
pub struct CurrentServer(Arc<ArcSwap<ServerConfig>>);

impl CurrentServer {
    /// Begins with these settings.
    pub fn new(config: ServerConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// Puts other settings in force.
    pub fn replace(&self, config: ServerConfig) {
        self.0.store(Arc::new(config));
    }

    /// What accepts the next connection: ask again for each one.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

impl fmt::Debug for CurrentServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentServer")
    }
}
