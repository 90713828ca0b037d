//! Connected agents: what the controller keeps for each of them, and how soon a change reaches all of them.
//!
//! A change to all of them is one to the scope of each, in `BatchUpdateScopes` calls of a thousand, made at once.

use anyhow::{Context, Result, bail, ensure};
use freehold_lab::Loopback;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::server::Management;
use freehold_proto::v1::server_service_client::ServerServiceClient;
use freehold_proto::v1::{
    BatchUpdateScopesRequest, LeaseTimes, ListScopesRequest, Scope, Server, UpdateScopeRequest, UpdateServerRequest,
    sync_status,
};
use std::path::Path;
use std::time::{Duration, Instant};
use tonic::transport::Channel;

use crate::figures::{Figures, RUNS, line, percentile};
use crate::fleet::{Connected, Fleet, server_name};
use crate::{disk, meter, plan};

const START_LIMIT: Duration = Duration::from_secs(30);
/// How long the agents are left alone before memory is looked at.
const IDLE: Duration = Duration::from_secs(10);
const SETTLED_LIMIT: Duration = Duration::from_secs(300);
const APPLIED_LIMIT: Duration = Duration::from_secs(60);
/// Changes that are made one at a time while the others are idle.
const SINGLE_CHANGES: usize = 200;
/// Changes in a call at most.
const BATCH: usize = 1000;
/// Connections of the callers.
const CONNECTIONS: usize = 16;

pub(crate) async fn measure(folder: &Path, count: usize) -> Result<String> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(run(folder, count).await?);
    }
    Ok(line("agents", &[("count", count as u64), ("connections_of_callers", CONNECTIONS as u64)], &runs))
}

async fn run(folder: &Path, count: usize) -> Result<Figures> {
    let disk = disk::fdatasync_rate(folder)?;
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    let pid = controller.pid()?;
    let fleet = Fleet::enrol(&controller, count).await?;
    tokio::time::sleep(IDLE).await;
    let enrolled = meter::resident_bytes(pid)?;

    let begun = Instant::now();
    let mut connected = fleet.connect().await?;
    let connecting = begun.elapsed().as_secs_f64();
    tokio::time::sleep(IDLE).await;
    let idle = meter::resident_bytes(pid)?;

    let callers = callers(&controller).await?;
    manage(&callers, count).await?;
    plan::scopes(&callers[0], count, |number| Some(server_name(number))).await?;
    settled(&callers[0], count).await?;
    drain(&mut connected);
    let before = meter::cpu_seconds(pid)?;
    tokio::time::sleep(IDLE).await;
    let idle_cpu = (meter::cpu_seconds(pid)? - before) / IDLE.as_secs_f64();
    let serving = meter::resident_bytes(pid)?;

    let mut alone = Vec::new();
    for step in 0..SINGLE_CHANGES {
        alone.push(single_change(&callers[0], &mut connected, step * count / SINGLE_CHANGES).await?);
    }
    let everyone = change_everyone(&callers, &mut connected, count).await?;
    drop(connected);
    controller.stop()?;

    let each_kib = |bytes: f64| (bytes - enrolled) / count as f64 / 1024.0;
    let mut figures = vec![
        ("rss_each_connected_kib", each_kib(idle)),
        ("rss_each_with_server_and_scope_kib", each_kib(serving)),
        ("controller_rss_mib", meter::mib(serving)),
        ("connected_in_seconds", connecting),
        ("idle_cpu_share", idle_cpu),
        ("one_change_p50_ms", percentile(&mut alone, 50.0)),
        ("one_change_p99_ms", percentile(&mut alone, 99.0)),
    ];
    figures.extend(everyone);
    figures.extend(disk);
    Ok(figures)
}

async fn callers(controller: &Loopback) -> Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(controller.channel().await?);
    }
    Ok(channels)
}

/// Lets the controller manage every server.
async fn manage(callers: &[Channel], count: usize) -> Result<()> {
    plan::each(0..count, |number| {
        let mut client = ServerServiceClient::new(callers[number % callers.len()].clone());
        let server = Server { name: server_name(number), management: Management::Managed.into(), ..Server::default() };
        async move {
            let request = UpdateServerRequest { server: Some(server), ..UpdateServerRequest::default() };
            client.update_server(request).await?;
            Ok(())
        }
    })
    .await
}

/// Waits until the API shows every scope as applied.
async fn settled(channel: &Channel, count: usize) -> Result<()> {
    let deadline = Instant::now() + SETTLED_LIMIT;
    loop {
        let applied = applied_scopes(channel).await?;
        if applied == count {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{applied} of {count} scopes are applied");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn applied_scopes(channel: &Channel) -> Result<usize> {
    let mut client = ScopeServiceClient::new(channel.clone());
    let is_applied = |scope: &&Scope| scope.sync.iter().any(|sync| sync.state() == sync_status::State::Applied);
    let (mut applied, mut page_token) = (0, String::new());
    loop {
        let request = ListScopesRequest { page_size: 1000, page_token, ..ListScopesRequest::default() };
        let page = client.list_scopes(request).await?.into_inner();
        applied += page.scopes.iter().filter(is_applied).count();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(applied);
        }
    }
}

/// Forgets what was applied so far.
fn drain(connected: &mut Connected) {
    while connected.applied.try_recv().is_ok() {}
}

/// A change to one scope, until its agent applies it, in ms.
async fn single_change(channel: &Channel, connected: &mut Connected, number: usize) -> Result<f64> {
    let begun = Instant::now();
    ScopeServiceClient::new(channel.clone()).update_scope(update(number, 7200)).await?;
    loop {
        let applied =
            tokio::time::timeout(APPLIED_LIMIT, connected.next_applied()).await.context("nobody applied")??;
        if applied.agent == number {
            return Ok(milliseconds(begun, applied.at));
        }
    }
}

/// A change to the scope of each agent, in batches as large as the API takes, submitted together.
async fn change_everyone(callers: &[Channel], connected: &mut Connected, count: usize) -> Result<Figures> {
    let begun = Instant::now();
    let numbers: Vec<usize> = (0..count).collect();
    let submit = async {
        let batches = numbers.chunks(BATCH).zip(callers.iter().cycle()).map(|(batch, channel)| async move {
            let requests = batch.iter().map(|number| update(*number, 1800)).collect();
            let request = BatchUpdateScopesRequest { requests, ..BatchUpdateScopesRequest::default() };
            ScopeServiceClient::new(channel.clone()).batch_update_scopes(request).await
        });
        futures_util::future::try_join_all(batches).await?;
        anyhow::Ok(Instant::now())
    };
    let collect = async {
        let mut ends: Vec<Option<Instant>> = vec![None; count];
        let mut left = count;
        while left > 0 {
            let applied = connected.next_applied().await?;
            if ends[applied.agent].replace(applied.at).is_none() {
                left -= 1;
            }
        }
        anyhow::Ok(ends)
    };
    let (submitted, ends) = match tokio::time::timeout(APPLIED_LIMIT, async { tokio::try_join!(submit, collect) }).await
    {
        Ok(done) => done?,
        Err(_) => bail!("a change to all of them was not applied within {APPLIED_LIMIT:?}"),
    };
    let mut waits: Vec<f64> = ends.iter().flatten().map(|end| milliseconds(begun, *end)).collect();
    Ok(vec![
        ("everyone_call_to_applied_p50_ms", percentile(&mut waits, 50.0)),
        ("everyone_call_to_applied_p99_ms", percentile(&mut waits, 99.0)),
        ("everyone_call_to_applied_last_ms", percentile(&mut waits, 100.0)),
        ("everyone_calls_answered_ms", milliseconds(begun, submitted)),
    ])
}

fn update(number: usize, valid_seconds: u32) -> UpdateScopeRequest {
    let scope = Scope {
        name: format!("scopes/{}", plan::scope_id(number)),
        lease_times: Some(LeaseTimes { valid_seconds, ..LeaseTimes::default() }),
        ..Scope::default()
    };
    UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() }
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1000.0
}
