//! Conflicts over the wire: found at the change that makes them, listed with what can be done, gone when they are over.

use crate::addresses::{allocate, client, details, get, given};
use crate::agent::{Agent, manage, serve};
use crate::house::*;
use crate::settling::{Leases, WANTED, assignment, served};
use crate::whole::{answer, refused};
use freehold_proto::sync::lease_event;
use freehold_proto::v1::assignment::Phase;
use freehold_proto::v1::conflict::Kind;
use freehold_proto::v1::conflict_service_client::ConflictServiceClient;
use freehold_proto::v1::*;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;

const LIMIT: Duration = Duration::from_secs(20);

fn conflicts(house: &House) -> ConflictServiceClient<Channel> {
    ConflictServiceClient::new(house.api.clone())
}

async fn list(house: &House, request: ListConflictsRequest) -> Vec<Conflict> {
    conflicts(house).list_conflicts(request).await.expect("a list").into_inner().conflicts
}

/// All conflicts, once they are of these kinds.
async fn once(house: &House, kinds: &[Kind]) -> Vec<Conflict> {
    let wait = async {
        loop {
            let found = list(house, ListConflictsRequest::default()).await;
            if found.iter().map(Conflict::kind).eq(kinds.iter().copied()) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("no conflicts of {kinds:?}"))
}

/// The address once it is in this phase.
async fn in_phase(house: &House, address: &str, phase: Phase) -> Address {
    let wait = async {
        loop {
            let found = get(house, address).await;
            if assignment(&found).phase() == phase {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{address} never was {phase:?}"))
}

/// A claim of the address for a client that does not lease it, in force.
async fn claimed(house: &House, agent: &mut Agent) {
    let claim = AllocateAddressesRequest {
        addresses: vec![WANTED.to_owned()],
        details: vec![details("02:00:00:00:00:20")],
        ..allocate("scopes/yard", AddressPurpose::Claim, 1)
    };
    given(house, claim).await;
    let change = agent.change().await;
    agent.applies(&change).await;
    in_phase(house, WANTED, Phase::Active).await;
}

#[tokio::test]
async fn a_lease_that_turns_up_makes_a_conflict_that_ends_with_it() {
    let (house, mut agent) = served().await;
    claimed(&house, &mut agent).await;
    let mut leases = Leases::open(&house, &agent).await;
    leases.say(lease_event::Kind::Granted, WANTED, [2, 0, 0, 0, 0, 0x99]).await;
    let found = once(&house, &[Kind::LeaseOnAssigned]).await;
    let name = format!("{DEFAULT}/addresses/{WANTED}");
    assert_eq!(found[0].resources, [name.clone(), format!("servers/berlin-1/kea4/leases/{WANTED}")]);
    assert_eq!(found[0].servers, ["servers/berlin-1/kea4"]);
    assert_eq!(
        found[0].message,
        "10.1.0.20 is claimed by operators/admin for hardware address 02:00:00:00:00:20, and servers/berlin-1/kea4 leases \
         it to 02:00:00:00:00:99"
    );
    let methods: Vec<_> = found[0].resolutions.iter().map(|way| way.method.as_str()).collect();
    let service = "/freehold.v1.AddressService";
    assert_eq!(methods, ["", &format!("{service}/UpdateAddress"), &format!("{service}/ReleaseAddress")]);
    let again = conflicts(&house).get_conflict(GetConflictRequest { name: found[0].name.clone() }).await;
    assert_eq!(again.expect("there").into_inner().name, found[0].name);
    let conflict = in_phase(&house, WANTED, Phase::Conflict).await;
    assert_eq!(assignment(&conflict).conflict, "servers/berlin-1/kea4 leases it to 02:00:00:00:00:99");

    leases.say(lease_event::Kind::Released, WANTED, [2, 0, 0, 0, 0, 0x99]).await;
    // The server has to prove once more that it does not lease the address.
    let proof = agent.change().await;
    assert_eq!((&proof.upserts[..], &proof.removes[..]), (&[][..], &[][..]));
    agent.applies_at(&proof, 2).await;
    let over = in_phase(&house, WANTED, Phase::Active).await;
    assert_eq!(assignment(&over).conflict, "");
    once(&house, &[]).await;
    let gone = conflicts(&house).get_conflict(GetConflictRequest { name: found[0].name.clone() }).await;
    assert_eq!(answer(&gone.expect_err("over")), refused(Code::NotFound, "CONFLICT_NOT_FOUND"));
}

#[tokio::test]
async fn a_conflict_outlives_a_restart_and_ends_with_what_is_done_about_it() {
    let (mut house, mut agent) = served().await;
    claimed(&house, &mut agent).await;
    let mut leases = Leases::open(&house, &agent).await;
    leases.say(lease_event::Kind::Granted, WANTED, [2, 0, 0, 0, 0, 0x99]).await;
    let found = once(&house, &[Kind::LeaseOnAssigned]).await;
    in_phase(&house, WANTED, Phase::Conflict).await;
    drop((agent, leases));
    house.restart().await;
    let after = once(&house, &[Kind::LeaseOnAssigned]).await;
    assert_eq!(after[0].name, found[0].name);
    // The second way: the address for the client that has it.
    let arguments: std::collections::BTreeMap<_, _> =
        after[0].resolutions[1].arguments.iter().map(|one| (one.field.as_str(), one.value.clone())).collect();
    let update = UpdateAddressRequest {
        name: arguments["name"].clone(),
        details: Some(details(&arguments["details.hardware_address"])),
        update_mask: Some(prost_types::FieldMask { paths: vec![arguments["update_mask"].clone()] }),
        // Settling changed the address since: the etag is that of the present form.
        etag: get(&house, WANTED).await.etag,
        ..Default::default()
    };
    client(&house).update_address(update).await.expect("changed");
    assert_eq!(list(&house, ListConflictsRequest::default()).await, []);
    // The server is cut off, and was not proven to run it.
    in_phase(&house, WANTED, Phase::Pending).await;
}

#[tokio::test]
async fn reservations_and_their_clients_are_watched_too() {
    let (house, agent) = served().await;
    let mut leases = Leases::open(&house, &agent).await;
    // Somebody else has the reserved address, and the client whose it is has another one.
    leases.say(lease_event::Kind::Granted, "10.1.0.70", [2, 0, 0, 0, 0, 0x99]).await;
    leases.say(lease_event::Kind::Granted, "10.1.0.21", [2, 0, 0, 0, 0, 0x70]).await;
    let found = once(&house, &[Kind::LeaseOnReserved, Kind::ClientElsewhere]).await;
    assert_eq!(
        found[1].message,
        "10.1.0.70 is reserved in scopes/yard for hardware address 02:00:00:00:00:70, which uses 10.1.0.21 of the same \
         network instead: servers/berlin-1/kea4 leases it"
    );
    let only = async |request: ListConflictsRequest| list(&house, request).await.len();
    let all = ListConflictsRequest::default;
    assert_eq!(only(ListConflictsRequest { kinds: vec![Kind::ClientElsewhere.into()], ..all() }).await, 1);
    assert_eq!(only(ListConflictsRequest { space: DEFAULT.to_owned(), ..all() }).await, 2);
    assert_eq!(only(ListConflictsRequest { server: "servers/berlin-1/kea4".to_owned(), ..all() }).await, 2);
    assert_eq!(only(ListConflictsRequest { server: "servers/berlin-2/kea4".to_owned(), ..all() }).await, 0);
    assert_eq!(only(ListConflictsRequest { prefix: YARD.to_owned(), ..all() }).await, 2);
    assert_eq!(only(ListConflictsRequest { prefix: FREE.to_owned(), ..all() }).await, 0);
    let first = conflicts(&house).list_conflicts(ListConflictsRequest { page_size: 1, ..all() }).await;
    let first = first.expect("a page").into_inner();
    assert_eq!((first.conflicts[0].name.as_str(), first.total_size), (found[0].name.as_str(), 2));
    let next = ListConflictsRequest { page_size: 1, page_token: first.next_page_token, ..all() };
    assert_eq!(list(&house, next).await[0].name, found[1].name);

    let delete =
        DeleteReservationRequest { name: "scopes/yard/reservations/10.1.0.70".to_owned(), ..Default::default() };
    house.reservations().delete_reservation(delete).await.expect("deleted");
    assert_eq!(list(&house, all()).await, []);
}

#[tokio::test]
async fn two_scopes_that_share_addresses_cannot_have_one_server_unseen() {
    let house = House::furnished().await;
    let agent = Agent::connect(&house, "berlin-1").await;
    serve(&house, &agent.server).await;
    manage(&house, &agent.server).await;
    let create = CreateSpaceRequest { space_id: "lab".to_owned(), ..Default::default() };
    let mut spaces = space_service_client::SpaceServiceClient::new(house.api.clone());
    spaces.create_space(create).await.expect("a space");
    let prefix = Prefix { cidr: "10.1.0.0/24".to_owned(), kind: prefix::Kind::Network.into(), ..Default::default() };
    let create = CreatePrefixRequest { parent: "spaces/lab".to_owned(), prefix: Some(prefix), ..Default::default() };
    house.prefixes().create_prefix(create).await.expect("a prefix");
    let network = "spaces/lab/prefixes/10.1.0.0-24".to_owned();
    let scope = Scope { network, server: agent.server.clone(), ..yard() };
    house.scopes().create_scope(create_scope("lab", scope)).await.expect("a scope");
    let found = list(&house, ListConflictsRequest::default()).await;
    let [found] = found.try_into().expect("one");
    assert_eq!(
        (found.kind(), found.resources.as_slice()),
        (Kind::ScopesOverlap, &["scopes/lab".to_owned(), "scopes/yard".to_owned()][..])
    );
    let asleep = Scope { name: "scopes/lab".to_owned(), status: scope::Status::Inactive.into(), ..Default::default() };
    let update = UpdateScopeRequest { scope: Some(asleep), ..Default::default() };
    house.scopes().update_scope(update).await.expect("changed");
    assert_eq!(list(&house, ListConflictsRequest::default()).await, []);
}
