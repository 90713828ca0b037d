//! The wiring diagram of a running controller.
//!
//! ```text
//! ledger ─replay─▶ state ─▶ engine ─▶ context ─▶ API, enrolment, sync ─▶ serve ◀─ TLS ◀─ certificate ◀─ CA
//! lease ledger ──▶ book ──▶ keeper ───────────────────────┘
//! ```
//!
//! It ends in the other direction: nothing is accepted any more, calls end, the last handle on the engine is dropped, and the writer finishes
//! what it was given. If the writer fails, everything ends; what became of the last frame is known after the next start.

use crate::api::Api;
use crate::config::{self, Settings};
use crate::context::Context;
use crate::engine::{Engine, HistoryError};
use crate::enrol::Enrolment;
use crate::leases::{self, LeaseKeeper};
use crate::ledger::{Ledger, LedgerError, SegmentLedger};
use crate::presence::Presence;
use crate::recover::{self, RecoverError};
use crate::serve::certificate::{ServerCertificate, ServerCertificateError};
use crate::sync::service::Sync;
use crate::{clock, serve};
use freehold_certs::authority::{Authority, AuthorityError};
use freehold_certs::identity::Uuid;
use freehold_certs::reload::CurrentServer;
use freehold_core::State;
use freehold_core::lease::LeaseBook;
use freehold_journal::{Disk, RealDisk};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Size of the ledger's segment files, in bytes.
pub(crate) const SEGMENT_BYTES: u64 = 64 << 20;
/// How long the writer may take to end after everybody else has.
const WRITER_LIMIT: Duration = Duration::from_secs(10);

/// Why a controller does not run, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The ledger's directory.
    #[error("cannot open {}; was the controller set up with `freehold-controller init`?", path.display())]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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
    /// The leases.
    #[error(transparent)]
    Leases(#[from] leases::ReplayError),
    /// What was committed cannot be told to agents.
    #[error("the ledger cannot be read")]
    History(#[from] HistoryError),
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
    let path = config::ledger(&settings.data);
    let (ledger, state) = open_ledger(&path)?;
    let authority = Arc::new(load_authority(&config::authority(&settings.data))?);

    // No view is kept yet: the state is replayed at every start.
    let (views, mut frames) = mpsc::channel(64);
    let unseen = tokio::spawn(async move { while frames.recv().await.is_some() {} });
    let (engine, writer) = Engine::start(Box::new(ledger), state, Arc::new(clock::now), views);
    let mut writer = tokio::task::spawn_blocking(move || writer.join());

    let leases_path = config::leases(&settings.data);
    let (lease_ledger, book) = open_leases(&leases_path, engine.identity().store_id)?;
    let (lease_views, mut lease_frames) = mpsc::channel(64);
    let unseen_leases = tokio::spawn(async move { while lease_frames.recv().await.is_some() {} });
    let (leases, lease_writer) = LeaseKeeper::start(Box::new(lease_ledger), book, lease_views);
    let mut lease_writer = tokio::task::spawn_blocking(move || lease_writer.join());

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
    let routes = routes(&context, leases, presence, &sync)?;
    let dispatching = tokio::spawn(async move { sync.dispatch().await });

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
    // Neither writer ends before everybody else has, unless its ledger failed.
    let ended_early = tokio::select! {
        () = stopping.cancelled() => None,
        ended = &mut writer => Some(joined(ended).map_err(failed(&path))),
        ended = &mut lease_writer => Some(joined(ended).map_err(failed(&leases_path))),
    };
    stopping.cancel();
    joined(serving.await);
    joined(renewal.await);
    joined(dispatching.await)?;
    if let Some(ended) = ended_early {
        return ended.and(Err(RunError::Ended));
    }
    let both = async { (joined(writer.await), joined(lease_writer.await)) };
    let (ended, leases_ended) = tokio::time::timeout(WRITER_LIMIT, both).await.map_err(|_| RunError::Stuck)?;
    joined(unseen.await);
    joined(unseen_leases.await);
    ended.map_err(failed(&path))?;
    leases_ended.map_err(failed(&leases_path))
}

/// Every service behind the port.
fn routes(context: &Arc<Context>, leases: LeaseKeeper, presence: Presence, sync: &Sync) -> Result<Routes, RunError> {
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(freehold_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let api = Api {
        engine: context.engine.clone(),
        leases,
        presence,
        authority: Arc::clone(&context.authority),
        endpoint: context.endpoint.clone(),
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

fn open_ledger(path: &Path) -> Result<(SegmentLedger, State), RunError> {
    let disk = RealDisk::open(path).map_err(|source| RunError::Data { path: path.to_owned(), source })?;
    let failed = |source| RunError::Ledger { path: path.to_owned(), source };
    let ledger = SegmentLedger::open(Arc::new(disk), SEGMENT_BYTES).map_err(failed)?;
    let state = recover::replay(State::default(), &*ledger.history(), 1)?;
    if state.operators().is_empty() {
        return Err(failed(LedgerError::Incomplete("`freehold-controller init` was not finished; run it again")));
    }
    tracing::info!(revision = state.revision().0, found = ?ledger.recovery(), "the ledger is open");
    Ok((ledger, state))
}

/// The lease ledger, made at the first start, and the leases out of it.
fn open_leases(path: &Path, store_id: [u8; 16]) -> Result<(SegmentLedger, LeaseBook), RunError> {
    let data = |source| RunError::Data { path: path.to_owned(), source };
    let failed = |source| RunError::Ledger { path: path.to_owned(), source };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::create(path).map_err(data)?);
    let ledger = match SegmentLedger::open(Arc::clone(&disk), SEGMENT_BYTES) {
        Err(LedgerError::Missing) => SegmentLedger::create(disk, store_id, SEGMENT_BYTES),
        opened => opened,
    }
    .map_err(failed)?;
    let mut book = LeaseBook::default();
    leases::replay(&mut book, &*ledger.history(), 0)?;
    tracing::info!(leases = book.len(), found = ?ledger.recovery(), "the lease ledger is open");
    Ok((ledger, book))
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
