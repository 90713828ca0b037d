//! Conflicts that are kept by the change are those that a look at everything finds, whatever happens to the plan and to leases.

use crate::draws::histories;
use crate::universe::{EtagChoice, Step, address, word};
use crate::{History, carry_out};
use freehold_core::State;
use freehold_core::bundle::{Hash, ResourceKey, ResourceKind};
use freehold_core::command::{Command, NewScope, ServerPatch};
use freehold_core::conflict::{Clash, Conflict, Conflicts, Facts, Watcher};
use freehold_core::lease::{Lease, LeaseBook, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::model::{Management, Rejection, SubnetId};
use freehold_core::name::{PrefixName, ServerName};
use freehold_core::text::Text;
use freehold_core::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

/// What happens: something is asked of the plan, or a server says something of a lease.
#[derive(Debug, Clone)]
enum Happening {
    Asked(Box<Step>),
    Leased { second: bool, event: LeaseEvent },
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let lease = (0u32..4, 0u8..16, 0u8..4, any::<bool>()).prop_map(|(scope, n, client, named)| Lease {
        address: address(n).into(),
        prefix_len: 32,
        subnet_id: SubnetId::FIRST.number() + scope,
        hardware: if client == 3 { Vec::new() } else { vec![2, 0, 0, 0, 0, client] },
        client_id: if named { vec![1, 2, 0, 0, 0, 0, client] } else { Vec::new() },
        duid: Vec::new(),
        iaid: 0,
        host_name: String::new(),
        cltt: Timestamp(0),
        valid_seconds: 60,
        state: if client == 3 { LeaseState::Declined } else { LeaseState::Granted },
    });
    let kind = prop_oneof![4 => Just(LeaseEventKind::Granted), 3 => Just(LeaseEventKind::Expired)];
    let leased = (any::<bool>(), lease, kind).prop_map(|(second, lease, kind)| Happening::Leased {
        second,
        event: LeaseEvent { kind, lease, observed: Timestamp(0), folded: 0 },
    });
    let pointed = select(pointed()).prop_map(|command| {
        let step = Step { command, etag: EtagChoice::Absent, wait: 0, request: None };
        Happening::Asked(Box::new(step))
    });
    let others = vec(prop_oneof![4 => leased, 1 => pointed], 0..150);
    (histories(120), others, vec(any::<bool>(), 270)).prop_map(|(steps, others, order)| {
        let mut steps = steps.into_iter().map(|step| Happening::Asked(Box::new(step)));
        let mut others = others.into_iter();
        let next = |first: bool| if first { steps.next().or_else(|| others.next()) } else { others.next() };
        order.into_iter().map_while(next).collect()
    })
}

/// Commands that histories draw too rarely together: a managed server that refuses, and that serves two spaces.
fn pointed() -> Vec<Command> {
    let patch = ServerPatch { management: Some(Management::Managed), description: None, confirm_seconds: None };
    let key = |kind, id: &str| ResourceKey { kind, id: id.to_owned() };
    let rejection = Rejection {
        hash: Hash([0; 16]),
        field: Text::default(),
        message: "no".to_owned(),
        at: Timestamp(0),
        lacking: None,
        instead: None,
    };
    let keys = [key(ResourceKind::Scope, "p"), key(ResourceKind::Reservation, "p/10.0.0.4")];
    vec![
        Command::UpdateServer { name: word("servers/a/kea4"), etag: None, patch },
        Command::RecordRejected {
            server: word("servers/a/kea4"),
            rejections: keys.map(|key| (key, rejection.clone())).into(),
            error: String::new(),
            bundle: None,
        },
        Command::CreateScope(NewScope {
            server: Some(word("servers/a/kea4")),
            ..NewScope::of(word("scopes/q"), PrefixName { space: word("spaces/other"), cidr: word("10.0.0.0/28") })
        }),
    ]
}

/// A form that is refused now and then: the rejections of the histories are of hashes 0 and 1.
fn form(state: &State, key: &ResourceKey) -> Option<Hash> {
    let record = state.record(&state.resource(key)?)?;
    Some(Hash([u8::try_from(format!("{record:?}").len() % 2).expect("0 or 1"); 16]))
}

/// What was found, times aside: those are of when it was found.
fn untimed(found: &Conflicts) -> Vec<(String, Conflict)> {
    let plain = |conflict: &Conflict| Conflict { since: Timestamp(0), first_seen: Timestamp(0), ..conflict.clone() };
    found.after(None).map(|(key, conflict)| (key.clone(), plain(conflict))).collect()
}

/// Follows a history; gives how many conflicts of each kind there ever were at once, summed over the steps.
fn follow(happenings: &[Happening]) -> BTreeMap<String, usize> {
    let mut history = History::begin();
    let mut book = LeaseBook::default();
    let mut watcher = Watcher::of(&Facts { state: &history.state, book: &book, form }, history.now);
    let mut counts = BTreeMap::new();
    for happening in happenings {
        match happening {
            Happening::Asked(step) => {
                let before = history.entries.len();
                carry_out(&mut history, step);
                let facts = Facts { state: &history.state, book: &book, form };
                let changes = history.entries[before..].iter().flat_map(|entry| entry.changes());
                changes.for_each(|change| watcher.changed(&facts, change));
            }
            Happening::Leased { second, event } => {
                let server: ServerName = word(if *second { "servers/b/kea4" } else { "servers/a/kea4" });
                let before = book.of(&server).and_then(|leases| leases.leases.get(&event.lease.address)).cloned();
                book.apply(&server, event);
                let facts = Facts { state: &history.state, book: &book, form };
                before.into_iter().for_each(|before| watcher.leased(&facts, &before));
                watcher.leased(&facts, &event.lease);
            }
        }
        let facts = Facts { state: &history.state, book: &book, form };
        watcher.refresh(&facts, history.now);
        let again = Watcher::of(&facts, history.now);
        assert_eq!(untimed(watcher.found()), untimed(again.found()), "after {happening:?}");
        for (kind, count) in watcher.found().counts() {
            *counts.entry(format!("{kind:?}")).or_default() += count;
        }
        for (_, conflict) in watcher.found().after(None) {
            assert_eq!(watcher.found().get(&conflict.name), Some(conflict));
            assert!(!conflict.clash.words(history.now).is_empty() && !conflict.clash.resolutions().is_empty());
            let by_a_server = !matches!(conflict.clash, Clash::Answers(_));
            assert!(!conflict.clash.places().is_empty() && by_a_server != conflict.clash.servers().is_empty());
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn conflicts_kept_by_the_change_are_those_of_a_look_at_everything(happenings in happenings()) {
        follow(&happenings);
    }
}

/// The histories above are worth something: every kind of conflict is in them.
#[test]
fn histories_reach_every_kind_of_conflict() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..60 {
        let happenings = happenings().new_tree(&mut runner).expect("a history").current();
        for (kind, count) in follow(&happenings) {
            *counts.entry(kind).or_default() += count;
        }
    }
    println!("{counts:#?}");
    assert_eq!(counts.len(), freehold_core::conflict::ConflictKind::ALL.len(), "{counts:?}");
}
