//! Every list, in pages, filtered, and while it changes.

use crate::house::*;
use freehold_core::access::Role;
use freehold_proto::v1::*;
use std::collections::BTreeSet;

/// All pages of a list, two rows at a time; the number of rows must be what is wanted, each once.
macro_rules! pages {
    ($client:expr, $method:ident, $request:expr, $rows:ident) => {{
        let (all, mut seen, mut token) = ($request, Vec::new(), String::new());
        loop {
            let mut request = all.clone();
            request.page_size = 2;
            request.page_token = token;
            let page = $client.$method(request).await.expect("a page").into_inner();
            assert!(page.$rows.len() <= 2);
            seen.extend(page.$rows.into_iter().map(|row| row.name));
            if page.next_page_token.is_empty() {
                break seen;
            }
            token = page.next_page_token;
        }
    }};
}

fn distinct(names: &[String]) -> usize {
    names.iter().collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn every_list_comes_in_pages_that_leave_nothing_out() {
    let house = House::furnished().await;
    let mut spaces = space_service_client::SpaceServiceClient::new(house.api.clone());
    for id in ["a", "b", "c", "d"] {
        let create = CreateSpaceRequest { space_id: id.to_owned(), ..CreateSpaceRequest::default() };
        spaces.create_space(create).await.expect("a space");
        house.operator(id, Role::Viewer).await;
        house.agent(id).await;
    }
    for octet in 101..105 {
        house.prefix(&format!("10.{octet}.0.0/24"), prefix::Kind::Network).await;
        let scope = Scope {
            network: format!("spaces/default/prefixes/10.{octet}.0.0-24"),
            ranges: vec![range(&format!("10.{octet}.0.10"), &format!("10.{octet}.0.20"))],
            ..Scope::default()
        };
        house.scopes().create_scope(create_scope(&format!("s{octet}"), scope)).await.expect("a scope");
        let reserved = reservation(&format!("10.1.0.{octet}"), &format!("02:00:00:00:01:{:02x}", octet));
        house.reservations().create_reservation(create_reservation("yard", reserved)).await.expect("a reservation");
    }
    let mut agents = Vec::new();
    for id in ["e", "f", "g"] {
        agents.push(crate::agent::Agent::connect(&house, id).await);
    }

    let names = pages!(spaces, list_spaces, ListSpacesRequest::default(), spaces);
    assert_eq!(names, ["spaces/a", "spaces/b", "spaces/c", "spaces/d", "spaces/default"]);

    let all = || ListPrefixesRequest { parent: "spaces/-".to_owned(), ..ListPrefixesRequest::default() };
    let names = pages!(house.prefixes(), list_prefixes, all(), prefixes);
    assert_eq!((names.len(), distinct(&names)), (7, 7));
    assert_eq!(names[..2], ["spaces/default/prefixes/10.0.0.0-8", YARD]);
    let none = ListPrefixesRequest { parent: "spaces/a".to_owned(), ..all() };
    assert_eq!(pages!(house.prefixes(), list_prefixes, none.clone(), prefixes), Vec::<String>::new());

    let names = pages!(house.scopes(), list_scopes, ListScopesRequest::default(), scopes);
    assert_eq!(names, ["scopes/s101", "scopes/s102", "scopes/s103", "scopes/s104", "scopes/yard"]);

    for parent in ["scopes/yard", "scopes/-"] {
        let list = ListReservationsRequest { parent: parent.to_owned(), ..ListReservationsRequest::default() };
        let names = pages!(house.reservations(), list_reservations, list.clone(), reservations);
        assert_eq!((names.len(), distinct(&names)), (5, 5), "{parent}");
    }
    let other = ListReservationsRequest { parent: "scopes/s101".to_owned(), ..ListReservationsRequest::default() };
    assert_eq!(pages!(house.reservations(), list_reservations, other.clone(), reservations), Vec::<String>::new());

    let names = pages!(house.operators(), list_operators, ListOperatorsRequest::default(), operators);
    assert_eq!(names, ["operators/a", "operators/admin", "operators/b", "operators/c", "operators/d"]);
    let names = pages!(house.agents(), list_agents, ListAgentsRequest::default(), agents);
    assert_eq!(names.len(), 7);
    let names = pages!(house.agents(), list_enrolment_tokens, ListEnrolmentTokensRequest::default(), enrolment_tokens);
    assert_eq!((names.len(), distinct(&names)), (7, 7));
    let names = pages!(house.servers(), list_servers, ListServersRequest::default(), servers);
    assert_eq!(names, ["servers/e/kea4", "servers/f/kea4", "servers/g/kea4"]);

    let mut events = event_service_client::EventServiceClient::new(house.api.clone());
    let newest = house.revision().await;
    let names = pages!(events, list_events, ListEventsRequest::default(), events);
    let every: Vec<_> = (1..=newest).rev().map(|revision| format!("events/{revision}")).collect();
    assert_eq!(names, every);

    let mut leases = lease_service_client::LeaseServiceClient::new(house.api.clone());
    let list = ListLeasesRequest { parent: "servers/-".to_owned(), ..ListLeasesRequest::default() };
    assert_eq!(pages!(leases, list_leases, list.clone(), leases), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_is_as_long_as_asked_for_and_no_longer_than_a_thousand() {
    let house = House::open().await;
    house.prefix("10.0.0.0/8", prefix::Kind::Container).await;
    for n in 0..1100u32 {
        house.prefix(&format!("10.{}.{}.0/24", n / 256, n % 256), prefix::Kind::Network).await;
    }
    for (asked, given) in [(0, 100), (7, 7), (1000, 1000), (5000, 1000)] {
        let list = ListPrefixesRequest { parent: DEFAULT.to_owned(), page_size: asked, ..Default::default() };
        let page = house.prefixes().list_prefixes(list).await.expect("a page").into_inner();
        assert_eq!((page.prefixes.len(), page.next_page_token.is_empty()), (given, false));
    }
}

#[tokio::test]
async fn a_list_that_changes_between_pages_shows_what_was_there_all_along_once() {
    let house = House::open().await;
    house.prefix("10.0.0.0/8", prefix::Kind::Container).await;
    for octet in [10, 20, 30, 40, 50] {
        house.prefix(&format!("10.{octet}.0.0/16"), prefix::Kind::Network).await;
    }
    let page = |token: String| {
        let list =
            ListPrefixesRequest { parent: DEFAULT.to_owned(), page_size: 3, page_token: token, ..Default::default() };
        let mut client = house.prefixes();
        async move { client.list_prefixes(list).await.expect("a page").into_inner() }
    };
    let cidrs = |page: &ListPrefixesResponse| page.prefixes.iter().map(|row| row.cidr.clone()).collect::<Vec<_>>();
    let first = page(String::new()).await;
    assert_eq!(cidrs(&first), ["10.0.0.0/8", "10.10.0.0/16", "10.20.0.0/16"]);
    // The row that the page ended with goes, one before it and one after it come.
    let delete = DeletePrefixRequest { name: first.prefixes[2].name.clone(), ..DeletePrefixRequest::default() };
    house.prefixes().delete_prefix(delete).await.expect("deleted");
    house.prefix("10.5.0.0/16", prefix::Kind::Network).await;
    house.prefix("10.35.0.0/16", prefix::Kind::Network).await;
    let second = page(first.next_page_token).await;
    assert_eq!(cidrs(&second), ["10.30.0.0/16", "10.35.0.0/16", "10.40.0.0/16"]);
    let third = page(second.next_page_token).await;
    assert_eq!((cidrs(&third), third.next_page_token.as_str()), (vec!["10.50.0.0/16".to_owned()], ""));
}

#[tokio::test]
async fn scopes_are_filtered_by_their_server() {
    let house = House::furnished().await;
    let agent = crate::agent::Agent::connect(&house, "berlin-1").await;
    house
        .scopes()
        .create_scope(create_scope("shed", Scope { server: agent.server.clone(), ..shed() }))
        .await
        .expect("made");
    let list = |server: &str| ListScopesRequest { server: server.to_owned(), ..ListScopesRequest::default() };
    assert_eq!(pages!(house.scopes(), list_scopes, list(&agent.server), scopes), ["scopes/shed"]);
    assert_eq!(pages!(house.scopes(), list_scopes, list("servers/x/kea4"), scopes), Vec::<String>::new());
    assert_eq!(pages!(house.scopes(), list_scopes, list(""), scopes), ["scopes/shed", "scopes/yard"]);
}
