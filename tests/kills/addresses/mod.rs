//! Many callers want addresses of one network, through the API, the command line and imports at once, while the controller is killed.
//!
//! 64 callers allocate 20,000 addresses, give some back and claim some, and ask again with the same request id until they have an answer.
//! Meanwhile the process is killed 20 times. Afterwards a model goes through the audit trail: no address was given while it was taken, every
//! answer is what one entry did, nothing was done that nobody was told of, and what is listed is what is left.

mod api;
mod cli;
mod import;
mod verdict;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use freehold_certs::dial::Dial;
use freehold_lab::Loopback;
use freehold_proto::v1::prefix_service_client::PrefixServiceClient;
use freehold_proto::v1::{CreatePrefixRequest, Prefix, prefix};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{START_LIMIT, moment};

/// The network that everybody wants addresses of: 65,534.
const NETWORK: &str = "spaces/default/prefixes/10.0.0.0-16";
const CIDR: &str = "10.0.0.0/16";
const KILLS: u64 = 20;
const ADDRESSES: u64 = 20_000;
const API_CALLERS: u64 = 56;
const CLI_CALLERS: u64 = 4;
const IMPORT_CALLERS: u64 = 4;
/// The next so many addresses are given out within this.
const PROGRESS_LIMIT: Duration = Duration::from_secs(120);

/// How the controller is reached now.
#[derive(Debug, Clone)]
struct Way {
    dial: Dial,
    endpoint: String,
    identity: PathBuf,
}

impl Way {
    fn to(controller: &Loopback) -> Result<Self> {
        let endpoint = controller.address()?.to_string();
        Ok(Self { dial: controller.dial()?, endpoint, identity: controller.identity() })
    }
}

/// What all callers share.
#[derive(Debug, Clone)]
struct Shared {
    /// The newest way.
    way: watch::Receiver<Way>,
    /// Addresses given out so far.
    given: Arc<AtomicU64>,
}

impl Shared {
    fn way(&self) -> Way {
        self.way.borrow().clone()
    }

    fn is_over(&self) -> bool {
        self.given.load(Ordering::Relaxed) >= ADDRESSES
    }
}

/// What a caller asked for, once it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    request_id: String,
    what: What,
    /// The addresses that it is about: those that were given, or those that were named.
    addresses: Vec<Ipv4Addr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Free addresses.
    Given,
    /// A held address is to be kept.
    Kept,
    /// A held address is given back.
    Released,
    /// These are to be claimed, those that are already with a comment of their own.
    Imported,
}

#[test]
fn no_address_is_given_twice_and_none_is_lost_to_nobody() -> Result<()> {
    freehold_certs::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // On a disk, not in memory: beside the built programs.
    let own = std::env::current_exe()?;
    runtime.block_on(tell(own.parent().unwrap_or(Path::new("."))))
}

async fn tell(folder: &Path) -> Result<()> {
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    plan(&controller).await?;

    let (tell, way) = watch::channel(Way::to(&controller)?);
    let shared = Shared { way, given: Arc::default() };
    let mut callers = JoinSet::new();
    for number in 0..API_CALLERS {
        callers.spawn(api::Caller::new(number, shared.clone()).run());
    }
    for number in 0..CLI_CALLERS {
        callers.spawn(cli::run(number, shared.clone()));
    }
    for number in 0..IMPORT_CALLERS {
        callers.spawn(import::run(number, shared.clone()));
    }
    for kill in 0..KILLS {
        until(&shared.given, (kill + 1) * ADDRESSES / (KILLS + 1), &mut callers).await?;
        moment(kill, &shared.given).await;
        controller.kill()?;
        controller.start(START_LIMIT)?;
        tell.send(Way::to(&controller)?).ok().context("no caller is left")?;
    }
    until(&shared.given, ADDRESSES, &mut callers).await?;
    let mut asked: Vec<Asked> = Vec::new();
    while let Some(ended) = callers.join_next().await {
        asked.extend(ended??);
    }
    let shown = verdict::Shown::by(&controller).await?;
    controller.stop()?;
    println!("{KILLS} kills, {} requests, {} addresses given", asked.len(), shared.given.load(Ordering::Relaxed));
    verdict::judge(&asked, &shown)?;
    crate::verdict::ledger_alone(&controller.data(), shown.entries())
}

/// Waits until so many addresses were given out.
async fn until(given: &AtomicU64, enough: u64, callers: &mut JoinSet<Result<Vec<Asked>>>) -> Result<()> {
    let wait = async {
        while given.load(Ordering::Relaxed) < enough {
            if let Some(ended) = callers.try_join_next() {
                ended??;
                bail!("a caller ended before {enough} addresses were given");
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    };
    timeout(PROGRESS_LIMIT, wait).await.with_context(|| format!("{enough} addresses were never given"))?
}

async fn plan(controller: &Loopback) -> Result<()> {
    let prefix = Prefix { cidr: CIDR.into(), kind: prefix::Kind::Network.into(), ..Prefix::default() };
    let request =
        CreatePrefixRequest { parent: "spaces/default".into(), prefix: Some(prefix), ..CreatePrefixRequest::default() };
    PrefixServiceClient::new(controller.channel().await?).create_prefix(request).await?;
    Ok(())
}
