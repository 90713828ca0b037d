//! Sends what a server's spool has to the controller, while there is a line: the shell around
//! [`crate::session::upload`].

use std::collections::VecDeque;
use std::time::Duration;

use freehold_proto::convert::lease::wire;
use freehold_proto::sync::agent_control_service_client::AgentControlServiceClient;
use freehold_proto::sync::{UploadLeasesRequest, UploadLeasesResponse};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use tracing::{info, warn};

use super::ServerFolder;
use super::feed::{Feed, SpoolPosition};
use super::keeper::{Health, chain};
use crate::clock;
use crate::files::FileError;
use crate::session::upload::{self, Output, Upload};
use crate::spool::{SpoolError, SpoolReader};

/// Messages that wait for the wire.
const QUEUE: usize = 16;
/// Bytes read out of the spool at a time.
const READ_BYTES: usize = 1 << 20;
/// Leases in a part of a full listing.
const LISTING_PART: usize = 500;
/// After a stream that ended the next one is opened after this.
const RETRY: Duration = Duration::from_secs(1);

/// What sends one server's lease events on.
#[derive(Debug, Clone)]
pub struct Uploader {
    /// Which server.
    pub id: &'static str,
    /// What is remembered of the server.
    pub folder: ServerFolder,
    /// Its spool, for reading and for saying what was acknowledged.
    pub spool: SpoolReader,
    /// What follows its leases.
    pub feed: Feed,
    /// How the server is.
    pub health: watch::Receiver<Health>,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error("the controller ended it: {}", .0.message())]
    Ended(#[from] Status),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the spool has begun a new epoch")]
    OtherEpoch,
    #[error("it stood still")]
    Stalled,
    #[error("the line is gone")]
    Closed,
}

impl Uploader {
    /// Sends on `channel` to a store of `incarnation` until `stop`: one stream after another.
    pub async fn run(mut self, channel: Channel, incarnation: u64, stop: CancellationToken) {
        // Of a server that was never found there is nothing to say, and the controller does not know it.
        if self.feed.position().last_seq == 0 {
            tokio::select! {
                () = stop.cancelled() => return,
                found = self.health.wait_for(Health::is_found) => if found.is_err() { return },
            }
        }
        while !stop.is_cancelled() {
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.stream(channel.clone(), incarnation) => ended,
            };
            if let Err(failure) = ended {
                info!(failure = %chain(&failure), "the stream of lease events ended; opening it again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    async fn stream(&self, channel: Channel, incarnation: u64) -> Result<(), UploadError> {
        let mut positions = self.feed.positions();
        let at: SpoolPosition = *positions.borrow_and_update();
        let mut reader = self.spool.clone();
        let spool = upload::Spool {
            epoch: at.epoch,
            first_seq: at.first_seq,
            last_seq: at.last_seq,
            acked_seq: at.acked_seq,
            listed: self.folder.listed(at.epoch)?,
        };
        let mut machine = Upload::new(self.id, spool, incarnation, clock::now());
        let (out, queue) = mpsc::channel(QUEUE);
        // The greeting is in the queue before the answer is awaited.
        let mut line = Line { out, waiting: VecDeque::new() };
        self.carry_out(at.epoch, &mut machine, &mut reader, &mut line).await?;
        line.flush_ready();
        let mut client = AgentControlServiceClient::new(channel).max_decoding_message_size(4 << 20);
        let mut answers = client.upload_leases(ReceiverStream::new(queue)).await?.into_inner();
        loop {
            self.carry_out(at.epoch, &mut machine, &mut reader, &mut line).await?;
            let deadline = machine.deadline();
            tokio::select! {
                answer = next(&mut answers) => machine.receive(clock::now(), answer?),
                changed = positions.changed() => {
                    changed.map_err(|_| UploadError::Closed)?;
                    let epoch = at.epoch;
                    let at = *positions.borrow_and_update();
                    if at.epoch != epoch {
                        return Err(UploadError::OtherEpoch);
                    }
                    machine.spooled(clock::now(), at.first_seq, at.last_seq);
                }
                sent = line.send_next(), if line.has_waiting() => sent?,
                () = tokio::time::sleep_until(clock::instant(deadline.unwrap_or_default())), if deadline.is_some() => {
                    machine.tick(clock::now());
                }
            }
        }
    }

    async fn carry_out(
        &self,
        epoch: [u8; 16],
        machine: &mut Upload,
        spool: &mut SpoolReader,
        line: &mut Line,
    ) -> Result<(), UploadError> {
        while let Some(output) = machine.poll() {
            match output {
                Output::Send(message) => line.waiting.push_back(message),
                Output::Listed(incarnation) => self.folder.note_listed(epoch, incarnation)?,
                Output::Read { from, most } => {
                    let batch = spool.read(from, most, READ_BYTES)?;
                    machine.read(clock::now(), batch.first_seq, batch.events);
                }
                Output::List(id) => self.list(machine, id).await,
                Output::Acknowledged(seq) => self.feed.acknowledge(seq).await,
                Output::NewEpoch => {
                    warn!("the controller knows more of the lease spool than it has; a new one is begun");
                    self.feed.begin_epoch().await;
                }
                Output::HangUp => return Err(UploadError::Stalled),
            }
        }
        Ok(())
    }

    async fn list(&self, machine: &mut Upload, id: u64) {
        let leases = self.feed.list().await;
        let complete = leases.is_some();
        for part in leases.unwrap_or_default().chunks(LISTING_PART) {
            machine.listed(id, part.iter().map(wire).collect());
        }
        machine.listing_done(clock::now(), id, complete);
    }
}

async fn next(answers: &mut Streaming<UploadLeasesResponse>) -> Result<UploadLeasesResponse, UploadError> {
    answers.message().await?.ok_or(UploadError::Closed)
}

/// Messages on their way to the wire, in order.
struct Line {
    out: mpsc::Sender<UploadLeasesRequest>,
    waiting: VecDeque<UploadLeasesRequest>,
}

impl Line {
    fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Puts what fits into the queue, without waiting.
    fn flush_ready(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(message) | mpsc::error::TrySendError::Closed(message)) =
                self.out.try_send(message)
            {
                self.waiting.push_front(message);
                return;
            }
        }
    }

    /// Sends the first message that waits; cancelling loses none.
    async fn send_next(&mut self) -> Result<(), UploadError> {
        let place = self.out.reserve().await.map_err(|_| UploadError::Closed)?;
        if let Some(message) = self.waiting.pop_front() {
            place.send(message);
        }
        Ok(())
    }
}
