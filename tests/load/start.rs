//! A controller's start with a large state, after a clean stop and after a kill.

use anyhow::Result;
use freehold_lab::Loopback;
use freehold_proto::sync::lease_event::Kind;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::{CreateReservationRequest, GetScopeRequest, Reservation};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::agent::upload_leases;
use crate::figures::{Figures, RUNS, line};
use crate::fleet::{Fleet, server_name};
use crate::leases::lease;
use crate::{disk, meter, plan};

/// Reservations in each scope.
const RESERVATIONS: usize = 5;
/// Agents that brought the leases.
const AGENTS: usize = 16;
const START_LIMIT: Duration = Duration::from_secs(300);

pub(crate) async fn measure(folder: &Path, scopes: usize, leases: u64) -> Result<String> {
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    fill(&controller, scopes, leases).await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let disk = disk::fdatasync_rate(folder)?;
        controller.stop()?;
        let mut figures = start(&mut controller, "after_stop_seconds").await?;
        controller.kill()?;
        figures.extend(start(&mut controller, "after_kill_seconds").await?);
        figures.push(("controller_rss_mib", meter::mib(meter::resident_bytes(controller.pid()?)?)));
        figures.extend(disk);
        runs.push(figures);
    }
    controller.stop()?;
    let settings = [("scopes", scopes as u64), ("reservations", (scopes * RESERVATIONS) as u64), ("leases", leases)];
    Ok(line("start", &settings, &runs))
}

/// Starts it; the time until it has answered a call.
async fn start(controller: &mut Loopback, what: &'static str) -> Result<Figures> {
    let begun = Instant::now();
    controller.start(START_LIMIT)?;
    let mut client = ScopeServiceClient::new(controller.channel().await?);
    client.get_scope(GetScopeRequest { name: format!("scopes/{}", plan::scope_id(0)) }).await?;
    Ok(vec![(what, begun.elapsed().as_secs_f64())])
}

async fn fill(controller: &Loopback, scopes: usize, leases: u64) -> Result<()> {
    let fleet = Fleet::enrol(controller, AGENTS).await?;
    let connected = fleet.connect().await?;
    let channel = controller.channel().await?;
    plan::scopes(&channel, scopes, |number| Some(server_name(number % AGENTS))).await?;
    plan::each(0..scopes * RESERVATIONS, |number| reserve(channel.clone(), number)).await?;
    let mut uploads = JoinSet::new();
    let (each, per_scope) = (leases / AGENTS as u64, leases.div_ceil(scopes as u64));
    for (number, channel) in connected.channels.iter().enumerate() {
        let event = move |seq: u64| {
            let client = number as u64 * each + seq - 1;
            let scope = usize::try_from(client / per_scope).expect("a number of a scope");
            let last = u8::try_from(100 + client % per_scope).expect("a scope has up to 150 leases");
            let client = u32::try_from(client).expect("fewer than 2^32 leases");
            lease(Kind::Granted, plan::address(scope, last).octets(), client)
        };
        let epoch = (number as u128 + 1).to_be_bytes();
        uploads.spawn(upload_leases(channel.clone(), epoch, each, event, Default::default()));
    }
    while let Some(ended) = uploads.join_next().await {
        ended??;
    }
    Ok(())
}

async fn reserve(channel: Channel, number: usize) -> Result<()> {
    let (scope, client) = (number / RESERVATIONS, u8::try_from(number % RESERVATIONS)?);
    let reservation = Reservation {
        address: plan::address(scope, 10 + client).to_string(),
        client: Some(Client::HardwareAddress(format!("02:00:00:00:00:{client:02x}"))),
        ..Reservation::default()
    };
    let request = CreateReservationRequest {
        parent: format!("scopes/{}", plan::scope_id(scope)),
        reservation: Some(reservation),
        ..CreateReservationRequest::default()
    };
    ReservationServiceClient::new(channel).create_reservation(request).await?;
    Ok(())
}
