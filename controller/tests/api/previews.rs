//! A call that only asks makes a preview, told to whoever asked.

use crate::agent::{Agent, manage, serve};
use crate::house::*;
use freehold_core::access::Role;
use freehold_proto::v1::preview_response::Part;
use freehold_proto::v1::preview_service_client::PreviewServiceClient;
use freehold_proto::v1::server_preview::Outcome;
use freehold_proto::v1::*;
use tonic::transport::Channel;

fn lease_time(validate_only: bool) -> UpdateScopeRequest {
    let lease_times = Some(LeaseTimes { valid_seconds: 7777, ..LeaseTimes::default() });
    let scope = Scope { name: "scopes/yard".to_owned(), lease_times, ..Scope::default() };
    UpdateScopeRequest { scope: Some(scope), validate_only, ..UpdateScopeRequest::default() }
}

async fn told(channel: &Channel, name: &str) -> Result<Vec<Part>, tonic::Status> {
    let request = PreviewRequest { name: name.to_owned() };
    let mut stream = PreviewServiceClient::new(channel.clone()).preview(request).await?.into_inner();
    let mut parts = Vec::new();
    while let Some(answer) = stream.message().await? {
        parts.extend(answer.part);
    }
    Ok(parts)
}

#[tokio::test]
async fn a_call_that_only_asks_makes_a_preview_for_whoever_asked() {
    let house = House::furnished().await;
    let agent = Agent::connect_saying(&house, "berlin-1", |hello| hello.features.retain(|it| it != "preview.v1")).await;
    serve(&house, &agent.server).await;
    manage(&house, &agent.server).await;
    let before = house.revision().await;
    let asked = house.scopes().update_scope(lease_time(true)).await.expect("it may be");
    let name = asked.metadata().get("freehold-preview").expect("a preview").to_str().expect("a name").to_owned();

    let parts = told(&house.api, &name).await.expect("a preview");
    let Part::Summary(summary) = &parts[0] else { panic!("{parts:?}") };
    assert_eq!((summary.name.as_str(), summary.change_count, summary.server_count), (name.as_str(), 1, 1));
    assert!(summary.current && summary.base_revision == before, "{summary:?}");
    let Part::Change(change) = &parts[1] else { panic!("{parts:?}") };
    assert_eq!(change.resource, "scopes/yard");
    let Part::Server(server) = &parts[2] else { panic!("{parts:?}") };
    assert_eq!((server.server.as_str(), server.outcome()), (agent.server.as_str(), Outcome::Unknown));
    assert_eq!(server.message, "agents/berlin-1 is too old to say what its servers would make of it; update it");
    assert_eq!((parts.len(), house.revision().await), (3, before), "nothing was changed");

    // Nobody else is told, nor whoever makes a name up.
    let other = house.operator("carla", Role::Viewer).await;
    let other = house.channel(Some(&other)).await;
    for (channel, name) in [(&other, name.as_str()), (&house.api, "previews/00")] {
        let refused = told(channel, name).await.expect_err("not theirs");
        assert_eq!(refused.code(), tonic::Code::NotFound);
    }
    // What is carried out makes none, and what it was made on is not the newest any more.
    let done = house.scopes().update_scope(lease_time(false)).await.expect("done");
    assert!(done.metadata().get("freehold-preview").is_none());
    let parts = told(&house.api, &name).await.expect("a preview");
    assert!(matches!(&parts[0], Part::Summary(summary) if !summary.current), "{parts:?}");
}
