//! What servers lease, and what contradicts it.

use super::*;
use crate::settling::{WANTED, leased, served, upload};
use freehold_proto::sync::lease_event;
use freehold_proto::v1::conflict_service_client::ConflictServiceClient;
use freehold_proto::v1::lease_service_client::LeaseServiceClient;

const SERVER: &str = "servers/berlin-1/kea4";

/// The conflicts that a caller sees, and how many there are for it.
async fn conflicts(channel: &Channel) -> (Vec<String>, i32) {
    let list = ConflictServiceClient::new(channel.clone()).list_conflicts(ListConflictsRequest::default()).await;
    let found = list.expect("a list").into_inner();
    (found.conflicts.into_iter().map(|conflict| conflict.name).collect(), found.total_size)
}

#[tokio::test]
async fn leases_and_conflicts_are_seen_inside_alone() {
    let (house, agent) = served().await;
    let inside = delegate(&house, "inge", Role::Viewer).await;
    let outside = house.delegate("otto", Role::Viewer, FREE).await;
    let outside = house.channel(Some(&outside)).await;
    let (mut ours, mut theirs) = (LeaseServiceClient::new(inside.clone()), LeaseServiceClient::new(outside.clone()));
    let watch = |parent: &str| WatchLeasesRequest { parent: parent.to_owned() };
    let mut watched = ours.watch_leases(watch(SERVER)).await.expect("a watch").into_inner();
    let mut unseen = theirs.watch_leases(watch(SERVER)).await.expect("a watch").into_inner();
    assert_eq!(watched.message().await.expect("open").expect("begun").events, []);
    assert_eq!(unseen.message().await.expect("open").expect("begun").events, []);

    leased(&house, &agent, [2, 0, 0, 0, 0, 0x99]).await;
    let events = watched.message().await.expect("open").expect("an answer").events;
    assert_eq!(events.len(), 1);
    // What an event is that somebody may not see, a stranger is told nothing of: not even that there was one.
    let quiet = tokio::time::timeout(std::time::Duration::from_millis(300), unseen.message()).await;
    assert!(quiet.is_err(), "{quiet:?}");

    let list = || ListLeasesRequest { parent: "servers/-".to_owned(), ..ListLeasesRequest::default() };
    let get = || GetLeaseRequest { name: format!("{SERVER}/leases/{WANTED}") };
    let past = || ListLeaseEventsRequest { parent: SERVER.to_owned(), ..ListLeaseEventsRequest::default() };
    assert_eq!(ours.list_leases(list()).await.expect("a list").into_inner().leases.len(), 1);
    assert_eq!(theirs.list_leases(list()).await.expect("a list").into_inner().leases, []);
    let of_scope = ListLeasesRequest { scope: "scopes/yard".to_owned(), ..list() };
    assert_eq!(came_of(theirs.list_leases(of_scope).await), denied());
    assert_eq!(came_of(ours.get_lease(get()).await), ok());
    assert_eq!(came_of(theirs.get_lease(get()).await), denied());
    assert_eq!(ours.list_lease_events(past()).await.expect("a list").into_inner().events.len(), 1);
    assert_eq!(theirs.list_lease_events(past()).await.expect("a list").into_inner().events, []);

    // Somebody leases what is claimed for another.
    let claim = AllocateAddressesRequest {
        addresses: vec![WANTED.to_owned()],
        accept_risk: true,
        details: vec![crate::addresses::details("02:00:00:00:00:20")],
        ..crate::addresses::allocate("scopes/yard", AddressPurpose::Claim, 1)
    };
    crate::addresses::given(&house, claim).await;
    upload(&house, &agent, [2, 0, 0, 0, 0, 0x99], 2, lease_event::Kind::Renewed).await;
    let (all, total) = conflicts(&house.api).await;
    assert_eq!(total, 1);
    assert_eq!(conflicts(&inside).await, (all.clone(), 1));
    assert_eq!(conflicts(&outside).await, (Vec::new(), 0));
    let get = |channel: &Channel| {
        let mut client = ConflictServiceClient::new(channel.clone());
        let name = all[0].clone();
        async move { came_of(client.get_conflict(GetConflictRequest { name }).await) }
    };
    assert_eq!((get(&inside).await, get(&outside).await), (ok(), denied()));
}
