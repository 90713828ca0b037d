//! The service that agents call: the shell around the machines.
//!
//! A stream's machine is driven by whoever reads the stream: while the agent does not take what it is sent, nothing more is
//! done for it, and when the connection ends the machine is dropped with it. So there is no task to leak, and a
//! slow agent holds up nobody but itself.

mod drive_session;
mod drive_upload;

use super::admission::{Handshakes, Snapshots};
use super::ancestry::Ancestry;
use super::dispatch::{Dispatch, Heard, Signal};
use super::questions::{PreviewOrder, Previewed, ProbeOrder, Probed, UNDER_WAY_MAX};
use super::registry::Registry;
use super::waits::Decision;
use crate::engine::HistoryError;
use crate::leases::LeaseKeeper;
use crate::presence::Presence;
use crate::serve::{Caller, Principal};
use crate::sync::wanted::Owed;
use crate::{Context, enrol};
use freehold_core::bundle::Bundle;
use freehold_core::name::{AgentName, ServerName};
use freehold_core::time::Now;
use freehold_proto::sync::agent_control_service_server::{AgentControlService, AgentControlServiceServer};
use freehold_proto::sync::{
    RenewRequest, RenewResponse, SessionRequest, SessionResponse, UploadLeasesRequest, UploadLeasesResponse,
};
use futures_util::Stream;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// Largest message that an agent may send, in bytes.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// How much longer than its own limit a probe may take, for the way there and back and for its turn at the agent.
const PROBE_MARGIN: Duration = Duration::from_secs(3);
/// How long a preview may take: an apply may be under way, and a server's test of a large configuration takes seconds.
const PREVIEW_LIMIT: Duration = Duration::from_secs(60);

/// What all sessions have in common; copies are the same.
#[derive(Debug, Clone)]
pub struct Sync(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    context: Arc<Context>,
    leases: LeaseKeeper,
    presence: Presence,
    dispatch: Dispatch,
    /// The streams of lease events.
    uploads: Dispatch,
    registry: Mutex<Registry>,
    sessions: Mutex<BTreeMap<u64, Arc<Signal>>>,
    ancestry: Mutex<Ancestry>,
    snapshots: Mutex<Snapshots>,
    handshakes: Mutex<Handshakes>,
    /// The proofs that somebody waits for.
    owed: Mutex<BTreeMap<ServerName, Owed>>,
    numbers: AtomicU64,
    regressed: AtomicBool,
    started: Instant,
    stop: CancellationToken,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sync {
    /// The service, until `stop`.
    pub fn new(context: Arc<Context>, leases: LeaseKeeper, presence: Presence, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            context,
            leases,
            presence,
            dispatch: Dispatch::default(),
            uploads: Dispatch::default(),
            registry: Mutex::default(),
            sessions: Mutex::default(),
            ancestry: Mutex::default(),
            snapshots: Mutex::default(),
            handshakes: Mutex::default(),
            owed: Mutex::default(),
            numbers: AtomicU64::new(1),
            regressed: AtomicBool::new(false),
            started: Instant::now(),
            stop,
        }))
    }

    /// The service for the router.
    pub fn server(&self) -> AgentControlServiceServer<Self> {
        AgentControlServiceServer::new(self.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Tells sessions what was committed and that the store's incarnation has risen, until the service stops.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn dispatch(&self) -> Result<(), HistoryError> {
        let mut identities = self.0.context.engine.identities();
        let mut commits = std::pin::pin!(self.0.dispatch.run(self.0.context.engine.clone(), self.0.stop.clone()));
        loop {
            tokio::select! {
                ended = commits.as_mut() => return ended,
                Ok(()) = identities.changed() => self.0.reincarnated(),
            }
        }
    }

    /// Tells the session of a server what a person decided; `false` if there is none.
    pub fn decide(&self, server: &ServerName, decision: Decision) -> bool {
        let Some(signal) = self.0.dispatch.signal(server) else { return false };
        signal.say(|heard| heard.decisions.push((server.clone(), decision)));
        true
    }

    /// Tells the stream of a server's lease events that a person allows what this listing would close; `false` if there is none.
    pub fn allow_listing(&self, server: &ServerName, resync_id: u64) -> bool {
        let Some(signal) = self.0.uploads.signal(server) else { return false };
        signal.say(|heard| heard.allowed.push(resync_id));
        true
    }

    /// From now on somebody waits for this proof from `server`; nobody, if there is none. Its session gives it even if
    /// nothing has to be changed for it.
    pub fn owes(&self, server: &ServerName, proof: Option<Owed>) {
        let mut owed = lock(&self.0.owed);
        let before = match proof {
            Some(proof) => owed.insert(server.clone(), proof),
            None => owed.remove(server),
        };
        drop(owed);
        if before == proof || proof.is_none() {
            return;
        }
        if let Some(signal) = self.0.dispatch.signal(server) {
            let now = self.0.now().wall;
            signal.say(|heard| {
                heard.changed.entry(server.clone()).or_insert(now);
            });
        }
    }

    /// Asks an agent who answers on some addresses, each within `timeout`.
    pub async fn probe(&self, agent: &AgentName, addresses: Vec<String>, timeout: Duration) -> Probed {
        let limit = timeout + PROBE_MARGIN;
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self.ask(agent, limit, |heard, answer| {
            // The sender of one too many is dropped, and whoever waits hears it.
            if heard.probes.len() < UNDER_WAY_MAX {
                heard.probes.push(ProbeOrder { id: random(), addresses, timeout_ms, answer });
            }
        })
        .await
    }

    /// Asks the agent of a server what that would make of `to`, while it runs `from`.
    pub async fn preview(&self, server: &ServerName, from: Arc<Bundle>, to: Arc<Bundle>) -> Previewed {
        let (server, id) = (server.clone(), self.next_number());
        self.ask(&server.agent().clone(), PREVIEW_LIMIT, |heard, answer| {
            if heard.previews.len() < UNDER_WAY_MAX {
                heard.previews.push(PreviewOrder { id, server, from, to, answer });
            }
        })
        .await
    }

    /// Puts a question to the session of an agent, and waits for the answer.
    async fn ask<T>(
        &self,
        agent: &AgentName,
        limit: Duration,
        put: impl FnOnce(&mut Heard, oneshot::Sender<Result<T, String>>),
    ) -> Result<T, String> {
        let number = lock(&self.0.registry).live(agent);
        let signal = number.and_then(|number| lock(&self.0.sessions).get(&number).cloned());
        let Some(signal) = signal else { return Err(format!("{agent} is not connected")) };
        let (answer, answered) = oneshot::channel();
        signal.say(|heard| put(heard, answer));
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(format!("the session of {agent} ended, or it has too much to do")),
            Err(_) => Err(format!("{agent} did not answer within {} ms", limit.as_millis())),
        }
    }

    fn next_number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

impl Shared {
    fn owed(&self, server: &ServerName) -> Option<Owed> {
        lock(&self.owed).get(server).copied()
    }

    fn now(&self) -> Now {
        let ticks = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { ticks, wall: self.context.engine.now() }
    }

    /// The instant of a number of ticks, to wait for it.
    fn instant(&self, ticks: u64) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.started + Duration::from_millis(ticks))
    }

    /// Gives a slot for a snapshot back, and wakes whoever has it now.
    fn release_snapshot(&self, server: &ServerName) {
        let next = lock(&self.snapshots).release(server);
        if let Some((next, signal)) =
            next.and_then(|next| Some((self.dispatch.signal(&next)?, next))).map(|(s, n)| (n, s))
        {
            signal.say(|heard| heard.granted.push(next));
        }
    }

    /// Some agent proved that the store went backwards: no session removes anything from now on (P3).
    fn store_went_backwards(&self) {
        if !self.regressed.swap(true, Ordering::AcqRel) {
            self.tell_all(|heard| heard.regressed = true);
        }
    }

    /// The store's history is the truth from now on: what waited for that goes on.
    fn reincarnated(&self) {
        self.regressed.store(false, Ordering::Release);
        self.tell_all(|heard| heard.reincarnated = true);
    }

    fn tell_all(&self, say: impl Fn(&mut Heard)) {
        let sessions: Vec<_> = lock(&self.sessions).values().cloned().collect();
        sessions.iter().for_each(|signal| signal.say(&say));
    }
}

/// Which agent calls.
fn agent<T>(request: &Request<T>) -> Result<AgentName, Status> {
    match &Caller::of(request.extensions())?.principal {
        Principal::Agent(name) => Ok(name.clone()),
        Principal::Operator(_) => Err(Status::permission_denied("only agents call this")),
    }
}

/// Random numbers for jitter, from the system.
fn random() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    u64::from_le_bytes(bytes)
}

#[tonic::async_trait]
impl AgentControlService for Sync {
    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let caller = Caller::of(request.extensions())?.clone();
        enrol::renew(&self.0.context, &caller, request.into_inner()).await.map(Response::new)
    }

    type SessionStream = Pin<Box<dyn Stream<Item = Result<SessionResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let agent = agent(&request)?;
        let wait = lock(&self.0.handshakes).wait_ms(self.0.now().ticks);
        let driver = drive_session::Driver::new(self.clone(), agent, request.into_inner(), wait);
        let stream = futures_util::stream::unfold(driver, |mut driver| async move {
            driver.next().await.map(|message| (message, driver))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    type UploadLeasesStream = Pin<Box<dyn Stream<Item = Result<UploadLeasesResponse, Status>> + Send>>;

    async fn upload_leases(
        &self,
        request: Request<Streaming<UploadLeasesRequest>>,
    ) -> Result<Response<Self::UploadLeasesStream>, Status> {
        let agent = agent(&request)?;
        let driver = drive_upload::Driver::new(self.clone(), agent, request.into_inner());
        let stream = futures_util::stream::unfold(driver, |mut driver| async move {
            driver.next().await.map(|message| (message, driver))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}
