use super::*;
use crate::session::machine::Preview;
use freehold_proto::sync::preview_answer::Outcome as Came;
use freehold_proto::sync::{PreviewAnswer, PreviewRequest};

fn asked(change: ChangeSet) -> Down {
    Down::Preview(PreviewRequest { change: Some(change) })
}

fn answer(outputs: &[Output]) -> PreviewAnswer {
    let [Output::Send(message)] = outputs else { panic!("one message: {outputs:?}") };
    let Some(Up::Preview(answer)) = &message.message else { panic!("an answer: {message:?}") };
    answer.clone()
}

#[test]
fn a_preview_is_handed_on_whole_and_nothing_of_it_is_obeyed_or_kept() {
    let (held, wanted) = (bundle_of(&[("a", "1"), ("b", "1")]), bundle_of(&[("a", "2"), ("c", "1")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 10));
    let before = bench.0.memory().clone();
    let whole = change(77, Some(&held), &wanted);
    let (mut first, mut second) = (whole.clone(), whole.clone());
    (first.parts, second.parts, second.part) = (2, 2, 1);
    (first.removes, second.upserts) = (Vec::new(), Vec::new());
    assert_eq!(bench.hear(asked(first)), []);
    let expected = Preview { server: "kea4".into(), preview_id: 77, bundle: Arc::new(wanted.clone()), asked: 10 };
    assert_eq!(bench.hear(asked(second)), [Output::Preview(expected.clone())]);
    assert_eq!(bench.0.memory(), &before);

    // One of a change that is under way is handed on, too.
    bench.hear(Down::Change(change(1, Some(&held), &wanted)));
    assert_eq!(bench.hear(asked(whole)), [Output::Preview(expected)]);

    let said = PreviewAnswer { preview_id: 77, last: true, ..PreviewAnswer::default() };
    bench.0.previewed(said.clone());
    assert_eq!(answer(&bench.all()), said);
    bench.0.lost(at(20), 0);
    bench.0.previewed(said);
    assert_eq!(bench.all(), [], "nobody waits for it any more");
}

#[test]
fn what_cannot_be_previewed_is_said() {
    let (held, wanted) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&held)), store_point(1, 10));
    let refused = |outputs: &[Output], outcome: Came, says: &str| {
        let answer = answer(outputs);
        assert_eq!((answer.preview_id, answer.outcome(), answer.last), (5, outcome, true));
        assert!(answer.message.contains(says), "{}", answer.message);
    };
    let outputs = bench.hear(asked(change(5, Some(&wanted), &held)));
    refused(&outputs, Came::Unable, "does not run yet what the preview starts from");
    let mut damaged = change(5, Some(&held), &wanted);
    damaged.to_digest = held.digest().0.to_vec();
    refused(&bench.hear(asked(damaged)), Came::Unable, "does not run yet");
    let elsewhere = ChangeSet { server_id: "kea7".into(), ..change(5, None, &wanted) };
    refused(&bench.hear(asked(elsewhere)), Came::Unable, "there is no server \"kea7\" on this host");
    let mut strange = change(5, Some(&held), &wanted);
    strange.upserts[0].required_features = vec!["tea.v1".into()];
    refused(&bench.hear(asked(strange)), Came::Refused, "tea.v1");
    // The rest of one that was answered already.
    let rest = ChangeSet { part: 1, parts: 2, ..change(9, Some(&held), &wanted) };
    assert_eq!(bench.hear(asked(rest)), []);
}
