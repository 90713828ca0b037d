//! How long a request id is remembered, and what for.

use freehold_core::change::{Actor, Entry, Outcome, Record, RequestMark};
use freehold_core::labels::Labels;
use freehold_core::model::{Space, Stamp};
use freehold_core::state::{Loading, REQUEST_SECONDS};
use freehold_core::text::Text;
use freehold_core::{Change, Reason, Revision, State, Timestamp};
use std::sync::Arc;

fn entry(state: &State, seconds: i64, id: Option<&str>, outcome: Outcome) -> Entry {
    Entry {
        revision: state.revision().next(),
        at: Timestamp::default().plus_seconds(seconds),
        actor: Actor { principal: "operators/alice".to_owned(), ..Actor::default() },
        method: String::new(),
        request: id.map(|id| RequestMark { id: id.to_owned(), fingerprint: [7; 16] }),
        outcome,
    }
}

fn apply(state: &mut State, seconds: i64, id: Option<&str>, outcome: Outcome) {
    let entry = entry(state, seconds, id, outcome);
    state.apply(&entry);
}

fn nothing() -> Outcome {
    Outcome::Done(Vec::new())
}

#[test]
fn a_request_is_remembered_with_its_record_for_a_day() {
    let space = Space {
        name: "spaces/default".parse().expect("a name"),
        title: Text::default(),
        description: Text::default(),
        labels: Labels::NONE,
        stamp: Stamp::default(),
    };
    let made = Change::made(Record::Space(Arc::new(space)));
    let mut state = State::default();
    apply(&mut state, 0, Some("x"), Outcome::Done(vec![made.clone()]));
    let remembered = state.request("operators/alice", "x").expect("remembered");
    assert_eq!((remembered.revision, &remembered.about), (Revision(1), &Some(made.key())));
    assert_eq!(state.request("operators/bob", "x"), None);
    apply(&mut state, REQUEST_SECONDS, None, nothing());
    assert!(state.request("operators/alice", "x").is_some());
    apply(&mut state, REQUEST_SECONDS + 1, None, nothing());
    assert_eq!(state.request("operators/alice", "x"), None);
}

#[test]
fn a_refused_request_may_be_asked_again() {
    let mut state = State::default();
    let denied = Outcome::Denied { reason: Reason::PermissionDenied, message: String::new() };
    apply(&mut state, 0, Some("x"), denied);
    assert_eq!((state.request("operators/alice", "x"), state.revision()), (None, Revision(1)));
}

#[test]
fn an_id_that_is_used_again_is_remembered_from_then_on() {
    let mut state = State::default();
    apply(&mut state, 0, Some("x"), nothing());
    apply(&mut state, 1000, Some("x"), nothing());
    apply(&mut state, REQUEST_SECONDS + 500, None, nothing());
    assert_eq!(state.request("operators/alice", "x").map(|request| request.revision), Some(Revision(2)));
    apply(&mut state, REQUEST_SECONDS + 1001, None, nothing());
    assert_eq!(state, Loading::default().done(Revision(4)));
}
