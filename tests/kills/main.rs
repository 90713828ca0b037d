//! Kill -9 of the controller under load: what was acknowledged is there, once; what was not answered is there once or not at all.
//!
//! Callers reserve addresses, two of them after each address, and ask again with the same request id until they have an answer, as
//! AIP-155 has it. Meanwhile the process is killed and started again, 30 times or as often as `FREEHOLD_KILLS` says. It needs no root.
//!
//! Afterwards the answers are compared with what the controller lists, with its audit trail, and with what its ledger makes of nothing.

mod addresses;
mod caller;
mod line;
mod verdict;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use freehold_lab::Loopback;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::{CreatePrefixRequest, CreateScopeRequest, Prefix, Scope, prefix, scope};
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use caller::{Caller, Claim, SCOPE};

const KILLS: u64 = 30;
const CALLERS: u64 = 16;
const START_LIMIT: Duration = Duration::from_secs(60);
/// Calls are answered again within this after a start.
const ANSWERED_LIMIT: Duration = Duration::from_secs(60);

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() -> Result<()> {
    freehold_certs::tls::install_provider();
    let kills = std::env::var("FREEHOLD_KILLS").map_or(Ok(KILLS), |text| text.parse()).context("FREEHOLD_KILLS")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // On a disk, not in memory: beside the built programs.
    let own = std::env::current_exe()?;
    runtime.block_on(tell(own.parent().unwrap_or(Path::new(".")), kills))
}

async fn tell(folder: &Path, kills: u64) -> Result<()> {
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    plan(&controller).await?;

    let (tell, hear) = watch::channel(Some(controller.dial()?));
    let answered = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(Caller::new(number, hear.clone(), Arc::clone(&answered)).run());
    }
    drop(hear);
    for kill in 0..kills {
        under_way(&answered, &mut callers).await?;
        moment(kill, &answered).await;
        controller.kill()?;
        controller.start(START_LIMIT)?;
        tell.send(Some(controller.dial()?)).ok().context("no caller is left")?;
    }
    under_way(&answered, &mut callers).await?;
    tell.send(None).ok().context("no caller is left")?;
    let mut claims: Vec<Claim> = Vec::new();
    while let Some(ended) = callers.join_next().await {
        claims.extend(ended??);
    }
    let shown = verdict::Shown::by(&controller).await?;
    controller.stop()?;
    println!("{kills} kills, {} claims answered", claims.len());
    verdict::judge(&claims, &shown)?;
    verdict::ledger_alone(&controller.data(), shown.entries())
}

/// The moment of a kill: right after somebody was answered, or anywhere between an idle moment and the middle of a frame. Spread,
/// and the same in every run.
async fn moment(kill: u64, answered: &AtomicU64) {
    if kill.is_multiple_of(2) {
        let before = answered.load(Ordering::Relaxed);
        while answered.load(Ordering::Relaxed) == before {
            yield_now().await;
        }
    } else {
        sleep(Duration::from_micros(kill * 7919 % 40_000)).await;
    }
}

/// Waits until callers were answered again, all of them a few times over.
async fn under_way(answered: &AtomicU64, callers: &mut JoinSet<Result<Vec<Claim>>>) -> Result<()> {
    let enough = answered.load(Ordering::Relaxed) + 4 * CALLERS;
    let wait = async {
        while answered.load(Ordering::Relaxed) < enough {
            if let Some(ended) = callers.try_join_next() {
                ended??;
                anyhow::bail!("a caller ended before it was told to");
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    };
    timeout(ANSWERED_LIMIT, wait).await.context("callers are not answered any more")?
}

/// A large network with a scope on it.
async fn plan(controller: &Loopback) -> Result<()> {
    let channel = controller.channel().await?;
    let prefix = Prefix { cidr: "10.0.0.0/8".into(), kind: prefix::Kind::Network.into(), ..Prefix::default() };
    let request =
        CreatePrefixRequest { parent: "spaces/default".into(), prefix: Some(prefix), ..CreatePrefixRequest::default() };
    PrefixServiceClient::new(channel.clone()).create_prefix(request).await?;
    let given = Scope {
        network: "spaces/default/prefixes/10.0.0.0-8".into(),
        status: scope::Status::Inactive.into(),
        ..Scope::default()
    };
    let request = CreateScopeRequest { scope_id: SCOPE.into(), scope: Some(given), ..CreateScopeRequest::default() };
    ScopeServiceClient::new(channel).create_scope(request).await?;
    Ok(())
}

/// Fails with `what` and the first of `wrong`, if there is one.
fn none<T: std::fmt::Debug>(what: &str, wrong: &[T]) -> Result<()> {
    ensure!(wrong.is_empty(), "{what}: {} times, such as {:?}", wrong.len(), wrong[0]);
    Ok(())
}
