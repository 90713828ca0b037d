//! A change until a real Kea runs it, and a lease until the API shows it: a controller, a Kea and its agent in the lab. Needs root.

use anyhow::{Context, Result, bail, ensure};
use freehold_core::net::{AddressRange as Addresses, Cidr};
use freehold_lab::client::probe::Answer;
use freehold_lab::link::colons;
use freehold_lab::{Agent, Branch, Client, Controller, Generation, Kea, Site};
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::lease_service_client::LeaseServiceClient;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::server::Management;
use freehold_proto::v1::server_service_client::ServerServiceClient;
use freehold_proto::v1::{
    AddressPurpose, AddressRange, AllocateAddressesRequest, CreatePrefixRequest, CreateReservationRequest,
    CreateScopeRequest, LeaseTimes, Prefix, Reservation, Scope, Server, UpdateScopeRequest, UpdateServerRequest,
    WaitAppliedRequest, WatchLeasesRequest, WatchLeasesResponse, prefix, reservation, scope,
};
use serde_json::json;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::figures::{Figures, RUNS, line, percentile};
use crate::{disk, meter, plan};

/// Changes of a kind, and new clients, in a run.
const TIMES: u8 = 30;
const SOON: Duration = Duration::from_secs(20);
/// Longer than it takes: a client asks once.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Between two changes: the agent rests after an apply, ten times as long as Kea's sockets were closed, but not longer than so.
const REST_MAX: Duration = Duration::from_secs(6);
const REST_MIN: Duration = Duration::from_millis(200);
const LAN_SCOPE: &str = "lan";

/// What the server has, the scope that is changed not counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) scopes: usize,
    /// In each of them.
    pub(crate) reservations: u8,
}

pub(crate) fn measure(runtime: &Runtime, kea: Generation, size: Size) -> Result<String> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut site = Site::of(kea)?.context("there is no lab here")?;
        runs.push(run(runtime, &mut site, size)?);
    }
    let settings = [
        ("scopes", size.scopes as u64),
        ("reservations_each", size.reservations.into()),
        ("changes", TIMES.into()),
        ("clients", TIMES.into()),
    ];
    Ok(line(&format!("apply to {kea:?}"), &settings, &runs))
}

fn run(runtime: &Runtime, site: &mut Site, size: Size) -> Result<Figures> {
    let disk = disk::fdatasync_rate(site.lab.folder())?;
    let mut controller = Controller::init(site)?;
    controller.run()?;
    let berlin = &mut site.berlin;
    berlin.kea.configure(&berlin.kea.config(berlin.lan.interface(), &json!([])))?;
    berlin.kea.start()?;
    let mut agent = Agent::enrol(&controller, berlin)?;
    agent.run()?;
    controller.wait_connected(&agent.server(), SOON)?;
    let server = format!("servers/{}", agent.server());
    let channel = controller.channel(runtime.handle())?;
    runtime.block_on(prepare(&channel, &server, berlin, size))?;

    let mut applied = runtime.block_on(changes(&channel))?;
    let mut reserved = runtime.block_on(reservations(&channel, berlin))?;
    let rest = rest(&applied);
    let mut bitten = holds(runtime, &channel, &berlin.kea, berlin.address(1, 0), rest)?;
    let mut kea = kea_alone(&berlin.kea)?;
    let client = berlin.client(&site.lab, "client", [2, 0, 0, 0, 0, 1])?;
    let mut seen = leases(runtime, &channel, &client)?;
    let pid = |process: Option<&freehold_lab::Process>| Ok::<_, anyhow::Error>(process.context("it ended")?.pid());
    let agent_rss = meter::resident_bytes(pid(agent.process())?)?;
    let controller_rss = meter::resident_bytes(pid(controller.process())?)?;
    let mut figures = vec![
        ("call_to_applied_p50_ms", percentile(&mut applied, 50.0)),
        ("call_to_applied_p99_ms", percentile(&mut applied, 99.0)),
        ("reservation_to_applied_p50_ms", percentile(&mut reserved, 50.0)),
        ("reservation_to_applied_p99_ms", percentile(&mut reserved, 99.0)),
        ("hold_bites_p50_ms", percentile(&mut bitten, 50.0)),
        ("hold_bites_p99_ms", percentile(&mut bitten, 99.0)),
        ("kea_config_test_p50_ms", percentile(&mut kea.tests, 50.0)),
        ("kea_config_set_p50_ms", percentile(&mut kea.sets, 50.0)),
        ("kea_config_get_p50_ms", percentile(&mut kea.gets, 50.0)),
        ("ack_to_api_p50_ms", percentile(&mut seen, 50.0)),
        ("ack_to_api_p99_ms", percentile(&mut seen, 99.0)),
        ("agent_rss_mib", meter::mib(agent_rss)),
        ("controller_rss_mib", meter::mib(controller_rss)),
    ];
    figures.extend(disk);
    Ok(figures)
}

/// Gives the server a scope for the clients here and some for others, and lets the controller manage it.
async fn prepare(channel: &Channel, server: &str, berlin: &Branch, size: Size) -> Result<()> {
    plan::scopes(channel, size.scopes, |_| Some(server.to_owned())).await?;
    let all = (0..size.scopes).flat_map(|scope| (0..size.reservations).map(move |client| (scope, client)));
    plan::each(all, |(scope, client)| plan::reservation(channel.clone(), scope, client)).await?;

    let prefix = Prefix { cidr: berlin.network(), kind: prefix::Kind::Network.into(), ..Prefix::default() };
    let request = CreatePrefixRequest {
        parent: "spaces/default".to_owned(),
        prefix: Some(prefix),
        ..CreatePrefixRequest::default()
    };
    PrefixServiceClient::new(channel.clone()).create_prefix(request).await?;
    let (start, end) = (berlin.address(1, 0).to_string(), berlin.address(1, 250).to_string());
    let lan = Scope {
        network: format!("spaces/default/prefixes/{}", berlin.network().replace('/', "-")),
        ranges: vec![AddressRange { start, end }],
        lease_times: Some(LeaseTimes { valid_seconds: 3600, ..LeaseTimes::default() }),
        status: scope::Status::Active.into(),
        server: server.to_owned(),
        ..Scope::default()
    };
    let request =
        CreateScopeRequest { scope_id: LAN_SCOPE.to_owned(), scope: Some(lan), ..CreateScopeRequest::default() };
    ScopeServiceClient::new(channel.clone()).create_scope(request).await?;
    let managed = Server { name: server.to_owned(), management: Management::Managed.into(), ..Server::default() };
    let request = UpdateServerRequest { server: Some(managed), ..UpdateServerRequest::default() };
    ServerServiceClient::new(channel.clone()).update_server(request).await?;
    wait_applied(channel).await
}

/// Changes the scope again and again; how long each took from the call until the API says that Kea was proven to run it, in ms.
async fn changes(channel: &Channel) -> Result<Vec<f64>> {
    let mut client = ScopeServiceClient::new(channel.clone());
    let mut waits = Vec::new();
    for step in 0..TIMES {
        tokio::time::sleep(rest(&waits)).await;
        let scope = Scope {
            name: format!("scopes/{LAN_SCOPE}"),
            lease_times: Some(LeaseTimes { valid_seconds: 4000 + u32::from(step), ..LeaseTimes::default() }),
            ..Scope::default()
        };
        let begun = Instant::now();
        client.update_scope(UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() }).await?;
        wait_applied(channel).await?;
        waits.push(milliseconds(begun.elapsed()));
    }
    Ok(waits)
}

/// Reserves addresses of the scope; how long each took from the call until the API says that Kea was proven to know it, in ms.
async fn reservations(channel: &Channel, berlin: &Branch) -> Result<Vec<f64>> {
    let mut client = ReservationServiceClient::new(channel.clone());
    let mut waits = Vec::new();
    for step in 0..TIMES {
        tokio::time::sleep(rest(&waits)).await;
        let reservation = Reservation {
            address: berlin.address(9, step + 1).to_string(),
            client: Some(reservation::Client::HardwareAddress(colons([2, 0, 0, 0, 0x30, step]))),
            ..Reservation::default()
        };
        let request = CreateReservationRequest {
            parent: format!("scopes/{LAN_SCOPE}"),
            reservation: Some(reservation),
            ..CreateReservationRequest::default()
        };
        let begun = Instant::now();
        client.create_reservation(request).await?;
        wait_applied(channel).await?;
        waits.push(milliseconds(begun.elapsed()));
    }
    Ok(waits)
}

/// How long to wait before the next change, after changes that took so many ms.
fn rest(waits: &[f64]) -> Duration {
    let last = waits.last().map_or(REST_MAX, |took| Duration::from_secs_f64(took / 100.0));
    last.clamp(REST_MIN, REST_MAX)
}

/// Holds addresses of the pool, one after the other; how long each took from the call until Kea would lease it to nobody, in ms.
fn holds(runtime: &Runtime, channel: &Channel, kea: &Kea, first: Ipv4Addr, rest: Duration) -> Result<Vec<f64>> {
    let mut client = AddressServiceClient::new(channel.clone());
    let mut waits = Vec::new();
    for step in 0..TIMES {
        std::thread::sleep(REST_MAX.min(rest));
        let address = Ipv4Addr::from(u32::from(first) + 2 * u32::from(step) + 1).to_string();
        let request = AllocateAddressesRequest {
            parent: format!("scopes/{LAN_SCOPE}"),
            addresses: vec![address.clone()],
            purpose: AddressPurpose::Hold.into(),
            ..AllocateAddressesRequest::default()
        };
        let begun = Instant::now();
        runtime.block_on(client.allocate_addresses(request))?;
        while !is_kept(kea, &address)? {
            ensure!(begun.elapsed() < SOON, "{address} is held, and Kea would lease it");
        }
        waits.push(milliseconds(begun.elapsed()));
    }
    Ok(waits)
}

/// Whether Kea leases an address to nobody: it is in no pool, or a lease is on it that no client has.
fn is_kept(kea: &Kea, address: &str) -> Result<bool> {
    let answer = kea.answer("lease4-get", Some(json!({ "ip-address": address })))?;
    if answer["arguments"]["state"] == 1 {
        return Ok(true);
    }
    let held: Ipv4Addr = address.parse()?;
    let running = kea.command("config-get", None)?;
    let subnets = running["Dhcp4"]["subnet4"].as_array().cloned().unwrap_or_default();
    let has = |pool: &serde_json::Value| {
        // Kea writes a pool that is a whole prefix as such.
        let text = pool["pool"].as_str().unwrap_or_default();
        let range = text.parse().or_else(|_| text.parse::<Cidr>().map(|cidr| cidr.range()));
        range.is_ok_and(|range: Addresses| range.contains(held.into()))
    };
    let lan = subnets.iter().find(|subnet| subnet["user-context"]["freehold"]["scope"] == LAN_SCOPE);
    let lan = lan.context("Kea does not have the scope")?;
    Ok(!lan["pools"].as_array().into_iter().flatten().any(has))
}

async fn wait_applied(channel: &Channel) -> Result<()> {
    let request = WaitAppliedRequest { resource: format!("scopes/{LAN_SCOPE}"), ..WaitAppliedRequest::default() };
    let answer = ServerServiceClient::new(channel.clone()).wait_applied(request).await?.into_inner();
    ensure!(answer.applied, "it was not applied: {answer:?}");
    Ok(())
}

/// How long Kea takes by itself, in ms.
struct KeaAlone {
    tests: Vec<f64>,
    sets: Vec<f64>,
    gets: Vec<f64>,
}

/// The three commands that an apply needs, with the configuration that Kea runs, asked directly.
fn kea_alone(kea: &Kea) -> Result<KeaAlone> {
    let timed = |command: &str, arguments: Option<serde_json::Value>| {
        let begun = Instant::now();
        kea.command(command, arguments).map(|answer| (milliseconds(begun.elapsed()), answer))
    };
    let mut alone = KeaAlone { tests: Vec::new(), sets: Vec::new(), gets: Vec::new() };
    for _ in 0..TIMES {
        let begun = Instant::now();
        let config = kea.running_config()?;
        let get = milliseconds(begun.elapsed());
        alone.gets.push(get);
        alone.tests.push(timed("config-test", Some(config.clone()))?.0);
        alone.sets.push(timed("config-set", Some(config))?.0);
    }
    Ok(alone)
}

/// New clients get a lease each; how long from the ACK until the API tells of it, in ms.
fn leases(runtime: &Runtime, channel: &Channel, client: &Client) -> Result<Vec<f64>> {
    let mut api = LeaseServiceClient::new(channel.clone());
    let mut stream =
        runtime.block_on(api.watch_leases(WatchLeasesRequest { parent: "servers/-".into() }))?.into_inner();
    (0..TIMES).map(|number| lease(runtime, &mut stream, client, [2, 0, 0, 0, 0x20, number])).collect()
}

fn lease(
    runtime: &Runtime,
    stream: &mut Streaming<WatchLeasesResponse>,
    client: &Client,
    hardware_address: [u8; 6],
) -> Result<f64> {
    let probe = client.probe(hardware_address, ASK_EVERY)?;
    let started = probe.started();
    let told =
        runtime.block_on(async { tokio::time::timeout(SOON, told(stream, &colons(hardware_address))).await })??;
    let attempts = probe.stop()?;
    match attempts.first().and_then(|attempt| attempt.ended) {
        // The API may be faster than the client's own thread.
        Some((acked, Answer::Granted(_))) => Ok(milliseconds(told.saturating_duration_since(started + acked))),
        other => bail!("the first question ended with {other:?}"),
    }
}

/// When the API first told of a lease of this client.
async fn told(stream: &mut Streaming<WatchLeasesResponse>, hardware_address: &str) -> Result<Instant> {
    loop {
        let message = stream.message().await?.context("the watch ended")?;
        let is_it = |lease: &freehold_proto::v1::Lease| lease.hardware_address == hardware_address;
        if message.events.iter().filter_map(|event| event.lease.as_ref()).any(is_it) {
            return Ok(Instant::now());
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
