//! What only a person can decide: it is shown, decided once, carried out by the session, and on record.

use crate::agent::{Agent, manage, serve};
use crate::house::*;
use crate::whole::{answer, refused};
use freehold_proto::sync::change_ack::Phase;
use freehold_proto::sync::drift_decision::Action as SyncAction;
use freehold_proto::sync::session_response::Message;
use freehold_proto::sync::{ChangeSet, StorePoint};
use freehold_proto::v1::decide_drift_request::Action;
use freehold_proto::v1::event_service_client::EventServiceClient;
use freehold_proto::v1::waiting::Kind;
use freehold_proto::v1::*;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(20);

async fn status(house: &House, server: &str) -> ServerStatus {
    let get = GetServerRequest { name: server.to_owned() };
    house.servers().get_server(get).await.expect("a server").into_inner().status.expect("a status")
}

async fn kinds(house: &House, server: &str) -> Vec<Kind> {
    status(house, server).await.waiting.iter().map(Waiting::kind).collect()
}

/// What waits at a server, once it is as it should be.
async fn waits(house: &House, server: &str, right: impl Fn(&[Waiting]) -> bool) -> Vec<Waiting> {
    let shown = async {
        loop {
            let waiting = status(house, server).await.waiting;
            if right(&waiting) {
                return waiting;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, shown).await.expect("shown in time")
}

fn is(kinds: &[Kind]) -> impl Fn(&[Waiting]) -> bool {
    |waiting| waiting.iter().map(Waiting::kind).eq(kinds.iter().copied())
}

/// What the operator decided about a server, as it is on record, the newest first.
async fn decisions(house: &House, server: &str) -> Vec<String> {
    let list = ListEventsRequest {
        resource: format!("{server}/status"),
        principal: "operators/admin".to_owned(),
        ..ListEventsRequest::default()
    };
    let events =
        EventServiceClient::new(house.api.clone()).list_events(list).await.expect("events").into_inner().events;
    events.into_iter().filter_map(|event| event.method.rsplit('/').next().map(str::to_owned)).collect()
}

/// An agent whose server runs what it should.
async fn obedient(house: &House) -> (Agent, ChangeSet) {
    let mut agent = Agent::connect(house, "berlin-1").await;
    serve(house, &agent.server).await;
    manage(house, &agent.server).await;
    let change = agent.change().await;
    agent.applies(&change).await;
    (agent, change)
}

#[tokio::test]
async fn a_store_that_went_backwards_waits_for_a_person_and_goes_on_in_a_higher_incarnation() {
    let mut house = House::furnished().await;
    let (agent, _) = obedient(&house).await;
    let name = agent.server.clone();
    let accept =
        |id: &str| AcceptHistoryRequest { name: name.clone(), request_id: id.to_owned(), validate_only: id.is_empty() };
    let release = || ReleaseRemovalsRequest { name: name.clone(), ..ReleaseRemovalsRequest::default() };
    let early = house.servers().accept_history(accept("early")).await.expect_err("nothing waits");
    assert_eq!(answer(&early), refused(Code::FailedPrecondition, "NOTHING_TO_DECIDE"));

    // It knows a later state, as if the store had been set back behind everybody's back.
    let later = StorePoint { revision: 1_000_000, ..agent.at.clone() };
    let mut agent = agent
        .comes_back(&house, |server| {
            server.obeyed = Some(later);
            server.applied_digest = vec![9; 32];
        })
        .await;
    agent.holds(&["gone"]).await;
    let waiting =
        waits(&house, &name, |waiting| waiting.first().is_some_and(|first| !first.resources.is_empty())).await;
    assert_eq!(
        (waiting.len(), waiting[0].kind(), &waiting[0].resources[..]),
        (1, Kind::History, &["scopes/gone".to_owned()][..])
    );
    assert!(waiting[0].message.contains("revision 1000000 of incarnation 1"), "{}", waiting[0].message);
    let first = house.servers().release_removals(release()).await.expect_err("the history comes first");
    assert_eq!(answer(&first), refused(Code::FailedPrecondition, "STORE_WENT_BACKWARDS"));

    house.servers().accept_history(accept("")).await.expect("it could be decided");
    assert_eq!(kinds(&house, &name).await, [Kind::History], "only asked");
    house.servers().accept_history(accept("once")).await.expect("decided");
    house.servers().accept_history(accept("once")).await.expect("a repetition is answered like the first");
    waits(&house, &name, is(&[Kind::Removals])).await;
    assert_eq!(decisions(&house, &name).await, ["AcceptHistory"], "once on record");

    house.servers().release_removals(release()).await.expect("released");
    let change = agent.change().await;
    assert_eq!(change.removes.iter().map(|gone| gone.id.as_str()).collect::<Vec<_>>(), ["gone"]);
    let incarnation = change.target.as_ref().expect("a target").incarnation;
    assert!(incarnation > 1_000_000_000, "{incarnation} is the second of the decision");
    agent.applies(&change).await;
    waits(&house, &name, is(&[])).await;
    assert_eq!(decisions(&house, &name).await, ["ReleaseRemovals", "AcceptHistory"]);

    house.restart().await;
    let agent = agent.comes_back(&house, |_| {}).await;
    assert_eq!(agent.at.incarnation, incarnation, "it outlives the process");
}

#[tokio::test]
async fn a_drift_is_overwritten_when_somebody_says_so() {
    let house = House::furnished().await;
    let (mut agent, change) = obedient(&house).await;
    let name = agent.server.clone();
    let decide = |action: Action, digest: &str| DecideDriftRequest {
        name: name.clone(),
        action: action.into(),
        observed_digest: digest.to_owned(),
        ..DecideDriftRequest::default()
    };
    let refusal = async |action, digest: &str| {
        answer(&house.servers().decide_drift(decide(action, digest)).await.expect_err("refused"))
    };
    let nothing = refused(Code::FailedPrecondition, "NOTHING_TO_DECIDE");
    assert_eq!(refusal(Action::Overwrite, "").await, nothing);
    agent.drifts(&change.to_digest, &[7; 32], "a pool is gone").await;
    let waiting = waits(&house, &name, is(&[Kind::Drift])).await;
    assert!(waiting[0].message.contains("a pool is gone"));
    assert_eq!(refusal(Action::Adopt, "").await, refused(Code::Unimplemented, "NOT_IMPLEMENTED"));
    assert_eq!(refusal(Action::Unspecified, "").await, refused(Code::InvalidArgument, "FIELD_REQUIRED"));
    assert_eq!(refusal(Action::Overwrite, "00").await, nothing, "another drift than the one that was seen");

    house.servers().decide_drift(decide(Action::Overwrite, &waiting[0].observed_digest)).await.expect("decided");
    let overwrite =
        |message: &Message| matches!(message, Message::Drift(drift) if drift.action() == SyncAction::Overwrite);
    let Message::Drift(drift) = agent.hears(overwrite).await else { panic!() };
    assert_eq!(drift.observed_digest, [7; 32]);
    agent.ack(0, Phase::Applied, &change.to_digest, "").await;
    waits(&house, &name, is(&[])).await;
    assert_eq!(decisions(&house, &name).await, ["DecideDrift"]);

    agent.drifts(&change.to_digest, &[8; 32], "").await;
    waits(&house, &name, is(&[Kind::Drift])).await;
    drop(agent);
    waits_until_away(&house, &name).await;
    assert_eq!(refusal(Action::Overwrite, "").await, refused(Code::FailedPrecondition, "AGENT_NOT_CONNECTED"));
}

async fn waits_until_away(house: &House, server: &str) {
    let gone = async {
        while status(house, server).await.connected {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, gone).await.expect("noticed in time");
}

#[tokio::test]
async fn a_bundle_refused_as_a_whole_waits_for_a_person_over_a_reconnect() {
    let house = House::furnished().await;
    let mut agent = Agent::connect(&house, "berlin-1").await;
    let name = agent.server.clone();
    serve(&house, &name).await;
    manage(&house, &name).await;
    let change = agent.change().await;
    agent.ack(change.change_id, Phase::Rejected, &[], "syntax error").await;
    let waiting = waits(&house, &name, is(&[Kind::Refused])).await;
    assert!(waiting[0].message.ends_with("syntax error"));

    let mut agent = agent.comes_back(&house, |_| {}).await;
    assert_eq!(kinds(&house, &name).await, [Kind::Refused]);
    let retry = RetryRefusedRequest { name: name.clone(), ..RetryRefusedRequest::default() };
    house.servers().retry_refused(retry).await.expect("retried");
    let change = agent.change().await;
    assert_eq!(change.change_id, 1, "the first of this session: nothing was sent before somebody asked for it");
    agent.applies(&change).await;
    waits(&house, &name, is(&[])).await;
    assert_eq!(decisions(&house, &name).await, ["RetryRefused"]);
}
