//! What the running agent says of itself, in a file that `freehold-agent status` reads.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freehold_core::bundle::Digest;
use freehold_proto::sync::ServerHealth;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tracing::warn;

use crate::clock;
use crate::files;
use crate::home::{Home, HomeError};
use crate::server::feed::Feed;
use crate::server::keeper::{Health, chain};

/// How often the file is written.
const EVERY: Duration = Duration::from_secs(2);
/// Past this age the agent is taken to be gone, in milliseconds.
const STALE_MS: i64 = 15_000;

/// How the agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// When this was written, milliseconds since 1970.
    pub at_ms: i64,
    /// Whether a session with the controller is open.
    pub connected: bool,
    /// The servers that it found.
    pub servers: Vec<ServerStatus>,
}

/// How one server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its short id.
    pub id: String,
    /// Whether it was found and answers.
    pub running: bool,
    /// Its version.
    pub version: String,
    /// The digest of Freehold's part of what it runs.
    pub digest: Option<String>,
    /// The last lease event that is durable in the spool.
    pub spool_last_seq: u64,
    /// The first that it still has.
    pub spool_first_seq: u64,
}

/// A server to tell of.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Its short id.
    pub id: &'static str,
    /// How it is.
    pub health: watch::Receiver<Health>,
    /// What follows its leases.
    pub feed: Feed,
}

impl Watched {
    /// Whether it was found, now or ever. Of a server that is not on this host nothing is said.
    fn is_known(&self) -> bool {
        self.health.borrow().is_found() || self.feed.position().last_seq > 0
    }

    /// How it is, if it is known.
    fn status(&self) -> Option<ServerStatus> {
        let (health, spool) = (self.health.borrow(), self.feed.position());
        self.is_known().then(|| ServerStatus {
            id: self.id.to_owned(),
            running: health.running,
            version: health.version.clone(),
            digest: health.observed.as_ref().map(Digest::to_string),
            spool_last_seq: spool.last_seq,
            spool_first_seq: spool.first_seq,
        })
    }

    /// The same as gauges that the session sends along.
    fn gauges(&self) -> Option<ServerHealth> {
        let health = self.health.borrow();
        let mut gauges = health.counters.clone();
        gauges.insert("running".to_owned(), health.running.to_string());
        gauges.insert("digest".to_owned(), health.observed.as_ref().map(Digest::to_string).unwrap_or_default());
        gauges.insert("spool_last_seq".to_owned(), self.feed.position().last_seq.to_string());
        self.is_known().then(|| ServerHealth { server_id: self.id.to_owned(), gauges })
    }
}

/// Turns what is known of a server into gauges whenever that is different, until `stop`.
pub async fn gauge(mut server: Watched, gauges: Arc<watch::Sender<Vec<ServerHealth>>>, stop: CancellationToken) {
    loop {
        server.health.mark_unchanged();
        if let Some(now) = server.gauges() {
            gauges.send_modify(|all| {
                all.retain(|other| other.server_id != now.server_id);
                all.push(now);
                all.sort_by(|one, other| one.server_id.cmp(&other.server_id));
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = server.health.changed() => if changed.is_err() { return },
        }
    }
}

/// Writes the file until `stop`.
pub async fn run(
    home: Home,
    servers: Vec<Watched>,
    channel: watch::Receiver<Option<Channel>>,
    stop: CancellationToken,
) {
    loop {
        let status = Status {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at_ms: clock::wall().0,
            connected: channel.borrow().is_some(),
            servers: servers.iter().filter_map(Watched::status).collect(),
        };
        let text = serde_json::to_vec_pretty(&status).expect("strings and numbers make JSON");
        if let Err(failure) = files::replace(&home.status_path(), &text, 0o644) {
            warn!(failure = %chain(&failure), "the status file cannot be written");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What people read: who the agent is, whether it runs, and how it is.
pub fn describe(home: &Home, now: SystemTime) -> Result<String, HomeError> {
    let membership = home.membership()?;
    let mut lines =
        vec![format!("agent:        {}", membership.agent), format!("controller:   {}", membership.controller)];
    if let Some(credentials) = home.identity()?.credentials()? {
        let left = credentials.leaf().validity.not_after.duration_since(now);
        lines.push(match left {
            Ok(left) => format!("certificate:  good for {} more days", left.as_secs() / 86_400),
            Err(_) => "certificate:  ended; the agent asks for a late renewal at its next start".to_owned(),
        });
    }
    let status: Option<Status> =
        files::read(&home.status_path())?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let now_ms = freehold_proto::convert::time::from_system(now).0;
    match status.filter(|status| now_ms - status.at_ms < STALE_MS) {
        None => lines.push("process:      not running".to_owned()),
        Some(status) => {
            lines.push(format!("process:      {} (version {})", status.pid, status.version));
            lines.push(format!("session:      {}", if status.connected { "open" } else { "none; serving on" }));
            if status.servers.is_empty() {
                lines.push("servers:      none found".to_owned());
            }
            for server in status.servers {
                let answers = if server.running { "answers" } else { "does not answer" };
                lines.push(format!("{}:         {answers} {}", server.id, server.version));
                if let Some(digest) = server.digest {
                    lines.push(format!("  runs:       {digest}"));
                }
                lines.push(format!("  spool:      events {} to {}", server.spool_first_seq, server.spool_last_seq));
            }
        }
    }
    Ok(lines.join("\n"))
}
