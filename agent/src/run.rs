//! The wiring diagram: which tasks there are and what flows between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use freehold_journal::{Disk, RealDisk};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::clock;
use crate::driver::kea::apply::Failpoint;
use crate::driver::kea::protocol::Protocol;
use crate::files::FileError;
use crate::home::{Home, HomeError};
use crate::probe::{self, links};
use crate::renew;
use crate::server::ServerFolder;
use crate::server::feed::Feed;
use crate::server::keeper::{Health, Keeper, chain};
use crate::server::upload::Uploader;
use crate::session::line::{Line, LineError, MemoryFilesError, load_memory};
use crate::session::machine::Machine;
use crate::spool::{Options, Spool, SpoolError};
use crate::status::{self, Watched};

/// How the agent is to run.
#[derive(Debug, Default)]
pub struct Settings {
    /// The configuration file of Kea's DHCPv4 server, where it is not to be found from its process.
    pub kea4_config: Option<PathBuf>,
    /// The same of its DHCPv6 server.
    pub kea6_config: Option<PathBuf>,
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
    let mut memory = load_memory(&home.memory_path())?;
    memory.store = Some(membership.store_id);

    let (says, said) = mpsc::channel(16);
    let (channel, channels) = watch::channel(None);
    let (gauge, gauges) = watch::channel(Vec::new());
    let (ask, asked) = mpsc::channel(probe::QUEUE);
    let (answer, probed) = mpsc::channel(1);
    let (network, networks) = watch::channel(links::networks());
    let gauge = Arc::new(gauge);
    let (mut wishes, mut previews, mut uploaders) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut watched = Vec::new();
    let mut tasks = JoinSet::new();
    for protocol in Protocol::ALL {
        let id = protocol.server_id();
        let folder = ServerFolder::at(home.server(id)?);
        let spool = open_spool(&folder)?;
        let reader = spool.reader();
        let (tell_lease_file, lease_file) = oneshot::channel();
        let (feed, follow) = Feed::new(spool, lease_file);
        let (health, healths) = watch::channel(Health::default());
        let (wish, wished) = mpsc::channel(4);
        let (preview, previewed) = mpsc::channel(4);
        let keeper = Keeper {
            protocol,
            config_file: match protocol {
                Protocol::V4 => settings.kea4_config.clone(),
                Protocol::V6 => settings.kea6_config.clone(),
            },
            folder: folder.clone(),
            failpoint: settings.failpoint.clone(),
            wishes: wished,
            previews: previewed,
            says: says.clone(),
            feed: feed.clone(),
            lease_file: Some(tell_lease_file),
            health,
        };
        let server = Watched { id, health: healths.clone(), feed: feed.clone() };
        tasks.spawn(follow.run(stop.child_token()));
        tasks.spawn(keeper.run(stop.child_token()));
        tasks.spawn(status::gauge(server.clone(), gauge.clone(), stop.child_token()));
        wishes.insert(id.to_owned(), wish);
        previews.insert(id.to_owned(), preview);
        uploaders.insert(id.to_owned(), Uploader { id, folder, spool: reader, feed, health: healths });
        watched.push(server);
    }
    drop(says);
    let line = Line {
        machine: Machine::new(memory, random(), env!("CARGO_PKG_VERSION"), clock::now()),
        controller: membership.controller,
        identity: identity.clone(),
        memory: home.make_memory()?,
        wishes,
        previews,
        said,
        uploaders,
        gauges,
        probes: ask,
        probed,
        networks,
        channel,
    };

    tasks.spawn(probe::run(asked, answer, stop.child_token()));
    tasks.spawn(links::follow(network, stop.child_token()));
    tasks.spawn(renew::run(identity, channels.clone(), u32::from_le_bytes(random()), stop.child_token()));
    tasks.spawn(status::run(home, watched, channels, stop.child_token()));
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

/// Random bytes from the system.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}
