//! The agent's certificate, renewed in time: from a third of its life on, with a new key each time.
//!
//! While the controller is away the old one stays; a branch may be cut off for two thirds of a certificate's life without
//! ceremony. The next connection shows the new certificate.

use std::time::{Duration, SystemTime};

use freehold_certs::CertificateDer;
use freehold_certs::credentials::{Roots, RootsError};
use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::key::KeyError;
use freehold_certs::renewal::renew_from;
use freehold_certs::request::KeyAndRequest;
use freehold_proto::sync::RenewRequest;
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;
use tracing::{info, warn};

use crate::server::keeper::chain;

/// Between two looks at the clock: it may have been set.
const LOOK: Duration = Duration::from_secs(60);
/// How long the controller may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum RenewError {
    #[error(transparent)]
    Identity(#[from] FolderError),
    #[error("no key could be made")]
    Key(#[from] KeyError),
    #[error("the controller did not answer in time")]
    Late,
    #[error("the controller refused: {}", .0.message())]
    Refused(#[from] Status),
    #[error("the controller's roots cannot be used")]
    Roots(#[from] RootsError),
}

/// Renews the certificate in `identity` when it is time, over whatever connection there is, until `stop`.
/// `jitter` is random, so that the agents of a site do not come all at once.
pub async fn run(
    identity: IdentityFolder,
    channel: watch::Receiver<Option<Channel>>,
    jitter: u32,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let connected = channel.borrow().clone();
        let Some(connected) = connected else { continue };
        match renew_if_due(&identity, connected, jitter, SystemTime::now()).await {
            Ok(false) => {}
            Ok(true) => info!("certificate renewed"),
            Err(failure) => warn!(failure = %chain(&failure), "the certificate is not renewed yet"),
        }
    }
}

async fn renew_if_due(
    identity: &IdentityFolder,
    channel: Channel,
    jitter: u32,
    now: SystemTime,
) -> Result<bool, RenewError> {
    let due = identity.credentials()?.is_some_and(|present| renew_from(present.leaf().validity, jitter) <= now);
    if !due {
        return Ok(false);
    }
    let asked = KeyAndRequest::of(identity.pending_key()?)?;
    let request = RenewRequest { csr_der: asked.request.to_vec() };
    let answer = tokio::time::timeout(ANSWER_LIMIT, AgentControlServiceClient::new(channel).renew(request))
        .await
        .map_err(|_| RenewError::Late)??
        .into_inner();
    let certificates = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
    identity.write_roots(&Roots::new(certificates(answer.roots_der))?)?;
    identity.accept(certificates(answer.chain_der))?;
    Ok(true)
}
