//! What a server can do is told as its agent found it, and what it cannot do is refused before it is saved.

use crate::agent::{Agent, serve};
use crate::house::*;
use freehold_proto::sync::Found;
use freehold_proto::v1::capability::Support;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::*;

/// What a server can do of each of these.
async fn told(house: &House, server: &str, features: &[&str]) -> Vec<(String, Support)> {
    let request = GetCapabilitiesRequest { name: server.to_owned() };
    let all = house.servers().get_capabilities(request).await.expect("capabilities").into_inner().capabilities;
    let of = |feature: &&str| all.iter().find(|row| row.feature == **feature).expect("a row").clone();
    features.iter().map(of).map(|row| (row.feature.clone(), row.support())).collect()
}

fn reserve(client: Client) -> CreateReservationRequest {
    let reservation = Reservation { address: "10.1.0.80".to_owned(), client: Some(client), ..Reservation::default() };
    create_reservation("yard", reservation)
}

#[tokio::test]
async fn a_server_is_asked_for_nothing_that_its_agent_found_it_not_to_do() {
    let house = House::furnished().await;
    let found = Found {
        abilities: vec!["lease_cmds".to_owned(), "a-word-of-tomorrow".to_owned()],
        identifiers: vec!["hw-address".to_owned()],
        leases: "file".to_owned(),
    };
    let agent = Agent::connect_saying(&house, "berlin-1", |hello| {
        hello.servers[0].report.as_mut().expect("a report").found = Some(found);
    })
    .await;
    let features = ["holds", "live-scopes", "reservations-by-hardware-address", "reservations-by-duid", "prefix-pools"];
    let support = [Support::Native, Support::Translated, Support::Native, Support::Missing, Support::Missing];
    let wanted: Vec<_> = features.map(str::to_owned).into_iter().zip(support).collect();
    assert_eq!(told(&house, &agent.server, &features).await, wanted);
    serve(&house, &agent.server).await;
    let by_duid = reserve(Client::Duid("00:03:00:01:02:00:00:00:00:09".to_owned()));
    let refused = house.reservations().create_reservation(by_duid).await.expect_err("not looked for");
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    assert_eq!(
        refused.message(),
        "servers/berlin-1/kea4 cannot do that (reservations-by-duid): this Kea does not look for reservations by duid; add it to host-reservation-identifiers in Dhcp4"
    );
    let by_hardware = reserve(Client::HardwareAddress("02:00:00:00:00:09".to_owned()));
    house.reservations().create_reservation(by_hardware).await.expect("looked for");
}

#[tokio::test]
async fn an_agent_that_does_not_say_is_not_held_to_it() {
    let house = House::furnished().await;
    let agent = Agent::connect(&house, "berlin-1").await;
    let wanted = vec![("reservations-by-duid".to_owned(), Support::Unspecified)];
    assert_eq!(told(&house, &agent.server, &["reservations-by-duid"]).await, wanted);
    serve(&house, &agent.server).await;
    let by_duid = reserve(Client::Duid("00:03:00:01:02:00:00:00:00:09".to_owned()));
    house.reservations().create_reservation(by_duid).await.expect("the server itself may refuse it");
}
