//! Addresses over the wire: what each is, giving them out, and giving them back.

use crate::house::*;
use crate::whole::{answer, refused};
use freehold_core::access::Role;
use freehold_proto::v1::address::State;
use freehold_proto::v1::address_details::Client;
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::*;
use prost_types::Duration as Span;
use std::collections::BTreeSet;
use tonic::Code;
use tonic::transport::Channel;

pub(crate) fn client(house: &House) -> AddressServiceClient<Channel> {
    AddressServiceClient::new(house.api.clone())
}

pub(crate) fn allocate(parent: &str, purpose: AddressPurpose, count: i32) -> AllocateAddressesRequest {
    AllocateAddressesRequest { parent: parent.to_owned(), purpose: purpose.into(), count, ..Default::default() }
}

pub(crate) fn details(hardware: &str) -> AddressDetails {
    AddressDetails { client: Some(Client::HardwareAddress(hardware.to_owned())), ..Default::default() }
}

pub(crate) async fn given(house: &House, request: AllocateAddressesRequest) -> Vec<Address> {
    client(house).allocate_addresses(request).await.expect("given out").into_inner().addresses
}

pub(crate) async fn get(house: &House, address: &str) -> Address {
    let name = format!("{DEFAULT}/addresses/{address}");
    client(house).get_address(GetAddressRequest { name }).await.expect("an answer").into_inner()
}

fn plain(addresses: &[Address]) -> Vec<&str> {
    addresses.iter().map(|address| address.address.as_str()).collect()
}

#[tokio::test]
async fn an_address_is_held_claimed_changed_and_released() {
    let house = House::furnished().await;
    let held = given(&house, allocate("scopes/yard", AddressPurpose::Hold, 1)).await;
    assert_eq!(plain(&held), ["10.1.0.10"]);
    let [held] = held.try_into().expect("one");
    assert_eq!((held.state(), held.scope.as_str(), held.network.as_str()), (State::Held, "scopes/yard", YARD));
    assert_eq!(held.reasons[0].message, "held by operators/admin");
    let (since, until) = (held.reasons[0].start_time.expect("a time"), held.reasons[0].end_time.expect("an end"));
    assert_eq!(until.seconds - since.seconds, 600);

    let extend = ExtendHoldRequest {
        name: held.name.clone(),
        ttl: Some(Span { seconds: 3600, nanos: 0 }),
        ..Default::default()
    };
    let longer = client(&house).extend_hold(extend).await.expect("extended").into_inner();
    assert!(longer.reasons[0].end_time.expect("an end").seconds >= since.seconds + 3600);

    let claim = ClaimHeldAddressRequest {
        name: held.name.clone(),
        details: Some(AddressDetails { host_name: "printer".to_owned(), ..details("02:00:00:00:00:01") }),
        etag: longer.etag.clone(),
        ..Default::default()
    };
    let claimed = client(&house).claim_held_address(claim).await.expect("claimed").into_inner();
    assert_eq!((claimed.state(), claimed.reasons[0].end_time), (State::Claimed, None));
    assert_eq!(claimed.host_names, ["printer"]);

    let update = UpdateAddressRequest {
        name: held.name.clone(),
        details: Some(AddressDetails { comment: "by the door".to_owned(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["comment".to_owned(), "host_name".to_owned()] }),
        etag: claimed.etag.clone(),
        ..Default::default()
    };
    let updated = client(&house).update_address(update.clone()).await.expect("changed").into_inner();
    let Some(address_reason::Detail::Assignment(assignment)) = &updated.reasons[0].detail else { panic!("a claim") };
    assert_eq!((assignment.comment.as_str(), assignment.host_name.as_str()), ("by the door", ""));
    let stale = client(&house).update_address(update).await.expect_err("an old etag");
    assert_eq!(answer(&stale), refused(Code::Aborted, "ETAG_MISMATCH"));

    let release = ReleaseAddressRequest { name: held.name.clone(), etag: updated.etag, ..Default::default() };
    client(&house).release_address(release).await.expect("released");
    assert_eq!(get(&house, "10.1.0.10").await.state(), State::Available);
}

#[tokio::test]
async fn every_reason_is_told() {
    let house = House::furnished().await;
    let state = async |address: &str| {
        let address = get(&house, address).await;
        (address.state(), address.reasons.iter().map(|reason| reason.message.clone()).collect::<Vec<_>>())
    };
    assert_eq!(state("10.1.0.20").await, (State::Available, vec![]));
    let reserved = vec!["reserved in scopes/yard for hardware address 02:00:00:00:00:70".to_owned()];
    assert_eq!(state("10.1.0.70").await, (State::Reserved, reserved));
    let excluded = vec!["excluded in scopes/yard: 10.1.0.50 to 10.1.0.60".to_owned()];
    assert_eq!(state("10.1.0.55").await, (State::Excluded, excluded));
    assert_eq!(state("10.1.0.0").await, (State::NotUsable, vec!["it names the network".to_owned()]));
    assert_eq!(state("192.0.2.1").await, (State::Unplanned, vec!["no network of the plan has it".to_owned()]));
    let missing =
        client(&house).get_address(GetAddressRequest { name: "spaces/x/addresses/10.0.0.1".to_owned() }).await;
    assert_eq!(answer(&missing.expect_err("no such space")), refused(Code::NotFound, "SPACE_NOT_FOUND"));
}

#[tokio::test]
async fn addresses_are_given_out_in_every_way() {
    let house = House::furnished().await;
    let many = given(&house, allocate("scopes/yard", AddressPurpose::Hold, 3)).await;
    assert_eq!(plain(&many), ["10.1.0.10", "10.1.0.11", "10.1.0.12"]);
    let random = AllocateAddressesRequest { random: true, ..allocate("scopes/yard", AddressPurpose::Hold, 20) };
    let random = given(&house, random).await;
    let distinct: BTreeSet<_> = plain(&random).into_iter().collect();
    assert_eq!(distinct.len(), 20);
    let from = AllocateAddressesRequest { from: "10.2.0.99".to_owned(), ..allocate(FREE, AddressPurpose::Claim, 1) };
    assert_eq!(plain(&given(&house, from).await), ["10.2.0.99"]);
    let named = AllocateAddressesRequest {
        addresses: vec!["10.2.0.7".to_owned(), "10.2.0.5".to_owned()],
        ..allocate(DEFAULT, AddressPurpose::Claim, 0)
    };
    assert_eq!(plain(&given(&house, named).await), ["10.2.0.7", "10.2.0.5"]);
    let choice = AllocateAddressesRequest {
        networks: vec!["spaces/default/prefixes/10.9.0.0-24".to_owned(), FREE.to_owned()],
        ..allocate("", AddressPurpose::Hold, 1)
    };
    assert_eq!(plain(&given(&house, choice).await), ["10.2.0.1"]);
    let reserve = AllocateAddressesRequest {
        details: vec![details("02:00:00:00:00:99")],
        // Of the addresses from here on, twenty at random leave some.
        from: "10.1.0.150".to_owned(),
        ..allocate("scopes/yard", AddressPurpose::Reservation, 1)
    };
    let reserved = given(&house, reserve).await;
    assert_eq!(reserved[0].state(), State::Reserved);
    let move_it = MoveReservationRequest {
        name: reserved[0].reasons[0].resource.clone(),
        to: "10.1.0.5".to_owned(),
        ..Default::default()
    };
    let moved = client(&house).move_reservation(move_it).await.expect("moved").into_inner();
    assert_eq!(moved.name, "scopes/yard/reservations/10.1.0.5");
}

#[tokio::test]
async fn a_reservation_becomes_a_claim_and_a_reservation_again_in_one_call_each() {
    let house = House::furnished().await;
    let name = "scopes/yard/reservations/10.1.0.70".to_owned();
    let to_claim = ConvertToClaimRequest { name: name.clone(), request_id: "once".to_owned(), ..Default::default() };
    let claimed = client(&house).convert_to_claim(to_claim.clone()).await.expect("claimed").into_inner();
    assert_eq!((claimed.state(), claimed.reasons.len()), (State::Claimed, 1));
    let again = client(&house).convert_to_claim(to_claim).await.expect("claimed once").into_inner();
    assert_eq!(again.etag, claimed.etag);
    let Some(address_reason::Detail::Assignment(claim)) = &claimed.reasons[0].detail else { panic!("a claim") };
    let hardware = assignment::Client::HardwareAddress("02:00:00:00:00:70".to_owned());
    assert_eq!((claim.client.clone(), claim.holder.as_str()), (Some(hardware), "operators/admin"));
    let to_reservation =
        ConvertToReservationRequest { name: claimed.name.clone(), etag: claimed.etag, ..Default::default() };
    let reserved = client(&house).convert_to_reservation(to_reservation).await.expect("reserved").into_inner();
    assert_eq!(reserved.name, name);
    assert_eq!(get(&house, "10.1.0.70").await.state(), State::Reserved);
}

/// Either conversion takes from one kind and gives to the other, so it needs the right to both.
#[tokio::test]
async fn a_conversion_needs_the_rights_to_both_sides() {
    let house = House::furnished().await;
    let as_role = async |role: Role| {
        let credentials = house.operator(role.id(), role).await;
        AddressServiceClient::new(house.channel(Some(&credentials)).await)
    };
    let to_claim = ConvertToClaimRequest {
        name: "scopes/yard/reservations/10.1.0.70".to_owned(),
        validate_only: true,
        ..Default::default()
    };
    let denied = refused(Code::PermissionDenied, "PERMISSION_DENIED");
    let addresses_only = as_role(Role::IpAddressRecordAdministrator).await.convert_to_claim(to_claim.clone()).await;
    assert_eq!(answer(&addresses_only.expect_err("no reservations")), denied);
    as_role(Role::DhcpAdministrator).await.convert_to_claim(to_claim).await.expect("both");
    let held = given(&house, allocate("scopes/yard", AddressPurpose::Hold, 1)).await.remove(0);
    let to_reservation = ConvertToReservationRequest {
        name: held.name,
        details: Some(details("02:00:00:00:00:10")),
        validate_only: true,
        ..Default::default()
    };
    let reservations_only =
        as_role(Role::DhcpReservationsAdministrator).await.convert_to_reservation(to_reservation).await;
    assert_eq!(answer(&reservations_only.expect_err("no addresses")), denied);
}

#[tokio::test]
async fn what_is_soon_over_is_listed_by_its_end() {
    let house = House::furnished().await;
    let now = get(&house, "10.1.0.70").await.reasons[0].start_time.expect("a time").seconds;
    let claim = async |address: &str, days: i64| {
        let end = prost_types::Timestamp { seconds: now + days * 86_400, nanos: 0 };
        let request = AllocateAddressesRequest {
            addresses: vec![address.to_owned()],
            expire_time: Some(end),
            ..allocate(FREE, AddressPurpose::Claim, 0)
        };
        given(&house, request).await;
    };
    // Two of one end: the page ends between them.
    for (address, days) in [("10.2.0.4", 30), ("10.2.0.3", 3), ("10.2.0.2", 5), ("10.2.0.9", 3)] {
        claim(address, days).await;
    }
    given(&house, allocate("scopes/yard", AddressPurpose::Hold, 1)).await;
    let list = async |request: ListExpiringAddressesRequest| {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListExpiringAddressesRequest { page_size: 1, page_token, ..request.clone() };
            let page = client(&house).list_expiring_addresses(request).await.expect("a page").into_inner();
            found.extend(page.addresses.into_iter().map(|address| address.address));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    };
    let all = ListExpiringAddressesRequest::default;
    assert_eq!(list(all()).await, ["10.2.0.3", "10.2.0.9", "10.2.0.2"]);
    assert_eq!(list(ListExpiringAddressesRequest { holds: true, ..all() }).await[0], "10.1.0.10");
    let days = |days: i64| Some(Span { seconds: days * 86_400, nanos: 0 });
    assert_eq!(list(ListExpiringAddressesRequest { within: days(4), ..all() }).await, ["10.2.0.3", "10.2.0.9"]);
    assert_eq!(
        list(ListExpiringAddressesRequest { within: days(40), parent: FREE.to_owned(), ..all() }).await.len(),
        4
    );
    assert_eq!(list(ListExpiringAddressesRequest { parent: "scopes/yard".to_owned(), ..all() }).await.len(), 0);
}

#[tokio::test]
async fn tags_and_fields_are_put_on_addresses_and_come_down_to_them() {
    let house = House::furnished().await;
    let mut fields = field_definition_service_client::FieldDefinitionServiceClient::new(house.api.clone());
    let definition = FieldDefinition {
        value_type: field_definition::ValueType::Text.into(),
        applies_to: vec![field_definition::Kind::Prefix.into(), field_definition::Kind::Address.into()],
        inherited: true,
        required: true,
        ..Default::default()
    };
    let create = CreateFieldDefinitionRequest {
        field_definition_id: "site".to_owned(),
        field_definition: Some(definition),
        ..Default::default()
    };
    fields.create_field_definition(create).await.expect("a field");
    let network = Prefix {
        name: FREE.to_owned(),
        tags: vec!["lab".to_owned()],
        fields: [("site".to_owned(), "berlin".to_owned())].into(),
        ..Default::default()
    };
    let update = UpdatePrefixRequest { prefix: Some(network), ..Default::default() };
    house.prefixes().update_prefix(update).await.expect("labelled");
    // A required field is not asked for when an address is given out.
    given(&house, allocate("scopes/yard", AddressPurpose::Hold, 1)).await;
    let labelled = AddressDetails { tags: vec!["voice".to_owned(), "pci".to_owned()], ..Default::default() };
    let request = AllocateAddressesRequest { details: vec![labelled], ..allocate(FREE, AddressPurpose::Claim, 1) };
    let claimed = given(&house, request).await.remove(0);
    let shown = async |address: &str| {
        let address = get(&house, address).await;
        let tags = address.effective_tags.into_iter().map(|tag| (tag.tag, tag.source));
        let fields =
            address.effective_fields.into_iter().map(|field| (format!("{}={}", field.id, field.value), field.source));
        tags.chain(fields).collect::<Vec<_>>()
    };
    let said = |what: &str, whose: &str| (what.to_owned(), whose.to_owned());
    let lab = [said("lab", FREE), said("site=berlin", FREE)];
    assert_eq!(shown("10.2.0.99").await, lab, "nothing was decided about it");
    let own = claimed.name.as_str();
    assert_eq!(
        shown(&claimed.address).await,
        [said("lab", FREE), said("pci", own), said("voice", own), said("site=berlin", FREE)]
    );
    let update = UpdateAddressRequest {
        name: claimed.name.clone(),
        details: Some(AddressDetails {
            tags: vec!["voice".to_owned()],
            fields: [("site".to_owned(), "rome".to_owned())].into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    client(&house).update_address(update).await.expect("changed");
    assert_eq!(shown(&claimed.address).await, [said("lab", FREE), said("voice", own), said("site=rome", own)]);
    let mut search = search_service_client::SearchServiceClient::new(house.api.clone());
    let found = search.search(SearchRequest { query: "voice".to_owned(), ..Default::default() }).await;
    let found = found.expect("an answer").into_inner().matches;
    assert_eq!(found.iter().map(|one| (one.name.as_str(), one.field.as_str())).collect::<Vec<_>>(), [(own, "tags")]);
    let delete = DeleteFieldDefinitionRequest { name: "fieldDefinitions/site".to_owned(), ..Default::default() };
    let refusal = fields.delete_field_definition(delete).await.expect_err("an address has a value");
    assert_eq!(answer(&refusal), refused(Code::FailedPrecondition, "IN_USE"));
}

#[tokio::test]
async fn all_or_none() {
    let house = House::furnished().await;
    let before = house.revision().await;
    let refusal = client(&house).allocate_addresses(allocate(FREE, AddressPurpose::Hold, 300)).await;
    assert_eq!(answer(&refusal.expect_err("too many")), refused(Code::ResourceExhausted, "NO_FREE_ADDRESS"));
    assert_eq!(house.revision().await, before);
    let only_looked = AllocateAddressesRequest { validate_only: true, ..allocate(FREE, AddressPurpose::Hold, 2) };
    assert_eq!(plain(&given(&house, only_looked).await), ["10.2.0.1", "10.2.0.2"]);
    assert_eq!(house.revision().await, before);
}

#[tokio::test]
async fn a_repeated_request_gives_the_same_addresses_after_a_restart_too() {
    let mut house = House::furnished().await;
    let request = AllocateAddressesRequest {
        request_id: "five".to_owned(),
        random: true,
        ..allocate(FREE, AddressPurpose::Hold, 5)
    };
    let first = given(&house, request.clone()).await;
    let other = given(&house, allocate(FREE, AddressPurpose::Hold, 1)).await;
    assert_eq!(given(&house, request.clone()).await, first);
    house.restart().await;
    assert_eq!(given(&house, request.clone()).await, first);
    let release = ReleaseAddressRequest { name: first[2].name.clone(), ..Default::default() };
    client(&house).release_address(release).await.expect("released");
    // Somebody else's by now: the caller must not think that it is its own.
    let again = AllocateAddressesRequest {
        addresses: vec![first[2].address.clone()],
        ..allocate(FREE, AddressPurpose::Claim, 1)
    };
    given(&house, again).await;
    let gone = client(&house).allocate_addresses(request.clone()).await.expect_err("one is gone");
    assert_eq!(answer(&gone), refused(Code::Aborted, "RESOURCE_GONE"));
    let reused = AllocateAddressesRequest { count: 6, ..request };
    let reused = client(&house).allocate_addresses(reused).await.expect_err("another request");
    assert_eq!(answer(&reused), refused(Code::FailedPrecondition, "REQUEST_ID_REUSED"));
    assert!(!plain(&first).contains(&other[0].address.as_str()));
}

#[tokio::test]
async fn many_callers_at_once_never_get_one_address_twice() {
    let house = House::furnished().await;
    let callers = (0..64).map(|n| {
        let mut client = client(&house);
        async move {
            let mut got = Vec::new();
            for _ in 0..3 {
                let random = n % 2 == 0;
                let request = AllocateAddressesRequest { random, ..allocate(FREE, AddressPurpose::Hold, 1) };
                let answer = client.allocate_addresses(request).await.expect("given out").into_inner();
                got.extend(answer.addresses.into_iter().map(|address| address.address));
            }
            got
        }
    });
    let all: Vec<String> = futures_util::future::join_all(callers).await.concat();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (192, 192));
}

/// Rows as text: an address with its state, or a gap.
fn rows(page: &ListAddressesResponse) -> Vec<String> {
    let shown = |row: &AddressRow| match row.row.as_ref().expect("a row") {
        address_row::Row::Address(address) => format!("{} {}", address.address, address.state().as_str_name()),
        address_row::Row::Gap(gap) => format!("{}-{} {} {}", gap.start, gap.end, gap.state().as_str_name(), gap.size),
    };
    page.rows.iter().map(shown).collect()
}

async fn all_rows(house: &House, request: ListAddressesRequest) -> Vec<String> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAddressesRequest { page_token, ..request.clone() };
        let page = client(house).list_addresses(request).await.expect("a page").into_inner();
        all.extend(rows(&page));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_list_has_a_row_for_each_used_address_and_one_for_each_gap() {
    let house = House::furnished().await;
    house.prefix("11.0.0.0/8", prefix::Kind::Network).await;
    house.prefix("2001:db8::/64", prefix::Kind::Network).await;
    let claim = |addresses: &[&str]| AllocateAddressesRequest {
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        ..allocate(DEFAULT, AddressPurpose::Claim, 0)
    };
    given(&house, claim(&["11.0.0.1", "11.200.0.0"])).await;
    given(&house, claim(&["2001:db8::ffff:0:0:1"])).await;
    let big = [
        "11.0.0.0 STATE_NOT_USABLE",
        "11.0.0.1 STATE_CLAIMED",
        "11.0.0.2-11.199.255.255 STATE_AVAILABLE 13107198",
        "11.200.0.0 STATE_CLAIMED",
        "11.200.0.1-11.255.255.254 STATE_AVAILABLE 3670014",
        "11.255.255.255 STATE_NOT_USABLE",
    ];
    for page_size in [1, 2, 5, 100] {
        let request = ListAddressesRequest {
            parent: "spaces/default/prefixes/11.0.0.0-8".to_owned(),
            page_size,
            ..Default::default()
        };
        assert_eq!(all_rows(&house, request.clone()).await, big);
        let later = ListAddressesRequest { from: "11.199.255.255".to_owned(), ..request };
        let rest = ["11.199.255.255-11.199.255.255 STATE_AVAILABLE 1", big[3], big[4], big[5]];
        assert_eq!(all_rows(&house, later).await, rest);
    }
    let six = ListAddressesRequest {
        parent: "spaces/default/prefixes/2001:db8::-64".to_owned(),
        page_size: 1,
        ..Default::default()
    };
    let expected = [
        "2001:db8:: STATE_NOT_USABLE",
        "2001:db8::1-2001:db8:0:0:ffff:: STATE_AVAILABLE 18446462598732840960",
        "2001:db8::ffff:0:0:1 STATE_CLAIMED",
        "2001:db8::ffff:0:0:2-2001:db8::ffff:ffff:ffff:ffff STATE_AVAILABLE 281474976710654",
    ];
    assert_eq!(all_rows(&house, six).await, expected);
    let yard = ListAddressesRequest { parent: "scopes/yard".to_owned(), page_size: 2, ..Default::default() };
    let expected = [
        "10.1.0.10-10.1.0.49 STATE_AVAILABLE 40",
        "10.1.0.50-10.1.0.60 STATE_EXCLUDED 11",
        "10.1.0.61-10.1.0.69 STATE_AVAILABLE 9",
        "10.1.0.70 STATE_RESERVED",
        "10.1.0.71-10.1.0.200 STATE_AVAILABLE 130",
    ];
    assert_eq!(all_rows(&house, yard).await, expected);
}

#[tokio::test]
async fn who_may_write_addresses_may_not_reserve_them_for_that() {
    let house = House::furnished().await;
    let operator = house.operator("adam", Role::IpAddressRecordAdministrator).await;
    let mut client = AddressServiceClient::new(house.channel(Some(&operator)).await);
    client.allocate_addresses(allocate("scopes/yard", AddressPurpose::Hold, 1)).await.expect("held");
    let reserve = AllocateAddressesRequest {
        details: vec![details("02:00:00:00:00:99")],
        ..allocate("scopes/yard", AddressPurpose::Reservation, 1)
    };
    let refusal = client.allocate_addresses(reserve).await.expect_err("no right");
    assert_eq!(answer(&refusal), refused(Code::PermissionDenied, "PERMISSION_DENIED"));
}

#[tokio::test]
async fn any_network_that_a_filter_takes_and_that_has_room() {
    let house = House::furnished().await;
    for (cidr, status, tags) in [
        ("10.40.0.0/30", prefix::Status::Active, &["voice"][..]),
        ("10.40.0.4/30", prefix::Status::Planned, &["voice"]),
        ("10.40.0.8/30", prefix::Status::Active, &[]),
        ("10.40.0.16/30", prefix::Status::Active, &["voice", "new"]),
    ] {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let prefix = Prefix {
            cidr: cidr.to_owned(),
            kind: prefix::Kind::Network.into(),
            status: status.into(),
            tags,
            ..Default::default()
        };
        let create = CreatePrefixRequest { parent: DEFAULT.to_owned(), prefix: Some(prefix), ..Default::default() };
        house.prefixes().create_prefix(create).await.expect("made");
    }
    let voice = |count, id: &str| AllocateAddressesRequest {
        filter: "tags:voice".to_owned(),
        request_id: id.to_owned(),
        ..allocate(DEFAULT, AddressPurpose::Hold, count)
    };
    assert_eq!(plain(&given(&house, voice(1, "")).await), ["10.40.0.1"]);
    assert_eq!(plain(&given(&house, voice(2, "both")).await), ["10.40.0.17", "10.40.0.18"], "the first has one left");
    assert_eq!(plain(&given(&house, voice(1, "last")).await), ["10.40.0.2"]);
    let none = client(&house).allocate_addresses(voice(1, "more")).await.expect_err("all are full");
    assert_eq!(answer(&none), refused(Code::ResourceExhausted, "NO_FREE_ADDRESS"));
    assert_eq!(plain(&given(&house, voice(1, "last")).await), ["10.40.0.2"], "asked again, it is given the same again");
}
