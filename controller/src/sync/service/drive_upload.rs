//! Drives one server's stream of lease events.

use super::super::dispatch::Signal;
use super::super::lease_upload::{Alarm, LeaseUpload, Output};
use super::super::waits::Wait;
use super::Sync;
use crate::leases::NotTaken;
use freehold_core::lease::{LeaseCursor, ServerLeases};
use freehold_core::name::{AgentName, ServerName};
use freehold_proto::sync::ResyncAck;
use freehold_proto::sync::upload_leases_request::Message;
use freehold_proto::sync::upload_leases_response::Message as Answer;
use freehold_proto::sync::{UploadLeasesRequest, UploadLeasesResponse};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Status, Streaming};
use tracing::{error, info, warn};

/// How long the first message may take.
const GREETING_LIMIT: Duration = Duration::from_secs(30);

/// One server's stream and what it needs.
pub(super) struct Driver {
    sync: Sync,
    agent: AgentName,
    inbound: Streaming<UploadLeasesRequest>,
    machine: Option<(ServerName, LeaseUpload)>,
    signal: Arc<Signal>,
    commits: FuturesOrdered<BoxFuture<'static, Result<LeaseCursor, NotTaken>>>,
    wants_leases: bool,
    out: VecDeque<UploadLeasesResponse>,
    over: bool,
}

impl Driver {
    pub(super) fn new(sync: Sync, agent: AgentName, inbound: Streaming<UploadLeasesRequest>) -> Self {
        Self {
            sync,
            agent,
            inbound,
            machine: None,
            signal: Arc::new(Signal::default()),
            commits: FuturesOrdered::new(),
            wants_leases: false,
            out: VecDeque::new(),
            over: false,
        }
    }

    /// The next message to the agent; `None` when the stream is over.
    pub(super) async fn next(&mut self) -> Option<Result<UploadLeasesResponse, Status>> {
        if self.machine.is_none()
            && let Err(status) = self.greeted().await
        {
            self.over = true;
            return Some(Err(status));
        }
        loop {
            self.carry_out();
            if let Some(message) = self.out.pop_front() {
                return Some(Ok(message));
            }
            if self.over {
                return None;
            }
            let shared = Arc::clone(&self.sync.0);
            let (server, machine) = self.machine.as_mut()?;
            if self.wants_leases && self.commits.is_empty() {
                self.wants_leases = false;
                let book = shared.leases.book();
                machine.leases(shared.now(), book.of(server).unwrap_or(&ServerLeases::default()));
                continue;
            }
            tokio::select! {
                Some(committed) = self.commits.next() => match committed {
                    Ok(cursor) => machine.committed(cursor),
                    Err(NotTaken::Elsewhere) => {
                        machine.not_committed(shared.leases.book().of(server).and_then(|leases| leases.cursor));
                    }
                    Err(stopped @ NotTaken::Stopped) => {
                        self.over = true;
                        return Some(Err(Status::unavailable(stopped.to_string())));
                    }
                },
                message = self.inbound.message() => match message {
                    Ok(Some(message)) => machine.receive(shared.now(), message),
                    Ok(None) => return None,
                    Err(status) => {
                        info!(agent = %self.agent, why = status.message(), "a stream of lease events broke off");
                        return None;
                    }
                },
                heard = self.signal.hear() => heard.allowed.into_iter().for_each(|id| machine.allow_removal(id)),
                () = shared.stop.cancelled() => {
                    self.over = true;
                    return Some(Err(Status::unavailable("the controller stops; dial again")));
                }
            }
        }
    }

    /// Takes the greeting, which says whose stream it is.
    async fn greeted(&mut self) -> Result<(), Status> {
        let late = |_| Status::deadline_exceeded("no greeting came");
        let first = tokio::time::timeout(GREETING_LIMIT, self.inbound.message()).await.map_err(late)??;
        let first = first.ok_or_else(|| Status::invalid_argument("the stream ended without a greeting"))?;
        let Some(Message::Hello(hello)) = &first.message else {
            return Err(Status::invalid_argument("the first message must be a greeting"));
        };
        let server = ServerName::new(self.agent.clone(), &hello.server_id)
            .map_err(|refusal| Status::invalid_argument(refusal.message))?;
        let known = self.sync.0.leases.book().of(&server).and_then(|leases| leases.cursor);
        let mut machine = LeaseUpload::new(server.clone(), known);
        machine.receive(self.sync.0.now(), first);
        self.sync.0.uploads.follow(server.clone(), Arc::clone(&self.signal));
        self.sync.0.presence.listing(&server, None);
        self.machine = Some((server, machine));
        Ok(())
    }

    fn carry_out(&mut self) {
        let Some((server, machine)) = &mut self.machine else { return };
        while let Some(output) = machine.poll() {
            match output {
                Output::Send(message) => {
                    if let Some(Answer::ResyncAck(ResyncAck { applied: true, .. })) = &message.message {
                        self.sync.0.presence.listing(server, None);
                    }
                    self.out.push_back(message);
                }
                Output::Commit(batch) => {
                    let leases = self.sync.0.leases.clone();
                    self.commits.push_back(Box::pin(async move { leases.commit(batch).await }));
                }
                Output::AskLeases => self.wants_leases = true,
                Output::Alarm(Alarm::RemovalHeld { resync_id, would_remove }) => {
                    self.sync.0.presence.listing(server, Some(Wait::Listing { resync_id, would_remove }));
                    warn!(%server, would_remove, "a full listing lacks too many leases; `freehold server show` says what to do");
                }
                Output::Alarm(alarm) => error!(%server, ?alarm, "a stream of lease events needs attention"),
                Output::Close => self.over = true,
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some((server, _)) = &self.machine {
            self.sync.0.uploads.forget(server, &self.signal);
        }
    }
}
