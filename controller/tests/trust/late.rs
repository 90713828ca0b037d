//! Agents that come back after their certificate is over.

use super::house::*;
use freehold_certs::CertificateDer;
use freehold_certs::credentials::Credentials;
use freehold_certs::proof::{self, Challenge};
use freehold_certs::request::KeyAndRequest;
use freehold_core::Command;
use freehold_core::name::AgentName;
use freehold_proto::sync::enrolment_service_client::EnrolmentServiceClient;
use freehold_proto::sync::{GetChallengeRequest, RenewExpiredRequest};
use std::time::SystemTime;
use tonic::Code;
use tonic::transport::Channel;

/// A connection without a certificate, and what only its two ends know.
struct Late {
    client: EnrolmentServiceClient<Channel>,
    binding: [u8; 32],
}

impl Late {
    async fn connect(house: &House) -> Self {
        let (dial, connection) = house.dial(None).await;
        let binding = proof::channel_binding(connection.get_ref().1).expect("after the handshake");
        Self { client: EnrolmentServiceClient::new(dial.channel(connection).await.expect("a channel")), binding }
    }

    async fn nonce(&mut self) -> [u8; 32] {
        let response = self.client.get_challenge(GetChallengeRequest {}).await.expect("a challenge").into_inner();
        response.nonce.try_into().expect("32 bytes")
    }

    /// Asks with this nonce; the certificate is the old one's agent's next.
    async fn renew(&mut self, old: &Credentials, nonce: [u8; 32]) -> Result<Credentials, Answer> {
        let KeyAndRequest { key, request } = KeyAndRequest::generate().expect("a key");
        let challenge = Challenge { binding: &self.binding, nonce: &nonce, request: &request };
        let message = RenewExpiredRequest {
            csr_der: request.to_vec(),
            old_chain_der: old.chain().iter().map(|der| der.to_vec()).collect(),
            nonce: nonce.to_vec(),
            signature: proof::sign(old, challenge).expect("signed"),
        };
        let response = self.client.renew_expired(message).await.map_err(|status| answer(&status))?.into_inner();
        let chain = response.chain_der.into_iter().map(CertificateDer::from).collect();
        Ok(Credentials::new(key, chain).expect("a certificate for the key"))
    }
}

fn proof_refused() -> Answer {
    refused(Code::PermissionDenied, "PROOF_REFUSED")
}

#[tokio::test]
async fn the_old_key_proves_itself_and_the_agent_is_back() {
    let house = House::open().await;
    let old = house.agent("berlin-1", SystemTime::now() - 40 * DAY).await;
    let mut late = Late::connect(&house).await;
    let nonce = late.nonce().await;
    let renewed = late.renew(&old, nonce).await.expect("renewed");
    assert_eq!(renewed.leaf().identity, old.leaf().identity);
    assert_eq!(house.call(Some(&renewed), RENEW).await.0, Code::InvalidArgument, "let through to the service");
    let entries = house.entries().await;
    let entry = entries.iter().find(|entry| entry.method.ends_with("/RenewExpired")).expect("on record");
    assert_eq!(entry.actor.principal, "agents/berlin-1");
    assert_eq!(entry.actor.certificate_serial, old.leaf().serial.to_string());
}

#[tokio::test]
async fn a_challenge_is_good_once_and_only_where_it_was_given() {
    let house = House::open().await;
    let old = house.agent("berlin-1", SystemTime::now() - 40 * DAY).await;
    let (mut here, mut there) = (Late::connect(&house).await, Late::connect(&house).await);
    let nonce = here.nonce().await;
    assert_eq!(there.renew(&old, nonce).await.err(), Some(proof_refused()));
    let nonce = here.nonce().await;
    here.renew(&old, nonce).await.expect("renewed");
    assert_eq!(here.renew(&old, nonce).await.err(), Some(proof_refused()));
    assert_eq!(here.renew(&old, [9; 32]).await.err(), Some(proof_refused()));
    let denied: Vec<_> = house.denials().await.into_iter().map(|(_, _, reason)| reason).collect();
    assert_eq!(denied, ["PROOF_REFUSED"; 3]);
}

#[tokio::test]
async fn another_key_proves_nothing() {
    let house = House::open().await;
    let old = house.agent("berlin-1", SystemTime::now() - 40 * DAY).await;
    let other = house.agent("berlin-2", SystemTime::now() - 40 * DAY).await;
    let mut late = Late::connect(&house).await;
    let nonce = late.nonce().await;
    let KeyAndRequest { request, .. } = KeyAndRequest::generate().expect("a key");
    let challenge = Challenge { binding: &late.binding, nonce: &nonce, request: &request };
    let message = RenewExpiredRequest {
        csr_der: request.to_vec(),
        old_chain_der: old.chain().iter().map(|der| der.to_vec()).collect(),
        nonce: nonce.to_vec(),
        signature: proof::sign(&other, challenge).expect("signed"),
    };
    let status = late.client.renew_expired(message).await.expect_err("refused");
    assert_eq!(answer(&status), proof_refused());
}

#[tokio::test]
async fn three_times_is_enough_and_half_a_year_is_too_long() {
    let house = House::open().await;
    let old = house.agent("berlin-1", SystemTime::now() - 40 * DAY).await;
    let mut late = Late::connect(&house).await;
    let over = refused(Code::PermissionDenied, "CERTIFICATE_EXPIRED");
    for _ in 0..3 {
        let nonce = late.nonce().await;
        late.renew(&old, nonce).await.expect("renewed");
    }
    let nonce = late.nonce().await;
    assert_eq!(late.renew(&old, nonce).await.err(), Some(over.clone()));

    let older = house.agent("berlin-2", SystemTime::now() - 199 * DAY).await;
    house.set_ahead(15 * DAY);
    let nonce = late.nonce().await;
    assert_eq!(late.renew(&older, nonce).await.err(), Some(over));
}

#[tokio::test]
async fn the_revoked_and_those_who_are_in_time_do_not_renew_late() {
    let house = House::open().await;
    let revoked = house.agent("berlin-1", SystemTime::now() - 40 * DAY).await;
    house.commit(Command::RevokeAgent { name: AgentName::from_id("berlin-1").expect("a name"), etag: None }).await;
    let mut late = Late::connect(&house).await;
    let nonce = late.nonce().await;
    let answer = late.renew(&revoked, nonce).await.err();
    assert_eq!(answer, Some(refused(Code::PermissionDenied, "IDENTITY_REVOKED")));

    let in_time = house.agent("berlin-2", SystemTime::now()).await;
    let nonce = late.nonce().await;
    assert_eq!(late.renew(&in_time, nonce).await.err(), Some(proof_refused()));
}
