//! Controllers: what the controller's shell does between the engine, the machines and the lines.

use crate::bug::{Bug, session_rules, upload_rules};
use crate::engine::{Decided, Engine, Job, Reply};
use crate::oracle::Sent;
use crate::world::{Event, Kind, Parcel, Person, World};
use freehold_controller::sync::admission::Snapshots;
use freehold_controller::sync::ancestry::Ancestry;
use freehold_controller::sync::lease_upload::{self, LeaseUpload};
use freehold_controller::sync::registry::Registry;
use freehold_controller::sync::session::{self, Alarm, Ending, Followed, Session};
use freehold_controller::sync::waits::Decision;
use freehold_controller::sync::wanted::wanted;
use freehold_core::bundle::Digest;
use freehold_core::lease::LeaseCursor;
use freehold_core::name::{AgentName, ServerName};
use freehold_core::{Command, Timestamp};
use freehold_proto::sync::{
    SessionRequest, UploadLeasesRequest, session_request, session_response, upload_leases_response,
};
use std::collections::BTreeMap;

pub(crate) struct Controller {
    pub(crate) store: [u8; 16],
    pub(crate) up: bool,
    /// Every start is another life.
    pub(crate) life: u64,
    pub(crate) engine: Engine,
    pub(crate) sessions: BTreeMap<u64, Live>,
    pub(crate) uploads: BTreeMap<u64, (ServerName, LeaseUpload)>,
    registry: Registry,
    snapshots: Snapshots,
    ancestry: Ancestry,
    /// The store is known to have gone backwards.
    regressed: bool,
    committing: bool,
    pub(crate) clock_offset: i64,
}

pub(crate) struct Live {
    pub(crate) agent: AgentName,
    pub(crate) machine: Session,
    /// What was last told of each server.
    followed: BTreeMap<ServerName, Option<(Digest, bool)>>,
    armed: u64,
    /// Its agent is known to have obeyed a later state.
    pub(crate) behind: bool,
}

impl Controller {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            store: engine.durable.store,
            up: true,
            life: 0,
            engine,
            sessions: BTreeMap::new(),
            uploads: BTreeMap::new(),
            registry: Registry::default(),
            snapshots: Snapshots::default(),
            ancestry: Ancestry::default(),
            regressed: false,
            committing: false,
            clock_offset: 0,
        }
    }

    /// Nothing but the disk is left.
    pub(crate) fn stop(&mut self) {
        let engine = Engine::open(self.engine.durable.clone());
        let (life, clock_offset) = (self.life, self.clock_offset);
        *self = Self { up: false, life: life + 1, clock_offset, ..Self::new(engine) };
    }
}

impl World {
    fn controller_now(&self, controller: usize) -> freehold_core::time::Now {
        self.clock(self.controllers[controller].clock_offset)
    }

    /// A connection came in.
    pub(crate) fn accept(&mut self, controller: usize, line: u64, host: usize) {
        let (now, random) = (self.controller_now(controller), self.rng.draw());
        let agent = AgentName::from_id(&self.hosts[host].agent).expect("the simulation's names are names");
        let mut machine = Session::with_rules(agent.clone(), now, random, session_rules(self.options.bug));
        if self.controllers[controller].regressed {
            machine.store_went_backwards();
        }
        let live = Live { agent, machine, followed: BTreeMap::new(), armed: u64::MAX, behind: false };
        self.controllers[controller].sessions.insert(line, live);
        self.serve(controller, line);
    }

    pub(crate) fn session_up(&mut self, controller: usize, line: u64, message: SessionRequest) {
        let now = self.controller_now(controller);
        let Some(live) = self.controllers[controller].sessions.get_mut(&line) else { return };
        if let Some(session_request::Message::Ack(ack)) = &message.message {
            self.oracle.answered(line, ack);
        }
        live.machine.receive(now, message);
        self.serve(controller, line);
    }

    /// The controller hears that a line is gone.
    pub(crate) fn controller_lost(&mut self, controller: usize, line: u64) {
        let entry = &mut self.controllers[controller];
        if let Some(live) = entry.sessions.remove(&line) {
            for (digest, bundle) in live.machine.held() {
                entry.ancestry.keep(digest, bundle);
            }
            entry.registry.closed(&live.agent, line);
            for server in live.followed.keys() {
                if let Some(next) = self.controllers[controller].snapshots.release(server) {
                    self.granted(controller, &next);
                }
            }
        }
        self.controllers[controller].uploads.remove(&line);
    }

    fn granted(&mut self, controller: usize, server: &ServerName) {
        let now = self.controller_now(controller);
        let waiting = |live: &&mut Live| live.followed.contains_key(server);
        let found = self.controllers[controller].sessions.iter_mut().map(|(_, live)| live).find(waiting);
        if let Some(live) = found {
            live.machine.snapshot_granted(now, server);
        }
    }

    pub(crate) fn controller_tick(&mut self, controller: usize) {
        let now = self.controller_now(controller);
        let lines: Vec<_> = self.controllers[controller].sessions.keys().copied().collect();
        for line in lines {
            if let Some(live) = self.controllers[controller].sessions.get_mut(&line)
                && live.armed <= now.ticks
            {
                live.armed = u64::MAX;
                live.machine.tick(now);
                self.serve(controller, line);
            }
        }
    }

    /// Does what a session puts out, in order.
    pub(crate) fn serve(&mut self, controller: usize, line: u64) {
        let now = self.controller_now(controller);
        loop {
            let entry = &mut self.controllers[controller];
            let Some(live) = entry.sessions.get_mut(&line) else { return };
            let Some(output) = live.machine.poll() else { break };
            match output {
                session::Output::Send(message) => {
                    let parts = match message.message {
                        Some(session_response::Message::Change(change)) => {
                            let sent = Sent { line, agent: &live.agent, behind: live.behind, change: &change };
                            if controller == 0 {
                                let host = self.lines.get(&line).map(|line| &self.hosts[line.host]);
                                self.oracle.sent(&sent, host);
                            }
                            cut_small(change)
                        }
                        other => vec![other],
                    };
                    let live = self.controllers[controller].sessions.get(&line).map(|live| live.agent.clone());
                    for message in parts {
                        let farewell = matches!(message, Some(session_response::Message::GoAway(_)));
                        if let Some(agent) = live.as_ref().filter(|_| !farewell && controller == 0) {
                            self.oracle.spoke_to(agent, self.now);
                        }
                        self.send(line, Parcel::Down(freehold_proto::sync::SessionResponse { message }));
                    }
                }
                session::Output::Open { boot, seen } => {
                    let agent = live.agent.clone();
                    let opening = entry.registry.open(&agent, boot, line);
                    self.oracle.opened(controller, &agent, boot, opening.cloned);
                    if let Some(older) = opening.supersedes {
                        if let Some(live) = entry.sessions.get_mut(&older) {
                            live.machine.end(Ending::Superseded);
                        }
                        self.serve(controller, older);
                    }
                    let job = Job::Command { command: Command::OpenSession { agent, seen }, reply: Reply::Open(line) };
                    self.submit(controller, job);
                }
                session::Output::Submit(command) => {
                    self.submit(controller, Job::Command { command, reply: Reply::Nobody });
                }
                session::Output::Follow { server, held } => {
                    let state = &entry.engine.state;
                    let wish = wanted(state, &server, now.wall, None);
                    if let Some(wish) = &wish {
                        self.oracle.complete(&server, wish.digest);
                    }
                    live.followed.insert(server.clone(), wish.as_ref().map(|wish| (wish.digest, wish.refused)));
                    let status = state.status(&server).and_then(|status| status.applied.as_ref());
                    let followed = Followed {
                        wanted: wish,
                        recorded: status.map(|applied| applied.digest),
                        ancestor: held.and_then(|digest| entry.ancestry.find(&digest)),
                    };
                    live.machine.follow(now, &server, followed);
                }
                session::Output::AskSnapshot(server) => {
                    if entry.snapshots.ask(&server) {
                        live.machine.snapshot_granted(now, &server);
                    }
                }
                session::Output::ReleaseSnapshot(server) => {
                    if let Some(next) = entry.snapshots.release(&server) {
                        self.granted(controller, &next);
                    }
                }
                session::Output::Health(_)
                | session::Output::Networks(_)
                | session::Output::Probed(..)
                | session::Output::Previewed(..) => {}
                session::Output::Alarm(alarm) => self.alarmed(controller, line, alarm),
                session::Output::Close => {
                    self.hang_up(line);
                    if !self.lines.contains_key(&line) {
                        self.controller_lost(controller, line);
                    }
                }
            }
        }
        let entry = &mut self.controllers[controller];
        if let Some(live) = entry.sessions.get_mut(&line)
            && let Some(at) = live.machine.deadline().filter(|at| *at < live.armed)
        {
            live.armed = at.max(self.now);
            let at = live.armed;
            self.at(at, Event::ControllerTick { controller });
        }
    }

    /// Somebody reads the alarms.
    fn alarmed(&mut self, controller: usize, line: u64, alarm: Alarm) {
        let delay = self.rng.between(500, 6000);
        match alarm {
            Alarm::Regression { held, .. } => {
                let entry = &mut self.controllers[controller];
                entry.regressed = true;
                for (number, live) in &mut entry.sessions {
                    live.machine.store_went_backwards();
                    live.behind |= *number == line;
                }
                self.later(delay, Event::Person(Person::Reincarnate { above: held.incarnation }));
            }
            Alarm::RemovalsHeld { server, .. } => self.later(delay, Event::Person(Person::Release { server })),
            _ => {}
        }
    }

    pub(crate) fn submit(&mut self, controller: usize, job: Job) {
        self.controllers[controller].engine.push(job);
        self.begin_group(controller);
    }

    fn begin_group(&mut self, controller: usize) {
        let wall = self.controller_now(controller).wall;
        let delay = self.rng.between(1, 8);
        let hasty = self.has_bug(Bug::ConfirmBeforeDurable);
        let entry = &mut self.controllers[controller];
        if entry.committing || entry.engine.idle() || !entry.up {
            return;
        }
        entry.committing = true;
        let life = entry.life;
        let group = entry.engine.begin_group(wall);
        if hasty {
            group.iter().for_each(|decided| self.oracle.confirmed(decided));
        }
        self.later(delay, Event::GroupDone { controller, life });
    }

    pub(crate) fn group_done(&mut self, controller: usize, life: u64) {
        let now = self.controller_now(controller);
        let entry = &mut self.controllers[controller];
        if entry.life != life || !entry.up {
            return;
        }
        entry.committing = false;
        let before = entry.engine.book.clone();
        let group = entry.engine.end_group();
        let mut changed = false;
        for decided in group {
            match &decided {
                Decided::Entry { entry, reply } => {
                    changed |= !entry.changes().is_empty();
                    if controller == 0 {
                        self.oracle.committed(entry, self.now);
                        self.oracle.confirmed(&decided);
                    }
                    if let Reply::Open(line) = reply {
                        self.opened(controller, *line);
                    }
                }
                Decided::Refused { refusal, reply: Reply::Open(line) } => {
                    if let Some(live) = self.controllers[controller].sessions.get_mut(line) {
                        live.machine.refused(refusal);
                    }
                    self.serve(controller, *line);
                }
                Decided::Refused { .. } => {}
                Decided::Leases { batch, stream } => {
                    let allowed = self.oracle.allowed_sweeps.contains(&batch.server);
                    self.oracle.leases_committed(batch, &before, &self.hosts, allowed);
                    let hasty = self.has_bug(Bug::AcknowledgeBeforeDurable);
                    if let Some((_, upload)) = self.controllers[controller].uploads.get_mut(stream).filter(|_| !hasty) {
                        upload.committed(LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq });
                    }
                    self.serve_upload(controller, *stream);
                }
                Decided::LeasesRefused { stream } => {
                    let entry = &mut self.controllers[controller];
                    if let Some((server, upload)) = entry.uploads.get_mut(stream) {
                        upload.not_committed(entry.engine.book.of(server).and_then(|leases| leases.cursor));
                    }
                    self.serve_upload(controller, *stream);
                }
            }
        }
        if changed {
            self.publish(controller, now.wall);
        }
        self.begin_group(controller);
    }

    fn opened(&mut self, controller: usize, line: u64) {
        let now = self.controller_now(controller);
        let entry = &mut self.controllers[controller];
        let Some(live) = entry.sessions.get_mut(&line) else { return };
        let fence = entry.engine.state.agent(&live.agent).map_or(0, |agent| agent.fence);
        live.machine.opened(now, fence, entry.engine.point());
        self.serve(controller, line);
    }

    /// Tells sessions what became different for their servers, and ends those of revoked agents.
    fn publish(&mut self, controller: usize, committed: Timestamp) {
        let now = self.controller_now(controller);
        let lines: Vec<_> = self.controllers[controller].sessions.keys().copied().collect();
        for line in lines {
            let cached = self.has_bug(Bug::CachedRevocation);
            let entry = &mut self.controllers[controller];
            let Some(live) = entry.sessions.get_mut(&line) else { continue };
            let state = &entry.engine.state;
            let revoked = freehold_core::model::AgentState::Revoked;
            if state.agent(&live.agent).is_some_and(|agent| agent.state == revoked) && !cached {
                live.machine.end(Ending::Revoked);
            }
            for (server, told) in &mut live.followed {
                let wish = wanted(state, server, committed, None);
                let news = wish.as_ref().map(|wish| (wish.digest, wish.refused));
                if news != *told {
                    *told = news;
                    news.into_iter().for_each(|(digest, _)| self.oracle.complete(server, digest));
                    live.machine.wanted(now, server, wish);
                }
            }
            self.serve(controller, line);
        }
    }

    pub(crate) fn leases_up(&mut self, controller: usize, line: u64, message: UploadLeasesRequest) {
        let now = self.controller_now(controller);
        let Some(host) = self.lines.get(&line).map(|line| line.host) else { return };
        let name = format!("servers/{}/{}", self.hosts[host].agent, crate::host::SERVER);
        let server: ServerName = name.parse().expect("the simulation's names are names");
        let rules = upload_rules(self.options.bug);
        let entry = &mut self.controllers[controller];
        let known = entry.engine.book.of(&server).and_then(|leases| leases.cursor);
        let fresh = || (server.clone(), LeaseUpload::with_rules(server.clone(), known, rules));
        // A newer stream of the same server ends the older, whose commits could otherwise cross its own.
        entry.uploads.retain(|number, (of, _)| *number == line || *of != server);
        let (_, upload) = entry.uploads.entry(line).or_insert_with(fresh);
        upload.receive(now, message);
        self.serve_upload(controller, line);
    }

    pub(crate) fn serve_upload(&mut self, controller: usize, line: u64) {
        let now = self.controller_now(controller);
        loop {
            let hasty = self.has_bug(Bug::AcknowledgeBeforeDurable);
            let entry = &mut self.controllers[controller];
            let Some((server, upload)) = entry.uploads.get_mut(&line) else { return };
            let Some(output) = upload.poll() else { return };
            match output {
                lease_upload::Output::Send(message) => {
                    if let Some(upload_leases_response::Message::Ack(ack)) = &message.message {
                        let durable = entry.engine.book.of(server).and_then(|leases| leases.cursor);
                        if durable.is_none_or(|cursor| cursor.next_seq <= ack.acked_seq) {
                            self.oracle.violated(format!("I3: event {} acknowledged, not durable", ack.acked_seq));
                        }
                    }
                    self.send(line, Parcel::LeasesDown(message));
                }
                lease_upload::Output::Commit(batch) => {
                    if hasty {
                        upload.committed(LeaseCursor { epoch: batch.epoch, next_seq: batch.next_seq });
                    }
                    self.submit(controller, Job::Leases { batch, stream: line });
                }
                lease_upload::Output::AskLeases => {
                    if let Some(leases) = entry.engine.book.of(server) {
                        upload.leases(now, leases);
                    }
                }
                lease_upload::Output::Alarm(lease_upload::Alarm::RemovalHeld { resync_id, .. }) => {
                    let delay = self.rng.between(500, 6000);
                    self.later(delay, Event::Person(Person::Allow { stream: line, resync_id }));
                }
                lease_upload::Output::Alarm(_) => {}
                lease_upload::Output::Close => self.hang_up(line),
            }
        }
    }

    pub(crate) fn person(&mut self, person: Person) {
        let now = self.controller_now(0);
        match person {
            Person::Reincarnate { above } => {
                let entry = &mut self.controllers[0];
                if !entry.regressed || !entry.up {
                    return;
                }
                entry.engine.durable.incarnation = entry.engine.durable.incarnation.max(above) + 1;
                entry.regressed = false;
                let point = entry.engine.point();
                let lines: Vec<_> = entry.sessions.keys().copied().collect();
                for line in lines {
                    if let Some(live) = self.controllers[0].sessions.get_mut(&line) {
                        live.behind = false;
                        live.machine.moved(now, point);
                    }
                    self.serve(0, line);
                }
            }
            Person::Release { server } => {
                self.oracle.released.insert(server.clone());
                let lines: Vec<_> = self.controllers[0].sessions.keys().copied().collect();
                for line in lines {
                    if let Some(live) = self.controllers[0].sessions.get_mut(&line) {
                        live.machine.decided(now, &server, &Decision::ReleaseRemovals);
                    }
                    self.serve(0, line);
                }
            }
            Person::Allow { stream, resync_id } => {
                let Some((server, upload)) = self.controllers[0].uploads.get_mut(&stream) else { return };
                self.oracle.allowed_sweeps.insert(server.clone());
                upload.allow_removal(resync_id);
                self.serve_upload(0, stream);
            }
        }
    }

    /// Cuts every line to a controller.
    pub(crate) fn drop_lines_of(&mut self, controller: usize) {
        self.cut_all_of(|line| line.controller == controller && matches!(line.kind, Kind::Session | Kind::Upload));
    }
}

/// Cuts a part of a change set into parts of three resources: the real limit is a mebibyte, which is slow to simulate.
fn cut_small(change: freehold_proto::sync::ChangeSet) -> Vec<Option<session_response::Message>> {
    let mut parts = Vec::new();
    let (mut upserts, removes) = (change.upserts.clone(), change.removes.clone());
    let mut first = freehold_proto::sync::ChangeSet { upserts: Vec::new(), removes, ..change };
    loop {
        let rest = upserts.split_off(upserts.len().min(3));
        let next = freehold_proto::sync::ChangeSet { upserts: Vec::new(), removes: Vec::new(), ..first.clone() };
        parts.push(freehold_proto::sync::ChangeSet { upserts, ..first });
        if rest.is_empty() {
            break;
        }
        (upserts, first) = (rest, next);
    }
    let count = u32::try_from(parts.len()).expect("few parts");
    for (number, part) in (0..).zip(&mut parts) {
        (part.part, part.parts) = (number, count);
    }
    parts.into_iter().map(|part| Some(session_response::Message::Change(part))).collect()
}
