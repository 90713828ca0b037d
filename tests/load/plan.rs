//! The plan that a load works on: networks and scopes, made through the API.

use anyhow::Result;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::scope::Status;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::{
    AddressRange, CreatePrefixRequest, CreateReservationRequest, CreateScopeRequest, LeaseTimes, Prefix, Reservation,
    Scope, prefix,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::future::Future;
use std::net::Ipv4Addr;
use tonic::transport::Channel;

/// Calls under way at once while a load is prepared.
const AT_ONCE: usize = 256;

/// The id of the scope with this number.
pub(crate) fn scope_id(number: usize) -> String {
    format!("load-{number:05}")
}

/// An address in the network of the scope with this number: 11.0.0.0/24 and on, beside the 10.0.0.0/8 of the lab.
pub(crate) fn address(number: usize, last: u8) -> Ipv4Addr {
    let [_, _, high, low] = u32::try_from(number).expect("a number of a scope").to_be_bytes();
    Ipv4Addr::new(11, high, low, last)
}

/// Makes a network and a scope on it for each number; `server` says who serves it.
pub(crate) async fn scopes(channel: &Channel, count: usize, server: impl Fn(usize) -> Option<String>) -> Result<()> {
    each(0..count, |number| {
        let channel = channel.clone();
        let server = server(number);
        async move { scope(channel, number, server).await }
    })
    .await
}

async fn scope(channel: Channel, number: usize, server: Option<String>) -> Result<()> {
    let cidr = format!("{}/24", address(number, 0));
    let prefix = Prefix { cidr: cidr.clone(), kind: prefix::Kind::Network.into(), ..Prefix::default() };
    let request = CreatePrefixRequest {
        parent: "spaces/default".to_owned(),
        prefix: Some(prefix),
        ..CreatePrefixRequest::default()
    };
    PrefixServiceClient::new(channel.clone()).create_prefix(request).await?;
    let range = AddressRange { start: address(number, 100).to_string(), end: address(number, 250).to_string() };
    let scope = Scope {
        network: format!("spaces/default/prefixes/{}", cidr.replace('/', "-")),
        ranges: vec![range],
        lease_times: Some(LeaseTimes { valid_seconds: 3600, ..LeaseTimes::default() }),
        status: Status::Active.into(),
        server: server.unwrap_or_default(),
        ..Scope::default()
    };
    let request =
        CreateScopeRequest { scope_id: scope_id(number), scope: Some(scope), ..CreateScopeRequest::default() };
    ScopeServiceClient::new(channel).create_scope(request).await?;
    Ok(())
}

/// Reserves an address of the scope with this number for a client of its own.
pub(crate) async fn reservation(channel: Channel, number: usize, client: u8) -> Result<()> {
    let [_, _, high, low] = u32::try_from(number)?.to_be_bytes();
    let reservation = Reservation {
        address: address(number, 2 + client).to_string(),
        host_name: format!("host-{number}-{client}"),
        client: Some(Client::HardwareAddress(format!("02:00:{high:02x}:{low:02x}:01:{client:02x}"))),
        ..Reservation::default()
    };
    let request = CreateReservationRequest {
        parent: format!("scopes/{}", scope_id(number)),
        reservation: Some(reservation),
        ..CreateReservationRequest::default()
    };
    ReservationServiceClient::new(channel).create_reservation(request).await?;
    Ok(())
}

/// Carries something out for each item, many at once; the first failure ends it.
pub(crate) async fn each<I, F>(items: impl IntoIterator<Item = I>, work: impl Fn(I) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    stream::iter(items).map(work).buffer_unordered(AT_ONCE).try_collect().await
}
