//! What happens to the world: edits by operators, and everything that can go wrong.

use crate::controller::Controller;
use crate::engine::{Engine, Job, Ledgers, Reply};
use crate::host::Host;
use crate::kea::{CONFIRMED, REFUSED, Spooled};
use crate::world::{Event, Restart, World};
use freehold_core::Command;
use freehold_core::Timestamp;
use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::command::{NewReservation, NewScope, PrefixDraft, ReservationPatch, ScopePatch, ServerPatch};
use freehold_core::labels::Labels;
use freehold_core::model::{
    CertificateRecord, LeaseTimes, Management, PrefixKind, Report, ScopeStatus, SecretHash, ServerKind,
};
use freehold_core::name::{AgentName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName, TokenName};
use freehold_core::text::{HostName, Text};
use std::net::Ipv4Addr;

const HOSTS: usize = 3;

impl World {
    pub(crate) fn set_up(&mut self) {
        for store in [[7; 16], [66; 16]] {
            let mut engine = Engine::new(store);
            engine.contiguous = !self.has_bug(crate::bug::Bug::AcceptGap);
            let space = SpaceName::from_id("sim").expect("a name");
            engine.set_up(Command::CreateSpace {
                name: space.clone(),
                title: Text::default(),
                description: Text::default(),
                labels: Labels::NONE,
            });
            for host in 0..HOSTS {
                enrol(&mut engine, &space, host, store == [7; 16]);
            }
            self.controllers.push(Controller::new(engine));
        }
        for host in 0..HOSTS {
            let epoch = self.rng.bytes16();
            self.hosts.push(Host::new(&format!("agent-{host}"), epoch));
            self.start_agent(host);
            self.later(1, Event::Client { host });
        }
        self.later(3_000, Event::Step);
    }

    /// The next edit or fault, until there are none left.
    pub(crate) fn step(&mut self) {
        if self.steps_left == 0 {
            return self.end_faults();
        }
        self.steps_left -= 1;
        let host = self.rng.index(HOSTS);
        match self.rng.between(0, 63) {
            0..=18 => self.edit(host),
            19..=21 => {
                // While the edit is on its way to the disk.
                self.edit(host);
                self.crash_controller(None);
            }
            22..=25 => {
                self.cut_all_of(|line| line.host == host);
            }
            26..=28 => {
                self.hosts[host].link_up = false;
                self.cut_all_of(|line| line.host == host);
                let delay = self.rng.between(500, 40_000);
                self.later(delay, Event::Restart(Restart::Link(host)));
            }
            29..=31 => {
                self.kill_agent(host);
                self.restart_later(Restart::Agent(host), 8_000);
            }
            32..=35 => self.hosts[host].dies_in = Some(u32::try_from(self.rng.between(0, 12)).expect("small")),
            36..=38 => self.crash_server(host),
            39..=41 => {
                self.crash_controller(None);
            }
            42..=43 => self.restore(),
            44..=45 => self.roll_back(),
            46..=47 => self.lose_disk(host),
            48..=49 => self.clone_host(host),
            50..=51 => self.jump_clocks(host),
            52 => self.revoke(host),
            53..=54 => self.hosts[host].misled = true,
            55 => self.controllers[0].engine.no_room = 2,
            56..=57 => self.hosts[host].drop_batch = true,
            58..=59 => self.wipe_leases(host),
            60 => self.trim_spool(host),
            61 => self.hosts[host].kea.failures = 1,
            _ => self.ask_listing(host),
        }
        let pause = if self.rng.one_in(3) { 50 } else { 6_000 };
        let pause = self.rng.between(10, pause);
        self.later(pause, Event::Step);
    }

    /// From here on nothing breaks any more.
    fn end_faults(&mut self) {
        for host in 0..self.hosts.len() {
            self.hosts[host].dies_in = None;
            self.hosts[host].misled = false;
            self.hosts[host].drop_batch = false;
            self.hosts[host].short_listing = false;
            self.hosts[host].kea.failures = 0;
            self.restart(Restart::Link(host));
            self.restart(Restart::Server(host));
            if self.hosts[host].clone_of.is_some() {
                self.restart(Restart::CloneGone(host));
            } else {
                self.restart(Restart::Agent(host));
            }
        }
        self.controllers[0].engine.no_room = 0;
        self.restart(Restart::Controller);
        self.faults_ended = Some(self.now);
    }

    fn restart_later(&mut self, what: Restart, most: u64) {
        let delay = self.rng.between(100, most);
        self.later(delay, Event::Restart(what));
    }

    pub(crate) fn restart(&mut self, what: Restart) {
        match what {
            Restart::Controller => {
                if !self.controllers[0].up {
                    self.controllers[0].up = true;
                    self.oracle.started(&self.controllers[0]);
                }
            }
            Restart::Agent(host) => self.start_agent(host),
            Restart::Server(host) => {
                let kea = &mut self.hosts[host].kea;
                if !kea.up {
                    (kea.up, kea.running) = (true, kea.file.clone());
                }
            }
            Restart::Link(host) => self.hosts[host].link_up = true,
            Restart::CloneGone(host) => {
                self.kill_agent(host);
                self.hosts[host].kea.up = false;
                self.hosts[host].link_up = false;
            }
        }
    }

    fn edit(&mut self, host: usize) {
        let scope = ScopeName::from_id(&format!("lan-{host}")).expect("a name");
        let number = u8::try_from(self.rng.between(1, 60)).expect("small");
        let address = Ipv4Addr::new(10, u8::try_from(host).expect("few"), 0, number).into();
        let name = ReservationName { scope: scope.clone(), address };
        let there = self.controllers[0].engine.state.reservation(&name).is_some();
        let nice = if self.rng.one_in(6) { REFUSED } else { "client" };
        let host_name = HostName::parse(&format!("{nice}-{}", self.rng.between(0, 9))).expect("a host name");
        let command = match (self.rng.between(0, 9), there) {
            (0, _) => Command::UpdateScope {
                name: scope,
                etag: None,
                patch: ScopePatch {
                    lease_times: LeaseTimes::new(u32::try_from(self.rng.between(600, 605)).expect("small"), None, None)
                        .ok(),
                    ..ScopePatch::default()
                },
            },
            (1, _) => Command::UpdateScope {
                name: scope,
                etag: None,
                patch: ScopePatch {
                    status: Some(if self.rng.one_in(2) { ScopeStatus::Inactive } else { ScopeStatus::Active }),
                    ..ScopePatch::default()
                },
            },
            (2..=4, true) => Command::DeleteReservation { name, etag: None },
            (_, true) => Command::UpdateReservation {
                name,
                etag: None,
                patch: ReservationPatch { host_name: Some(Some(host_name)), ..ReservationPatch::default() },
            },
            (_, false) => Command::CreateReservation(NewReservation {
                host_name: Some(host_name),
                ..NewReservation::of(
                    name,
                    ClientIdentity::Hardware(HardwareAddress::from_bytes(&[2, 0, 0, 0, 1, number]).expect("six bytes")),
                )
            }),
        };
        if self.controllers[0].up {
            self.submit(0, Job::Command { command, reply: Reply::Operator });
        }
    }

    fn crash_server(&mut self, host: usize) {
        self.hosts[host].kea.up = false;
        self.restart_later(Restart::Server(host), 5_000);
    }

    /// A crash leaves what was durable, and perhaps the group under way; or another disk altogether.
    fn crash_controller(&mut self, instead: Option<Ledgers>) {
        if !self.controllers[0].up {
            return;
        }
        let left = match instead {
            Some(ledgers) => ledgers,
            None => self.controllers[0].engine.crash(&mut self.rng),
        };
        self.controllers[0].engine.durable = left;
        self.controllers[0].stop();
        self.controllers[0].engine.contiguous = !self.has_bug(crate::bug::Bug::AcceptGap);
        self.drop_lines_of(0);
        self.restart_later(Restart::Controller, 10_000);
    }

    /// An earlier state of the ledgers.
    fn earlier(&mut self) -> Ledgers {
        let mut ledgers = self.controllers[0].engine.durable.clone();
        let set_up = 12;
        let cut = |rng: &mut crate::rng::Rng, len: usize, least: usize| {
            let back = usize::try_from(rng.between(1, 40)).expect("small");
            len.saturating_sub(back).max(least.min(len))
        };
        let entries = cut(&mut self.rng, ledgers.entries.len(), set_up * HOSTS);
        let leases = cut(&mut self.rng, ledgers.leases.len(), 0);
        ledgers.entries.truncate(entries);
        ledgers.leases.truncate(leases);
        ledgers
    }

    /// An operator restores a backup: another incarnation, higher than every one before.
    fn restore(&mut self) {
        let mut ledgers = self.earlier();
        ledgers.incarnation += 1;
        self.crash_controller(Some(ledgers));
        self.oracle.set_back(&self.controllers[0]);
    }

    /// The disk is set back behind everybody's back: the same incarnation.
    ///
    /// A listing that closed leases is not among what is lost: without an event or a revision that is lost with it,
    /// nobody could notice.
    fn roll_back(&mut self) {
        let mut ledgers = self.earlier();
        let all = &self.controllers[0].engine.durable.leases;
        let lost = &all[ledgers.leases.len()..];
        if let Some(swept) = lost.iter().rposition(|batch| batch.first_seq == batch.next_seq) {
            ledgers.leases = all[..=ledgers.leases.len() + swept].to_vec();
        }
        self.crash_controller(Some(ledgers));
        self.oracle.set_back(&self.controllers[0]);
    }

    /// The agent's disk is gone; the server and its leases are not. Not while the server runs what cuts the host off: what it
    /// ran before is on that disk, and only a person on the spot could help.
    fn lose_disk(&mut self, host: usize) {
        if self.hosts[host].kea.cuts_off() {
            return;
        }
        self.kill_agent(host);
        let epoch = self.rng.bytes16();
        let entry = &mut self.hosts[host];
        entry.disk.clear();
        entry.intent = None;
        entry.shadow = crate::host::Shadow::default();
        // It enrols anew, and so knows its store.
        let memory = freehold_agent::session::memory::Memory { store: Some([7; 16]), ..Default::default() };
        let write = memory.write_self();
        entry.disk.insert(write.name, write.bytes);
        entry.spool = Spooled::new(epoch, entry.kea.log.len());
        self.restart_later(Restart::Agent(host), 5_000);
    }

    fn clone_host(&mut self, host: usize) {
        if self.hosts.len() > HOSTS || self.hosts[host].process.is_none() {
            return;
        }
        let copy = self.hosts[host].copy(host);
        self.hosts.push(copy);
        let clone = self.hosts.len() - 1;
        self.start_agent(clone);
        let delay = self.rng.between(60_000, 180_000);
        self.later(delay, Event::Restart(Restart::CloneGone(clone)));
    }

    fn jump_clocks(&mut self, host: usize) {
        let by = i64::try_from(self.rng.between(0, 400 * 86_400_000)).expect("small") - 200 * 86_400_000;
        if self.rng.one_in(2) {
            self.controllers[0].clock_offset = by;
        } else {
            self.hosts[host].clock_offset = by;
        }
    }

    fn revoke(&mut self, host: usize) {
        let name = AgentName::from_id(&self.hosts[host].agent).expect("a name");
        if self.controllers[0].up && !self.rng.one_in(3) {
            return;
        }
        if self.controllers[0].up && self.oracle.revocations < 2 {
            self.oracle.revocations += 1;
            self.submit(0, Job::Command { command: Command::RevokeAgent { name, etag: None }, reply: Reply::Operator });
        }
    }

    /// The server's lease file is lost, wholly or in part, and the spool with it.
    fn wipe_leases(&mut self, host: usize) {
        self.kill_agent(host);
        let epoch = self.rng.bytes16();
        let keep = self.rng.index(6);
        let entry = &mut self.hosts[host];
        let gone: Vec<_> = entry.kea.leases.keys().skip(keep).copied().collect();
        gone.into_iter().for_each(|address| {
            entry.kea.leases.remove(&address);
        });
        entry.spool = Spooled::new(epoch, entry.kea.log.len());
        self.restart_later(Restart::Agent(host), 3_000);
    }

    /// The spool lets go of everything that it holds, sent or not: its limit was reached.
    fn trim_spool(&mut self, host: usize) {
        let now = self.clock(self.hosts[host].clock_offset);
        let entry = &mut self.hosts[host];
        entry.spool.first_seq = entry.spool.last_seq + 1;
        let (first, last) = (entry.spool.first_seq, entry.spool.last_seq);
        if let Some((_, upload)) = entry.process.as_mut().and_then(|process| process.upload.as_mut()) {
            upload.spooled(now, first, last);
        }
        self.carry_out_upload(host);
    }

    /// The controller asks for a full listing, which may come out short.
    fn ask_listing(&mut self, host: usize) {
        self.hosts[host].short_listing = true;
        let agent = &self.hosts[host].agent;
        let of = |server: &ServerName| server.agent().id() == agent;
        let found = self.controllers[0].uploads.iter_mut().find(|(_, (server, _))| of(server));
        if let Some((line, (_, upload))) = found {
            upload.ask_listing(1000, "an operator asked");
            let line = *line;
            self.serve_upload(0, line);
        }
    }
}

/// An agent, its server and what the plan has for it.
fn enrol(engine: &mut Engine, space: &SpaceName, host: usize, planned: bool) {
    let agent = AgentName::from_id(&format!("agent-{host}")).expect("a name");
    let token = TokenName::from_id(&format!("token-{host}")).expect("a name");
    let secret = SecretHash([9; 32]);
    let number = u8::try_from(host).expect("few hosts");
    let certificate =
        CertificateRecord { serial: format!("0{host}"), spki_sha256: [number; 32], not_after: Timestamp(i64::MAX) };
    let expires = Timestamp(1_000);
    engine.set_up(Command::CreateToken { name: token.clone(), agent: agent.clone(), secret, expires });
    engine.set_up(Command::EnrolAgent { token, secret, id: [number; 16], certificate });
    let server = ServerName::new(agent, crate::host::SERVER).expect("a name");
    let version = Text::parse("2.2.0").expect("a text");
    let report = Report { version, ..Report::of(ServerKind::KeaDhcp4) };
    engine.set_up(Command::ReportServer { name: server.clone(), report });
    let (confirmed, seconds) = CONFIRMED;
    let patch = ServerPatch {
        management: Some(Management::Managed),
        confirm_seconds: (host == confirmed).then_some(Some(seconds)),
        ..ServerPatch::default()
    };
    engine.set_up(Command::UpdateServer { name: server.clone(), etag: None, patch });
    if !planned {
        return;
    }
    for (third, id) in [(0, format!("lan-{host}")), (1, format!("spare-{host}"))] {
        let network = format!("10.{host}.{third}.0/24").parse().expect("a network");
        engine.set_up(Command::CreatePrefix {
            name: PrefixName { space: space.clone(), cidr: network },
            draft: PrefixDraft::of(PrefixKind::Network),
        });
        engine.set_up(Command::CreateScope(NewScope {
            ranges: vec![format!("10.{host}.{third}.100-10.{host}.{third}.199").parse().expect("a range")],
            server: Some(server.clone()),
            ..NewScope::of(ScopeName::from_id(&id).expect("a name"), PrefixName { space: space.clone(), cidr: network })
        }));
    }
    for last in 1..12 {
        engine.set_up(Command::CreateReservation(NewReservation::of(
            ReservationName {
                scope: ScopeName::from_id(&format!("spare-{host}")).expect("a name"),
                address: Ipv4Addr::new(10, number, 1, last).into(),
            },
            ClientIdentity::Hardware(HardwareAddress::from_bytes(&[2, 0, 0, 0, 2, last]).expect("six bytes")),
        )));
    }
}
