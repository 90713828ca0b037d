//! What the controller is told of the servers.

use super::{Machine, Server};
use freehold_core::bundle::{Resource, ResourceKey};
use freehold_proto::convert::point;
use freehold_proto::sync::{
    ApplyState, ChangeAck, ChangeSet, DriftReport, Inventory, InventoryRequest, ResourceVersion, ServerHello,
    change_ack::Phase, session_request,
};

/// Resources in one part of an inventory: about 700 KiB.
const INVENTORY_PART: usize = 8192;

impl Machine {
    pub(super) fn server_hello(&self, id: &str, server: &Server) -> ServerHello {
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
            unconfirmed_digest: self
                .memory
                .servers
                .get(id)
                .and_then(|memory| memory.unconfirmed)
                .map(|digest| digest.0.to_vec())
                .unwrap_or_default(),
        }
    }

    pub(super) fn inventory(&mut self, request: &InventoryRequest) {
        let applied = self.memory.servers.get(&request.server_id).and_then(|memory| memory.applied.clone());
        let version = |(key, resource): (&ResourceKey, &Resource)| ResourceVersion {
            kind: key.kind.as_str().to_owned(),
            id: key.id.clone(),
            hash: resource.hash().0.to_vec(),
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

    /// Says once what a server is, and what it runs that it should not. Between the greeting and the welcome, too, a
    /// server may be found or become different.
    pub(super) fn report(&mut self, id: &str) {
        if let Some(server) = self.servers.get_mut(id)
            && server.told.as_ref() != Some(&server.facts.report)
        {
            let report = server.facts.report.clone();
            server.told = Some(report.clone());
            self.send(session_request::Message::Server(report));
        }
        self.report_drift(id);
    }

    /// Says once what a server runs that it should not, and once that it does no more.
    fn report_drift(&mut self, id: &str) {
        let applied = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
        let (Some(expected), Some(server)) = (applied.map(|held| held.digest), self.servers.get_mut(id)) else {
            return;
        };
        // While it is changed, or does not answer, nobody knows.
        let Some(observed) = server.facts.observed.filter(|_| server.applying.is_none()) else { return };
        let drifted = (observed != expected).then_some(observed);
        if drifted == server.reported_drift {
            return;
        }
        server.reported_drift = drifted;
        let report = DriftReport {
            server_id: id.to_owned(),
            expected_digest: expected.0.to_vec(),
            observed_digest: observed.0.to_vec(),
            difference: server.facts.difference.clone(),
        };
        self.send(session_request::Message::Drift(report));
    }

    pub(super) fn answer(&mut self, change: &ChangeSet, phase: Phase, say: impl FnOnce(&mut ChangeAck)) {
        let mut ack =
            ChangeAck { server_id: change.server_id.clone(), change_id: change.change_id, ..ChangeAck::default() };
        ack.set_phase(phase);
        say(&mut ack);
        self.send(session_request::Message::Ack(ack));
    }
}
