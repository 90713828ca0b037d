//! WaitApplied: what it answers at once, what it waits for, and when it gives up.

use crate::agent::{Agent, manage, serve};
use crate::house::*;
use freehold_proto::v1::sync_status::State;
use freehold_proto::v1::*;
use prost_types::Duration as Span;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

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
