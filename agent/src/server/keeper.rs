//! Keeps one Kea as the controller wants it: finds it, looks at what it runs, applies, and says what came of it.
//!
//! An apply that a crash cut short is ended first, before anything is said about the server. Between two applies
//! there is a pause of ten times as long as Kea's sockets were closed for the last one, so clients
//! find it deaf for at most a tenth of the time however fast changes come; after commands, which close none, it is as long as they took.
//! What comes meanwhile is one apply.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use freehold_core::bundle::Digest;
use freehold_core::model::{ForeignSubnet, Found, LeaseStore, OwnFinding};
use freehold_proto::sync::{self, PreviewAnswer, ServerReport};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::ServerFolder;
use crate::driver::kea::apply::{self, ApplyError, Failpoint, Kea, Recovery, Way};
use crate::driver::kea::bridge::Bridge;
use crate::driver::kea::control::{ControlError, ControlSocket};
use crate::driver::kea::discover::{self, DiscoverError, FoundKea};
use crate::driver::kea::known::{Known, Memory};
use crate::driver::kea::lookup::SubnetCounters;
use crate::driver::kea::preview;
use crate::driver::kea::protocol::Protocol;
use crate::driver::kea::review::{dns_servers, review, silent};
use crate::probe::dns;
use crate::server::feed::Feed;
use crate::server::told::{previewed, results};
use crate::session::machine::{Apply, Barrier, Facts, Outcome, Preview};

/// Between two looks at the server.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks at the whole of its configuration, even if nothing hints at a change.
const FULL_LOOK: Duration = Duration::from_secs(60);
/// The pause after an apply is so many times as long as Kea's sockets were closed.
const PAUSE_FACTOR: u32 = 10;
/// The pause after an apply is at most this.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A preview that waited for so long is not made: nobody waits for it any more.
const PREVIEW_AGE_MAX_MS: u64 = 50_000;
/// A preview waits at most so long for the pause after the one before.
const PREVIEW_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often an apply that found the server busy is tried again, and after how long.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// What the keeper says to the session.
#[derive(Debug)]
pub enum Said {
    /// What is known of the server now.
    Facts(String, Box<Facts>),
    /// What came of an apply.
    Outcome(String, Outcome),
    /// What came of a preview, in parts.
    Previewed(Vec<PreviewAnswer>),
}

/// The keeper of this host's Kea server of a protocol.
#[derive(Debug)]
pub struct Keeper {
    /// What the server's clients speak.
    pub protocol: Protocol,
    /// The configuration file, if the settings name it.
    pub config_file: Option<PathBuf>,
    /// What is remembered of the server.
    pub folder: ServerFolder,
    /// Told each step of an apply.
    pub failpoint: Failpoint,
    /// What the session wants it to run.
    pub wishes: mpsc::Receiver<Apply>,
    /// What somebody only wants to know of.
    pub previews: mpsc::Receiver<Preview>,
    /// Where facts and outcomes go.
    pub says: mpsc::Sender<Said>,
    /// Follows its leases.
    pub feed: Feed,
    /// Where its lease file is, told to the feed once it is known.
    pub lease_file: Option<oneshot::Sender<PathBuf>>,
    /// Hears how the server is.
    pub health: watch::Sender<Health>,
}

/// How the server is, for gauges and for `freehold-agent status`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Whether it answers.
    pub running: bool,
    /// Its version; empty until it is found.
    pub version: String,
    /// The digest of Freehold's part of what it runs.
    pub observed: Option<Digest>,
    /// Its own counters, by name.
    pub counters: BTreeMap<String, String>,
}

impl Health {
    /// Whether it was found since the agent started.
    pub fn is_found(&self) -> bool {
        !self.version.is_empty()
    }
}

/// Between two looks at its counters.
const COUNT: Duration = Duration::from_secs(10);
/// Between two questions to the DNS servers that its clients are told of, and how long an answer may take.
const ASK_DNS: Duration = Duration::from_secs(600);
const DNS_LIMIT: Duration = Duration::from_secs(1);
const DNS_PORT: u16 = 53;

/// The server as it was last seen.
#[derive(Debug, Default)]
struct Seen {
    looked: Option<Instant>,
    observed: Option<Digest>,
    difference: String,
    foreign: Vec<ForeignSubnet>,
    found: Option<Found>,
    findings: Vec<OwnFinding>,
    asked_dns: Option<Instant>,
    silent: Vec<IpAddr>,
    version: String,
    running: bool,
    counted: Option<Instant>,
    counters: BTreeMap<String, String>,
}

impl Keeper {
    /// Works until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let Some((found, mut kea)) = self.find(&stop).await else { return };
        info!(version = %found.version, config = %found.places.config_file.display(), "{} found", self.protocol.kind());
        let mut seen = Seen { version: found.version, running: true, ..Seen::default() };
        self.end_what_was_cut_short(&mut kea, &stop).await;
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut not_before, mut bridge, mut asking) = (Instant::now(), Bridge::default(), JoinSet::new());
        let mut previews_after = Instant::now();
        loop {
            tokio::select! {
                // What is to be applied goes before what somebody only wants to know.
                biased;
                () = stop.cancelled() => return,
                _ = looks.tick() => {
                    let different = self.look(&mut kea, &mut seen).await;
                    self.count(&kea, &mut seen).await;
                    if let Some(servers) = seen.dns_to_ask(&kea) {
                        asking.spawn(dns::silent(servers, DNS_LIMIT));
                    }
                    if different && self.say_facts(&seen).await.is_err() {
                        return;
                    }
                }
                Some(asked) = asking.join_next() => {
                    let asked = asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                    let before = std::mem::replace(&mut seen.silent, asked.iter().map(SocketAddr::ip).collect());
                    let different = before != seen.silent;
                    if different && self.say_facts(&seen).await.is_err() {
                        return;
                    }
                }
                wish = self.wishes.recv() => {
                    let Some(wish) = wish else { return };
                    bridge_over(&mut bridge, &kea, &wish).await;
                    tokio::time::sleep_until(not_before.into()).await;
                    let (outcome, closed) = self.apply(&mut kea, &wish).await;
                    not_before = Instant::now() + (closed * PAUSE_FACTOR).min(PAUSE_MAX);
                    self.look(&mut kea, &mut seen).await;
                    bridge_over(&mut bridge, &kea, &wish).await;
                    let outcome = Said::Outcome(wish.server, outcome);
                    if self.says.send(outcome).await.is_err() || self.say_facts(&seen).await.is_err() {
                        return;
                    }
                }
                preview = self.previews.recv() => {
                    let Some(preview) = preview else { return };
                    let Some(parts) = self.preview(&mut kea, preview, &mut previews_after).await else { continue };
                    if self.says.send(Said::Previewed(parts)).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// What the server would make of a bundle, in parts; `None` if nobody waits for that any more. Kea hears nobody while it tests, so between two previews there is a pause as between two applies;
    /// one that comes before it is over is told so.
    async fn preview(&self, kea: &mut Kea, preview: Preview, after: &mut Instant) -> Option<Vec<PreviewAnswer>> {
        let Preview { preview_id, bundle, asked, .. } = preview;
        if crate::clock::now().ticks.saturating_sub(asked) > PREVIEW_AGE_MAX_MS {
            return None;
        }
        let wait = after.saturating_duration_since(Instant::now());
        if wait > PREVIEW_PAUSE_MAX {
            let message = format!("{} tested others just now; ask again in a few seconds", self.protocol.kind());
            return Some(previewed(preview_id, Ok(preview::Preview::Unable { message })));
        }
        tokio::time::sleep(wait).await;
        let begun = Instant::now();
        let made = kea.preview(&bundle).await;
        *after = Instant::now() + (begun.elapsed() * PAUSE_FACTOR).min(PAUSE_MAX);
        Some(previewed(preview_id, made))
    }

    /// Finds the server, however long that takes.
    async fn find(&mut self, stop: &CancellationToken) -> Option<(FoundKea, Kea)> {
        let mut last_said = String::new();
        loop {
            match discover::discover(self.protocol, self.config_file.as_deref()).await {
                Ok(found) => {
                    let lease_file = match &found.leases {
                        discover::LeaseStore::Memfile(file) => Some(file.clone()),
                        other => {
                            warn!(store = ?other, "Kea does not keep its leases in a file; they are not reported");
                            None
                        }
                    };
                    if let (Some(file), Some(tell)) = (&lease_file, self.lease_file.take()) {
                        // A feed that has ended needs no file.
                        drop(tell.send(file.clone()));
                    }
                    let kea = Kea {
                        socket: ControlSocket::at(self.protocol, &found.places.control_socket),
                        config_file: found.places.config_file.clone(),
                        lease_file,
                        intent_file: self.folder.intent(),
                        failpoint: self.failpoint.clone(),
                        memory: Memory::default(),
                    };
                    return Some((found, kea));
                }
                // A host with one of the two servers is as it should be.
                Err(error @ DiscoverError::None(_)) => {
                    if last_said.is_empty() {
                        last_said = chain(&error);
                        info!("{last_said}");
                    }
                }
                Err(error) => {
                    let says = chain(&error);
                    if says != last_said {
                        warn!(%says, "no {} yet; looking again every {} seconds", self.protocol.kind(), LOOK.as_secs());
                        last_said = says;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn end_what_was_cut_short(&self, kea: &mut Kea, stop: &CancellationToken) {
        loop {
            match kea.recover().await {
                Ok(Recovery::Clean) => return,
                Ok(Recovery::Dirty { message }) => {
                    error!(%message, "an apply was cut short and could not be undone; Kea needs a person");
                    return;
                }
                Ok(ended) => return info!(?ended, "an apply that was cut short is ended"),
                Err(failure) => warn!(failure = %chain(&failure), "an apply was cut short and cannot be ended yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Looks at the server; whether anything that the session should know is different.
    async fn look(&self, kea: &mut Kea, seen: &mut Seen) -> bool {
        let Ok(is_known) = kea.is_known().await else {
            let was = std::mem::take(&mut seen.running);
            seen.observed = None;
            if was {
                warn!("Kea does not answer on its control socket");
            }
            return was;
        };
        let recent = seen.looked.is_some_and(|looked| looked.elapsed() < FULL_LOOK);
        if !(is_known && recent && seen.running) {
            let known = match kea.look().await {
                Ok(known) => known,
                Err(failure) => {
                    warn!(failure = %chain(&failure), "Kea's configuration cannot be read");
                    return false;
                }
            };
            (seen.looked, seen.running) = (Some(Instant::now()), true);
            let reviewed = seen.review(known);
            return seen.take(known) || reviewed;
        }
        kea.known().is_some_and(|known| seen.take(known))
    }

    /// Reads the server's counters, now and then.
    async fn count(&self, kea: &Kea, seen: &mut Seen) {
        if seen.running && seen.counted.is_none_or(|counted| counted.elapsed() >= COUNT) {
            seen.counted = Some(Instant::now());
            // A Kea without the stat_cmds hook has none.
            if let Ok(subnets) = kea.socket.subnet_counters().await {
                let sum = |count: fn(&SubnetCounters) -> u64| {
                    subnets.iter().map(count).fold(0, u64::saturating_add).to_string()
                };
                let delegated = self.protocol == Protocol::V6;
                let delegated = delegated.then(|| ("prefixes_delegated".to_owned(), sum(|subnet| subnet.delegated)));
                seen.counters = BTreeMap::from([
                    ("addresses_total".to_owned(), sum(|subnet| subnet.total)),
                    ("addresses_assigned".to_owned(), sum(|subnet| subnet.assigned)),
                    ("addresses_declined".to_owned(), sum(|subnet| subnet.declined)),
                ]);
                seen.counters.extend(delegated);
            }
        }
        self.health.send_replace(Health {
            running: seen.running,
            version: seen.version.clone(),
            observed: seen.observed,
            counters: seen.counters.clone(),
        });
    }

    async fn say_facts(&self, seen: &Seen) -> Result<(), mpsc::error::SendError<Said>> {
        let foreign = |subnet: &ForeignSubnet| sync::ForeignSubnet {
            network: subnet.network.to_string(),
            subnet_id: subnet.subnet_id,
        };
        let finding = |own: &OwnFinding| sync::ConfigurationFinding {
            check: own.check.to_string(),
            message: own.message.to_string(),
        };
        let spool = self.feed.position();
        let facts = Facts {
            report: ServerReport {
                server_id: self.protocol.server_id().to_owned(),
                kind: self.protocol.kind().to_owned(),
                version: seen.version.clone(),
                foreign_subnets: seen.foreign.iter().map(foreign).collect(),
                running: seen.running,
                found: seen.found.as_ref().map(found),
                findings: seen.findings.iter().chain(&silent(&seen.silent)).map(finding).collect(),
            },
            observed: seen.observed,
            difference: seen.difference.clone(),
            spool_epoch: spool.epoch.to_vec(),
            spool_last_seq: spool.last_seq,
        };
        self.says.send(Said::Facts(self.protocol.server_id().to_owned(), Box::new(facts))).await
    }

    /// Where the leases stand now, if that can be said.
    async fn barrier(&self) -> Option<Barrier> {
        let Some(at) = self.feed.barrier().await else {
            warn!("the lease file could not be read to its end; what the server granted before is not certain");
            return None;
        };
        match self.folder.listed(at.epoch) {
            Ok(listed) => Some(Barrier { at, listed }),
            Err(failure) => {
                warn!(failure = %chain(&failure), "it is not known whether the leases were listed");
                None
            }
        }
    }

    /// Applies, trying again while the server is busy; what came of it, and how long Kea's sockets were closed.
    async fn apply(&self, kea: &mut Kea, wish: &Apply) -> (Outcome, Duration) {
        let begun = Instant::now();
        for _ in 0..BUSY_TRIES {
            let outcome = match kea.apply(&wish.bundle).await {
                Ok(outcome) => outcome,
                Err(failure) => return (not_applied(&failure), begun.elapsed()),
            };
            let (outcome, took) = match outcome {
                apply::Outcome::Applied { digest, way } => {
                    let (took, closed) = match way {
                        Way::Ran => (Duration::ZERO, Duration::ZERO),
                        // Half of the time is Kea's own.
                        Way::Live(took) => (took, took / PAUSE_FACTOR),
                        Way::Set(took) => (took, took),
                    };
                    let barrier = self.barrier().await;
                    let server_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                    info!(%digest, ?way, total_ms = begun.elapsed().as_millis(), "applied");
                    (Outcome::Applied { digest, barrier, server_ms }, closed)
                }
                apply::Outcome::Rejected { faults, message } => {
                    warn!(%message, "Kea refuses the configuration; nothing was changed");
                    (Outcome::Rejected { results: results(&faults), error: message }, Duration::ZERO)
                }
                apply::Outcome::RolledBack { faults, message } => {
                    warn!(%message, "Kea could not take the configuration; it runs what it ran before");
                    (Outcome::RolledBack { results: results(&faults), error: message }, begun.elapsed())
                }
                apply::Outcome::Dirty { message } => {
                    error!(%message, "Kea could not take the configuration, nor go back: it needs a person now");
                    (Outcome::Dirty { error: message }, begun.elapsed())
                }
                apply::Outcome::Busy { message } => {
                    info!(%message, "Kea cannot be changed now; trying again");
                    tokio::time::sleep(BUSY_PAUSE).await;
                    continue;
                }
            };
            return (outcome, took);
        }
        (Outcome::Busy, Duration::ZERO)
    }
}

/// Has nobody lease what the server still may and `wish` does not have it lease any more.
async fn bridge_over(bridge: &mut Bridge, kea: &Kea, wish: &Apply) {
    if let Some(known) = kea.known() {
        bridge.keep(&kea.socket, &known.read_back.bundle, &wish.bundle).await;
    }
}

impl Seen {
    /// The DNS servers that are to be asked now, if it is time.
    fn dns_to_ask(&mut self, kea: &Kea) -> Option<Vec<SocketAddr>> {
        let known = kea.known().filter(|_| self.asked_dns.is_none_or(|asked| asked.elapsed() >= ASK_DNS))?;
        self.asked_dns = Some(Instant::now());
        let servers = dns_servers(known.config.foreign(), known.config.ours());
        Some(servers.into_iter().map(|server| (server, DNS_PORT).into()).collect())
    }

    /// Looks for what is doubtful; whether that is different.
    fn review(&mut self, known: &Known) -> bool {
        let before = std::mem::replace(&mut self.findings, review(known.config.foreign(), known.config.ours()));
        before != self.findings
    }

    /// Takes in what is known of the server; whether it is different.
    fn take(&mut self, known: &Known) -> bool {
        let is_same = self.observed == Some(known.observed) && self.foreign == known.foreign;
        if is_same && self.found.as_ref() == Some(&known.found) {
            return false;
        }
        let strange = known.read_back.strange.iter();
        let lines: Vec<_> = strange.map(|strange| format!("{}: {}", strange.key, strange.what)).collect();
        self.difference = lines.join("\n");
        (self.observed, self.foreign) = (Some(known.observed), known.foreign.clone());
        self.found = Some(known.found.clone());
        true
    }
}

/// What a server can do, as it is reported.
fn found(found: &Found) -> sync::Found {
    sync::Found {
        abilities: found.abilities.iter().map(|ability| ability.word().to_owned()).collect(),
        identifiers: found.identifiers.iter().map(ToString::to_string).collect(),
        leases: match found.leases {
            LeaseStore::File => "file",
            LeaseStore::Volatile => "volatile",
            LeaseStore::Database => "database",
        }
        .to_owned(),
    }
}

/// An apply that failed around Kea, before or after its own part: it is told as busy where it may well work the
/// next time, because nothing says that Kea runs anything but what it ran.
fn not_applied(failure: &ApplyError) -> Outcome {
    warn!(failure = %chain(failure), "the configuration could not be applied");
    match failure {
        ApplyError::Control(ControlError::Refused { .. }) => {
            Outcome::RolledBack { results: Vec::new(), error: chain(failure) }
        }
        _ => Outcome::Busy,
    }
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut says = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        says = format!("{says}: {inner}");
        cause = inner.source();
    }
    says
}
