//! An import of 100,000 addresses: planned, applied, and applied while somebody else works; and a plan of a million lines.

use anyhow::{Context, Result, ensure};
use freehold_lab::Loopback;
use freehold_proto::v1::exchange_service_client::ExchangeServiceClient;
use freehold_proto::v1::space_service_client::SpaceServiceClient;
use freehold_proto::v1::{
    ApplyImportRequest, CreateSpaceRequest, ImportFile, ImportPlan, ImportResult, PlanImportRequest, Space,
    UpdateSpaceRequest, apply_import_request, plan_import_request,
};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tonic::transport::Channel;

use crate::figures::{Figures, RUNS, line};
use crate::{disk, meter};

const START_LIMIT: Duration = Duration::from_secs(30);
/// Bytes in a piece of a file.
const PIECE: usize = 256 << 10;
/// Addresses in a network.
const IN_NETWORK: usize = 250;
/// How often the lines of the long plan are repeated.
const TIMES: usize = 10;

pub(crate) async fn measure(folder: &Path, addresses: usize) -> Result<String> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(run(folder, addresses).await?);
    }
    Ok(line("imports", &[("addresses", addresses as u64), ("long_plan_lines", (addresses * TIMES) as u64)], &runs))
}

async fn run(folder: &Path, addresses: usize) -> Result<Figures> {
    let disk = disk::fdatasync_rate(folder)?;
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    let channel = controller.channel().await?;
    let lines = addresses_csv(addresses);
    let mut spaces = SpaceServiceClient::new(channel.clone());
    for id in ["quiet", "busy", "elsewhere"] {
        spaces.create_space(CreateSpaceRequest { space_id: id.to_owned(), ..Default::default() }).await?;
        apply(&channel, id, "", &networks_csv(addresses)).await?;
    }

    let start = Instant::now();
    let planned = plan(&channel, "quiet", &lines).await?;
    let plan_s = start.elapsed().as_secs_f64();
    ensure!((planned.created, planned.refused) == (addresses as u64, 0), "another plan: {planned:?}");
    let start = Instant::now();
    let applied = apply(&channel, "quiet", &planned.digest, &lines).await?;
    let apply_s = start.elapsed().as_secs_f64();
    ensure!(applied.created == addresses as u64, "another result: {applied:?}");

    let before = meter::resident_bytes(controller.pid()?)?;
    let start = Instant::now();
    let long = plan(&channel, "quiet", &repeated(&lines)).await?;
    let long_plan_s = start.elapsed().as_secs_f64();
    ensure!(long.unchanged == (addresses * TIMES) as u64, "another plan: {long:?}");
    let after = meter::resident_bytes(controller.pid()?)?;

    let over = Arc::new(AtomicBool::new(false));
    let bystander = tokio::spawn(work(controller.channel().await?, Arc::clone(&over)));
    let start = Instant::now();
    let applied = apply(&channel, "busy", "", &lines).await?;
    let busy_apply_s = start.elapsed().as_secs_f64();
    ensure!(applied.created == addresses as u64, "another result: {applied:?}");
    over.store(true, Ordering::Relaxed);
    let longest = bystander.await??;
    controller.stop()?;

    let mut figures = vec![
        ("plan_s", plan_s),
        ("apply_s", apply_s),
        ("plan_and_apply_s", plan_s + apply_s),
        ("apply_beside_others_s", busy_apply_s),
        ("others_wait_max_ms", longest.as_secs_f64() * 1000.0),
        ("long_plan_s", long_plan_s),
        ("controller_rss_before_long_plan_mib", meter::mib(before)),
        ("controller_rss_after_long_plan_mib", meter::mib(after)),
    ];
    figures.extend(disk);
    Ok(figures)
}

fn networks_csv(addresses: usize) -> String {
    let mut text = String::from("prefix,kind\n10.0.0.0/8,container\n");
    for n in 0..addresses.div_ceil(IN_NETWORK) {
        writeln!(text, "10.{}.{}.0/24,network", n / 256, n % 256).expect("a string");
    }
    text
}

/// Addresses with hardware address, host name and owner, as an inventory has them.
fn addresses_csv(addresses: usize) -> String {
    let mut text = String::from("address,hardware_address,host_name,owner\n");
    for n in 0..addresses {
        let (network, host) = (n / IN_NETWORK, n % IN_NETWORK + 1);
        let [_, a, b, c] = u32::try_from(n).expect("below 2^24").to_be_bytes();
        let hardware = format!("02:00:5e:{a:02x}:{b:02x}:{c:02x}");
        writeln!(text, "10.{}.{}.{host},{hardware},host-{n}.example.net,Netze", network / 256, network % 256)
            .expect("a string");
    }
    text
}

fn repeated(csv: &str) -> String {
    let (header, lines) = csv.split_once('\n').unwrap_or((csv, ""));
    format!("{header}\n{}", lines.repeat(TIMES))
}

fn file(space: &str) -> ImportFile {
    ImportFile { space: format!("spaces/{space}"), ..ImportFile::default() }
}

async fn plan(channel: &Channel, space: &str, csv: &str) -> Result<ImportPlan> {
    use plan_import_request::Part;
    let head = [Part::Settings(plan_import_request::Settings::default()), Part::File(file(space))];
    let pieces: Vec<_> = csv.as_bytes().chunks(PIECE).map(<[u8]>::to_vec).collect();
    let parts = head.into_iter().chain(pieces.into_iter().map(Part::Data));
    let requests: Vec<_> = parts.map(|part| PlanImportRequest { part: Some(part) }).collect();
    let mut client = ExchangeServiceClient::new(channel.clone());
    let mut answers = client.plan_import(futures_util::stream::iter(requests)).await?.into_inner();
    let mut plan = None;
    while let Some(answer) = answers.message().await? {
        plan = plan.or(answer.plan);
    }
    plan.context("the plan comes last")
}

/// Applies one file of addresses or prefixes to a space; an empty digest takes any plan.
pub(crate) async fn apply(channel: &Channel, space: &str, digest: &str, csv: &str) -> Result<ImportResult> {
    use apply_import_request::Part;
    let settings = apply_import_request::Settings { digest: digest.to_owned(), ..Default::default() };
    let head = [Part::Settings(settings), Part::File(file(space))];
    let pieces: Vec<_> = csv.as_bytes().chunks(PIECE).map(<[u8]>::to_vec).collect();
    let parts = head.into_iter().chain(pieces.into_iter().map(Part::Data));
    let requests: Vec<_> = parts.map(|part| ApplyImportRequest { part: Some(part) }).collect();
    let mut client = ExchangeServiceClient::new(channel.clone());
    let mut answers = client.apply_import(futures_util::stream::iter(requests)).await?.into_inner();
    let mut result = None;
    while let Some(answer) = answers.message().await? {
        result = result.or(answer.result);
    }
    result.context("the result comes last")
}

/// Changes a space without a pause until it is over; the longest that one change took.
async fn work(channel: Channel, over: Arc<AtomicBool>) -> Result<Duration> {
    let mut client = SpaceServiceClient::new(channel);
    let mut longest = Duration::ZERO;
    for step in 0_u64.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let space = Space { name: "spaces/elsewhere".to_owned(), title: format!("step {step}"), ..Space::default() };
        let start = Instant::now();
        client.update_space(UpdateSpaceRequest { space: Some(space), ..UpdateSpaceRequest::default() }).await?;
        longest = longest.max(start.elapsed());
    }
    Ok(longest)
}
