//! Holds and claims of addresses that a DHCP server could lease: PENDING, until it is known that it does not.

use crate::addresses::{allocate, client, details, get, given};
use crate::agent::{Agent, EPOCH, manage, serve};
use crate::house::*;
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use freehold_proto::sync::{
    self, UploadHello, UploadLeasesRequest, UploadLeasesResponse, lease_event, upload_leases_request as up,
    upload_leases_response as down,
};
use freehold_proto::v1::assignment::Phase;
use freehold_proto::v1::event_service_client::EventServiceClient;
use freehold_proto::v1::sync_status::State as Sync;
use freehold_proto::v1::*;
use prost_types::Duration as Span;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

const LIMIT: Duration = Duration::from_secs(20);
pub(crate) const WANTED: &str = "10.1.0.20";

/// A house whose yard a managed server serves, which runs what it should.
pub(crate) async fn served() -> (House, Agent) {
    let house = House::furnished().await;
    let mut agent = Agent::connect(&house, "berlin-1").await;
    serve(&house, &agent.server).await;
    manage(&house, &agent.server).await;
    let change = agent.change().await;
    agent.applies(&change).await;
    let applied = WaitAppliedRequest { resource: "scopes/yard".to_owned(), ..Default::default() };
    assert!(house.servers().wait_applied(applied).await.expect("an answer").into_inner().applied);
    // Its spool is empty: there is nothing to wait for in it.
    drop(Leases::open(&house, &agent).await);
    (house, agent)
}

fn claim() -> AllocateAddressesRequest {
    AllocateAddressesRequest {
        addresses: vec![WANTED.to_owned()],
        details: vec![details("02:00:00:00:00:20")],
        ..allocate("scopes/yard", AddressPurpose::Claim, 1)
    }
}

/// How an address is after a wait of at most this long.
async fn after(house: &House, limit: Duration) -> Address {
    let limit = Some(Span::try_from(limit).expect("short"));
    let wait = WaitAddressRequest { name: format!("{DEFAULT}/addresses/{WANTED}"), timeout: limit };
    timeout(LIMIT * 2, client(house).wait_address(wait)).await.expect("in time").expect("an answer").into_inner()
}

pub(crate) fn assignment(address: &Address) -> &Assignment {
    match &address.reasons[0].detail {
        Some(address_reason::Detail::Assignment(assignment)) => assignment,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_claim_is_active_when_the_server_was_proven_to_run_it() {
    let (house, mut agent) = served().await;
    let claimed = given(&house, claim()).await;
    assert_eq!(assignment(&claimed[0]).phase(), Phase::Pending);
    let change = agent.change().await;
    let wait = get(&house, WANTED).await.wait.expect("a wait");
    let server = wait.server.expect("a server");
    assert_eq!(
        (server.server.as_str(), server.state(), wait.leases_only),
        ("servers/berlin-1/kea4", Sync::Pending, false)
    );
    agent.applies(&change).await;
    let settled = after(&house, LIMIT).await;
    assert_eq!((assignment(&settled).phase(), settled.wait), (Phase::Active, None));
}

#[tokio::test]
async fn what_no_server_leases_is_active_at_once() {
    let (house, _agent) = served().await;
    let outside = AllocateAddressesRequest { addresses: vec!["10.1.0.5".to_owned()], ..claim() };
    assert_eq!(assignment(&given(&house, outside).await[0]).phase(), Phase::Active);
    let risked = AllocateAddressesRequest { accept_risk: true, details: vec![details("02:00:00:00:00:21")], ..claim() };
    let risked = given(&house, risked).await;
    assert_eq!((assignment(&risked[0]).phase(), assignment(&risked[0]).risk_accepted), (Phase::Active, true));
}

/// The server runs what it should before the comment changes: nothing has to be sent to it, and yet it must be proven.
#[tokio::test]
async fn a_change_that_the_server_does_not_see_does_not_keep_a_claim_waiting() {
    let (house, mut agent) = served().await;
    given(&house, claim()).await;
    let change = agent.change().await;
    let update = UpdateAddressRequest {
        name: format!("{DEFAULT}/addresses/{WANTED}"),
        details: Some(AddressDetails { comment: "by the door".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    client(&house).update_address(update).await.expect("changed");
    agent.applies(&change).await;
    let proof = agent.change().await;
    assert_eq!((&proof.upserts[..], &proof.removes[..], &proof.from_digest), (&[][..], &[][..], &proof.to_digest));
    agent.applies(&proof).await;
    assert_eq!(assignment(&after(&house, LIMIT).await).phase(), Phase::Active);
}

#[tokio::test]
async fn a_server_that_is_cut_off_keeps_a_claim_waiting_and_is_named() {
    let (mut house, agent) = served().await;
    drop(agent);
    given(&house, claim()).await;
    house.restart().await;
    let waiting = after(&house, Duration::from_millis(300)).await;
    assert_eq!(assignment(&waiting).phase(), Phase::Pending);
    let wait = waiting.wait.expect("a wait");
    assert_eq!(wait.server.expect("a server").state(), Sync::Disconnected);
    assert_eq!(wait.message, "servers/berlin-1/kea4 is not connected, and may lease the address until it is told");
}

/// The stream of lease events of an agent's server.
pub(crate) struct Leases {
    subnet_id: u32,
    next: u64,
    up: mpsc::Sender<UploadLeasesRequest>,
    down: Streaming<UploadLeasesResponse>,
}

impl Leases {
    /// Opens it at the beginning of the server's spool.
    pub(crate) async fn open(house: &House, agent: &Agent) -> Self {
        Self::open_at(house, agent, 1).await
    }

    /// Opens it where event `next` comes next.
    async fn open_at(house: &House, agent: &Agent, next: u64) -> Self {
        let scope = GetScopeRequest { name: "scopes/yard".to_owned() };
        let subnet_id = house.scopes().get_scope(scope).await.expect("there").into_inner().subnet_id;
        let mut control = AgentControlServiceClient::new(house.channel(Some(&agent.identity)).await);
        let (up, requests) = mpsc::channel(8);
        let hello =
            UploadHello { server_id: "kea4".to_owned(), spool_epoch: EPOCH.to_vec(), first_seq: 1, last_seq: next - 1 };
        up.send(UploadLeasesRequest { message: Some(up::Message::Hello(hello)) }).await.expect("open");
        let down = control.upload_leases(ReceiverStream::new(requests)).await.expect("a stream").into_inner();
        let mut leases = Self { subnet_id, next, up, down };
        leases.hears(|message| matches!(message, down::Message::Welcome(_))).await;
        leases
    }

    async fn hears(&mut self, wanted: impl Fn(&down::Message) -> bool) {
        let heard = async {
            while !self
                .down
                .message()
                .await
                .expect("open")
                .expect("open")
                .message
                .is_some_and(|message| wanted(&message))
            {}
        };
        timeout(LIMIT, heard).await.expect("heard in time");
    }

    /// Says what happened to the lease of an address, and waits until that is taken in.
    pub(crate) async fn say(&mut self, kind: lease_event::Kind, address: &str, hardware: [u8; 6]) {
        let address: std::net::Ipv4Addr = address.parse().expect("an address");
        let event = sync::LeaseEvent {
            kind: kind.into(),
            address: address.octets().to_vec(),
            subnet_id: self.subnet_id,
            hardware: hardware.to_vec(),
            valid_seconds: 3600,
            cltt_ms: 4_000_000_000_000,
            ..Default::default()
        };
        let seq = self.next;
        self.next += 1;
        let batch = sync::LeaseBatch { first_seq: seq, events: vec![event] };
        self.up.send(UploadLeasesRequest { message: Some(up::Message::Batch(batch)) }).await.expect("open");
        self.hears(|message| matches!(message, down::Message::Ack(ack) if ack.acked_seq == seq)).await;
    }
}

/// Uploads that `hardware` was granted the address, as the first event of the server's spool.
pub(crate) async fn leased(house: &House, agent: &Agent, hardware: [u8; 6]) {
    Leases::open(house, agent).await.say(lease_event::Kind::Granted, WANTED, hardware).await;
}

/// Uploads event `seq` of the server's spool: what became of the lease of the address.
pub(crate) async fn upload(house: &House, agent: &Agent, hardware: [u8; 6], seq: u64, kind: lease_event::Kind) {
    Leases::open_at(house, agent, seq).await.say(kind, WANTED, hardware).await;
}

#[tokio::test]
async fn a_lease_that_came_first_makes_a_conflict() {
    let (house, mut agent) = served().await;
    given(&house, claim()).await;
    let change = agent.change().await;
    agent.applies_at(&change, 1).await;
    let proven = async {
        while !get(&house, WANTED).await.wait.expect("still pending").leases_only {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, proven).await.expect("proven in time");
    leased(&house, &agent, [2, 0, 0, 0, 0, 0x99]).await;
    let settled = after(&house, LIMIT).await;
    assert_eq!(
        (assignment(&settled).phase(), assignment(&settled).conflict.as_str()),
        (Phase::Conflict, "servers/berlin-1/kea4 leases it to 02:00:00:00:00:99")
    );
}

#[tokio::test]
async fn the_clients_own_lease_is_no_conflict() {
    let (house, mut agent) = served().await;
    given(&house, claim()).await;
    let change = agent.change().await;
    agent.applies_at(&change, 1).await;
    leased(&house, &agent, [2, 0, 0, 0, 0, 0x20]).await;
    assert_eq!(assignment(&after(&house, LIMIT).await).phase(), Phase::Active);
}

#[tokio::test]
async fn a_lease_becomes_a_claim_of_its_client() {
    let (house, agent) = served().await;
    leased(&house, &agent, [2, 0, 0, 0, 0, 0x99]).await;
    let taken = client(&house).allocate_addresses(claim()).await.expect_err("another client has it");
    assert_eq!(crate::whole::answer(&taken).1, "ADDRESS_LEASED");
    let convert = ConvertLeaseRequest {
        scope: "scopes/yard".to_owned(),
        address: WANTED.to_owned(),
        purpose: AddressPurpose::Claim.into(),
        ..Default::default()
    };
    let claimed = client(&house).convert_lease(convert).await.expect("claimed").into_inner();
    assert_eq!(
        assignment(&claimed).client,
        Some(freehold_proto::v1::assignment::Client::HardwareAddress("02:00:00:00:00:99".to_owned()))
    );
}

/// Nobody waits for an address of it, and yet what the server was taken off is over when it was proven to run without.
#[tokio::test]
async fn what_a_server_was_taken_off_is_forgotten_once_it_was_proven() {
    let (house, mut agent) = served().await;
    let off = UpdateScopeRequest {
        scope: Some(Scope { name: "scopes/yard".to_owned(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["server".to_owned()] }),
        ..Default::default()
    };
    house.scopes().update_scope(off).await.expect("taken off");
    let change = agent.change().await;
    agent.applies(&change).await;
    let forgotten = async {
        loop {
            let request = ListEventsRequest { page_size: 100, ..Default::default() };
            let page =
                EventServiceClient::new(house.api.clone()).list_events(request).await.expect("a list").into_inner();
            if page.events.iter().any(|event| event.method == "settle") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, forgotten).await.expect("forgotten in time");
}
