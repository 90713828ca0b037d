//! `--wait`: what it waits for, what it says, how it exits.

use crate::freehold;
use crate::peer::Peer;
use crate::tls::Ca;
use freehold_proto::v1::sync_status::State;
use freehold_proto::v1::{
    ResourceChange, Scope, Server, ServerStatus, Snapshot, SyncStatus, WaitAppliedResponse, WatchResponse, server,
};

const SERVER: &str = "servers/berlin-1/kea4";

fn scope(server: &str) -> Scope {
    let sync = vec![SyncStatus { server: server.into(), state: State::Pending.into(), ..SyncStatus::default() }];
    Scope { name: "scopes/voice".into(), server: server.into(), etag: "9".into(), sync, ..Scope::default() }
}

fn at(state: State, error: &str) -> WaitAppliedResponse {
    let on = SyncStatus {
        server: SERVER.into(),
        state: state.into(),
        desired_revision: 9,
        applied_revision: if state == State::Applied { 9 } else { 8 },
        took_ms: 38,
        error: error.into(),
        ..SyncStatus::default()
    };
    WaitAppliedResponse { applied: state == State::Applied, servers: vec![on] }
}

fn peer(waits: impl IntoIterator<Item = WaitAppliedResponse>) -> Peer {
    let peer = Peer::giving([Ok(scope(SERVER))]);
    peer.waits.lock().unwrap().extend(waits);
    peer
}

const CREATE: &str = "scope create voice --network 10.0.0.0/24 --server berlin-1/kea4 --wait";

#[tokio::test]
async fn applied_is_shown_with_the_proof() {
    let ca = Ca::new();
    let serving = peer([at(State::Pending, ""), at(State::Applied, "")]).serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), CREATE).await;
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("berlin-1/kea4 applied in 38 ms (wanted revision 9, runs 9)"), "{}", ran.out);
    let asked = serving.peer.awaited.lock().unwrap().clone();
    let asked: Vec<_> = asked.iter().map(|r| (r.resource.as_str(), r.revision)).collect();
    assert_eq!(asked, [("scopes/voice", 0), ("scopes/voice", 0)]);
}

#[tokio::test]
async fn a_refusal_has_the_servers_own_words_and_a_status_of_its_own() {
    let ca = Ca::new();
    let serving = peer([at(State::Rejected, "option 150 has wrong length")]).serve(ca.acceptor()).await;
    let line = format!("{CREATE} --output json");
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), &line).await;
    assert_eq!(ran.status, 3);
    assert_eq!(
        ran.err.lines().next(),
        Some("error: servers/berlin-1/kea4 refused scopes/voice: option 150 has wrong length")
    );
    assert!(ran.out.contains("\"state\": \"STATE_REJECTED\""), "{}", ran.out);
}

#[tokio::test]
async fn time_that_is_up_has_a_status_of_its_own() {
    let ca = Ca::new();
    let serving = peer([at(State::Disconnected, "")]).serve(ca.acceptor()).await;
    let line = format!("{CREATE} --timeout 1s");
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), &line).await;
    assert_eq!(ran.status, 4);
    assert_eq!(
        ran.err.lines().next(),
        Some("error: scopes/voice is stored, and was not proven to run everywhere within 1s")
    );
}

#[tokio::test]
async fn a_deletion_waits_for_the_server_to_run_without_it() {
    let ca = Ca::new();
    let peer = peer([at(State::Applied, "")]);
    let deletion = |resource: &str, revision| WatchResponse {
        revision,
        time: None,
        changes: vec![ResourceChange {
            kind: "scope".into(),
            resource: resource.into(),
            before: Some(Snapshot::default()),
            after: None,
        }],
    };
    let bookmark = WatchResponse { revision: 9, time: None, changes: Vec::new() };
    peer.changes.lock().unwrap().extend([bookmark, deletion("scopes/other", 10), deletion("scopes/voice", 11)]);
    let serving = peer.serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), "scope delete voice --force --wait").await;
    assert_eq!((ran.status, ran.out.as_str(), ran.err.as_str()), (0, "deleted scopes/voice\n", ""));
    let asked = serving.peer.awaited.lock().unwrap().clone();
    let asked: Vec<_> = asked.iter().map(|r| (r.resource.as_str(), r.revision)).collect();
    assert_eq!(asked, [(SERVER, 11)]);
    assert!(serving.peer.deleted.lock().unwrap()[0].force);
}

#[tokio::test]
async fn a_scope_that_moves_waits_for_both_servers() {
    let ca = Ca::new();
    let peer = Peer::giving([Ok(scope(SERVER)), Ok(Scope { etag: "12".into(), ..scope("servers/munich-1/kea4") })]);
    peer.waits.lock().unwrap().push_back(at(State::Applied, ""));
    let serving = peer.serve(ca.acceptor()).await;
    let line = "scope update voice --server munich-1/kea4 --wait";
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), line).await;
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let asked = serving.peer.awaited.lock().unwrap().clone();
    let asked: Vec<_> = asked.iter().map(|r| (r.resource.as_str(), r.revision)).collect();
    assert_eq!(asked, [(SERVER, 12), ("scopes/voice", 0)]);
}

#[tokio::test]
async fn a_managed_server_is_shown_as_it_is_after_the_wait() {
    let ca = Ca::new();
    let server = |digest: &str| {
        let status = ServerStatus { desired_digest: "07".into(), applied_digest: digest.into(), ..Default::default() };
        let management = server::Management::Managed.into();
        Server { name: SERVER.into(), management, status: Some(status), ..Default::default() }
    };
    let peer = peer([at(State::Pending, ""), at(State::Applied, "")]);
    peer.servers.lock().unwrap().extend([server(""), server("07")]);
    let serving = peer.serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), "server manage berlin-1/kea4 --wait").await;
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("sync        applied"), "{}", ran.out);
}
