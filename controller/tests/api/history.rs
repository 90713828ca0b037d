//! What happened to an address, and who had it when.

use crate::house::*;
use freehold_proto::v1::history_service_client::HistoryServiceClient;
use freehold_proto::v1::*;

const ADDRESS: &str = "spaces/default/addresses/10.1.0.70";

async fn history(house: &House, page_size: i32) -> Vec<AddressHistoryRow> {
    let mut client = HistoryServiceClient::new(house.api.clone());
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAddressHistoryRequest {
            name: ADDRESS.to_owned(),
            page_size,
            page_token: page_token.clone(),
            ..Default::default()
        };
        let page = client.list_address_history(request).await.expect("a page").into_inner();
        assert!(page.rows.len() <= usize::try_from(page_size).expect("positive"));
        rows.extend(page.rows);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return rows;
        }
    }
}

async fn who_had(house: &House, time: Option<prost_types::Timestamp>) -> WhoHadResponse {
    let request = WhoHadRequest { name: ADDRESS.to_owned(), time };
    HistoryServiceClient::new(house.api.clone()).who_had(request).await.expect("an answer").into_inner()
}

#[tokio::test]
async fn the_history_of_an_address_joins_what_lies_around_it_and_outlives_it() {
    let mut house = House::furnished().await;
    let made = history(&house, 100).await;
    let then = made[0].time;
    let delete = DeleteScopeRequest { name: "scopes/yard".to_owned(), force: true, ..DeleteScopeRequest::default() };
    house.scopes().delete_scope(delete).await.expect("deleted");
    house.restart().await;

    let rows = history(&house, 100).await;
    let told: Vec<_> =
        rows.iter().map(|row| (row.what.as_str(), row.method.rsplit('/').next().expect("a word"))).collect();
    let reserved = "reserved for hardware address 02:00:00:00:00:70";
    let (came, went) = (format!("nothing → {reserved}"), format!("{reserved} → nothing"));
    let mut last = [told[0], told[1]];
    last.sort_unstable();
    assert_eq!(last, [(went.as_str(), "DeleteScope"), ("scopes/yard removed", "DeleteScope")]);
    assert_eq!(
        told[2..],
        [
            (came.as_str(), "CreateReservation"),
            ("scopes/yard made", "CreateScope"),
            ("spaces/default/prefixes/10.1.0.0-24 made", "CreatePrefix"),
            ("spaces/default/prefixes/10.0.0.0-8 made", "CreatePrefix"),
        ]
    );
    assert!(rows.iter().all(|row| row.principal == "operators/admin" && row.time.is_some() && row.revision > 0));
    for size in 1..4 {
        assert_eq!(history(&house, size).await, rows, "pages of {size}");
    }

    // Now nobody has it; then somebody did, and what lay around it is told as it was.
    let now = who_had(&house, None).await;
    assert_eq!((now.answer.as_str(), now.reservation, now.scope), ("nobody had 10.1.0.70", None, None));
    assert_eq!(now.network.map(|network| network.cidr), Some("10.1.0.0/24".to_owned()));
    assert_eq!(now.last_change.map(|row| row.revision), Some(rows[0].revision));
    let before = who_had(&house, then).await;
    assert_eq!(before.answer, format!("10.1.0.70 was {reserved}"));
    assert_eq!(before.reservation.map(|found| found.address), Some("10.1.0.70".to_owned()));
    assert_eq!(before.scope.map(|scope| scope.name), Some("scopes/yard".to_owned()));
    assert_eq!((before.last_change.as_ref(), before.unknown), (Some(&rows[2]), Vec::new()));

    let long_ago = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let unknown = who_had(&house, long_ago).await;
    assert_eq!((unknown.answer.as_str(), unknown.network), ("nobody is known to have had 10.1.0.70", None));
    assert!(unknown.unknown[0].contains("when records begin"), "{:?}", unknown.unknown);
}
