//! The audit trail: what changed, from what to what, by whom; and what was tried and refused.

use crate::house::*;
use crate::whole::{answer_of, refused};
use freehold_core::access::Role;
use freehold_proto::v1::event_service_client::EventServiceClient;
use freehold_proto::v1::snapshot::Resource;
use freehold_proto::v1::*;
use tonic::Code;

async fn events(house: &House, filter: ListEventsRequest) -> Vec<Event> {
    EventServiceClient::new(house.api.clone()).list_events(filter).await.expect("a page").into_inner().events
}

fn of(resource: &str) -> ListEventsRequest {
    ListEventsRequest { resource: resource.to_owned(), ..ListEventsRequest::default() }
}

/// A scope's description before and after a change.
fn descriptions(change: &ResourceChange) -> (Option<String>, Option<String>) {
    let description = |snapshot: &Option<Snapshot>| match &snapshot.as_ref()?.resource {
        Some(Resource::Scope(scope)) => Some(scope.description.clone()),
        other => panic!("{other:?}"),
    };
    (description(&change.before), description(&change.after))
}

#[tokio::test]
async fn a_change_is_on_record_with_before_and_after_also_after_a_restart() {
    let mut house = House::furnished().await;
    let scope = Scope { name: "scopes/yard".to_owned(), description: "new".to_owned(), ..Scope::default() };
    let update =
        UpdateScopeRequest { scope: Some(scope), request_id: "why-42".to_owned(), ..UpdateScopeRequest::default() };
    let changed = house.scopes().update_scope(update).await.expect("changed").into_inner();
    let delete = DeleteScopeRequest { name: "scopes/yard".to_owned(), force: true, ..DeleteScopeRequest::default() };
    house.scopes().delete_scope(delete).await.expect("deleted");
    house.restart().await;

    let told = events(&house, of("scopes/yard")).await;
    let told: Vec<_> = told
        .iter()
        .map(|event| {
            assert_eq!((event.principal.as_str(), event.address.as_str()), ("operators/admin", "127.0.0.1"));
            assert!(!event.certificate_serial.is_empty() && event.refusal.is_empty() && event.time.is_some());
            let change = event.changes.iter().find(|change| change.resource == "scopes/yard").expect("named");
            assert_eq!(change.kind, "scope");
            (event.method.as_str(), event.request_id.as_str(), descriptions(change))
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            ("/freehold.v1.ScopeService/DeleteScope", "", (text("new"), None)),
            ("/freehold.v1.ScopeService/UpdateScope", "why-42", (text(""), text("new"))),
            ("/freehold.v1.ScopeService/CreateScope", "", (None, text(""))),
        ]
    );

    let name = format!("events/{}", changed.etag);
    let one = EventServiceClient::new(house.api.clone()).get_event(GetEventRequest { name: name.clone() }).await;
    let one = one.expect("there").into_inner();
    assert_eq!((one.name, one.revision.to_string(), one.request_id.as_str()), (name, changed.etag, "why-42"));

    // What went with the scope is in the same event.
    let gone = events(&house, of("scopes/yard/reservations/10.1.0.70")).await;
    assert_eq!(gone[0].name, events(&house, of("scopes/yard")).await[0].name);
}

#[tokio::test]
async fn refused_attempts_are_on_record() {
    let house = House::furnished().await;
    let viewer = house.operator("vera", Role::Viewer).await;
    let path = "/freehold.v1.ScopeService/DeleteScope";
    let channel = house.channel(Some(&viewer)).await;
    assert_eq!(answer_of(&channel, path).await, refused(Code::PermissionDenied, "PERMISSION_DENIED"));
    let filter = ListEventsRequest { principal: "operators/vera".to_owned(), ..ListEventsRequest::default() };
    let told = events(&house, filter).await;
    let told: Vec<_> =
        told.iter().map(|event| (event.method.as_str(), event.refusal.as_str(), event.changes.len())).collect();
    assert_eq!(told, [(path, "PERMISSION_DENIED", 0)]);
    let event = &events(&house, ListEventsRequest { page_size: 1, ..Default::default() }).await[0];
    assert!(event.message.contains("scopes.write"), "{}", event.message);
    assert_eq!(event.certificate_serial, viewer.leaf().serial.to_string());
}

#[tokio::test]
async fn secrets_are_not_in_the_audit_trail() {
    let house = House::furnished().await;
    let create = CreateEnrolmentTokenRequest { agent_id: "a".to_owned(), ..CreateEnrolmentTokenRequest::default() };
    let token = house.agents().create_enrolment_token(create).await.expect("a token").into_inner();
    assert!(token.token.starts_with("fh1."));
    let secret = token.token.split('.').nth(2).expect("a secret");
    let all = events(&house, ListEventsRequest { page_size: 1000, ..ListEventsRequest::default() }).await;
    assert!(!format!("{all:?}").contains(secret));
    let listed = house.agents().list_enrolment_tokens(ListEnrolmentTokensRequest::default()).await.expect("listed");
    assert!(listed.get_ref().enrolment_tokens.iter().all(|listed| listed.token.is_empty()));
}
