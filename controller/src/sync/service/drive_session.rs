//! Drives one agent's session.

use super::super::dispatch::{Heard, Signal};
use super::super::questions::{PreviewOrder, ProbeOrder, Waiting};
use super::super::session::{Alarm, Ending, Followed, Output, Session};
use super::super::waits::Wait;
use super::super::wanted::wanted;
use super::{Sync, lock, random};
use crate::engine::{Call, CommitError};
use freehold_core::bundle::Digest;
use freehold_core::command::Command;
use freehold_core::name::{AgentName, ServerName};
use freehold_core::time::StorePoint;
use freehold_core::{Record, State};
use freehold_proto::sync::{Health, PreviewAnswer, ProbeResult, SessionRequest, SessionResponse};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::{Status, Streaming};
use tracing::{error, info, warn};

const METHOD: &str = "/freehold.sync.v1.AgentControlService/Session";

/// One agent's session and what it needs.
pub(super) struct Driver {
    sync: Sync,
    agent: AgentName,
    number: u64,
    machine: Session,
    inbound: Streaming<SessionRequest>,
    signal: Arc<Signal>,
    followed: BTreeSet<ServerName>,
    /// What was last published of what waits for a person.
    waits: BTreeMap<ServerName, Vec<Wait>>,
    /// Who waits for what the agent finds out.
    probes: Waiting<Vec<ProbeResult>>,
    previews: Waiting<PreviewAnswer>,
    out: VecDeque<SessionResponse>,
    /// How long this handshake waits for its turn, in milliseconds.
    wait_ms: u64,
    over: bool,
}

impl Driver {
    pub(super) fn new(sync: Sync, agent: AgentName, inbound: Streaming<SessionRequest>, wait_ms: u64) -> Self {
        let machine = Session::new(agent.clone(), sync.0.now(), random());
        let number = sync.next_number();
        let signal = Arc::new(Signal::default());
        lock(&sync.0.sessions).insert(number, Arc::clone(&signal));
        Self {
            sync,
            agent,
            number,
            machine,
            inbound,
            signal,
            followed: BTreeSet::new(),
            waits: BTreeMap::new(),
            probes: Waiting::default(),
            previews: Waiting::default(),
            out: VecDeque::new(),
            wait_ms,
            over: false,
        }
    }

    /// The next message to the agent; `None` when the session is over.
    pub(super) async fn next(&mut self) -> Option<Result<SessionResponse, Status>> {
        let wait = std::mem::take(&mut self.wait_ms);
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        loop {
            while let Some(output) = self.machine.poll() {
                self.carry_out(output).await;
            }
            self.publish_waits();
            if let Some(message) = self.out.pop_front() {
                return Some(Ok(message));
            }
            if self.over {
                return None;
            }
            let shared = Arc::clone(&self.sync.0);
            let deadline = self.machine.deadline();
            tokio::select! {
                message = self.inbound.message() => match message {
                    Ok(Some(message)) => {
                        let now = shared.now();
                        shared.presence.heard(&self.agent, now.wall);
                        self.machine.receive(now, message);
                    }
                    Ok(None) => return None,
                    Err(status) => {
                        info!(agent = %self.agent, why = status.message(), "the session broke off");
                        return None;
                    }
                },
                heard = self.signal.hear() => self.hear(heard),
                () = tokio::time::sleep_until(shared.instant(deadline.unwrap_or_default())), if deadline.is_some() => {
                    self.machine.tick(shared.now());
                }
                () = shared.stop.cancelled() => self.machine.end(Ending::Draining),
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        let shared = Arc::clone(&self.sync.0);
        let state = shared.context.engine.state();
        if heard.regressed {
            self.machine.store_went_backwards();
        }
        if heard.reincarnated {
            self.machine.moved(shared.now(), self.point(&state));
            self.waits.clear();
        }
        for (server, since) in heard.changed {
            self.machine.wanted(shared.now(), &server, wanted(&state, &server, since, shared.owed(&server)));
        }
        for server in heard.granted {
            self.machine.snapshot_granted(shared.now(), &server);
        }
        for (server, decision) in heard.decisions {
            self.machine.decided(shared.now(), &server, &decision);
            // Whoever decided took what waits off the list: if it still waits, it is put back.
            self.waits.remove(&server);
        }
        for ProbeOrder { id, addresses, timeout_ms, answer } in heard.probes {
            if self.probes.put(&self.agent, id, answer) {
                self.machine.probe(id, addresses, timeout_ms);
            }
        }
        for PreviewOrder { id, server, from, to, answer } in heard.previews {
            if self.previews.put(&self.agent, id, answer) {
                self.machine.preview(id, &server, &from, &to);
            }
        }
        if heard.superseded {
            self.machine.end(Ending::Superseded);
        }
    }

    /// Says what waits for a person, where that is different.
    fn publish_waits(&mut self) {
        for (server, waits) in self.machine.waits() {
            if self.waits.get(server) != Some(&waits) {
                self.sync.0.presence.waits(server, waits.clone());
                self.waits.insert(server.clone(), waits);
            }
        }
    }

    async fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send(message) => self.out.push_back(message),
            Output::Open { boot, seen } => self.open(boot, seen).await,
            Output::Submit(command) => self.submit(command).await,
            Output::Follow { server, held } => self.follow(server, held),
            Output::AskSnapshot(server) => {
                if lock(&self.sync.0.snapshots).ask(&server) {
                    self.machine.snapshot_granted(self.sync.0.now(), &server);
                }
            }
            Output::ReleaseSnapshot(server) => self.sync.0.release_snapshot(&server),
            Output::Health(health) => self.health(health),
            Output::Networks(networks) => self.sync.0.presence.networks(&self.agent, networks),
            Output::Probed(id, probed) => self.probes.done(id, probed),
            Output::Previewed(id, previewed) => self.previews.done(id, previewed.map(|answer| *answer)),
            Output::Alarm(alarm) => self.alarm(alarm),
            Output::Close => self.over = true,
        }
    }

    async fn open(&mut self, boot: [u8; 16], seen: u64) {
        let shared = Arc::clone(&self.sync.0);
        let opening = lock(&shared.registry).open(&self.agent, boot, self.number);
        if opening.cloned {
            error!(agent = %self.agent, "two hosts run with this agent's identity; revoke it and enrol both anew");
        }
        if let Some(before) = opening.supersedes.and_then(|number| lock(&shared.sessions).get(&number).cloned()) {
            before.say(|heard| heard.superseded = true);
        }
        let command = Command::OpenSession { agent: self.agent.clone(), seen };
        match shared.context.engine.commit(Call::internal(self.agent.to_string(), METHOD, command)).await {
            Ok(committed) => {
                let fence = committed.changes.iter().find_map(|change| match change.after() {
                    Some(Record::Agent(agent)) => Some(agent.fence),
                    _ => None,
                });
                let fence = fence.expect("opening a session gives its agent the next fence");
                if shared.regressed.load(Ordering::Acquire) {
                    self.machine.store_went_backwards();
                }
                info!(agent = %self.agent, fence, "session open");
                self.machine.opened(shared.now(), fence, self.point(&committed.state));
            }
            Err(CommitError::Refused(refusal)) => self.machine.refused(&refusal),
            Err(CommitError::Stopped) => self.machine.end(Ending::Draining),
        }
    }

    fn point(&self, state: &State) -> StorePoint {
        let identity = self.sync.0.context.engine.identity();
        StorePoint { store: identity.store_id, incarnation: identity.incarnation, revision: state.revision() }
    }

    async fn submit(&mut self, command: Command) {
        let call = Call::internal(self.agent.to_string(), METHOD, command);
        if let Err(failure) = self.sync.0.context.engine.commit(call).await {
            warn!(agent = %self.agent, %failure, "what the agent reported was not taken note of");
        }
    }

    fn follow(&mut self, server: ServerName, held: Option<Digest>) {
        let shared = Arc::clone(&self.sync.0);
        // Subscribed before the state is read: a change in between is heard, at worst twice.
        shared.dispatch.follow(server.clone(), Arc::clone(&self.signal));
        self.followed.insert(server.clone());
        let state = shared.context.engine.state();
        let recorded = state.status(&server).and_then(|status| status.applied.as_ref()).map(|applied| applied.digest);
        let ancestor = held.and_then(|held| lock(&shared.ancestry).find(&held));
        let followed =
            Followed { wanted: wanted(&state, &server, shared.now().wall, shared.owed(&server)), recorded, ancestor };
        self.machine.follow(shared.now(), &server, followed);
    }

    fn health(&self, health: Health) {
        for server in health.servers {
            if let Ok(name) = ServerName::new(self.agent.clone(), &server.server_id) {
                self.sync.0.presence.gauges(&name, server.gauges.into_iter().collect());
            }
        }
    }

    fn alarm(&self, alarm: Alarm) {
        match &alarm {
            Alarm::Regression { .. } => {
                self.sync.0.store_went_backwards();
                error!(agent = %self.agent, ?alarm, "the store went backwards: nothing is removed from any server; was it restored without `freehold-controller restore`? `freehold server list` shows what waits");
            }
            Alarm::Drift { .. } => {
                warn!(agent = %self.agent, ?alarm, "a server was changed by somebody else");
            }
            _ => error!(agent = %self.agent, ?alarm, "an agent needs attention"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let shared = &self.sync.0;
        lock(&shared.sessions).remove(&self.number);
        for server in &self.followed {
            shared.dispatch.forget(server, &self.signal);
            shared.release_snapshot(server);
        }
        let mut ancestry = lock(&shared.ancestry);
        for (digest, bundle) in self.machine.held() {
            ancestry.keep(digest, bundle);
        }
        drop(ancestry);
        let mut registry = lock(&shared.registry);
        registry.closed(&self.agent, self.number);
        if registry.live(&self.agent).is_none() {
            shared.presence.gone(&self.agent);
        }
    }
}
