//! Renewal after the end: the old key's proof stands in for the certificate that TLS no longer takes.

use super::{Failure, chain, renewed, requested, roots};
use crate::context::Context;
use crate::serve::Peer;
use freehold_certs::CertificateDer;
use freehold_certs::identity::Identity;
use freehold_certs::peer::PeerCertificate;
use freehold_certs::proof::{self, Challenge};
use freehold_core::change::Actor;
use freehold_core::model::{Agent, AgentState};
use freehold_core::{Reason, Refusal, State};
use freehold_proto::sync::{RenewExpiredRequest, RenewExpiredResponse};

/// Verifies the proof and the agent's standing, and gives the next certificate.
pub(super) async fn renew(
    context: &Context,
    peer: &Peer,
    method: &str,
    nonce: &[u8; 32],
    message: &RenewExpiredRequest,
) -> Result<RenewExpiredResponse, Failure> {
    let key = requested(&message.csr_der)?;
    let old = proven(context, peer, nonce, message)?;
    let state = context.engine.state();
    let agent = holder(&state, &old)?;
    if old.validity.not_after > context.now() {
        return Err(not_expired().into());
    }
    let actor = Actor { certificate_serial: old.serial.to_string(), ..peer.actor(agent.name.to_string()) };
    let issued = renewed(context, actor, method, &agent.name, &key).await?;
    tracing::warn!(agent = %agent.name, address = %peer.address, "renewed a certificate that was over");
    Ok(RenewExpiredResponse { chain_der: chain(&issued), roots_der: roots(context) })
}

/// The answer to a challenge that was not given on this connection, or too long ago.
pub(super) fn stale() -> Refusal {
    Refusal::new(
        Reason::ProofRefused,
        "the challenge was not given on this connection, or more than a minute ago, or is used up; ask for another",
    )
    .at("nonce")
}

fn proven(
    context: &Context,
    peer: &Peer,
    nonce: &[u8; 32],
    message: &RenewExpiredRequest,
) -> Result<PeerCertificate, Refusal> {
    let chain: Vec<_> = message.old_chain_der.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let challenge = Challenge { binding: &peer.binding, nonce, request: &message.csr_der };
    let authority = &context.authority;
    proof::verify(&authority.roots(), authority.trust_domain(), &chain, challenge, &message.signature)
        .map_err(|error| Refusal::new(Reason::ProofRefused, error.to_string()))
}

/// The agent whose certificate this was, if it is still on its list.
fn holder<'a>(state: &'a State, old: &PeerCertificate) -> Result<&'a Agent, Refusal> {
    let Identity::Agent(id) = &old.identity else {
        return Err(Refusal::new(
            Reason::ProofRefused,
            format!("{} is not an agent; only agents renew late", old.identity),
        ));
    };
    let serial = old.serial.to_string();
    state
        .agent_by_id(id.as_bytes())
        .filter(|agent| agent.state == AgentState::Active)
        .filter(|agent| agent.certificates.iter().any(|kept| kept.serial == serial))
        .map(AsRef::as_ref)
        .ok_or_else(|| {
            let message = "the agent is revoked or removed, or has a newer certificate; enrol it with a new token (freehold agent token create)";
            Refusal::new(Reason::IdentityRevoked, message)
        })
}

/// How late and how often is core's to decide; that it is late at all is what brings it here.
fn not_expired() -> Refusal {
    Refusal::new(Reason::ProofRefused, "the certificate has not expired: renew it over a connection that presents it")
}
