//! How full places are, over the wire: followed change by change, listed by how full, and asked of a view.

use crate::addresses::{allocate, client, details, given};
use crate::house::*;
use crate::settling::{leased, served};
use crate::views::view;
use crate::whole::{answer, refused};
use freehold_proto::v1::utilisation::Kind;
use freehold_proto::v1::utilisation_service_client::UtilisationServiceClient;
use freehold_proto::v1::*;
use tonic::transport::Channel;
use tonic::{Code, Status};

const TEN: &str = "spaces/default/prefixes/10.0.0.0-8";

fn usage(house: &House) -> UtilisationServiceClient<Channel> {
    UtilisationServiceClient::new(house.api.clone())
}

async fn of(house: &House, name: &str) -> Utilisation {
    let request = GetUtilisationRequest { name: name.to_owned() };
    usage(house).get_utilisation(request).await.expect(name).into_inner()
}

/// Total, held, claimed, reserved, leased, excluded, not usable, available, in no network.
fn figures(counts: Option<&AddressCounts>) -> [u64; 9] {
    let counts = counts.expect("addresses");
    let number = |text: &str| text.parse().expect("a number");
    let (held, claimed, reserved, leased) = (counts.held, counts.claimed, counts.reserved, counts.leased);
    assert_eq!(counts.used, held + claimed + reserved + leased);
    let (excluded, available) = (number(&counts.excluded), number(&counts.available));
    let rest = [excluded, counts.not_usable, available, number(&counts.unplanned)];
    let total = number(&counts.total);
    assert_eq!(total, counts.used + rest.iter().sum::<u64>(), "each address is counted once");
    [total, held, claimed, reserved, leased, excluded, counts.not_usable, available, rest[3]]
}

#[tokio::test]
async fn what_changes_is_counted_at_once_and_rolled_up() {
    let (house, agent) = served().await;
    let yard = of(&house, YARD).await;
    assert_eq!((yard.kind(), yard.networks, yard.scopes), (Kind::Network, 1, 1));
    assert_eq!(figures(yard.ipv4.as_ref()), [256, 0, 0, 1, 0, 11, 2, 242, 0]);
    assert_eq!(figures(yard.ipv4_pools.as_ref()), [191, 0, 0, 1, 0, 11, 0, 179, 0]);
    assert_eq!((yard.ipv6, yard.ipv4_carved, yard.total_64s.as_str()), (None, None, ""));

    given(&house, allocate(FREE, AddressPurpose::Hold, 3)).await;
    let claim = AllocateAddressesRequest {
        addresses: vec!["10.1.0.55".to_owned()],
        details: vec![details("02:00:00:00:00:55")],
        ..allocate(YARD, AddressPurpose::Claim, 1)
    };
    given(&house, claim).await;
    leased(&house, &agent, [2, 0, 0, 0, 0, 0x99]).await;
    assert_eq!(figures(of(&house, YARD).await.ipv4.as_ref()), [256, 0, 1, 1, 1, 10, 2, 241, 0]);
    let scope = of(&house, "scopes/yard").await;
    assert_eq!((scope.kind(), figures(scope.ipv4.as_ref())), (Kind::Scope, [191, 0, 1, 1, 1, 10, 0, 178, 0]));
    let server = of(&house, &agent.server).await;
    assert_eq!((server.kind(), server.scopes, server.ipv4), (Kind::Server, 1, scope.ipv4));
    let ten = of(&house, TEN).await;
    let all = [1 << 24, 3, 1, 1, 1, 10, 4, 492, (1 << 24) - 512];
    assert_eq!((ten.kind(), figures(ten.ipv4.as_ref())), (Kind::Container, all));
    let percent = ten.used_percent.expect("of IPv4");
    assert!((percent - 600.0 / 498.0).abs() < 1e-9, "{percent}");
    let carved = ten.ipv4_carved.expect("a container");
    assert_eq!((carved.prefixes, carved.addresses.as_str()), (2, "512"));
    let space = of(&house, DEFAULT).await;
    assert_eq!((space.kind(), figures(space.ipv4.as_ref()), space.networks), (Kind::Space, all, 2));
    assert_eq!(space.ipv4_pools, of(&house, TEN).await.ipv4_pools);

    let release = |address: &str| ReleaseAddressRequest {
        name: format!("{DEFAULT}/addresses/{address}"),
        ..ReleaseAddressRequest::default()
    };
    client(&house).release_address(release("10.1.0.55")).await.expect("released");
    assert_eq!(figures(of(&house, YARD).await.ipv4.as_ref()), [256, 0, 0, 1, 1, 11, 2, 241, 0]);
}

#[tokio::test]
async fn a_scope_that_is_not_active_counts_as_no_pool() {
    let house = House::furnished().await;
    let scope = Scope { name: "scopes/yard".to_owned(), status: scope::Status::Inactive.into(), ..Scope::default() };
    let update = UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() };
    house.scopes().update_scope(update).await.expect("changed");
    let yard = of(&house, YARD).await;
    assert_eq!((yard.ipv4_pools, yard.scopes, yard.inactive_scopes), (None, 0, 1));
    assert_eq!(figures(yard.ipv4.as_ref()), [256, 0, 0, 1, 0, 11, 2, 242, 0]);
    let kinds = list(&house, ListUtilisationRequest::default()).await.expect("a list");
    assert!(kinds.iter().all(|place| place.kind() != Kind::Scope), "{kinds:?}");
}

#[tokio::test]
async fn ipv6_is_told_in_64s_and_never_as_a_percentage_of_them() {
    let house = House::furnished().await;
    house.prefix("2001:db8::/48", prefix::Kind::Container).await;
    house.prefix("2001:db8:0:1::/64", prefix::Kind::Network).await;
    house.prefix("2001:db8:0:2::/64", prefix::Kind::Network).await;
    let network = "spaces/default/prefixes/2001:db8:0:1::-64";
    given(&house, allocate(network, AddressPurpose::Hold, 2)).await;
    let container = of(&house, "spaces/default/prefixes/2001:db8::-48").await;
    assert_eq!((container.used_64s, container.total_64s.as_str(), container.used_percent), (1, "65536", None));
    let counts = container.ipv6.expect("IPv6");
    assert_eq!((counts.held, counts.used, counts.used_percent), (2, 2, None));
    let carved = container.ipv6_carved.expect("a container");
    assert_eq!((carved.prefixes, carved.addresses.as_str()), (2, "36893488147419103232"));
    assert!((carved.percent.expect("of a prefix") - 100.0 * 2.0 / 65536.0).abs() < 1e-9);
    let network = of(&house, network).await;
    assert_eq!((network.used_64s, network.total_64s.as_str()), (1, "1"));
    let space = of(&house, DEFAULT).await;
    assert_eq!((space.used_64s, space.total_64s.as_str()), (1, "65536"));
    assert_eq!(space.ipv4.map(|counts| counts.total), Some((1u64 << 24).to_string()));
}

async fn list(house: &House, request: ListUtilisationRequest) -> Result<Vec<Utilisation>, Status> {
    let parent = if request.parent.is_empty() { DEFAULT.to_owned() } else { request.parent.clone() };
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListUtilisationRequest { parent: parent.clone(), page_size: 2, page_token, ..request.clone() };
        let page = usage(house).list_utilisation(request).await?.into_inner();
        assert!(page.utilisations.len() <= 2);
        all.extend(page.utilisations);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

#[tokio::test]
async fn places_are_listed_filtered_and_ordered() {
    let house = House::furnished().await;
    house.prefix("10.3.0.0/29", prefix::Kind::Network).await;
    given(&house, allocate("spaces/default/prefixes/10.3.0.0-29", AddressPurpose::Hold, 6)).await;
    given(&house, allocate(FREE, AddressPurpose::Hold, 25)).await;
    let small = "spaces/default/prefixes/10.3.0.0-29";
    let names = async |filter: &str, order_by: &str, parent: &str| {
        let request = ListUtilisationRequest {
            parent: parent.to_owned(),
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
            ..ListUtilisationRequest::default()
        };
        let places = list(&house, request).await.expect("a list");
        places.into_iter().map(|place| place.name).collect::<Vec<_>>()
    };
    assert_eq!(names("", "", "").await, [TEN, YARD, "scopes/yard", FREE, small]);
    assert_eq!(names("", "", YARD).await, [YARD, "scopes/yard"]);
    assert_eq!(names("", "used_percent desc", "").await, [small, FREE, TEN, "scopes/yard", YARD]);
    assert_eq!(names("", "available", "").await, [small, "scopes/yard", FREE, YARD, TEN]);
    assert_eq!(names("used_percent >= 90 OR used_percent < 1", "", "").await, [YARD, "scopes/yard", small]);
    assert_eq!(names("kind = network available < 1", "", "spaces/-").await, [small]);
    assert_eq!(names("kind = scope scope = yard reserved = 1", "used", "").await, ["scopes/yard"]);
    let wrong = ListUtilisationRequest { order_by: "name".to_owned(), ..ListUtilisationRequest::default() };
    assert_eq!(
        answer(&list(&house, wrong).await.expect_err("no figure")),
        refused(Code::InvalidArgument, "INVALID_VALUE")
    );
}

#[tokio::test]
async fn a_view_counts_each_address_once() {
    let house = House::furnished().await;
    given(&house, allocate(FREE, AddressPurpose::Hold, 5)).await;
    view(&house, "all", view::Kind::Prefixes, "kind = container OR kind = network").await;
    view(&house, "free", view::Kind::Prefixes, "cidr = 10.2.0.0/24").await;
    view(&house, "served", view::Kind::Scopes, "name = yard").await;
    view(&house, "reserved", view::Kind::Reservations, "scope = yard").await;
    let all = of(&house, "views/all").await;
    assert_eq!((all.kind(), all.ipv4), (Kind::View, of(&house, TEN).await.ipv4));
    assert_eq!(of(&house, "views/free").await.ipv4, of(&house, FREE).await.ipv4);
    let served = of(&house, "views/served").await;
    assert_eq!((served.ipv4, served.scopes), (of(&house, "scopes/yard").await.ipv4, 1));
    let request = GetUtilisationRequest { name: "views/reserved".to_owned() };
    let status = usage(&house).get_utilisation(request).await.expect_err("nothing to count");
    assert_eq!(answer(&status), refused(Code::InvalidArgument, "INVALID_VALUE"));
    let of_view = |name: &str| ListUtilisationRequest { view: name.to_owned(), ..ListUtilisationRequest::default() };
    let names = |places: Vec<Utilisation>| places.into_iter().map(|place| place.name).collect::<Vec<_>>();
    assert_eq!(names(list(&house, of_view("views/free")).await.expect("a list")), [FREE]);
    assert_eq!(names(list(&house, of_view("views/served")).await.expect("a list")), ["scopes/yard"]);
}

#[tokio::test]
async fn utilisation_is_the_same_after_a_restart() {
    let mut house = House::furnished().await;
    given(&house, allocate(FREE, AddressPurpose::Hold, 5)).await;
    let before = of(&house, TEN).await;
    house.restart().await;
    assert_eq!(of(&house, TEN).await.ipv4, before.ipv4);
}
