//! The channel to the controller: TLS 1.3 both ways, as the identity in a folder.
//!
//! The first connection is made before the first call, so that what is wrong with the way there is told apart from
//! what is wrong with a call. A client whose certificate the controller refuses sees the connection succeed and the
//! first call break off: in TLS 1.3 the client is done before the server has judged it. [`Api::diagnose`] then
//! connects once more and reads the controller's last word.

use crate::call::request_id;
use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::dial::{Dial, DialError};
use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::tls;
use freehold_certs::token::{Endpoint, EndpointError};
use freehold_proto::v1;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_rustls::rustls;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;

/// How long to wait for the controller's last word after it refused.
const LAST_WORD_LIMIT: Duration = Duration::from_secs(2);
/// The largest answer that is taken: a page of big scopes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

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
    #[error("{0}; an endpoint is HOST:PORT, such as freehold.example:7443 or [2001:db8::1]:7443")]
    Endpoint(#[from] EndpointError),
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
    /// The way there.
    #[error(transparent)]
    Dial(#[from] DialError),
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
    request_id: Option<String>,
    /// The preview that the last call made which only asked.
    preview: Arc<Mutex<Option<String>>>,
}

impl Api {
    /// Connects; the identity is read now and not again.
    pub async fn connect(target: &Target) -> Result<Self, ConnectError> {
        let (credentials, roots) = read_identity(&target.identity)?;
        let domain = &credentials.leaf().trust_domain;
        let tls = tls::client(Some(&credentials), &roots, domain, tls::system_clock()).map_err(ConnectError::Tls)?;
        let dial = Dial::new(target.endpoint.clone(), tls);
        let channel = dial.lasting_channel(dial.connect().await?).await?;
        Ok(Self { target: target.clone(), dial, channel, request_id: None, preview: Arc::default() })
    }

    /// The same, for a command whose change has this id.
    #[must_use]
    pub fn repeating(self, request_id: Option<String>) -> Self {
        Self { request_id, ..self }
    }

    /// The id of a change: the one that was given, or a new one.
    pub fn request_id(&self) -> String {
        self.request_id.clone().unwrap_or_else(request_id)
    }

    /// The preview that the last call made which only asked, if there was one.
    pub fn preview(&self) -> Option<String> {
        self.preview.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of what an answer says beside itself.
    pub(crate) fn note(&self, metadata: &MetadataMap) {
        if let Some(name) = metadata.get("freehold-preview").and_then(|name| name.to_str().ok()) {
            *self.preview.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
        }
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
    /// What changes would make of servers.
    previews: preview_service_client::PreviewServiceClient;
    /// Prefixes.
    prefixes: prefix_service_client::PrefixServiceClient;
    /// The plan as a whole.
    plan: plan_service_client::PlanServiceClient;
    /// Custom fields.
    fields: field_definition_service_client::FieldDefinitionServiceClient;
    /// Scopes.
    scopes: scope_service_client::ScopeServiceClient;
    /// Reservations.
    reservations: reservation_service_client::ReservationServiceClient;
    /// Addresses.
    addresses: address_service_client::AddressServiceClient;
    /// Conflicts.
    conflicts: conflict_service_client::ConflictServiceClient;
    /// What is doubtful.
    review: review_service_client::ReviewServiceClient;
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
    /// What happened to addresses.
    history: history_service_client::HistoryServiceClient;
    /// Finding anything.
    search: search_service_client::SearchServiceClient;
    /// Stale addresses.
    reclaim: reclaim_service_client::ReclaimServiceClient;
    /// How full places are.
    usage: utilisation_service_client::UtilisationServiceClient;
    /// Saved views.
    views: view_service_client::ViewServiceClient;
    /// Files in and out.
    exchange: exchange_service_client::ExchangeServiceClient;
    /// Following changes.
    watch: watch_service_client::WatchServiceClient;
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
