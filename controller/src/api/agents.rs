use super::Api;
use super::call::{mutation, named, not_found, open, refuse, there};
use super::page::Page;
use freehold_certs::token::{Endpoint, EnrolmentToken as TokenString};
use freehold_core::Command;
use freehold_core::model::{Agent as CoreAgent, SecretHash};
use freehold_core::name::{AgentName, TokenName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use freehold_proto::convert::hosts::{agent_message, token_message};
use freehold_proto::convert::time::{self, parse_etag};
use freehold_proto::v1::agent_service_server::AgentService;
use freehold_proto::v1::{
    Agent, CreateEnrolmentTokenRequest, DeleteAgentRequest, DeleteEnrolmentTokenRequest, EnrolmentToken,
    GetAgentRequest, ListAgentsRequest, ListAgentsResponse, ListEnrolmentTokensRequest, ListEnrolmentTokensResponse,
    RevokeAgentRequest,
};
use std::ops::Bound;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// How long a token may be used if the caller does not say.
const TTL_DEFAULT: Duration = Duration::from_secs(3600);
/// How long a token may be used at most.
const TTL_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

impl Api {
    fn shown_agent(&self, core: &CoreAgent) -> Agent {
        let present = self.presence.agent(&core.name);
        Agent {
            connected: present.as_ref().is_some_and(|present| present.connected),
            seen_time: present.map(|present| time::message(present.seen)),
            ..agent_message(core)
        }
    }

    fn token_endpoint(&self, given: &str) -> Result<Endpoint, Refusal> {
        match given {
            "" => Ok(self.endpoint.clone()),
            text => text.parse().map_err(|error| {
                Refusal::new(Reason::InvalidValue, format!("{} is not host:port: {error}", shown(text))).at("endpoint")
            }),
        }
    }
}

fn ttl(message: &CreateEnrolmentTokenRequest) -> Result<Duration, Refusal> {
    let refuse = || Refusal::new(Reason::InvalidValue, "a token is good for 1 second to 7 days").at("ttl");
    let ttl = message.ttl.map_or(Ok(TTL_DEFAULT), |ttl| Duration::try_from(ttl).map_err(|_| refuse()))?;
    if ttl < Duration::from_secs(1) || ttl > TTL_MAX { Err(refuse()) } else { Ok(ttl) }
}

#[tonic::async_trait]
impl AgentService for Api {
    async fn get_agent(&self, request: Request<GetAgentRequest>) -> Result<Response<Agent>, Status> {
        let name: AgentName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        let agent = state.agent(&name).ok_or_else(|| not_found(Reason::AgentNotFound, &name))?;
        Ok(Response::new(self.shown_agent(agent)))
    }

    async fn list_agents(&self, request: Request<ListAgentsRequest>) -> Result<Response<ListAgentsResponse>, Status> {
        let message = request.into_inner();
        let page = Page::parse(message.page_size, &message.page_token, "agents")?;
        let from = page.after::<AgentName>()?.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.engine.state();
        let rows = state
            .agents()
            .range((from, Bound::Unbounded))
            .take(page.size + 1)
            .map(|(_, agent)| self.shown_agent(agent));
        let (agents, next_page_token) = page.cut(rows.collect(), |agent| agent.name.clone());
        Ok(Response::new(ListAgentsResponse { agents, next_page_token }))
    }

    async fn revoke_agent(&self, request: Request<RevokeAgentRequest>) -> Result<Response<Agent>, Status> {
        let (actor, message) = open(request)?;
        let name: AgentName = named(&message.name)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.AgentService/RevokeAgent", message);
        let state = self.carry_out(actor, mutation, Command::RevokeAgent { name: name.clone(), etag }).await?;
        Ok(Response::new(self.shown_agent(&*there(state.agent(&name))?)))
    }

    async fn delete_agent(&self, request: Request<DeleteAgentRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeleteAgent { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.AgentService/DeleteAgent", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }

    async fn create_enrolment_token(
        &self,
        request: Request<CreateEnrolmentTokenRequest>,
    ) -> Result<Response<EnrolmentToken>, Status> {
        let (actor, message) = open(request)?;
        let agent = AgentName::from_id(&message.agent_id).map_err(|refusal| refuse(refusal.at("agent_id")))?;
        let endpoint = self.token_endpoint(&message.endpoint).map_err(refuse)?;
        let ttl = ttl(&message).map_err(refuse)?;
        let token = TokenString::generate(self.authority.pin(), endpoint);
        let name = TokenName::from_id(&token.id.to_string()).map_err(refuse)?;
        let seconds = i64::try_from(ttl.as_secs()).expect("at most seven days");
        let command = Command::CreateToken {
            name: name.clone(),
            agent,
            secret: SecretHash(*token.secret_hash().as_bytes()),
            expires: self.engine.now().plus_seconds(seconds),
        };
        // The answer alone has the secret, so a repetition could not be answered: no request id here.
        let mutation = super::call::Mutation {
            method: "/freehold.v1.AgentService/CreateEnrolmentToken",
            message: &message,
            request_id: "",
            validate_only: message.validate_only,
        };
        let state = self.carry_out(actor, mutation, command).await?;
        let made = token_message(&*there(state.token(&name))?);
        let revealed = if message.validate_only { String::new() } else { token.reveal() };
        Ok(Response::new(EnrolmentToken { token: revealed, ..made }))
    }

    async fn list_enrolment_tokens(
        &self,
        request: Request<ListEnrolmentTokensRequest>,
    ) -> Result<Response<ListEnrolmentTokensResponse>, Status> {
        let message = request.into_inner();
        let page = Page::parse(message.page_size, &message.page_token, "enrolmentTokens")?;
        let from = page.after::<TokenName>()?.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.engine.state();
        let rows =
            state.tokens().range((from, Bound::Unbounded)).take(page.size + 1).map(|(_, token)| token_message(token));
        let (enrolment_tokens, next_page_token) = page.cut(rows.collect(), |token| token.name.clone());
        Ok(Response::new(ListEnrolmentTokensResponse { enrolment_tokens, next_page_token }))
    }

    async fn delete_enrolment_token(
        &self,
        request: Request<DeleteEnrolmentTokenRequest>,
    ) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let command = Command::DeleteToken { name: named(&message.name)? };
        let mutation = super::call::Mutation {
            method: "/freehold.v1.AgentService/DeleteEnrolmentToken",
            message: &message,
            request_id: "",
            validate_only: message.validate_only,
        };
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }
}
