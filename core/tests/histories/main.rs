//! Whatever is asked, in whatever order, the rules hold: random histories over a small universe.

mod addresses;
mod conflicts;
mod draws;
mod files;
mod rights;
mod universe;
mod usage;

use draws::histories;
use freehold_core::access::Role;
use freehold_core::change::{Actor, Change, Entry, Outcome, Record, RequestMark};
use freehold_core::command::Command;
use freehold_core::desired::desired;
use freehold_core::model::{Management, ScopeStatus, SubnetId};
use freehold_core::name::{ScopeName, ServerName};
use freehold_core::net::{AddressRange, family, to_number};
use freehold_core::state::Loading;
use freehold_core::{Reason, RecordKey, State, Timestamp, check, decide};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use universe::{EtagChoice, Step, address, beginning, guarded, kind, resolve};
use usage::Counted;

/// A state with the history that made it.
struct History {
    state: State,
    entries: Vec<Entry>,
    subnet_ids: BTreeSet<SubnetId>,
    now: Timestamp,
    usage: Counted,
}

impl History {
    fn begin() -> Self {
        let mut history = Self {
            state: State::default(),
            entries: Vec::new(),
            subnet_ids: BTreeSet::new(),
            now: Timestamp(1_700_000_000_000),
            usage: Counted::default(),
        };
        for command in beginning() {
            let step = Step { command, etag: EtagChoice::Absent, wait: 0, request: None };
            let command = resolve(&step, &history.state, history.now);
            let changes = decide(&history.state, &command, history.now).expect("the beginning is in order");
            history.commit(&step, changes);
        }
        history
    }

    fn commit(&mut self, step: &Step, changes: Vec<Change>) {
        let principal = "operators/alice".to_owned();
        let id = step.request.map(|n| n.to_string()).filter(|id| self.state.request(&principal, id).is_none());
        let entry = Entry {
            revision: self.state.revision().next(),
            at: self.now,
            actor: Actor { principal, ..Actor::default() },
            method: kind(&step.command),
            request: id.map(|id| RequestMark { id, fingerprint: [0; 16] }),
            outcome: Outcome::Done(changes),
        };
        self.state.apply(&entry);
        self.entries.push(entry);
    }
}

/// Carries one step out and tests everything that must be true of any step. Says what was asked in the end, and why it was refused, if it was.
fn carry_out(history: &mut History, step: &Step) -> (Command, Option<Reason>) {
    history.now = history.now.plus_seconds(step.wait);
    let before = history.state.clone();
    let mut command = resolve(step, &before, history.now);
    let decided = decide(&before, &command, history.now);
    assert_eq!(decided, decide(&before.clone(), &command, history.now), "the same question, another answer");

    match &command {
        Command::Allocate(order) => history.usage.lease(&order.leases),
        Command::ConvertLease(order) => history.usage.lease(&order.leases),
        _ => {}
    }
    let there = guarded(&mut command).is_some_and(|(key, _)| before.record(&key).is_some());
    if step.etag == EtagChoice::Wrong && there {
        assert_eq!(decided.as_ref().map_err(|refusal| refusal.reason), Err(Reason::EtagMismatch));
    }
    let changes = match decided {
        Err(refusal) => return (command, Some(refusal.reason)),
        Ok(changes) => changes,
    };
    for made in changes.iter().filter(|change| change.before().is_none()).filter_map(Change::after) {
        if let Record::Scope(scope) = made {
            assert!(history.subnet_ids.insert(scope.subnet_id), "{} was given before", scope.subnet_id);
        }
    }
    history.commit(step, changes.clone());
    let after = &history.state;

    assert_eq!(check(after), Vec::<String>::new());
    history.usage.follow(after);
    goes_back(&before, after, &changes);
    asking_again_changes_nothing(after, &command, history.now);
    no_address_twice(after);
    given_addresses_were_free(&before, &changes);
    obeyed_only_if_managed(after);
    if !matches!(command, Command::ReportServer { .. }) {
        assert!(
            against_foreign_subnets(after).is_subset(&against_foreign_subnets(&before)),
            "only a report may add to these"
        );
    }
    assert!(administrators(after) > 0, "nobody could give anybody rights any more");
    if let Command::OpenSession { agent, seen } = &command {
        let fence = |state: &State| state.agent(agent).map(|agent| agent.fence);
        assert!(fence(after) > fence(&before) && fence(after) > Some(*seen));
    }
    (command, None)
}

/// Every change's inverse, the last first, restores the records.
fn goes_back(before: &State, after: &State, changes: &[Change]) {
    let inverse: Vec<_> = changes
        .iter()
        .rev()
        .map(|change| Change::stored(change.after().cloned(), change.before().cloned()).expect("both sides fit"))
        .collect();
    let mut back = after.clone();
    back.apply_changes(&inverse);
    assert_eq!(back.records().collect::<Vec<_>>(), before.records().collect::<Vec<_>>());
    assert_eq!(check(&back), Vec::<String>::new());
}

fn asking_again_changes_nothing(state: &State, command: &Command, now: Timestamp) {
    let mut command = command.clone();
    if let Some((_, etag)) = guarded(&mut command) {
        *etag = None;
    }
    let kind = kind(&command);
    if ["Update", "Record", "Report", "Revoke"].iter().any(|verb| kind.starts_with(verb))
        && kind != "RevokeOperatorCertificate"
    {
        assert_eq!(decide(state, &command, now), Ok(Vec::new()));
    }
}

/// Address by address, without the help of any range arithmetic.
fn no_address_twice(state: &State) {
    for (n, space) in (0..=42).flat_map(|n| state.spaces().keys().map(move |space| (n, space))) {
        let address = IpAddr::V4(address(n));
        let within =
            |ranges: &[AddressRange]| ranges.iter().filter(|r| r.start() <= address && address <= r.end()).count();
        let scopes: Vec<_> = state.scopes().values().filter(|scope| scope.space == *space).collect();
        let leased: usize = scopes.iter().map(|scope| within(&scope.pools())).sum();
        assert!(leased <= 1, "{address} is in {leased} pools of {space}");
        for scope in &scopes {
            let excluded = scope.exclusions.iter().any(|exclusion| within(&[exclusion.range]) > 0);
            let router = scope.options.routers().contains(&address);
            let wanted = within(&scope.ranges) > 0 && !excluded && !router;
            assert_eq!(within(&scope.pools()) > 0, wanted, "{address} in the pools of {}", scope.name);
        }
        let reserved: Vec<_> = state
            .reservations()
            .keys()
            .filter(|name| name.address == address && scopes.iter().any(|scope| scope.name == name.scope))
            .collect();
        assert!(reserved.len() <= 1, "{reserved:?} share an address of {space}");
    }
    let clients: BTreeSet<_> = state.reservations().values().map(|r| (&r.name.scope, &r.client)).collect();
    assert_eq!(clients.len(), state.reservations().len(), "two reservations for one client of one scope");
}

/// What is made of an address was free before, or was what it was made of.
fn given_addresses_were_free(before: &State, changes: &[Change]) {
    let gone: BTreeSet<_> = changes.iter().filter(|change| change.after().is_none()).map(place_of).collect();
    for made in changes.iter().filter(|change| change.before().is_none()) {
        let Some((_, address)) = place_of(made) else { continue };
        let space = match made.after() {
            Some(Record::Address(assignment)) => assignment.name.space.clone(),
            Some(Record::Reservation(reservation)) => match before.scope(&reservation.name.scope) {
                Some(scope) => scope.space.clone(),
                None => continue,
            },
            _ => continue,
        };
        let was = before.taken(&space, family(address)).contains(to_number(address));
        assert!(!was || gone.iter().flatten().any(|(_, other)| *other == address), "{address} was taken");
    }
}

/// The address that a change is about, with the record's kind.
fn place_of(change: &Change) -> Option<(&'static str, IpAddr)> {
    match change.key() {
        RecordKey::Address(name) => Some(("address", name.address)),
        RecordKey::Reservation(name) => Some(("reservation", name.address)),
        _ => None,
    }
}

fn obeyed_only_if_managed(state: &State) {
    for server in state.servers().values() {
        let wanted: Vec<_> = state
            .scopes()
            .values()
            .filter(|scope| {
                server.management == Management::Managed
                    && scope.status == ScopeStatus::Active
                    && scope.server.as_ref() == Some(&server.name)
            })
            .cloned()
            .collect();
        let reserved: Vec<_> = state
            .reservations()
            .values()
            .filter(|reservation| wanted.iter().any(|scope| scope.name == reservation.name.scope))
            .cloned()
            .collect();
        let desired = desired(state, &server.name);
        let served: Vec<_> = desired.scopes.into_iter().map(|served| served.scope).collect();
        assert_eq!((served, desired.reservations), (wanted, reserved));
    }
}

/// Active scopes that meet a subnet of their server's own.
fn against_foreign_subnets(state: &State) -> BTreeSet<(ServerName, ScopeName)> {
    let active = state.scopes().values().filter(|scope| scope.status == ScopeStatus::Active);
    let pairs = active.filter_map(|scope| Some((state.server(scope.server.as_ref()?)?, scope)));
    pairs
        .filter(|(server, scope)| server.foreign_subnet_against(scope).is_some())
        .map(|(server, scope)| (server.name.clone(), scope.name.clone()))
        .collect()
}

fn administrators(state: &State) -> usize {
    let administers = |roles: &BTreeSet<Role>| roles.contains(&Role::IpamAdministrator);
    state.operators().values().filter(|operator| !operator.disabled && administers(&operator.roles)).count()
}

/// The entries alone, and the records alone, give the same state.
fn comes_back(history: &History) {
    let mut replayed = State::default();
    for entry in &history.entries {
        replayed.apply(entry);
    }
    assert_eq!(replayed, history.state);

    let mut loading = Loading::default();
    history.state.records().for_each(|record| loading.record(record));
    for ((principal, id), request) in history.state.requests() {
        loading.request(principal.clone(), id.clone(), request.clone());
    }
    assert_eq!(loading.done(history.state.revision()), history.state);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_rules(steps in histories(200)) {
        let mut history = History::begin();
        for step in &steps {
            carry_out(&mut history, step);
        }
        comes_back(&history);
        files::nothing_comes_of_its_own_files(&history.state, history.now);
    }
}

/// The histories above are worth something: in 400 of them every command is carried out somewhere, and every
/// rule of the plan refuses something.
#[test]
fn histories_reach_every_command_and_most_refusals() {
    let mut runner = TestRunner::deterministic();
    let mut carried_out: BTreeMap<String, usize> = BTreeMap::new();
    let mut refused: BTreeMap<Reason, usize> = BTreeMap::new();
    for _ in 0..400 {
        let steps = histories(200).new_tree(&mut runner).expect("a history").current();
        let mut history = History::begin();
        for step in &steps {
            match carry_out(&mut history, step) {
                (command, None) => *carried_out.entry(kind(&command)).or_default() += 1,
                (_, Some(reason)) => *refused.entry(reason).or_default() += 1,
            }
        }
    }
    println!("carried out: {carried_out:#?}\nrefused: {refused:#?}");
    assert_eq!(carried_out.len(), 57, "commands that were carried out: {:?}", carried_out.keys());
    for reason in [
        Reason::PrefixOverlap,
        Reason::ScopeOverlap,
        Reason::ScopeOutsideNetwork,
        Reason::ExclusionOutsideScope,
        Reason::ExclusionOverlap,
        Reason::InvalidRange,
        Reason::AddressExcluded,
        Reason::AddressReserved,
        Reason::AddressNotUsable,
        Reason::AddressTaken,
        Reason::AddressLeased,
        Reason::AddressAnswers,
        Reason::SightingNotFound,
        Reason::ClientClaimed,
        Reason::ClientRequired,
        Reason::NotANetwork,
        Reason::NotAHold,
        Reason::HoldExpired,
        Reason::NoFreeAddress,
        Reason::AssignmentNotFound,
        Reason::ClientReserved,
        Reason::InUse,
        Reason::ServedByServerItself,
        Reason::NotSupportedByServer,
        Reason::LastAdministrator,
        Reason::EtagMismatch,
        Reason::DoesNotFit,
        Reason::NotJoinable,
        Reason::NotAContainer,
        Reason::NoFreeSubnet,
        Reason::InvalidFieldValue,
        Reason::FieldNotApplicable,
        Reason::RequiredFieldMissing,
        Reason::FieldDefinitionNotFound,
        Reason::ViewNotFound,
        Reason::InvalidFilter,
        Reason::TokenRefused,
        Reason::CertificateExpired,
        Reason::IdentityRevoked,
        Reason::AgentRefused,
    ] {
        assert!(refused.contains_key(&reason), "nothing was refused for {reason}");
    }
}
