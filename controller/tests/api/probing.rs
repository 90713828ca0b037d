//! Asking on the network whether somebody has an address: whom the controller asks, and what it makes of the answers.

use crate::addresses::client;
use crate::agent::{Agent, answered, serve};
use crate::house::*;
use freehold_proto::sync::{ProbeResult, probe_result::Verdict};
use freehold_proto::v1::address_probe::{Method, Outcome};
use freehold_proto::v1::*;
use prost_types::Duration as Span;
use std::time::Duration;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

fn ask(address: &str) -> ProbeAddressRequest {
    ProbeAddressRequest { name: format!("{DEFAULT}/addresses/{address}"), timeout: None }
}

async fn asked(house: &House, request: ProbeAddressRequest) -> AddressProbe {
    let answer = timeout(LIMIT, client(house).probe_address(request)).await.expect("in time").expect("an answer");
    answer.into_inner().probe.expect("a probe")
}

/// An agent whose host has interfaces in these networks.
pub(crate) async fn agent_in(house: &House, id: &str, networks: &[&str]) -> Agent {
    let networks = networks.iter().map(|network| (*network).to_owned()).collect();
    Agent::connect_saying(house, id, |hello| hello.networks = networks).await
}

/// What comes of asking about this address, when the agent is asked and says so.
async fn says(house: &House, agent: &mut Agent, address: &str, result: ProbeResult) -> AddressProbe {
    let answer = async {
        let request = agent.probe().await;
        assert_eq!((&request.addresses[..], request.timeout_ms), (&[address.to_owned()][..], 500));
        agent.found(request.probe_id, vec![result]).await;
    };
    tokio::join!(asked(house, ask(address)), answer).0
}

#[tokio::test]
async fn the_agent_on_the_link_is_asked_and_its_answer_told() {
    let house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", &["10.1.0.0/24", "not a network"]).await;
    let probe = says(&house, &mut agent, "10.1.0.20", answered("10.1.0.20")).await;
    let expected = AddressProbe {
        name: format!("{DEFAULT}/addresses/10.1.0.20"),
        agent: "agents/berlin-1".to_owned(),
        outcome: Outcome::Answered.into(),
        method: Method::Arp.into(),
        hardware_address: "02:00:00:00:00:66".to_owned(),
        round_trip: Some(Span { seconds: 0, nanos: 250_000 }),
        message: String::new(),
    };
    assert_eq!(probe, expected);

    let of = |verdict: Verdict, message: &str| ProbeResult {
        address: "10.1.0.21".to_owned(),
        verdict: verdict.into(),
        message: message.to_owned(),
        ..ProbeResult::default()
    };
    for (verdict, outcome) in [(Verdict::Silent, Outcome::Silent), (Verdict::Unable, Outcome::Unable)] {
        let probe = says(&house, &mut agent, "10.1.0.21", of(verdict, "so it is")).await;
        assert_eq!((probe.outcome(), probe.message.as_str()), (outcome, "so it is"));
    }
    // What is not about the address, or of no kind that there is, is no answer.
    let probe = says(&house, &mut agent, "10.1.0.21", answered("10.1.0.22")).await;
    assert_eq!((probe.outcome(), probe.message.as_str()), (Outcome::Unable, "the agent said nothing about it"));
    let probe = says(&house, &mut agent, "10.1.0.21", of(Verdict::Unspecified, "")).await;
    assert_eq!(probe.outcome(), Outcome::Unable);
}

#[tokio::test]
async fn of_several_agents_the_nearest_is_asked() {
    let house = House::furnished().await;
    let mut wide = agent_in(&house, "a-wide", &["10.1.0.0/16"]).await;
    let mut near = agent_in(&house, "b-near", &["10.1.0.0/24", "10.7.0.0/16"]).await;
    let mut serving = Agent::connect_saying(&house, "c-serving", |_| {}).await;
    serve(&house, &serving.server).await;
    assert_eq!(says(&house, &mut near, "10.1.0.20", answered("10.1.0.20")).await.agent, "agents/b-near");
    assert_eq!(says(&house, &mut wide, "10.1.1.20", answered("10.1.1.20")).await.agent, "agents/a-wide");
    // Once nobody on the link is there, the one that serves it has a way there.
    drop((wide, near));
    let routed = async {
        loop {
            let probe = says_soon(&house, &mut serving, "10.1.0.20").await;
            if probe.agent == "agents/c-serving" {
                return probe;
            }
        }
    };
    let probe = timeout(LIMIT, routed).await.expect("in time");
    assert_eq!((probe.outcome(), probe.method()), (Outcome::Answered, Method::Arp));
}

/// Asks, and lets the agent answer if it is the one that is asked.
async fn says_soon(house: &House, agent: &mut Agent, address: &str) -> AddressProbe {
    let mut asking = std::pin::pin!(asked(house, ask(address)));
    tokio::select! {
        probe = &mut asking => probe,
        request = agent.probe() => {
            agent.found(request.probe_id, vec![answered(address)]).await;
            asking.await
        }
    }
}

#[tokio::test]
async fn where_nobody_can_ask_the_answer_says_why() {
    let house = House::furnished().await;
    let why = async |address: &str| {
        let probe = asked(&house, ask(address)).await;
        assert_eq!(probe.outcome(), Outcome::Unable);
        probe.message
    };
    assert_eq!(
        why("10.1.0.20").await,
        "no connected agent has an interface in the network of 10.1.0.20, and no server serves it"
    );
    let old = Agent::connect_saying(&house, "berlin-1", |hello| {
        hello.features.retain(|feature| feature != "probe.v1");
        hello.networks = vec!["10.1.0.0/24".to_owned()];
    })
    .await;
    serve(&house, &old.server).await;
    assert_eq!(why("10.1.0.20").await, "agents/berlin-1 is too old to probe; update it");
    drop(old);
    let away = async {
        while !why("10.1.0.20").await.starts_with("agents/berlin-1 is not connected") {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, away).await.expect("in time");
}

#[tokio::test]
async fn an_agent_of_another_space_would_ask_somebody_else() {
    let house = House::furnished().await;
    let create = CreateSpaceRequest { space_id: "guests".to_owned(), ..CreateSpaceRequest::default() };
    space_service_client::SpaceServiceClient::new(house.api.clone()).create_space(create).await.expect("a space");
    let agent = agent_in(&house, "berlin-1", &["10.1.0.0/24"]).await;
    serve(&house, &agent.server).await;
    let name = "spaces/guests/addresses/10.1.0.20".to_owned();
    let probe = asked(&house, ProbeAddressRequest { name, timeout: None }).await;
    assert_eq!((probe.outcome(), probe.agent.as_str()), (Outcome::Unable, ""));
}

#[tokio::test]
async fn an_agent_that_goes_or_says_nothing_holds_nobody_up() {
    let house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", &["10.1.0.0/24"]).await;
    let short = ProbeAddressRequest { timeout: Some(Span { seconds: 0, nanos: 50_000_000 }), ..ask("10.1.0.20") };
    let (probe, request) = tokio::join!(asked(&house, short), agent.probe());
    assert_eq!((probe.outcome(), request.timeout_ms), (Outcome::Unable, 50));
    assert_eq!(probe.message, "agents/berlin-1 did not answer within 3050 ms");
    // An answer that comes too late is none to the next probe.
    agent.found(request.probe_id, vec![answered("10.1.0.20")]).await;

    let leaves = async {
        agent.probe().await;
        drop(agent);
    };
    let (probe, ()) = tokio::join!(asked(&house, ask("10.1.0.20")), leaves);
    assert_eq!(probe.message, "the session of agents/berlin-1 ended, or it has too much to do");
}
