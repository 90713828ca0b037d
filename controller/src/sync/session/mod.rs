//! One agent's session as the controller sees it.
//!
//! The shell hands in what arrives ([`Session::receive`]), what was committed ([`Session::opened`]), what servers
//! should run ([`Session::follow`], [`Session::wanted`]) and the time ([`Session::tick`]); it takes out what to do with
//! [`Session::poll`], in order, until there is nothing left.
//!
//! - A session is welcomed only after its fence is durable (P6).
//! - At most one change set is in flight per server; meanwhile only the newest wish is remembered.
//! - What a server is told follows from what its agent holds, in the order digest, known ancestor, inventory,
//!   snapshot (P7), so a session that breaks off costs nothing but the next greeting.
//! - What was refused is not sent again unchanged (P10), and a store that went backwards sends nothing (P3).
//!
//! A drift that nobody decided on raises an alarm and is left alone; a later change of the plan is still sent,
//! because a person made it and the plan showed it.

mod follower;
mod push;
mod questions;

#[cfg(test)]
mod tests;

use crate::sync::waits::{Decision, Wait};
use crate::sync::wanted::Wanted;
use follower::{Context, Follower};
use freehold_core::bundle::{Bundle, Digest, Hash, ResourceKey};
use freehold_core::command::Command;
use freehold_core::model::{ForeignSubnet, OwnFinding, Report, ServerKind};
use freehold_core::name::{AgentName, ServerName};
use freehold_core::net::Cidr;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::review::{Check, Subject};
use freehold_core::text::Text;
use freehold_core::time::{Now, StorePoint};
use freehold_proto::bundle;
use freehold_proto::convert::hosts::parse_reported;
use freehold_proto::convert::point;
use freehold_proto::sync::{
    ChangeAck, DriftDecision, DriftReport, GoAway, Health, Hello, Inventory, PreviewAnswer, ProbeResult, ServerReport,
    SessionRequest, SessionResponse, Welcome, drift_decision, go_away, session_request, session_response,
};
use questions::Previewed;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The protocol version spoken.
pub const PROTOCOL: u32 = 1;
/// How often an agent gives a sign of life, in seconds (P8).
pub const HEARTBEAT_SECONDS: u32 = 20;
/// Without any word for so long an agent counts as gone, in milliseconds: three signs of life missed (P8).
pub const SILENCE_MS: u64 = 3 * HEARTBEAT_SECONDS as u64 * 1000;
/// How long a session lasts, in milliseconds, give or take a fifth (P8).
pub const LIFETIME_MS: u64 = 30 * 60 * 1000;

/// Which of its promises a machine keeps: all of them. The simulation breaks one at a time, to see that it notices.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// P10: a refused digest is not sent again unchanged.
    pub remember_refusals: bool,
    /// P10: nor is what an earlier session was refused as a whole.
    pub recall_refusals: bool,
    /// P3: nothing is sent to an agent that knows a later state.
    pub stop_on_regression: bool,
    /// I11: after a restore, removals wait for an operator.
    pub hold_removals: bool,
    /// One change set in flight per server.
    pub one_in_flight: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            remember_refusals: true,
            recall_refusals: true,
            stop_on_regression: true,
            hold_removals: true,
            one_in_flight: true,
        }
    }
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "an output lives for a moment, in a queue of a few")]
pub enum Output {
    /// Send a message.
    Send(SessionResponse),
    /// Enter the session into the registry, commit its [`Command::OpenSession`] and answer with [`Session::opened`] or
    /// [`Session::refused`].
    Open {
        /// The agent's boot id.
        boot: [u8; 16],
        /// The highest fence that the agent says it has seen.
        seen: u64,
    },
    /// Commit a command. Nothing waits for it; a refusal is logged.
    Submit(Command),
    /// Tell from now on what this server should run: once with [`Session::follow`], then with [`Session::wanted`].
    Follow {
        /// Which.
        server: ServerName,
        /// What the agent holds; the ancestry may know it.
        held: Option<Digest>,
    },
    /// Ask for a slot to build a snapshot in; answered by [`Session::snapshot_granted`].
    AskSnapshot(ServerName),
    /// The slot is free again.
    ReleaseSnapshot(ServerName),
    /// Gauges, for those who watch.
    Health(Health),
    /// The networks that the agent's host has an interface in; `None`, if the agent is too old to probe.
    Networks(Option<Vec<Cidr>>),
    /// What came of a probe, or why the agent was not asked.
    Probed(u64, Result<Vec<ProbeResult>, String>),
    /// What came of a preview, or why the agent was not asked.
    Previewed(u64, Result<Box<PreviewAnswer>, String>),
    /// Something that people should know.
    Alarm(Alarm),
    /// The session is over. Send what was queued before, then hang up.
    Close,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The agent obeyed a later state than the store has: the store went backwards (P3).
    Regression {
        /// Where the agent was.
        held: StorePoint,
        /// Where the store is.
        ours: StorePoint,
    },
    /// How far a server is from the store that went backwards: without removals an automatic repair may go on.
    RegressionCost {
        /// Which server.
        server: ServerName,
        /// Resources that it runs and the store does not know.
        removes: Vec<ResourceKey>,
    },
    /// The agent belongs to another store (P2).
    ForeignStore {
        /// That store.
        store: [u8; 16],
    },
    /// After a restore, or while the store is known to have gone backwards: these would be removed, and wait.
    RemovalsHeld {
        /// Which server.
        server: ServerName,
        /// What would go.
        removes: Vec<ResourceKey>,
    },
    /// A server runs something else than it was last proven to.
    Drift {
        /// Which server.
        server: ServerName,
        /// The digest last proven.
        expected: Option<Digest>,
        /// The digest of what it runs.
        observed: Option<Digest>,
        /// The difference in words.
        difference: String,
    },
    /// A change failed and could not be undone.
    Dirty {
        /// Which server.
        server: ServerName,
        /// The server's own message.
        error: String,
    },
    /// A server that this version cannot name or does not know.
    UnknownServer {
        /// What the agent calls it.
        id: String,
        /// Why.
        why: String,
    },
}

/// The answer to [`Output::Follow`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followed {
    /// What the server should run; nothing if it is not managed.
    pub wanted: Option<Wanted>,
    /// The digest that the state says it runs.
    pub recorded: Option<Digest>,
    /// The bundle that its agent holds, if the ancestry knows it.
    pub ancestor: Option<Arc<Bundle>>,
}

/// Why the shell ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The controller stops.
    Draining,
    /// Too many came at once.
    Overloaded {
        /// When to come back, in milliseconds.
        retry_after_ms: u32,
    },
    /// The identity is revoked.
    Revoked,
    /// A newer session of the agent is open.
    Superseded,
    /// The certificate ends.
    CertificateEnds,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was heard yet.
    AwaitHello,
    /// The fence is being committed.
    Opening(Box<Hello>),
    /// Welcomed.
    Open,
    /// Over; nothing goes out or in any more.
    Closed,
}

/// One agent's session.
#[derive(Debug)]
pub struct Session {
    agent: AgentName,
    stage: Stage,
    boot: [u8; 16],
    /// The agent's version and features.
    agent_edition: String,
    /// Whether the agent can be asked to probe.
    probes: bool,
    /// Whether it can be asked for previews.
    previews: bool,
    /// Parts of the answers to previews, of which the last is still to come.
    previewed: BTreeMap<u64, Previewed>,
    last_heard: u64,
    ends_at: u64,
    followers: BTreeMap<String, Follower>,
    context: Context,
}

impl Session {
    /// The session of `agent`, just dialled. `random` spreads the ends of sessions (P8).
    pub fn new(agent: AgentName, now: Now, random: u64) -> Self {
        Self::with_rules(agent, now, random, Rules::default())
    }

    #[doc(hidden)]
    pub fn with_rules(agent: AgentName, now: Now, random: u64, rules: Rules) -> Self {
        let spread = LIFETIME_MS / 5;
        Self {
            agent,
            stage: Stage::AwaitHello,
            boot: [0; 16],
            agent_edition: String::new(),
            probes: false,
            previews: false,
            previewed: BTreeMap::new(),
            last_heard: now.ticks,
            ends_at: now.ticks + LIFETIME_MS - spread + random % (2 * spread + 1),
            followers: BTreeMap::new(),
            context: Context::new(rules),
        }
    }

    /// The next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.context.out.pop_front()
    }

    /// When to call [`Session::tick`], in ticks; `None` once it is over.
    pub fn deadline(&self) -> Option<u64> {
        if matches!(self.stage, Stage::Closed) {
            return None;
        }
        let retries = self.followers.values().filter_map(Follower::deadline);
        retries.chain([self.ends_at, self.last_heard + SILENCE_MS]).min()
    }

    /// When the next server is tried again that failed or was busy, in ticks.
    pub fn next_retry(&self) -> Option<u64> {
        self.followers.values().filter_map(Follower::retry).min()
    }

    /// What the agent was last proven to hold, for the ancestry.
    pub fn held(&self) -> impl Iterator<Item = (Digest, Arc<Bundle>)> + '_ {
        self.followers.values().filter_map(Follower::held_bundle)
    }

    /// The time has come for something.
    pub fn tick(&mut self, now: Now) {
        if matches!(self.stage, Stage::Closed) {
        } else if now.ticks >= self.last_heard + SILENCE_MS {
            self.stage = Stage::Closed;
            self.context.out.push_back(Output::Close);
        } else if now.ticks >= self.ends_at {
            self.end(Ending::Draining);
        } else {
            for follower in self.followers.values_mut() {
                if follower.overdue(now) {
                    self.stage = Stage::Closed;
                    self.context.go_away(
                        go_away::Reason::Protocol,
                        0,
                        "a change set was not answered in ten minutes; dial again",
                    );
                    return;
                }
                follower.advance(&mut self.context, now);
            }
        }
    }

    /// Ends the session for a reason of the shell's.
    pub fn end(&mut self, why: Ending) {
        if matches!(self.stage, Stage::Closed) {
            return;
        }
        self.stage = Stage::Closed;
        let (reason, retry_after_ms, message) = match why {
            Ending::Draining => (go_away::Reason::Draining, 0, "the session has lasted long enough; dial again"),
            Ending::Overloaded { retry_after_ms } => (go_away::Reason::Overloaded, retry_after_ms, "too many at once"),
            Ending::Revoked => (go_away::Reason::Revoked, 0, "this identity is revoked"),
            Ending::Superseded => {
                (go_away::Reason::Superseded, 30_000, "a newer session of this agent is open; is the host a clone?")
            }
            Ending::CertificateEnds => (go_away::Reason::CertificateEnds, 0, "the certificate ends; renew it"),
        };
        self.context.go_away(reason, retry_after_ms, message);
    }

    /// A message arrived.
    pub fn receive(&mut self, now: Now, message: SessionRequest) {
        use session_request::Message;
        self.last_heard = now.ticks;
        match (&self.stage, message.message) {
            (Stage::Closed, _) | (_, None) => {}
            (Stage::AwaitHello, Some(Message::Hello(hello))) => self.greeted(hello),
            (Stage::AwaitHello, Some(_)) => self.protocol_error("the first message must be Hello"),
            (Stage::Opening(_) | Stage::Open, Some(Message::Hello(hello))) => {
                if hello.boot_id != self.boot {
                    self.protocol_error("a second Hello, of another boot");
                }
            }
            (Stage::Opening(_), Some(_)) => {}
            (Stage::Open, Some(Message::Inventory(inventory))) => self.inventory(now, inventory),
            (Stage::Open, Some(Message::Ack(ack))) => self.ack(now, &ack),
            (Stage::Open, Some(Message::Drift(drift))) => self.drifted(&drift),
            (Stage::Open, Some(Message::Health(health))) => {
                self.tell_networks(&health.networks);
                self.context.out.push_back(Output::Health(health));
            }
            (Stage::Open, Some(Message::Probe(answer))) => {
                self.context.out.push_back(Output::Probed(answer.probe_id, Ok(answer.results)));
            }
            (Stage::Open, Some(Message::Preview(answer))) => self.previewed(answer),
            (Stage::Open, Some(Message::Server(report))) => self.found(&report),
        }
    }

    /// The fence is durable, and the store is at `point` with it.
    pub fn opened(&mut self, now: Now, fence: u64, point: StorePoint) {
        let Stage::Opening(hello) = std::mem::replace(&mut self.stage, Stage::Open) else {
            self.stage = Stage::Closed;
            return;
        };
        self.context.opened(fence, point);
        self.context.send(session_response::Message::Welcome(Welcome {
            now: Some(point::message(&point)),
            fence,
            protocol: PROTOCOL,
            controller_unix_ms: now.wall.0,
            heartbeat_seconds: HEARTBEAT_SECONDS,
        }));
        self.look_for_regression(&hello);
        for server in &hello.servers {
            let Some(report) = &server.report else { continue };
            let Some(name) = self.reported(report) else { continue };
            let follower = Follower::greeted(name.clone(), self.edition(report), server);
            if follower.drifted() {
                self.context.alarm(Alarm::Drift {
                    server: name.clone(),
                    expected: bundle::parse_digest(&server.applied_digest),
                    observed: bundle::parse_digest(&server.observed_digest),
                    difference: String::new(),
                });
            }
            self.context.out.push_back(Output::Follow { server: name, held: follower.held_digest() });
            self.followers.insert(report.server_id.clone(), follower);
        }
        self.tell_networks(&hello.networks);
    }

    /// The session may not be opened.
    pub fn refused(&mut self, refusal: &Refusal) {
        match refusal.reason {
            Reason::IdentityRevoked | Reason::AgentNotFound => self.end(Ending::Revoked),
            _ => self.protocol_error(&refusal.message),
        }
    }

    /// What a server should run, for the first time; answers [`Output::Follow`].
    pub fn follow(&mut self, now: Now, server: &ServerName, followed: Followed) {
        let follower = self.followers.get_mut(server.daemon()).filter(|follower| follower.name() == server);
        if let Some(follower) = follower {
            follower.follow(&mut self.context, now, followed);
            self.advance(now, server);
        }
    }

    /// A server should run something else.
    pub fn wanted(&mut self, now: Now, server: &ServerName, wanted: Option<Wanted>) {
        if let Some(follower) = self.follower(server) {
            follower.want(wanted);
            self.advance(now, server);
        }
    }

    /// There is a slot for the snapshot that was asked for.
    pub fn snapshot_granted(&mut self, now: Now, server: &ServerName) {
        match self.follower(server) {
            Some(follower) => {
                follower.grant();
                self.advance(now, server);
            }
            None => self.context.out.push_back(Output::ReleaseSnapshot(server.clone())),
        }
    }

    /// The store is known to have gone backwards: nothing is removed until [`Session::moved`].
    pub fn store_went_backwards(&mut self) {
        self.context.regressed = true;
    }

    /// The store's incarnation is another now: what was held back because it went backwards goes on.
    pub fn moved(&mut self, now: Now, point: StorePoint) {
        self.context.regressed = false;
        self.context.behind = None;
        self.context.point = Some(point);
        for follower in self.followers.values_mut() {
            follower.unpark();
            follower.advance(&mut self.context, now);
        }
    }

    /// What waits for a person, by server.
    pub fn waits(&self) -> impl Iterator<Item = (&ServerName, Vec<Wait>)> {
        self.followers.values().map(|follower| (follower.name(), follower.waits(&self.context)))
    }

    /// A person decided about a server. What does not wait any more is not decided.
    pub fn decided(&mut self, now: Now, server: &ServerName, decision: &Decision) {
        match decision {
            Decision::ReleaseRemovals => self.release_removals(now, server),
            Decision::Overwrite(observed) => self.overwrite(server, *observed),
            Decision::Retry => {
                if let Some(follower) = self.follower(server) {
                    follower.retry_refused();
                    self.advance(now, server);
                }
            }
        }
    }

    /// An operator allows what would be removed from a server after a restore.
    fn release_removals(&mut self, now: Now, server: &ServerName) {
        if let Some(follower) = self.follower(server) {
            follower.release();
            self.advance(now, server);
        }
    }

    /// An operator wants a drift undone; its agent answers for change 0.
    fn overwrite(&mut self, server: &ServerName, observed: Digest) {
        if self.follower(server).is_some_and(|follower| follower.drift() == Some(observed)) {
            self.context.send(session_response::Message::Drift(DriftDecision {
                server_id: server.daemon().to_owned(),
                observed_digest: observed.0.to_vec(),
                action: drift_decision::Action::Overwrite.into(),
            }));
        }
    }

    /// A network that does not parse is no place to probe in.
    fn tell_networks(&mut self, networks: &[String]) {
        let networks = || networks.iter().filter_map(|network| network.parse().ok()).collect();
        self.context.out.push_back(Output::Networks(self.probes.then(networks)));
    }

    fn advance(&mut self, now: Now, server: &ServerName) {
        let follower = self.followers.get_mut(server.daemon()).filter(|follower| follower.name() == server);
        if let (Stage::Open, Some(follower)) = (&self.stage, follower) {
            follower.advance(&mut self.context, now);
        }
    }

    fn follower(&mut self, server: &ServerName) -> Option<&mut Follower> {
        self.followers.get_mut(server.daemon()).filter(|follower| follower.name() == server)
    }

    fn greeted(&mut self, hello: Hello) {
        let Ok(boot) = <[u8; 16]>::try_from(hello.boot_id.as_slice()) else {
            return self.protocol_error("a boot id has 16 bytes");
        };
        if !(hello.protocol_min..=hello.protocol_max).contains(&PROTOCOL) {
            return self.protocol_error(&format!(
                "this controller speaks protocol {PROTOCOL}, the agent {} to {}; install matching versions",
                hello.protocol_min, hello.protocol_max
            ));
        }
        self.boot = boot;
        self.probes = hello.features.iter().any(|feature| feature == bundle::PROBE);
        self.previews = hello.features.iter().any(|feature| feature == bundle::PREVIEW);
        let features: BTreeSet<_> = hello.features.iter().map(String::as_str).collect();
        self.agent_edition = format!("{}\n{}", hello.version, features.into_iter().collect::<Vec<_>>().join(" "));
        self.context.out.push_back(Output::Open { boot, seen: hello.max_fence_seen });
        self.stage = Stage::Opening(Box::new(hello));
    }

    /// P3: an agent that obeyed a later point of this store proves that the store went backwards.
    fn look_for_regression(&mut self, hello: &Hello) {
        let Some(ours) = self.context.point else { return };
        let held = hello.servers.iter().filter_map(|server| server.obeyed.as_ref()).filter_map(point::parse);
        let Some(latest) = held.max_by_key(|held| (held.store == ours.store, held.incarnation, held.revision)) else {
            return;
        };
        if latest.store != ours.store {
            self.context.alarm(Alarm::ForeignStore { store: latest.store });
            self.protocol_error("this agent belongs to another store; its host decides whether it changes sides");
        } else if latest > ours {
            self.context.alarm(Alarm::Regression { held: latest, ours });
            self.context.regressed = true;
            self.context.behind = Some(latest);
        }
    }

    /// A server was found, lost or became different.
    fn found(&mut self, report: &ServerReport) {
        let Some(name) = self.reported(report) else { return };
        let edition = self.edition(report);
        if let Some(follower) = self.followers.get_mut(&report.server_id) {
            follower.is_now(edition);
        } else {
            self.context.out.push_back(Output::Follow { server: name.clone(), held: None });
            self.followers.insert(report.server_id.clone(), Follower::found(name, edition));
        }
    }

    /// Takes note of a server; returns its name if it has one.
    fn reported(&mut self, report: &ServerReport) -> Option<ServerName> {
        let parsed = parse_report(&self.agent, report);
        match parsed {
            Ok((name, command)) => {
                self.context.out.push_back(Output::Submit(command));
                let lift = Command::LiftRefusals { server: name.clone(), edition: Some(self.edition(report)) };
                self.context.out.push_back(Output::Submit(lift));
                Some(name)
            }
            Err(refusal) => {
                let alarm = Alarm::UnknownServer { id: report.server_id.clone(), why: refusal.message };
                self.context.alarm(alarm);
                None
            }
        }
    }

    /// What answers for a server: the agent by version and features, and the server by its version. Whoever upgrades either
    /// wants what was refused to be tried again.
    fn edition(&self, report: &ServerReport) -> Hash {
        Hash::of(format!("{}\n{}\n{}", self.agent_edition, report.kind, report.version).as_bytes())
    }

    fn inventory(&mut self, now: Now, inventory: Inventory) {
        if let Some(follower) = self.followers.get_mut(&inventory.server_id) {
            follower.inventory(&mut self.context, inventory);
            follower.advance(&mut self.context, now);
        }
    }

    fn ack(&mut self, now: Now, ack: &ChangeAck) {
        if let Some(follower) = self.followers.get_mut(&ack.server_id) {
            if ack.change_id == 0 {
                follower.answered_by_itself(&mut self.context, now, ack);
            } else {
                follower.answered(&mut self.context, now, ack);
            }
            follower.advance(&mut self.context, now);
        }
    }

    /// Left alone and shown, unless an operator says otherwise; or it is over.
    fn drifted(&mut self, report: &DriftReport) {
        let Some(follower) = self.followers.get_mut(&report.server_id) else { return };
        let observed = bundle::parse_digest(&report.observed_digest);
        follower.observed(observed, &report.difference);
        if report.observed_digest == report.expected_digest {
            return;
        }
        self.context.alarm(Alarm::Drift {
            server: follower.name().clone(),
            expected: bundle::parse_digest(&report.expected_digest),
            observed,
            difference: report.difference.clone(),
        });
        self.context.send(session_response::Message::Drift(DriftDecision {
            server_id: report.server_id.clone(),
            observed_digest: report.observed_digest.clone(),
            action: drift_decision::Action::Hold.into(),
        }));
    }

    fn protocol_error(&mut self, message: &str) {
        self.stage = Stage::Closed;
        self.context.go_away(go_away::Reason::Protocol, 60_000, message);
    }
}

impl Context {
    fn new(rules: Rules) -> Self {
        Self { rules, out: VecDeque::new(), fence: 0, point: None, next_change: 1, regressed: false, behind: None }
    }

    fn opened(&mut self, fence: u64, point: StorePoint) {
        self.fence = fence;
        self.point = Some(point);
    }

    fn send(&mut self, message: session_response::Message) {
        self.out.push_back(Output::Send(SessionResponse { message: Some(message) }));
    }

    fn alarm(&mut self, alarm: Alarm) {
        self.out.push_back(Output::Alarm(alarm));
    }

    fn go_away(&mut self, reason: go_away::Reason, retry_after_ms: u32, message: &str) {
        let message = GoAway { reason: reason.into(), retry_after_ms, message: message.to_owned() };
        self.send(session_response::Message::GoAway(message));
        self.out.push_back(Output::Close);
    }
}

fn parse_report(agent: &AgentName, report: &ServerReport) -> Result<(ServerName, Command), Refusal> {
    let name = ServerName::new(agent.clone(), &report.server_id)?;
    let kind = match report.kind.as_str() {
        "kea-dhcp4" => ServerKind::KeaDhcp4,
        "kea-dhcp6" => ServerKind::KeaDhcp6,
        other => {
            let why = format!("{name} is a {other:?}, which this controller does not know; update the controller");
            return Err(Refusal::new(Reason::NotSupportedByServer, why));
        }
    };
    let foreign = |subnet: &freehold_proto::sync::ForeignSubnet| {
        Ok(ForeignSubnet { network: subnet.network.parse()?, subnet_id: subnet.subnet_id })
    };
    let report = Report {
        kind,
        version: Text::parse(&report.version)?,
        found: report.found.as_ref().map(parse_reported).transpose()?,
        foreign_subnets: report.foreign_subnets.iter().map(foreign).collect::<Result<_, Refusal>>()?,
        findings: report.findings.iter().take(FINDINGS_MAX).filter_map(parse_finding).collect(),
    };
    Ok((name.clone(), Command::ReportServer { name, report }))
}

/// Findings of a server that are taken in at most.
const FINDINGS_MAX: usize = 100;

/// What was found in a server's configuration. One of a check that this controller does not know, and one whose words are no
/// text, is passed over: the server is there all the same.
fn parse_finding(finding: &freehold_proto::sync::ConfigurationFinding) -> Option<OwnFinding> {
    let check = finding.check.parse::<Check>().ok().filter(|check| check.subject() == Subject::Configuration)?;
    Some(OwnFinding { check, message: Text::parse(&finding.message).ok()? })
}
