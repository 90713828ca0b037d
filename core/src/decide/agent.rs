use super::Moment;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use crate::change::{Change, Record};
use crate::command::Etag;
use crate::model::{Agent, AgentState, CertificateRecord, EnrolmentToken, SecretHash, TokenUse};
use crate::name::{AgentName, TokenName};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::text::Text;
use crate::time::Timestamp;
use std::sync::Arc;

/// How long after its use a token answers the same key again, in seconds: the first answer may be lost.
pub const TOKEN_REPEAT_SECONDS: i64 = 600;
/// How often an agent may renew after its certificate ended, ever.
pub const LATE_RENEWALS_MAX: u32 = 3;

pub(super) fn create_token(
    state: &State,
    at: Moment,
    name: &TokenName,
    agent: &AgentName,
    secret: SecretHash,
    expires: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if state.token(name).is_some() {
        return Err(already_exists(name));
    }
    if let Some(existing) = state.agent(agent)
        && existing.state == AgentState::Revoked
    {
        return Err(Refusal::new(
            Reason::IdentityRevoked,
            format!("{agent} is revoked; delete it before you enrol another under its name"),
        )
        .at("agent")
        .about(agent));
    }
    if expires <= at.now {
        return Err(Refusal::new(Reason::InvalidValue, "the token would end before it begins").at("expire_time"));
    }
    let token = EnrolmentToken {
        name: name.clone(),
        agent: agent.clone(),
        secret,
        expires,
        wrong_secrets: 0,
        used: None,
        stamp: at.made(),
    };
    Ok(vec![Change::made(Record::Token(Arc::new(token)))])
}

pub(super) fn delete_token(state: &State, name: &TokenName) -> Result<Vec<Change>, Refusal> {
    Ok(vec![Change::gone(Record::Token(lookup::token(state, name)?))])
}

/// The one answer to every token that does not hold, so that a stranger learns nothing about which tokens exist.
pub fn token_refused() -> Refusal {
    Refusal::new(Reason::TokenRefused, "the enrolment token is wrong, used, expired or burnt; ask for a new one")
}

/// A wrong secret is counted, which is a change, so the refusal is then the caller's to make from the changes.
pub(super) fn enrol(
    state: &State,
    at: Moment,
    name: &TokenName,
    secret: SecretHash,
    id: [u8; 16],
    certificate: &CertificateRecord,
) -> Result<Vec<Change>, Refusal> {
    let token = state.token(name).cloned().ok_or_else(token_refused)?;
    if token.wrong_secrets >= EnrolmentToken::WRONG_SECRETS_MAX || token.expires <= at.now && token.used.is_none() {
        return Err(token_refused());
    }
    if token.secret != secret {
        let mut after = EnrolmentToken::clone(&token);
        after.wrong_secrets += 1;
        after.stamp = at.changed(after.stamp);
        return Ok(vec![Change::changed(Record::Token(token), Record::Token(Arc::new(after)))]);
    }
    if let Some(used) = &token.used {
        let again = used.spki_sha256 == certificate.spki_sha256 && at.now <= used.at.plus_seconds(TOKEN_REPEAT_SECONDS);
        let agent = state.agent(&token.agent).filter(|agent| again && agent.state == AgentState::Active);
        let agent = agent.cloned().ok_or_else(token_refused)?;
        return Ok(vec![with_certificate(at, agent, certificate, false)]);
    }
    let agent = match state.agent(&token.agent).cloned() {
        // The host lost its disk and enrols anew: the same agent with a new key, and none of the old ones.
        Some(before) => {
            if before.state == AgentState::Revoked {
                return Err(token_refused());
            }
            let mut after = Agent::clone(&before);
            after.certificates = vec![certificate.clone()];
            after.late_renewals = 0;
            after.stamp = at.changed(after.stamp);
            Change::changed(Record::Agent(before), Record::Agent(Arc::new(after)))
        }
        None => Change::made(Record::Agent(Arc::new(Agent {
            name: token.agent.clone(),
            id,
            state: AgentState::Active,
            certificates: vec![certificate.clone()],
            fence: 0,
            late_renewals: 0,
            description: Text::default(),
            stamp: at.made(),
        }))),
    };
    let mut used = EnrolmentToken::clone(&token);
    used.used = Some(TokenUse { at: at.now, spki_sha256: certificate.spki_sha256 });
    used.stamp = at.changed(used.stamp);
    Ok(vec![agent, Change::changed(Record::Token(token), Record::Token(Arc::new(used)))])
}

/// Whether the agent was given a certificate for the same key before: it asks again because the answer was lost.
fn asks_again(agent: &Agent, certificate: &CertificateRecord) -> bool {
    agent.certificates.iter().any(|kept| kept.spki_sha256 == certificate.spki_sha256)
}

/// The agent with one more certificate: the one before stays good, older ones do not. One for the same key is
/// replaced, so that an agent whose answers get lost never loses the certificate that it asks with.
fn with_certificate(at: Moment, before: Arc<Agent>, certificate: &CertificateRecord, late: bool) -> Change {
    let mut after = Agent::clone(&before);
    after.late_renewals += u32::from(late && !asks_again(&before, certificate));
    after.certificates.retain(|kept| kept.spki_sha256 != certificate.spki_sha256);
    after.certificates.push(certificate.clone());
    let surplus = after.certificates.len().saturating_sub(2);
    after.certificates.drain(..surplus);
    after.stamp = at.changed(after.stamp);
    Change::changed(Record::Agent(before), Record::Agent(Arc::new(after)))
}

pub(super) fn renew(
    state: &State,
    at: Moment,
    name: &AgentName,
    certificate: &CertificateRecord,
    late: bool,
) -> Result<Vec<Change>, Refusal> {
    let agent = active(state, name)?;
    if late && agent.late_renewals >= LATE_RENEWALS_MAX && !asks_again(&agent, certificate) {
        return Err(Refusal::new(
            Reason::IdentityRevoked,
            format!("{name} renewed late {LATE_RENEWALS_MAX} times already; enrol it with a new token"),
        )
        .about(name));
    }
    Ok(vec![with_certificate(at, agent, certificate, late)])
}

pub(super) fn open_session(state: &State, at: Moment, name: &AgentName, seen: u64) -> Result<Vec<Change>, Refusal> {
    let before = active(state, name)?;
    let mut after = Agent::clone(&before);
    after.fence = before.fence.max(seen) + 1;
    after.stamp = at.changed(after.stamp);
    Ok(vec![Change::changed(Record::Agent(before), Record::Agent(Arc::new(after)))])
}

fn active(state: &State, name: &AgentName) -> Result<Arc<Agent>, Refusal> {
    let agent = lookup::agent(state, name)?;
    match agent.state {
        AgentState::Active => Ok(agent),
        AgentState::Revoked => Err(Refusal::new(Reason::IdentityRevoked, format!("{name} is revoked")).about(name)),
    }
}

pub(super) fn revoke(state: &State, at: Moment, name: &AgentName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::agent(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    if before.state == AgentState::Revoked {
        return Ok(Vec::new());
    }
    let mut after = Agent::clone(&before);
    after.state = AgentState::Revoked;
    after.certificates.clear();
    after.stamp = at.changed(after.stamp);
    Ok(vec![Change::changed(Record::Agent(before), Record::Agent(Arc::new(after)))])
}

pub(super) fn delete(state: &State, name: &AgentName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::agent(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    if before.state == AgentState::Active {
        return Err(Refusal::new(
            Reason::InUse,
            format!("{name} is active and may hold a live session; revoke it first"),
        )
        .at("name")
        .about(name));
    }
    let servers: Vec<_> = state.servers_of(name).cloned().collect();
    let users: Vec<_> = servers.iter().flat_map(|server| state.scopes_of(&server.name)).collect();
    if !users.is_empty() {
        let named: Vec<_> = users.iter().take(USERS_NAMED).map(|scope| scope.name.to_string()).collect();
        return Err(in_use(name, &named, users.len(), "give those scopes to another server or to none first"));
    }
    let mut changes = vec![Change::gone(Record::Agent(before))];
    for server in servers {
        changes.extend(state.status(&server.name).cloned().map(|status| Change::gone(Record::ServerStatus(status))));
        changes.push(Change::gone(Record::Server(server)));
    }
    Ok(changes)
}
