//! How a host becomes an agent, and stays one.
//!
//! - `Enrol`: a one-time token makes the agent and gives it its first certificate. The same token with the same key gives the same agent again for
//!   10 minutes, so a lost answer is safe; a wrong secret is counted in the ledger, and five burn the token.
//! - [`renew`]: the next certificate, over a connection that shows the present one.
//! - `RenewExpired`: the same, by a proof of the key of a certificate that is over.
//!
//! Of a certificate request only the public key is taken. A certificate is signed first and listed in the ledger next; it is nobody's until
//! that is durable, and it is handed out only then. A crash in between leaves nothing.

mod challenges;
mod late;
mod service;

pub use service::Enrolment;

use crate::api::status;
use crate::clock;
use crate::context::Context;
use crate::engine::{Call, CommitError};
use crate::serve::{Caller, Principal};
use freehold_certs::authority::{AuthorityError, Issued};
use freehold_certs::identity::Uuid;
use freehold_certs::peer::PeerCertificate;
use freehold_certs::request::RequestedKey;
use freehold_core::change::Actor;
use freehold_core::model::CertificateRecord;
use freehold_core::name::AgentName;
use freehold_core::{Command, Reason, Refusal};
use freehold_proto::sync::{RenewRequest, RenewResponse};
use tonic::Status;

const RENEW: &str = "/freehold.sync.v1.AgentControlService/Renew";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The rules do not allow it, or the engine has ended.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The CA does not sign.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Others changed the same agent at the same time, again and again.
    #[error("the agent is being enrolled by another token at this moment; try again")]
    Raced,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Commit(CommitError::Refused(refusal))
    }
}

impl Failure {
    fn status(&self) -> Status {
        match self {
            Self::Commit(error) => status::not_committed(error),
            Self::Authority(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "the CA does not sign");
                Status::internal(format!("the controller's CA does not sign: {error}"))
            }
            Self::Raced => Status::aborted(self.to_string()),
        }
    }
}

/// Gives the calling agent its next certificate. One that it asked for before with the same key, and may not have received, is replaced.
///
/// # Errors
/// `INVALID_ARGUMENT` for a request that does not verify; `PERMISSION_DENIED` if the agent has been revoked in the meantime.
pub async fn renew(context: &Context, caller: &Caller, request: RenewRequest) -> Result<RenewResponse, Status> {
    let Principal::Agent(name) = &caller.principal else {
        return Err(Status::internal("only agents renew here"));
    };
    let key = requested(&request.csr_der).map_err(|refusal| status::refused(&refusal))?;
    let renewed = renewed(context, caller.actor.clone(), RENEW, name, &key).await;
    let issued = renewed.map_err(|failure| failure.status())?;
    Ok(RenewResponse { chain_der: chain(&issued), roots_der: roots(context) })
}

/// Signs the next certificate of an agent, which proved the key of the one that `actor` shows, and lists it.
async fn renewed(
    context: &Context,
    actor: Actor,
    method: &str,
    name: &AgentName,
    key: &RequestedKey,
) -> Result<Issued, Failure> {
    let id = context
        .engine
        .state()
        .agent(name)
        .map(|agent| agent.id)
        .ok_or_else(|| Refusal::new(Reason::AgentNotFound, format!("{name} does not exist")).about(name))?;
    let issued = context.authority.issue_agent(key, Uuid::from_bytes(id), context.now())?;
    let shown = actor.certificate_serial.clone();
    let command = Command::RenewAgent { name: name.clone(), shown, certificate: record_of(&issued.leaf) };
    context
        .engine
        .commit(Call { actor, method: method.to_owned(), request: None, command, ahead: None, reincarnate_above: None })
        .await?;
    Ok(issued)
}

/// The key that somebody has shown to hold.
fn requested(csr_der: &[u8]) -> Result<RequestedKey, Refusal> {
    RequestedKey::from_request(csr_der)
        .map_err(|error| Refusal::new(Reason::InvalidCertificateRequest, error.to_string()).at("csr_der"))
}

/// What the ledger keeps of a certificate.
pub fn record_of(leaf: &PeerCertificate) -> CertificateRecord {
    CertificateRecord {
        serial: leaf.serial.to_string(),
        spki_sha256: *leaf.spki_sha256.as_bytes(),
        not_after: clock::timestamp(leaf.validity.not_after),
    }
}

fn chain(issued: &Issued) -> Vec<Vec<u8>> {
    issued.chain.iter().map(|der| der.to_vec()).collect()
}

fn roots(context: &Context) -> Vec<Vec<u8>> {
    context.authority.roots().certificates().iter().map(|der| der.to_vec()).collect()
}
