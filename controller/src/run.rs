//! The wiring diagram of a running controller.
//!
//! ```text
//! ledger ─replay─▶ state ─▶ engine ─▶ context ─▶ services ─▶ serve ◀─ TLS ◀─ certificate ◀─ CA
//! ```
//!
//! It ends in the other direction: nothing is accepted any more, calls end, the last handle on the engine is dropped, and the writer finishes
//! what it was given. If the writer fails, everything ends; what became of the last frame is known after the next start.

use crate::config::{self, Settings};
use crate::context::Context;
use crate::engine::Engine;
use crate::enrol::Enrolment;
use crate::ledger::{Ledger, LedgerError, SegmentLedger};
use crate::recover::{self, RecoverError};
use crate::serve::certificate::{ServerCertificate, ServerCertificateError};
use crate::{clock, serve};
use freehold_certs::authority::{Authority, AuthorityError};
use freehold_certs::identity::Uuid;
use freehold_certs::reload::CurrentServer;
use freehold_core::State;
use freehold_journal::RealDisk;
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

    let id = Uuid::from_bytes(engine.identity().store_id);
    let certificate = ServerCertificate { authority: Arc::clone(&authority), id, names: settings.names };
    let (tls, validity) = certificate.issue(clock::system_time(clock::now()))?;
    let tls = CurrentServer::new(tls);

    let failed = |source| RunError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let context = Arc::new(Context::new(engine, authority, settings.endpoint));
    let routes = routes(&context)?;

    let stopping = stop.child_token();
    let renewal = tokio::spawn({
        let (tls, stopping) = (tls.clone(), stopping.clone());
        async move { certificate.keep(tls, validity, stopping).await }
    });
    let serving = tokio::spawn(serve::serve(listener, tls, routes, context, stopping.clone()));
    ready(address);

    let failed = |source| RunError::Ledger { path, source };
    let ended = tokio::select! {
        () = stopping.cancelled() => None,
        ended = &mut writer => Some(joined(ended)),
    };
    stopping.cancel();
    joined(serving.await);
    joined(renewal.await);
    let ended = match ended {
        Some(Ok(())) => Err(RunError::Ended),
        Some(Err(error)) => Err(failed(error)),
        None => match tokio::time::timeout(WRITER_LIMIT, writer).await {
            Ok(ended) => joined(ended).map_err(failed),
            Err(_) => return Err(RunError::Stuck),
        },
    };
    joined(unseen.await);
    ended
}

/// Every service behind the port.
fn routes(context: &Arc<Context>) -> Result<Routes, RunError> {
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(freehold_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::default()
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
