//! The wiring diagram of a running controller.
//!
//! ```text
//! ledger, store ─recover─▶ state ─▶ engine ─▶ context ─▶ API, enrolment, sync ─▶ serve ◀─ TLS ◀─ certificate ◀─ CA
//!                     └──▶ book ──▶ keeper ───────────────────┘
//! engine, keeper ─ frames ─▶ followers ─▶ store, checkpoints
//! engine, keeper ─ what is new ─▶ settler, expiry ─▶ engine
//!                              ├▶ conflicts ─▶ API
//!                              └▶ utilisation ─▶ API
//! ledgers ─────────────────▶ trail
//! ```
//!
//! It ends in the other direction: nothing is accepted any more, calls end, the last handle on the engine is dropped, and the writer finishes
//! what it was given. If the writer fails, everything ends; what became of the last frame is known after the next start.

use crate::api::previews::Previews;
use crate::api::{Api, IMPORTS_MAX};
use crate::checkpoint::{self, Checkpoints};
use crate::config::Settings;
use crate::conflicts::{Detector, Found};
use crate::context::Context;
use crate::engine::{Clock, Engine, HistoryError};
use crate::enrol::Enrolment;
use crate::leases::LeaseKeeper;
use crate::ledger::{Ledger, LedgerError};
use crate::presence::Presence;
use crate::recover::{self, DataDir, Memory, RecoverError};
use crate::serve::certificate::{ServerCertificate, ServerCertificateError};
use crate::settle::Settler;
use crate::store::Follower;
use crate::sync::service::Sync;
use crate::trail::{Trail, TrailError};
use crate::usage::UsageKeeper;
use crate::view::Part;
use crate::{clock, expire, serve};
use freehold_certs::authority::{Authority, AuthorityError};
use freehold_certs::identity::Uuid;
use freehold_certs::reload::CurrentServer;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Frames that may wait for a view at most; each holds a snapshot.
const VIEW_FRAMES: usize = 16;
/// How long the writer may take to end after everybody else has.
const WRITER_LIMIT: Duration = Duration::from_secs(10);

/// Why a controller does not run, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The ledger.
    #[error("the ledger in {}", path.display())]
    Ledger {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: LedgerError,
    },
    /// The state.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// What was committed cannot be told to agents.
    #[error("the ledger cannot be read")]
    History(#[from] HistoryError),
    /// The history of addresses.
    #[error("the history of addresses, which may be deleted")]
    Trail(#[from] TrailError),
    /// The CA.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The controller's certificate.
    #[error("the controller's own certificate")]
    Certificate(#[from] ServerCertificateError),
    /// The port.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Reflection.
    #[error("the descriptors of the services do not read")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The writer ended although nobody asked it to.
    #[error("the engine ended by itself")]
    Ended,
    /// The writer does not end.
    #[error("the engine did not end within {} s; what it was last given may not be durable", WRITER_LIMIT.as_secs())]
    Stuck,
}

/// Runs a controller until `stop`, or until its engine fails. `ready` is called with its address when it serves.
///
/// # Errors
/// See [`RunError`]; after one the process must end.
pub async fn run(settings: Settings, stop: CancellationToken, ready: impl FnOnce(SocketAddr)) -> Result<(), RunError> {
    let data = DataDir::new(settings.data.clone());
    let (path, leases_path) = (data.ledger(), data.leases());
    let Memory { state, book, store, .. } = open(&data)?;
    let authority = Arc::new(load_authority(&data.authority())?);

    let clock: Clock = clock::steady();
    let identity = state.ledger.identity();
    let checkpoints =
        |part| Checkpoints::new(data.checkpoints(), identity, part, checkpoint::Every::default(), Arc::clone(&clock));
    let (views, frames) = mpsc::channel(VIEW_FRAMES);
    let kept = (Arc::new(state.view.clone()), state.at);
    let follower = Follower::start(store.clone(), kept, state.backlog, checkpoints(Part::State), frames);
    let (engine, writer) = Engine::start(Box::new(state.ledger), state.view, Arc::clone(&clock), views);
    let mut writer = tokio::task::spawn_blocking(move || writer.join());

    let (lease_views, lease_frames) = mpsc::channel(VIEW_FRAMES);
    let kept = (Arc::new(book.view.clone()), book.at);
    let lease_follower = Follower::start(store.clone(), kept, book.backlog, checkpoints(Part::Leases), lease_frames);
    let (leases, lease_writer) = LeaseKeeper::start(Box::new(book.ledger), book.view, lease_views);
    let mut lease_writer = tokio::task::spawn_blocking(move || lease_writer.join());

    let (trail, trailing) = Trail::start(&data.trail(), engine.history(), leases.history())?;

    let id = Uuid::from_bytes(engine.identity().store_id);
    let certificate = ServerCertificate { authority: Arc::clone(&authority), id, names: settings.names };
    let (tls, validity) = certificate.issue(clock::system_time(clock::now()))?;
    let tls = CurrentServer::new(tls);

    let failed = |source| RunError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let context = Arc::new(Context::new(engine, authority, settings.endpoint));
    let presence = Presence::default();
    let stopping = stop.child_token();
    let sync = Sync::new(Arc::clone(&context), leases.clone(), presence.clone(), stopping.clone());
    let detector = Detector::new(context.engine.clone(), leases.clone());
    let usage = UsageKeeper::new(context.engine.clone(), leases.clone());
    let routes = routes(&context, leases.clone(), detector.found(), trail, usage.clone(), presence, &sync)?;
    let detecting = tokio::spawn(detector.run(stopping.clone()));
    let counting = tokio::spawn(usage.run(stopping.clone()));
    let settling = Settler::new(context.engine.clone(), leases, sync.clone());
    let settling = tokio::spawn(settling.run(stopping.clone()));
    let expiring = tokio::spawn(expire::run(context.engine.clone(), stopping.clone()));
    let dispatching = tokio::spawn(async move { sync.dispatch().await });
    let resting = tokio::spawn(store.rest(stopping.clone()));

    let renewal = tokio::spawn({
        let (tls, stopping) = (tls.clone(), stopping.clone());
        async move { certificate.keep(tls, validity, stopping).await }
    });
    let serving = tokio::spawn(serve::serve(listener, tls, routes, context, stopping.clone()));
    ready(address);

    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Ledger { path, source }
    };
    // Neither writer ends before everybody else has, unless its ledger failed. When it is to stop, everybody else may
    // have ended before this task looks: so that comes first.
    let ended_early = tokio::select! {
        biased;
        () = stopping.cancelled() => None,
        ended = &mut writer => Some(joined(ended).map_err(failed(&path))),
        ended = &mut lease_writer => Some(joined(ended).map_err(failed(&leases_path))),
    };
    stopping.cancel();
    joined(serving.await);
    joined(renewal.await);
    joined(expiring.await);
    joined(resting.await);
    joined(counting.await);
    joined(settling.await)?;
    joined(detecting.await)?;
    joined(dispatching.await)?;
    if let Some(ended) = ended_early {
        return ended.and(Err(RunError::Ended));
    }
    let both = async { (joined(writer.await), joined(lease_writer.await)) };
    let (ended, leases_ended) = tokio::time::timeout(WRITER_LIMIT, both).await.map_err(|_| RunError::Stuck)?;
    let followers = tokio::task::spawn_blocking(|| [follower.join(), lease_follower.join()]);
    match tokio::time::timeout(WRITER_LIMIT, followers).await {
        // Why one ended was said when it did; the next start brings the store up to date.
        Ok(ended) => drop(joined(ended)),
        Err(_) => tracing::warn!("the store did not end in time; it is brought up to date at the next start"),
    }
    if tokio::time::timeout(WRITER_LIMIT, trailing.join()).await.is_err() {
        tracing::warn!("the history did not end in time; it is brought up to date at the next start");
    }
    ended.map_err(failed(&path))?;
    leases_ended.map_err(failed(&leases_path))
}

/// Every service behind the port.
fn routes(
    context: &Arc<Context>,
    leases: LeaseKeeper,
    conflicts: Found,
    trail: Trail,
    usage: UsageKeeper,
    presence: Presence,
    sync: &Sync,
) -> Result<Routes, RunError> {
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(freehold_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let api = Api {
        engine: context.engine.clone(),
        leases,
        conflicts,
        trail,
        usage,
        presence,
        authority: Arc::clone(&context.authority),
        endpoint: context.endpoint.clone(),
        sync: sync.clone(),
        previews: Previews::default(),
        imports: Arc::new(Semaphore::new(IMPORTS_MAX)),
    };
    let routes = api
        .routes()
        .add_service(sync.server())
        .add_service(Enrolment::server(Arc::clone(context)))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(routes)
}

/// What the data directory holds, if `init` has finished there.
fn open(data: &DataDir) -> Result<Memory, RunError> {
    let memory = recover::open(data)?;
    let state = &memory.state.view;
    if state.operators().is_empty() {
        let source = LedgerError::Incomplete("`freehold-controller init` was not finished; run it again");
        return Err(RunError::Ledger { path: data.ledger(), source });
    }
    tracing::info!(revision = state.revision().0, leases = memory.book.view.len(), "the ledgers are open");
    Ok(memory)
}

/// The CA, with a new intermediate if half of the present one's life is over.
fn load_authority(folder: &Path) -> Result<Authority, AuthorityError> {
    let authority = Authority::load(folder)?;
    let now = clock::system_time(clock::now());
    if authority.is_outside()
        || now < freehold_certs::renewal::renew_intermediate_from(authority.intermediate_validity())
    {
        return Ok(authority);
    }
    match authority.renew_intermediate(folder, now) {
        Ok(renewed) => Ok(renewed),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(
                error,
                "the CA's intermediate could not be renewed; the present one stays in use until its end"
            );
            Ok(authority)
        }
    }
}

fn joined<T>(ended: Result<T, JoinError>) -> T {
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
