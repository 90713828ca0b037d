//! Lease events taken in durably a second: agents with full spools send as fast as they are acknowledged.

use anyhow::{Result, ensure};
use freehold_lab::Loopback;
use freehold_proto::sync::LeaseEvent;
use freehold_proto::sync::lease_event::Kind;
use freehold_proto::v1::GetServerRequest;
use freehold_proto::v1::server_service_client::ServerServiceClient;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;

use crate::agent::upload_leases;
use crate::figures::{Figures, RUNS, line};
use crate::fleet::{Fleet, server_name};
use crate::{disk, meter};

const WARM_UP: Duration = Duration::from_secs(2);
const WHILE: Duration = Duration::from_secs(10);
const START_LIMIT: Duration = Duration::from_secs(30);
/// More than can be sent in the time.
const SPOOL: u64 = 1 << 40;
/// Different addresses on a server; after these the leases are renewed.
const ADDRESSES: u64 = 50_000;

pub(crate) async fn measure(folder: &Path, agents: usize) -> Result<String> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(run(folder, agents).await?);
    }
    Ok(line("leases", &[("agents", agents as u64)], &runs))
}

async fn run(folder: &Path, agents: usize) -> Result<Figures> {
    let disk = disk::fdatasync_rate(folder)?;
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    let fleet = Fleet::enrol(&controller, agents).await?;
    let connected = fleet.connect().await?;
    let counters: Vec<Arc<AtomicU64>> = (0..agents).map(|_| Arc::default()).collect();
    let mut uploads = JoinSet::new();
    for (number, (channel, counter)) in connected.channels.iter().zip(&counters).enumerate() {
        let epoch = (number as u128 + 1).to_be_bytes();
        let event = move |seq| event(number, seq);
        uploads.spawn(upload_leases(channel.clone(), epoch, SPOOL, event, Arc::clone(counter)));
    }
    let all = || counters.iter().map(|counter| counter.load(Ordering::Relaxed)).sum::<u64>();
    sleep_unless_ended(&mut uploads, WARM_UP).await?;
    let (from, begun) = (all(), Instant::now());
    let before = (meter::cpu_seconds(controller.pid()?)?, meter::cpu_seconds(process::id())?);
    sleep_unless_ended(&mut uploads, WHILE).await?;
    let (to, took) = (all(), begun.elapsed().as_secs_f64());
    let after = (meter::cpu_seconds(controller.pid()?)?, meter::cpu_seconds(process::id())?);
    let resident = meter::resident_bytes(controller.pid()?)?;
    uploads.shutdown().await;
    has_them(&controller, &counters).await?;
    drop(connected);
    controller.stop()?;

    let events = (to - from) as f64;
    let mut figures = vec![
        ("events_per_second", events / took),
        ("controller_cpu_us_per_event", (after.0 - before.0) / events * 1e6),
        ("load_cpu_us_per_event", (after.1 - before.1) / events * 1e6),
        ("controller_rss_mib", meter::mib(resident)),
    ];
    figures.extend(disk);
    Ok(figures)
}

/// Waits, unless an upload ends, which none should.
async fn sleep_unless_ended(uploads: &mut JoinSet<Result<()>>, time: Duration) -> Result<()> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        Some(ended) = uploads.join_next() => ended?,
    }
}

/// The controller says of every server that it has what was acknowledged.
async fn has_them(controller: &Loopback, counters: &[Arc<AtomicU64>]) -> Result<()> {
    let mut client = ServerServiceClient::new(controller.channel().await?);
    for (number, counter) in counters.iter().enumerate() {
        let server = client.get_server(GetServerRequest { name: server_name(number) }).await?.into_inner();
        let (next, acknowledged) = (server.status.unwrap_or_default().next_lease_seq, counter.load(Ordering::Relaxed));
        ensure!(next > acknowledged, "{} awaits {next} and acknowledged {acknowledged}", server.name);
    }
    Ok(())
}

fn event(agent: usize, seq: u64) -> LeaseEvent {
    let client = u32::try_from(seq % ADDRESSES).expect("small");
    let kind = if seq <= ADDRESSES { Kind::Granted } else { Kind::Renewed };
    let address = [10, u8::try_from(agent).expect("few agents"), client.to_be_bytes()[2], client.to_be_bytes()[3]];
    lease(kind, address, client)
}

/// An event as Kea's clients cause them: hardware address, client identifier, host name.
pub(crate) fn lease(kind: Kind, address: [u8; 4], client: u32) -> LeaseEvent {
    let [a, b, c, d] = client.to_be_bytes();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let now_ms = i64::try_from(now.as_millis()).expect("before the year 292278994");
    LeaseEvent {
        kind: kind.into(),
        address: address.to_vec(),
        subnet_id: 1,
        hardware: vec![2, 0, a, b, c, d],
        client_id: vec![1, 2, 0, a, b, c, d],
        host_name: format!("client-{client}"),
        cltt_ms: now_ms,
        valid_seconds: 3600,
        observed_ms: now_ms,
        ..LeaseEvent::default()
    }
}
