//! Saved views: made, changed, listed, used as a group.

use crate::addresses::{allocate, given};
use crate::house::*;
use crate::whole::{answer, refused};
use freehold_proto::v1::view::Kind;
use freehold_proto::v1::view_member::Member;
use freehold_proto::v1::view_service_client::ViewServiceClient;
use freehold_proto::v1::*;
use tonic::Code;
use tonic::transport::Channel;

fn client(house: &House) -> ViewServiceClient<Channel> {
    ViewServiceClient::new(house.api.clone())
}

fn create(id: &str, kind: Kind, filter: &str) -> CreateViewRequest {
    let view = View { kind: kind.into(), filter: filter.to_owned(), ..View::default() };
    CreateViewRequest { view_id: id.to_owned(), view: Some(view), ..CreateViewRequest::default() }
}

/// Saves a view.
pub(crate) async fn view(house: &House, id: &str, kind: Kind, filter: &str) -> View {
    client(house).create_view(create(id, kind, filter)).await.expect("saved").into_inner()
}

async fn members(house: &House, id: &str) -> Vec<String> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let parent = format!("views/{id}");
        let request = ListViewMembersRequest { parent, page_size: 1, page_token };
        let page = client(house).list_view_members(request).await.expect("a page").into_inner();
        all.extend(page.members.into_iter().map(|member| match member.member.expect("a member") {
            Member::Prefix(prefix) => prefix.name,
            Member::Scope(scope) => scope.name,
            Member::Address(address) => address.name,
            Member::Reservation(reservation) => reservation.name,
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_view_is_saved_changed_and_deleted() {
    let mut house = House::furnished().await;
    let made = view(&house, "nets", Kind::Prefixes, "kind = network").await;
    assert_eq!(
        (made.name.as_str(), made.kind(), made.filter.as_str()),
        ("views/nets", Kind::Prefixes, "kind = network")
    );
    let again = client(&house).create_view(create("nets", Kind::Scopes, "name = x")).await.expect_err("there is one");
    assert_eq!(answer(&again), refused(Code::AlreadyExists, "ALREADY_EXISTS"));

    let changed = View { filter: "kind = container".to_owned(), title: "Top".to_owned(), ..made.clone() };
    let update = UpdateViewRequest { view: Some(changed), ..UpdateViewRequest::default() };
    let changed = client(&house).update_view(update.clone()).await.expect("changed").into_inner();
    assert_eq!((changed.filter.as_str(), changed.title.as_str()), ("kind = container", "Top"));
    let stale = View { title: "Low".to_owned(), ..made };
    let stale = UpdateViewRequest { view: Some(stale), ..UpdateViewRequest::default() };
    let stale = client(&house).update_view(stale).await.expect_err("changed meanwhile");
    assert_eq!(answer(&stale), refused(Code::Aborted, "ETAG_MISMATCH"));

    house.restart().await;
    let listed = client(&house).list_views(ListViewsRequest::default()).await.expect("a list").into_inner();
    assert_eq!(listed.views, std::slice::from_ref(&changed));
    assert_eq!(members(&house, "nets").await, ["spaces/default/prefixes/10.0.0.0-8"]);
    let delete = DeleteViewRequest { name: changed.name.clone(), etag: changed.etag, ..DeleteViewRequest::default() };
    client(&house).delete_view(delete).await.expect("deleted");
    let gone = client(&house).get_view(GetViewRequest { name: changed.name }).await.expect_err("gone");
    assert_eq!(answer(&gone), refused(Code::NotFound, "VIEW_NOT_FOUND"));
}

#[tokio::test]
async fn a_view_of_each_kind_shows_its_members() {
    let house = House::furnished().await;
    let held = given(&house, allocate(FREE, AddressPurpose::Hold, 3)).await;
    house
        .reservations()
        .create_reservation(create_reservation("yard", reservation("10.1.0.71", "02:00:00:00:00:71")))
        .await
        .expect("a reservation");
    for (id, kind, filter) in [
        ("nets", Kind::Prefixes, "kind = network"),
        ("scopes", Kind::Scopes, "status = active cidr <= 10.0.0.0/8"),
        ("held", Kind::Addresses, "state = held address != 10.2.0.2"),
        ("phones", Kind::Reservations, "hardware_address = \"02:00:00:00:00:7*\""),
    ] {
        view(&house, id, kind, filter).await;
    }
    assert_eq!(members(&house, "nets").await, [YARD, FREE]);
    assert_eq!(members(&house, "scopes").await, ["scopes/yard"]);
    assert_eq!(members(&house, "held").await, [held[0].name.as_str(), held[2].name.as_str()]);
    let phones = ["scopes/yard/reservations/10.1.0.70", "scopes/yard/reservations/10.1.0.71"];
    assert_eq!(members(&house, "phones").await, phones);
}

#[tokio::test]
async fn a_view_is_a_group_in_a_list() {
    let house = House::furnished().await;
    view(&house, "nets", Kind::Prefixes, "kind = network").await;
    let list = ListPrefixesRequest {
        parent: DEFAULT.to_owned(),
        view: "views/nets".to_owned(),
        filter: "cidr <= 10.2.0.0/16".to_owned(),
        ..ListPrefixesRequest::default()
    };
    let listed = house.prefixes().list_prefixes(list).await.expect("a list").into_inner();
    assert_eq!(listed.prefixes.into_iter().map(|prefix| prefix.name).collect::<Vec<_>>(), [FREE]);

    house.scopes().create_scope(create_scope("shed", shed())).await.expect("a scope");
    view(&house, "yards", Kind::Scopes, "name = yard").await;
    let scopes = async |filter: &str, view: &str| {
        let (filter, view) = (filter.to_owned(), view.to_owned());
        let list = ListScopesRequest { filter, view, ..ListScopesRequest::default() };
        let page = house.scopes().list_scopes(list).await.expect("a list").into_inner();
        page.scopes.into_iter().map(|scope| scope.name).collect::<Vec<_>>()
    };
    assert_eq!(scopes("", "").await, ["scopes/shed", "scopes/yard"]);
    assert_eq!(scopes("cidr <= 10.2.0.0/16", "").await, ["scopes/shed"]);
    assert_eq!(scopes("", "views/yards").await, ["scopes/yard"]);
    assert_eq!(scopes("cidr <= 10.2.0.0/16", "views/yards").await, Vec::<String>::new());

    view(&house, "phones", Kind::Reservations, "host_name : *").await;
    let reservations = async |filter: &str, view: &str| {
        let (filter, view) = (filter.to_owned(), view.to_owned());
        let list = ListReservationsRequest { parent: "scopes/-".to_owned(), filter, view, ..Default::default() };
        house.reservations().list_reservations(list).await.expect("a list").into_inner().reservations.len()
    };
    assert_eq!(reservations("address = 10.1.0.70", "").await, 1);
    assert_eq!(reservations("address = 10.1.0.71", "").await, 0);
    assert_eq!(reservations("", "views/phones").await, 0);
}
