//! What is known of servers.

use crate::world::{NOW, after, reservation, state, word};
use freehold_core::bundle::{Digest, Hash, Resource, ResourceKey, ResourceKind};
use freehold_core::command::Command;
use freehold_core::model::{Applied, Decided, RefusedBundle, Rejection};
use freehold_core::text::Text;
use freehold_core::{Revision, State};

fn rejection(hash: u8, instead: Option<Resource>) -> Rejection {
    let (field, message) = (Text::default(), "no".to_owned());
    Rejection { hash: Hash([hash; 16]), field, message, at: NOW, lacking: None, instead }
}

fn rejected(keys: &[(ResourceKind, &str)]) -> Command {
    let rejection = rejection(1, None);
    let key = |(kind, id): &(ResourceKind, &str)| ResourceKey { kind: *kind, id: (*id).to_owned() };
    Command::RecordRejected {
        server: word("servers/a/kea4"),
        rejections: keys.iter().map(|k| (key(k), rejection.clone())).collect(),
        error: "the server's words".to_owned(),
        bundle: None,
    }
}

fn applied(digest: u8) -> Command {
    let applied = Applied { revision: Revision(9), digest: Digest([digest; 32]), at: NOW, took_ms: 40, barrier: None };
    Command::RecordApplied { server: word("servers/a/kea4"), applied }
}

fn known(state: &State) -> (Vec<String>, String, Option<Digest>) {
    let status = state.status(&word("servers/a/kea4")).expect("a status");
    let quarantine = status.quarantine.keys().map(ToString::to_string).collect();
    (quarantine, status.last_error.clone(), status.applied.as_ref().map(|applied| applied.digest))
}

#[test]
fn what_a_server_refused_is_kept_while_it_is_the_servers_to_run() {
    use ResourceKind::{Reservation, Scope};
    let (here, other, nowhere) = ("hall/10.0.0.50", "yard", "hall/10.0.0.77");
    let refused =
        rejected(&[(Scope, "hall"), (Reservation, here), (Scope, other), (Reservation, nowhere), (Scope, "?")]);
    let state = after(state(), &refused, NOW);
    let both = vec!["scope hall".to_owned(), "reservation hall/10.0.0.50".to_owned()];
    assert_eq!(known(&state), (both.clone(), "the server's words".to_owned(), None));

    let state = after(state, &applied(5), NOW);
    assert_eq!(known(&state), (both, String::new(), Some(Digest([5; 32]))));

    let gone = Command::DeleteReservation { name: word("scopes/hall/reservations/10.0.0.50"), etag: None };
    let state = after(after(state, &gone, NOW), &applied(6), NOW);
    assert_eq!(known(&state), (vec!["scope hall".to_owned()], String::new(), Some(Digest([6; 32]))));
}

#[test]
fn a_server_goes_on_with_what_it_ran_until_it_refuses_that_too() {
    let hall = || ResourceKey { kind: ResourceKind::Scope, id: "hall".to_owned() };
    let refused = |rejection| Command::RecordRejected {
        server: word("servers/a/kea4"),
        rejections: [(hall(), rejection)].into(),
        error: String::new(),
        bundle: None,
    };
    let ran = Resource::new(b"older".to_vec());
    let first = rejection(1, Some(ran.clone()));
    let kept = |state: &State| state.status(&word("servers/a/kea4")).expect("a status").quarantine[&hall()].clone();
    let state = after(state(), &refused(first.clone()), NOW);
    assert_eq!(kept(&state), first);
    let again = Rejection { hash: ran.hash(), ..rejection(2, Some(Resource::new(b"oldest".to_vec()))) };
    let out = after(state.clone(), &refused(again), NOW);
    assert_eq!(
        kept(&out),
        rejection(1, None),
        "it is still the newest form that is refused, and nothing is left to go on with"
    );
    let edited = rejection(3, Some(ran));
    assert_eq!(kept(&after(state, &refused(edited.clone()), NOW)), edited);
}

#[test]
fn what_was_refused_for_another_edition_is_tried_again_and_nothing_else() {
    let (old, new) = (Hash([1; 16]), Hash([2; 16]));
    let rejection = |lacking| Rejection { lacking, ..rejection(1, None) };
    let key = |kind, id: &str| ResourceKey { kind, id: id.to_owned() };
    let (hall, seat) = (key(ResourceKind::Scope, "hall"), key(ResourceKind::Reservation, "hall/10.0.0.50"));
    let bundle = RefusedBundle { digest: Digest([3; 32]), edition: old, message: "no".to_owned(), at: NOW };
    let server = || word("servers/a/kea4");
    let refused = Command::RecordRejected {
        server: server(),
        rejections: [(hall.clone(), rejection(Some(old))), (seat.clone(), rejection(None))].into(),
        error: "no".to_owned(),
        bundle: Some(bundle.clone()),
    };
    let left = |edition| {
        let state = after(after(state(), &refused, NOW), &Command::LiftRefusals { server: server(), edition }, NOW);
        let status = state.status(&server()).expect("a status").clone();
        (status.quarantine.keys().cloned().collect::<Vec<_>>(), status.refused.clone(), status.last_error.clone())
    };
    assert_eq!(
        left(Some(old)),
        (vec![hall, seat.clone()], Some(bundle), "no".to_owned()),
        "it would refuse them again"
    );
    assert_eq!(left(Some(new)), (vec![seat], None, String::new()));
    assert_eq!(left(None), (vec![], None, String::new()), "an operator wants to know");

    let untouched = after(state(), &Command::LiftRefusals { server: server(), edition: None }, NOW);
    assert_eq!(untouched.status(&server()), None, "nothing is made of nothing");
}

#[test]
fn a_decision_is_on_record_each_time() {
    let decide = || Command::NoteDecision { server: word("servers/a/kea4"), what: "let them go".to_owned() };
    let once = after(state(), &decide(), NOW);
    let twice = after(once.clone(), &decide(), NOW);
    let decided = |state: &State| state.status(&word("servers/a/kea4")).expect("a status").decided.clone();
    assert_eq!(decided(&once), Some(Decided { what: "let them go".to_owned(), at: NOW }));
    assert_eq!((decided(&twice), twice.revision()), (decided(&once), once.revision().next()));
}

#[test]
fn reservations_are_found_by_range_and_scope() {
    let state = after(state(), &reservation("scopes/yard/reservations/10.0.1.7", "02:00:00:00:00:01"), NOW);
    let within = |scope: &str, range: &str| {
        let found = state.reservation_within(&word(scope), &word(range));
        found.map(|reservation| reservation.name.address.to_string())
    };
    assert_eq!(within("scopes/hall", "10.0.0.40-10.0.0.60"), Some("10.0.0.50".to_owned()));
    assert_eq!(within("scopes/hall", "10.0.0.51"), Some("10.0.0.51".to_owned()));
    assert_eq!(within("scopes/hall", "10.0.0.52-10.0.1.90"), None);
    assert_eq!(within("scopes/yard", "10.0.0.0-10.0.1.6"), None);
}
