//! Calls that read: each list in pages, and each thing by its name.

use super::*;
use freehold_proto::v1::history_service_client::HistoryServiceClient;
use freehold_proto::v1::plan_service_client::PlanServiceClient;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::reclaim_service_client::ReclaimServiceClient;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::search_service_client::SearchServiceClient;
use freehold_proto::v1::server_service_client::ServerServiceClient;
use freehold_proto::v1::space_service_client::SpaceServiceClient;
use freehold_proto::v1::utilisation_service_client::UtilisationServiceClient;
use freehold_proto::v1::view_service_client::ViewServiceClient;
use freehold_proto::v1::watch_service_client::WatchServiceClient;

/// All pages of a list, a row at a time: what `name` says of each row.
macro_rules! pages {
    ($client:expr, $method:ident, $request:expr, $rows:ident, $name:expr) => {{
        let (all, mut seen, mut token) = ($request, Vec::new(), String::new());
        loop {
            let mut request = all.clone();
            request.page_size = 1;
            request.page_token = token;
            let page = $client.$method(request).await.expect("a page").into_inner();
            seen.extend(page.$rows.into_iter().map($name));
            if page.next_page_token.is_empty() {
                break seen;
            }
            token = page.next_page_token;
        }
    }};
}

const TEN: &str = "spaces/default/prefixes/10.0.0.0-8";

fn outside(name: &str) -> String {
    format!("spaces/default/addresses/10.2.0.{name}")
}

#[tokio::test]
async fn the_plan_is_seen_inside_alone() {
    let house = divided().await;
    house.prefix("10.1.8.0/21", prefix::Kind::Container).await;
    house.prefix("10.1.8.0/24", prefix::Kind::Network).await;
    let viewer = delegate(&house, "vera", Role::Viewer).await;

    let mut spaces = SpaceServiceClient::new(viewer.clone());
    assert_eq!(pages!(spaces, list_spaces, ListSpacesRequest::default(), spaces, |row| row.name), [""; 0]);
    assert_eq!(came_of(spaces.get_space(GetSpaceRequest { name: DEFAULT.to_owned() }).await), denied());

    let mut prefixes = PrefixServiceClient::new(viewer.clone());
    let [inner, innermost] = ["8.0-21", "8.0-24"].map(|rest| format!("spaces/default/prefixes/10.1.{rest}"));
    let own = [YARD, &inner, &innermost];
    for parent in [DEFAULT, "spaces/-"] {
        let list = || ListPrefixesRequest { parent: parent.to_owned(), ..ListPrefixesRequest::default() };
        assert_eq!(pages!(prefixes, list_prefixes, list(), prefixes, |row| row.name), own);
    }
    let elsewhere = ListPrefixesRequest { parent: "spaces/elsewhere".to_owned(), ..ListPrefixesRequest::default() };
    assert_eq!(came_of(prefixes.list_prefixes(elsewhere).await), denied());
    for (name, expected) in
        [(YARD, ok()), (FREE, denied()), (TEN, denied()), (INSIDE, refused(Code::NotFound, "PREFIX_NOT_FOUND"))]
    {
        assert_eq!(came_of(prefixes.get_prefix(GetPrefixRequest { name: name.to_owned() }).await), expected, "{name}");
    }

    let mut plan = PlanServiceClient::new(viewer);
    let row = |row: PrefixTreeRow| (row.depth, row.prefix.expect("a prefix").name);
    let level = |depth, name: &str| (depth, name.to_owned());
    for parent in [DEFAULT, TEN, INSIDE] {
        let tree =
            |depth| ListPrefixTreeRequest { parent: parent.to_owned(), depth, ..ListPrefixTreeRequest::default() };
        if parent == INSIDE {
            // It is not a prefix of the plan.
            assert_eq!(came_of(plan.list_prefix_tree(tree(1)).await), refused(Code::NotFound, "PREFIX_NOT_FOUND"));
            continue;
        }
        let all = pages!(plan, list_prefix_tree, tree(9), rows, row);
        assert_eq!(all, [level(1, YARD), level(1, &inner), level(2, &innermost)], "{parent}");
        assert_eq!(pages!(plan, list_prefix_tree, tree(1), rows, row), [level(1, YARD), level(1, &inner)], "{parent}");
    }
    let tree = ListPrefixTreeRequest { parent: FREE.to_owned(), ..ListPrefixTreeRequest::default() };
    assert_eq!(came_of(plan.list_prefix_tree(tree).await), denied());
    let free = |parent: &str| FindFreeSubnetsRequest { parent: parent.to_owned(), length: 28, count: 1 };
    assert_eq!(came_of(plan.find_free_subnets(free(TEN)).await), denied());
    assert_eq!(came_of(plan.find_free_subnets(free(&inner)).await), ok());
}

#[tokio::test]
async fn a_tree_begins_at_each_place_with_the_place_itself() {
    let house = divided().await;
    house.prefix("10.1.8.0/21", prefix::Kind::Container).await;
    house.prefix("10.1.8.0/24", prefix::Kind::Network).await;
    let place = |place: &str| Grant { role: "viewer".to_owned(), place: place.to_owned(), ..Grant::default() };
    let grants = vec![place("spaces/default/prefixes/10.1.8.0-21"), place(FREE)];
    let two = house.operator_who("two", Operator { grants, ..Operator::default() }).await;
    let mut plan = PlanServiceClient::new(house.channel(Some(&two)).await);
    let tree = |depth| ListPrefixTreeRequest { parent: DEFAULT.to_owned(), depth, ..ListPrefixTreeRequest::default() };
    let row = |row: PrefixTreeRow| (row.depth, row.prefix.expect("a prefix").cidr);
    let level = |depth, cidr: &str| (depth, cidr.to_owned());
    let deep = [level(1, "10.1.8.0/21"), level(2, "10.1.8.0/24"), level(1, "10.2.0.0/24")];
    assert_eq!(pages!(plan, list_prefix_tree, tree(2), rows, row), deep);
    assert_eq!(pages!(plan, list_prefix_tree, tree(1), rows, row), [deep[0].clone(), deep[2].clone()]);
}

#[tokio::test]
async fn scopes_reservations_and_addresses_are_seen_inside_alone() {
    let house = divided().await;
    let viewer = delegate(&house, "vera", Role::Viewer).await;
    let mut scopes = ScopeServiceClient::new(viewer.clone());
    assert_eq!(pages!(scopes, list_scopes, ListScopesRequest::default(), scopes, |row| row.name), ["scopes/yard"]);
    for (name, expected) in [("scopes/yard", ok()), ("scopes/shed", denied()), ("scopes/nowhere", denied())] {
        assert_eq!(came_of(scopes.get_scope(GetScopeRequest { name: name.to_owned() }).await), expected, "{name}");
    }

    let mut reservations = ReservationServiceClient::new(viewer.clone());
    let list =
        |parent: &str| ListReservationsRequest { parent: parent.to_owned(), ..ListReservationsRequest::default() };
    let own = "scopes/yard/reservations/10.1.0.70";
    assert_eq!(pages!(reservations, list_reservations, list("scopes/-"), reservations, |row| row.name), [own]);
    assert_eq!(came_of(reservations.list_reservations(list("scopes/shed")).await), denied());
    for (name, expected) in [(own, ok()), ("scopes/shed/reservations/10.2.0.70", denied())] {
        let get = GetReservationRequest { name: name.to_owned() };
        assert_eq!(came_of(reservations.get_reservation(get).await), expected, "{name}");
    }

    let mut addresses = AddressServiceClient::new(viewer.clone());
    let get = |name: String| GetAddressRequest { name };
    assert_eq!(came_of(addresses.get_address(get("spaces/default/addresses/10.1.0.5".to_owned())).await), ok());
    assert_eq!(came_of(addresses.get_address(get(outside("5"))).await), denied());
    let wait = WaitAddressRequest { name: outside("5"), ..WaitAddressRequest::default() };
    assert_eq!(came_of(addresses.wait_address(wait).await), denied());
    let rows = |parent: &str| ListAddressesRequest { parent: parent.to_owned(), ..ListAddressesRequest::default() };
    assert_eq!(came_of(addresses.list_addresses(rows(YARD)).await), ok());
    assert_eq!(came_of(addresses.list_addresses(rows(FREE)).await), denied());
    assert_eq!(came_of(addresses.list_addresses(rows("scopes/shed")).await), denied());

    let mut servers = ServerServiceClient::new(viewer);
    let wait = |resource: &str| WaitAppliedRequest { resource: resource.to_owned(), ..WaitAppliedRequest::default() };
    let answers = [
        came_of(servers.wait_applied(wait("scopes/yard")).await),
        came_of(servers.wait_applied(wait("scopes/shed")).await),
        came_of(servers.wait_applied(wait("servers/berlin-1/kea4")).await),
        came_of(servers.list_servers(ListServersRequest::default()).await),
    ];
    assert_eq!(answers, [ok(), denied(), denied(), denied()]);
}

#[tokio::test]
async fn of_a_network_only_what_lies_inside_is_listed() {
    let house = divided().await;
    let few = house.delegate("few", Role::Viewer, "spaces/default/prefixes/10.1.0.0-28").await;
    let mut addresses = AddressServiceClient::new(house.channel(Some(&few)).await);
    let last = |row: AddressRow| match row.row.expect("a row") {
        address_row::Row::Address(address) => address.address,
        address_row::Row::Gap(gap) => gap.end,
    };
    let list = || ListAddressesRequest { parent: YARD.to_owned(), ..ListAddressesRequest::default() };
    let rows = pages!(addresses, list_addresses, list(), rows, last);
    assert_eq!(rows.first().map(String::as_str), Some("10.1.0.0"));
    assert_eq!(rows.last().map(String::as_str), Some("10.1.0.15"));
    // The claim of 10.1.0.5, and neither the exclusion nor the reservation further on.
    assert!(rows.contains(&"10.1.0.5".to_owned()), "{rows:?}");
}

#[tokio::test]
async fn what_ends_soon_and_what_is_stale_is_listed_inside_alone() {
    let house = divided().await;
    let mut all = AddressServiceClient::new(house.api.clone());
    for parent in [YARD, FREE] {
        let hold = AllocateAddressesRequest { parent: parent.to_owned(), ..AllocateAddressesRequest::default() };
        all.allocate_addresses(hold).await.expect("a hold");
    }
    let viewer = delegate(&house, "vera", Role::Viewer).await;
    let mut addresses = AddressServiceClient::new(viewer.clone());
    let soon = |parent: &str| ListExpiringAddressesRequest {
        parent: parent.to_owned(),
        holds: true,
        ..ListExpiringAddressesRequest::default()
    };
    for parent in ["", DEFAULT, TEN] {
        let rows = pages!(addresses, list_expiring_addresses, soon(parent), addresses, |row| row.address);
        assert_eq!(rows, ["10.1.0.1"], "{parent}");
    }
    for parent in [FREE, "scopes/shed", "spaces/elsewhere"] {
        assert_eq!(came_of(addresses.list_expiring_addresses(soon(parent)).await), denied(), "{parent}");
    }

    let mut reclaim = ReclaimServiceClient::new(viewer);
    let moment = Some(prost_types::Duration { seconds: 0, nanos: 1 });
    let stale = |parent: &str| ListStaleAddressesRequest {
        parent: parent.to_owned(),
        not_seen_for: moment,
        ..ListStaleAddressesRequest::default()
    };
    let address = |row: StaleAddress| row.address.expect("an address").address;
    let rows = pages!(reclaim, list_stale_addresses, stale(DEFAULT), addresses, address);
    assert!(rows.iter().all(|address| address.starts_with("10.1.0.")), "{rows:?}");
    for parent in [FREE, "scopes/shed", "spaces/elsewhere"] {
        assert_eq!(came_of(reclaim.list_stale_addresses(stale(parent)).await), denied(), "{parent}");
    }
}

#[tokio::test]
async fn taking_back_asks_first_where_the_address_lies() {
    let house = divided().await;
    let asm = delegate(&house, "asm", Role::IpAddressRecordAdministrator).await;
    let reclaim = ReclaimAddressesRequest { names: vec![outside("5")], ..ReclaimAddressesRequest::default() };
    assert_eq!(came_of(ReclaimServiceClient::new(asm).reclaim_addresses(reclaim).await), denied());
}

#[tokio::test]
async fn search_and_history_tell_of_what_is_inside_alone() {
    let house = divided().await;
    let viewer = delegate(&house, "vera", Role::Viewer).await;
    let mut client = SearchServiceClient::new(viewer.clone());
    let mut found = async |query: &str| -> Vec<String> {
        let request = SearchRequest { query: query.to_owned(), ..SearchRequest::default() };
        let found = client.search(request).await.expect("an answer").into_inner();
        assert_eq!(found.cut_off, [""; 0]);
        found.matches.into_iter().map(|one| one.name).collect()
    };
    for query in ["10.2.0.70", "10.2.0.0/24", "02:00:00:00:00:71", "secret", "shed"] {
        assert_eq!(found(query).await, [""; 0], "{query}");
    }
    assert_eq!(found("10.0.0.0/8").await, ["spaces/default/addresses/10.1.0.5", YARD]);
    assert_eq!(found("02:00").await, ["scopes/yard/reservations/10.1.0.70"]);
    assert_eq!(found("10.1.0.70").await, ["scopes/yard/reservations/10.1.0.70", YARD, "scopes/yard"]);
    assert_eq!(found("yard").await, ["scopes/yard"]);
    assert_eq!(found("inside").await, ["spaces/default/addresses/10.1.0.5"]);

    let mut history = HistoryServiceClient::new(viewer);
    let list = |name: &str| ListAddressHistoryRequest { name: name.to_owned(), ..ListAddressHistoryRequest::default() };
    let inside = "spaces/default/addresses/10.1.0.70";
    let what = pages!(history, list_address_history, list(inside), rows, |row| row.what);
    let reserved = "nothing → reserved for hardware address 02:00:00:00:00:70";
    // Nothing of the container, which lies around the place.
    assert_eq!(what, [reserved, "scopes/yard made", "spaces/default/prefixes/10.1.0.0-24 made"]);
    let who = |name: &str| WhoHadRequest { name: name.to_owned(), time: None };
    assert_eq!(came_of(history.list_address_history(list(&outside("70"))).await), denied());
    assert_eq!(came_of(history.who_had(who(&outside("70"))).await), denied());
    assert_eq!(came_of(history.who_had(who(inside)).await), ok());

    let few = house.delegate("few", Role::Viewer, "spaces/default/prefixes/10.1.0.64-28").await;
    let mut history = HistoryServiceClient::new(house.channel(Some(&few)).await);
    let had = history.who_had(who(inside)).await.expect("an answer").into_inner();
    // The network and the scope lie around what this one may see.
    assert_eq!(
        (had.answer.as_str(), had.network, had.scope),
        ("10.1.0.70 was reserved for hardware address 02:00:00:00:00:70", None, None)
    );
    assert_eq!(pages!(history, list_address_history, list(inside), rows, |row| row.what), [reserved]);
}

#[tokio::test]
async fn utilisation_and_views_count_what_is_inside_alone() {
    let house = divided().await;
    crate::views::view(&house, "nets", view::Kind::Prefixes, "kind = network").await;
    crate::views::view(&house, "all-scopes", view::Kind::Scopes, "name != \"x\"").await;
    crate::views::view(&house, "claims", view::Kind::Addresses, "comment != \"x\"").await;
    crate::views::view(&house, "reserved", view::Kind::Reservations, "description != \"x\"").await;
    let viewer = delegate(&house, "vera", Role::Viewer).await;
    let mut usage = UtilisationServiceClient::new(viewer.clone());
    for order_by in ["", "used desc"] {
        for parent in [DEFAULT, "spaces/-", TEN] {
            let list = || ListUtilisationRequest {
                parent: parent.to_owned(),
                order_by: order_by.to_owned(),
                ..ListUtilisationRequest::default()
            };
            let mut rows = pages!(usage, list_utilisation, list(), utilisations, |row| row.name);
            rows.sort();
            assert_eq!(rows, ["scopes/yard", YARD], "{parent} by {order_by}");
        }
    }
    for name in [DEFAULT, TEN, FREE, "scopes/shed", "scopes/nowhere", "servers/berlin-1/kea4"] {
        let get = GetUtilisationRequest { name: name.to_owned() };
        assert_eq!(came_of(usage.get_utilisation(get).await), denied(), "{name}");
    }
    for (view, networks, scopes) in [("views/nets", 1, 1), ("views/all-scopes", 0, 1)] {
        let get = GetUtilisationRequest { name: view.to_owned() };
        let found = usage.get_utilisation(get).await.expect("a view").into_inner();
        assert_eq!((found.networks, found.scopes), (networks, scopes), "{view}");
    }

    let mut views = ViewServiceClient::new(viewer);
    for (view, expected) in [
        ("views/nets", YARD),
        ("views/all-scopes", "scopes/yard"),
        ("views/claims", "spaces/default/addresses/10.1.0.5"),
        ("views/reserved", "scopes/yard/reservations/10.1.0.70"),
    ] {
        let list = || ListViewMembersRequest { parent: view.to_owned(), ..ListViewMembersRequest::default() };
        let name = |row: ViewMember| match row.member.expect("a member") {
            view_member::Member::Prefix(found) => found.name,
            view_member::Member::Scope(found) => found.name,
            view_member::Member::Address(found) => found.name,
            view_member::Member::Reservation(found) => found.name,
        };
        assert_eq!(pages!(views, list_view_members, list(), members, name), [expected]);
    }
}

#[tokio::test]
async fn a_watch_tells_of_what_is_inside_alone() {
    let house = divided().await;
    let viewer = delegate(&house, "vera", Role::Viewer).await;
    house.prefix("10.3.0.0/24", prefix::Kind::Network).await;
    house.prefix("10.1.9.0/24", prefix::Kind::Network).await;
    let all = WatchRequest { from_revision: 0, ..WatchRequest::default() };
    let mut watch = WatchServiceClient::new(viewer).watch(all).await.expect("a watch").into_inner();
    let last = "spaces/default/prefixes/10.1.9.0-24";
    let mut seen: Vec<String> = Vec::new();
    let told = async {
        while seen.last().is_none_or(|name| name != last) {
            let answer = watch.message().await.expect("open").expect("an answer");
            seen.extend(answer.changes.into_iter().map(|change| change.resource));
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), told).await.expect("told in time");
    let own = [YARD, "scopes/yard", "scopes/yard/reservations/10.1.0.70", "spaces/default/addresses/10.1.0.5", last];
    assert_eq!(seen, own);
}

/// A scope of a name that another one had, elsewhere: what was reserved in that stays its own.
#[tokio::test]
async fn a_watch_of_the_past_does_not_take_an_earlier_scope_for_a_later_one() {
    let house = divided().await;
    let delete = DeleteScopeRequest { name: "scopes/shed".to_owned(), force: true, ..DeleteScopeRequest::default() };
    house.scopes().delete_scope(delete).await.expect("deleted");
    house.prefix("10.1.9.0/24", prefix::Kind::Network).await;
    // The same addresses, in a space that is the viewer's.
    let mut spaces = SpaceServiceClient::new(house.api.clone());
    let create = CreateSpaceRequest { space_id: "own".to_owned(), ..CreateSpaceRequest::default() };
    spaces.create_space(create).await.expect("a space");
    let twin =
        CreatePrefixRequest { parent: "spaces/own".to_owned(), ..create_prefix("10.2.0.0/24", prefix::Kind::Network) };
    house.prefixes().create_prefix(twin).await.expect("a prefix");
    let scope = Scope { network: "spaces/own/prefixes/10.2.0.0-24".to_owned(), ..shed() };
    house.scopes().create_scope(create_scope("shed", scope)).await.expect("a scope");
    let reserved = reservation("10.2.0.71", "02:00:00:00:00:75");
    house.reservations().create_reservation(create_reservation("shed", reserved)).await.expect("a reservation");
    let viewer = house.delegate("vera", Role::Viewer, "spaces/own").await;
    let watch = WatchServiceClient::new(house.channel(Some(&viewer)).await).watch(WatchRequest::default()).await;
    let mut watch = watch.expect("a watch").into_inner();
    let last = "scopes/shed/reservations/10.2.0.71";
    let mut seen: Vec<String> = Vec::new();
    let told = async {
        while seen.last().is_none_or(|name| name != last) {
            let answer = watch.message().await.expect("open").expect("an answer");
            seen.extend(answer.changes.into_iter().map(|change| change.resource));
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), told).await.expect("told in time");
    assert_eq!(seen, ["spaces/own", "spaces/own/prefixes/10.2.0.0-24", "scopes/shed", last]);
}
