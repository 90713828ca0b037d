//! Change sets: whether they are obeyed, staged, handed on, and what came of them.

use super::{Alarm, Apply, Applying, Machine, Outcome, Output};
use crate::session::memory::{Held, Probation};
use crate::session::staging::{Part, Staging};
use freehold_core::bundle::Bundle;
use freehold_core::time::{Now, StorePoint};
use freehold_proto::bundle::{parse_digest, parse_ref};
use freehold_proto::convert::point;
use freehold_proto::sync::{
    ApplyState, Bookmark, ChangeAck, ChangeSet, DriftDecision, ResourceResult, change_ack::Phase, drift_decision,
    session_request,
};
use std::sync::Arc;

/// When an undoing that failed is tried again, in milliseconds.
const UNDO_AGAIN_MS: u64 = 5000;

impl Machine {
    /// What came of an [`Output::Apply`].
    pub fn outcome(&mut self, now: Now, id: &str, outcome: Outcome) {
        let incarnation = self.incarnation();
        let Some(server) = self.servers.get_mut(id) else { return };
        let Some(Applying { answer, held }) = server.applying.take() else { return };
        let mut ack = ChangeAck { server_id: id.to_owned(), ..ChangeAck::default() };
        let memory = self.memory.servers.entry(id.to_owned()).or_default();
        let before = memory.clone();
        memory.staged = None;
        server.state = ApplyState::Idle;
        let digest = held.digest;
        let applied = matches!(outcome, Outcome::Applied { .. });
        match outcome {
            Outcome::Applied { digest, barrier, server_ms } => {
                server.facts.observed = Some(digest);
                if digest == held.digest {
                    memory.applied = Some(held);
                    memory.unconfirmed = None;
                }
                ack.set_phase(Phase::Applied);
                ack.digest = digest.0.to_vec();
                ack.server_ms = server_ms;
                // While the controller is owed a listing, the events alone do not say what the server granted.
                if let Some(barrier) =
                    barrier.filter(|barrier| barrier.listed.is_some() && barrier.listed == incarnation)
                {
                    (ack.lease_epoch, ack.lease_seq) = (barrier.at.epoch.to_vec(), barrier.at.next_seq - 1);
                }
            }
            Outcome::Rejected { results, error } => {
                ack.set_phase(Phase::Rejected);
                (ack.results, ack.server_error) = (with_what_runs(results, memory.applied.as_ref()), error);
            }
            Outcome::RolledBack { results, error } => {
                server.state = ApplyState::RolledBack;
                ack.set_phase(Phase::FailedRolledBack);
                (ack.results, ack.server_error) = (with_what_runs(results, memory.applied.as_ref()), error);
            }
            Outcome::Dirty { error } => {
                server.state = ApplyState::Dirty;
                ack.set_phase(Phase::FailedDirty);
                ack.server_error = error;
            }
            Outcome::Busy => ack.set_phase(Phase::Busy),
        }
        let undoing = memory.probation.as_ref().is_some_and(|probation| probation.before.digest == digest);
        let undone = match &memory.probation {
            Some(probation) if probation.before.digest == digest && applied => {
                (server.confirm_by, server.state) = (None, ApplyState::RolledBack);
                memory.unconfirmed = Some(probation.to);
                memory.probation = None;
                memory.unconfirmed
            }
            Some(probation) if probation.before.digest == digest => {
                server.confirm_by = Some(now.ticks + UNDO_AGAIN_MS);
                None
            }
            Some(probation) if applied => {
                server.confirm_by = Some(now.ticks + probation.ms());
                None
            }
            // It was never changed, or is what it was before already.
            Some(_) => {
                (memory.probation, server.confirm_by) = (None, None);
                None
            }
            None => None,
        };
        if *memory != before {
            self.persist_server(id);
        }
        // If the line that brought the change is gone, the next one hears of it under change 0: its greeting said that a
        // change was under way. Of an undoing, only the success is told.
        let change_id = answer.filter(|(connection, _)| *connection == self.connection).map_or(0, |(_, id)| id);
        let ack = match undone {
            Some(to) => ChangeAck {
                server_id: id.to_owned(),
                phase: Phase::FailedRolledBack.into(),
                digest: to.0.to_vec(),
                ..ChangeAck::default()
            },
            None if undoing => return,
            None => ChangeAck { change_id, ..ack },
        };
        if self.is_up() {
            self.send(session_request::Message::Ack(ack));
        } else if let Some(server) = self.servers.get_mut(id) {
            server.untold = Some(ack);
        }
    }

    /// Nobody confirmed what was applied: what ran before is put back, however often that takes.
    pub(super) fn undo(&mut self, id: &str) {
        let Some(server) = self.servers.get_mut(id).filter(|server| server.applying.is_none()) else { return };
        server.confirm_by = None;
        let Some(memory) = self.memory.servers.get_mut(id) else { return };
        let Some(probation) = memory.probation.clone().filter(|_| self.rules.undo_unconfirmed) else { return };
        memory.staged = Some(probation.before.clone());
        self.out.push_back(Output::Alarm(Alarm::Unconfirmed { server: id.to_owned(), digest: probation.to }));
        self.persist_server(id);
        self.apply(id, probation.before, None);
    }

    /// The controller answered since a change was applied: it stays. An undoing that is under way is not stopped.
    fn confirm(&mut self, id: &str) {
        let idle = self.servers.get_mut(id).filter(|server| server.applying.is_none());
        if let (Some(server), Some(memory)) = (idle, self.memory.servers.get_mut(id))
            && memory.probation.take().is_some()
        {
            server.confirm_by = None;
            self.persist_server(id);
        }
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

    pub(super) fn change(&mut self, fence: u64, floor: u64, change: &ChangeSet) {
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
        let runs = applied.filter(|held| server.facts.observed == Some(held.digest));
        if let Some(held) = runs.filter(|held| parse_digest(&change.to_digest) == Some(held.digest)) {
            let held = held.clone();
            return self.already(change, target, held);
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
                let runs = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
                let results = with_what_runs(results, runs);
                self.answer(change, Phase::Rejected, |ack| ack.results = results);
            }
            Part::Whole(held) => {
                let seconds = server.staging.take().map_or(0, |staging| staging.confirm_seconds);
                server.confirm_by = None;
                let answer = Some((self.connection, change.change_id));
                self.obey(id, target);
                let memory = self.memory.servers.entry(id.to_owned()).or_default();
                let before = memory.applied.clone().unwrap_or_else(|| Held::new(Bundle::default()));
                memory.staged = Some(held.clone());
                memory.probation = (seconds > 0 && before.digest != held.digest).then_some(Probation {
                    before,
                    to: held.digest,
                    seconds,
                });
                self.persist_server(id);
                self.answer(change, Phase::Staged, |ack| ack.digest = held.digest.0.to_vec());
                self.apply(id, held, answer);
            }
        }
    }

    /// The server runs it already: the answer was lost, the same was sent twice, or somebody wants to have it proven anew.
    /// The server is asked once more, and nothing is done unless it says otherwise.
    fn already(&mut self, change: &ChangeSet, target: StorePoint, held: Held) {
        let id = change.server_id.as_str();
        self.obey(id, target);
        if let Some(server) = self.servers.get_mut(id) {
            server.dropped = Some(change.change_id);
            self.apply(id, held, Some((self.connection, change.change_id)));
        }
    }

    fn obey(&mut self, id: &str, target: StorePoint) {
        if self.memory.obeyed.get(id).is_none_or(|obeyed| obeyed.store != target.store || *obeyed < target) {
            self.memory.obeyed.insert(id.to_owned(), target);
            self.out.push_back(Output::Persist(self.memory.write_self()));
        }
    }

    pub(super) fn apply(&mut self, id: &str, held: Held, answer: Option<(u64, u64)>) {
        if let Some(server) = self.servers.get_mut(id) {
            let apply = Apply { server: id.to_owned(), digest: held.digest, bundle: Arc::clone(&held.bundle) };
            server.applying = Some(Applying { answer, held });
            self.out.push_back(Output::Apply(apply));
        }
    }

    pub(super) fn bookmark(&mut self, floor: u64, bookmark: &Bookmark) {
        let id = bookmark.server_id.as_str();
        let Some(at) = bookmark.at.as_ref().and_then(point::parse) else { return };
        let applied = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
        let ours = applied.is_some_and(|held| bookmark.digest == held.digest.0);
        if ours && self.may_obey(id, at, floor) {
            self.obey(id, at);
            self.confirm(id);
        }
    }

    pub(super) fn drift_decided(&mut self, decision: &DriftDecision) {
        if decision.action() != drift_decision::Action::Overwrite {
            return;
        }
        let applied = self.memory.servers.get(&decision.server_id).and_then(|memory| memory.applied.clone());
        let idle = self.servers.get(&decision.server_id).filter(|server| server.applying.is_none());
        let still = idle.is_some_and(|server| server.facts.observed == parse_digest(&decision.observed_digest));
        if let Some(held) = applied.filter(|_| still) {
            // Change 0: nobody sent a change set, but somebody wants to know.
            self.apply(&decision.server_id, held, Some((self.connection, 0)));
        }
    }

    fn persist_server(&mut self, id: &str) {
        self.out.push_back(Output::Persist(self.memory.write_server(id)));
    }
}

/// What is wrong with resources, each beside the form of it that the server runs, if it runs one.
fn with_what_runs(results: Vec<ResourceResult>, runs: Option<&Held>) -> Vec<ResourceResult> {
    let form = |result: &ResourceResult| {
        let key = parse_ref(&result.kind, &result.id).ok()?;
        Some(runs?.bundle.resources().get(&key)?.body().to_vec())
    };
    let beside = |result: ResourceResult| ResourceResult { runs: form(&result).unwrap_or_default(), ..result };
    results.into_iter().map(beside).collect()
}
