//! WaitApplied: what it answers at once, what it waits for, and when it gives up.

use crate::house::*;
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use freehold_proto::sync::{
    ChangeAck, ChangeSet, Hello, ServerHello, ServerReport, SessionRequest, SessionResponse, change_ack,
    session_request, session_response,
};
use freehold_proto::v1::sync_status::State;
use freehold_proto::v1::*;
use prost_types::Duration as Span;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

const LIMIT: Duration = Duration::from_secs(20);

/// An agent with one server that does as a test says.
pub(crate) struct Agent {
    /// The server's name.
    pub(crate) server: String,
    up: mpsc::Sender<SessionRequest>,
    down: Streaming<SessionResponse>,
}

impl Agent {
    /// Enrols, connects, reports `kea4`, and waits until the controller knows it.
    pub(crate) async fn connect(house: &House, id: &str) -> Self {
        let identity = house.agent(id).await;
        let mut client = AgentControlServiceClient::new(house.channel(Some(&identity)).await);
        let (up, requests) = mpsc::channel(8);
        let report = ServerReport {
            server_id: "kea4".to_owned(),
            kind: "kea-dhcp4".to_owned(),
            version: "2.2.0".to_owned(),
            running: true,
            ..ServerReport::default()
        };
        let hello = Hello {
            protocol_min: 1,
            protocol_max: 1,
            features: freehold_proto::bundle::FEATURES.iter().map(|feature| (*feature).to_owned()).collect(),
            boot_id: vec![1; 16],
            servers: vec![ServerHello { report: Some(report), spool_epoch: vec![2; 16], ..ServerHello::default() }],
            ..Hello::default()
        };
        let hello = SessionRequest { message: Some(session_request::Message::Hello(hello)) };
        up.send(hello).await.expect("open");
        let down = client.session(ReceiverStream::new(requests)).await.expect("a session").into_inner();
        let agent = Self { server: format!("servers/{id}/kea4"), up, down };
        let get = || GetServerRequest { name: agent.server.clone() };
        let known = async {
            while house.servers().get_server(get()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, known).await.expect("the server is known in time");
        agent
    }

    /// The next change that the controller wants.
    async fn change(&mut self) -> ChangeSet {
        let wanted = async {
            loop {
                match self.down.message().await.expect("open").expect("open").message {
                    Some(session_response::Message::Change(change)) => return change,
                    Some(session_response::Message::InventoryRequest(_)) => panic!("nothing was ever held"),
                    _ => {}
                }
            }
        };
        timeout(LIMIT, wanted).await.expect("a change in time")
    }

    async fn ack(&self, change: &ChangeSet, phase: change_ack::Phase) {
        let ack = ChangeAck {
            server_id: "kea4".to_owned(),
            change_id: change.change_id,
            phase: phase.into(),
            digest: change.to_digest.clone(),
            ..ChangeAck::default()
        };
        self.up.send(SessionRequest { message: Some(session_request::Message::Ack(ack)) }).await.expect("open");
    }

    /// Says that the server runs what the change makes.
    async fn applies(&self, change: &ChangeSet) {
        self.ack(change, change_ack::Phase::Staged).await;
        self.ack(change, change_ack::Phase::Applied).await;
    }
}

async fn manage(house: &House, server: &str) {
    let server =
        Server { name: server.to_owned(), management: server::Management::Managed.into(), ..Server::default() };
    let update = UpdateServerRequest { server: Some(server), ..UpdateServerRequest::default() };
    house.servers().update_server(update).await.expect("managed");
}

async fn serve(house: &House, server: &str) {
    let scope = Scope { name: "scopes/yard".to_owned(), server: server.to_owned(), ..Scope::default() };
    let update = UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() };
    house.scopes().update_scope(update).await.expect("served");
}

/// What a wait of `limit` for a resource answers: whether it is applied, how far it is, and how long that took.
async fn wait(house: &House, resource: &str, limit: Duration) -> (bool, State, Duration) {
    let begun = Instant::now();
    let request = WaitAppliedRequest {
        resource: resource.to_owned(),
        timeout: Some(Span::try_from(limit).expect("short")),
        ..WaitAppliedRequest::default()
    };
    let answer = timeout(LIMIT + limit, house.servers().wait_applied(request)).await.expect("in time");
    let answer = answer.expect("an answer").into_inner();
    assert_eq!(answer.servers.len(), 1);
    (answer.applied, answer.servers[0].state(), begun.elapsed())
}

/// A limit that a wait which answers at once never comes near.
const LONG: Duration = Duration::from_secs(300);
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn what_waiting_cannot_change_is_answered_at_once() {
    let house = House::furnished().await;
    let (applied, state, _) = wait(&house, "scopes/yard", LONG).await;
    assert_eq!((applied, state), (true, State::NotServed));
    let agent = Agent::connect(&house, "berlin-1").await;
    serve(&house, &agent.server).await;
    for resource in ["scopes/yard", "scopes/yard/reservations/10.1.0.70", &agent.server] {
        let (applied, state, _) = wait(&house, resource, LONG).await;
        assert_eq!((applied, state), (false, State::Unmanaged), "{resource}");
    }
}

#[tokio::test]
async fn a_wait_ends_when_the_server_was_proven_to_run_it() {
    let mut house = House::furnished().await;
    let mut agent = Agent::connect(&house, "berlin-1").await;
    serve(&house, &agent.server).await;
    manage(&house, &agent.server).await;
    let change = agent.change().await;
    let (applied, state, took) = wait(&house, "scopes/yard", SHORT).await;
    assert_eq!((applied, state), (false, State::Pending));
    assert!(took >= SHORT, "it gave up after {took:?}");

    let waiting = wait(&house, "scopes/yard", LONG);
    let (answer, ()) = tokio::join!(waiting, agent.applies(&change));
    assert_eq!((answer.0, answer.1), (true, State::Applied));

    let scope = house.scopes().get_scope(GetScopeRequest { name: "scopes/yard".to_owned() }).await.expect("there");
    let sync = &scope.get_ref().sync[0];
    assert_eq!(
        (sync.state(), sync.server.as_str(), sync.applied_time.is_some()),
        (State::Applied, "servers/berlin-1/kea4", true)
    );

    // The proof is on record: it holds after a restart, although no agent is there.
    drop(agent);
    house.restart().await;
    assert_eq!(wait(&house, "scopes/yard", LONG).await.1, State::Applied);
}

#[tokio::test]
async fn a_wait_for_an_agent_that_is_away_ends_with_its_time() {
    let house = House::furnished().await;
    let agent = Agent::connect(&house, "berlin-1").await;
    let server = agent.server.clone();
    serve(&house, &server).await;
    manage(&house, &server).await;
    drop(agent);
    let gone = async {
        while house
            .servers()
            .get_server(GetServerRequest { name: server.clone() })
            .await
            .expect("there")
            .into_inner()
            .status
            .expect("a status")
            .connected
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, gone).await.expect("noticed in time");
    let (applied, state, took) = wait(&house, "scopes/yard", SHORT).await;
    assert_eq!((applied, state), (false, State::Disconnected));
    assert!(took >= SHORT, "it gave up after {took:?}");
}

#[tokio::test]
async fn a_wait_of_no_time_says_how_it_is() {
    let house = House::furnished().await;
    let agent = Agent::connect(&house, "berlin-1").await;
    serve(&house, &agent.server).await;
    manage(&house, &agent.server).await;
    let (applied, state, _) = wait(&house, "scopes/yard", Duration::ZERO).await;
    assert_eq!((applied, state), (false, State::Pending));
}
