//! The shell around the session machine: dials, sends, receives, writes files, hands bundles to keepers.
//!
//! One connection carries the session and the lease uploads. When it breaks, everything on it ends and the machine says
//! when to dial again; the keepers and feeds do not notice.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use freehold_certs::credentials::{Roots, RootsError};
use freehold_certs::dial::{Dial, DialError};
use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::token::Endpoint;
use freehold_certs::{CertificateDer, tls};
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use freehold_proto::sync::{ProbeAnswer, ProbeRequest, ServerHealth, SessionRequest, SessionResponse, TrustBundle};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};
use tracing::{error, info, warn};

use super::machine::{Apply, Machine, Output, Preview};
use super::memory::Write;
use crate::clock;
use crate::files::{self, FileError};
use crate::probe::turned_away;
use crate::server::keeper::{Said, chain};
use crate::server::upload::Uploader;

/// Messages that wait for the wire.
const QUEUE: usize = 64;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The way there.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The identity.
    #[error(transparent)]
    Identity(#[from] FolderError),
    /// TLS settings.
    #[error("TLS cannot be used")]
    Tls(#[from] rustls::Error),
    /// The identity is not there.
    #[error("the identity is incomplete; enrol this host again")]
    Incomplete,
    /// Roots that the controller sent.
    #[error("the roots that the controller sent cannot be used")]
    Roots(#[from] RootsError),
    /// The controller said no, or the line broke.
    #[error("the controller ended the session: {}", .0.message())]
    Ended(#[from] Status),
    /// A file could not be made durable.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What the session works with.
#[derive(Debug)]
pub struct Line {
    /// The machine.
    pub machine: Machine,
    /// Where the controller is.
    pub controller: Endpoint,
    /// Who the agent is.
    pub identity: IdentityFolder,
    /// Where the machine's memory is.
    pub memory: PathBuf,
    /// Takes bundles, by server.
    pub wishes: BTreeMap<String, mpsc::Sender<Apply>>,
    /// Takes what somebody only wants to know of, by server.
    pub previews: BTreeMap<String, mpsc::Sender<Preview>>,
    /// What keepers say.
    pub said: mpsc::Receiver<Said>,
    /// What sends lease events on, by server.
    pub uploaders: BTreeMap<String, Uploader>,
    /// Gauges of the servers, the newest.
    pub gauges: watch::Receiver<Vec<ServerHealth>>,
    /// Takes probes.
    pub probes: mpsc::Sender<ProbeRequest>,
    /// What came of probes.
    pub probed: mpsc::Receiver<ProbeAnswer>,
    /// The networks that the host has an interface in, the newest.
    pub networks: watch::Receiver<Vec<String>>,
    /// Hears whenever the connection can be used for other calls.
    pub channel: watch::Sender<Option<Channel>>,
}

type Opening = Pin<Box<dyn Future<Output = Result<Response<Streaming<SessionResponse>>, Status>> + Send>>;
type Dialling = Pin<Box<dyn Future<Output = Result<Channel, LineError>> + Send>>;

/// The connection as far as it has come.
enum Connection {
    None,
    Dialling(Dialling),
    Opening(Opening, Wire),
    Open(Box<Streaming<SessionResponse>>, Wire),
}

/// The way out of an open connection, and what lives on it.
struct Wire {
    out: mpsc::Sender<SessionRequest>,
    waiting: VecDeque<SessionRequest>,
    channel: Channel,
    uploads: JoinSet<()>,
    stop: CancellationToken,
}

/// What happened while waiting.
enum Happened {
    Dialled(Result<Channel, LineError>),
    Opened(Result<Response<Streaming<SessionResponse>>, Status>),
    Received(Result<Option<SessionResponse>, Status>),
    Sent,
    Said(Option<Said>),
    Probed(Option<ProbeAnswer>),
    Tick,
    Stop,
}

impl Line {
    /// Works until `stop`, or until the disk takes no more.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), LineError> {
        let mut connection = Connection::None;
        loop {
            self.carry_out(&mut connection).await?;
            self.machine.gauges(self.gauges.borrow().clone());
            self.machine.networks(self.networks.borrow().clone());
            let deadline = self.machine.deadline();
            let happened = {
                let tick = tokio::time::sleep_until(clock::instant(deadline.unwrap_or_default()));
                tokio::select! {
                    () = stop.cancelled() => Happened::Stop,
                    happened = connection.next() => happened,
                    said = self.said.recv() => Happened::Said(said),
                    probed = self.probed.recv() => Happened::Probed(probed),
                    () = tick, if deadline.is_some() => Happened::Tick,
                }
            };
            match happened {
                Happened::Stop | Happened::Said(None) | Happened::Probed(None) => return self.close(connection).await,
                Happened::Said(Some(Said::Facts(id, facts))) => self.machine.observe(clock::now(), &id, *facts),
                Happened::Said(Some(Said::Previewed(parts))) => {
                    parts.into_iter().for_each(|part| self.machine.previewed(part));
                }
                Happened::Said(Some(Said::Outcome(id, outcome))) => self.machine.outcome(clock::now(), &id, outcome),
                Happened::Probed(Some(answer)) => self.machine.probed(answer),
                Happened::Tick => self.machine.tick(clock::now()),
                Happened::Sent => {}
                Happened::Dialled(Ok(channel)) => connection = self.greet(channel),
                Happened::Dialled(Err(failure)) => self.lost(&mut connection, &failure).await,
                Happened::Opened(Ok(response)) => connection = connection.opened(response.into_inner()),
                Happened::Opened(Err(status)) | Happened::Received(Err(status)) => {
                    self.lost(&mut connection, &LineError::Ended(status)).await;
                }
                Happened::Received(Ok(None)) => {
                    self.lost(&mut connection, &LineError::Ended(Status::unavailable("it closed the stream"))).await;
                }
                Happened::Received(Ok(Some(message))) => {
                    let was_up = self.machine.is_up();
                    self.machine.receive(clock::now(), message);
                    if !was_up && self.machine.is_up() {
                        self.welcomed(&mut connection);
                    }
                }
            }
        }
    }

    fn dial(&self) -> Dialling {
        let (endpoint, identity) = (self.controller.clone(), self.identity.clone());
        Box::pin(async move {
            let credentials = identity.credentials()?.ok_or(LineError::Incomplete)?;
            let roots = identity.roots()?.ok_or(LineError::Incomplete)?;
            let domain = &credentials.leaf().trust_domain;
            let tls = tls::client(Some(&credentials), &roots, domain, tls::system_clock())?;
            let dial = Dial::new(endpoint, tls);
            let connection = dial.connect().await?;
            Ok(dial.channel(connection).await?)
        })
    }

    /// The connection is there: the greeting is put into the queue before the answer is awaited.
    fn greet(&mut self, channel: Channel) -> Connection {
        let (out, queue) = mpsc::channel(QUEUE);
        let mut client = AgentControlServiceClient::new(channel.clone()).max_decoding_message_size(4 << 20);
        let opening: Opening = Box::pin(async move { client.session(ReceiverStream::new(queue)).await });
        self.machine.connected(clock::now());
        let wire =
            Wire { out, waiting: VecDeque::new(), channel, uploads: JoinSet::new(), stop: CancellationToken::new() };
        Connection::Opening(opening, wire)
    }

    fn welcomed(&mut self, connection: &mut Connection) {
        info!(controller = %self.controller, "session open");
        if let (Connection::Open(_, wire), Some(incarnation)) = (connection, self.machine.incarnation()) {
            for uploader in self.uploaders.values() {
                wire.uploads.spawn(uploader.clone().run(wire.channel.clone(), incarnation, wire.stop.clone()));
            }
            self.channel.send_replace(Some(wire.channel.clone()));
        }
    }

    async fn lost(&mut self, connection: &mut Connection, failure: &LineError) {
        warn!(controller = %self.controller, failure = %chain(failure), "no session");
        self.hung_up(connection).await;
    }

    async fn hung_up(&mut self, connection: &mut Connection) {
        self.channel.send_replace(None);
        std::mem::replace(connection, Connection::None).close().await;
        self.machine.lost(clock::now(), random());
    }

    async fn close(&mut self, connection: Connection) -> Result<(), LineError> {
        self.channel.send_replace(None);
        connection.close().await;
        Ok(())
    }

    async fn carry_out(&mut self, connection: &mut Connection) -> Result<(), LineError> {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Dial => *connection = Connection::Dialling(self.dial()),
                Output::Send(message) => connection.push(message),
                Output::Persist(Write { name, bytes }) => files::replace(&self.memory.join(name), &bytes, 0o600)?,
                Output::Apply(apply) => match self.wishes.get(&apply.server) {
                    // The machine has one apply under way per server, so there is always a place.
                    Some(keeper) if keeper.try_send(apply.clone()).is_ok() => {}
                    _ => self.machine.outcome(clock::now(), &apply.server, super::machine::Outcome::Busy),
                },
                Output::Preview(preview) => {
                    let (keeper, preview_id) = (self.previews.get(&preview.server), preview.preview_id);
                    if keeper.is_none_or(|keeper| keeper.try_send(preview).is_err()) {
                        let message = "the agent has too many previews to make; ask again in a moment";
                        self.machine.cannot_preview(preview_id, message.to_owned());
                    }
                }
                Output::Trust(roots) => self.trust(&roots)?,
                Output::Probe(request) => {
                    if let Err(TrySendError::Full(request) | TrySendError::Closed(request)) =
                        self.probes.try_send(request)
                    {
                        self.machine.probed(turned_away(&request, "the agent has too many probes to do; ask again"));
                    }
                }
                Output::Alarm(alarm) => error!(?alarm, "the controller cannot be obeyed"),
                Output::HangUp => self.hung_up(connection).await,
            }
        }
        Ok(())
    }

    fn trust(&self, bundle: &TrustBundle) -> Result<(), LineError> {
        let roots = Roots::new(bundle.roots_der.iter().map(|der| CertificateDer::from(der.clone())).collect())?;
        Ok(self.identity.write_roots(&roots)?)
    }
}

impl Connection {
    /// What happens next on the connection; waits for ever if there is none.
    async fn next(&mut self) -> Happened {
        match self {
            Connection::None => std::future::pending().await,
            Connection::Dialling(dialling) => Happened::Dialled(dialling.await),
            Connection::Opening(opening, wire) => tokio::select! {
                sent = wire.send_next() => sent,
                opened = opening => Happened::Opened(opened),
            },
            Connection::Open(answers, wire) => tokio::select! {
                sent = wire.send_next() => sent,
                answer = answers.message() => Happened::Received(answer),
            },
        }
    }

    fn opened(self, answers: Streaming<SessionResponse>) -> Self {
        match self {
            Connection::Opening(_, wire) => Connection::Open(Box::new(answers), wire),
            other => other,
        }
    }

    fn push(&mut self, message: SessionRequest) {
        match self {
            Connection::Opening(_, wire) | Connection::Open(_, wire) => wire.waiting.push_back(message),
            // What is said to nobody is said again in the next greeting.
            Connection::None | Connection::Dialling(_) => {}
        }
    }

    async fn close(self) {
        if let Connection::Opening(_, wire) | Connection::Open(_, wire) = self {
            wire.stop.cancel();
            let mut uploads = wire.uploads;
            while let Some(ended) = uploads.join_next().await {
                if let Err(panic) = ended {
                    std::panic::resume_unwind(panic.into_panic());
                }
            }
        }
    }
}

impl Wire {
    /// Sends the first message that waits; waits for ever if none does. Cancelling loses none.
    async fn send_next(&mut self) -> Happened {
        if self.waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        match self.out.reserve().await {
            Ok(place) => {
                if let Some(message) = self.waiting.pop_front() {
                    place.send(message);
                }
                Happened::Sent
            }
            Err(_) => Happened::Received(Ok(None)),
        }
    }
}

/// Random numbers for jitter, from the system.
fn random() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    u64::from_le_bytes(bytes)
}

/// The memory out of its folder, which may be empty.
pub fn load_memory(folder: &std::path::Path) -> Result<super::memory::Memory, MemoryFilesError> {
    let files = files::read_folder(folder)?;
    let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Ok(super::memory::Memory::load(files)?)
}

/// Why the memory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MemoryFilesError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is in it.
    #[error(transparent)]
    Memory(#[from] super::memory::MemoryError),
}
