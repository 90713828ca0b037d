//! A caller at the command line: a process for every request.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use freehold_lab::built;

use super::{Asked, CIDR, Shared, Way, What};

const CALL_LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks for addresses until enough were given; whatever was begun is answered.
pub(super) async fn run(number: u64, shared: Shared) -> Result<Vec<Asked>> {
    let program = built("freehold")?;
    let mut asked = Vec::new();
    for step in 0_u64.. {
        if shared.is_over() {
            break;
        }
        let request_id = format!("cli-{number}-{step}");
        let addresses = loop {
            if let Some(given) = once(&program, &shared.way(), &request_id).await? {
                break given;
            }
            sleep(PAUSE).await;
        };
        shared.given.fetch_add(addresses.len() as u64, Ordering::Relaxed);
        asked.push(Asked { request_id, what: What::Given, addresses });
    }
    Ok(asked)
}

/// What one call gave; nothing if the controller could not be asked, or was gone before it answered.
async fn once(program: &PathBuf, way: &Way, request_id: &str) -> Result<Option<Vec<std::net::Ipv4Addr>>> {
    let mut command = Command::new(program);
    command
        .args(["--endpoint", &way.endpoint, "--output", "json", "--identity"])
        .arg(&way.identity)
        .args(["ip", "next", CIDR, "--hold", "1h", "--count", "2", "--request-id", request_id])
        .kill_on_drop(true);
    let output = timeout(CALL_LIMIT, command.output()).await.context("it never ended")??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1) && !said.contains('['), "{request_id}: {}: {said}", output.status);
        return Ok(None);
    }
    let given: Value = serde_json::from_slice(&output.stdout)?;
    let given = given.as_array().with_context(|| format!("not a list: {given}"))?;
    let address = |row: &Value| Ok(row["address"].as_str().context("no address")?.parse()?);
    Ok(Some(given.iter().map(address).collect::<Result<_>>()?))
}
