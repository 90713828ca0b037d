//! Giving addresses out only after it was asked on the network whether somebody has them.
//!
//! Each try holds free addresses for a short time, so that nobody else gets them, has them probed, and makes of the holds what
//! was asked for, in one change. Where somebody answers, that is noted as a sighting, the holds are given back, and the next
//! free ones are tried. A crash in between leaves holds that end by themselves; the call, repeated, begins anew.

use super::allocate::FIELDS;
use super::not_done;
use super::probe::TIMEOUT_DEFAULT;
use crate::api::Api;
use crate::api::call::{Mutation, mark, refuse};
use crate::engine::{Call, CommitError, Committed};
use crate::probe::nearest::nearest;
use crate::probe::{ADDRESSES_MAX, Finding, Probe, probe};
use freehold_core::change::Actor;
use freehold_core::command::{Allocation, Choice, Place, Purpose};
use freehold_core::model::Assignment;
use freehold_core::name::AddressName;
use freehold_core::refusal::{Obstacle, Reason, Refusal};
use freehold_core::{Change, Command, Record, State};
use freehold_proto::v1::{AllocateAddressesRequest, ProbePolicy};
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tracing::warn;

/// How often free addresses are looked for until the call gives up.
const TRIES: usize = 8;
/// How long addresses are held while they are probed. A probe has its own limit, far below.
const HELD: Duration = Duration::from_secs(30);
/// How often a change is decided anew because a hold changed meanwhile: a server was proven not to lease it.
const RACES: usize = 5;

/// Whether addresses are to be probed, and whether the call fails where nobody can.
pub(super) fn policy(message: &AllocateAddressesRequest, count: u32) -> Result<Option<bool>, Refusal> {
    let invalid = |field: &str, message: String| Err(Refusal::new(Reason::InvalidValue, message).at(field));
    let required = match ProbePolicy::try_from(message.probe) {
        Ok(ProbePolicy::Unspecified) => return Ok(None),
        Ok(ProbePolicy::BestEffort) => false,
        Ok(ProbePolicy::Required) => true,
        Err(_) => return invalid("probe", format!("no probe policy has the number {}", message.probe)),
    };
    if count as usize > ADDRESSES_MAX {
        return invalid("count", format!("{count} addresses to probe at once; ask for {ADDRESSES_MAX} at most"));
    }
    Ok(Some(required))
}

/// What is held while it is probed.
type Held = Vec<Arc<Assignment>>;

impl Api {
    /// Gives out what `order` asks for, of what nobody answers on.
    pub(super) async fn allocate_probed(
        &self,
        actor: Actor,
        mutation: Mutation<'_, AllocateAddressesRequest>,
        order: Allocation,
        required: bool,
    ) -> Result<(Committed, Vec<Probe>), Status> {
        let marked = mark(&mutation).map_err(refuse)?;
        let done_before =
            marked.as_ref().is_some_and(|mark| self.engine.state().request(&actor.principal, &mark.id).is_some());
        if done_before {
            let command = Command::Allocate(order);
            let done = self.submit(actor, mutation, command).await.map_err(|error| not_done(error, FIELDS))?;
            return Ok((done, Vec::new()));
        }
        let call = |command| Call {
            actor: actor.clone(),
            method: mutation.method.to_owned(),
            request: None,
            command,
            ahead: None,
            reincarnate_above: None,
        };
        // Whatever else stands against it is said before anybody is asked.
        let refused = |refusal| not_done(CommitError::Refused(refusal), FIELDS);
        let planned =
            self.engine.plan(&self.engine.state(), &call(Command::Allocate(order.clone()))).map_err(refused)?;
        if required {
            self.somebody_can_ask(&planned)?;
        }
        let mut passed: Vec<Probe> = Vec::new();
        for _ in 0..TRIES {
            let held = self.hold(&order, &call).await.map_err(|error| not_done(error, FIELDS))?;
            let names: Vec<_> = held.iter().map(|hold| hold.name.clone()).collect();
            let state = self.engine.state();
            let probes = probe(&state, &self.presence, &self.sync, &names, TIMEOUT_DEFAULT).await;
            let answered: Vec<_> = probes.iter().filter(|probe| probe.answered()).cloned().collect();
            if !answered.is_empty() {
                self.give_back(&held, noted(&answered), &call).await?;
                passed.extend(answered);
                if matches!(order.choice, Choice::Given(_)) {
                    break;
                }
                continue;
            }
            if let Some(why) = probes.iter().find(|_| required).and_then(|_| impossible(&probes)) {
                self.give_back(&held, Vec::new(), &call).await?;
                return Err(refuse(why));
            }
            let given = Call { request: marked.clone(), ..call(Command::Together(Vec::new())) };
            match self.firm_up_held(&order, &held, given).await {
                Ok(done) => {
                    if done.changes.is_empty() {
                        // The same call, made twice at once: the other one was first, and this one's holds are for nobody.
                        self.give_back(&held, Vec::new(), &call).await?;
                        return Ok((done, Vec::new()));
                    }
                    passed.extend(probes);
                    return Ok((done, passed));
                }
                Err(error) => {
                    self.give_back(&held, Vec::new(), &call).await?;
                    match error {
                        // A client was granted it at the same time: the next one is tried.
                        CommitError::Refused(refusal)
                            if refusal.reason == Reason::AddressLeased && !matches!(order.choice, Choice::Given(_)) => {
                        }
                        error => return Err(not_done(error, FIELDS)),
                    }
                }
            }
        }
        Err(refuse(all_answer(&passed)))
    }

    /// Refuses, before anything is held, what there is nobody to ask about.
    fn somebody_can_ask(&self, planned: &Committed) -> Result<(), Status> {
        let state = &planned.state;
        let name = |change: &Change| match change.after() {
            Some(Record::Address(made)) => Some(made.name.clone()),
            Some(Record::Reservation(made)) => {
                let space = state.scope(&made.name.scope)?.space.clone();
                Some(AddressName { space, address: made.name.address })
            }
            _ => None,
        };
        let unable = |name: AddressName| {
            let why = nearest(state, |agent| self.presence.reach(agent), &name).err()?;
            Some(Probe { name, agent: None, finding: Finding::Unable(why) })
        };
        let unable: Vec<_> = planned.changes.iter().filter_map(name).filter_map(unable).collect();
        impossible(&unable).map_or(Ok(()), |refusal| Err(refuse(refusal)))
    }

    /// Holds what the order would be given, for as long as a probe takes.
    async fn hold(&self, order: &Allocation, call: &impl Fn(Command) -> Call) -> Result<Held, CommitError> {
        let until = self.engine.now().plus_seconds(i64::try_from(HELD.as_secs()).unwrap_or(i64::MAX));
        let order = Allocation {
            purpose: Purpose::Hold { until },
            details: vec![Default::default()],
            leases: (*self.leases.book()).clone(),
            ..order.clone()
        };
        let done = self.engine.commit(call(Command::Allocate(order))).await?;
        let held = done.changes.iter().filter_map(|change| match change.after() {
            Some(Record::Address(hold)) => Some(Arc::clone(hold)),
            _ => None,
        });
        Ok(held.collect())
    }

    /// Makes what was asked for of the holds, in one change.
    async fn firm_up_held(&self, order: &Allocation, held: &Held, call: Call) -> Result<Committed, CommitError> {
        let mut races = 0;
        loop {
            let state = self.engine.state();
            let mut commands = Vec::new();
            for hold in held {
                commands.push(release(&state, hold).ok_or_else(|| {
                    let message = format!("the hold of {} was over before it was probed; try again", hold.name.address);
                    CommitError::Refused(Refusal::new(Reason::HoldExpired, message).about(&hold.name))
                })?);
            }
            let place = match &order.place {
                Place::OneOf(_) => held.first().and_then(|hold| state.network_at(&hold.name.space, hold.name.address)),
                Place::Scope(_) | Place::Network(_) => None,
            };
            commands.push(Command::Allocate(Allocation {
                place: place.map_or_else(|| order.place.clone(), |network| Place::Network(network.name.clone())),
                choice: Choice::Given(held.iter().map(|hold| hold.name.address).collect()),
                leases: (*self.leases.book()).clone(),
                ..order.clone()
            }));
            match self.engine.commit(Call { command: Command::Together(commands), ..call.clone() }).await {
                Err(CommitError::Refused(refusal)) if refusal.reason == Reason::EtagMismatch && races < RACES => {
                    races += 1
                }
                Err(CommitError::Refused(mut refusal)) => {
                    let inner = refusal.field.strip_prefix("requests[").and_then(|rest| rest.split_once(']'));
                    let field = inner.map(|(_, field)| field.trim_start_matches('.').to_owned());
                    refusal.field = field.unwrap_or(refusal.field);
                    return Err(CommitError::Refused(refusal));
                }
                other => return other,
            }
        }
    }

    /// Gives back what is still held, and takes note of `sightings` with it.
    async fn give_back(
        &self,
        held: &Held,
        sightings: Vec<Command>,
        call: &impl Fn(Command) -> Call,
    ) -> Result<(), Status> {
        for race in 0.. {
            let state = self.engine.state();
            let releases = held.iter().filter_map(|hold| release(&state, hold));
            let commands = sightings.iter().cloned().chain(releases).collect();
            match self.engine.commit(call(Command::Together(commands))).await {
                Ok(_) => break,
                Err(CommitError::Refused(refusal)) if refusal.reason == Reason::EtagMismatch && race < RACES => {}
                Err(CommitError::Refused(refusal)) => {
                    warn!(%refusal, "addresses that were probed are held until their time is up");
                    break;
                }
                Err(error) => return Err(not_done(error, FIELDS)),
            }
        }
        Ok(())
    }
}

/// The command that gives a hold back, as it is now; `None` if it is over, and whatever is there is somebody else's.
fn release(state: &State, hold: &Assignment) -> Option<Command> {
    let now = state.assignment(&hold.name)?;
    let same = now.is_hold() && now.stamp.created == hold.stamp.created && now.holder == hold.holder;
    same.then(|| Command::Release { name: hold.name.clone(), etag: Some(now.stamp.revision) })
}

/// The commands that take note of who answered.
fn noted(answered: &[Probe]) -> Vec<Command> {
    let note = |probe: &Probe| {
        let Finding::Answered { hardware, .. } = &probe.finding else { return None };
        Some(Command::RecordSighting { name: probe.name.clone(), hardware: *hardware, agent: probe.agent.clone()? })
    };
    answered.iter().filter_map(note).collect()
}

fn obstacle(name: &AddressName, message: String) -> Obstacle {
    Obstacle { resource: name.to_string(), message }
}

/// Why addresses that had to be probed could not be; `None` if all could.
fn impossible(probes: &[Probe]) -> Option<Refusal> {
    let why = |probe: &Probe| match &probe.finding {
        Finding::Unable(why) => Some(obstacle(&probe.name, format!("{}: {why}", probe.name.address))),
        Finding::Answered { .. } | Finding::Silent(_) => None,
    };
    let obstacles: Vec<_> = probes.iter().filter_map(why).collect();
    let message = "nobody can ask on the network whether somebody has the address";
    (!obstacles.is_empty()).then(|| Refusal::because(Reason::ProbeImpossible, message, obstacles, 0).at("probe"))
}

/// Why no address was given out: somebody answers on each that was tried, or a client was granted it at that moment.
fn all_answer(passed: &[Probe]) -> Refusal {
    let who = |probe: &Probe| {
        let hardware = match &probe.finding {
            Finding::Answered { hardware: Some(hardware), .. } => format!(" ({hardware})"),
            _ => String::new(),
        };
        obstacle(&probe.name, format!("{}{hardware}", probe.name.address))
    };
    let message = "somebody answers, of whom nothing is known, on every address that was tried";
    Refusal::because(Reason::AddressAnswers, message, passed.iter().map(who).collect(), 0)
}
