//! Addresses that were not seen for long, and taking them back.

use crate::addresses::{allocate, details, get, given};
use crate::house::*;
use crate::settling::{leased, served, upload};
use crate::whole::{answer, refused};
use freehold_proto::sync::lease_event::Kind;
use freehold_proto::v1::reclaim_service_client::ReclaimServiceClient;
use freehold_proto::v1::*;
use prost_types::Duration as Span;
use std::time::Duration;
use tonic::Code;
use tonic::transport::Channel;

fn client(house: &House) -> ReclaimServiceClient<Channel> {
    ReclaimServiceClient::new(house.api.clone())
}

const MOMENT: Option<Span> = Some(Span { seconds: 0, nanos: 1_000_000 });
const DAY: Option<Span> = Some(Span { seconds: 86_400, nanos: 0 });

/// The stale addresses of a place, page by page: address, whether it was ever seen, whether it can be reclaimed.
async fn stale(house: &House, parent: &str, not_seen_for: Option<Span>) -> Vec<(String, bool, bool)> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let parent = parent.to_owned();
        let request = ListStaleAddressesRequest { parent, not_seen_for, page_size: 1, page_token };
        let page = client(house).list_stale_addresses(request).await.expect("a page").into_inner();
        all.extend(page.addresses.into_iter().map(|found| {
            let address = found.address.expect("an address").address;
            (address, found.last_seen_time.is_some(), found.reclaimable)
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

fn claim(place: &str, address: &str) -> AllocateAddressesRequest {
    AllocateAddressesRequest {
        addresses: vec![address.to_owned()],
        details: vec![details("02:00:00:00:00:77")],
        ..allocate(place, AddressPurpose::Claim, 1)
    }
}

/// Until the clock that stamps are made by has gone on.
async fn a_moment_later() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn what_nobody_was_seen_with_is_listed_and_taken_back_once() {
    let house = House::furnished().await;
    given(&house, claim(FREE, "10.2.0.7")).await;
    given(&house, allocate(FREE, AddressPurpose::Hold, 1)).await;
    a_moment_later().await;
    let row = |address: &str| (address.to_owned(), false, true);
    assert_eq!(stale(&house, DEFAULT, MOMENT).await, [row("10.1.0.70"), row("10.2.0.7")]);
    assert_eq!(stale(&house, "scopes/yard", MOMENT).await, [row("10.1.0.70")]);
    assert_eq!(stale(&house, FREE, MOMENT).await, [row("10.2.0.7")]);
    assert_eq!(stale(&house, DEFAULT, DAY).await, []);

    let names = ["10.1.0.70", "10.2.0.7"].map(|address| format!("{DEFAULT}/addresses/{address}"));
    let reclaim = |not_seen_for, validate_only| ReclaimAddressesRequest {
        names: names.to_vec(),
        not_seen_for,
        request_id: "once".to_owned(),
        validate_only,
    };
    let late = client(&house).reclaim_addresses(reclaim(DAY, false)).await.expect_err("made today");
    assert_eq!(answer(&late), refused(Code::FailedPrecondition, "ADDRESS_SEEN"));
    let gone = ["scopes/yard/reservations/10.1.0.70", "spaces/default/addresses/10.2.0.7"];
    let planned = client(&house).reclaim_addresses(reclaim(MOMENT, true)).await.expect("a plan").into_inner();
    assert_eq!(planned.reclaimed, gone);
    assert_eq!(get(&house, "10.2.0.7").await.state(), address::State::Claimed);
    for _ in 0..2 {
        let done = client(&house).reclaim_addresses(reclaim(MOMENT, false)).await.expect("reclaimed").into_inner();
        assert_eq!(done.reclaimed, gone);
    }
    assert_eq!(get(&house, "10.2.0.7").await.state(), address::State::Available);
    assert_eq!(stale(&house, DEFAULT, MOMENT).await, []);
}

/// The lease of the test is from far ahead, so that its client was seen after whatever is asked.
#[tokio::test]
async fn who_was_seen_is_not_stale_even_when_the_lease_is_over() {
    let (house, agent) = served().await;
    leased(&house, &agent, [2, 0, 0, 0, 0, 0x77]).await;
    let claim = AllocateAddressesRequest { accept_risk: true, ..claim("scopes/yard", "10.1.0.20") };
    given(&house, claim).await;
    a_moment_later().await;
    assert_eq!(stale(&house, YARD, MOMENT).await, [("10.1.0.70".to_owned(), false, true)]);
    upload(&house, &agent, [2, 0, 0, 0, 0, 0x77], 2, Kind::Expired).await;
    assert_eq!(get(&house, "10.1.0.20").await.reasons.len(), 1, "the lease is gone");
    assert_eq!(stale(&house, YARD, MOMENT).await, [("10.1.0.70".to_owned(), false, true)]);
}
