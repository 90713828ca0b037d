//! The agent's session.
//!
//! - The greeting is the first message and says what is known durably (P5, P7).
//! - Nothing of another store, of a lower fence, or from before what was obeyed is obeyed (P2, P6); in a session whose
//!   controller is behind what this agent obeyed, nothing is, until its incarnation rises (P3).
//! - A change is staged whole and durably, its digest recomputed, and only then handed on to be applied (P9, P12).
//!   Applying is somebody else's job; what it read back is answered.
//! - While nobody answers, what was last applied stays: there is no time-to-live (P15). Only a change that asked to be
//!   confirmed, and was not, is undone (P14).

//!
//! - [`words`]: what goes in and comes out
//! - [`obey`]: change sets, from the first part to what came of them
//! - [`preview`]: what a server would make of a change
//! - [`tell`]: what the controller is told of the servers

mod obey;
mod preview;
mod tell;
mod words;

pub use words::{Alarm, Apply, Barrier, Facts, Outcome, Output, Preview, Rules};

use super::memory::{Held, Memory};
use super::staging::Staging;
use freehold_core::bundle::Digest;
use freehold_core::time::Now;
use freehold_proto::bundle::FEATURES;
use freehold_proto::convert::point;
use freehold_proto::sync::{
    ApplyState, ChangeAck, GoAway, Health, Hello, ProbeAnswer, ServerHealth, ServerReport, SessionRequest,
    SessionResponse, Welcome, session_request, session_response,
};
use std::collections::{BTreeMap, VecDeque};

/// The protocol version spoken.
pub const PROTOCOL: u32 = 1;
/// How long a connection may take to be made, and a greeting to be answered, in milliseconds.
pub const WELCOME_MS: u64 = 60_000;
/// First wait for a connection that broke off, at most, in milliseconds (P25).
const FIRST_MS_MAX: u64 = 30_000;
/// Longest wait between tries, in milliseconds (P25). With a try that is under way when a line heals, and one that
/// succeeds, it fits into the 60 s in which everything must be as it should be (I5).
pub const RETRY_MS_MAX: u64 = 45_000;

/// How long to wait before dialling, in milliseconds (P25): after a session up to 30 s, then 1 s to 45 s doubling, all
/// of it jitter; in addition to what the controller asked for. `failures` counts tries since the last welcome.
pub fn reconnect_ms(failures: u32, retry_after_ms: u32, random: u64) -> u64 {
    let most = match failures {
        0 => FIRST_MS_MAX,
        _ => 1000_u64.checked_shl((failures - 1).min(20)).unwrap_or(RETRY_MS_MAX).min(RETRY_MS_MAX),
    };
    u64::from(retry_after_ms) + random % (most + 1)
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
    /// A preview of which parts are still to come.
    previewing: Option<Staging>,
    applying: Option<Applying>,
    /// What became of a change that no line was there to hear of.
    untold: Option<ChangeAck>,
    /// When what runs is undone unless it is confirmed, in ticks.
    confirm_by: Option<u64>,
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
    networks: Vec<String>,
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
            networks: Vec::new(),
            out: VecDeque::new(),
        }
    }

    /// The next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Machine::tick`], in ticks.
    pub fn deadline(&self) -> Option<u64> {
        let line = match self.link {
            Link::Down(at) | Link::Dialling(at) => Some(at),
            Link::Up { next_heartbeat, .. } => Some(next_heartbeat),
            Link::Closing => None,
        };
        line.into_iter().chain(self.undoes_at()).min()
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

    /// When the next change is undone unless it is confirmed, in ticks.
    pub fn undoes_at(&self) -> Option<u64> {
        self.servers.values().filter_map(|server| server.confirm_by).min()
    }

    /// A server was found or looked at. A change that was staged when the agent last stopped goes on.
    pub fn observe(&mut self, now: Now, id: &str, facts: Facts) {
        let first = !self.servers.contains_key(id);
        let server = self.servers.entry(id.to_owned()).or_default();
        server.facts = facts;
        if first && let Some(memory) = self.memory.servers.get(id) {
            server.confirm_by = memory.probation.as_ref().map(|probation| now.ticks + probation.ms());
            if let Some(staged) = memory.staged.clone() {
                self.apply(id, staged, None);
            }
        }
        if self.is_up() {
            self.report(id);
        }
    }

    /// Gauges for the next sign of life.
    pub fn gauges(&mut self, gauges: Vec<ServerHealth>) {
        self.gauges = gauges;
    }

    /// The networks that the host has an interface in, for the greeting and the next sign of life.
    pub fn networks(&mut self, networks: Vec<String>) {
        self.networks = networks;
    }

    /// What came of an [`Output::Probe`]. While nobody is there to hear it, it is forgotten: whoever asked waits no more.
    pub fn probed(&mut self, answer: ProbeAnswer) {
        if self.is_up() {
            self.send(session_request::Message::Probe(answer));
        }
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
            networks: self.networks.clone(),
        };
        self.send(session_request::Message::Hello(hello));
        for server in self.servers.values_mut() {
            server.told = Some(server.facts.report.clone());
            // The greeting says what is held now.
            server.untold = None;
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
            server.previewing = None;
            server.told = None;
            server.reported_drift = None;
        }
    }

    /// The time has come for something.
    pub fn tick(&mut self, now: Now) {
        let overdue = |server: &Server| server.confirm_by.is_some_and(|by| now.ticks >= by);
        let late: Vec<_> =
            self.servers.iter().filter(|(_, server)| overdue(server)).map(|(id, _)| id.clone()).collect();
        late.iter().for_each(|id| self.undo(id));
        match self.link {
            Link::Down(at) if now.ticks >= at => {
                self.link = Link::Dialling(now.ticks + WELCOME_MS);
                self.out.push_back(Output::Dial);
            }
            Link::Dialling(at) if now.ticks >= at => self.hang_up(),
            Link::Up { fence, floor, incarnation, heartbeat_ms, next_heartbeat } if now.ticks >= next_heartbeat => {
                let next_heartbeat = now.ticks + heartbeat_ms;
                self.link = Link::Up { fence, floor, incarnation, heartbeat_ms, next_heartbeat };
                let health =
                    Health { agent_unix_ms: now.wall.0, servers: self.gauges.clone(), networks: self.networks.clone() };
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
            (Link::Up { .. }, Some(Message::Probe(request))) => self.out.push_back(Output::Probe(request)),
            (Link::Up { .. }, Some(Message::Preview(request))) => self.preview(now, &request),
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
            if let Some(ack) = self.servers.get_mut(&id).and_then(|server| server.untold.take()) {
                self.send(session_request::Message::Ack(ack));
            }
            self.report(&id);
        }
    }

    fn sent_away(&mut self, away: GoAway) {
        self.retry_after_ms = away.retry_after_ms;
        self.out.push_back(Output::Alarm(Alarm::SentAway { reason: away.reason(), message: away.message }));
        self.hang_up();
    }

    fn send(&mut self, message: session_request::Message) {
        self.out.push_back(Output::Send(SessionRequest { message: Some(message) }));
    }

    fn hang_up(&mut self) {
        self.link = Link::Closing;
        self.out.push_back(Output::HangUp);
    }
}
