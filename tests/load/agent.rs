//! A simulated agent: the agent's own session and upload machines over real TLS, with a driver that only says "done".
//!
//! What it leaves out of an agent is the disk and the DHCP server: nothing is made durable, and every bundle is applied at once.

use anyhow::{Context, Result, bail};
use freehold_agent::clock;
use freehold_agent::session::machine::{Facts, Machine, Outcome, Output};
use freehold_agent::session::upload::{self, Spool, Upload};
use freehold_core::bundle::Bundle;
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use freehold_proto::sync::{LeaseEvent, ServerReport, SessionResponse};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

/// The one server on the host of every simulated agent.
pub(crate) const SERVER: &str = "kea4";
/// A store that was never restored.
const INCARNATION: u64 = 1;
/// Messages on their way to the wire.
const QUEUE: usize = 8;

/// A bundle was applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied {
    /// The agent's number.
    pub(crate) agent: usize,
    /// When.
    pub(crate) at: Instant,
}

/// An agent's session.
#[derive(Debug)]
pub(crate) struct Session {
    machine: Machine,
    number: usize,
    applied: mpsc::Sender<Applied>,
}

impl Session {
    /// The session of the agent with this number, which has never run anything.
    pub(crate) fn new(number: usize, applied: mpsc::Sender<Applied>) -> Self {
        let boot = (number as u128 + 1).to_be_bytes();
        let mut machine = Machine::new(Default::default(), boot, env!("CARGO_PKG_VERSION"), clock::now());
        let report = ServerReport {
            server_id: SERVER.to_owned(),
            kind: "kea-dhcp4".to_owned(),
            version: "2.2.0".to_owned(),
            running: true,
            ..ServerReport::default()
        };
        let observed = Some(Bundle::default().digest());
        machine.observe(clock::now(), SERVER, Facts { report, observed, ..Facts::default() });
        Self { machine, number, applied }
    }

    /// Greets, says so when it is welcomed, and then obeys until the connection ends.
    pub(crate) async fn run(mut self, channel: Channel, up: oneshot::Sender<()>) -> Result<()> {
        let (out, queue) = mpsc::channel(QUEUE);
        let mut up = Some(up);
        self.machine.connected(clock::now());
        self.carry_out(&out).await?;
        let mut client = AgentControlServiceClient::new(channel);
        let mut answers = client.session(ReceiverStream::new(queue)).await?.into_inner();
        loop {
            self.carry_out(&out).await?;
            if self.machine.is_up()
                && let Some(up) = up.take()
            {
                up.send(()).ok().context("nobody waits for the welcome")?;
            }
            let deadline = self.machine.deadline();
            tokio::select! {
                answer = next(&mut answers) => self.machine.receive(clock::now(), answer?),
                () = tokio::time::sleep_until(clock::instant(deadline.unwrap_or_default())), if deadline.is_some() => {
                    self.machine.tick(clock::now());
                }
            }
        }
    }

    async fn carry_out(&mut self, out: &mpsc::Sender<freehold_proto::sync::SessionRequest>) -> Result<()> {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(message) => out.send(message).await.context("the session ended")?,
                Output::Apply(apply) => {
                    self.applied.send(Applied { agent: self.number, at: Instant::now() }).await?;
                    let outcome = Outcome::Applied { digest: apply.digest, barrier: None, server_ms: 0 };
                    self.machine.outcome(clock::now(), &apply.server, outcome);
                }
                Output::Dial | Output::Persist(_) | Output::Trust(_) | Output::Probe(_) | Output::Preview(_) => {}
                Output::Alarm(alarm) => bail!("agent {}: {alarm:?}", self.number),
                Output::HangUp => bail!("agent {} hung up", self.number),
            }
        }
        Ok(())
    }
}

async fn next(answers: &mut Streaming<SessionResponse>) -> Result<SessionResponse> {
    answers.message().await?.context("the controller closed the session")
}

/// Uploads events 1 to `last` of a spool, and returns when all of them are acknowledged. `acknowledged` follows it.
pub(crate) async fn upload_leases(
    channel: Channel,
    epoch: [u8; 16],
    last: u64,
    event: impl Fn(u64) -> LeaseEvent,
    acknowledged: Arc<AtomicU64>,
) -> Result<()> {
    let spool = Spool { epoch, first_seq: 1, last_seq: last, acked_seq: 0, listed: Some(INCARNATION) };
    let mut machine = Upload::new(SERVER, spool, INCARNATION, clock::now());
    let (out, queue) = mpsc::channel(QUEUE);
    let mut queue = Some(queue);
    let mut answers = None;
    while acknowledged.load(Ordering::Relaxed) < last {
        while let Some(output) = machine.poll() {
            match output {
                upload::Output::Send(message) => out.send(message).await.context("the upload ended")?,
                upload::Output::Read { from, most } => {
                    let to = last.min(from + most as u64 - 1);
                    machine.read(clock::now(), from, (from..=to).map(&event).collect());
                }
                upload::Output::List(id) => machine.listing_done(clock::now(), id, true),
                upload::Output::Acknowledged(seq) => acknowledged.store(seq, Ordering::Relaxed),
                upload::Output::Listed(_) => {}
                upload::Output::NewEpoch | upload::Output::HangUp => bail!("the upload stalled"),
            }
        }
        if let Some(queue) = queue.take() {
            // The greeting is in the queue by now.
            let mut client = AgentControlServiceClient::new(channel.clone());
            answers = Some(client.upload_leases(ReceiverStream::new(queue)).await?.into_inner());
        }
        let answers = answers.as_mut().context("the stream was opened before")?;
        let deadline = machine.deadline();
        tokio::select! {
            answer = answers.message() => {
                machine.receive(clock::now(), answer?.context("the controller closed the upload")?);
            }
            () = tokio::time::sleep_until(clock::instant(deadline.unwrap_or_default())), if deadline.is_some() => {
                machine.tick(clock::now());
            }
        }
    }
    Ok(())
}
