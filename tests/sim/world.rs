//! The world: hosts with agents and servers, controllers, lines between them, and virtual time. One seed is one run.

use crate::bug::Bug;
use crate::controller::Controller;
use crate::host::Host;
use crate::oracle::Oracle;
use crate::rng::Rng;
use freehold_core::time::{Now, Timestamp};
use freehold_proto::sync::{
    SessionRequest, SessionResponse, UploadLeasesRequest, UploadLeasesResponse, upload_leases_request,
};
use std::collections::BTreeMap;

/// Where the simulation's clocks begin: some day in 2026.
const EPOCH_MS: i64 = 1_770_000_000_000;

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// Faults and edits.
    pub(crate) steps: u64,
    pub(crate) bug: Option<Bug>,
}

/// What a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Session,
    Upload,
}

/// A connection: messages arrive in order, each after a delay, until it is cut.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) host: usize,
    pub(crate) controller: usize,
    pub(crate) kind: Kind,
    last_up: u64,
    last_down: u64,
}

/// A message on a line.
#[derive(Debug, Clone)]
pub(crate) enum Parcel {
    Up(SessionRequest),
    Down(SessionResponse),
    LeasesUp(UploadLeasesRequest),
    LeasesDown(UploadLeasesResponse),
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A message arrives.
    Parcel {
        line: u64,
        parcel: Parcel,
    },
    /// An agent's dialling comes to an end.
    Dialled {
        host: usize,
        life: u64,
        controller: usize,
    },
    /// An end of a line that was there hung up; the other end hears of it now.
    HungUp {
        line: u64,
    },
    /// The agent notices that a line is dead.
    AgentNotices {
        host: usize,
        line: u64,
        life: u64,
    },
    /// The controller notices that a line is dead.
    ControllerNotices {
        controller: usize,
        line: u64,
    },
    /// A machine's deadline.
    HostTick {
        host: usize,
        life: u64,
    },
    ControllerTick {
        controller: usize,
    },
    /// A group of commits is durable.
    GroupDone {
        controller: usize,
        life: u64,
    },
    /// The next step of an apply.
    ApplyStep {
        host: usize,
        life: u64,
    },
    /// The agent looks at its server and reads its lease file.
    Look {
        host: usize,
        life: u64,
    },
    /// The spool's write is durable.
    SpoolDurable {
        host: usize,
        life: u64,
        last_seq: u64,
    },
    /// A client of a server does something.
    Client {
        host: usize,
    },
    /// The next edit or fault.
    Step,
    /// Something comes back.
    Restart(Restart),
    /// A person answers an alarm.
    Person(Person),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Restart {
    Controller,
    Agent(usize),
    Server(usize),
    Link(usize),
    /// The clone is switched off.
    CloneGone(usize),
}

#[derive(Debug, Clone)]
pub(crate) enum Person {
    /// Raises the incarnation above this one.
    Reincarnate { above: u64 },
    /// Allows what would be removed.
    Release { server: freehold_core::name::ServerName },
    /// Allows what a listing would close.
    Allow { stream: u64, resync_id: u64 },
}

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    queue: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    next_line: u64,
    pub(crate) lines: BTreeMap<u64, Line>,
    /// The real one, and a stranger's.
    pub(crate) controllers: Vec<Controller>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) oracle: Oracle,
    pub(crate) steps_left: u64,
    pub(crate) faults_ended: Option<u64>,
    /// Everything must be as it should be by then (I5).
    pub(crate) settle_by: u64,
    pub(crate) trace: bool,
}

impl World {
    pub(crate) fn run(options: Options, trace: bool) -> Result<u64, String> {
        let mut world = World {
            options,
            now: 0,
            rng: Rng::new(options.seed.wrapping_mul(0x9E37_79B9).wrapping_add(17)),
            queue: BTreeMap::new(),
            next_event: 0,
            next_line: 1,
            lines: BTreeMap::new(),
            controllers: Vec::new(),
            hosts: Vec::new(),
            oracle: Oracle::default(),
            steps_left: options.steps,
            faults_ended: None,
            settle_by: 0,
            trace,
        };
        world.set_up();
        let mut events = 0;
        while let Some(((at, _), event)) = world.queue.pop_first() {
            world.now = world.now.max(at);
            events += 1;
            if world.trace {
                eprintln!("{:>8} {event:?}", world.now);
            }
            world.handle(event);
            world.check_servers();
            if let Some(violation) = world.oracle.violation.take() {
                return Err(format!("at {} ms: {violation}", world.now));
            }
            if world.faults_ended.is_some() && events % 16 == 0 && world.converged() {
                return world.oracle.at_the_end().map(|()| events);
            }
            if events > 2_000_000 {
                return Err("the run does not come to an end".into());
            }
        }
        Err("nothing happens any more".into())
    }

    pub(crate) fn later(&mut self, delay: u64, event: Event) {
        self.at(self.now + delay, event);
    }

    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.next_event += 1;
        self.queue.insert((at, self.next_event), event);
    }

    pub(crate) fn clock(&self, offset: i64) -> Now {
        let elapsed = i64::try_from(self.now).expect("a short run");
        Now { ticks: self.now, wall: Timestamp(EPOCH_MS + elapsed + offset) }
    }

    pub(crate) fn has_bug(&self, bug: Bug) -> bool {
        self.options.bug == Some(bug)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Parcel { line, parcel } => self.deliver(line, parcel),
            Event::Dialled { host, life, controller } => self.dialled(host, life, controller),
            Event::HungUp { line } => {
                if let Some(gone) = self.lines.remove(&line) {
                    self.agent_lost(gone.host, line, None);
                    self.controller_lost(gone.controller, line);
                }
            }
            Event::AgentNotices { host, line, life } => self.agent_lost(host, line, Some(life)),
            Event::ControllerNotices { controller, line } => self.controller_lost(controller, line),
            Event::HostTick { host, life } => self.host_tick(host, life),
            Event::ControllerTick { controller } => self.controller_tick(controller),
            Event::GroupDone { controller, life } => self.group_done(controller, life),
            Event::ApplyStep { host, life } => self.apply_step(host, life),
            Event::Look { host, life } => self.look(host, life),
            Event::SpoolDurable { host, life, last_seq } => self.spool_durable(host, life, last_seq),
            Event::Client { host } => self.client(host),
            Event::Step => self.step(),
            Event::Restart(restart) => self.restart(restart),
            Event::Person(person) => self.person(person),
        }
    }

    /// Opens a line.
    pub(crate) fn connect(&mut self, host: usize, controller: usize, kind: Kind) -> u64 {
        let line = self.next_line;
        self.next_line += 1;
        self.lines.insert(line, Line { host, controller, kind, last_up: self.now, last_down: self.now });
        line
    }

    /// Sends a message; now and then it arrives twice, but for the parts of a listing, which nobody ever repeats.
    pub(crate) fn send(&mut self, line: u64, parcel: Parcel) {
        let delay = self.rng.between(1, 60);
        let chunk = matches!(
            &parcel,
            Parcel::LeasesUp(UploadLeasesRequest { message: Some(upload_leases_request::Message::ResyncChunk(_)) })
        );
        let copies = if self.rng.one_in(25) && !chunk { 2 } else { 1 };
        let Some(entry) = self.lines.get_mut(&line) else { return };
        let last = match parcel {
            Parcel::Up(_) | Parcel::LeasesUp(_) => &mut entry.last_up,
            Parcel::Down(_) | Parcel::LeasesDown(_) => &mut entry.last_down,
        };
        *last = (*last).max(self.now + delay);
        let at = *last;
        for _ in 0..copies {
            self.at(at, Event::Parcel { line, parcel: parcel.clone() });
        }
    }

    /// Hangs up after everything that was sent has arrived.
    pub(crate) fn hang_up(&mut self, line: u64) {
        if let Some(entry) = self.lines.get(&line) {
            let at = entry.last_up.max(entry.last_down) + 1;
            self.at(at, Event::HungUp { line });
        }
    }

    /// Cuts a line at this instant: what is on its way is lost, and each end notices in its own time.
    pub(crate) fn cut(&mut self, line: u64) {
        let Some(gone) = self.lines.remove(&line) else { return };
        let life = self.hosts[gone.host].life;
        let (agent, controller) = (self.rng.between(10, 15_000), self.rng.between(10, 60_000));
        self.later(agent, Event::AgentNotices { host: gone.host, line, life });
        self.later(controller, Event::ControllerNotices { controller: gone.controller, line });
    }

    pub(crate) fn cut_all_of(&mut self, pick: impl Fn(&Line) -> bool) {
        let lines: Vec<_> = self.lines.iter().filter(|(_, line)| pick(line)).map(|(number, _)| *number).collect();
        lines.into_iter().for_each(|line| self.cut(line));
    }

    fn deliver(&mut self, line: u64, parcel: Parcel) {
        match (self.lines.get(&line).cloned(), parcel) {
            (Some(entry), Parcel::Up(message)) => self.session_up(entry.controller, line, message),
            (Some(entry), Parcel::LeasesUp(message)) => self.leases_up(entry.controller, line, message),
            (Some(entry), Parcel::Down(message)) => self.session_down(entry.host, line, message),
            (Some(entry), Parcel::LeasesDown(message)) => self.leases_down(entry.host, line, message),
            // Read already, and waiting somewhere in the agent's process when the line went.
            (None, Parcel::Down(message)) => self.left_over(message),
            (None, _) => {}
        }
    }
}
