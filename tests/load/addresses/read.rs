//! What reading a large plan costs: one address, a page of them, search, utilisation.

use anyhow::{Result, ensure};
use freehold_lab::Loopback;
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::search_service_client::SearchServiceClient;
use freehold_proto::v1::utilisation_service_client::UtilisationServiceClient;
use freehold_proto::v1::{GetAddressRequest, GetUtilisationRequest, ListAddressesRequest, SearchRequest};
use std::time::Instant;
use tonic::transport::Channel;

use super::calls::{connect, drawn, ms, timed};
use super::{CALLERS, fill};
use crate::figures::Figures;

/// Calls of one caller.
const ALONE: u64 = 5_000;
/// Calls of many callers.
const MANY: u64 = 100_000;
/// Rows of a page.
const ROWS: i32 = 100;

pub(super) async fn all(controller: &Loopback, used: u32) -> Result<Figures> {
    let channels = connect(controller, CALLERS).await?;
    let one = &channels[..1];
    let get = move |channel, number| {
        get(channel, format!("spaces/tree/addresses/{}", fill::in_tree(drawn(number, used), used)))
    };
    let took = timed(controller, one, 1, 0..ALONE, get).await?;
    let mut figures = took.figures(["get_per_s", "get_p50_ms", "get_p99_ms", "get_controller_cpu_ms"]);
    let took = timed(controller, &channels, CALLERS, 0..MANY, get).await?;
    figures.extend(took.figures(["get_32_per_s", "get_32_p50_ms", "get_32_p99_ms", "get_32_controller_cpu_ms"]));

    // A page begins where a whole one follows.
    let list_page = move |channel, number| {
        let from = fill::in_page(drawn(number, fill::PAGE - ROWS.unsigned_abs()));
        list(channel, "spaces/page/prefixes/10.0.0.0-16", from.to_string())
    };
    let took = timed(controller, one, 1, 0..ALONE, list_page).await?;
    figures.extend(took.figures(["list_65000_per_s", "list_65000_p50_ms", "list_65000_p99_ms", "list_65000_cpu_ms"]));
    let list_flat = move |channel, number| {
        let from = fill::in_flat(drawn(number, used - used / 100), used);
        list(channel, "spaces/flat/prefixes/10.0.0.0-8", from.to_string())
    };
    let took = timed(controller, one, 1, 0..ALONE, list_flat).await?;
    figures.extend(took.figures(["list_8_per_s", "list_8_p50_ms", "list_8_p99_ms", "list_8_cpu_ms"]));

    let by_hardware = move |channel, number| find(channel, fill::hardware(0, drawn(number, used)));
    let took = timed(controller, one, 1, 0..ALONE, by_hardware).await?;
    figures.extend(took.figures(["hardware_per_s", "hardware_p50_ms", "hardware_p99_ms", "hardware_cpu_ms"]));
    let by_name = move |channel, number| find(channel, fill::host_name("tree", drawn(number, used)));
    let took = timed(controller, one, 1, 0..ALONE, by_name).await?;
    figures.extend(took.figures(["host_name_per_s", "host_name_p50_ms", "host_name_p99_ms", "host_name_cpu_ms"]));

    let took = timed(controller, one, 1, 0..ALONE, move |channel, _| utilisation(channel, used)).await?;
    figures.extend(took.figures([
        "utilisation_per_s",
        "utilisation_p50_ms",
        "utilisation_p99_ms",
        "utilisation_cpu_ms",
    ]));
    Ok(figures)
}

async fn get(channel: Channel, name: String) -> Result<f64> {
    let mut client = AddressServiceClient::new(channel);
    let begun = Instant::now();
    let found = client.get_address(GetAddressRequest { name }).await?.into_inner();
    let wait = ms(begun);
    ensure!(!found.host_names.is_empty(), "{} is not in use", found.name);
    Ok(wait)
}

pub(super) async fn list(channel: Channel, parent: &str, from: String) -> Result<f64> {
    let mut client = AddressServiceClient::new(channel);
    let request = ListAddressesRequest { parent: parent.to_owned(), page_size: ROWS, from, ..Default::default() };
    let begun = Instant::now();
    let page = client.list_addresses(request).await?.into_inner();
    let wait = ms(begun);
    ensure!(i32::try_from(page.rows.len())? == ROWS, "a page of {} rows", page.rows.len());
    Ok(wait)
}

pub(super) async fn find(channel: Channel, query: String) -> Result<f64> {
    let mut client = SearchServiceClient::new(channel);
    let begun = Instant::now();
    let found = client.search(SearchRequest { query: query.clone(), ..SearchRequest::default() }).await?.into_inner();
    let wait = ms(begun);
    ensure!(found.matches.len() == 1, "{} matches of {query}", found.matches.len());
    Ok(wait)
}

async fn utilisation(channel: Channel, used: u32) -> Result<f64> {
    let mut client = UtilisationServiceClient::new(channel);
    let request = GetUtilisationRequest { name: "spaces/tree/prefixes/10.0.0.0-8".to_owned() };
    let begun = Instant::now();
    let found = client.get_utilisation(request).await?.into_inner();
    let wait = ms(begun);
    let claimed = found.ipv4.map_or(0, |counts| counts.claimed);
    ensure!(claimed == u64::from(used), "{claimed} claimed, not {used}");
    Ok(wait)
}
