//! The engine on a ledger in memory: what it promises to callers, readers and watchers.

use super::*;
use crate::ledger::MemoryLedger;
use freehold_core::Command;
use freehold_core::access::{Grant, Place, Role};
use freehold_core::change::RequestMark;
use freehold_core::command::{OperatorPatch, PrefixDraft};
use freehold_core::labels::Labels;
use freehold_core::model::PrefixKind;
use freehold_core::name::{OperatorName, SpaceName};
use freehold_core::text::Text;
use freehold_proto::convert::stored;

fn start() -> (Engine, Running, mpsc::Receiver<Durable>) {
    let ledger = MemoryLedger::new(Identity { store_id: [1; 16], incarnation: 1 });
    let (views, durable) = mpsc::channel(1024);
    let (engine, running) = Engine::start(Box::new(ledger), State::default(), Arc::new(|| Timestamp(1000)), views);
    (engine, running, durable)
}

fn create(id: &str, request: Option<&str>) -> Call {
    let command = Command::CreateSpace {
        name: SpaceName::from_id(id).expect("a name"),
        title: Text::default(),
        description: Text::default(),
        labels: Labels::NONE,
    };
    let mark = |id: &str| RequestMark { id: id.to_owned(), fingerprint: [7; 16] };
    Call { request: request.map(mark), ..Call::internal("test", "/test", command) }
}

#[tokio::test]
async fn a_call_that_decides_on_the_history_raises_the_incarnation_once() {
    let (engine, running, _durable) = start();
    let mut identities = engine.identities();
    let decides = |id: &str, above| Call { reincarnate_above: Some(above), ..create(id, Some(id)) };
    engine.commit(create("a", Some("a"))).await.expect("committed");
    assert_eq!(engine.identity().incarnation, 1);
    assert!(!identities.has_changed().expect("open"));
    engine.commit(decides("b", 41)).await.expect("committed");
    engine.commit(decides("b", 41)).await.expect("a repetition");
    assert_eq!(identities.borrow_and_update().incarnation, 42);
    engine.commit(Call { request: None, ..decides("b", 41) }).await.expect_err("there is one");
    assert_eq!(engine.identity().incarnation, 42, "a refused call decides nothing");
    engine.commit(decides("c", 1)).await.expect("committed");
    assert_eq!(engine.identity(), Identity { store_id: [1; 16], incarnation: 43 });
    drop(engine);
    running.join().expect("a clean end");
}

#[tokio::test]
async fn a_commit_is_in_the_snapshot_the_ledger_and_the_views_when_it_returns() {
    let (engine, running, mut durable) = start();
    let committed = engine.commit(create("a", None)).await.expect("committed");
    assert_eq!(committed.revision, Revision(1));
    assert_eq!(engine.state().revision(), Revision(1));
    assert!(engine.state().space(&SpaceName::from_id("a").expect("a name")).is_some());
    let frame = durable.recv().await.expect("a frame");
    let stored = engine.history().read(1).expect("read").next().expect("one").expect("frame");
    let read = stored::decode_frame(&stored.payload).expect("decodes");
    assert_eq!(read.iter().collect::<Vec<_>>(), frame.entries.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    drop(engine);
    running.join().expect("a clean end");
}

#[tokio::test]
async fn a_refused_call_leaves_nothing() {
    let (engine, _running, _views) = start();
    engine.commit(create("a", None)).await.expect("committed");
    let again = engine.commit(create("a", None)).await;
    let reason = match again {
        Err(CommitError::Refused(refusal)) => Some(refusal.reason),
        _ => None,
    };
    assert_eq!(reason, Some(Reason::AlreadyExists));
    assert_eq!(engine.state().revision(), Revision(1));
}

#[tokio::test]
async fn a_repeated_request_is_carried_out_once() {
    let (engine, _running, _views) = start();
    let first = engine.commit(create("a", Some("r1"))).await.expect("committed");
    let second = engine.commit(create("a", Some("r1"))).await.expect("repeated");
    assert_eq!((first.revision, first.about), (second.revision, second.about));
    assert_eq!(engine.state().revision(), Revision(1));

    let mut other = create("b", Some("r1"));
    other.request = Some(RequestMark { id: "r1".into(), fingerprint: [8; 16] });
    let reused = engine.commit(other).await.expect_err("another request");
    assert!(matches!(reused, CommitError::Refused(refusal) if refusal.reason == Reason::RequestIdReused));
}

#[tokio::test]
async fn entries_run_from_the_past_into_the_present() {
    let (engine, _running, _views) = start();
    for i in 0..50 {
        engine.commit(create(&format!("s{i}"), None)).await.expect("committed");
    }
    for after in [0, 1, 17, 49] {
        let mut entries = engine.entries_after(Revision(after));
        let read: Vec<_> = entries.ready(1000).await.expect("read").iter().map(|e| e.revision.0).collect();
        assert_eq!(read, (after + 1..=50).collect::<Vec<_>>());
    }
    let mut entries = engine.entries_after(Revision(50));
    let waiting = tokio::spawn(async move { entries.next(10).await });
    engine.commit(create("later", None)).await.expect("committed");
    let next = waiting.await.expect("joined").expect("read").expect("not ended");
    assert_eq!(next.iter().map(|e| e.revision.0).collect::<Vec<_>>(), [51]);
}

#[tokio::test]
async fn history_older_than_memory_is_read_from_the_ledger() {
    let ledger = MemoryLedger::new(Identity { store_id: [1; 16], incarnation: 1 });
    let (views, _durable) = mpsc::channel(1024);
    let (engine, running) =
        Engine::start(Box::new(ledger.rival()), State::default(), Arc::new(|| Timestamp(1)), views.clone());
    for i in 0..20 {
        engine.commit(create(&format!("s{i}"), None)).await.expect("committed");
    }
    let state = State::clone(&engine.state());
    drop(engine);
    running.join().expect("a clean end");

    let (engine, _running) = Engine::start(Box::new(ledger), state, Arc::new(|| Timestamp(1)), views);
    for after in 0..20 {
        let mut entries = engine.entries_after(Revision(after));
        let read: Vec<_> = entries.ready(1000).await.expect("read").iter().map(|e| e.revision.0).collect();
        assert_eq!(read, (after + 1..=20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn frames_are_bounded_by_their_bytes() {
    let (engine, _running, mut views) = start();
    let calls = (0..24).map(|i| {
        let method = "m".repeat(3 << 20);
        let call = Call { method, ..create(&format!("s{i}"), None) };
        engine.commit(call)
    });
    for committed in futures_util::future::join_all(calls).await {
        committed.expect("committed");
    }
    let mut entries = 0;
    for frame in engine.history().read(1).expect("read") {
        let frame = frame.expect("a frame");
        assert!(frame.payload.len() <= 10 << 20, "{} bytes in frame {}", frame.payload.len(), frame.seq);
        entries += views.recv().await.expect("a frame").entries.len();
    }
    assert_eq!(entries, 24);
}

#[tokio::test]
async fn a_change_too_large_for_the_ledger_is_refused_and_the_engine_goes_on() {
    let (engine, _running, _views) = start();
    let method = "m".repeat(writer::ENTRY_BYTES_MAX);
    let refused = engine.commit(Call { method, ..create("huge", None) }).await.expect_err("too large");
    assert!(matches!(refused, CommitError::Refused(refusal) if refusal.reason == Reason::TooMany));
    engine.commit(create("next", None)).await.expect("committed");
    assert_eq!(engine.state().spaces().len(), 1);
}

/// A call of an operator to this method, of what was decided ahead of it or not.
fn of_alice(method: &str, command: Command, ahead: Option<Ahead>) -> Call {
    Call { ahead, ..Call::internal("operators/alice", method, command) }
}

const CREATE_PREFIX: &str = "/freehold.v1.PrefixService/CreatePrefix";
const APPLY_IMPORT: &str = "/freehold.v1.ExchangeService/ApplyImport";

fn create_prefix(name: &str) -> Command {
    Command::CreatePrefix { name: name.parse().expect("a name"), draft: PrefixDraft::of(PrefixKind::Network) }
}

#[tokio::test]
async fn an_operators_call_is_held_to_its_rights_at_that_moment_whoever_hands_it_over() {
    let (engine, running, _durable) = start();
    let place: Place = "spaces/a/prefixes/10.1.0.0-16".parse().expect("a place");
    let grant = Grant { role: Role::AsmAdministrator, place };
    let name: OperatorName = "operators/alice".parse().expect("a name");
    let alice = |grants| Command::CreateOperator { name: name.clone(), roles: [].into(), grants, certificate: None };
    let reason = |refused: Result<Committed, CommitError>| match refused {
        Err(CommitError::Refused(refusal)) => Some(refusal.reason),
        other => panic!("{other:?}"),
    };
    let denied = Some(Reason::PermissionDenied);
    let (inside, outside) = ("spaces/a/prefixes/10.1.2.0-24", "spaces/a/prefixes/10.2.0.0-24");

    engine.commit(create("a", None)).await.expect("a space");
    let early = of_alice(CREATE_PREFIX, create_prefix(inside), None);
    assert_eq!(reason(engine.commit(early).await), denied, "nobody of that name");
    engine.commit(Call::internal("test", "/test", alice([grant].into()))).await.expect("an operator");
    for method in
        ["/freehold.v1.SpaceService/CreateSpace", "/freehold.sync.v1.EnrolmentService/Enrol", "settle", "/test"]
    {
        let call = of_alice(method, create_prefix(inside), None);
        assert_eq!(
            engine.plan(&engine.state(), &call).map_err(|refusal| Some(refusal.reason)).expect_err(method),
            denied
        );
        assert_eq!(reason(engine.commit(call).await), denied, "{method}");
    }
    for method in [CREATE_PREFIX, APPLY_IMPORT] {
        assert_eq!(reason(engine.commit(of_alice(method, create_prefix(outside), None)).await), denied, "{method}");
        let state = engine.state();
        let changes = decide(&state, &create_prefix(outside), engine.now()).expect("the rules allow it");
        let ahead = Ahead { base: state.revision(), changes };
        let call = of_alice(method, Command::Together(Vec::new()), Some(ahead));
        assert_eq!(reason(engine.commit(call).await), denied, "{method}, decided ahead");
    }
    engine.commit(of_alice(CREATE_PREFIX, create_prefix(inside), None)).await.expect("inside");

    // What was decided while she might is not done when she may not any more.
    let state = engine.state();
    let changes = decide(&state, &create_prefix("spaces/a/prefixes/10.1.3.0-24"), engine.now()).expect("allowed");
    let patch = OperatorPatch { grants: Some([].into()), ..OperatorPatch::default() };
    let take = Command::UpdateOperator { name: name.clone(), etag: None, patch };
    engine.commit(Call::internal("test", "/test", take)).await.expect("taken away");
    let ahead = Ahead { base: engine.state().revision(), changes };
    let late = of_alice(APPLY_IMPORT, Command::Together(Vec::new()), Some(ahead));
    assert_eq!(reason(engine.commit(late).await), denied);
    assert_eq!(engine.state().prefixes().len(), 1);
    drop(engine);
    running.join().expect("a clean end");
}
