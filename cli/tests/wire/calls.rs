//! Calls that are repeated, changes that are made again, lists, and refusals.

use crate::freehold;
use crate::peer::{Peer, refusal};
use crate::tls::Ca;
use freehold_proto::v1::{AddressRange, Exclusion, ListScopesResponse, Scope};
use tonic::{Code, Status};

fn scope(etag: &str) -> Scope {
    Scope { name: "scopes/voice".into(), etag: etag.into(), ..Scope::default() }
}

fn exclusion(address: &str) -> Exclusion {
    Exclusion { range: Some(AddressRange { start: address.into(), end: address.into() }), comment: String::new() }
}

#[tokio::test]
async fn an_unavailable_controller_is_asked_again_with_the_same_request() {
    let ca = Ca::new();
    let busy = || Err(Status::unavailable("starting"));
    let serving = Peer::giving([busy(), busy(), Ok(scope("5"))]).serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), "scope create voice --network 10.0.0.0/24").await;
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "name       scopes/voice\nsubnet id  0\netag       5\n");
    let sent = serving.peer.created.lock().unwrap().clone();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| *request == sent[0] && request.request_id.len() == 32), "{sent:?}");
}

#[tokio::test]
async fn it_gives_up_in_the_end() {
    let ca = Ca::new();
    let serving = Peer::giving((0..4).map(|_| Err(Status::unavailable("stopping")))).serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), "scope create voice --network 10.0.0.0/24").await;
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.err,
        "error: stopping [UNAVAILABLE]\n  hint: tried 4 times; is the controller starting or stopping? Try again\n"
    );
}

#[tokio::test]
async fn a_change_that_came_too_late_is_made_again_on_what_is_there_now() {
    let ca = Ca::new();
    let before = Scope { exclusions: vec![exclusion("10.0.0.5")], ..scope("5") };
    let meanwhile = Scope { exclusions: vec![exclusion("10.0.0.5"), exclusion("10.0.0.6")], ..scope("6") };
    let stale = refusal(Code::Aborted, "ETAG_MISMATCH", "scopes/voice is at 6");
    let answers = [Ok(before), Err(stale), Ok(meanwhile), Ok(scope("7"))];
    let serving = Peer::giving(answers).serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), "scope exclude voice 10.0.0.9").await;
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let sent = serving.peer.updated.lock().unwrap().clone();
    let written: Vec<_> = sent.iter().filter_map(|request| request.scope.clone()).collect();
    let want = |etag: &str, addresses: &[&str]| Scope {
        exclusions: addresses.iter().map(|address| exclusion(address)).collect(),
        ..scope(etag)
    };
    assert_eq!(written, [want("5", &["10.0.0.5", "10.0.0.9"]), want("6", &["10.0.0.5", "10.0.0.6", "10.0.0.9"])]);
    assert_ne!(sent[0].request_id, sent[1].request_id);
}

#[tokio::test]
async fn an_etag_of_the_caller_is_not_argued_with() {
    let ca = Ca::new();
    let stale = refusal(Code::Aborted, "ETAG_MISMATCH", "scopes/voice is at 6, not 4");
    let serving = Peer::giving([Ok(scope("6")), Err(stale)]).serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), "scope exclude voice 10.0.0.9 --etag 4").await;
    assert_eq!(ran.status, 1);
    assert!(ran.err.starts_with("error: scopes/voice is at 6, not 4 [ETAG_MISMATCH]\n"), "{}", ran.err);
    let sent = serving.peer.updated.lock().unwrap().clone();
    assert_eq!(sent.iter().filter_map(|r| r.scope.clone()).map(|s| s.etag).collect::<Vec<_>>(), ["4"]);
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_shown_as_one() {
    let ca = Ca::new();
    let page = |name: &str, next: &str| ListScopesResponse {
        scopes: vec![Scope { name: format!("scopes/{name}"), ..Scope::default() }],
        next_page_token: next.into(),
    };
    let peer = Peer::default();
    peer.pages.lock().unwrap().extend([page("a", "more"), page("b", "")]);
    let serving = peer.serve(ca.acceptor()).await;
    let ran = freehold(&serving.endpoint, &ca.identity("alice"), "scope list --server b/kea4 --output json").await;
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "[\n  {\n    \"name\": \"scopes/a\"\n  },\n  {\n    \"name\": \"scopes/b\"\n  }\n]\n");
    let asked = serving.peer.listed.lock().unwrap().clone();
    let asked: Vec<_> = asked.iter().map(|r| (r.page_token.as_str(), r.server.as_str())).collect();
    assert_eq!(asked, [("", "servers/b/kea4"), ("more", "servers/b/kea4")]);
}
