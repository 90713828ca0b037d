//! `EnrolmentService`: what anybody may call, because the token or the old key is the proof.

use super::challenges::Challenges;
use super::{Failure, chain, late, record_of, requested, roots};
use crate::context::Context;
use crate::engine::{Call, CommitError};
use crate::serve::Peer;
use freehold_certs::identity::Uuid;
use freehold_certs::proof;
use freehold_certs::token::{Secret, TokenId};
use freehold_core::change::{Actor, Record};
use freehold_core::decide::token_refused;
use freehold_core::model::{Agent, SecretHash};
use freehold_core::name::TokenName;
use freehold_core::refusal::Class;
use freehold_core::{Change, Command, Reason, State};
use freehold_proto::sync::enrolment_service_server::{EnrolmentService, EnrolmentServiceServer};
use freehold_proto::sync::{
    EnrolRequest, EnrolResponse, GetChallengeRequest, GetChallengeResponse, RenewExpiredRequest, RenewExpiredResponse,
};
use std::sync::{Arc, Mutex, PoisonError};
use tonic::{Request, Response, Status};

const ENROL: &str = "/freehold.sync.v1.EnrolmentService/Enrol";
const RENEW_EXPIRED: &str = "/freehold.sync.v1.EnrolmentService/RenewExpired";
/// Strangers send these messages: a request and a chain fit many times.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// How often an agent that comes into being in between is looked at again.
const TRIES: usize = 3;

/// The service.
#[derive(Debug)]
pub struct Enrolment {
    context: Arc<Context>,
    challenges: Mutex<Challenges>,
}

impl Enrolment {
    /// The service, to be put among the routes.
    pub fn server(context: Arc<Context>) -> EnrolmentServiceServer<Self> {
        let service = Self { context, challenges: Mutex::default() };
        EnrolmentServiceServer::new(service).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    async fn use_token(&self, peer: &Peer, message: &EnrolRequest) -> Result<EnrolResponse, Failure> {
        let key = requested(&message.csr_der)?;
        let (token, secret) = shown(message).ok_or_else(token_refused)?;
        for _ in 0..TRIES {
            let state = self.context.engine.state();
            let id = agent_id(&state, &token).ok_or_else(token_refused)?;
            let issued = self.context.authority.issue_agent(&key, id, self.context.now())?;
            let certificate = record_of(&issued.leaf);
            let command = Command::EnrolAgent { token: token.clone(), secret, id: *id.as_bytes(), certificate };
            let actor = peer.actor(token.to_string());
            let call =
                Call { actor, method: ENROL.to_owned(), request: None, command, ahead: None, reincarnate_above: None };
            let committed = match self.context.engine.commit(call).await {
                Err(CommitError::Refused(refusal)) if refusal.reason == Reason::TokenRefused => {
                    self.count_wrong_secret(peer, token, secret).await?;
                    return Err(refusal.into());
                }
                decided => decided?,
            };
            let agent = enrolled(&committed.changes).expect("whoever enrols makes an agent or changes one");
            // Another token may have made the agent since the snapshot; the certificate is then for an id that nobody has.
            if agent.id == *id.as_bytes() {
                return Ok(EnrolResponse {
                    chain_der: chain(&issued),
                    roots_der: roots(&self.context),
                    agent: agent.name.to_string(),
                    store_id: self.context.engine.identity().store_id.to_vec(),
                });
            }
        }
        Err(Failure::Raced)
    }

    /// Counts against the token if it was the secret that was wrong; `decide` knows.
    async fn count_wrong_secret(&self, peer: &Peer, token: TokenName, secret: SecretHash) -> Result<(), Failure> {
        let actor = peer.actor(token.to_string());
        let command = Command::CountWrongSecret { token, secret };
        self.context
            .engine
            .commit(Call {
                actor,
                method: ENROL.to_owned(),
                request: None,
                command,
                ahead: None,
                reincarnate_above: None,
            })
            .await?;
        Ok(())
    }

    async fn answer_late(&self, peer: &Peer, message: &RenewExpiredRequest) -> Result<RenewExpiredResponse, Failure> {
        let nonce = <[u8; 32]>::try_from(message.nonce.as_slice()).map_err(|_| late::stale())?;
        let good = self.with_challenges(|open| open.take(&nonce, &peer.binding, self.context.engine.now()));
        if !good {
            return Err(late::stale().into());
        }
        late::renew(&self.context, peer, RENEW_EXPIRED, &nonce, message).await
    }

    fn with_challenges<T>(&self, work: impl FnOnce(&mut Challenges) -> T) -> T {
        work(&mut self.challenges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The status of a failure; one that may have been an attack goes on record.
    async fn told(&self, peer: &Peer, principal: String, method: &str, failure: Failure) -> Status {
        if let Failure::Commit(CommitError::Refused(refusal)) = &failure
            && refusal.reason.class() == Class::Denied
        {
            let actor: Actor = peer.actor(principal);
            self.context.denials.record(None, actor, peer.address.ip(), method, refusal).await;
        }
        failure.status()
    }
}

/// The token that a request shows, if it is of the form of one.
fn shown(message: &EnrolRequest) -> Option<(TokenName, SecretHash)> {
    let id: TokenId = message.token_id.parse().ok()?;
    let secret = Secret::from_bytes(message.token_secret.as_slice().try_into().ok()?);
    let name = TokenName::from_id(&id.to_string()).ok()?;
    Some((name, SecretHash(*secret.hash(&id).as_bytes())))
}

/// The id of the agent that a token makes: its own if it exists, or else a new one. `None` if there is no such token.
fn agent_id(state: &State, token: &TokenName) -> Option<Uuid> {
    let token = state.token(token)?;
    Some(state.agent(&token.agent).map_or_else(Uuid::random, |agent| Uuid::from_bytes(agent.id)))
}

/// The agent among the changes of an enrolment.
fn enrolled(changes: &[Change]) -> Option<&Agent> {
    changes.iter().find_map(|change| match change.after() {
        Some(Record::Agent(agent)) => Some(agent.as_ref()),
        _ => None,
    })
}

#[tonic::async_trait]
impl EnrolmentService for Enrolment {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let peer = Peer::of(&extensions)?;
        match self.use_token(peer, &message).await {
            Ok(response) => {
                tracing::info!(agent = response.agent, address = %peer.address, "enrolled");
                Ok(Response::new(response))
            }
            Err(failure) => {
                let token: String = message.token_id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
                Err(self.told(peer, format!("{}/{token}", TokenName::COLLECTION), ENROL, failure).await)
            }
        }
    }

    async fn renew_expired(
        &self,
        request: Request<RenewExpiredRequest>,
    ) -> Result<Response<RenewExpiredResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let peer = Peer::of(&extensions)?;
        match self.answer_late(peer, &message).await {
            Ok(response) => Ok(Response::new(response)),
            Err(failure) => Err(self.told(peer, String::new(), RENEW_EXPIRED, failure).await),
        }
    }

    async fn get_challenge(
        &self,
        request: Request<GetChallengeRequest>,
    ) -> Result<Response<GetChallengeResponse>, Status> {
        let peer = Peer::of(request.extensions())?;
        let nonce = proof::nonce();
        self.with_challenges(|open| open.give(nonce, peer.binding, self.context.engine.now()));
        Ok(Response::new(GetChallengeResponse { nonce: nonce.to_vec() }))
    }
}
