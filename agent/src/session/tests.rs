use super::machine::{Alarm, Apply, Barrier, Facts, Machine, Outcome, Output, reconnect_ms};
use super::memory::{Held, Memory, MemoryError, Probation, ServerMemory};
use freehold_core::bundle::{Bundle, Resource, ResourceKey, ResourceKind};
use freehold_core::lease::LeaseCursor;
use freehold_core::time::{Now, Revision, StorePoint, Timestamp};
use freehold_proto::bundle::{wire, wire_ref};
use freehold_proto::convert::point;
use freehold_proto::sync::change_ack::Phase;
use freehold_proto::sync::resource_result::Code;
use freehold_proto::sync::session_request::Message as Up;
use freehold_proto::sync::session_response::Message as Down;
use freehold_proto::sync::{
    ApplyState, Bookmark, ChangeAck, ChangeSet, DriftDecision, GoAway, Hello, InventoryRequest, ResourceResult,
    ServerReport, SessionResponse, Welcome, drift_decision,
};
use proptest::prelude::*;
use std::sync::Arc;

mod confirm;
mod previews;
mod probing;

const STORE: [u8; 16] = [7; 16];
const BOOT: [u8; 16] = [3; 16];

fn at(ticks: u64) -> Now {
    Now { ticks, wall: Timestamp(1_000_000) }
}

fn store_point(incarnation: u64, revision: u64) -> StorePoint {
    StorePoint { store: STORE, incarnation, revision: Revision(revision) }
}

/// A bundle of scopes, each `id` with the body `id:version`.
fn bundle_of(ids: &[(&str, &str)]) -> Bundle {
    let resource = |(id, version): &(&str, &str)| {
        let key = ResourceKey { kind: ResourceKind::Scope, id: (*id).into() };
        (key, Resource::new(format!("{id}:{version}").into_bytes()))
    };
    Bundle::new(ids.iter().map(resource).collect())
}

/// What an agent knows that applied `bundle` at (1, 10) under fence 4.
fn memory_of(bundle: Option<&Bundle>) -> Memory {
    let applied = bundle.map(|bundle| Held::new(bundle.clone()));
    Memory {
        store: Some(STORE),
        max_fence: 4,
        obeyed: [("kea4".to_owned(), store_point(1, 10))].into(),
        servers: [("kea4".to_owned(), ServerMemory { applied, staged: None, ..ServerMemory::default() })].into(),
    }
}

struct Bench(Machine);

impl Bench {
    fn new(memory: Memory) -> Self {
        let mut machine = Machine::new(memory, BOOT, "0.1", at(0));
        let observed = machine.memory().servers.get("kea4").and_then(|server| server.applied.as_ref());
        let observed = Some(observed.map_or(Bundle::default().digest(), |held| held.digest));
        let report = ServerReport { server_id: "kea4".into(), kind: "kea-dhcp4".into(), ..ServerReport::default() };
        machine.observe(at(0), "kea4", Facts { report, observed, spool_last_seq: 12, ..Facts::default() });
        Self(machine)
    }

    /// Welcomed under fence 5 by a controller at `now`.
    fn welcomed(memory: Memory, now: StorePoint) -> (Self, Vec<Output>) {
        let mut bench = Self::new(memory);
        bench.0.tick(at(0));
        bench.0.connected(at(1));
        bench.all();
        let outputs = bench.hear(Down::Welcome(welcome(now, 5)));
        (bench, outputs)
    }

    fn hear(&mut self, message: Down) -> Vec<Output> {
        self.0.receive(at(10), SessionResponse { message: Some(message) });
        self.all()
    }

    fn all(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.0.poll()).collect()
    }

    fn outcome(&mut self, outcome: Outcome) -> Vec<Output> {
        self.0.outcome(at(20), "kea4", outcome);
        self.all()
    }
}

fn welcome(now: StorePoint, fence: u64) -> Welcome {
    Welcome { now: Some(point::message(&now)), fence, protocol: 1, heartbeat_seconds: 20, ..Welcome::default() }
}

/// The change from `from` to `to` under fence 5 for (1, 11), in one part.
fn change(change_id: u64, from: Option<&Bundle>, to: &Bundle) -> ChangeSet {
    let difference = from.unwrap_or(&Bundle::default()).diff(to);
    ChangeSet {
        server_id: "kea4".into(),
        change_id,
        fence: 5,
        target: Some(point::message(&store_point(1, 11))),
        from_digest: from.map(|bundle| bundle.digest().0.to_vec()).unwrap_or_default(),
        to_digest: to.digest().0.to_vec(),
        upserts: difference.upserts.iter().map(|(key, resource)| wire(key, resource)).collect(),
        removes: difference.removes.iter().map(wire_ref).collect(),
        part: 0,
        parts: 1,
        confirm_within_seconds: 0,
    }
}

fn applied(bundle: &Bundle) -> Outcome {
    listed(bundle, Some(1))
}

/// Applied, with 77 lease events before it, when the store's incarnation `listed` was given a full listing.
fn listed(bundle: &Bundle, listed: Option<u64>) -> Outcome {
    let barrier = Barrier { at: LeaseCursor { epoch: [2; 16], next_seq: 78 }, listed };
    Outcome::Applied { digest: bundle.digest(), barrier: Some(barrier), server_ms: 5 }
}

/// The barrier of an answer, as it says it.
fn barrier(ack: &ChangeAck) -> (&[u8], u64) {
    (&ack.lease_epoch, ack.lease_seq)
}

fn apply(bundle: &Bundle) -> Output {
    Output::Apply(Apply { server: "kea4".into(), digest: bundle.digest(), bundle: Arc::new(bundle.clone()) })
}

fn ack(output: &Output) -> &ChangeAck {
    match output {
        Output::Send(message) => match &message.message {
            Some(Up::Ack(ack)) => ack,
            other => panic!("no answer: {other:?}"),
        },
        other => panic!("no answer: {other:?}"),
    }
}

/// The words for what was put out, with the files that were written.
fn words(outputs: &[Output]) -> Vec<String> {
    let word = |output: &Output| match output {
        Output::Persist(write) => write.name.clone(),
        Output::Send(message) => match message.message.as_ref().expect("a message") {
            Up::Ack(ack) => format!("{:?}", ack.phase()),
            Up::Hello(_) => "Hello".into(),
            Up::Inventory(_) => "Inventory".into(),
            Up::Drift(_) => "Drift".into(),
            Up::Health(_) => "Health".into(),
            Up::Server(_) => "Server".into(),
            Up::Probe(_) => "Probe".into(),
            Up::Preview(_) => "Preview".into(),
        },
        Output::Apply(_) => "Apply".into(),
        Output::Alarm(_) => "Alarm".into(),
        Output::HangUp => "HangUp".into(),
        Output::Dial => "Dial".into(),
        Output::Trust(_) => "Trust".into(),
        Output::Probe(_) => "Probe".into(),
        Output::Preview(_) => "Preview".into(),
    };
    outputs.iter().map(word).collect()
}

#[test]
fn p5_the_greeting_is_out_before_anything_is_awaited_and_says_what_is_known() {
    let bundle = bundle_of(&[("a", "1")]);
    let mut bench = Bench::new(memory_of(Some(&bundle)));
    bench.0.tick(at(0));
    assert_eq!(bench.all(), [Output::Dial]);
    bench.0.connected(at(1));
    let outputs = bench.all();
    let [Output::Send(message)] = &outputs[..] else { panic!("{outputs:?}") };
    let Some(Up::Hello(Hello { boot_id, max_fence_seen, servers, .. })) = &message.message else { panic!() };
    assert_eq!((boot_id.as_slice(), *max_fence_seen), (&BOOT[..], 4));
    assert_eq!(servers[0].obeyed, Some(point::message(&store_point(1, 10))));
    assert_eq!(servers[0].applied_digest, bundle.digest().0);
    assert_eq!(servers[0].spool_last_seq, 12);
}

#[test]
fn p2_another_store_is_refused_even_though_its_certificate_was_good() {
    let foreign = StorePoint { store: [9; 16], ..store_point(9, 99) };
    let (bench, outputs) = Bench::welcomed(memory_of(None), foreign);
    assert_eq!(outputs, [Output::Alarm(Alarm::ForeignStore { store: vec![9; 16] }), Output::HangUp]);
    assert_eq!(bench.0.memory(), &memory_of(None));
}

#[test]
fn p2_the_first_store_is_kept() {
    let (bench, outputs) = Bench::welcomed(Memory::default(), store_point(1, 1));
    assert_eq!(words(&outputs), ["agent.memory"]);
    assert_eq!((bench.0.memory().store, bench.0.memory().max_fence), (Some(STORE), 5));
}

#[test]
fn p6_the_fence_is_durable_before_it_is_obeyed_and_none_lower_is() {
    let (mut bench, outputs) = Bench::welcomed(memory_of(None), store_point(1, 20));
    assert_eq!(words(&outputs), ["agent.memory"]);
    let stale = ChangeSet { fence: 4, ..change(1, None, &bundle_of(&[("a", "1")])) };
    assert_eq!(bench.hear(Down::Change(stale)), [Output::Alarm(Alarm::StaleFence { fence: 4 })]);
    let left_over = welcome(store_point(1, 12), 4);
    assert_eq!(bench.hear(Down::Welcome(left_over)), [Output::Alarm(Alarm::StaleFence { fence: 4 })]);
    assert_eq!(bench.0.memory().max_fence, 5);
}

#[test]
fn p2_nothing_from_before_what_was_obeyed_is_obeyed() {
    let (mut bench, _) = Bench::welcomed(memory_of(None), store_point(1, 20));
    let mut old = change(1, None, &bundle_of(&[("a", "1")]));
    old.target = Some(point::message(&store_point(1, 9)));
    assert_eq!(words(&bench.hear(Down::Change(old))), ["Alarm", "HangUp"]);
}

#[test]
fn p3_a_controller_that_is_behind_is_not_obeyed_until_its_incarnation_rises() {
    let bundle = bundle_of(&[("a", "1")]);
    let mut memory = memory_of(None);
    memory.obeyed.insert("kea6".into(), store_point(1, 50));
    let behind = Alarm::Regression { now: store_point(1, 20), obeyed: store_point(1, 50) };
    let (mut bench, outputs) = Bench::welcomed(memory.clone(), store_point(1, 20));
    assert_eq!(outputs.last(), Some(&Output::Alarm(behind)));
    assert_eq!(words(&bench.hear(Down::Change(change(1, None, &bundle)))), ["Alarm", "HangUp"]);

    let (mut bench, _) = Bench::welcomed(memory, store_point(1, 20));
    let mut repaired = change(1, None, &bundle);
    repaired.target = Some(point::message(&store_point(2, 20)));
    assert_eq!(words(&bench.hear(Down::Change(repaired)))[..2], ["agent.memory", "server-kea4.memory"]);
}

#[test]
fn p9_a_change_is_durable_before_it_is_staged_and_proven_before_it_is_applied() {
    let (held, wanted) = (bundle_of(&[("a", "1"), ("b", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
    let outputs = bench.hear(Down::Change(change(1, Some(&held), &wanted)));
    assert_eq!(words(&outputs), ["agent.memory", "server-kea4.memory", "Staged", "Apply"]);
    assert_eq!(outputs[3], apply(&wanted));
    assert_eq!(ack(&outputs[2]).digest, wanted.digest().0);

    let outputs = bench.outcome(applied(&wanted));
    assert_eq!(words(&outputs), ["server-kea4.memory", "Applied"]);
    assert_eq!((&ack(&outputs[1]).digest[..], barrier(ack(&outputs[1]))), (&wanted.digest().0[..], (&[2; 16][..], 77)));
    let expected = ServerMemory { applied: Some(Held::new(wanted)), staged: None, ..ServerMemory::default() };
    assert_eq!(bench.0.memory().servers["kea4"], expected);
    assert_eq!(bench.0.memory().obeyed["kea4"], store_point(1, 11));
}

#[test]
fn p9_the_answer_says_what_was_read_back() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
    bench.hear(Down::Change(change(1, Some(&held), &wanted)));
    let outputs = bench.outcome(applied(&held));
    assert_eq!(ack(&outputs[1]).digest, held.digest().0);
    assert_eq!(bench.0.memory().servers["kea4"].applied, Some(Held::new(held)));
}

#[test]
fn p9_what_does_not_fit_or_does_not_add_up_asks_for_a_snapshot_and_touches_nothing() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let good = change(1, Some(&held), &wanted);
    let from_elsewhere = ChangeSet { from_digest: vec![1; 32], ..good.clone() };
    let wrong_sum = ChangeSet { to_digest: vec![1; 32], ..good.clone() };
    let mut flipped = good.clone();
    flipped.upserts[0].body[0] ^= 1;
    let starts_late = ChangeSet { part: 1, parts: 2, ..good };
    for bad in [from_elsewhere, wrong_sum, flipped, starts_late] {
        let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
        let before = bench.0.memory().clone();
        assert_eq!(words(&bench.hear(Down::Change(bad.clone()))), ["NeedSnapshot"]);
        assert_eq!(bench.hear(Down::Change(bad)), [], "one answer a change set");
        assert_eq!(bench.0.memory(), &before);
    }
}

#[test]
fn p11_a_resource_that_needs_more_than_this_version_has_is_refused_by_name() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "1"), ("b", "1")]));
    let mut change = change(1, Some(&held), &wanted);
    change.upserts[0].required_features.push("scope.v9".into());
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
    let outputs = bench.hear(Down::Change(change));
    assert_eq!(words(&outputs), ["Rejected"]);
    let [result] = &ack(&outputs[0]).results[..] else { panic!() };
    assert_eq!((result.id.as_str(), result.code()), ("b", Code::Unsupported));
}

#[test]
fn p12_parts_are_applied_only_when_all_are_there() {
    let wanted = bundle_of(&[("a", "1"), ("b", "1"), ("c", "1")]);
    let whole = change(1, None, &wanted);
    let part = |number: u32| ChangeSet {
        part: number,
        parts: 3,
        upserts: vec![whole.upserts[number as usize].clone()],
        ..whole.clone()
    };
    let (mut bench, _) = Bench::welcomed(memory_of(None), store_point(1, 20));
    assert_eq!(bench.hear(Down::Change(part(0))), []);
    assert_eq!(bench.hear(Down::Change(part(1))), []);
    assert_eq!(bench.hear(Down::Change(part(1))), [], "a part that comes twice");
    // The line breaks in the middle, and everything begins anew.
    bench.0.lost(at(50), 0);
    bench.0.tick(at(50));
    bench.0.connected(at(51));
    bench.hear(Down::Welcome(welcome(store_point(1, 21), 5)));
    bench.all();
    assert_eq!(words(&bench.hear(Down::Change(part(2)))), ["NeedSnapshot"]);
    let again = |number| ChangeSet { change_id: 2, ..part(number) };
    bench.hear(Down::Change(again(0)));
    bench.hear(Down::Change(again(1)));
    assert_eq!(words(&bench.hear(Down::Change(again(2)))).last().map(String::as_str), Some("Apply"));
}

#[test]
fn the_same_digest_again_is_proven_anew() {
    let bundle = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&bundle)), store_point(1, 20));
    let outputs = bench.hear(Down::Change(change(1, None, &bundle)));
    assert_eq!(words(&outputs), ["agent.memory", "Apply"]);
    let outputs = bench.outcome(applied(&bundle));
    assert_eq!(words(&outputs), ["Applied"]);
    assert_eq!((&ack(&outputs[0]).digest[..], barrier(ack(&outputs[0]))), (&bundle.digest().0[..], (&[2; 16][..], 77)));
}

#[test]
fn p16_there_is_no_barrier_while_a_listing_is_owed() {
    let bundle = bundle_of(&[("a", "1")]);
    for owed in [None, Some(2)] {
        let (mut bench, _) = Bench::welcomed(memory_of(Some(&bundle)), store_point(1, 20));
        bench.hear(Down::Change(change(1, None, &bundle)));
        let outputs = bench.outcome(listed(&bundle, owed));
        assert_eq!(barrier(ack(&outputs[0])), (&[][..], 0), "{owed:?}");
    }
}

#[test]
fn p10_what_is_refused_is_told_beside_what_runs() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2"), ("b", "1")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
    bench.hear(Down::Change(change(1, Some(&held), &wanted)));
    let refused = |id: &str| ResourceResult { kind: "scope".into(), id: id.into(), ..ResourceResult::default() };
    let results = vec![refused("a"), refused("b")];
    let outputs = bench.outcome(Outcome::Rejected { results, error: "no".into() });
    let runs = |output: &Output| ack(output).results.iter().map(|result| result.runs.clone()).collect::<Vec<_>>();
    assert_eq!(runs(outputs.last().expect("an answer")), [b"a:1".to_vec(), Vec::new()]);
}

#[test]
fn p9_while_a_change_is_applied_another_one_is_told_to_wait() {
    let (first, second) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::welcomed(memory_of(None), store_point(1, 20));
    bench.hear(Down::Change(change(1, None, &first)));
    assert_eq!(bench.hear(Down::Change(change(1, None, &first))), [], "the same once more");
    assert_eq!(words(&bench.hear(Down::Change(change(2, None, &second)))), ["Busy"]);
}

#[test]
fn p13_a_staged_change_goes_on_after_a_crash_before_anybody_is_asked() {
    let (held, staged) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let mut memory = memory_of(Some(&held));
    memory.servers.get_mut("kea4").expect("there").staged = Some(Held::new(staged.clone()));
    let mut bench = Bench::new(memory);
    assert_eq!(bench.all(), [apply(&staged)]);
    assert_eq!(words(&bench.outcome(applied(&staged))), ["server-kea4.memory"]);
    assert_eq!(bench.0.memory().servers["kea4"].applied, Some(Held::new(staged)));
}

#[test]
fn an_answer_on_another_connection_than_its_change_came_on_names_no_change() {
    let wanted = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::welcomed(memory_of(None), store_point(1, 20));
    bench.hear(Down::Change(change(1, None, &wanted)));
    bench.0.lost(at(50), 0);
    bench.0.tick(at(50));
    bench.0.connected(at(51));
    bench.hear(Down::Welcome(welcome(store_point(1, 21), 6)));
    let outputs = bench.outcome(applied(&wanted));
    assert_eq!(words(&outputs), ["server-kea4.memory", "Applied"]);
    assert_eq!((ack(&outputs[1]).change_id, &ack(&outputs[1]).digest[..]), (0, &wanted.digest().0[..]));
}

#[test]
fn what_came_of_a_change_of_an_earlier_line_is_told_once_somebody_listens() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
    bench.hear(Down::Change(change(1, Some(&held), &wanted)));
    bench.0.lost(at(50), 0);
    bench.0.tick(at(50));
    bench.0.connected(at(51));
    let greeting = bench.all();
    let Some(Output::Send(message)) = greeting.last() else { panic!("{greeting:?}") };
    let Some(Up::Hello(hello)) = &message.message else { panic!("{message:?}") };
    assert_eq!(
        (hello.servers[0].state(), &hello.servers[0].applied_digest[..]),
        (ApplyState::Applying, &held.digest().0[..])
    );
    assert_eq!(words(&bench.outcome(applied(&wanted))), ["server-kea4.memory"], "greeted, not yet welcomed");
    let outputs = bench.hear(Down::Welcome(welcome(store_point(1, 21), 6)));
    assert_eq!(words(&outputs), ["agent.memory", "Applied"]);
    assert_eq!((ack(&outputs[1]).change_id, &ack(&outputs[1]).digest[..]), (0, &wanted.digest().0[..]));

    // The next greeting says it by itself.
    bench.0.lost(at(60), 0);
    bench.0.tick(at(60));
    bench.0.connected(at(61));
    bench.all();
    assert_eq!(words(&bench.hear(Down::Welcome(welcome(store_point(1, 21), 7)))), ["agent.memory"]);
}

#[test]
fn failures_are_told_and_leave_what_was_applied() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let error = || "no".to_owned();
    for (outcome, phase) in [
        (Outcome::Rejected { results: vec![], error: error() }, Phase::Rejected),
        (Outcome::RolledBack { results: vec![], error: error() }, Phase::FailedRolledBack),
        (Outcome::Dirty { error: error() }, Phase::FailedDirty),
    ] {
        let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
        bench.hear(Down::Change(change(1, Some(&held), &wanted)));
        let outputs = bench.outcome(outcome);
        assert_eq!((ack(&outputs[1]).phase(), ack(&outputs[1]).server_error.as_str()), (phase, "no"));
        let expected = ServerMemory { applied: Some(Held::new(held.clone())), staged: None, ..ServerMemory::default() };
        assert_eq!(bench.0.memory().servers["kea4"], expected);
    }
}

#[test]
fn p7_a_bookmark_moves_the_point_obeyed_and_never_back() {
    let bundle = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&bundle)), store_point(1, 20));
    let mark = |revision, digest: &[u8]| {
        let at = Some(point::message(&store_point(1, revision)));
        Down::Bookmark(Bookmark { server_id: "kea4".into(), at, digest: digest.to_vec() })
    };
    assert_eq!(words(&bench.hear(mark(15, &bundle.digest().0))), ["agent.memory"]);
    assert_eq!(words(&bench.hear(mark(12, &bundle.digest().0))), ["Alarm"]);
    assert_eq!(bench.hear(mark(18, &[0; 32])), [], "not what is held");
    assert_eq!(bench.0.memory().obeyed["kea4"], store_point(1, 15));
}

#[test]
fn p7_an_inventory_of_many_comes_in_parts() {
    let ids: Vec<_> = (0..10_000).map(|n| format!("s{n}")).collect();
    let bundle = bundle_of(&ids.iter().map(|id| (id.as_str(), "1")).collect::<Vec<_>>());
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&bundle)), store_point(1, 20));
    let outputs = bench.hear(Down::InventoryRequest(InventoryRequest { server_id: "kea4".into() }));
    let part = |output: &Output| match output {
        Output::Send(message) => match &message.message {
            Some(Up::Inventory(inventory)) => (inventory.held.len(), inventory.last),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(outputs.iter().map(part).collect::<Vec<_>>(), [(8192, false), (1808, true)]);
}

#[test]
fn p8_a_sign_of_life_goes_out_as_often_as_asked() {
    let (mut bench, _) = Bench::welcomed(memory_of(None), store_point(1, 20));
    assert_eq!(bench.0.deadline(), Some(20_010));
    bench.0.tick(at(20_009));
    assert_eq!(bench.all(), []);
    bench.0.tick(at(20_010));
    assert_eq!(words(&bench.all()), ["Health"]);
    assert_eq!(bench.0.deadline(), Some(40_010));
}

#[test]
fn a_drift_is_told_once_and_overwritten_only_when_decided() {
    let (held, other) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "x")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 20));
    let drifted = || Facts {
        report: ServerReport { server_id: "kea4".into(), kind: "kea-dhcp4".into(), ..ServerReport::default() },
        observed: Some(other.digest()),
        ..Facts::default()
    };
    bench.0.observe(at(10), "kea4", drifted());
    assert_eq!(words(&bench.all()), ["Drift"]);
    bench.0.observe(at(10), "kea4", drifted());
    assert_eq!(bench.all(), []);
    let decide = |action: drift_decision::Action, observed: &Bundle| {
        let observed_digest = observed.digest().0.to_vec();
        Down::Drift(DriftDecision { server_id: "kea4".into(), observed_digest, action: action.into() })
    };
    assert_eq!(bench.hear(decide(drift_decision::Action::Hold, &other)), []);
    assert_eq!(bench.hear(decide(drift_decision::Action::Overwrite, &held)), [], "decided about another drift");
    assert_eq!(bench.hear(decide(drift_decision::Action::Overwrite, &other)), [apply(&held)]);
    let outputs = bench.outcome(applied(&held));
    assert_eq!(
        (ack(&outputs[0]).change_id, ack(&outputs[0]).phase()),
        (0, Phase::Applied),
        "whoever decided hears of it"
    );
    bench.0.observe(at(10), "kea4", Facts { observed: Some(held.digest()), ..drifted() });
    assert_eq!(words(&bench.all()), ["Drift"], "it is over");
    bench.0.observe(at(10), "kea4", drifted());
    bench.all();
    bench.0.observe(at(10), "kea4", Facts { observed: None, ..drifted() });
    assert_eq!(bench.all(), [], "a server that does not answer may still run it");
}

#[test]
fn p15_p25_when_the_controller_is_gone_the_agent_waits_and_keeps_what_it_has() {
    let bundle = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&bundle)), store_point(1, 20));
    let known = bench.0.memory().clone();
    let away = GoAway { retry_after_ms: 5000, ..GoAway::default() };
    assert_eq!(words(&bench.hear(Down::GoAway(away))), ["Alarm", "HangUp"]);
    bench.0.lost(at(100), 1234);
    assert_eq!(bench.0.dials_at(), Some(100 + 5000 + 1234));
    for failures in 1..20 {
        let dials = bench.0.dials_at().expect("it waits");
        bench.0.tick(at(dials));
        assert_eq!(bench.all(), [Output::Dial]);
        bench.0.lost(at(dials), u64::MAX - 1);
        assert_eq!(bench.0.dials_at(), Some(dials + reconnect_ms(failures, 0, u64::MAX - 1)));
    }
    assert_eq!(bench.0.memory(), &known);
}

proptest! {
    #[test]
    fn p25_waits_are_all_jitter_and_bounded(failures in 0u32..100, retry_after in 0u32..100_000, random: u64) {
        let most = match failures { 0 => 30_000, n => (1000u64 << (n - 1).min(20)).min(45_000) };
        let wait = reconnect_ms(failures, retry_after, random);
        prop_assert!(wait >= u64::from(retry_after) && wait <= u64::from(retry_after) + most);
        prop_assert_eq!(reconnect_ms(failures, retry_after, most), u64::from(retry_after) + most);
    }

    /// P25 and I5: whatever an agent was waiting for when the line healed, it is back within a minute.
    #[test]
    fn p25_a_line_that_healed_is_used_again_within_a_minute(failures in 1u32..100, random: u64) {
        let try_under_way = 10_000;
        prop_assert!(try_under_way + reconnect_ms(failures, 0, random) < 60_000);
    }

    #[test]
    fn a_memory_reads_back_as_it_was_written(fence: u64, revision: u64, versions in proptest::collection::vec("[a-z]{0,3}", 0..5)) {
        let ids: Vec<_> = versions.iter().enumerate().map(|(n, version)| (format!("s{n}"), version.clone())).collect();
        let bundle = bundle_of(&ids.iter().map(|(id, version)| (id.as_str(), version.as_str())).collect::<Vec<_>>());
        let mut memory = memory_of(Some(&bundle));
        memory.max_fence = fence;
        memory.obeyed.insert("kea4".into(), store_point(2, revision));
        let server = memory.servers.entry("kea4".into()).or_default();
        server.staged = Some(Held::new(Bundle::default()));
        server.unconfirmed = (fence % 2 == 0).then(|| bundle.digest());
        server.probation = (fence % 3 == 0).then(|| Probation {
            before: Held::new(bundle.clone()),
            to: Bundle::default().digest(),
            seconds: 30,
        });
        let files = [memory.write_self(), memory.write_server("kea4")];
        let read = Memory::load(files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())));
        prop_assert_eq!(read, Ok(memory));
    }

    #[test]
    fn a_damaged_memory_is_never_taken_for_an_empty_one(at in 0usize..200, bit in 0u8..8, cut in 0usize..200) {
        for file in [memory_of(None).write_self(), memory_of(Some(&bundle_of(&[("a", "1")]))).write_server("kea4")] {
            let load = |bytes: &[u8]| Memory::load([(file.name.as_str(), bytes)]);
            let mut flipped = file.bytes.clone();
            let at = at % flipped.len();
            flipped[at] ^= 1 << bit;
            prop_assert!(load(&flipped).is_err());
            prop_assert!(load(&file.bytes[..cut % file.bytes.len()]).is_err());
        }
    }
}

/// Files that agents in the field have: this form does not change.
#[test]
fn the_stored_form_is_frozen() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let memory = memory_of(Some(&bundle_of(&[("a", "1")])));
    let body = |bytes: &[u8]| hex(&bytes[37..]);
    let own = memory.write_self();
    assert_eq!(own.name, "agent.memory");
    assert_eq!(hex(&own.bytes[..5]), "4648414d01");
    assert_eq!(
        body(&own.bytes),
        "0a100707070707070707070707070707070710041a1e0a046b65613412160a1007070707070707070707070707070707\
         1001180a"
    );
    let server = memory.write_server("kea4");
    assert_eq!(server.name, "server-kea4.memory");
    assert_eq!(
        body(&server.bytes),
        "0a2d0a2b0a0573636f70651201611a102b2c40a6706d9e5f320d5536283138332203613a312a0873636f70652e7631"
    );
}

#[test]
fn a_memory_of_a_later_version_says_so() {
    let mut file = memory_of(None).write_self();
    file.bytes[4] = 2;
    let read = Memory::load([(file.name.as_str(), file.bytes.as_slice())]);
    assert_eq!(read, Err(MemoryError::Foreign("agent.memory".into())));
}

mod uploading {
    use super::super::upload::{Output, STALLED_MS, Spool, Upload};
    use super::at;
    use freehold_proto::sync::upload_leases_request::Message as Up;
    use freehold_proto::sync::upload_leases_response::Message as Down;
    use freehold_proto::sync::{
        BatchAck, LeaseEvent, ResyncAck, ResyncBegin, ResyncRequest, Rewind, UploadLeasesResponse, UploadWelcome,
    };

    fn spool(first_seq: u64, last_seq: u64) -> Spool {
        Spool { epoch: [4; 16], first_seq, last_seq, acked_seq: 0, listed: Some(1) }
    }

    fn event(n: u64) -> LeaseEvent {
        LeaseEvent {
            observed_ms: i64::try_from(n).expect("small"),
            host_name: "x".repeat(100),
            ..LeaseEvent::default()
        }
    }

    struct Bench {
        upload: Upload,
        /// Reads are answered at once.
        eager: bool,
    }

    impl Bench {
        fn welcomed(spool: Spool, next_seq: u64, resync_required: bool) -> (Self, Vec<Output>) {
            let mut bench = Self { upload: Upload::new("kea4", spool, 1, at(0)), eager: true };
            assert!(matches!(bench.all(0)[..], [Output::Send(_)]), "the greeting");
            let welcome = UploadWelcome { next_seq, window_batches: 4, batch_bytes: 262_144, resync_required };
            let outputs = bench.hear(1, Down::Welcome(welcome));
            (bench, outputs)
        }

        fn hear(&mut self, ticks: u64, message: Down) -> Vec<Output> {
            self.upload.receive(at(ticks), UploadLeasesResponse { message: Some(message) });
            self.all(ticks)
        }

        fn all(&mut self, ticks: u64) -> Vec<Output> {
            let mut outputs = Vec::new();
            while let Some(output) = self.upload.poll() {
                match output {
                    Output::Read { from, most } if self.eager => {
                        let events = (from..from + most as u64).take_while(|seq| *seq <= 10_000).map(event);
                        self.upload.read(at(ticks), from, events.collect());
                    }
                    other => outputs.push(other),
                }
            }
            outputs
        }
    }

    /// The batches that were sent, as (first, count).
    fn batches(outputs: &[Output]) -> Vec<(u64, usize)> {
        let batch = |output: &Output| match output {
            Output::Send(message) => match &message.message {
                Some(Up::Batch(batch)) => Some((batch.first_seq, batch.events.len())),
                _ => None,
            },
            _ => None,
        };
        outputs.iter().filter_map(batch).collect()
    }

    fn ack(acked_seq: u64, min_interval_ms: u32) -> Down {
        Down::Ack(BatchAck { acked_seq, window_batches: 4, min_interval_ms })
    }

    #[test]
    fn p22_no_more_than_the_window_is_under_way() {
        let (mut bench, outputs) = Bench::welcomed(spool(1, 10_000), 1, false);
        assert_eq!(batches(&outputs), [(1, 500), (501, 500), (1001, 500), (1501, 500)]);
        let outputs = bench.hear(2, ack(1000, 0));
        assert!(outputs.contains(&Output::Acknowledged(1000)));
        assert_eq!(batches(&outputs), [(2001, 500), (2501, 500)]);
        assert_eq!(batches(&bench.hear(3, ack(1500, 700))), [], "the controller asks for a pause");
        assert_eq!(bench.upload.deadline(), Some(703));
        bench.upload.tick(at(703));
        assert_eq!(batches(&bench.all(703)), [(3001, 500)]);
    }

    #[test]
    fn p22_a_batch_has_no_more_bytes_than_allowed() {
        let mut bench = Bench { upload: Upload::new("kea4", spool(1, 10_000), 1, at(0)), eager: true };
        bench.all(0);
        let welcome = UploadWelcome { next_seq: 1, window_batches: 1, batch_bytes: 2000, resync_required: false };
        let [(1, count)] = batches(&bench.hear(1, Down::Welcome(welcome)))[..] else { panic!() };
        assert!((10..20).contains(&count), "{count} events of a little over 100 bytes");
    }

    #[test]
    fn p18_a_rewind_goes_back_and_what_was_read_ahead_is_dropped() {
        let (mut bench, _) = Bench::welcomed(spool(1, 10_000), 1, false);
        assert_eq!(batches(&bench.hear(2, Down::Rewind(Rewind { next_seq: 501 })))[..2], [(501, 500), (1001, 500)]);
        bench.eager = false;
        bench.hear(3, ack(1000, 0));
        bench.hear(4, Down::Rewind(Rewind { next_seq: 11 }));
        bench.upload.read(at(5), 2501, vec![event(2501)]);
        assert_eq!(bench.all(5), [Output::Read { from: 11, most: 500 }]);
    }

    #[test]
    fn p20_a_rewind_beyond_the_grace_window_is_settled_by_a_new_greeting() {
        let (mut bench, _) = Bench::welcomed(spool(100, 200), 150, false);
        assert_eq!(bench.hear(2, Down::Rewind(Rewind { next_seq: 99 })), [Output::HangUp]);
        assert_eq!(bench.upload.deadline(), None);
    }

    #[test]
    fn p17_a_spool_that_lost_its_tail_begins_anew() {
        let (_, outputs) = Bench::welcomed(spool(1, 20), 30, true);
        assert_eq!(outputs, [Output::NewEpoch, Output::HangUp]);
    }

    #[test]
    fn p21_a_listing_that_is_owed_is_noted_first_and_begun_before_later_events() {
        let (mut bench, outputs) = Bench::welcomed(spool(1, 20), 1, true);
        assert_eq!(outputs[0], Output::Listed(None));
        let Output::Send(begin) = &outputs[1] else { panic!() };
        assert_eq!(begin.message, Some(Up::ResyncBegin(ResyncBegin { resync_id: 1, as_of_seq: 20 })));
        assert_eq!(outputs[2], Output::List(1));
        bench.upload.listed(1, vec![event(1), event(2)]);
        bench.upload.listed(9, vec![event(3)]);
        bench.upload.listing_done(at(5), 1, true);
        let outputs = bench.all(5);
        let Some(Output::Send(end)) = outputs.last() else { panic!() };
        let Some(Up::ResyncEnd(end)) = &end.message else { panic!() };
        assert_eq!((end.count, end.source_complete), (2, true));
        let held = ResyncAck { resync_id: 1, held_for_operator: true, ..ResyncAck::default() };
        assert_eq!(bench.hear(6, Down::ResyncAck(held)), []);
        let done = ResyncAck { resync_id: 1, applied: true, ..ResyncAck::default() };
        assert_eq!(bench.hear(9, Down::ResyncAck(done)), [Output::Listed(Some(1))]);
    }

    #[test]
    fn p21_a_listing_is_owed_to_a_restored_store_and_to_one_that_forgot() {
        let restored = Spool { listed: Some(7), ..spool(1, 0) };
        let forgot = Spool { acked_seq: 15, ..spool(1, 20) };
        let fresh = Spool { listed: None, ..spool(1, 0) };
        for (spool, next_seq, listed) in
            [(restored, 1, true), (forgot, 11, true), (fresh, 1, true), (spool(1, 0), 1, false)]
        {
            let (_, outputs) = Bench::welcomed(spool, next_seq, false);
            assert_eq!(outputs.contains(&Output::List(1)), listed, "{spool:?}");
        }
    }

    #[test]
    fn p21_a_listing_that_was_not_carried_out_is_made_again_after_a_minute() {
        let (mut bench, _) = Bench::welcomed(spool(1, 0), 1, false);
        assert!(
            bench
                .hear(2, Down::Resync(ResyncRequest { resync_id: 50, why: String::new() }))
                .contains(&Output::List(50))
        );
        bench.upload.listing_done(at(3), 50, false);
        bench.hear(4, Down::ResyncAck(ResyncAck { resync_id: 50, ..ResyncAck::default() }));
        assert_eq!(bench.upload.relists_at(), Some(60_004));
        bench.upload.tick(at(60_004));
        assert!(bench.all(60_004).contains(&Output::List(2)));
    }

    #[test]
    fn p26_a_stream_that_is_not_answered_is_given_up() {
        let (mut bench, _) = Bench::welcomed(spool(1, 10), 1, false);
        assert_eq!(bench.upload.deadline(), Some(1 + STALLED_MS));
        bench.upload.tick(at(1 + STALLED_MS));
        assert_eq!(bench.all(1 + STALLED_MS), [Output::HangUp]);
    }
}
