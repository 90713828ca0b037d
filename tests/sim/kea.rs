//! A server that behaves like Kea where it matters, the agent's spool of its leases, and the steps of an apply.

use freehold_agent::session::machine::{Apply, Barrier, Outcome};
use freehold_agent::session::memory::Held;
use freehold_agent::session::upload::Spool;
use freehold_core::Timestamp;
use freehold_core::bundle::{Bundle, Digest, Resource, ResourceKey, ResourceKind};
use freehold_core::lease::{Lease, LeaseCursor, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_proto::sync::{ReservationResource, ResourceResult, ScopeResource, resource_result::Code};
use prost::Message;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Host names that begin like this are refused by the server.
pub(crate) const REFUSED: &str = "refused";
/// A lease time that the server does not like, without saying where it met it.
const DISLIKED_SECONDS: u32 = 603;
/// A lease time with which the host loses the controller, in this scope.
const CUTTING_SECONDS: u32 = 604;
const CONFIRMED_SCOPE: &str = "lan-2";
/// The host whose changes are to be confirmed, and within how many seconds.
pub(crate) const CONFIRMED: (usize, u32) = (2, 60);

/// A running server and its disk.
#[derive(Debug, Clone)]
pub(crate) struct Kea {
    pub(crate) up: bool,
    /// What it runs.
    pub(crate) running: Held,
    /// What its configuration file says.
    pub(crate) file: Held,
    /// What Freehold does not own in it.
    pub(crate) foreign: Vec<u8>,
    pub(crate) leases: BTreeMap<IpAddr, Lease>,
    /// Its lease file, as events.
    pub(crate) log: Vec<LeaseEvent>,
    /// How many changes it was put through.
    pub(crate) changes: u64,
    /// Changes to fail without naming a resource.
    pub(crate) failures: u32,
}

impl Kea {
    pub(crate) fn new() -> Self {
        Self {
            up: true,
            running: Held::new(Bundle::default()),
            file: Held::new(Bundle::default()),
            foreign: b"\"Dhcp4\": { \"hooks-libraries\": [] }".to_vec(),
            leases: BTreeMap::new(),
            log: Vec::new(),
            changes: 0,
            failures: 0,
        }
    }

    /// Its own test: the resources that it refuses.
    pub(crate) fn test(&self, bundle: &Bundle) -> Vec<ResourceResult> {
        bundle
            .resources()
            .iter()
            .filter(|(key, resource)| refuses(key, resource))
            .map(|(key, _)| refusal(key))
            .collect()
    }

    /// Whether what it runs keeps its host from the controller: a lease time that stands for a wrong route or filter. Only where
    /// changes are to be confirmed: elsewhere nothing could heal it.
    pub(crate) fn cuts_off(&self) -> bool {
        self.running.bundle.resources().iter().any(|(key, resource)| {
            key.kind == ResourceKind::Scope
                && key.id == CONFIRMED_SCOPE
                && ScopeResource::decode(resource.body()).is_ok_and(|body| body.valid_seconds == CUTTING_SECONDS)
        })
    }

    /// Whether its own test refuses all of it without naming anything.
    fn dislikes(&self, bundle: &Bundle) -> bool {
        let disliked = |(key, resource): (&ResourceKey, &Resource)| {
            key.kind == ResourceKind::Scope
                && ScopeResource::decode(resource.body()).is_ok_and(|body| body.valid_seconds == DISLIKED_SECONDS)
        };
        bundle.resources().iter().any(disliked)
    }

    /// A client came, stayed or went.
    pub(crate) fn lease(&mut self, host: u8, client: u8, at: Timestamp, going: bool) {
        let address: IpAddr = Ipv4Addr::new(10, host, 0, 100 + client % 100).into();
        let lease = Lease {
            address,
            prefix_len: 32,
            subnet_id: 1 + u32::from(client % 2),
            hardware: vec![2, 0, 0, 0, host, client],
            client_id: Vec::new(),
            duid: Vec::new(),
            iaid: 0,
            host_name: String::new(),
            cltt: at,
            valid_seconds: 3600,
            state: LeaseState::Granted,
        };
        let kind = match (self.leases.remove(&address), going) {
            (Some(_), true) => LeaseEventKind::Released,
            (Some(_), false) => LeaseEventKind::Renewed,
            (None, _) => LeaseEventKind::Granted,
        };
        if kind != LeaseEventKind::Released {
            self.leases.insert(address, lease.clone());
        }
        self.log.push(LeaseEvent { kind, lease, observed: at, folded: 0 });
    }
}

fn refuses(key: &ResourceKey, resource: &Resource) -> bool {
    key.kind == ResourceKind::Reservation
        && ReservationResource::decode(resource.body()).is_ok_and(|body| body.host_name.starts_with(REFUSED))
}

fn refusal(key: &ResourceKey) -> ResourceResult {
    ResourceResult {
        kind: key.kind.as_str().to_owned(),
        id: key.id.clone(),
        code: Code::ServerRefused.into(),
        field: "host_name".into(),
        message: "the simulated server does not like this name".into(),
        runs: Vec::new(),
    }
}

/// The spool, fed from the server's lease file: event n is line `base + n - 1` of it.
#[derive(Debug, Clone)]
pub(crate) struct Spooled {
    pub(crate) epoch: [u8; 16],
    pub(crate) base: usize,
    /// Everything before this event was let go of.
    pub(crate) first_seq: u64,
    /// Durable up to this event.
    pub(crate) last_seq: u64,
    /// The last event that was acknowledged.
    pub(crate) acked_seq: u64,
    /// The incarnation that a full listing was carried out for.
    pub(crate) listed: Option<u64>,
}

impl Spooled {
    pub(crate) fn new(epoch: [u8; 16], log_len: usize) -> Self {
        Self { epoch, base: log_len, first_seq: 1, last_seq: 0, acked_seq: 0, listed: None }
    }

    pub(crate) fn view(&self) -> Spool {
        Spool {
            epoch: self.epoch,
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            acked_seq: self.acked_seq,
            listed: self.listed,
        }
    }

    pub(crate) fn line(&self, seq: u64) -> usize {
        self.base + usize::try_from(seq - 1).expect("a short log")
    }
}

/// An apply under way, and where it is (P13).
#[derive(Debug, Clone)]
pub(crate) struct Applying {
    pub(crate) apply: Apply,
    pub(crate) step: Step,
    backup: Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    ReadBack,
    Intent,
    Test,
    Set,
    SetRest,
    Compare,
    WriteFile,
    Finish,
}

/// The note of an apply that was begun, on the agent's disk.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) to: Digest,
    pub(crate) backup: Held,
}

/// How the steps are broken on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Breakage {
    pub(crate) half: bool,
    pub(crate) needless: bool,
}

impl Applying {
    pub(crate) fn new(apply: Apply) -> Self {
        Self { apply, step: Step::ReadBack, backup: Held::new(Bundle::default()) }
    }

    /// Does one step; returns what came of it all after the last.
    pub(crate) fn advance(
        &mut self,
        kea: &mut Kea,
        intent: &mut Option<Intent>,
        spool: &Spooled,
        broken: Breakage,
    ) -> Option<Outcome> {
        let to = &self.apply.bundle;
        let wanted = || Held { digest: self.apply.digest, bundle: Arc::clone(to) };
        let at = LeaseCursor { epoch: spool.epoch, next_seq: spool.last_seq + 1 };
        let barrier = Barrier { at, listed: spool.listed };
        let applied = |digest| Outcome::Applied { digest, barrier: Some(barrier), server_ms: 1 };
        if !kea.up {
            *intent = None;
            return Some(Outcome::Busy);
        }
        self.step = match self.step {
            Step::ReadBack if kea.running.digest == self.apply.digest && !broken.needless => {
                if kea.file.digest == self.apply.digest {
                    return Some(applied(self.apply.digest));
                }
                Step::WriteFile
            }
            Step::ReadBack => Step::Intent,
            Step::Intent => {
                self.backup = kea.running.clone();
                *intent = Some(Intent { to: self.apply.digest, backup: kea.running.clone() });
                Step::Test
            }
            Step::Test => {
                let results = kea.test(to);
                if !results.is_empty() {
                    *intent = None;
                    return Some(Outcome::Rejected { results, error: "the configuration is refused".into() });
                }
                if kea.dislikes(to) {
                    *intent = None;
                    return Some(Outcome::Rejected { results: Vec::new(), error: "somewhere a time is wrong".into() });
                }
                Step::Set
            }
            Step::Set if kea.failures > 0 => {
                kea.failures -= 1;
                *intent = None;
                return Some(Outcome::RolledBack { results: Vec::new(), error: "out of file handles".into() });
            }
            Step::Set if broken.half => {
                let half = to.resources().iter().take(to.resources().len() / 2);
                let half = half.map(|(key, resource)| (key.clone(), resource.clone())).collect();
                kea.running = Held::new(Bundle::new(half));
                Step::SetRest
            }
            Step::Set | Step::SetRest => {
                kea.running = wanted();
                kea.changes += 1;
                Step::Compare
            }
            Step::Compare if kea.running.digest != self.apply.digest => {
                // It was restarted in between and runs what its file says.
                kea.running = self.backup.clone();
                kea.file = self.backup.clone();
                *intent = None;
                return Some(Outcome::RolledBack { results: Vec::new(), error: "it was restarted".into() });
            }
            Step::Compare => Step::WriteFile,
            Step::WriteFile => {
                kea.file = wanted();
                Step::Finish
            }
            Step::Finish => {
                *intent = None;
                return Some(applied(kea.running.digest));
            }
        };
        None
    }
}

/// What a starting agent does about an apply that a crash broke off (P13).
pub(crate) fn recover(kea: &mut Kea, intent: &mut Option<Intent>) {
    let Some(open) = intent.take() else { return };
    if !kea.up {
        *intent = Some(open);
    } else if kea.running.digest == open.to {
        kea.file = kea.running.clone();
    } else if kea.running.digest != open.backup.digest {
        kea.running = open.backup.clone();
        kea.file = open.backup;
    }
}
