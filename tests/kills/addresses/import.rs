//! A caller that imports files of addresses.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, bail};
use freehold_proto::v1::apply_import_request::{Part, Settings};
use freehold_proto::v1::exchange_service_client::ExchangeServiceClient;
use freehold_proto::v1::{ApplyImportRequest, ImportFile, ImportFormat, ImportResult};
use tokio::time::sleep;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::{Asked, Shared, What};
use crate::line::answer;

/// Between two imports of a caller.
const PAUSE: Duration = Duration::from_millis(20);
/// Addresses in a file.
const LINES: u64 = 20;

/// Imports until enough addresses were given; whatever was begun is answered. A file with an address that somebody holds is refused
/// as a whole.
pub(super) async fn run(number: u64, shared: Shared) -> Result<Vec<Asked>> {
    let (mut asked, mut line) = (Vec::new(), None);
    for step in 0_u64.. {
        if shared.is_over() {
            break;
        }
        let request_id = format!("import-{number}-{step}");
        let addresses = addresses(number, step);
        let file: String = addresses
            .iter()
            .fold("address,comment\n".to_owned(), |file, address| file + &format!("{address},{request_id}\n"));
        let send = |channel| once(channel, &request_id, &file);
        match answer(&mut line, || shared.way().dial, send).await {
            Ok(result) => {
                shared.given.fetch_add(result.created, Ordering::Relaxed);
                asked.push(Asked { request_id, what: What::Imported, addresses });
            }
            Err(status) if is_refused(&status) => {}
            Err(status) => bail!("{request_id}: {status:?}"),
        }
        sleep(PAUSE).await;
    }
    Ok(asked)
}

/// Addresses from the whole network, others with each step, so that some are somebody's already.
fn addresses(number: u64, step: u64) -> Vec<Ipv4Addr> {
    let address = |n: u64| {
        let [.., a, b] = (1 + (number * 16_381 + (step * LINES + n) * 3) % 65_534).to_be_bytes();
        Ipv4Addr::new(10, 0, a, b)
    };
    (0..LINES).map(address).collect()
}

async fn once(channel: Channel, request_id: &str, file: &str) -> Result<ImportResult, Status> {
    let settings = Settings { request_id: request_id.to_owned(), ..Settings::default() };
    let begin = ImportFile { format: ImportFormat::Csv.into(), ..ImportFile::default() };
    let parts = [Part::Settings(settings), Part::File(begin), Part::Data(file.as_bytes().to_vec())];
    let parts = parts.map(|part| ApplyImportRequest { part: Some(part) });
    let mut answers = ExchangeServiceClient::new(channel).apply_import(tokio_stream::iter(parts)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        if let Some(result) = answer.result {
            return Ok(result);
        }
    }
    Err(Status::unavailable("the import ended without a result"))
}

fn is_refused(status: &Status) -> bool {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    matches!(reason.as_str(), "IMPORT_REFUSED" | "PLAN_CHANGED")
}
