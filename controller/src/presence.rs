//! Who is connected, and what they last said of themselves. Known only while the controller runs; a
//! restart forgets it, and the agents' next Hello says it again.

use crate::sync::waits::Wait;
use freehold_core::Timestamp;
use freehold_core::name::{AgentName, ServerName};
use freehold_core::net::Cidr;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// What is known of an agent beyond the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPresence {
    /// Whether a session is open.
    pub connected: bool,
    /// When it was last heard.
    pub seen: Timestamp,
}

/// What is known of a server beyond the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerPresence {
    /// Gauges by name, as its agent reports them.
    pub gauges: BTreeMap<String, String>,
    /// What waits for a person, as its session last said.
    pub waits: Vec<Wait>,
    /// The listing of its leases that waits for a person.
    pub listing: Option<Wait>,
}

/// Where an agent can probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Nowhere: it is not connected.
    Away,
    /// Nowhere: its version cannot.
    TooOld,
    /// In these networks its host has an interface; elsewhere it depends on routers.
    In(Arc<[Cidr]>),
}

#[derive(Debug, Default)]
struct Known {
    /// What agents with an open session say of their networks; `None` of those whose version says nothing.
    networks: BTreeMap<AgentName, Option<Arc<[Cidr]>>>,
    agents: BTreeMap<AgentName, AgentPresence>,
    servers: BTreeMap<ServerName, ServerPresence>,
}

/// Who is connected; copies are the same register.
#[derive(Debug, Clone, Default)]
pub struct Presence(Arc<RwLock<Known>>);

impl Presence {
    /// Takes note of a sign of life.
    pub fn heard(&self, agent: &AgentName, now: Timestamp) {
        self.write(|known| {
            known.agents.insert(agent.clone(), AgentPresence { connected: true, seen: now });
        });
    }

    /// Takes note of the networks that an agent's host has an interface in; of nothing, if its version does not say.
    pub fn networks(&self, agent: &AgentName, networks: Option<Vec<Cidr>>) {
        self.write(|known| {
            known.networks.insert(agent.clone(), networks.map(Into::into));
        });
    }

    /// Where an agent can probe.
    pub fn reach(&self, agent: &AgentName) -> Reach {
        match self.0.read().unwrap_or_else(PoisonError::into_inner).networks.get(agent) {
            None => Reach::Away,
            Some(None) => Reach::TooOld,
            Some(Some(networks)) => Reach::In(Arc::clone(networks)),
        }
    }

    /// Takes note of the end of an agent's last session.
    pub fn gone(&self, agent: &AgentName) {
        self.write(|known| {
            known.networks.remove(agent);
            if let Some(agent) = known.agents.get_mut(agent) {
                agent.connected = false;
            }
        });
    }

    /// Takes note of a server's gauges.
    pub fn gauges(&self, server: &ServerName, gauges: BTreeMap<String, String>) {
        self.write(|known| known.servers.entry(server.clone()).or_default().gauges = gauges);
    }

    /// Takes note of what waits for a person at a server.
    pub fn waits(&self, server: &ServerName, waits: Vec<Wait>) {
        self.write(|known| known.servers.entry(server.clone()).or_default().waits = waits);
    }

    /// Takes note of the listing of a server's leases that waits for a person, or that none does.
    pub fn listing(&self, server: &ServerName, wait: Option<Wait>) {
        self.write(|known| known.servers.entry(server.clone()).or_default().listing = wait);
    }

    /// Takes what `settles` picks off what waits at a server: somebody decided on it.
    pub fn settled(&self, server: &ServerName, settles: impl Fn(&Wait) -> bool) {
        self.write(|known| {
            if let Some(server) = known.servers.get_mut(server) {
                server.waits.retain(|wait| !settles(wait));
                server.listing = server.listing.take().filter(|wait| !settles(wait));
            }
        });
    }

    /// The store's history is the truth now: no server waits for that any more.
    pub fn history_accepted(&self) {
        self.write(|known| {
            for server in known.servers.values_mut() {
                server.waits.retain(|wait| !matches!(wait, Wait::History { .. }));
            }
        });
    }

    /// The highest incarnation that an agent obeyed of a history that goes further than the store's; `None` if there is none.
    pub fn ahead(&self) -> Option<u64> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = known.servers.values().flat_map(|server| &server.waits).filter_map(|wait| match wait {
            Wait::History { held, .. } => Some(held.incarnation),
            _ => None,
        });
        held.max()
    }

    /// What is known of an agent.
    pub fn agent(&self, agent: &AgentName) -> Option<AgentPresence> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).agents.get(agent).cloned()
    }

    /// Whether an agent has an open session.
    pub fn connected(&self, agent: &AgentName) -> bool {
        self.agent(agent).is_some_and(|agent| agent.connected)
    }

    /// What is known of a server.
    pub fn server(&self, server: &ServerName) -> ServerPresence {
        self.0.read().unwrap_or_else(PoisonError::into_inner).servers.get(server).cloned().unwrap_or_default()
    }

    fn write(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}
