//! Tokens and renewals.

use super::house::*;
use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::dial::Dial;
use freehold_certs::key::PrivateKey;
use freehold_certs::request::KeyAndRequest;
use freehold_certs::token::EnrolmentToken;
use freehold_certs::{CertificateDer, tls};
use freehold_core::Command;
use freehold_core::change::Outcome;
use freehold_core::name::{AgentName, TokenName};
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use freehold_proto::sync::enrolment_service_client::EnrolmentServiceClient;
use freehold_proto::sync::{EnrolRequest, EnrolResponse, RenewRequest};
use std::time::{Duration, SystemTime};
use tonic::Code;

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Asked {
    key: PrivateKey,
    request: Vec<u8>,
}

fn ask() -> Asked {
    let KeyAndRequest { key, request } = KeyAndRequest::generate().expect("a key");
    Asked { key, request: request.to_vec() }
}

impl Asked {
    fn with(self, chain: Vec<Vec<u8>>) -> Credentials {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Credentials::new(self.key, chain).expect("a certificate for the key")
    }
}

/// Enrols as an agent does: with nothing but the token.
async fn enrol(token: &EnrolmentToken, request: &[u8]) -> Result<EnrolResponse, Answer> {
    let config = tls::pinned_client(token.root, tls::system_clock()).expect("TLS settings");
    let dial = Dial::new(token.endpoint.clone(), config);
    let channel = dial.channel(dial.connect().await.expect("connected")).await.expect("a channel");
    let message = EnrolRequest {
        token_id: token.id.to_string(),
        token_secret: token.secret.as_bytes().to_vec(),
        csr_der: request.to_vec(),
    };
    let answered = EnrolmentServiceClient::new(channel).enrol(message).await;
    answered.map(tonic::Response::into_inner).map_err(|status| answer(&status))
}

fn token_refused() -> Result<EnrolResponse, Answer> {
    Err(refused(Code::PermissionDenied, "TOKEN_REFUSED"))
}

/// The same token with another secret.
fn wrong(token: &EnrolmentToken) -> EnrolmentToken {
    let other = EnrolmentToken::generate(token.root, token.endpoint.clone());
    EnrolmentToken { secret: other.secret, ..token.clone() }
}

#[tokio::test]
async fn a_token_makes_an_agent_once() {
    let house = House::open().await;
    let token = house.token("berlin-1", HOUR).await;
    let asked = ask();
    let response = enrol(&token, &asked.request).await.expect("enrolled");
    assert_eq!((response.agent.as_str(), response.store_id.as_slice()), ("agents/berlin-1", &[7; 16][..]));
    let roots = response.roots_der.into_iter().map(CertificateDer::from).collect();
    assert_eq!(Roots::new(roots).expect("roots"), house.context.authority.roots());
    let agent = asked.with(response.chain_der);
    assert_eq!(house.call(Some(&agent), RENEW).await.0, Code::InvalidArgument, "let through to the service");

    assert_eq!(enrol(&token, &ask().request).await, token_refused());

    let entries = house.entries().await;
    let used = entries.iter().find(|entry| entry.method.ends_with("/Enrol")).expect("on record");
    let keys: Vec<_> = used.changes().iter().map(|change| change.key().to_string()).collect();
    let token = format!("enrolmentTokens/{}", token.id);
    assert_eq!(keys, ["agents/berlin-1".to_owned(), token.clone()]);
    assert_eq!((used.actor.principal.as_str(), used.actor.address.as_str()), (token.as_str(), "127.0.0.1"));
    assert!(matches!(entries.last().expect("the refusal").outcome, Outcome::Denied { .. }));
}

#[tokio::test]
async fn the_same_key_gets_the_same_agent_for_ten_minutes() {
    let house = House::open().await;
    let token = house.token("berlin-1", HOUR).await;
    let asked = ask();
    enrol(&token, &asked.request).await.expect("enrolled");
    let name = AgentName::from_id("berlin-1").expect("a name");
    let before = house.context.engine.state().agent(&name).expect("made").id;

    house.set_ahead(Duration::from_secs(590));
    let again = enrol(&token, &asked.request).await.expect("answered again");
    let agent = house.context.engine.state().agent(&name).cloned().expect("there");
    assert_eq!(agent.id, before);

    house.set_ahead(Duration::from_secs(610));
    assert_eq!(enrol(&token, &asked.request).await, token_refused());
    let listed: Vec<_> = agent.certificates.iter().map(|kept| kept.serial.clone()).collect();
    assert_eq!(listed, [asked.with(again.chain_der).leaf().serial.to_string()], "the second answer is the good one");
}

#[tokio::test]
async fn five_wrong_secrets_burn_a_token() {
    let house = House::open().await;
    let token = house.token("berlin-1", HOUR).await;
    for _ in 0..4 {
        assert_eq!(enrol(&wrong(&token), &ask().request).await, token_refused());
    }
    let name = TokenName::from_id(&token.id.to_string()).expect("a name");
    assert_eq!(house.context.engine.state().token(&name).expect("there").wrong_secrets, 4);
    assert_eq!(enrol(&wrong(&token), &ask().request).await, token_refused());
    assert_eq!(enrol(&token, &ask().request).await, token_refused(), "the right secret comes too late");
    assert!(house.context.engine.state().agents().is_empty());
}

#[tokio::test]
async fn four_wrong_secrets_do_not() {
    let house = House::open().await;
    let token = house.token("berlin-1", HOUR).await;
    for _ in 0..4 {
        assert_eq!(enrol(&wrong(&token), &ask().request).await, token_refused());
    }
    enrol(&token, &ask().request).await.expect("enrolled");
}

#[tokio::test]
async fn a_token_that_is_over_or_unknown_or_malformed_gets_the_same_answer() {
    let house = House::open().await;
    let token = house.token("berlin-1", HOUR).await;
    house.set_ahead(HOUR + Duration::from_secs(1));
    assert_eq!(enrol(&token, &ask().request).await, token_refused());
    let unknown = EnrolmentToken::generate(token.root, token.endpoint.clone());
    assert_eq!(enrol(&unknown, &ask().request).await, token_refused());

    let mut client = EnrolmentServiceClient::new(house.channel(None).await);
    let mut messages = Vec::new();
    for malformed in [
        EnrolRequest { token_id: "x".into(), token_secret: vec![1; 32], csr_der: ask().request },
        EnrolRequest { token_id: token.id.to_string(), token_secret: vec![1; 31], csr_der: ask().request },
        EnrolRequest { token_id: token.id.to_string(), token_secret: vec![1; 32], csr_der: ask().request },
    ] {
        let status = client.enrol(malformed).await.expect_err("refused");
        assert_eq!(answer(&status), refused(Code::PermissionDenied, "TOKEN_REFUSED"));
        messages.push(status.message().to_owned());
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "one text for all: {messages:?}");
}

#[tokio::test]
async fn a_host_that_lost_its_disk_enrols_again_as_the_same_agent() {
    let house = House::open().await;
    let lost = house.agent("berlin-1", SystemTime::now()).await;
    let asked = ask();
    let token = house.token("berlin-1", HOUR).await;
    let response = enrol(&token, &asked.request).await.expect("enrolled");
    let agent = asked.with(response.chain_der);
    assert_eq!(agent.leaf().identity, lost.leaf().identity);
    assert_eq!(house.call(Some(&agent), RENEW).await.0, Code::InvalidArgument);
    assert_eq!(house.call(Some(&lost), RENEW).await, refused(Code::Unauthenticated, "IDENTITY_REVOKED"));
}

#[tokio::test]
async fn a_token_that_is_burnt_by_hand_or_for_a_revoked_agent_is_worth_nothing() {
    let house = House::open().await;
    let token = house.token("berlin-1", HOUR).await;
    let name = TokenName::from_id(&token.id.to_string()).expect("a name");
    house.commit(Command::DeleteToken { name }).await;
    assert_eq!(enrol(&token, &ask().request).await, token_refused());

    house.agent("berlin-2", SystemTime::now()).await;
    let token = house.token("berlin-2", HOUR).await;
    house.commit(Command::RevokeAgent { name: AgentName::from_id("berlin-2").expect("a name"), etag: None }).await;
    assert_eq!(enrol(&token, &ask().request).await, token_refused());
}

async fn renew(house: &House, agent: &Credentials, request: &[u8]) -> Result<Vec<Vec<u8>>, Answer> {
    let mut client = AgentControlServiceClient::new(house.channel(Some(agent)).await);
    let answered = client.renew(RenewRequest { csr_der: request.to_vec() }).await;
    answered.map(|response| response.into_inner().chain_der).map_err(|status| answer(&status))
}

#[tokio::test]
async fn renewal_gives_a_new_certificate_and_the_one_before_stays_good() {
    let house = House::open().await;
    let first = house.agent("berlin-1", SystemTime::now()).await;
    let asked = ask();
    let second = renew(&house, &first, &asked.request).await.map(|chain| asked.with(chain)).expect("renewed");
    assert_eq!(second.leaf().identity, first.leaf().identity);
    for agent in [&first, &second] {
        assert_eq!(house.call(Some(agent), RENEW).await.0, Code::InvalidArgument, "both are let through");
    }
    let asked = ask();
    let third = renew(&house, &second, &asked.request).await.map(|chain| asked.with(chain)).expect("renewed");
    let revoked = refused(Code::Unauthenticated, "IDENTITY_REVOKED");
    assert_eq!(house.call(Some(&first), RENEW).await, revoked, "older ones are not");
    assert_eq!(house.call(Some(&third), RENEW).await.0, Code::InvalidArgument);
    let renewals =
        house.entries().await.iter().filter(|entry| entry.method == RENEW && !entry.changes().is_empty()).count();
    assert_eq!(renewals, 2);
}

#[tokio::test]
async fn an_agent_whose_answers_get_lost_keeps_the_certificate_that_it_asks_with() {
    let house = House::open().await;
    let first = house.agent("berlin-1", SystemTime::now()).await;
    let asked = ask();
    for _ in 0..5 {
        renew(&house, &first, &asked.request).await.expect("renewed, and the answer is lost");
    }
    let second = renew(&house, &first, &asked.request).await.map(|chain| asked.with(chain)).expect("renewed");
    assert_eq!(house.call(Some(&second), RENEW).await.0, Code::InvalidArgument);
    let state = house.context.engine.state();
    let agent = state.agents().values().next().expect("the agent");
    let serials: Vec<_> = agent.certificates.iter().map(|kept| kept.serial.clone()).collect();
    assert_eq!(serials, [first.leaf().serial.to_string(), second.leaf().serial.to_string()]);
}
