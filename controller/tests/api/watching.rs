//! Watch: the whole history, from now on, on after a restart, and only what the watcher may see.

use crate::house::*;
use crate::whole::{answer, refused};
use freehold_certs::credentials::Credentials;
use freehold_core::access::Role;
use freehold_proto::v1::watch_service_client::WatchServiceClient;
use freehold_proto::v1::*;
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

async fn watch(channel: &Channel, request: WatchRequest) -> Streaming<WatchResponse> {
    WatchServiceClient::new(channel.clone()).watch(request).await.expect("a watch").into_inner()
}

fn from(revision: u64) -> WatchRequest {
    WatchRequest { from_revision: revision, ..WatchRequest::default() }
}

async fn next(watch: &mut Streaming<WatchResponse>) -> WatchResponse {
    timeout(Duration::from_secs(15), watch.message()).await.expect("in time").expect("open").expect("an answer")
}

/// The next answers with changes, up to this revision: their revisions and the resources in them.
async fn until(watch: &mut Streaming<WatchResponse>, revision: u64) -> Vec<(u64, Vec<String>)> {
    let mut seen = Vec::new();
    loop {
        let answer = next(watch).await;
        let at = answer.revision;
        if !answer.changes.is_empty() {
            seen.push((at, answer.changes.into_iter().map(|change| change.resource).collect()));
        }
        if at >= revision {
            return seen;
        }
    }
}

async fn rename(house: &House, words: &str) -> u64 {
    let scope = Scope { name: "scopes/yard".to_owned(), description: words.to_owned(), ..Scope::default() };
    let update = UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() };
    let changed = house.scopes().update_scope(update).await.expect("changed").into_inner();
    changed.etag.parse().expect("a revision")
}

#[tokio::test]
async fn from_the_beginning_everything_comes_once_and_in_order_and_goes_on() {
    let mut house = House::furnished().await;
    let newest = house.revision().await;
    let mut all = watch(&house.api, from(0)).await;
    assert_eq!(next(&mut all).await, WatchResponse::default(), "a bookmark at the beginning");
    let past = until(&mut all, newest).await;
    assert_eq!(past.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), (1..=newest).collect::<Vec<_>>());
    assert_eq!(past[0].1, ["operators/admin"]);
    assert_eq!(past.last().expect("some").1, ["scopes/yard/reservations/10.1.0.70"]);
    let live = rename(&house, "live").await;
    assert_eq!(until(&mut all, live).await, [(live, vec!["scopes/yard".to_owned()])]);

    // What was missed during a restart is made up for, from where the watcher stood.
    let missed = rename(&house, "missed").await;
    house.restart().await;
    let after = rename(&house, "after").await;
    let mut resumed = watch(&house.api, from(live)).await;
    let yard = || vec!["scopes/yard".to_owned()];
    assert_eq!(until(&mut resumed, after).await, [(missed, yard()), (after, yard())]);
    let mut whole = watch(&house.api, from(0)).await;
    assert_eq!(until(&mut whole, after).await[..past.len()], past);
}

#[tokio::test]
async fn from_now_on_the_past_is_left_out() {
    let house = House::furnished().await;
    let newest = house.revision().await;
    let mut now = watch(&house.api, WatchRequest { from_now: true, from_revision: 1, ..WatchRequest::default() }).await;
    assert_eq!(next(&mut now).await, WatchResponse { revision: newest, ..WatchResponse::default() });
    let live = rename(&house, "live").await;
    let answer = next(&mut now).await;
    let change = &answer.changes[0];
    assert_eq!((answer.revision, answer.time.is_some(), change.resource.as_str()), (live, true, "scopes/yard"));
    assert!(change.before.is_some() && change.after.is_some());
}

#[tokio::test]
async fn kinds_that_were_not_asked_for_are_left_out() {
    let house = House::furnished().await;
    let kinds = vec!["reservation".to_owned()];
    let mut watch = watch(&house.api, WatchRequest { kinds, ..WatchRequest::default() }).await;
    let newest = house.revision().await;
    assert_eq!(until(&mut watch, newest).await, [(newest, vec!["scopes/yard/reservations/10.1.0.70".to_owned()])]);
}

async fn seen_by(house: &House, caller: &Credentials, newest: u64) -> Vec<String> {
    let mut watch = watch(&house.channel(Some(caller)).await, from(0)).await;
    until(&mut watch, newest).await.into_iter().flat_map(|(_, resources)| resources).collect()
}

#[tokio::test]
async fn what_the_watcher_may_not_read_is_left_out() {
    let house = House::furnished().await;
    let viewer = house.operator("vera", Role::Viewer).await;
    house.agent("berlin-1").await;
    let newest = rename(&house, "last").await;
    let seen = seen_by(&house, &viewer, newest).await;
    assert!(!seen.iter().any(|resource| resource.starts_with("operators/")), "{seen:?}");
    for wanted in ["spaces/default", YARD, "scopes/yard", "scopes/yard/reservations/10.1.0.70", "agents/berlin-1"] {
        assert!(seen.iter().any(|resource| resource == wanted), "{wanted} in {seen:?}");
    }

    // The right is asked for at every change, not only at the start.
    let channel = house.channel(Some(&viewer)).await;
    let mut open = watch(&channel, from(newest)).await;
    next(&mut open).await;
    let vera = |roles: &str| {
        let operator =
            Operator { name: "operators/vera".to_owned(), roles: vec![roles.to_owned()], ..Default::default() };
        UpdateOperatorRequest { operator: Some(operator), ..UpdateOperatorRequest::default() }
    };
    house.operators().update_operator(vera("auditor")).await.expect("changed");
    let ended = timeout(Duration::from_secs(15), open.message()).await.expect("in time").expect_err("ended");
    assert_eq!(answer(&ended), refused(Code::PermissionDenied, "PERMISSION_DENIED"));
    let barred = WatchServiceClient::new(channel).watch(from(0)).await.expect_err("an auditor watches nothing");
    assert_eq!(answer(&barred), refused(Code::PermissionDenied, "PERMISSION_DENIED"));
}
