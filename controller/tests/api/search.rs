//! One question over everything.

use crate::house::*;
use freehold_proto::v1::search_service_client::SearchServiceClient;
use freehold_proto::v1::*;

/// What is found, best first: rank, kind, place.
async fn found(house: &House, query: &str) -> Vec<(String, String, String)> {
    let mut client = SearchServiceClient::new(house.api.clone());
    let (mut matches, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = SearchRequest { query: query.to_owned(), page_size: 2, page_token };
        let page = client.search(request).await.expect("a page").into_inner();
        assert!(page.matches.len() <= 2 && page.cut_off.is_empty());
        matches.extend(page.matches);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            let row = |one: SearchMatch| (one.rank().as_str_name().to_owned(), one.kind, one.place);
            return matches.into_iter().map(row).collect();
        }
    }
}

#[tokio::test]
async fn anything_is_found_by_whatever_it_is_known_by() {
    let house = House::furnished().await;
    let named = Reservation {
        host_name: "Phone-71.example".to_owned(),
        description: "on the roof".to_owned(),
        ..reservation("10.1.0.71", "02:00:5e:00:00:71")
    };
    house.reservations().create_reservation(create_reservation("yard", named)).await.expect("a reservation");
    let row = |rank: &str, kind: &str, place: &str| (format!("RANK_{rank}"), kind.to_owned(), place.to_owned());
    let reserved = |rank| vec![row(rank, "reservation", "10.1.0.71")];
    for (query, wanted) in [
        ("02:00:5e:00:00:71", reserved("EXACT")),
        ("0200.5E00.0071", reserved("EXACT")),
        ("02-00-5e", reserved("BEGINS")),
        ("02005", reserved("BEGINS")),
        ("phone-71.EXAMPLE", reserved("EXACT")),
        ("phone", reserved("BEGINS")),
        ("the ROOF", reserved("CONTAINS")),
        ("yard", vec![row("EXACT", "scope", "10.1.0.0/24")]),
        ("nothing of the kind", vec![]),
        (
            "10.1.0.71",
            vec![
                row("EXACT", "reservation", "10.1.0.71"),
                row("BEGINS", "prefix", "10.1.0.0/24"),
                row("BEGINS", "scope", "10.1.0.0/24"),
            ],
        ),
        (
            "10.0.0.0/8",
            vec![
                row("EXACT", "prefix", "10.0.0.0/8"),
                row("BEGINS", "prefix", "10.1.0.0/24"),
                row("BEGINS", "prefix", "10.2.0.0/24"),
            ],
        ),
    ] {
        assert_eq!(found(&house, query).await, wanted, "{query}");
    }
}
