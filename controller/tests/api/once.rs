//! A request id makes a call happen once, also over a restart; and `validate_only` makes it not happen at all.

use crate::house::*;
use crate::whole::{answer, refused};
use freehold_proto::v1::*;
use tonic::Code;

#[tokio::test]
async fn a_repeated_call_is_carried_out_once_and_answered_as_before() {
    let mut house = House::furnished().await;
    let create = CreateScopeRequest { request_id: "a1".to_owned(), ..create_scope("shed", shed()) };
    let first = house.scopes().create_scope(create.clone()).await.expect("made").into_inner();
    let revision = house.revision().await;
    for _ in 0..2 {
        let again = house.scopes().create_scope(create.clone()).await.expect("the same").into_inner();
        assert_eq!(again, first);
        house.restart().await;
    }
    assert_eq!(house.revision().await, revision);

    let other = CreateScopeRequest { request_id: "a2".to_owned(), ..create };
    let taken = house.scopes().create_scope(other).await.expect_err("a name that is taken");
    assert_eq!(answer(&taken), refused(Code::AlreadyExists, "ALREADY_EXISTS"));
}

#[tokio::test]
async fn an_id_belongs_to_its_caller() {
    let house = House::furnished().await;
    let other = house.operator("other", freehold_core::access::Role::IpamAdministrator).await;
    let other = house.channel(Some(&other)).await;
    let create = |id: &str| CreateSpaceRequest {
        space_id: id.to_owned(),
        request_id: "same".to_owned(),
        ..CreateSpaceRequest::default()
    };
    let mut first = space_service_client::SpaceServiceClient::new(house.api.clone());
    let mut second = space_service_client::SpaceServiceClient::new(other);
    first.create_space(create("a")).await.expect("made");
    second.create_space(create("b")).await.expect("made, by somebody else");
    first.create_space(create("a")).await.expect("made already");
}

#[tokio::test]
async fn a_repeated_delete_succeeds_and_a_repeated_create_of_what_is_gone_says_so() {
    let house = House::furnished().await;
    let create = CreateScopeRequest { request_id: "make".to_owned(), ..create_scope("shed", shed()) };
    house.scopes().create_scope(create.clone()).await.expect("made");
    let delete = DeleteScopeRequest {
        name: "scopes/shed".to_owned(),
        request_id: "unmake".to_owned(),
        ..DeleteScopeRequest::default()
    };
    house.scopes().delete_scope(delete.clone()).await.expect("deleted");
    house.scopes().delete_scope(delete).await.expect("deleted already");
    let gone = house.scopes().create_scope(create).await.expect_err("it is gone");
    assert_eq!(answer(&gone), refused(Code::Aborted, "RESOURCE_GONE"));
}

/// A server that was read has gauges, in a map. However a client writes it, the same call is the same request.
#[tokio::test]
async fn a_repeated_call_with_a_map_in_it_is_the_same_call() {
    let house = House::furnished().await;
    let agent = crate::agent::Agent::connect(&house, "berlin-1").await;
    let gauges = (0..50).map(|i| (format!("gauge-{i}"), i.to_string())).collect();
    let status = Some(ServerStatus { gauges, ..ServerStatus::default() });
    let server = Server { name: agent.server.clone(), description: "x".to_owned(), status, ..Server::default() };
    let update =
        UpdateServerRequest { server: Some(server), request_id: "map".to_owned(), ..UpdateServerRequest::default() };
    for _ in 0..5 {
        house.servers().update_server(update.clone()).await.expect("changed, or changed already");
    }
}

#[tokio::test]
async fn validate_only_shows_what_would_be_and_stores_nothing() {
    let house = House::furnished().await;
    let before = house.revision().await;

    let create =
        CreateScopeRequest { validate_only: true, request_id: "dry".to_owned(), ..create_scope("shed", shed()) };
    let would_be = house.scopes().create_scope(create.clone()).await.expect("allowed").into_inner();
    assert_eq!((would_be.name.as_str(), would_be.ranges.clone()), ("scopes/shed", shed().ranges));
    assert_eq!(would_be.etag, (before + 1).to_string());
    let missing =
        house.scopes().get_scope(GetScopeRequest { name: would_be.name.clone() }).await.expect_err("not made");
    assert_eq!(answer(&missing), refused(Code::NotFound, "SCOPE_NOT_FOUND"));

    let overlapping = CreateScopeRequest { validate_only: true, ..create_scope("new", yard()) };
    let refusal = house.scopes().create_scope(overlapping).await.expect_err("refused");
    assert_eq!(answer(&refusal), refused(Code::FailedPrecondition, "SCOPE_OVERLAP"));

    let scope = Scope { name: "scopes/yard".to_owned(), description: "other".to_owned(), ..Scope::default() };
    let update = UpdateScopeRequest { scope: Some(scope), validate_only: true, ..UpdateScopeRequest::default() };
    let changed = house.scopes().update_scope(update).await.expect("allowed").into_inner();
    assert_eq!((changed.description.as_str(), changed.ranges), ("other", yard().ranges));

    let delete =
        DeleteScopeRequest { name: "scopes/yard".to_owned(), validate_only: true, force: true, ..Default::default() };
    house.scopes().delete_scope(delete).await.expect("allowed");

    let token = CreateEnrolmentTokenRequest { agent_id: "a".to_owned(), validate_only: true, ..Default::default() };
    let token = house.agents().create_enrolment_token(token).await.expect("allowed").into_inner();
    assert_eq!(
        (token.agent.as_str(), token.token.as_str()),
        ("agents/a", ""),
        "a token that does not exist is not shown"
    );

    assert_eq!(house.revision().await, before);
    let yard = house.scopes().get_scope(GetScopeRequest { name: "scopes/yard".to_owned() }).await.expect("still there");
    assert_eq!(yard.into_inner().description, "");
    // The id of a call that was only tried is still free.
    let made = house.scopes().create_scope(CreateScopeRequest { validate_only: false, ..create }).await.expect("made");
    let made = made.into_inner();
    let shown = Scope { create_time: made.create_time, update_time: made.update_time, ..would_be };
    assert_eq!(made, shown);
}

/// A batch is one entry, one answer in the order of its requests, and one repetition.
#[tokio::test]
async fn a_batch_is_one_change() {
    let house = House::furnished().await;
    house.scopes().create_scope(create_scope("shed", shed())).await.expect("made");
    let before = house.revision().await;
    let change = |name: &str, description: &str| {
        let scope = Scope { name: name.to_owned(), description: description.to_owned(), ..Scope::default() };
        UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() }
    };
    let batch = BatchUpdateScopesRequest {
        requests: vec![change("scopes/yard", "one"), change("scopes/shed", "two"), change("scopes/yard", "three")],
        request_id: "batch".to_owned(),
        validate_only: true,
    };
    let shown = |answer: tonic::Response<BatchUpdateScopesResponse>| {
        let scopes = answer.into_inner().scopes.into_iter();
        scopes.map(|scope| (scope.name, scope.description, scope.etag)).collect::<Vec<_>>()
    };
    let etag = (before + 1).to_string();
    let after = [("scopes/yard", "three"), ("scopes/shed", "two"), ("scopes/yard", "three")]
        .map(|(name, description)| (name.to_owned(), description.to_owned(), etag.clone()));
    assert_eq!(shown(house.scopes().batch_update_scopes(batch.clone()).await.expect("allowed")), after);
    assert_eq!(house.revision().await, before, "nothing is stored by looking");

    let batch = BatchUpdateScopesRequest { validate_only: false, ..batch };
    for _ in 0..2 {
        assert_eq!(shown(house.scopes().batch_update_scopes(batch.clone()).await.expect("changed")), after);
        assert_eq!(house.revision().await, before + 1);
    }
}
