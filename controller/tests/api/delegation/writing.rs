//! Calls that change something.

use super::*;
use freehold_proto::v1::event_service_client::EventServiceClient;
use freehold_proto::v1::operator_service_client::OperatorServiceClient;
use freehold_proto::v1::plan_service_client::PlanServiceClient;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::space_service_client::SpaceServiceClient;

#[tokio::test]
async fn prefixes_are_made_and_changed_inside_alone() {
    let house = divided().await;
    let asm = delegate(&house, "asm", Role::AsmAdministrator).await;
    let mut prefixes = PrefixServiceClient::new(asm.clone());
    let before = house.revision().await;
    let made = create_prefix("10.1.8.0/24", prefix::Kind::Network);
    assert_eq!(came_of(prefixes.create_prefix(made).await), ok());
    let outside = prefixes.create_prefix(create_prefix("10.3.0.0/24", prefix::Kind::Network)).await;
    let status = outside.expect_err("outside");
    assert_eq!(
        status.message(),
        "operators/asm has the permission prefixes.write in spaces/default/prefixes/10.1.0.0-16, \
         and not for spaces/default/prefixes/10.3.0.0-24"
    );
    let refused = [
        came_of(prefixes.create_prefix(create_prefix("10.0.0.0/12", prefix::Kind::Container)).await),
        came_of(prefixes.delete_prefix(DeletePrefixRequest { name: FREE.to_owned(), ..Default::default() }).await),
        came_of(
            prefixes
                .update_prefix(UpdatePrefixRequest {
                    prefix: Some(Prefix { name: FREE.to_owned(), title: "mine".to_owned(), ..Prefix::default() }),
                    ..UpdatePrefixRequest::default()
                })
                .await,
        ),
        came_of(SpaceServiceClient::new(asm.clone()).create_space(CreateSpaceRequest::default()).await),
    ];
    assert_eq!(refused, [denied(), denied(), denied(), denied()]);
    assert_eq!(house.revision().await, before + 6, "one is made, five are on record");

    let mut plan = PlanServiceClient::new(asm);
    let resize = |name: &str, cidr: &str| ResizePrefixRequest {
        name: name.to_owned(),
        cidr: cidr.to_owned(),
        ..ResizePrefixRequest::default()
    };
    let inner = "spaces/default/prefixes/10.1.8.0-24";
    assert_eq!(came_of(plan.resize_prefix(resize(inner, "10.0.0.0/9")).await), denied());
    assert_eq!(came_of(plan.resize_prefix(resize(inner, "10.1.8.0/23")).await), ok());
    let carve = |parent: &str| CarvePrefixesRequest {
        parent: parent.to_owned(),
        length: 28,
        prefix: Some(Prefix { kind: prefix::Kind::Network.into(), ..Prefix::default() }),
        ..CarvePrefixesRequest::default()
    };
    // What is free first in the container lies outside.
    assert_eq!(came_of(plan.carve_prefixes(carve("spaces/default/prefixes/10.0.0.0-8")).await), denied());
}

#[tokio::test]
async fn scopes_and_reservations_are_changed_inside_alone() {
    let house = divided().await;
    let dhcp = delegate(&house, "dhcp", Role::DhcpAdministrator).await;
    house.prefix("10.1.8.0/24", prefix::Kind::Network).await;
    house.prefix("10.3.0.0/24", prefix::Kind::Network).await;
    let mut scopes = ScopeServiceClient::new(dhcp.clone());
    let mut reservations = ReservationServiceClient::new(dhcp.clone());
    let scope = |id: &str, octets: &str| {
        let network = format!("spaces/default/prefixes/{octets}.0-24");
        create_scope(id, Scope { network, ..Scope::default() })
    };
    let delete =
        |name: &str| DeleteScopeRequest { name: name.to_owned(), force: true, ..DeleteScopeRequest::default() };
    let answers = [
        came_of(scopes.create_scope(scope("inner", "10.1.8")).await),
        came_of(scopes.delete_scope(delete("scopes/inner")).await),
        came_of(
            reservations
                .create_reservation(create_reservation("yard", reservation("10.1.0.71", "02:00:00:00:00:72")))
                .await,
        ),
        came_of(scopes.delete_scope(delete("scopes/yard")).await),
    ];
    assert_eq!(answers, [ok(), ok(), ok(), ok()]);
    let rename = |name: &str| UpdateScopeRequest {
        scope: Some(Scope { name: name.to_owned(), description: "mine".to_owned(), ..Scope::default() }),
        ..UpdateScopeRequest::default()
    };
    let both =
        BatchUpdateScopesRequest { requests: vec![rename("scopes/shed")], ..BatchUpdateScopesRequest::default() };
    let named = "scopes/shed/reservations/10.2.0.70".to_owned();
    let answers = [
        came_of(scopes.create_scope(scope("outer", "10.3.0")).await),
        came_of(scopes.update_scope(rename("scopes/shed")).await),
        came_of(scopes.batch_update_scopes(both).await),
        came_of(scopes.delete_scope(delete("scopes/shed")).await),
        // Whether there is one is not told.
        came_of(scopes.delete_scope(delete("scopes/nowhere")).await),
        came_of(
            reservations
                .create_reservation(create_reservation("shed", reservation("10.2.0.71", "02:00:00:00:00:73")))
                .await,
        ),
        came_of(reservations.delete_reservation(DeleteReservationRequest { name: named, ..Default::default() }).await),
    ];
    assert_eq!(answers, [(); 7].map(|()| denied()));
}

#[tokio::test]
async fn addresses_are_given_out_inside_alone() {
    let house = divided().await;
    let asm = delegate(&house, "asm", Role::AsmAdministrator).await;
    let mut addresses = AddressServiceClient::new(asm);
    let any = |filter: &str| AllocateAddressesRequest {
        parent: DEFAULT.to_owned(),
        filter: filter.to_owned(),
        ..AllocateAddressesRequest::default()
    };
    let given = addresses.allocate_addresses(any("cidr != \"192.0.2.0/24\"")).await.expect("an address").into_inner();
    assert_eq!(given.addresses[0].name, "spaces/default/addresses/10.1.0.1");
    let release = |name: &str| ReleaseAddressRequest {
        name: format!("spaces/default/addresses/{name}"),
        ..ReleaseAddressRequest::default()
    };
    assert_eq!(came_of(addresses.release_address(release("10.1.0.1")).await), ok());
    // The network is ours, the reservation needs another right.
    let reserved = AllocateAddressesRequest {
        parent: "scopes/yard".to_owned(),
        purpose: AddressPurpose::Reservation.into(),
        ..AllocateAddressesRequest::default()
    };
    let clear = ClearSightingRequest { name: "spaces/default/addresses/10.2.0.9".to_owned(), ..Default::default() };
    let probe = ProbeAddressRequest { name: "spaces/default/addresses/10.2.0.9".to_owned(), ..Default::default() };
    let answers = [
        came_of(addresses.allocate_addresses(any("cidr = \"10.2.0.0/24\"")).await).0,
        came_of(addresses.allocate_addresses(claim("10.2.0.6", "")).await).0,
        came_of(
            addresses
                .allocate_addresses(AllocateAddressesRequest { parent: FREE.to_owned(), ..Default::default() })
                .await,
        )
        .0,
        came_of(addresses.release_address(release("10.2.0.5")).await).0,
        came_of(addresses.release_address(release("10.2.0.6")).await).0,
        came_of(addresses.allocate_addresses(reserved).await).0,
        came_of(addresses.clear_sighting(clear).await).0,
        came_of(addresses.probe_address(probe).await).0,
    ];
    let mut expected = [Code::PermissionDenied; 8];
    expected[0] = Code::NotFound;
    assert_eq!(answers, expected);
    // Whether there is a network, a space or a container outside is not told.
    for parent in ["spaces/nowhere", "spaces/default/prefixes/10.9.0.0-16", "scopes/nowhere"] {
        let filter = AllocateAddressesRequest { parent: parent.to_owned(), ..any("status = active") };
        let plain = AllocateAddressesRequest { parent: parent.to_owned(), ..AllocateAddressesRequest::default() };
        assert_eq!(came_of(addresses.allocate_addresses(plain).await), denied(), "{parent}");
        if parent.starts_with("spaces/") {
            assert_eq!(came_of(addresses.allocate_addresses(filter).await), denied(), "{parent}");
        }
    }
    assert_eq!(came_of(addresses.allocate_addresses(claim("10.9.0.5", "")).await), denied());
}

#[tokio::test]
async fn a_reservation_made_of_an_address_needs_both_rights_there() {
    let house = divided().await;
    let grants = [(Role::IpAddressRecordAdministrator, INSIDE), (Role::DhcpReservationsAdministrator, FREE)];
    let grants =
        grants.map(|(role, place)| Grant { role: role.to_string(), place: place.to_owned(), ..Grant::default() });
    let both = house.operator_who("both", Operator { grants: grants.to_vec(), ..Operator::default() }).await;
    let channel = house.channel(Some(&both)).await;
    let mut addresses = AddressServiceClient::new(channel);
    let reserved = |scope: &str| AllocateAddressesRequest {
        parent: format!("scopes/{scope}"),
        purpose: AddressPurpose::Reservation.into(),
        details: vec![AddressDetails {
            client: Some(address_details::Client::HardwareAddress("02:00:00:00:00:99".to_owned())),
            ..AddressDetails::default()
        }],
        ..AllocateAddressesRequest::default()
    };
    assert_eq!(came_of(addresses.allocate_addresses(reserved("yard")).await), denied());
    assert_eq!(came_of(addresses.allocate_addresses(reserved("shed")).await), denied());
    let planned = AllocateAddressesRequest { validate_only: true, ..reserved("yard") };
    assert_eq!(came_of(addresses.allocate_addresses(planned).await), denied());
}

#[tokio::test]
async fn the_house_itself_needs_its_rights_everywhere() {
    let house = divided().await;
    let king = delegate(&house, "king", Role::IpamAdministrator).await;
    let mut operators = OperatorServiceClient::new(king.clone());
    let me = operators.get_caller(GetCallerRequest {}).await.expect("known").into_inner();
    assert_eq!((me.roles, me.permissions), (Vec::<String>::new(), Vec::<String>::new()));
    assert_eq!((me.grants[0].role.as_str(), me.grants[0].place.as_str()), ("ipam-administrator", INSIDE));
    assert!(me.grants[0].permissions.contains(&"prefixes.write".to_owned()));
    let more = Operator { name: me.name, roles: vec!["ipam-administrator".to_owned()], ..Operator::default() };
    let update = UpdateOperatorRequest { operator: Some(more), ..UpdateOperatorRequest::default() };
    assert_eq!(came_of(operators.update_operator(update).await), denied());
    let events = EventServiceClient::new(king).list_events(ListEventsRequest::default()).await;
    assert_eq!(came_of(events), denied());
}

#[tokio::test]
async fn a_space_in_which_somebody_has_rights_stays() {
    let house = divided().await;
    let mut spaces = SpaceServiceClient::new(house.api.clone());
    let create = CreateSpaceRequest { space_id: "lab".to_owned(), ..CreateSpaceRequest::default() };
    spaces.create_space(create).await.expect("a space");
    house.delegate("alice", Role::Viewer, "spaces/lab/prefixes/10.0.0.0-8").await;
    let delete = DeleteSpaceRequest { name: "spaces/lab".to_owned(), ..DeleteSpaceRequest::default() };
    let status = spaces.delete_space(delete.clone()).await.expect_err("in use");
    assert_eq!(answer(&status), refused(Code::FailedPrecondition, "IN_USE"));
    assert!(status.message().contains("operators/alice"), "{}", status.message());
    let none = UpdateOperatorRequest {
        operator: Some(Operator { name: "operators/alice".to_owned(), ..Operator::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["grants".to_owned()] }),
        ..UpdateOperatorRequest::default()
    };
    house.operators().update_operator(none).await.expect("taken away");
    assert_eq!(came_of(spaces.delete_space(delete).await), ok());
}

#[tokio::test]
async fn what_is_refused_is_on_record() {
    let house = divided().await;
    let asm = delegate(&house, "asm", Role::AsmAdministrator).await;
    let delete = DeletePrefixRequest { name: FREE.to_owned(), ..DeletePrefixRequest::default() };
    assert_eq!(came_of(PrefixServiceClient::new(asm).delete_prefix(delete).await), denied());
    let list = ListEventsRequest { principal: "operators/asm".to_owned(), ..ListEventsRequest::default() };
    let events = EventServiceClient::new(house.api.clone()).list_events(list).await.expect("events").into_inner();
    let told: Vec<_> = events.events.iter().map(|event| (event.method.as_str(), event.refusal.as_str())).collect();
    assert_eq!(told, [("/freehold.v1.PrefixService/DeletePrefix", "PERMISSION_DENIED")]);
}
