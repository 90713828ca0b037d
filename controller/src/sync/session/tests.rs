use super::*;
use freehold_core::bundle::{Hash, Resource, ResourceKind};
use freehold_core::lease::LeaseCursor;
use freehold_core::{Revision, Timestamp};
use freehold_proto::sync::change_ack::Phase;
use freehold_proto::sync::resource_result::Code;
use freehold_proto::sync::session_request::Message as Up;
use freehold_proto::sync::session_response::Message as Down;
use freehold_proto::sync::{ApplyState, ChangeSet, ProbeRequest, ResourceResult, ResourceVersion, ServerHello};

const STORE: [u8; 16] = [7; 16];
const FENCE: u64 = 5;

fn at(ticks: u64) -> Now {
    Now { ticks, wall: Timestamp(1_000_000 + i64::try_from(ticks).expect("small")) }
}

fn point(incarnation: u64, revision: u64) -> StorePoint {
    StorePoint { store: STORE, incarnation, revision: Revision(revision) }
}

fn server() -> ServerName {
    "servers/berlin-1/kea4".parse().expect("a name")
}

fn key(id: &str) -> ResourceKey {
    ResourceKey { kind: ResourceKind::Scope, id: id.into() }
}

/// A bundle of scopes, each `id` with the body `id:version`.
fn bundle_of(ids: &[(&str, &str)]) -> Bundle {
    let resource = |(id, version): &(&str, &str)| (key(id), Resource::new(format!("{id}:{version}").into_bytes()));
    Bundle::new(ids.iter().map(resource).collect())
}

fn wish(bundle: &Bundle, revision: u64) -> Wanted {
    Wanted {
        bundle: Arc::new(bundle.clone()),
        digest: bundle.digest(),
        revision: Revision(revision),
        committed: Timestamp(1_000_000),
        refused: false,
        confirm_seconds: 0,
        awaited: false,
    }
}

/// A session of an agent that holds `held`, obeyed at `obeyed`.
struct Bench {
    session: Session,
    slots: bool,
}

impl Bench {
    fn opened(held: Option<&Bundle>, obeyed: Option<StorePoint>, now: StorePoint) -> (Self, Vec<Output>) {
        let mut bench = Self::greeted(held, obeyed);
        bench.session.opened(at(10), FENCE, now);
        let first = bench.all();
        (bench, first)
    }

    fn greeted(held: Option<&Bundle>, obeyed: Option<StorePoint>) -> Self {
        let session = Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), 0);
        let mut bench = Self { session, slots: true };
        bench.say(0, Up::Hello(hello(held, obeyed)));
        assert_eq!(
            bench.all(),
            [Output::Open { boot: [3; 16], seen: 4 }],
            "P6: no welcome before the fence is durable"
        );
        bench
    }

    /// Opened and told what to send, when the state records `held` as applied.
    fn following(held: Option<&Bundle>, wanted: &Bundle, ancestor: Option<&Bundle>) -> (Self, Vec<Output>) {
        let (mut bench, _) = Self::opened(held, held.map(|_| point(1, 3)), point(1, 9));
        let followed = Followed {
            wanted: Some(wish(wanted, 8)),
            recorded: held.map(Bundle::digest),
            ancestor: ancestor.map(|bundle| Arc::new(bundle.clone())),
        };
        bench.session.follow(at(11), &server(), followed);
        let outputs = bench.all();
        (bench, outputs)
    }

    fn say(&mut self, ticks: u64, message: Up) {
        self.session.receive(at(ticks), SessionRequest { message: Some(message) });
    }

    fn ack(&mut self, change_id: u64, phase: Phase, say: impl FnOnce(&mut ChangeAck)) -> Vec<Output> {
        let mut ack = ChangeAck { server_id: "kea4".into(), change_id, ..ChangeAck::default() };
        ack.set_phase(phase);
        say(&mut ack);
        self.say(100, Up::Ack(ack));
        self.all()
    }

    fn applied(&mut self, change_id: u64, bundle: &Bundle) -> Vec<Output> {
        self.ack(change_id, Phase::Applied, |ack| {
            ack.digest = bundle.digest().0.to_vec();
            (ack.lease_epoch, ack.lease_seq) = (vec![2; 16], 42);
        })
    }

    fn inventory(&mut self, bundle: &Bundle) -> Vec<Output> {
        let held = bundle.resources().iter().map(|(key, resource)| ResourceVersion {
            kind: key.kind.as_str().into(),
            id: key.id.clone(),
            hash: resource.hash().0.to_vec(),
        });
        self.say(50, Up::Inventory(Inventory { server_id: "kea4".into(), held: held.collect(), last: true }));
        self.all()
    }

    fn waits(&self) -> Vec<Wait> {
        self.session.waits().flat_map(|(_, waits)| waits).collect()
    }

    /// All outputs; slots for snapshots are granted on the way.
    fn all(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.session.poll() {
            match output {
                Output::AskSnapshot(of) if self.slots => self.session.snapshot_granted(at(60), &of),
                other => outputs.push(other),
            }
        }
        outputs
    }
}

fn hello(held: Option<&Bundle>, obeyed: Option<StorePoint>) -> Hello {
    let digest = held.map(|bundle| bundle.digest().0.to_vec()).unwrap_or_default();
    let report = ServerReport { server_id: "kea4".into(), kind: "kea-dhcp4".into(), ..ServerReport::default() };
    Hello {
        protocol_min: 1,
        protocol_max: 1,
        boot_id: vec![3; 16],
        max_fence_seen: 4,
        servers: vec![ServerHello {
            report: Some(report),
            obeyed: obeyed.as_ref().map(super::point::message),
            applied_digest: digest.clone(),
            observed_digest: digest,
            spool_last_seq: 40,
            ..ServerHello::default()
        }],
        ..Hello::default()
    }
}

fn changes(outputs: &[Output]) -> Vec<ChangeSet> {
    let change = |output: &Output| match output {
        Output::Send(SessionResponse { message: Some(Down::Change(change)) }) => Some(change.clone()),
        _ => None,
    };
    outputs.iter().filter_map(change).collect()
}

/// The one change set that was sent, as (number, from, upserts, removes).
fn change(outputs: &[Output]) -> (u64, Option<Digest>, Vec<String>, Vec<String>) {
    let [change] = changes(outputs).try_into().expect("one change set in one part");
    assert_eq!((change.fence, change.part, change.parts), (FENCE, 0, 1));
    let upserts = change.upserts.into_iter().map(|resource| resource.id).collect();
    let removes = change.removes.into_iter().map(|resource| resource.id).collect();
    (change.change_id, bundle::parse_digest(&change.from_digest), upserts, removes)
}

fn said(outputs: &[Output]) -> Vec<&'static str> {
    let word = |output: &Output| match output {
        Output::Send(message) => match message.message.as_ref().expect("a message") {
            Down::Welcome(_) => "welcome",
            Down::InventoryRequest(_) => "inventory?",
            Down::Change(_) => "change",
            Down::Bookmark(_) => "bookmark",
            Down::Trust(_) => "trust",
            Down::GoAway(_) => "go away",
            Down::Drift(_) => "drift",
            Down::Probe(_) => "probe",
            Down::Preview(_) => "preview",
        },
        Output::Open { .. } => "open",
        Output::Submit(Command::RecordApplied { .. }) => "applied!",
        Output::Submit(Command::RecordRejected { .. }) => "rejected!",
        Output::Submit(_) => "submit",
        Output::Follow { .. } => "follow",
        Output::AskSnapshot(_) => "slot?",
        Output::ReleaseSnapshot(_) => "slot free",
        Output::Health(_) => "health",
        Output::Networks(_) => "networks",
        Output::Probed(..) => "probed",
        Output::Previewed(..) => "previewed",
        Output::Alarm(_) => "alarm",
        Output::Close => "close",
    };
    // Where an agent can probe is told beside everything else, and has tests of its own.
    outputs.iter().map(word).filter(|word| *word != "networks").collect()
}

fn went_away(outputs: &[Output]) -> go_away::Reason {
    match outputs {
        [.., Output::Send(SessionResponse { message: Some(Down::GoAway(away)) }), Output::Close] => away.reason(),
        other => panic!("no goodbye: {other:?}"),
    }
}

#[test]
fn p5_the_first_message_is_the_greeting() {
    let mut session = Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), 0);
    session.receive(at(1), SessionRequest { message: Some(Up::Health(Health::default())) });
    let outputs: Vec<_> = std::iter::from_fn(|| session.poll()).collect();
    assert_eq!(went_away(&outputs), go_away::Reason::Protocol);
}

#[test]
fn p6_the_welcome_carries_the_fence_that_is_durable() {
    let (_, outputs) = Bench::opened(None, None, point(2, 9));
    let Some(Output::Send(SessionResponse { message: Some(Down::Welcome(welcome)) })) = outputs.first() else {
        panic!("{outputs:?}");
    };
    assert_eq!((welcome.fence, welcome.heartbeat_seconds), (FENCE, 20));
    assert_eq!(welcome.now, Some(super::point::message(&point(2, 9))));
    assert_eq!(said(&outputs), ["welcome", "submit", "submit", "follow"]);
}

#[test]
fn p7a_equal_digests_move_nothing_but_a_bookmark() {
    let bundle = bundle_of(&[("a", "1")]);
    let (_, outputs) = Bench::following(Some(&bundle), &bundle, None);
    assert_eq!(said(&outputs), ["bookmark"]);
}

#[test]
fn p7a_what_runs_and_is_not_recorded_is_recorded() {
    let bundle = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::opened(Some(&bundle), Some(point(1, 3)), point(1, 9));
    let followed = Followed { wanted: Some(wish(&bundle, 8)), ..Followed::default() };
    bench.session.follow(at(11), &server(), followed);
    let outputs = bench.all();
    assert_eq!(said(&outputs), ["bookmark", "applied!"]);
    let Output::Submit(Command::RecordApplied { applied, .. }) = &outputs[1] else { panic!() };
    assert_eq!((applied.digest, applied.barrier), (bundle.digest(), None), "nobody waits for a barrier");
}

#[test]
fn p7b_a_known_ancestor_gives_the_difference() {
    let (held, wanted) = (bundle_of(&[("a", "1"), ("b", "1")]), bundle_of(&[("a", "2"), ("c", "1")]));
    let (_, outputs) = Bench::following(Some(&held), &wanted, Some(&held));
    assert_eq!(change(&outputs), (1, Some(held.digest()), vec!["a".into(), "c".into()], vec!["b".into()]));
}

#[test]
fn p7c_an_unknown_ancestor_is_asked_for_its_inventory() {
    let (held, wanted) = (bundle_of(&[("a", "1"), ("b", "1")]), bundle_of(&[("a", "2"), ("c", "1")]));
    let (mut bench, outputs) = Bench::following(Some(&held), &wanted, Some(&bundle_of(&[("x", "1")])));
    assert_eq!(said(&outputs), ["inventory?"]);
    let outputs = bench.inventory(&held);
    assert_eq!(change(&outputs), (1, Some(held.digest()), vec!["a".into(), "c".into()], vec!["b".into()]));
    assert_eq!(bench.inventory(&held), [], "an inventory that comes twice starts nothing");
    assert_eq!(said(&bench.applied(1, &wanted)), ["applied!"]);
}

#[test]
fn p7d_a_snapshot_comes_last_and_takes_a_slot() {
    let (held, wanted) = (bundle_of(&[("a", "1"), ("b", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::following(Some(&held), &wanted, Some(&held));
    assert_eq!(said(&bench.ack(1, Phase::NeedSnapshot, |_| {})), ["inventory?"]);
    assert_eq!(change(&bench.inventory(&held)).0, 2);
    bench.slots = false;
    assert_eq!(said(&bench.ack(2, Phase::NeedSnapshot, |_| {})), ["slot?"]);
    bench.session.snapshot_granted(at(200), &server());
    assert_eq!(change(&bench.all()), (3, None, vec!["a".into()], vec![]));
    assert_eq!(said(&bench.ack(3, Phase::Staged, |_| {})), ["slot free"]);
}

#[test]
fn p7d_an_agent_that_holds_nothing_gets_a_snapshot_at_once() {
    let wanted = bundle_of(&[("a", "1")]);
    let (_, outputs) = Bench::following(None, &wanted, None);
    assert_eq!(change(&outputs), (1, None, vec!["a".into()], vec![]));
}

#[test]
fn p8_three_missed_signs_of_life_end_the_session() {
    let (mut bench, _) = Bench::opened(None, None, point(1, 9));
    bench.say(5_000, Up::Health(Health::default()));
    bench.all();
    bench.session.tick(at(64_999));
    assert_eq!(bench.all(), []);
    bench.session.tick(at(65_000));
    assert_eq!(bench.all(), [Output::Close]);
    assert_eq!(bench.session.deadline(), None);
}

#[test]
fn p8_a_session_lasts_half_an_hour_give_or_take_a_fifth() {
    for (random, minutes) in [(0, 24), (12 * 60_000, 36), (12 * 60_000 + 1, 24)] {
        let mut session = Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), random);
        let end = minutes * 60_000;
        session.receive(at(end - 1), SessionRequest { message: Some(Up::Hello(hello(None, None))) });
        session.tick(at(end - 1));
        assert_eq!(session.poll(), Some(Output::Open { boot: [3; 16], seen: 4 }));
        assert_eq!(session.poll(), None);
        session.tick(at(end));
        let outputs: Vec<_> = std::iter::from_fn(|| session.poll()).collect();
        assert_eq!(went_away(&outputs), go_away::Reason::Draining);
    }
}

#[test]
fn p9_only_what_was_read_back_counts_as_applied() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::following(Some(&held), &wanted, Some(&held));
    assert_eq!(said(&bench.applied(1, &held)), ["rejected!"], "the server still runs the old bundle");
    bench.session.tick(at(10_000));
    assert_eq!(said(&bench.all()), ["inventory?"]);
}

#[test]
fn p9_one_change_is_in_flight_and_only_the_newest_wish_follows() {
    let (held, first) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::following(Some(&held), &first, Some(&held));
    for version in ["3", "4", "5"] {
        bench.session.wanted(at(20), &server(), Some(wish(&bundle_of(&[("a", version)]), 10)));
    }
    assert_eq!(bench.all(), []);
    let outputs = bench.applied(1, &first);
    assert_eq!(said(&outputs), ["applied!", "change"]);
    let newest = bundle_of(&[("a", "5")]);
    let [sent] = changes(&outputs).try_into().expect("one");
    assert_eq!(bundle::parse_digest(&sent.to_digest), Some(newest.digest()));
    assert_eq!(bundle::parse_digest(&sent.from_digest), Some(first.digest()));
}

#[test]
fn p9_a_busy_server_is_tried_again_later_and_later() {
    let wanted = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::following(None, &wanted, None);
    let mut waits = Vec::new();
    for change_id in 1..8 {
        bench.ack(change_id, Phase::Busy, |_| {});
        let retry = bench.session.next_retry().expect("it waits");
        waits.push(retry - 100);
        bench.session.tick(at(retry));
        bench.say(retry, Up::Health(Health::default()));
        assert_eq!(changes(&bench.all()).len(), 1);
    }
    assert_eq!(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
}

#[test]
fn p10_what_was_refused_is_named_quarantined_and_not_sent_again() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "1"), ("bad", "1")]));
    let (mut bench, _) = Bench::following(Some(&held), &wanted, Some(&held));
    let result = ResourceResult {
        kind: "scope".into(),
        id: "bad".into(),
        field: "option-data".into(),
        message: "no such option".into(),
        ..ResourceResult::default()
    };
    let outputs = bench.ack(1, Phase::Rejected, |ack| {
        ack.results = vec![result];
        ack.server_error = "the configuration is refused".into();
    });
    let [Output::Submit(Command::RecordRejected { rejections, error, .. })] = outputs.as_slice() else {
        panic!("{outputs:?}");
    };
    assert_eq!(error, "the configuration is refused");
    let (refused, rejection) = rejections.first_key_value().expect("one");
    assert_eq!((refused, rejection.hash), (&key("bad"), Hash::of(b"bad:1")));
    assert_eq!((rejection.field.as_str(), rejection.message.as_str()), ("option-data", "no such option"));

    bench.session.wanted(at(200), &server(), Some(wish(&wanted, 12)));
    bench.session.tick(at(300));
    assert_eq!(bench.all(), [], "unchanged");
    let edited = bundle_of(&[("a", "1"), ("bad", "2")]);
    bench.session.wanted(at(400), &server(), Some(wish(&edited, 13)));
    assert_eq!(change(&bench.all()), (2, Some(held.digest()), vec!["bad".into()], vec![]));
}

/// What a session does that begins with this about a server that runs nothing yet.
fn first_words(wanted: Wanted) -> Vec<Output> {
    let (mut bench, _) = Bench::opened(None, None, point(1, 9));
    bench.session.follow(at(11), &server(), Followed { wanted: Some(wanted), ..Followed::default() });
    bench.all()
}

#[test]
fn p10_what_was_refused_as_a_whole_is_not_sent_by_the_next_session_either() {
    let (poisoned, edited) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, first) = Bench::following(None, &poisoned, None);
    assert_eq!(change(&first).0, 1);
    let outputs = bench.ack(1, Phase::Rejected, |ack| ack.server_error = "syntax error".into());
    let [Output::Submit(Command::RecordRejected { rejections, bundle: Some(refused), .. }), Output::ReleaseSnapshot(_)] =
        outputs.as_slice()
    else {
        panic!("{outputs:?}");
    };
    assert!(rejections.is_empty());
    assert_eq!((refused.digest, refused.message.as_str()), (poisoned.digest(), "syntax error"));

    let remembered = |bundle: &Bundle| Wanted { refused: true, ..wish(bundle, 8) };
    assert_eq!(first_words(remembered(&poisoned)), [], "the next session");
    assert_eq!(said(&first_words(wish(&edited, 9))), ["change"], "another bundle");

    let (mut bench, _) = Bench::opened(None, None, point(1, 9));
    bench.session.follow(at(11), &server(), Followed { wanted: Some(remembered(&poisoned)), ..Followed::default() });
    assert_eq!(bench.all(), []);
    bench.session.wanted(at(12), &server(), Some(wish(&poisoned, 8)));
    assert_eq!(said(&bench.all()), ["change"], "somebody lifted it");
}

/// The edition that a greeting makes of these, and what it lifts.
fn edition(agent: &str, features: &[&str], kea: &str) -> Hash {
    let session = Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), 0);
    let mut bench = Bench { session, slots: true };
    let mut hello = hello(None, None);
    hello.version = agent.into();
    hello.features = features.iter().map(|feature| (*feature).to_owned()).collect();
    hello.servers[0].report.as_mut().expect("there").version = kea.into();
    bench.say(0, Up::Hello(hello));
    bench.session.opened(at(10), FENCE, point(1, 9));
    let lifts = bench.all().into_iter().find_map(|output| match output {
        Output::Submit(Command::LiftRefusals { server: of, edition }) if of == server() => edition,
        _ => None,
    });
    lifts.expect("every greeting lifts what others refused")
}

#[test]
fn p10_another_version_or_feature_is_another_edition() {
    let now = edition("1.0", &["scope.v1", "reservation.v1"], "2.2.0");
    assert_eq!(edition("1.0", &["reservation.v1", "scope.v1"], "2.2.0"), now, "the order of features says nothing");
    assert_ne!(edition("1.1", &["scope.v1", "reservation.v1"], "2.2.0"), now);
    assert_ne!(edition("1.0", &["scope.v1", "reservation.v1", "scope.v2"], "2.2.0"), now);
    assert_ne!(edition("1.0", &["scope.v1", "reservation.v1"], "2.4.1"), now);
}

#[test]
fn p11_what_an_agent_lacks_is_held_against_its_edition() {
    let wanted = bundle_of(&[("a", "1"), ("new", "1")]);
    let (mut bench, _) = Bench::following(None, &wanted, None);
    let result = |id: &str, code: Code| ResourceResult {
        kind: "scope".into(),
        id: id.into(),
        code: code.into(),
        ..ResourceResult::default()
    };
    let results = vec![result("new", Code::Unsupported), result("a", Code::ServerRefused)];
    let outputs = bench.ack(1, Phase::Rejected, |ack| ack.results = results);
    let [Output::Submit(Command::RecordRejected { rejections, bundle: None, .. }), ..] = outputs.as_slice() else {
        panic!("{outputs:?}");
    };
    let lacking: Vec<_> = rejections.values().map(|rejection| rejection.lacking).collect();
    assert_eq!(lacking, [None, Some(edition("", &[], ""))]);
}

#[test]
fn p12_a_large_bundle_goes_in_parts_of_a_mebibyte() {
    let body = |n: usize| Resource::new(vec![u8::try_from(n).expect("small"); 300 << 10]);
    let wanted = Bundle::new((0..8).map(|n| (key(&format!("s{n}")), body(n))).collect());
    let (mut bench, outputs) = Bench::following(None, &wanted, None);
    let parts = changes(&outputs);
    assert_eq!(
        parts.iter().map(|part| (part.part, part.parts, part.upserts.len())).collect::<Vec<_>>(),
        [(0, 3, 3), (1, 3, 3), (2, 3, 2)]
    );
    assert!(parts.iter().all(|part| prost::Message::encoded_len(part) <= 1 << 20 && part.change_id == 1));
    assert_eq!(said(&bench.ack(1, Phase::Staged, |_| {})), ["slot free"]);
}

#[test]
fn p14_a_change_that_is_to_be_confirmed_is_confirmed_as_soon_as_it_is_applied() {
    let wanted = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::opened(None, None, point(1, 9));
    let wish = Wanted { confirm_seconds: 60, ..wish(&wanted, 8) };
    bench.session.follow(at(11), &server(), Followed { wanted: Some(wish), ..Followed::default() });
    let [change] = changes(&bench.all()).try_into().expect("one part");
    assert_eq!(change.confirm_within_seconds, 60);
    assert_eq!(said(&bench.applied(1, &wanted)), ["bookmark", "slot free", "change"]);
    // The agent answers the second change after it has heard the confirmation: only now nothing is undone any more.
    assert_eq!(said(&bench.applied(2, &wanted)), ["applied!"]);
}

#[test]
fn p14_what_nobody_confirmed_counts_as_refused() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let refusal = |outputs: &[Output]| {
        outputs.iter().find_map(|output| match output {
            Output::Submit(Command::RecordRejected { bundle, .. }) => bundle.as_ref().map(|bundle| bundle.digest),
            _ => None,
        })
    };
    // Told on the line that held after all.
    let (mut bench, _) = Bench::following(Some(&held), &wanted, Some(&held));
    bench.applied(1, &wanted);
    let outputs = bench.ack(0, Phase::FailedRolledBack, |ack| ack.digest = wanted.digest().0.to_vec());
    assert_eq!(refusal(&outputs), Some(wanted.digest()));
    assert_eq!(said(&outputs), ["rejected!"], "and it is not sent again");

    // Told in a greeting.
    for refused in [false, true] {
        let mut bench =
            Bench { session: Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), 0), slots: true };
        let mut hello = hello(Some(&held), Some(point(1, 3)));
        hello.servers[0].unconfirmed_digest = wanted.digest().0.to_vec();
        bench.say(0, Up::Hello(hello));
        bench.session.opened(at(10), FENCE, point(1, 9));
        bench.all();
        let wanted = Wanted { refused, ..wish(&wanted, 8) };
        let digest = wanted.digest;
        bench.session.follow(at(11), &server(), Followed { wanted: Some(wanted), ..Followed::default() });
        let outputs = bench.all();
        assert_eq!(refusal(&outputs), (!refused).then_some(digest), "on record once");
        assert!(changes(&outputs).is_empty());
    }
}

#[test]
fn p16_the_barrier_is_recorded_with_the_proof() {
    let wanted = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::following(None, &wanted, None);
    let outputs = bench.applied(1, &wanted);
    let [Output::Submit(Command::RecordApplied { applied, .. }), Output::ReleaseSnapshot(_)] = outputs.as_slice()
    else {
        panic!("{outputs:?}");
    };
    let expected = freehold_core::model::Applied {
        revision: Revision(8),
        digest: wanted.digest(),
        at: at(100).wall,
        took_ms: 100,
        barrier: Some(LeaseCursor { epoch: [2; 16], next_seq: 43 }),
    };
    assert_eq!(*applied, expected);
}

#[test]
fn p16_who_waits_is_given_a_proof_of_what_was_proven_already() {
    let bundle = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::following(Some(&bundle), &bundle, None);
    let awaited = |revision| Some(Wanted { awaited: true, ..wish(&bundle, revision) });
    bench.session.wanted(at(200), &server(), awaited(9));
    assert_eq!(change(&bench.all()), (1, Some(bundle.digest()), vec![], vec![]));
    let outputs = bench.applied(1, &bundle);
    let [Output::Submit(Command::RecordApplied { applied, .. })] = outputs.as_slice() else { panic!("{outputs:?}") };
    let barrier = Some(LeaseCursor { epoch: [2; 16], next_seq: 43 });
    assert_eq!((applied.revision, applied.barrier), (Revision(9), barrier));

    // No server is asked more often than once a second.
    bench.session.wanted(at(300), &server(), awaited(10));
    assert_eq!(bench.all(), []);
    assert_eq!(bench.session.next_retry(), Some(1200));
    bench.session.tick(at(1200));
    bench.say(1200, Up::Health(Health::default()));
    assert_eq!(change(&bench.all()).0, 2);

    // A proof without a barrier is none for those who wait.
    let outputs = bench.ack(2, Phase::Applied, |ack| ack.digest = bundle.digest().0.to_vec());
    assert_eq!(said(&outputs), ["applied!"]);
    assert_eq!(bench.session.next_retry(), Some(2200), "it asks again");
}

/// An earlier session sent `sent`, and its agent is still at it when it greets.
fn greeted_busy(held: &Bundle, wanted: &Bundle) -> Bench {
    let session = Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), 0);
    let mut bench = Bench { session, slots: true };
    let mut hello = hello(Some(held), Some(point(1, 3)));
    hello.servers[0].set_state(ApplyState::Applying);
    bench.say(0, Up::Hello(hello));
    bench.session.opened(at(10), FENCE, point(1, 9));
    bench.all();
    let followed = Followed { wanted: Some(wish(wanted, 8)), ..Followed::default() };
    bench.session.follow(at(11), &server(), followed);
    assert_eq!(bench.all(), [], "what it holds may be another thing in a moment");
    bench
}

#[test]
fn what_an_agent_holds_counts_when_it_is_at_no_change_of_an_earlier_session_any_more() {
    let (held, sent) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let mut bench = greeted_busy(&held, &held);
    let outputs = bench.ack(0, Phase::Applied, |ack| ack.digest = sent.digest().0.to_vec());
    assert_eq!(said(&outputs), ["inventory?"], "it runs what is not wanted any more");
    assert_eq!(change(&bench.inventory(&sent)), (1, Some(sent.digest()), vec!["a".into()], vec![]));

    let mut bench = greeted_busy(&held, &held);
    assert_eq!(said(&bench.ack(0, Phase::Rejected, |_| {})), ["bookmark", "applied!"], "it holds what it held");
    let mut bench = greeted_busy(&held, &sent);
    let outputs = bench.ack(0, Phase::Applied, |ack| ack.digest = sent.digest().0.to_vec());
    assert_eq!(said(&outputs), ["bookmark", "applied!"]);
}

#[test]
fn p10_a_scope_goes_on_in_the_form_that_runs_and_a_reservation_only_for_its_client() {
    use freehold_proto::sync::{ReservationResource, reservation_resource::Client};
    let seat = |hardware: u8, host_name: &str| {
        let client = Some(Client::Hardware(vec![2, 0, 0, 0, 0, hardware]));
        let seat = ReservationResource {
            scope: "a".into(),
            address: "10.0.0.9".into(),
            client,
            host_name: host_name.into(),
            ..ReservationResource::default()
        };
        Resource::new(prost::Message::encode_to_vec(&seat))
    };
    let seat_key = || ResourceKey { kind: ResourceKind::Reservation, id: "a/10.0.0.9".into() };
    let bundle = |version: &str, seat: Resource| {
        Bundle::new([(key("a"), Resource::new(format!("a:{version}").into_bytes())), (seat_key(), seat)].into())
    };
    let held = bundle("1", seat(1, "door"));
    let kept = |wanted: &Bundle| {
        let (mut bench, _) = Bench::following(Some(&held), wanted, Some(&held));
        let runs = |(key, resource): (&ResourceKey, &Resource)| ResourceResult {
            kind: key.kind.as_str().into(),
            id: key.id.clone(),
            runs: resource.body().to_vec(),
            ..ResourceResult::default()
        };
        let outputs = bench.ack(1, Phase::Rejected, |ack| ack.results = held.resources().iter().map(runs).collect());
        let [Output::Submit(Command::RecordRejected { rejections, .. })] = &outputs[..] else { panic!("{outputs:?}") };
        [rejections[&key("a")].instead.clone(), rejections[&seat_key()].instead.clone()]
    };
    let [scope, door] = [key("a"), seat_key()].map(|key| held.resources().get(&key).cloned());
    assert_eq!(kept(&bundle("2", seat(1, "gate"))), [scope.clone(), door]);
    assert_eq!(kept(&bundle("2", seat(2, "door"))), [scope, None], "its address may be meant for another");
    assert_eq!(kept(&bundle("1", seat(2, "door"))), [None, None], "what runs is refused itself");
}

#[test]
fn p3_nothing_is_sent_to_an_agent_that_knows_a_later_state() {
    let (held, wanted) = (bundle_of(&[("a", "1"), ("b", "1")]), bundle_of(&[("a", "2")]));
    for obeyed in [point(1, 10), point(2, 1)] {
        let (mut bench, outputs) = Bench::opened(Some(&held), Some(obeyed), point(1, 9));
        assert_eq!(outputs[1], Output::Alarm(Alarm::Regression { held: obeyed, ours: point(1, 9) }));
        bench.session.follow(at(11), &server(), Followed { wanted: Some(wish(&wanted, 8)), ..Followed::default() });
        assert_eq!(said(&bench.all()), ["inventory?"]);
        let cost = Alarm::RegressionCost { server: server(), removes: vec![key("b")] };
        assert_eq!(bench.inventory(&held), [Output::Alarm(cost)]);
        let history = Wait::History { held: obeyed, ours: point(1, 9), removes: vec![key("b")] };
        assert_eq!(bench.waits(), [history]);
        bench.session.moved(at(60), point(3, 9));
        let held_back = Alarm::RemovalsHeld { server: server(), removes: vec![key("b")] };
        assert_eq!(bench.all(), [Output::Alarm(held_back)], "additions alone would go out now");
        assert_eq!(bench.waits(), [Wait::Removals { removes: vec![key("b")] }]);
        bench.session.decided(at(70), &server(), &Decision::ReleaseRemovals);
        assert_eq!(change(&bench.all()), (1, Some(held.digest()), vec!["a".into()], vec!["b".into()]));
        assert_eq!(bench.waits(), []);
    }
}

#[test]
fn p3_a_session_of_another_agent_removes_nothing_while_the_store_is_behind() {
    let (held, wanted) = (bundle_of(&[("a", "1"), ("b", "1")]), bundle_of(&[("a", "1")]));
    let (mut bench, _) = Bench::opened(Some(&held), Some(point(1, 3)), point(1, 9));
    bench.session.store_went_backwards();
    let ancestor = Some(Arc::new(held.clone()));
    bench.session.follow(at(11), &server(), Followed { wanted: Some(wish(&wanted, 8)), ancestor, recorded: None });
    assert_eq!(said(&bench.all()), ["alarm"]);
    let more = bundle_of(&[("a", "1"), ("b", "1"), ("c", "1")]);
    bench.session.wanted(at(20), &server(), Some(wish(&more, 10)));
    assert_eq!(change(&bench.all()).2, ["c"]);
}

#[test]
fn p4_across_incarnations_an_unchanged_server_moves_nothing() {
    let bundle = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::opened(Some(&bundle), Some(point(1, 900)), point(2, 9));
    let followed = Followed { wanted: Some(wish(&bundle, 8)), recorded: Some(bundle.digest()), ancestor: None };
    bench.session.follow(at(11), &server(), followed);
    assert_eq!(said(&bench.all()), ["bookmark"]);
}

#[test]
fn p2_an_agent_of_another_store_is_sent_away() {
    let foreign = StorePoint { store: [9; 16], ..point(1, 1) };
    let (_, outputs) = Bench::opened(None, Some(foreign), point(1, 9));
    assert!(outputs.contains(&Output::Alarm(Alarm::ForeignStore { store: [9; 16] })));
    assert!(outputs.contains(&Output::Close));
}

#[test]
fn a_drift_is_shown_and_left_alone() {
    let bundle = bundle_of(&[("a", "1")]);
    let (mut bench, _) = Bench::following(Some(&bundle), &bundle, None);
    let report = DriftReport { server_id: "kea4".into(), observed_digest: vec![1; 32], ..DriftReport::default() };
    bench.say(20, Up::Drift(report));
    let outputs = bench.all();
    assert_eq!(said(&outputs), ["alarm", "drift"]);
    let Output::Send(SessionResponse { message: Some(Down::Drift(decision)) }) = &outputs[1] else { panic!() };
    assert_eq!(decision.action(), drift_decision::Action::Hold);
}

#[test]
fn a_drift_waits_until_it_is_decided_on_or_over() {
    let bundle = bundle_of(&[("a", "1")]);
    let report = |bench: &mut Bench, observed: [u8; 32]| {
        bench.say(
            20,
            Up::Drift(DriftReport {
                server_id: "kea4".into(),
                expected_digest: bundle.digest().0.to_vec(),
                observed_digest: observed.to_vec(),
                difference: "a pool is gone".into(),
            }),
        );
        bench.all();
    };
    let (mut bench, _) = Bench::following(Some(&bundle), &bundle, None);
    report(&mut bench, [1; 32]);
    let drift = Wait::Drift { observed: Digest([1; 32]), difference: "a pool is gone".into() };
    assert_eq!(bench.waits(), std::slice::from_ref(&drift));
    bench.session.decided(at(30), &server(), &Decision::Overwrite(Digest([2; 32])));
    assert_eq!(bench.all(), [], "another drift than the one that is there");
    bench.session.decided(at(30), &server(), &Decision::Overwrite(Digest([1; 32])));
    let [Output::Send(SessionResponse { message: Some(Down::Drift(decision)) })] = &bench.all()[..] else { panic!() };
    assert_eq!((decision.action(), &decision.observed_digest[..]), (drift_decision::Action::Overwrite, &[1; 32][..]));

    let failed = bench.ack(0, Phase::FailedRolledBack, |ack| ack.server_error = "no".into());
    let [Output::Submit(Command::RecordRejected { error, .. })] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!((error.as_str(), bench.waits()), ("no", vec![drift]));
    assert_eq!(bench.ack(0, Phase::Applied, |ack| ack.digest = bundle.digest().0.to_vec()), []);
    assert_eq!(bench.waits(), []);

    report(&mut bench, [3; 32]);
    report(&mut bench, bundle.digest().0);
    assert_eq!(bench.waits(), [], "somebody put it back");
}

#[test]
fn every_end_says_why() {
    for (ending, reason) in [
        (Ending::Draining, go_away::Reason::Draining),
        (Ending::Overloaded { retry_after_ms: 700 }, go_away::Reason::Overloaded),
        (Ending::Revoked, go_away::Reason::Revoked),
        (Ending::Superseded, go_away::Reason::Superseded),
        (Ending::CertificateEnds, go_away::Reason::CertificateEnds),
    ] {
        let (mut bench, _) = Bench::opened(None, None, point(1, 9));
        bench.session.end(ending);
        assert_eq!(went_away(&bench.all()), reason);
        bench.say(30, Up::Health(Health::default()));
        bench.session.end(Ending::Revoked);
        assert_eq!(bench.all(), [], "nothing more is said");
    }
}

#[test]
fn an_unmanaged_server_is_left_alone() {
    let (mut bench, _) = Bench::opened(None, None, point(1, 9));
    bench.session.follow(at(11), &server(), Followed::default());
    assert_eq!(bench.all(), []);
    bench.session.wanted(at(12), &server(), Some(wish(&bundle_of(&[]), 10)));
    assert_eq!(change(&bench.all()), (1, None, vec![], vec![]), "managed now, with nothing planned");
}

#[test]
fn what_is_meant_for_another_agents_server_of_the_same_id_is_not_done() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[]));
    let (mut bench, _) = Bench::following(Some(&held), &held, None);
    let other: ServerName = "servers/paris-1/kea4".parse().expect("a name");
    bench.session.wanted(at(20), &other, Some(wish(&wanted, 10)));
    assert_eq!(bench.all(), []);
}

#[test]
fn an_agent_that_can_probe_is_asked_and_says_where_it_is() {
    let mut bench =
        Bench { session: Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), 0), slots: true };
    let networks = vec!["10.1.0.0/16".to_owned(), "10.1.0.1/16".to_owned(), "x".to_owned()];
    let greeting = Hello { features: vec!["probe.v1".into()], networks: networks.clone(), ..hello(None, None) };
    bench.say(0, Up::Hello(greeting));
    bench.session.probe(1, vec!["10.1.2.3".into()], 500);
    let early = bench.all();
    assert_eq!(early[1..], [Output::Probed(1, Err("agents/berlin-1 is not connected".into()))]);

    bench.session.opened(at(10), FENCE, point(1, 9));
    // What is no network is left out.
    let told = Output::Networks(Some(vec!["10.1.0.0/16".parse().expect("a network")]));
    assert!(bench.all().contains(&told));
    bench.session.probe(2, vec!["10.1.2.3".into()], 500);
    let request = ProbeRequest { probe_id: 2, addresses: vec!["10.1.2.3".into()], timeout_ms: 500 };
    assert_eq!(bench.all(), [Output::Send(SessionResponse { message: Some(Down::Probe(request)) })]);
    bench.say(20, Up::Probe(freehold_proto::sync::ProbeAnswer { probe_id: 2, results: Vec::new() }));
    assert_eq!(bench.all(), [Output::Probed(2, Ok(Vec::new()))]);
    bench.say(30, Up::Health(Health { networks, ..Health::default() }));
    assert!(bench.all().contains(&told));
}

#[test]
fn an_agent_that_is_too_old_is_not_asked() {
    let (mut bench, outputs) = Bench::opened(None, None, point(1, 9));
    assert!(outputs.contains(&Output::Networks(None)));
    bench.session.probe(1, vec!["10.1.2.3".into()], 500);
    let why = "agents/berlin-1 is too old to probe; update it".to_owned();
    assert_eq!(bench.all(), [Output::Probed(1, Err(why))]);
}

#[test]
fn what_a_server_would_make_of_a_change_is_asked_and_put_together() {
    use freehold_proto::sync::{ConfigurationDifference, PreviewAnswer};
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2"), ("b", "1")]));
    let (mut bench, _) = Bench::opened(None, None, point(1, 9));
    bench.session.preview(7, &server(), &held, &wanted);
    let why = "agents/berlin-1 is too old to say what its servers would make of it; update it".to_owned();
    assert_eq!(bench.all(), [Output::Previewed(7, Err(why))]);

    let mut bench =
        Bench { session: Session::new(AgentName::from_id("berlin-1").expect("a name"), at(0), 0), slots: true };
    bench.say(0, Up::Hello(Hello { features: vec!["preview.v1".into()], ..hello(None, None) }));
    bench.session.opened(at(10), FENCE, point(1, 9));
    bench.all();
    bench.session.preview(8, &server(), &held, &wanted);
    let outputs = bench.all();
    let [Output::Send(SessionResponse { message: Some(Down::Preview(request)) })] = &outputs[..] else {
        panic!("a question: {outputs:?}")
    };
    let asked = request.change.clone().expect("a change");
    assert_eq!((asked.change_id, asked.upserts.len(), asked.parts), (8, 2, 1));
    assert_eq!(bundle::parse_digest(&asked.from_digest), Some(held.digest()));
    // Of a server that runs nothing of Freehold's all of it is sent.
    bench.session.preview(9, &server(), &bundle_of(&[]), &wanted);
    let outputs = bench.all();
    let [Output::Send(SessionResponse { message: Some(Down::Preview(request)) })] = &outputs[..] else {
        panic!("a question: {outputs:?}")
    };
    assert!(request.change.clone().expect("a change").from_digest.is_empty());

    let difference = |id: &str| ConfigurationDifference { id: id.to_owned(), ..ConfigurationDifference::default() };
    let part = |differences: &[&str], last| PreviewAnswer {
        preview_id: 8,
        test_ms: if last { 0 } else { 5 },
        differences: differences.iter().map(|id| difference(id)).collect(),
        last,
        ..PreviewAnswer::default()
    };
    bench.say(20, Up::Preview(part(&["a"], false)));
    bench.say(20, Up::Preview(PreviewAnswer { preview_id: 1234, last: true, ..PreviewAnswer::default() }));
    assert_eq!(bench.all(), [], "nobody asked for that one");
    bench.say(20, Up::Preview(part(&["b"], true)));
    let outputs = bench.all();
    let [Output::Previewed(8, Ok(answer))] = &outputs[..] else { panic!("an answer: {outputs:?}") };
    assert_eq!(answer.test_ms, 5);
    assert_eq!(answer.differences, [difference("a"), difference("b")]);
}
