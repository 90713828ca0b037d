//! How long a lease takes from the ACK at its client to the API.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use freehold_lab::client::probe::Answer;
use freehold_lab::link::colons;
use freehold_lab::{Client, Controller};
use freehold_proto::v1::ListLeasesRequest;
use freehold_proto::v1::lease_service_client::LeaseServiceClient;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

const LIMIT: Duration = Duration::from_secs(10);
/// Between two questions to the API: what the figure may be too large by.
const PAUSE: Duration = Duration::from_millis(2);
/// Longer than it takes: a client asks once.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Lets each of these new clients get a lease of `scope`, asks the API all the time, and hands back how long each took to be there.
pub(crate) fn after_ack(
    controller: &Controller,
    runtime: &Runtime,
    scope: &str,
    client: &Client,
    hardware_addresses: &[[u8; 6]],
) -> Result<Vec<Duration>> {
    let leases = LeaseServiceClient::new(controller.channel(runtime.handle())?);
    hardware_addresses.iter().map(|&address| one(&leases, runtime, scope, client, address)).collect()
}

fn one(
    leases: &LeaseServiceClient<Channel>,
    runtime: &Runtime,
    scope: &str,
    client: &Client,
    hardware_address: [u8; 6],
) -> Result<Duration> {
    let probe = client.probe(hardware_address, ASK_EVERY)?;
    let started = probe.started();
    let seen = runtime.block_on(visible(leases.clone(), scope, &colons(hardware_address)))?;
    let attempts = probe.stop()?;
    let acked = attempts.first().and_then(|attempt| attempt.ended).context("its question was not answered")?;
    let (acked, Answer::Granted(_)) = acked else {
        return Err(anyhow!("it was refused: {attempts:?}"));
    };
    // The API may be faster than the client's own thread.
    Ok(seen.saturating_duration_since(started + acked))
}

/// When the API first showed a lease of this client.
async fn visible(mut leases: LeaseServiceClient<Channel>, scope: &str, hardware_address: &str) -> Result<Instant> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let request = ListLeasesRequest {
            parent: "servers/-".to_owned(),
            page_size: 1000,
            scope: format!("scopes/{scope}"),
            ..ListLeasesRequest::default()
        };
        let page = leases.list_leases(request).await?.into_inner();
        let now = Instant::now();
        if page.leases.iter().any(|lease| lease.hardware_address == hardware_address) {
            return Ok(now);
        }
        ensure!(now < deadline, "the API did not show the lease of {hardware_address} within {LIMIT:?}");
        tokio::time::sleep(PAUSE).await;
    }
}
