//! The controller's own certificate: made at every start, and again before it ends.
//!
//! Its key is never written anywhere: the CA is on this host, so there is always another one to be had. The controller's id in it is the
//! store's, the same after every start.

use crate::clock;
use freehold_certs::authority::{Authority, AuthorityError};
use freehold_certs::credentials::{Credentials, CredentialsError};
use freehold_certs::identity::Uuid;
use freehold_certs::key::KeyError;
use freehold_certs::reload::CurrentServer;
use freehold_certs::request::{KeyAndRequest, RequestError, RequestedKey};
use freehold_certs::tls::{self, ClientCertificates, Protocols};
use freehold_certs::validity::Validity;
use freehold_certs::{ServerName, renewal};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum ServerCertificateError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The request for it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The CA.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Key and certificate.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// TLS.
    #[error("the TLS settings are not usable")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// What makes the controller's certificates.
#[derive(Debug)]
pub struct ServerCertificate {
    /// Signs them.
    pub authority: Arc<Authority>,
    /// The controller's id.
    pub id: Uuid,
    /// Host names and addresses of this controller.
    pub names: Vec<ServerName<'static>>,
}

impl ServerCertificate {
    /// TLS settings with a certificate just made.
    ///
    /// # Errors
    /// See [`ServerCertificateError`].
    pub fn issue(
        &self,
        now: SystemTime,
    ) -> Result<(tokio_rustls::rustls::ServerConfig, Validity), ServerCertificateError> {
        let KeyAndRequest { key, request } = KeyAndRequest::generate()?;
        let requested = RequestedKey::from_request(&request)?;
        let issued = self.authority.issue_controller(&requested, self.id, &self.names, now)?;
        let credentials = Credentials::new(key, issued.chain)?;
        let config = tls::server(
            &credentials,
            &self.authority.roots(),
            self.authority.trust_domain(),
            ClientCertificates::Optional,
            Protocols::Http2AndHttp1,
            tls::system_clock(),
        )?;
        Ok((config, issued.leaf.validity))
    }

    /// Puts a new certificate in force whenever a third of the present one's life has passed, until told to stop.
    ///
    /// If it cannot be made, the present one stays and it is tried again in an hour.
    pub async fn keep(&self, current: CurrentServer, mut validity: Validity, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => {}
            }
            let now = clock::system_time(clock::now());
            if now < renewal::renew_from(validity, 0) {
                continue;
            }
            match self.issue(now) {
                Ok((config, renewed)) => {
                    current.replace(config);
                    validity = renewed;
                    tracing::info!("the controller's certificate was renewed");
                }
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the controller's certificate could not be renewed; the present one stays in use"
                ),
            }
        }
    }
}
