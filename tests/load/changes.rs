//! Durable changes a second: callers make and delete reservations, each waiting for its answer.

use anyhow::Result;
use freehold_lab::Loopback;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::{CreateReservationRequest, DeleteReservationRequest, Reservation};
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::figures::{Figures, RUNS, line, percentile};
use crate::{disk, meter, plan};

/// Connections at most; past that, callers share them, as the calls of one program do.
const CONNECTIONS_MAX: usize = 16;
const WARM_UP: Duration = Duration::from_secs(2);
const WHILE: Duration = Duration::from_secs(10);
const START_LIMIT: Duration = Duration::from_secs(30);
/// What the load is doing.
const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const OVER: u8 = 2;

pub(crate) async fn measure(folder: &Path, callers: usize) -> Result<String> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(run(folder, callers).await?);
    }
    let connections = callers.min(CONNECTIONS_MAX);
    Ok(line("changes", &[("callers", callers as u64), ("connections", connections as u64)], &runs))
}

async fn run(folder: &Path, callers: usize) -> Result<Figures> {
    let disk = disk::fdatasync_rate(folder)?;
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    plan::scopes(&controller.channel().await?, callers, |_| None).await?;

    let mut connections = Vec::new();
    for _ in 0..callers.min(CONNECTIONS_MAX) {
        connections.push(controller.channel().await?);
    }
    let phase = Arc::new(AtomicU8::new(WARMING));
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let caller = Caller { channel: connections[number % connections.len()].clone(), number };
        tasks.spawn(caller.run(Arc::clone(&phase)));
    }
    tokio::time::sleep(WARM_UP).await;
    let before = (cpu(&controller)?, Instant::now());
    phase.store(MEASURING, Ordering::Relaxed);
    tokio::time::sleep(WHILE).await;
    phase.store(OVER, Ordering::Relaxed);
    let (after, took) = (cpu(&controller)?, before.1.elapsed().as_secs_f64());
    let resident = meter::resident_bytes(controller.pid()?)?;
    let mut waits = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        waits.extend(ended??);
    }
    controller.stop()?;

    let changes = waits.len() as f64;
    let per_change = |now: f64, then: f64| (now - then) / changes * 1e6;
    let p50 = percentile(&mut waits, 50.0);
    let above = p50 - disk.iter().find(|(name, _)| *name == "fdatasync_p50_ms").map_or(0.0, |(_, value)| *value);
    let mut figures = vec![
        ("changes_per_second", changes / took),
        ("p50_ms", p50),
        ("p50_above_fdatasync_ms", above),
        ("p99_ms", percentile(&mut waits, 99.0)),
        ("controller_cpu_us_per_change", per_change(after.0, before.0.0)),
        ("load_cpu_us_per_change", per_change(after.1, before.0.1)),
        ("controller_rss_mib", meter::mib(resident)),
    ];
    figures.extend(disk);
    Ok(figures)
}

/// Processor seconds of the controller, and of the load itself.
fn cpu(controller: &Loopback) -> Result<(f64, f64)> {
    Ok((meter::cpu_seconds(controller.pid()?)?, meter::cpu_seconds(process::id())?))
}

/// One caller with a scope of its own.
struct Caller {
    channel: Channel,
    number: usize,
}

impl Caller {
    /// Makes a reservation, deletes it, makes the next, until it is over. How long each took while it was measured, in ms.
    async fn run(self, phase: Arc<AtomicU8>) -> Result<Vec<f64>> {
        let mut client = ReservationServiceClient::new(self.channel.clone());
        let mut waits = Vec::new();
        for step in 0_u64.. {
            let measured = phase.load(Ordering::Relaxed);
            if measured == OVER {
                break;
            }
            let start = Instant::now();
            if step % 2 == 0 {
                client.create_reservation(self.create(step)).await?;
            } else {
                client.delete_reservation(self.delete(step)).await?;
            }
            // Answers that come after the end are not counted: they were not taken in within the time.
            if measured == MEASURING && phase.load(Ordering::Relaxed) == MEASURING {
                waits.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
        Ok(waits)
    }

    fn create(&self, step: u64) -> CreateReservationRequest {
        let client = format!("02:00:{:02x}:{:02x}:00:01", self.number / 256 % 256, self.number % 256);
        let reservation = Reservation {
            address: plan::address(self.number, last(step)).to_string(),
            host_name: format!("host-{step}"),
            client: Some(Client::HardwareAddress(client)),
            ..Reservation::default()
        };
        CreateReservationRequest {
            parent: format!("scopes/{}", plan::scope_id(self.number)),
            reservation: Some(reservation),
            request_id: self.request_id(step),
            validate_only: false,
        }
    }

    fn delete(&self, step: u64) -> DeleteReservationRequest {
        let address = plan::address(self.number, last(step));
        DeleteReservationRequest {
            name: format!("scopes/{}/reservations/{address}", plan::scope_id(self.number)),
            request_id: self.request_id(step),
            ..DeleteReservationRequest::default()
        }
    }

    fn request_id(&self, step: u64) -> String {
        format!("load-{}-{step}", self.number)
    }
}

/// The last octet of the address that a step, or the one after it, is about.
fn last(step: u64) -> u8 {
    u8::try_from(2 + step / 2 % 250).expect("below 252")
}
