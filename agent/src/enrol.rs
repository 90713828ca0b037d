//! How this host becomes an agent: one token, one call, then it knows whom to obey and nobody else.
//!
//! A crash at any point is cured by running it again with the same token: the key is durable before it is
//! used, and the controller gives the same key the same answer for ten minutes.

use std::time::Duration;

use freehold_certs::CertificateDer;
use freehold_certs::credentials::{Roots, RootsError};
use freehold_certs::dial::{Dial, DialError};
use freehold_certs::folder::FolderError;
use freehold_certs::key::KeyError;
use freehold_certs::request::KeyAndRequest;
use freehold_certs::tls;
use freehold_certs::token::EnrolmentToken;
use freehold_core::name::AgentName;
use freehold_core::refusal::Refusal;
use freehold_proto::sync::EnrolRequest;
use freehold_proto::sync::enrolment_service_client::EnrolmentServiceClient;

use crate::home::{Home, HomeError, Membership};

/// How long the controller may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Why this host did not become an agent.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The agent's folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The identity in it.
    #[error(transparent)]
    Identity(#[from] FolderError),
    /// A key.
    #[error("no key could be made")]
    Key(#[from] KeyError),
    /// The way to the controller.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// TLS settings.
    #[error("TLS cannot be used")]
    Tls(#[source] rustls::Error),
    /// The controller said no.
    #[error("{endpoint} refused: {message}")]
    Refused {
        /// Where.
        endpoint: String,
        /// Its words.
        message: String,
    },
    /// The roots in the answer are not those of the token.
    #[error("the controller's answer is not of the authority that the token names")]
    Roots(#[from] RootsError),
    /// The answer does not make sense.
    #[error("the controller's answer does not make sense: {0}")]
    Answer(String),
}

impl From<Refusal> for EnrolError {
    fn from(refusal: Refusal) -> Self {
        Self::Answer(refusal.message)
    }
}

/// Makes this host an agent of the controller that `token` names.
pub async fn enrol(home: &Home, token: &EnrolmentToken) -> Result<Membership, EnrolError> {
    if let Some(Membership { controller, agent, .. }) = home.find_membership()? {
        return Err(HomeError::Enrolled { agent, controller, path: home.membership_path() }.into());
    }
    let folder = home.identity()?;
    let asked = KeyAndRequest::of(folder.pending_key()?)?;
    let tls = tls::pinned_client(token.root, tls::system_clock()).map_err(EnrolError::Tls)?;
    let dial = Dial::new(token.endpoint.clone(), tls);
    let channel = dial.channel(dial.connect().await?).await?;
    let request = EnrolRequest {
        token_id: token.id.to_string(),
        token_secret: token.secret.as_bytes().to_vec(),
        csr_der: asked.request.to_vec(),
    };
    let refused = |message: String| EnrolError::Refused { endpoint: token.endpoint.to_string(), message };
    let answer = tokio::time::timeout(ANSWER_LIMIT, EnrolmentServiceClient::new(channel).enrol(request))
        .await
        .map_err(|_| refused("no answer within 30 seconds".to_owned()))?
        .map_err(|status| refused(status.message().to_owned()))?
        .into_inner();

    let certificates = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
    let roots = Roots::pinned(&token.root, &certificates(answer.roots_der))?;
    let membership = Membership {
        controller: token.endpoint.clone(),
        agent: answer.agent.parse::<AgentName>()?,
        store_id: answer.store_id.try_into().map_err(|_| EnrolError::Answer("a store id has 16 bytes".to_owned()))?,
    };
    // Membership last: until it is there the host is no agent, and enrolling again is safe.
    folder.write_roots(&roots)?;
    folder.accept(certificates(answer.chain_der))?;
    home.join(&membership)?;
    Ok(membership)
}
