//! The wiring diagram: which tasks there are and what flows between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use freehold_core::bundle::Digest;
use freehold_journal::{Disk, RealDisk};
use freehold_proto::sync::ServerHealth;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::clock;
use crate::driver::kea::apply::Failpoint;
use crate::files::FileError;
use crate::home::{Home, HomeError};
use crate::probe::{self, links};
use crate::server::feed::Feed;
use crate::server::keeper::{Health, Keeper, chain};
use crate::server::upload::Uploader;
use crate::server::{KEA4, ServerFolder};
use crate::session::line::{Line, LineError, MemoryFilesError, load_memory};
use crate::session::machine::Machine;
use crate::spool::{Options, Spool, SpoolError};
use crate::{renew, status};

/// How the agent is to run.
#[derive(Debug, Default)]
pub struct Settings {
    /// Kea's configuration file, where it is not to be found from its process.
    pub kea4_config: Option<PathBuf>,
    /// Told each step of an apply.
    pub failpoint: Failpoint,
}

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its memory.
    #[error(transparent)]
    Memory(#[from] MemoryFilesError),
    /// The folder of a lease spool.
    #[error("the folder of the lease spool cannot be made")]
    SpoolFolder(#[from] std::io::Error),
    /// A lease spool.
    #[error("the lease spool cannot be opened")]
    Spool(#[from] SpoolError),
    /// The session.
    #[error(transparent)]
    Line(#[from] LineError),
}

/// Runs the agent of `home` until `stop`; every task has ended when it returns.
pub async fn run(home: Home, settings: Settings, stop: CancellationToken) -> Result<(), RunError> {
    let membership = home.membership()?;
    let identity = home.identity()?;
    let folder = ServerFolder::at(home.server(KEA4)?);
    let mut memory = load_memory(&home.memory_path())?;
    memory.store = Some(membership.store_id);
    let spool = open_spool(&folder)?;
    let reader = spool.reader();

    let (wish, wishes) = mpsc::channel(4);
    let (says, said) = mpsc::channel(16);
    let (tell_lease_file, lease_file) = oneshot::channel();
    let (channel, channels) = watch::channel(None);
    let (health, healths) = watch::channel(Health::default());
    let (gauge, gauges) = watch::channel(Vec::new());
    let (ask, asked) = mpsc::channel(probe::QUEUE);
    let (answer, probed) = mpsc::channel(1);
    let (network, networks) = watch::channel(links::networks());
    let (feed, follow) = Feed::new(spool, lease_file);

    let keeper = Keeper {
        config_file: settings.kea4_config,
        folder: folder.clone(),
        failpoint: settings.failpoint,
        wishes,
        says,
        feed: feed.clone(),
        lease_file: Some(tell_lease_file),
        health,
    };
    let uploader = Uploader { folder, spool: reader, feed: feed.clone() };
    let line = Line {
        machine: Machine::new(memory, random(), env!("CARGO_PKG_VERSION"), clock::now()),
        controller: membership.controller,
        identity: identity.clone(),
        memory: home.make_memory()?,
        wishes: BTreeMap::from([(KEA4.to_owned(), wish)]),
        said,
        uploaders: BTreeMap::from([(KEA4.to_owned(), uploader)]),
        gauges,
        probes: ask,
        probed,
        networks,
        channel,
    };

    let mut tasks = JoinSet::new();
    tasks.spawn(follow.run(stop.child_token()));
    tasks.spawn(keeper.run(stop.child_token()));
    tasks.spawn(gauge_health(healths.clone(), feed.clone(), gauge, stop.child_token()));
    tasks.spawn(probe::run(asked, answer, stop.child_token()));
    tasks.spawn(links::follow(network, stop.child_token()));
    tasks.spawn(renew::run(identity, channels.clone(), u32::from_le_bytes(random()), stop.child_token()));
    tasks.spawn(status::run(home, KEA4, healths, feed, channels, stop.child_token()));
    let ended = line.run(stop.child_token()).await;
    stop.cancel();
    while let Some(task) = tasks.join_next().await {
        if let Err(panic) = task {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
    Ok(ended?)
}

/// The spool of a server; a damaged one is set aside and its leases are listed anew.
fn open_spool(folder: &ServerFolder) -> Result<Spool, RunError> {
    let open = || RealDisk::create(&folder.spool()).map(|disk| Arc::new(disk) as Arc<dyn Disk>);
    match Spool::open(open()?, Options::default(), Box::new(random)) {
        Err(damage) if damage.is_damage() => {
            error!(damage = %chain(&damage), "the lease spool is damaged; it is set aside and all leases are listed anew");
            Ok(Spool::replace(open()?, Options::default(), Box::new(random))?)
        }
        opened => Ok(opened?),
    }
}

/// Turns what is known of the server into the gauges that the session sends along.
async fn gauge_health(
    mut healths: watch::Receiver<Health>,
    feed: Feed,
    gauges: watch::Sender<Vec<ServerHealth>>,
    stop: CancellationToken,
) {
    loop {
        let health = healths.borrow_and_update().clone();
        let mut by_name = health.counters;
        by_name.insert("running".to_owned(), health.running.to_string());
        by_name.insert("digest".to_owned(), health.observed.as_ref().map(Digest::to_string).unwrap_or_default());
        by_name.insert("spool_last_seq".to_owned(), feed.position().last_seq.to_string());
        gauges.send_replace(vec![ServerHealth { server_id: KEA4.to_owned(), gauges: by_name }]);
        tokio::select! {
            () = stop.cancelled() => return,
            changed = healths.changed() => if changed.is_err() { return },
        }
    }
}

/// Random bytes from the system.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}
