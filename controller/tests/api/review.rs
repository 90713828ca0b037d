//! The review over the wire: found at the change that makes it, in pages, for those who see all that takes part.

use crate::agent::{Agent, serve};
use crate::house::*;
use crate::whole::{answer, refused};
use freehold_core::access::Role;
use freehold_core::review::Check as CoreCheck;
use freehold_proto::sync::ConfigurationFinding;
use freehold_proto::v1::review_service_client::ReviewServiceClient;
use freehold_proto::v1::*;
use tonic::Code;
use tonic::transport::Channel;

const SERVER: &str = "servers/berlin-1/kea4";

fn client(channel: &Channel) -> ReviewServiceClient<Channel> {
    ReviewServiceClient::new(channel.clone())
}

async fn list(channel: &Channel, request: ListFindingsRequest) -> ListFindingsResponse {
    client(channel).list_findings(request).await.expect("a list").into_inner()
}

fn at(parent: &str) -> ListFindingsRequest {
    ListFindingsRequest { parent: parent.to_owned(), ..ListFindingsRequest::default() }
}

/// Findings as severity, check and resource.
fn told(list: &ListFindingsResponse) -> Vec<(Severity, &str, &str)> {
    list.findings.iter().map(|found| (found.severity(), found.check.as_str(), found.resource.as_str())).collect()
}

fn said(checks: &[(&str, &str)]) -> Vec<ConfigurationFinding> {
    let finding = |(check, message): &(&str, &str)| ConfigurationFinding {
        check: (*check).to_owned(),
        message: (*message).to_owned(),
    };
    checks.iter().map(finding).collect()
}

/// A house whose yard a server has that is not managed, and that reports two findings and two that are none.
async fn reviewed() -> (House, Agent) {
    let house = House::furnished().await;
    let findings = said(&[
        ("ha-response-delay", "max-response-delay is 60000 ms"),
        ("leases-not-kept", "lease-database.persist is false"),
        ("of-a-later-version", "x"),
        ("no-router", "what is the plan's is not the agent's to say"),
        ("ha-pair", "a\nb"),
    ]);
    let agent = Agent::connect_saying(&house, "berlin-1", |hello| {
        let report = hello.servers[0].report.as_mut().expect("a report");
        report.findings = findings;
    })
    .await;
    serve(&house, SERVER).await;
    (house, agent)
}

#[tokio::test]
async fn plan_and_running_configuration_are_one_list_the_worst_first() {
    let (house, _agent) = reviewed().await;
    let all = list(&house.api, at("-")).await;
    let (error, warning) = (Severity::Error, Severity::Warning);
    assert_eq!(
        told(&all),
        [
            (error, "leases-not-kept", SERVER),
            (warning, "no-dns-servers", "scopes/yard"),
            (warning, "no-router", "scopes/yard"),
            (warning, "ha-response-delay", SERVER),
            (warning, "server-unmanaged", SERVER),
        ]
    );
    assert_eq!(all.total_size, 5);
    let delay = &all.findings[3];
    assert_eq!(
        (delay.message.as_str(), delay.reason.as_str(), delay.fix.as_str()),
        ("max-response-delay is 60000 ms", CoreCheck::HaResponseDelay.reason(), CoreCheck::HaResponseDelay.fix())
    );
    assert_eq!(all.findings[4].related, ["scopes/yard"]);
    assert_eq!(all.findings[2].message, "scopes/yard leases 10.1.0.10-10.1.0.200 and names no router");
    let server =
        house.servers().get_server(GetServerRequest { name: SERVER.to_owned() }).await.expect("it").into_inner();
    let own: Vec<_> = server.findings.iter().map(|own| own.check.as_str()).collect();
    assert_eq!(own, ["ha-response-delay", "leases-not-kept"]);
}

#[tokio::test]
async fn a_change_ends_what_it_mends_and_a_restart_nothing() {
    let (mut house, agent) = reviewed().await;
    drop(agent);
    house.restart().await;
    assert_eq!(list(&house.api, at(SERVER)).await.total_size, 5);
    let router = dhcp_option::Value::Addresses(AddressList { items: vec!["10.1.0.1".to_owned()] });
    let options = vec![DhcpOption { code: 3, value: Some(router), ..DhcpOption::default() }];
    let scope = Scope { name: "scopes/yard".to_owned(), options, ..Scope::default() };
    house
        .scopes()
        .update_scope(UpdateScopeRequest { scope: Some(scope), ..Default::default() })
        .await
        .expect("changed");
    let left = list(&house.api, at("scopes/yard")).await;
    assert_eq!(told(&left), [(Severity::Warning, "no-dns-servers", "scopes/yard")]);
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let (house, _agent) = reviewed().await;
    let count = async |request| list(&house.api, request).await.findings.len();
    assert_eq!(count(at("spaces/default")).await, 2);
    assert_eq!(count(at("spaces/default/prefixes/10.0.0.0-8")).await, 2);
    assert_eq!(count(at("spaces/default/prefixes/10.2.0.0-16")).await, 0);
    assert_eq!(count(ListFindingsRequest { severity_min: Severity::Error.into(), ..at("") }).await, 1);
    let checks = ["no-router", "ha-response-delay"].map(str::to_owned).into();
    let found = list(&house.api, ListFindingsRequest { checks, ..at("") }).await;
    assert_eq!((found.findings.len(), found.total_size), (2, 5));

    let whole = list(&house.api, at("")).await.findings;
    let (mut paged, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(&house.api, ListFindingsRequest { page_size: 2, page_token, ..at("") }).await;
        assert!((1..=2).contains(&page.findings.len()));
        paged.extend(page.findings);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, whole);
    let missing = client(&house.api).list_findings(at("scopes/gone")).await.expect_err("there is none");
    assert_eq!(answer(&missing), refused(Code::NotFound, "SCOPE_NOT_FOUND"));
    let missing = client(&house.api).list_findings(at("servers/berlin-1/kea9")).await.expect_err("there is none");
    assert_eq!(answer(&missing), refused(Code::NotFound, "SERVER_NOT_FOUND"));
}

#[tokio::test]
async fn whoever_has_a_place_sees_what_is_found_in_it() {
    let (house, _agent) = reviewed().await;
    let channel = async |id: &str, place: &str| {
        let who = house.delegate(id, Role::Viewer, place).await;
        house.channel(Some(&who)).await
    };
    let inside = channel("inge", YARD).await;
    let seen = list(&inside, at("")).await;
    assert_eq!(
        told(&seen),
        [(Severity::Warning, "no-dns-servers", "scopes/yard"), (Severity::Warning, "no-router", "scopes/yard")]
    );
    assert_eq!(seen.total_size, 2);
    let outside = channel("otto", FREE).await;
    assert_eq!(list(&outside, at("")).await, ListFindingsResponse::default());
    for (who, parent) in [(&inside, SERVER), (&outside, "scopes/yard"), (&outside, "scopes/gone"), (&outside, YARD)] {
        let denied = client(who).list_findings(at(parent)).await.expect_err("not seen");
        assert_eq!(answer(&denied), refused(Code::PermissionDenied, "PERMISSION_DENIED"), "{parent}");
    }
}

#[tokio::test]
async fn the_table_of_checks_can_be_read() {
    let house = House::open().await;
    let checks = client(&house.api).list_checks(ListChecksRequest {}).await.expect("a list").into_inner().checks;
    let ids: Vec<_> = checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, CoreCheck::ALL.iter().map(|check| check.id()).collect::<Vec<_>>());
    assert_eq!((checks[0].severity(), checks[0].subject()), (Severity::Warning, check::Subject::Scope));
    assert!(checks.iter().all(|check| !check.reason.is_empty() && !check.fix.is_empty()));
}
