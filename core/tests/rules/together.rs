//! Several commands as one change.

use crate::world::{NOW, hall, reservation, scope, state, word};
use freehold_core::change::RecordKey;
use freehold_core::command::{Command, ReservationPatch, ScopePatch};
use freehold_core::text::Text;
use freehold_core::{Reason, decide};

fn text(words: &str) -> Text {
    Text::parse(words).expect("text")
}

fn described(words: &str) -> Command {
    hall(ScopePatch { description: Some(text(words)), ..ScopePatch::default() })
}

#[test]
fn each_is_decided_on_what_those_before_it_made() {
    let before = state();
    let rename = Command::UpdateReservation {
        name: word("scopes/new/reservations/10.0.2.10"),
        etag: None,
        patch: ReservationPatch { description: Some(text("the same one")), ..ReservationPatch::default() },
    };
    let together = Command::Together(vec![
        Command::CreateScope(scope("scopes/new", "10.0.2.0/24", "10.0.2.9-10.0.2.20")),
        reservation("scopes/new/reservations/10.0.2.10", "02:00:00:00:00:0a"),
        rename,
    ]);
    let changes = decide(&before, &together, NOW).expect("allowed");
    let mut after = before;
    after.apply_changes(&changes);
    assert_eq!(freehold_core::check(&after), Vec::<String>::new());
    let made = after.reservation(&word("scopes/new/reservations/10.0.2.10")).expect("made");
    assert_eq!(made.description, text("the same one"));
    let reservations = changes.iter().filter(|change| matches!(change.key(), RecordKey::Reservation(_))).count();
    assert_eq!(reservations, 1, "made and changed is one change of one record");
}

#[test]
fn one_that_is_refused_refuses_all_and_is_named() {
    let missing = Command::UpdateScope { name: word("scopes/none"), etag: None, patch: ScopePatch::default() };
    let refusal = decide(&state(), &Command::Together(vec![described("a"), missing]), NOW).expect_err("refused");
    assert_eq!((refusal.reason, refusal.field.as_str()), (Reason::ScopeNotFound, "requests[1].scope.name"));
}

#[test]
fn what_is_made_and_gone_again_is_no_change() {
    let together = Command::Together(vec![
        reservation("scopes/hall/reservations/10.0.0.77", "02:00:00:00:00:77"),
        Command::DeleteReservation { name: word("scopes/hall/reservations/10.0.0.77"), etag: None },
    ]);
    assert_eq!(decide(&state(), &together, NOW), Ok(Vec::new()));
}

/// Records are given in the order of their first change; what one gives up, the other gets all the same.
#[test]
fn two_reservations_may_swap_their_clients() {
    let (one, two) = ("scopes/hall/reservations/10.0.0.70", "scopes/hall/reservations/10.0.0.71");
    let mut state = state();
    for (name, client) in [(one, "02:00:00:00:00:70"), (two, "02:00:00:00:00:71")] {
        let changes = decide(&state, &reservation(name, client), NOW).expect("allowed");
        state.apply_changes(&changes);
    }
    let give = |name: &str, client: &str| Command::UpdateReservation {
        name: word(name),
        etag: None,
        patch: ReservationPatch {
            client: Some(freehold_core::client::ClientIdentity::Hardware(word(client))),
            ..ReservationPatch::default()
        },
    };
    let swap = Command::Together(vec![
        give(one, "02:00:00:00:00:72"),
        give(two, "02:00:00:00:00:70"),
        give(one, "02:00:00:00:00:71"),
    ]);
    let changes = decide(&state, &swap, NOW).expect("allowed");
    state.apply_changes(&changes);
    assert_eq!(freehold_core::check(&state), Vec::<String>::new());
}
