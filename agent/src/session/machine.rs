//! The agent's session.
//!
//! - The greeting is the first message and says what is known durably (P5, P7).
//! - Nothing of another store, of a lower fence, or from before what was obeyed is obeyed (P2, P6); in a session whose
//!   controller is behind what this agent obeyed, nothing is, until its incarnation rises (P3).
//! - A change is staged whole and durably, its digest recomputed, and only then handed on to be applied (P9, P12).
//!   Applying is somebody else's job; what it read back is answered.
//! - While nobody answers, what was last applied stays: there is no time-to-live (P15).

use super::memory::{Held, Memory, Write};
use super::staging::{Part, Staging};
use freehold_core::bundle::{Bundle, Digest};
use freehold_core::time::{Now, StorePoint};
use freehold_proto::bundle::{FEATURES, parse_digest};
use freehold_proto::convert::point;
use freehold_proto::sync::{
    ApplyState, Bookmark, ChangeAck, ChangeSet, DriftDecision, DriftReport, GoAway, Health, Hello, Inventory,
    InventoryRequest, ResourceResult, ResourceVersion, ServerHealth, ServerHello, ServerReport, SessionRequest,
    SessionResponse, TrustBundle, Welcome, change_ack::Phase, drift_decision, go_away, session_request,
    session_response,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The protocol version spoken.
pub const PROTOCOL: u32 = 1;
/// How long a connection may take to be made, and a greeting to be answered, in milliseconds.
pub const WELCOME_MS: u64 = 60_000;
/// Resources in one part of an inventory: about 700 KiB.
const INVENTORY_PART: usize = 8192;
/// First wait for a connection that broke off, at most, in milliseconds (P25).
const FIRST_MS_MAX: u64 = 30_000;
/// Longest wait between tries, in milliseconds (P25).
const RETRY_MS_MAX: u64 = 120_000;

/// How long to wait before dialling, in milliseconds (P25): after a session up to 30 s, then 1 s to 120 s doubling, all
/// of it jitter; in addition to what the controller asked for. `failures` counts tries since the last welcome.
pub fn reconnect_ms(failures: u32, retry_after_ms: u32, random: u64) -> u64 {
    let most = match failures {
        0 => FIRST_MS_MAX,
        _ => 1000_u64.checked_shl((failures - 1).min(20)).unwrap_or(RETRY_MS_MAX).min(RETRY_MS_MAX),
    };
    u64::from(retry_after_ms) + random % (most + 1)
}

/// Which of its promises the machine keeps: all of them. The simulation breaks one at a time, to see that it notices.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// P6: no lower fence is obeyed.
    pub check_fence: bool,
    /// P2: no other store is obeyed.
    pub check_store: bool,
    /// P2: nothing from before what was obeyed is obeyed.
    pub check_revision: bool,
    /// P12: only a whole change set of the right digest is applied.
    pub verify_stage: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { check_fence: true, check_store: true, check_revision: true, verify_stage: true }
    }
}

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Open a connection; answer with [`Machine::connected`] or [`Machine::lost`].
    Dial,
    /// Send a message on it.
    Send(SessionRequest),
    /// Replace a file; durable before anything that follows is done.
    Persist(Write),
    /// Make a server run this; answer with [`Machine::outcome`]. What it runs is read back first: if it is this
    /// already, nothing is touched.
    Apply(Apply),
    /// Trust these roots from now on.
    Trust(TrustBundle),
    /// Something that people should know.
    Alarm(Alarm),
    /// Close the connection; answer with [`Machine::lost`].
    HangUp,
}

/// A bundle to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    /// Which server.
    pub server: String,
    /// The digest of the bundle.
    pub digest: Digest,
    /// All of it.
    pub bundle: Arc<Bundle>,
}

/// What came of an [`Apply`].
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The server runs it.
    Applied {
        /// The digest of what was read back.
        digest: Digest,
        /// The lease spool's position at that instant (P16).
        lease_seq: u64,
        /// How long the server itself took, in milliseconds.
        server_ms: u64,
    },
    /// The server's own test refused it; nothing was touched.
    Rejected {
        /// The resources at fault, as far as that is known.
        results: Vec<ResourceResult>,
        /// The server's own message.
        error: String,
    },
    /// It failed and was undone.
    RolledBack {
        /// The resources at fault, as far as that is known.
        results: Vec<ResourceResult>,
        /// The server's own message.
        error: String,
    },
    /// It failed and could not be undone.
    Dirty {
        /// The server's own message.
        error: String,
    },
    /// The server cannot take a change now.
    Busy,
}

/// What the shell knows of a server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// What it is.
    pub report: ServerReport,
    /// The digest of what it runs now, as read back; nothing if it does not answer.
    pub observed: Option<Digest>,
    /// How that differs from what was last proven, in words; empty if it does not.
    pub difference: String,
    /// The epoch of its lease spool.
    pub spool_epoch: Vec<u8>,
    /// The last event in its lease spool.
    pub spool_last_seq: u64,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The controller is of another store; it was not obeyed (P2).
    ForeignStore {
        /// That store.
        store: Vec<u8>,
    },
    /// A message had a lower fence than one already seen; it was not obeyed (P6).
    StaleFence {
        /// The message's fence.
        fence: u64,
    },
    /// The controller is behind what was obeyed; it is not obeyed until its incarnation rises (P3).
    Regression {
        /// Where the controller is.
        now: StorePoint,
        /// What was obeyed.
        obeyed: StorePoint,
    },
    /// The controller ended the session.
    SentAway {
        /// Why.
        reason: go_away::Reason,
        /// In words.
        message: String,
    },
    /// The controller broke the protocol.
    Protocol(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Not connected; dial at this tick.
    Down(u64),
    /// Dialled, or greeted and not welcomed; give up at this tick.
    Dialling(u64),
    /// Welcomed.
    Up { fence: u64, floor: u64, incarnation: u64, heartbeat_ms: u64, next_heartbeat: u64 },
    /// Hanging up.
    Closing,
}

#[derive(Debug, Default)]
struct Server {
    facts: Facts,
    staging: Option<Staging>,
    /// A change set whose remaining parts are not wanted.
    dropped: Option<u64>,
    applying: Option<Applying>,
    /// What the controller was told it is, on this connection.
    told: Option<ServerReport>,
    reported_drift: Option<Digest>,
    state: ApplyState,
}

#[derive(Debug)]
struct Applying {
    /// Whom to answer: the connection and the change set, if there is one.
    answer: Option<(u64, u64)>,
    held: Held,
}

/// The agent's session.
#[derive(Debug)]
pub struct Machine {
    rules: Rules,
    memory: Memory,
    boot: [u8; 16],
    version: String,
    link: Link,
    connection: u64,
    failures: u32,
    retry_after_ms: u32,
    servers: BTreeMap<String, Server>,
    gauges: Vec<ServerHealth>,
    out: VecDeque<Output>,
}

impl Machine {
    /// An agent that was just started, with what it knows durably. `boot` is random; it dials at once.
    pub fn new(memory: Memory, boot: [u8; 16], version: &str, now: Now) -> Self {
        Self::with_rules(memory, boot, version, now, Rules::default())
    }

    #[doc(hidden)]
    pub fn with_rules(memory: Memory, boot: [u8; 16], version: &str, now: Now, rules: Rules) -> Self {
        Self {
            rules,
            memory,
            boot,
            version: version.to_owned(),
            link: Link::Down(now.ticks),
            connection: 0,
            failures: 0,
            retry_after_ms: 0,
            servers: BTreeMap::new(),
            gauges: Vec::new(),
            out: VecDeque::new(),
        }
    }

    /// The next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Machine::tick`], in ticks.
    pub fn deadline(&self) -> Option<u64> {
        match self.link {
            Link::Down(at) | Link::Dialling(at) => Some(at),
            Link::Up { next_heartbeat, .. } => Some(next_heartbeat),
            Link::Closing => None,
        }
    }

    /// What is known durably, once everything that was put out is done.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Whether the controller welcomed the agent and the line holds.
    pub fn is_up(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// The incarnation of the controller's store, while the line holds.
    pub fn incarnation(&self) -> Option<u64> {
        match self.link {
            Link::Up { incarnation, .. } => Some(incarnation),
            _ => None,
        }
    }

    /// When it dials next, in ticks, if it is not connected.
    pub fn dials_at(&self) -> Option<u64> {
        match self.link {
            Link::Down(at) => Some(at),
            _ => None,
        }
    }

    /// A server was found or looked at. A change that was staged when the agent last stopped goes on.
    pub fn observe(&mut self, id: &str, facts: Facts) {
        let first = !self.servers.contains_key(id);
        let server = self.servers.entry(id.to_owned()).or_default();
        server.facts = facts;
        if first && let Some(staged) = self.memory.servers.get(id).and_then(|memory| memory.staged.clone()) {
            self.apply(id, staged, None);
        }
        if self.is_up() {
            self.report(id);
        }
    }

    /// Gauges for the next sign of life.
    pub fn gauges(&mut self, gauges: Vec<ServerHealth>) {
        self.gauges = gauges;
    }

    /// The connection is there. The greeting goes out before anything is awaited (P5).
    pub fn connected(&mut self, now: Now) {
        self.connection += 1;
        self.link = Link::Dialling(now.ticks + WELCOME_MS);
        let hello = Hello {
            protocol_min: PROTOCOL,
            protocol_max: PROTOCOL,
            features: FEATURES.iter().map(|feature| (*feature).to_owned()).collect(),
            boot_id: self.boot.to_vec(),
            max_fence_seen: self.memory.max_fence,
            servers: self.servers.iter().map(|(id, server)| self.server_hello(id, server)).collect(),
            agent_unix_ms: now.wall.0,
            version: self.version.clone(),
        };
        self.send(session_request::Message::Hello(hello));
        for server in self.servers.values_mut() {
            server.told = Some(server.facts.report.clone());
        }
    }

    /// The connection is gone, or could not be made.
    pub fn lost(&mut self, now: Now, random: u64) {
        let wait = reconnect_ms(self.failures, self.retry_after_ms, random);
        self.failures += 1;
        self.retry_after_ms = 0;
        self.link = Link::Down(now.ticks + wait);
        for server in self.servers.values_mut() {
            server.staging = None;
            server.dropped = None;
            server.told = None;
        }
    }

    /// The time has come for something.
    pub fn tick(&mut self, now: Now) {
        match self.link {
            Link::Down(at) if now.ticks >= at => {
                self.link = Link::Dialling(now.ticks + WELCOME_MS);
                self.out.push_back(Output::Dial);
            }
            Link::Dialling(at) if now.ticks >= at => self.hang_up(),
            Link::Up { fence, floor, incarnation, heartbeat_ms, next_heartbeat } if now.ticks >= next_heartbeat => {
                let next_heartbeat = now.ticks + heartbeat_ms;
                self.link = Link::Up { fence, floor, incarnation, heartbeat_ms, next_heartbeat };
                let health = Health { agent_unix_ms: now.wall.0, servers: self.gauges.clone() };
                self.send(session_request::Message::Health(health));
            }
            _ => {}
        }
    }

    /// A message arrived.
    pub fn receive(&mut self, now: Now, message: SessionResponse) {
        use session_response::Message;
        match (self.link, message.message) {
            (Link::Down(_) | Link::Closing, _) | (_, None) => {}
            (_, Some(Message::GoAway(away))) => self.sent_away(away),
            (Link::Dialling(_) | Link::Up { .. }, Some(Message::Welcome(welcome))) => self.welcomed(now, &welcome),
            (Link::Dialling(_), Some(_)) => {}
            (Link::Up { fence, floor, .. }, Some(Message::Change(change))) => self.change(fence, floor, &change),
            (Link::Up { floor, .. }, Some(Message::Bookmark(bookmark))) => self.bookmark(floor, &bookmark),
            (Link::Up { .. }, Some(Message::InventoryRequest(request))) => self.inventory(&request),
            (Link::Up { .. }, Some(Message::Drift(decision))) => self.drift_decided(&decision),
            (Link::Up { .. }, Some(Message::Trust(trust))) => self.out.push_back(Output::Trust(trust)),
        }
    }

    /// What came of an [`Output::Apply`].
    pub fn outcome(&mut self, id: &str, outcome: Outcome) {
        let Some(server) = self.servers.get_mut(id) else { return };
        let Some(Applying { answer, held }) = server.applying.take() else { return };
        let mut ack = ChangeAck { server_id: id.to_owned(), ..ChangeAck::default() };
        let memory = self.memory.servers.entry(id.to_owned()).or_default();
        let before = memory.clone();
        memory.staged = None;
        server.state = ApplyState::Idle;
        match outcome {
            Outcome::Applied { digest, lease_seq, server_ms } => {
                server.facts.observed = Some(digest);
                server.facts.spool_last_seq = server.facts.spool_last_seq.max(lease_seq);
                if digest == held.digest {
                    memory.applied = Some(held);
                }
                ack.set_phase(Phase::Applied);
                ack.digest = digest.0.to_vec();
                (ack.lease_seq, ack.server_ms) = (lease_seq, server_ms);
            }
            Outcome::Rejected { results, error } => {
                ack.set_phase(Phase::Rejected);
                (ack.results, ack.server_error) = (results, error);
            }
            Outcome::RolledBack { results, error } => {
                server.state = ApplyState::RolledBack;
                ack.set_phase(Phase::FailedRolledBack);
                (ack.results, ack.server_error) = (results, error);
            }
            Outcome::Dirty { error } => {
                server.state = ApplyState::Dirty;
                ack.set_phase(Phase::FailedDirty);
                ack.server_error = error;
            }
            Outcome::Busy => ack.set_phase(Phase::Busy),
        }
        if *memory != before {
            self.persist_server(id);
        }
        if let Some((connection, change_id)) = answer
            && connection == self.connection
            && self.is_up()
        {
            self.send(session_request::Message::Ack(ChangeAck { change_id, ..ack }));
        }
    }

    fn server_hello(&self, id: &str, server: &Server) -> ServerHello {
        let applied = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
        let state = if server.applying.is_some() { ApplyState::Applying } else { server.state };
        ServerHello {
            report: Some(server.facts.report.clone()),
            obeyed: self.memory.obeyed.get(id).map(point::message),
            applied_digest: applied.map(|held| held.digest.0.to_vec()).unwrap_or_default(),
            observed_digest: server.facts.observed.map(|digest| digest.0.to_vec()).unwrap_or_default(),
            state: state.into(),
            spool_epoch: server.facts.spool_epoch.clone(),
            spool_last_seq: server.facts.spool_last_seq,
        }
    }

    fn welcomed(&mut self, now: Now, welcome: &Welcome) {
        let Some(at) = welcome.now.as_ref().and_then(point::parse).filter(|_| welcome.protocol == PROTOCOL) else {
            self.out.push_back(Output::Alarm(Alarm::Protocol("a welcome without a point, or of another protocol")));
            return self.hang_up();
        };
        if self.memory.store.is_some_and(|store| store != at.store) && self.rules.check_store {
            self.out.push_back(Output::Alarm(Alarm::ForeignStore { store: at.store.to_vec() }));
            return self.hang_up();
        }
        if welcome.fence < self.memory.max_fence && self.rules.check_fence {
            // Left over from a connection before this one.
            return self.out.push_back(Output::Alarm(Alarm::StaleFence { fence: welcome.fence }));
        }
        let known = (self.memory.store, self.memory.max_fence);
        self.memory.store = Some(at.store);
        self.memory.max_fence = self.memory.max_fence.max(welcome.fence);
        if known != (self.memory.store, self.memory.max_fence) {
            self.out.push_back(Output::Persist(self.memory.write_self()));
        }
        let floor = match self.memory.latest().filter(|latest| latest.store == at.store) {
            Some(latest) if latest > at => {
                self.out.push_back(Output::Alarm(Alarm::Regression { now: at, obeyed: latest }));
                latest.incarnation + 1
            }
            Some(latest) => latest.incarnation,
            None => 0,
        };
        self.failures = 0;
        let heartbeat_ms = u64::from(welcome.heartbeat_seconds.clamp(1, 3600)) * 1000;
        let next_heartbeat = now.ticks + heartbeat_ms;
        let incarnation = at.incarnation;
        self.link = Link::Up { fence: welcome.fence, floor, incarnation, heartbeat_ms, next_heartbeat };
        let ids: Vec<_> = self.servers.keys().cloned().collect();
        for id in ids {
            self.report(&id);
        }
    }

    fn sent_away(&mut self, away: GoAway) {
        self.retry_after_ms = away.retry_after_ms;
        self.out.push_back(Output::Alarm(Alarm::SentAway { reason: away.reason(), message: away.message }));
        self.hang_up();
    }

    /// Whether something about a server at `target` may be obeyed (P2, P3).
    fn may_obey(&mut self, id: &str, target: StorePoint, floor: u64) -> bool {
        if self.memory.store != Some(target.store) && self.rules.check_store {
            self.out.push_back(Output::Alarm(Alarm::ForeignStore { store: target.store.to_vec() }));
            return false;
        }
        let obeyed = self.memory.obeyed.get(id).copied();
        let behind = obeyed.filter(|obeyed| obeyed.store == target.store && *obeyed > target);
        if (behind.is_some() || target.incarnation < floor) && self.rules.check_revision {
            let obeyed = behind.or(self.memory.latest()).unwrap_or(target);
            self.out.push_back(Output::Alarm(Alarm::Regression { now: target, obeyed }));
            return false;
        }
        true
    }

    fn change(&mut self, fence: u64, floor: u64, change: &ChangeSet) {
        let id = change.server_id.as_str();
        if (change.fence != fence || change.fence < self.memory.max_fence) && self.rules.check_fence {
            return self.out.push_back(Output::Alarm(Alarm::StaleFence { fence: change.fence }));
        }
        let Some(target) = change.target.as_ref().and_then(point::parse) else {
            self.out.push_back(Output::Alarm(Alarm::Protocol("a change set without a target")));
            return self.hang_up();
        };
        if !self.may_obey(id, target, floor) {
            // The next greeting shows the controller where it stands.
            return self.hang_up();
        }
        let applied = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
        let Some(server) = self.servers.get_mut(id) else {
            return self.answer(change, Phase::Rejected, |ack| {
                ack.server_error = format!("there is no server {id:?} on this host");
            });
        };
        if server.dropped == Some(change.change_id) {
            return;
        }
        if let Some(applying) = &server.applying {
            if applying.answer != Some((self.connection, change.change_id)) {
                server.dropped = Some(change.change_id);
                self.answer(change, Phase::Busy, |_| {});
            }
            return;
        }
        let runs = applied.map(|held| held.digest).filter(|digest| server.facts.observed == Some(*digest));
        if runs.is_some() && runs == parse_digest(&change.to_digest) {
            return self.already(change, target);
        }
        if server.staging.as_ref().is_none_or(|staging| staging.change_id != change.change_id) {
            server.staging = Staging::begin(change, applied);
        }
        let verify = self.rules.verify_stage;
        let part = server.staging.as_mut().map_or(Part::Misfit, |staging| staging.take(change, verify));
        match part {
            Part::More | Part::Known => {}
            Part::Misfit => {
                (server.staging, server.dropped) = (None, Some(change.change_id));
                self.answer(change, Phase::NeedSnapshot, |_| {});
            }
            Part::Unsupported(results) => {
                (server.staging, server.dropped) = (None, Some(change.change_id));
                self.answer(change, Phase::Rejected, |ack| ack.results = results);
            }
            Part::Whole(held) => {
                server.staging = None;
                let answer = Some((self.connection, change.change_id));
                self.obey(id, target);
                self.memory.servers.entry(id.to_owned()).or_default().staged = Some(held.clone());
                self.persist_server(id);
                self.answer(change, Phase::Staged, |ack| ack.digest = held.digest.0.to_vec());
                self.apply(id, held, answer);
            }
        }
    }

    /// The server runs it already: the answer was lost, or the same was sent twice. Nothing is done.
    fn already(&mut self, change: &ChangeSet, target: StorePoint) {
        let id = change.server_id.as_str();
        self.obey(id, target);
        if let Some(server) = self.servers.get_mut(id) {
            server.dropped = Some(change.change_id);
            let lease_seq = server.facts.spool_last_seq;
            self.answer(change, Phase::Applied, |ack| {
                ack.digest.clone_from(&change.to_digest);
                ack.lease_seq = lease_seq;
            });
        }
    }

    fn obey(&mut self, id: &str, target: StorePoint) {
        if self.memory.obeyed.get(id).is_none_or(|obeyed| obeyed.store != target.store || *obeyed < target) {
            self.memory.obeyed.insert(id.to_owned(), target);
            self.out.push_back(Output::Persist(self.memory.write_self()));
        }
    }

    fn apply(&mut self, id: &str, held: Held, answer: Option<(u64, u64)>) {
        if let Some(server) = self.servers.get_mut(id) {
            let apply = Apply { server: id.to_owned(), digest: held.digest, bundle: Arc::clone(&held.bundle) };
            server.applying = Some(Applying { answer, held });
            self.out.push_back(Output::Apply(apply));
        }
    }

    fn bookmark(&mut self, floor: u64, bookmark: &Bookmark) {
        let id = bookmark.server_id.as_str();
        let Some(at) = bookmark.at.as_ref().and_then(point::parse) else { return };
        let applied = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
        let ours = applied.is_some_and(|held| bookmark.digest == held.digest.0);
        if ours && self.may_obey(id, at, floor) {
            self.obey(id, at);
        }
    }

    fn inventory(&mut self, request: &InventoryRequest) {
        let applied = self.memory.servers.get(&request.server_id).and_then(|memory| memory.applied.clone());
        let version = |(key, resource): (&freehold_core::bundle::ResourceKey, &freehold_core::bundle::Resource)| {
            ResourceVersion { kind: key.kind.as_str().to_owned(), id: key.id.clone(), hash: resource.hash().0.to_vec() }
        };
        let mut held: Vec<_> = applied.iter().flat_map(|held| held.bundle.resources().iter().map(version)).collect();
        loop {
            let rest = held.split_off(held.len().min(INVENTORY_PART));
            let last = rest.is_empty();
            let inventory = Inventory { server_id: request.server_id.clone(), held, last };
            self.send(session_request::Message::Inventory(inventory));
            if last {
                return;
            }
            held = rest;
        }
    }

    fn drift_decided(&mut self, decision: &DriftDecision) {
        if decision.action() != drift_decision::Action::Overwrite {
            return;
        }
        let applied = self.memory.servers.get(&decision.server_id).and_then(|memory| memory.applied.clone());
        let idle = self.servers.get(&decision.server_id).filter(|server| server.applying.is_none());
        let still = idle.is_some_and(|server| server.facts.observed == parse_digest(&decision.observed_digest));
        if let Some(held) = applied.filter(|_| still) {
            self.apply(&decision.server_id, held, None);
        }
    }

    /// Says once what a server is, and what it runs that it should not. Between the greeting and the welcome, too, a
    /// server may be found or become different.
    fn report(&mut self, id: &str) {
        if let Some(server) = self.servers.get_mut(id)
            && server.told.as_ref() != Some(&server.facts.report)
        {
            let report = server.facts.report.clone();
            server.told = Some(report.clone());
            self.send(session_request::Message::Server(report));
        }
        self.report_drift(id);
    }

    /// Says once what a server runs that it should not.
    fn report_drift(&mut self, id: &str) {
        let applied = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
        let (Some(expected), Some(server)) = (applied.map(|held| held.digest), self.servers.get_mut(id)) else {
            return;
        };
        let drifted = server.facts.observed.filter(|observed| *observed != expected && server.applying.is_none());
        if drifted == server.reported_drift {
            return;
        }
        server.reported_drift = drifted;
        if let Some(observed) = drifted {
            let report = DriftReport {
                server_id: id.to_owned(),
                expected_digest: expected.0.to_vec(),
                observed_digest: observed.0.to_vec(),
                difference: server.facts.difference.clone(),
            };
            self.send(session_request::Message::Drift(report));
        }
    }

    fn persist_server(&mut self, id: &str) {
        self.out.push_back(Output::Persist(self.memory.write_server(id)));
    }

    fn answer(&mut self, change: &ChangeSet, phase: Phase, say: impl FnOnce(&mut ChangeAck)) {
        let mut ack =
            ChangeAck { server_id: change.server_id.clone(), change_id: change.change_id, ..ChangeAck::default() };
        ack.set_phase(phase);
        say(&mut ack);
        self.send(session_request::Message::Ack(ack));
    }

    fn send(&mut self, message: session_request::Message) {
        self.out.push_back(Output::Send(SessionRequest { message: Some(message) }));
    }

    fn hang_up(&mut self) {
        self.link = Link::Closing;
        self.out.push_back(Output::HangUp);
    }
}
