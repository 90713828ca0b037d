//! What must hold at every instant, told apart from how it is brought about. Nothing here looks into a machine.

use crate::controller::Controller;
use crate::engine::{Decided, Reply};
use crate::host::{Host, SERVER};
use crate::world::World;
use freehold_controller::sync::lease_upload::listing::guard;
use freehold_controller::sync::wanted::wanted;
use freehold_core::Entry;
use freehold_core::bundle::{Digest, ResourceKey};
use freehold_core::lease::{LeaseBook, LeaseEventKind};
use freehold_core::model::{AgentState, ServerStatus};
use freehold_core::name::{AgentName, ServerName};
use freehold_core::{Record, Timestamp};
use freehold_proto::bundle::{parse_digest, parse_ref};
use freehold_proto::convert::{point, stored::LeaseBatch};
use freehold_proto::sync::{ChangeAck, ChangeSet, change_ack::Phase};
use std::collections::{BTreeMap, BTreeSet};

/// When faults have stopped, everything is as it should be after so long, in milliseconds, not counting waits that
/// either side had begun by then (I5).
pub(crate) const CONVERGE_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) violation: Option<String>,
    /// Digests of complete bundles, by server (I4).
    complete: BTreeMap<ServerName, BTreeSet<Digest>>,
    /// Entries that somebody was told of (I2).
    confirmed: BTreeMap<u64, Entry>,
    /// Digests that a server refused, and nothing was edited since (P10): for naming a resource, and as a whole once that
    /// is on record.
    refused: BTreeMap<ServerName, BTreeSet<Digest>>,
    flown: BTreeMap<(u64, u64), (ServerName, Digest)>,
    in_flight: BTreeMap<(u64, String), u64>,
    /// Servers whose removals after a restore somebody allowed.
    pub(crate) released: BTreeSet<ServerName>,
    pub(crate) allowed_sweeps: BTreeSet<ServerName>,
    /// Lease events that the store has, by server and spool: the next number awaited (I3).
    streams: BTreeMap<(ServerName, [u8; 16]), u64>,
    /// When an agent's revocation was committed (I9).
    revoked: BTreeMap<AgentName, u64>,
    pub(crate) revocations: u32,
    boots: BTreeMap<AgentName, Vec<[u8; 16]>>,
    clone_alarms: BTreeSet<AgentName>,
}

/// A change set on its way out.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) line: u64,
    pub(crate) agent: &'a AgentName,
    pub(crate) behind: bool,
    pub(crate) change: &'a ChangeSet,
}

impl Oracle {
    pub(crate) fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    pub(crate) fn complete(&mut self, server: &ServerName, digest: Digest) {
        self.complete.entry(server.clone()).or_default().insert(digest);
    }

    /// I11, P3, P10, and one in flight.
    pub(crate) fn sent(&mut self, sent: &Sent<'_>, host: Option<&Host>) {
        let Sent { line, agent, behind, change } = *sent;
        let server = ServerName::new(agent.clone(), &change.server_id).expect("a server's name");
        let Some(digest) = parse_digest(&change.to_digest) else { return };
        if behind {
            self.violated(format!("P3: a change was sent to {agent}, which knows a later state than the store"));
        }
        if self.refused.get(&server).is_some_and(|refused| refused.contains(&digest)) {
            self.violated(format!("P10: {server} is sent again what it refused"));
        }
        if change.part == 0 {
            let flight = self.in_flight.insert((line, change.server_id.clone()), change.change_id);
            if flight.is_some_and(|other| other != change.change_id) {
                self.violated(format!("two changes are in flight to {server}"));
            }
        }
        self.flown.insert((line, change.change_id), (server.clone(), digest));
        // What this would remove from a host that obeyed an earlier incarnation.
        let target = change.target.as_ref().and_then(point::parse);
        if let Some(host) = host {
            let memory = host.memory();
            let earlier = matches!((memory.obeyed.get(SERVER), target), (Some(obeyed), Some(target))
                if obeyed.store == target.store && obeyed.incarnation < target.incarnation);
            let held = memory.servers.get(SERVER).and_then(|server| server.applied.clone());
            let names_held =
                |key: &ResourceKey| held.as_ref().is_some_and(|held| held.bundle.resources().contains_key(key));
            let removes =
                change.removes.iter().filter_map(|key| parse_ref(&key.kind, &key.id).ok()).any(|k| names_held(&k));
            if earlier && removes && !self.released.contains(&server) {
                self.violated(format!("I11: after a restore {server} loses resources that nobody allowed to go"));
            }
        }
    }

    pub(crate) fn answered(&mut self, line: u64, ack: &ChangeAck) {
        if ack.phase() != Phase::Staged {
            let key = (line, ack.server_id.clone());
            if self.in_flight.get(&key) == Some(&ack.change_id) {
                self.in_flight.remove(&key);
            }
        }
        if ack.phase() == Phase::Rejected
            && !ack.results.is_empty()
            && let Some((server, digest)) = self.flown.get(&(line, ack.change_id))
        {
            self.refused.entry(server.clone()).or_default().insert(*digest);
        }
    }

    /// I9: not a word to an agent later than a second after its revocation.
    pub(crate) fn is_revoked(&self, agent: &str) -> bool {
        self.revoked.keys().any(|revoked| revoked.id() == agent)
    }

    pub(crate) fn spoke_to(&mut self, agent: &AgentName, now: u64) {
        if self.revoked.get(agent).is_some_and(|at| now > at + 1000) {
            self.violated(format!("I9: {agent} is still served a second after its revocation"));
        }
    }

    pub(crate) fn opened(&mut self, controller: usize, agent: &AgentName, boot: [u8; 16], alarm: bool) {
        if controller == 0 {
            self.boots.entry(agent.clone()).or_default().push(boot);
            if alarm {
                self.clone_alarms.insert(agent.clone());
            }
        }
    }

    /// An entry is durable.
    pub(crate) fn committed(&mut self, entry: &Entry, now: u64) {
        for change in entry.changes() {
            match change.after().or(change.before()) {
                Some(Record::Agent(agent)) if agent.state == AgentState::Revoked => {
                    self.revoked.entry(agent.name.clone()).or_insert(now);
                }
                Some(Record::ServerStatus(status)) => {
                    if let Some(refused) = &status.refused {
                        self.refused.entry(status.server.clone()).or_default().insert(refused.digest);
                    }
                }
                // An edit lifts what was refused.
                Some(Record::Scope(_) | Record::Reservation(_)) => self.refused.clear(),
                _ => {}
            }
        }
    }

    /// Somebody hears that it was done.
    pub(crate) fn confirmed(&mut self, decided: &Decided) {
        if let Decided::Entry { entry, reply: Reply::Operator } = decided {
            self.confirmed.insert(entry.revision.0, entry.clone());
        }
    }

    /// A controller started: everything that was confirmed must be in its ledger (I2).
    pub(crate) fn started(&mut self, controller: &Controller) {
        let entries = &controller.engine.durable.entries;
        for (revision, confirmed) in &self.confirmed {
            let kept = usize::try_from(revision - 1).ok().and_then(|at| entries.get(at));
            if kept != Some(confirmed) {
                self.violation.get_or_insert(format!("I2: revision {revision} was confirmed and is not there"));
            }
        }
        self.in_flight.clear();
        self.flown.clear();
        // A group that was under way may be there although nobody was told.
        self.streams.clear();
        for batch in &controller.engine.durable.leases {
            self.streams.insert((batch.server.clone(), batch.epoch), batch.next_seq);
        }
    }

    /// The store was set back, by an operator or behind everybody's back: what came after is gone.
    pub(crate) fn set_back(&mut self, controller: &Controller) {
        let last = controller.engine.durable.entries.len() as u64;
        self.confirmed.retain(|revision, _| *revision <= last);
        self.refused.clear();
        self.released.clear();
        // A revocation that the backup does not have is undone by restoring it.
        let state = &controller.engine.state;
        self.revoked.retain(|agent, _| state.agent(agent).is_some_and(|agent| agent.state == AgentState::Revoked));
    }

    /// I3 and I11: what a commit of lease events does to the store.
    pub(crate) fn leases_committed(&mut self, batch: &LeaseBatch, before: &LeaseBook, hosts: &[Host], allowed: bool) {
        let key = (batch.server.clone(), batch.epoch);
        let next = self.streams.entry(key).or_insert(1);
        let host = hosts.iter().find(|host| host.agent == batch.server.agent().id() && host.clone_of.is_none());
        let Some(host) = host else { return };
        if batch.first_seq != *next {
            let what = format!("I3: events from {} follow {} of {}", batch.first_seq, next, batch.server);
            return self.violated(what);
        }
        *next = batch.next_seq;
        if batch.next_seq == batch.first_seq {
            return self.swept(batch, before, host, allowed);
        }
        let gap = batch.events.is_empty();
        if gap && batch.epoch == host.spool.epoch && batch.next_seq > host.spool.first_seq {
            return self.violated(format!("I3: a gap in {} covers events that are there", batch.server));
        }
        if !gap && batch.next_seq - batch.first_seq != batch.events.len() as u64 {
            return self.violated(format!("I3: {} events are numbered wrongly", batch.server));
        }
        if batch.epoch == host.spool.epoch {
            for (seq, event) in (batch.first_seq..).zip(&batch.events) {
                if host.kea.log.get(host.spool.line(seq)) != Some(event) {
                    return self.violated(format!("I3: event {seq} of {} is not the server's", batch.server));
                }
            }
        }
    }

    fn swept(&mut self, batch: &LeaseBatch, before: &LeaseBook, host: &Host, allowed: bool) {
        let Some(known) = before.of(&batch.server) else { return };
        let mut lost: BTreeMap<u32, usize> = BTreeMap::new();
        for event in batch.events.iter().filter(|event| event.kind == LeaseEventKind::Removed) {
            *lost.entry(event.lease.subnet_id).or_default() += 1;
            if host.kea.leases.get(&event.lease.address) == Some(&event.lease) {
                let address = event.lease.address;
                return self.violated(format!("a listing closed {address}, which {} still leases", batch.server));
            }
        }
        for (scope, lost) in lost {
            let had = known.leases.values().filter(|lease| lease.subnet_id == scope).count();
            if lost > guard(had) && !allowed {
                self.violated(format!("I11: a listing closed {lost} of {had} leases of scope {scope} by itself"));
            }
        }
    }

    /// What can only be seen from the end.
    pub(crate) fn at_the_end(&self) -> Result<(), String> {
        for (agent, boots) in &self.boots {
            let again = (0..boots.len()).any(|at| {
                let other = boots[..at].iter().rposition(|boot| *boot != boots[at]);
                other.is_some_and(|other| boots[..other].contains(&boots[at]) && at == other + 1)
            });
            // A controller that was restarted in between forgot what it saw, so only many changes must be noticed.
            let changes = boots.windows(2).filter(|pair| pair[0] != pair[1]).count();
            let few: BTreeSet<_> = boots.iter().collect();
            if again && changes > few.len() + 6 && !self.clone_alarms.contains(agent) {
                return Err(format!("P6: {agent} ran twice and nobody was told"));
            }
        }
        Ok(())
    }
}

impl World {
    /// I4: every server runs some complete bundle, and what is not Freehold's is as it was.
    pub(crate) fn check_servers(&mut self) {
        for host in &self.hosts {
            if host.process.is_none() || !host.kea.up {
                continue;
            }
            let server = server_of(host);
            let digest = host.kea.running.digest;
            let known = host.kea.running.bundle.resources().is_empty()
                || self.oracle.complete.get(&server).is_some_and(|complete| complete.contains(&digest));
            if !known {
                self.oracle.violated(format!("I4: {server} runs a mix"));
            }
            if host.kea.foreign != b"\"Dhcp4\": { \"hooks-libraries\": [] }" {
                self.oracle.violated(format!("I4: what is not Freehold's in {server} was changed"));
            }
        }
    }

    /// I5: whether everything is as it should be; a violation if that takes too long.
    pub(crate) fn converged(&mut self) -> bool {
        let Some(ended) = self.faults_ended else { return false };
        let waiting = self.waiting_for();
        // A change that cuts its host off is a fault of its own, and heals when it is undone (P14).
        let undoing = self.hosts.iter().filter_map(|host| host.process.as_ref()?.machine.undoes_at()).max();
        if let Some(undone) = undoing {
            self.settle_by = self.settle_by.max(undone + CONVERGE_MS);
        }
        if waiting.is_none() && self.now > ended + 8_000 {
            return true;
        }
        if self.now <= ended + CONVERGE_MS {
            // Other waits that either side has begun by then may take their time; not dialling (P25).
            let retries = self.controllers[0].sessions.values().filter_map(|live| live.machine.next_retry());
            let processes = self.hosts.iter().filter_map(|host| host.process.as_ref());
            let agents = processes.flat_map(|process| {
                let relist = process.upload.as_ref().and_then(|(_, upload)| upload.relists_at());
                [relist]
            });
            let last = retries.chain(agents.flatten()).max().unwrap_or(0);
            self.settle_by = self.settle_by.max(last.max(ended) + CONVERGE_MS);
        } else if self.now > self.settle_by {
            let what = waiting.unwrap_or_default();
            self.oracle.violated(format!("I5: {} s after the last fault: {what}", (self.now - ended) / 1000));
        }
        false
    }

    fn waiting_for(&self) -> Option<String> {
        let controller = &self.controllers[0];
        for host in self.hosts.iter().filter(|host| host.clone_of.is_none() && !self.oracle.is_revoked(&host.agent)) {
            let server = server_of(host);
            let state = &controller.engine.state;
            let Some(wish) = wanted(state, &server, Timestamp(0), None) else { continue };
            let runs = host.kea.running.digest;
            if runs != wish.digest && !wish.refused {
                return Some(format!("{server} runs something else than it should"));
            }
            let status = state.status(&server);
            if !wish.refused
                && status.and_then(|status: &std::sync::Arc<ServerStatus>| Some(status.applied.as_ref()?.digest))
                    != Some(runs)
            {
                return Some(format!("what {server} runs is not recorded"));
            }
            let known = controller.engine.book.of(&server);
            let next = known.and_then(|leases| leases.cursor).map_or(1, |cursor| cursor.next_seq);
            if next != host.spool.last_seq + 1 || host.spool.last_seq < (host.kea.log.len() - host.spool.base) as u64 {
                return Some(format!("lease events of {server} are missing: {next} of {}", host.spool.last_seq));
            }
            if host.spool.listed.is_none() {
                return Some(format!("{server} owes a listing"));
            }
            let leases = known.map(|known| known.leases.len()).unwrap_or_default();
            let same = host.kea.leases.iter().all(|(address, lease)| {
                known.and_then(|known| known.leases.get(address)).is_some_and(|known| **known == *lease)
            });
            if !same || leases != host.kea.leases.len() {
                let known = known.map(|known| known.leases.clone()).unwrap_or_default();
                let missing: Vec<_> = host.kea.leases.keys().filter(|address| !known.contains_key(*address)).collect();
                let surplus: Vec<_> = known.keys().filter(|address| !host.kea.leases.contains_key(*address)).collect();
                return Some(format!("of the leases of {server}, {missing:?} are missing and {surplus:?} too many"));
            }
        }
        None
    }
}

fn server_of(host: &Host) -> ServerName {
    ServerName::new(AgentName::from_id(&host.agent).expect("a name"), SERVER).expect("a name")
}
