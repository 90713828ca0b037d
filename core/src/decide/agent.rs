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

/// How often an agent may renew after its certificate ended, ever.
pub const LATE_RENEWALS_MAX: u32 = 3;
/// How long after its end a certificate can still be renewed, in seconds: 180 days.
pub const LATE_SECONDS_MAX: i64 = 180 * 24 * 3600;

pub(super) fn create_token(
    state: &State,
    at: Moment,
    name: &TokenName,
    agent: &AgentName,
    secret: SecretHash,
    expires: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if state.token(name).is_some() {
        return Err(already_exists(name, "name"));
    }
    if let Some(existing) = state.agent(agent)
        && existing.state == AgentState::Revoked
    {
        return Err(Refusal::new(
            Reason::IdentityRevoked,
            format!("{agent} is revoked; delete it before you enrol another under its name"),
        )
        .at("agent_id")
        .about(agent));
    }
    if expires <= at.now || expires > at.now.plus_seconds(EnrolmentToken::SECONDS_MAX) {
        let message = "the token would end before it begins, or after more than 7 days; give a time between";
        return Err(Refusal::new(Reason::InvalidValue, message).at("ttl"));
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

pub(super) fn enrol(
    state: &State,
    at: Moment,
    name: &TokenName,
    secret: SecretHash,
    id: [u8; 16],
    certificate: &CertificateRecord,
) -> Result<Vec<Change>, Refusal> {
    let good = |token: &&Arc<EnrolmentToken>| token.usable(at.now) && token.secret == secret;
    let token = state.token(name).filter(good).cloned().ok_or_else(token_refused)?;
    let agent = state.agent(&token.agent).cloned();
    if agent.as_ref().is_some_and(|agent| agent.state == AgentState::Revoked) {
        return Err(token_refused());
    }
    if let Some(used) = token.used {
        return repeat(at, agent, used, certificate);
    }
    let agent = match agent {
        Some(before) => enrolled_anew(at, before, certificate),
        None => Change::made(Record::Agent(Arc::new(first_enrolled(state, at, &token, id, certificate)?))),
    };
    let mut used = EnrolmentToken::clone(&token);
    used.used = Some(TokenUse { at: at.now, spki_sha256: certificate.spki_sha256 });
    used.stamp = at.changed(used.stamp);
    Ok(vec![agent, Change::changed(Record::Token(token), Record::Token(Arc::new(used)))])
}

/// The first answer was lost: the same key, as long as the agent has no other, gets the same identity again.
fn repeat(
    at: Moment,
    agent: Option<Arc<Agent>>,
    used: TokenUse,
    certificate: &CertificateRecord,
) -> Result<Vec<Change>, Refusal> {
    let holds = |agent: &Arc<Agent>| agent.certificates.iter().any(|held| held.spki_sha256 == used.spki_sha256);
    let agent =
        agent.filter(holds).filter(|_| used.spki_sha256 == certificate.spki_sha256).ok_or_else(token_refused)?;
    let after = Agent { certificates: vec![certificate.clone()], ..Agent::clone(&agent) };
    Ok(vec![changed(at, agent, after)])
}

fn first_enrolled(
    state: &State,
    at: Moment,
    token: &EnrolmentToken,
    id: [u8; 16],
    certificate: &CertificateRecord,
) -> Result<Agent, Refusal> {
    if let Some(other) = state.agent_by_id(&id) {
        return Err(Refusal::new(
            Reason::AlreadyExists,
            format!("{} has the identity that was made for {}; make another and retry", other.name, token.agent),
        )
        .about(&other.name));
    }
    Ok(Agent {
        name: token.agent.clone(),
        id,
        state: AgentState::Active,
        certificates: vec![certificate.clone()],
        fence: 0,
        late_renewals: 0,
        description: Text::default(),
        stamp: at.made(),
    })
}

/// The host lost its disk: the same agent with a new key, and none of the old ones.
fn enrolled_anew(at: Moment, before: Arc<Agent>, certificate: &CertificateRecord) -> Change {
    let mut after = Agent::clone(&before);
    after.certificates = vec![certificate.clone()];
    after.late_renewals = 0;
    changed(at, before, after)
}

fn changed(at: Moment, before: Arc<Agent>, mut after: Agent) -> Change {
    after.stamp = at.changed(before.stamp);
    Change::changed(Record::Agent(before), Record::Agent(Arc::new(after)))
}

pub(super) fn count_wrong_secret(state: &State, at: Moment, name: &TokenName, secret: SecretHash) -> Vec<Change> {
    let wrong = |token: &&Arc<EnrolmentToken>| token.usable(at.now) && token.secret != secret;
    let Some(before) = state.token(name).filter(wrong).cloned() else {
        return Vec::new();
    };
    let mut after = EnrolmentToken::clone(&before);
    after.wrong_secrets += 1;
    after.stamp = at.changed(after.stamp);
    vec![Change::changed(Record::Token(before), Record::Token(Arc::new(after)))]
}

/// The certificate shown stays good beside the new one, whose delivery may fail; all others end.
pub(super) fn renew(
    state: &State,
    at: Moment,
    name: &AgentName,
    shown: &str,
    certificate: &CertificateRecord,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::active_agent(state, name)?;
    let refuse = |reason, why: String| {
        let message = format!("{name} cannot renew: {why}; enrol it with a new token");
        Err(Refusal::new(reason, message).about(name))
    };
    let Some(held) = before.certificates.iter().find(|held| held.serial == shown).cloned() else {
        return refuse(Reason::IdentityRevoked, "the certificate that it showed was replaced".to_owned());
    };
    if at.now > held.not_after.plus_seconds(LATE_SECONDS_MAX) {
        return refuse(
            Reason::CertificateExpired,
            format!("its certificate ended more than {} days ago", LATE_SECONDS_MAX / 86_400),
        );
    }
    // The same new key again: the answer was lost, which is not another late renewal.
    let repeated = before.certificates.last().is_some_and(|last| last.spki_sha256 == certificate.spki_sha256);
    let mut after = Agent::clone(&before);
    if at.now >= held.not_after && !repeated {
        if before.late_renewals >= LATE_RENEWALS_MAX {
            return refuse(Reason::CertificateExpired, format!("it renewed late {LATE_RENEWALS_MAX} times already"));
        }
        after.late_renewals += 1;
    }
    after.certificates = vec![held, certificate.clone()];
    Ok(vec![changed(at, before, after)])
}

pub(super) fn open_session(state: &State, at: Moment, name: &AgentName, seen: u64) -> Result<Vec<Change>, Refusal> {
    let before = lookup::active_agent(state, name)?;
    let fence = before.fence.max(seen).checked_add(1).ok_or_else(|| {
        Refusal::new(
            Reason::AgentRefused,
            format!("{name} says that it has seen the fence {seen}, which has none after it; its state is damaged, enrol it anew"),
        )
        .at("max_fence_seen")
        .about(name)
    })?;
    let after = Agent { fence, ..Agent::clone(&before) };
    Ok(vec![changed(at, before, after)])
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
    Ok(vec![changed(at, before, after)])
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
    let tokens = state.tokens().values().filter(|token| token.agent == *name);
    changes.extend(tokens.cloned().map(|token| Change::gone(Record::Token(token))));
    Ok(changes)
}
