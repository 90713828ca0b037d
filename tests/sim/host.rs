//! Hosts: an agent's process and disk, its server, and what the agent's shell does between them.

use crate::bug::{Bug, agent_rules};
use crate::kea::{Applying, Breakage, Intent, Kea, Spooled, Step, recover};
use crate::world::{Event, Kind, Parcel, World};
use freehold_agent::session::machine::{self, Facts, Machine};
use freehold_agent::session::memory::Memory;
use freehold_agent::session::upload::{self, Upload};
use freehold_core::bundle::Digest;
use freehold_core::lease::{LeaseEvent, LeaseEventKind};
use freehold_core::time::{Now, StorePoint};
use freehold_proto::bundle::parse_digest;
use freehold_proto::convert::{lease, point};
use freehold_proto::sync::change_ack::Phase;
use freehold_proto::sync::{
    ChangeSet, ServerReport, SessionRequest, SessionResponse, UploadLeasesResponse, session_request, session_response,
    upload_leases_request,
};
use std::collections::BTreeMap;

/// The id of the one server on each host.
pub(crate) const SERVER: &str = "kea4";

pub(crate) struct Host {
    /// The name of its agent.
    pub(crate) agent: String,
    /// A copy of another host.
    pub(crate) clone_of: Option<usize>,
    pub(crate) disk: BTreeMap<String, Vec<u8>>,
    pub(crate) intent: Option<Intent>,
    pub(crate) kea: Kea,
    pub(crate) spool: Spooled,
    pub(crate) link_up: bool,
    /// Dials the stranger's controller next.
    pub(crate) misled: bool,
    pub(crate) clock_offset: i64,
    /// The process; every start is another life.
    pub(crate) life: u64,
    pub(crate) process: Option<Process>,
    /// Dies before the n-th thing that it does from now on.
    pub(crate) dies_in: Option<u32>,
    /// Change sets that sit in its process since a line went.
    pub(crate) left_over: Vec<SessionResponse>,
    /// Its next listing is cut short.
    pub(crate) short_listing: bool,
    /// The next batch of lease events is lost on its way.
    pub(crate) drop_batch: bool,
    pub(crate) shadow: Shadow,
}

/// What the agent obeyed, as the world saw it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shadow {
    pub(crate) fence: u64,
    pub(crate) obeyed: Option<StorePoint>,
}

pub(crate) struct Process {
    pub(crate) machine: Machine,
    pub(crate) line: Option<u64>,
    dialling: bool,
    pub(crate) upload: Option<(u64, Upload)>,
    applying: Option<Applying>,
    /// Written to the spool, not yet durable.
    spooling: u64,
    armed: u64,
}

impl Host {
    pub(crate) fn new(agent: &str, epoch: [u8; 16]) -> Self {
        Self {
            agent: agent.to_owned(),
            clone_of: None,
            disk: BTreeMap::new(),
            intent: None,
            kea: Kea::new(),
            spool: Spooled::new(epoch, 0),
            link_up: true,
            misled: false,
            clock_offset: 0,
            life: 0,
            process: None,
            dies_in: None,
            left_over: Vec::new(),
            short_listing: false,
            drop_batch: false,
            shadow: Shadow::default(),
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        let files = self.disk.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        Memory::load(files).expect("files are replaced atomically, so none is damaged")
    }

    pub(crate) fn copy(&self, original: usize) -> Self {
        Self {
            agent: self.agent.clone(),
            clone_of: Some(original),
            disk: self.disk.clone(),
            intent: self.intent.clone(),
            kea: self.kea.clone(),
            spool: self.spool.clone(),
            shadow: self.shadow,
            ..Self::new(&self.agent, self.spool.epoch)
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            report: ServerReport {
                server_id: SERVER.into(),
                kind: "kea-dhcp4".into(),
                version: "2.2.0".into(),
                running: self.kea.up,
                ..ServerReport::default()
            },
            observed: self.kea.up.then_some(self.kea.running.digest),
            difference: String::new(),
            spool_epoch: self.spool.epoch.to_vec(),
            spool_last_seq: self.spool.last_seq,
        }
    }
}

impl World {
    fn host_now(&self, host: usize) -> Now {
        self.clock(self.hosts[host].clock_offset)
    }

    fn alive(&mut self, host: usize, life: u64) -> Option<&mut Process> {
        let host = self.hosts.get_mut(host)?;
        host.process.as_mut().filter(|_| host.life == life)
    }

    pub(crate) fn start_agent(&mut self, host: usize) {
        let now = self.host_now(host);
        let boot = self.rng.bytes16();
        let rules = agent_rules(self.options.bug);
        let entry = &mut self.hosts[host];
        if entry.process.is_some() {
            return;
        }
        entry.life += 1;
        recover(&mut entry.kea, &mut entry.intent);
        let machine = Machine::with_rules(entry.memory(), boot, "sim", now, rules);
        entry.process = Some(Process {
            machine,
            line: None,
            dialling: false,
            upload: None,
            applying: None,
            spooling: entry.spool.last_seq,
            armed: u64::MAX,
        });
        let life = entry.life;
        self.look(host, life);
    }

    /// The process ends without a word.
    pub(crate) fn kill_agent(&mut self, host: usize) {
        self.hosts[host].process = None;
        self.hosts[host].dies_in = None;
        self.hosts[host].left_over.clear();
        self.cut_all_of(|line| line.host == host);
    }

    /// Looks at the server: what it runs, and what is new in its lease file.
    pub(crate) fn look(&mut self, host: usize, life: u64) {
        let (now, facts) = (self.host_now(host), self.hosts[host].facts());
        let Some(process) = self.alive(host, life) else { return };
        process.machine.observe(now, SERVER, facts);
        self.carry_out(host);
        self.open_upload(host);
        self.follow_leases(host);
        self.later(2000, Event::Look { host, life });
    }

    fn follow_leases(&mut self, host: usize) {
        let delay = self.rng.between(1, 30);
        let entry = &mut self.hosts[host];
        let (life, last) = (entry.life, (entry.kea.log.len() - entry.spool.base) as u64);
        let Some(process) = entry.process.as_mut().filter(|process| process.spooling < last && entry.kea.up) else {
            return;
        };
        process.spooling = last;
        self.later(delay, Event::SpoolDurable { host, life, last_seq: last });
    }

    pub(crate) fn spool_durable(&mut self, host: usize, life: u64, last_seq: u64) {
        if self.alive(host, life).is_none() {
            return;
        }
        let now = self.host_now(host);
        let entry = &mut self.hosts[host];
        if last_seq > (entry.kea.log.len() - entry.spool.base) as u64 {
            return;
        }
        entry.spool.last_seq = entry.spool.last_seq.max(last_seq);
        let (first, last) = (entry.spool.first_seq, entry.spool.last_seq);
        if let Some((_, upload)) = entry.process.as_mut().and_then(|process| process.upload.as_mut()) {
            upload.spooled(now, first, last);
        }
        self.carry_out_upload(host);
    }

    pub(crate) fn client(&mut self, host: usize) {
        let (client, going) = (self.rng.between(0, 89), self.rng.one_in(4));
        let delay = self.rng.between(50, 700);
        if self.hosts[host].kea.up && self.faults_ended.is_none_or(|ended| self.now < ended + 5_000) {
            let at = self.clock(0).wall;
            let number = u8::try_from(host).expect("few hosts");
            self.hosts[host].kea.lease(number, u8::try_from(client).expect("below 256"), at, going);
            self.follow_leases(host);
        }
        self.later(delay, Event::Client { host });
    }

    pub(crate) fn host_tick(&mut self, host: usize, life: u64) {
        let now = self.host_now(host);
        let Some(process) = self.alive(host, life) else { return };
        process.armed = u64::MAX;
        process.machine.tick(now);
        if let Some((_, upload)) = &mut process.upload {
            upload.tick(now);
        }
        self.carry_out(host);
        self.carry_out_upload(host);
    }

    fn arm(&mut self, host: usize) {
        let now = self.now;
        let life = self.hosts[host].life;
        let Some(process) = &mut self.hosts[host].process else { return };
        let upload = process.upload.as_ref().and_then(|(_, upload)| upload.deadline());
        if let Some(at) = process.machine.deadline().into_iter().chain(upload).min()
            && at < process.armed
        {
            process.armed = at.max(now);
            let at = process.armed;
            self.at(at, Event::HostTick { host, life });
        }
    }

    pub(crate) fn dialled(&mut self, host: usize, life: u64, controller: usize) {
        let reachable = self.hosts[host].link_up && !self.hosts[host].kea.cuts_off() && self.controllers[controller].up;
        let (now, random) = (self.host_now(host), self.rng.draw());
        let Some(process) = self.alive(host, life).filter(|process| process.dialling) else { return };
        process.dialling = false;
        if reachable {
            process.machine.connected(now);
            let line = self.connect(host, controller, Kind::Session);
            self.accept(controller, line, host);
            if let Some(process) = self.alive(host, life) {
                process.line = Some(line);
            }
        } else {
            process.machine.lost(now, random);
        }
        self.carry_out(host);
    }

    /// The agent hears that a line is gone.
    pub(crate) fn agent_lost(&mut self, host: usize, line: u64, life: Option<u64>) {
        let (now, random) = (self.host_now(host), self.rng.draw());
        if life.is_some_and(|life| life != self.hosts[host].life) {
            return;
        }
        let Some(process) = self.hosts[host].process.as_mut() else { return };
        if process.upload.as_ref().is_some_and(|(number, _)| *number == line) {
            process.upload = None;
        }
        if process.line == Some(line) {
            process.line = None;
            process.machine.lost(now, random);
            if let Some((upload, _)) = process.upload.take() {
                self.hang_up(upload);
            }
        }
        self.carry_out(host);
    }

    /// A change set from a line that is gone still waits in the process.
    pub(crate) fn left_over(&mut self, message: SessionResponse) {
        if let Some(session_response::Message::Change(change)) = &message.message
            && self.rng.one_in(2)
        {
            let fence = change.fence;
            let same = |host: &&mut Host| {
                host.process.as_ref().is_some_and(|process| process.machine.memory().max_fence == fence)
            };
            if let Some(host) = self.hosts.iter_mut().find(same) {
                host.left_over.push(message);
            }
        }
    }

    pub(crate) fn session_down(&mut self, host: usize, line: u64, message: SessionResponse) {
        let current = self.hosts[host].process.as_ref().is_some_and(|process| process.line == Some(line));
        if !current {
            return;
        }
        let welcome = matches!(message.message, Some(session_response::Message::Welcome(_)));
        self.hand_to_agent(host, message);
        if welcome {
            let waiting = std::mem::take(&mut self.hosts[host].left_over);
            for message in waiting {
                self.hand_to_agent(host, message);
            }
        }
    }

    fn hand_to_agent(&mut self, host: usize, message: SessionResponse) {
        let now = self.host_now(host);
        let Some(process) = self.hosts[host].process.as_mut() else { return };
        let change = match &message.message {
            Some(session_response::Message::Change(change)) => Some(change.clone()),
            _ => None,
        };
        process.machine.receive(now, message);
        self.carry_out_for(host, change.as_ref());
        let entry = &mut self.hosts[host];
        if let Some(process) = &entry.process {
            entry.shadow.fence = entry.shadow.fence.max(process.machine.memory().max_fence);
        }
        self.open_upload(host);
    }

    /// Lease events go up on a stream of their own, while there is a session.
    fn open_upload(&mut self, host: usize) {
        let now = self.host_now(host);
        let entry = &self.hosts[host];
        let Some(process) = entry.process.as_ref().filter(|process| process.machine.is_up()) else { return };
        let at_home = process.line.and_then(|line| self.lines.get(&line)).is_some_and(|line| line.controller == 0);
        let (None, None, true, Some(incarnation)) =
            (&process.upload, entry.clone_of, at_home, process.machine.incarnation())
        else {
            return;
        };
        let upload = Upload::new(SERVER, entry.spool.view(), incarnation, now);
        let line = self.connect(host, 0, Kind::Upload);
        if let Some(process) = &mut self.hosts[host].process {
            process.upload = Some((line, upload));
        }
        self.carry_out_upload(host);
    }

    pub(crate) fn carry_out(&mut self, host: usize) {
        self.carry_out_for(host, None);
    }

    /// Does what the machine puts out, in order; `change` is what it was just given.
    fn carry_out_for(&mut self, host: usize, change: Option<&ChangeSet>) {
        let mut late = Vec::new();
        loop {
            if let Some(left) = &mut self.hosts[host].dies_in {
                if *left == 0 {
                    self.kill_agent(host);
                    let delay = self.rng.between(500, 10_000);
                    self.later(delay, Event::Restart(crate::world::Restart::Agent(host)));
                    return;
                }
                *left -= 1;
            }
            let Some(process) = &mut self.hosts[host].process else { return };
            let Some(output) = process.machine.poll() else { break };
            match output {
                machine::Output::Persist(write) if self.has_bug(Bug::AnswerBeforePersist) => late.push(write),
                machine::Output::Persist(write) => {
                    self.hosts[host].disk.insert(write.name, write.bytes);
                }
                machine::Output::Dial => self.dial(host),
                machine::Output::Send(message) => self.agent_sends(host, message),
                machine::Output::Apply(apply) => {
                    if let Some(change) = change {
                        self.obeys(host, change);
                    }
                    let delay = self.rng.between(1, 50);
                    let life = self.hosts[host].life;
                    if let Some(process) = &mut self.hosts[host].process {
                        process.applying = Some(Applying::new(apply));
                    }
                    self.later(delay, Event::ApplyStep { host, life });
                }
                machine::Output::HangUp => {
                    let line = self.hosts[host].process.as_ref().and_then(|process| process.line);
                    match line {
                        Some(line) if self.lines.contains_key(&line) => self.hang_up(line),
                        Some(line) => self.agent_lost(host, line, None),
                        None => {
                            let (now, random) = (self.host_now(host), self.rng.draw());
                            if let Some(process) = &mut self.hosts[host].process {
                                process.dialling = false;
                                process.machine.lost(now, random);
                            }
                        }
                    }
                }
                machine::Output::Trust(_)
                | machine::Output::Probe(_)
                | machine::Output::Preview(_)
                | machine::Output::Alarm(_) => {}
            }
        }
        for write in late {
            self.hosts[host].disk.insert(write.name, write.bytes);
        }
        self.arm(host);
    }

    fn dial(&mut self, host: usize) {
        let delay = self.rng.between(5, 1500);
        let entry = &mut self.hosts[host];
        let controller = usize::from(std::mem::take(&mut entry.misled));
        let life = entry.life;
        if let Some(process) = &mut entry.process {
            process.dialling = true;
        }
        self.later(delay, Event::Dialled { host, life, controller });
    }

    fn agent_sends(&mut self, host: usize, message: SessionRequest) {
        if let Some(session_request::Message::Ack(ack)) = &message.message {
            let memory = self.hosts[host].memory();
            let server = memory.servers.get(SERVER);
            let digest = |held: Option<&freehold_agent::session::memory::Held>| held.map(|held| held.digest);
            let (applied, staged) = (
                digest(server.and_then(|server| server.applied.as_ref())),
                digest(server.and_then(|server| server.staged.as_ref())),
            );
            let claimed: Option<Digest> = parse_digest(&ack.digest);
            let durable = match ack.phase() {
                Phase::Staged => claimed == staged,
                Phase::Applied => claimed == applied,
                _ => true,
            };
            if !durable {
                let agent = &self.hosts[host].agent;
                self.oracle.violated(format!("I2: {agent} answered {:?} before it was durable", ack.phase()));
            }
        }
        if let Some(line) = self.hosts[host].process.as_ref().and_then(|process| process.line) {
            self.send(line, Parcel::Up(message));
        }
    }

    /// The agent is about to do what this change set says.
    fn obeys(&mut self, host: usize, change: &ChangeSet) {
        let Some(target) = change.target.as_ref().and_then(point::parse) else { return };
        let entry = &mut self.hosts[host];
        let shadow = entry.shadow;
        let agent = &entry.agent;
        if change.fence < shadow.fence {
            self.oracle.violated(format!("I6: {agent} obeyed fence {} after {}", change.fence, shadow.fence));
        }
        if target.store != self.controllers[0].store {
            self.oracle.violated(format!("I6: {agent} obeyed another store"));
        }
        if shadow.obeyed.is_some_and(|obeyed| obeyed > target) {
            self.oracle.violated(format!("I6: {agent} obeyed {target:?} after {:?}", shadow.obeyed));
        }
        entry.shadow = Shadow { fence: shadow.fence.max(change.fence), obeyed: Some(target) };
    }

    pub(crate) fn apply_step(&mut self, host: usize, life: u64) {
        let broken = Breakage { half: self.has_bug(Bug::HalfApply), needless: self.has_bug(Bug::NeedlessApply) };
        let (now, delay) = (self.host_now(host), self.rng.between(1, 120));
        let entry = &mut self.hosts[host];
        let Some(process) = entry.process.as_mut().filter(|_| entry.life == life) else { return };
        let Some(applying) = &mut process.applying else { return };
        if applying.step == Step::Set && entry.kea.running.digest == applying.apply.digest {
            self.oracle.violated(format!("{} touches a server that runs what it should", entry.agent));
        }
        match applying.advance(&mut entry.kea, &mut entry.intent, &entry.spool, broken) {
            None => self.later(delay, Event::ApplyStep { host, life }),
            Some(outcome) => {
                process.applying = None;
                process.machine.outcome(now, SERVER, outcome);
                self.carry_out(host);
            }
        }
        if self.hosts[host].kea.cuts_off() {
            self.cut_all_of(|line| line.host == host);
        }
        if let Some(left) = self.hosts[host].dies_in.filter(|_| self.hosts[host].process.is_some()) {
            // A step of an apply is something that a crash may come before, too.
            self.hosts[host].dies_in = Some(left.saturating_sub(1));
            if left == 0 {
                self.kill_agent(host);
                self.later(delay * 50, Event::Restart(crate::world::Restart::Agent(host)));
            }
        }
    }

    pub(crate) fn leases_down(&mut self, host: usize, line: u64, message: UploadLeasesResponse) {
        let now = self.host_now(host);
        let Some(process) = self.hosts[host].process.as_mut() else { return };
        if let Some((_, upload)) = process.upload.as_mut().filter(|(number, _)| *number == line) {
            upload.receive(now, message);
            self.carry_out_upload(host);
        }
    }

    pub(crate) fn carry_out_upload(&mut self, host: usize) {
        loop {
            let now = self.host_now(host);
            let epoch = self.rng.bytes16();
            let entry = &mut self.hosts[host];
            let Some((line, upload)) = entry.process.as_mut().and_then(|process| process.upload.as_mut()) else {
                return;
            };
            let Some(output) = upload.poll() else { break };
            let line = *line;
            match output {
                upload::Output::Send(message) => {
                    let batch = matches!(message.message, Some(upload_leases_request::Message::Batch(_)));
                    if batch && std::mem::take(&mut entry.drop_batch) {
                        continue;
                    }
                    self.send(line, Parcel::LeasesUp(message));
                }
                upload::Output::Listed(listed) => entry.spool.listed = listed,
                upload::Output::Read { from, most } => {
                    let last = entry.spool.last_seq.min(from + most as u64 - 1).min(from + 6);
                    let events = (from..=last).map(|seq| lease::wire(&entry.kea.log[entry.spool.line(seq)]));
                    let events = if from < entry.spool.first_seq { Vec::new() } else { events.collect() };
                    upload.read(now, from, events);
                }
                upload::Output::List(id) => {
                    let seen = |lease: &freehold_core::lease::Lease| {
                        lease::wire(&LeaseEvent {
                            kind: LeaseEventKind::Seen,
                            lease: lease.clone(),
                            observed: now.wall,
                            folded: 0,
                        })
                    };
                    let mut leases: Vec<_> = entry.kea.leases.values().map(seen).collect();
                    let whole = !std::mem::take(&mut entry.short_listing);
                    if !whole {
                        leases.truncate(leases.len().saturating_sub(15));
                    }
                    for chunk in leases.chunks(7) {
                        upload.listed(id, chunk.to_vec());
                    }
                    upload.listing_done(now, id, whole);
                }
                upload::Output::Acknowledged(seq) => entry.spool.acked_seq = entry.spool.acked_seq.max(seq),
                upload::Output::NewEpoch => {
                    // What the server wrote until now comes by the listing.
                    entry.spool = Spooled::new(epoch, entry.kea.log.len());
                    if let Some(process) = &mut entry.process {
                        process.spooling = 0;
                    }
                }
                upload::Output::HangUp => self.hang_up(line),
            }
        }
        self.arm(host);
    }
}
