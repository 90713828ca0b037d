//! An agent with one server that does as a test says.

use crate::house::House;
use freehold_certs::credentials::Credentials;
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use freehold_proto::sync::{
    ChangeAck, ChangeSet, DriftReport, Hello, Inventory, ProbeAnswer, ProbeMethod, ProbeRequest, ProbeResult,
    ResourceVersion, ServerHello, ServerReport, SessionRequest, SessionResponse, StorePoint, change_ack::Phase,
    probe_result::Verdict, session_request, session_response::Message,
};
use freehold_proto::v1::{GetServerRequest, Scope, Server, UpdateScopeRequest, UpdateServerRequest, server};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

const LIMIT: Duration = Duration::from_secs(20);
/// The server's lease spool.
pub(crate) const EPOCH: [u8; 16] = [2; 16];

/// An agent with one server that does as a test says.
pub(crate) struct Agent {
    /// The server's name.
    pub(crate) server: String,
    /// Where the controller said that it is.
    pub(crate) at: StorePoint,
    /// Who it is.
    pub(crate) identity: Credentials,
    up: mpsc::Sender<SessionRequest>,
    down: Streaming<SessionResponse>,
}

impl Agent {
    /// Enrols, connects, reports `kea4`, and waits until the controller knows it.
    pub(crate) async fn connect(house: &House, id: &str) -> Self {
        let identity = house.agent(id).await;
        Self::open(house, identity, format!("servers/{id}/kea4"), |_| {}).await
    }

    /// The same, with this greeting.
    pub(crate) async fn connect_saying(house: &House, id: &str, say: impl FnOnce(&mut Hello)) -> Self {
        let identity = house.agent(id).await;
        Self::open(house, identity, format!("servers/{id}/kea4"), say).await
    }

    /// Ends the session and opens another one, with this greeting about the server.
    pub(crate) async fn comes_back(self, house: &House, say: impl FnOnce(&mut ServerHello)) -> Self {
        drop(self.down);
        Self::open(house, self.identity, self.server, |hello| say(&mut hello.servers[0])).await
    }

    async fn open(house: &House, identity: Credentials, server: String, say: impl FnOnce(&mut Hello)) -> Self {
        let mut client = AgentControlServiceClient::new(house.channel(Some(&identity)).await);
        let (up, requests) = mpsc::channel(8);
        let report = ServerReport {
            server_id: "kea4".to_owned(),
            kind: "kea-dhcp4".to_owned(),
            version: "2.2.0".to_owned(),
            running: true,
            ..ServerReport::default()
        };
        let has = ServerHello { report: Some(report), spool_epoch: vec![2; 16], ..ServerHello::default() };
        let mut hello = Hello {
            protocol_min: 1,
            protocol_max: 1,
            features: freehold_proto::bundle::FEATURES.iter().map(|feature| (*feature).to_owned()).collect(),
            boot_id: vec![1; 16],
            servers: vec![has],
            ..Hello::default()
        };
        say(&mut hello);
        let hello = SessionRequest { message: Some(session_request::Message::Hello(hello)) };
        up.send(hello).await.expect("open");
        let down = client.session(ReceiverStream::new(requests)).await.expect("a session").into_inner();
        let mut agent = Self { server, at: StorePoint::default(), identity, up, down };
        let Message::Welcome(welcome) = agent.hears(|_| true).await else { panic!("no welcome") };
        agent.at = welcome.now.expect("a point");
        let get = || GetServerRequest { name: agent.server.clone() };
        let known = async {
            while house.servers().get_server(get()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, known).await.expect("the server is known in time");
        agent
    }

    /// The next message of this kind.
    pub(crate) async fn hears(&mut self, kind: impl Fn(&Message) -> bool) -> Message {
        let heard = async {
            loop {
                let message = self.down.message().await.expect("open").expect("open").message.expect("a message");
                if kind(&message) {
                    return message;
                }
            }
        };
        timeout(LIMIT, heard).await.expect("heard in time")
    }

    /// The next change that the controller wants.
    pub(crate) async fn change(&mut self) -> ChangeSet {
        match self.hears(|message| matches!(message, Message::Change(_) | Message::InventoryRequest(_))).await {
            Message::Change(change) => change,
            other => panic!("nothing was ever held: {other:?}"),
        }
    }

    async fn say(&self, message: session_request::Message) {
        self.up.send(SessionRequest { message: Some(message) }).await.expect("open");
    }

    /// Answers for a change.
    pub(crate) async fn ack(&self, change_id: u64, phase: Phase, digest: &[u8], server_error: &str) {
        let ack = ChangeAck {
            server_id: "kea4".to_owned(),
            change_id,
            phase: phase.into(),
            digest: digest.to_vec(),
            server_error: server_error.to_owned(),
            ..ChangeAck::default()
        };
        self.say(session_request::Message::Ack(ack)).await;
    }

    /// Says that the server runs what the change makes.
    pub(crate) async fn applies(&self, change: &ChangeSet) {
        self.applies_at(change, 0).await;
    }

    /// The same, with this many lease events before it.
    pub(crate) async fn applies_at(&self, change: &ChangeSet, lease_seq: u64) {
        self.ack(change.change_id, Phase::Staged, &change.to_digest, "").await;
        let ack = ChangeAck {
            server_id: "kea4".to_owned(),
            change_id: change.change_id,
            phase: Phase::Applied.into(),
            digest: change.to_digest.clone(),
            lease_seq,
            lease_epoch: EPOCH.to_vec(),
            ..ChangeAck::default()
        };
        self.say(session_request::Message::Ack(ack)).await;
    }

    /// The next probe that the controller wants.
    pub(crate) async fn probe(&mut self) -> ProbeRequest {
        match self.hears(|message| matches!(message, Message::Probe(_))).await {
            Message::Probe(request) => request,
            other => unreachable!("{other:?}"),
        }
    }

    /// Says what came of a probe.
    pub(crate) async fn found(&self, probe_id: u64, results: Vec<ProbeResult>) {
        self.say(session_request::Message::Probe(ProbeAnswer { probe_id, results })).await;
    }

    /// Answers probes for ever: these addresses answer by ARP, all others are silent.
    pub(crate) async fn answers_for(&mut self, there: &[&str]) -> Infallible {
        loop {
            let request = self.probe().await;
            let result = |address: &String| match there.contains(&address.as_str()) {
                true => answered(address),
                false => {
                    ProbeResult { address: address.clone(), verdict: Verdict::Silent.into(), ..ProbeResult::default() }
                }
            };
            self.found(request.probe_id, request.addresses.iter().map(result).collect()).await;
        }
    }

    /// Says, when asked, that it holds these scopes.
    pub(crate) async fn holds(&mut self, scopes: &[&str]) {
        self.hears(|message| matches!(message, Message::InventoryRequest(_))).await;
        let version = |id: &&str| ResourceVersion { kind: "scope".to_owned(), id: (*id).to_owned(), hash: vec![5; 16] };
        let held = scopes.iter().map(version).collect();
        self.say(session_request::Message::Inventory(Inventory { server_id: "kea4".to_owned(), held, last: true }))
            .await;
    }

    /// Says that the server runs something else than it was proven to.
    pub(crate) async fn drifts(&self, expected: &[u8], observed: &[u8], difference: &str) {
        let report = DriftReport {
            server_id: "kea4".to_owned(),
            expected_digest: expected.to_vec(),
            observed_digest: observed.to_vec(),
            difference: difference.to_owned(),
        };
        self.say(session_request::Message::Drift(report)).await;
    }
}

/// An answer by ARP, of 02:00:00:00:00:66 after a quarter of a millisecond.
pub(crate) fn answered(address: &str) -> ProbeResult {
    ProbeResult {
        address: address.to_owned(),
        verdict: Verdict::Answered.into(),
        method: ProbeMethod::Arp.into(),
        hardware: vec![2, 0, 0, 0, 0, 0x66],
        round_trip_us: 250,
        message: String::new(),
    }
}

pub(crate) async fn manage(house: &House, server: &str) {
    let server =
        Server { name: server.to_owned(), management: server::Management::Managed.into(), ..Server::default() };
    let update = UpdateServerRequest { server: Some(server), ..UpdateServerRequest::default() };
    house.servers().update_server(update).await.expect("managed");
}

pub(crate) async fn serve(house: &House, server: &str) {
    let scope = Scope { name: "scopes/yard".to_owned(), server: server.to_owned(), ..Scope::default() };
    let update = UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() };
    house.scopes().update_scope(update).await.expect("served");
}
