//! Somebody answers on an address that was to be given out: noted, kept back, cleared, forgotten.

use crate::world::{NOW, after, allocation, details, state, word};
use freehold_core::address::{AddressState, Row, list, look};
use freehold_core::change::Change;
use freehold_core::check::check;
use freehold_core::command::{Allocation, Choice, Command, Place, Purpose};
use freehold_core::labels::Labels;
use freehold_core::lease::LeaseBook;
use freehold_core::model::Sighting;
use freehold_core::name::AddressName;
use freehold_core::text::Text;
use freehold_core::{Reason, Record, State, Timestamp, decide};
use std::net::IpAddr;

const SEEN: &str = "spaces/default/addresses/10.0.0.10";

fn seen_at(state: State, name: &str, hardware: Option<&str>, at: Timestamp) -> State {
    let command =
        Command::RecordSighting { name: word(name), hardware: hardware.map(word), agent: word("agents/berlin-1") };
    let state = after(state, &command, at);
    assert_eq!(check(&state), Vec::<String>::new());
    state
}

fn given(state: &State, order: Allocation) -> Result<Vec<IpAddr>, Reason> {
    let changes = decide(state, &Command::Allocate(order), NOW).map_err(|refusal| refusal.reason)?;
    let address = |change: &Change| match change.after() {
        Some(Record::Address(assignment)) => assignment.name.address,
        other => panic!("not an address: {other:?}"),
    };
    Ok(changes.iter().map(address).collect())
}

fn hall() -> Allocation {
    allocation(Place::Scope(word("scopes/hall")))
}

fn of(state: &State, name: &str) -> Option<(Option<String>, i64, i64, i64)> {
    let found: &Sighting = state.sighting(&word(name))?;
    let hardware = found.hardware.as_ref().map(ToString::to_string);
    let since = |at: Timestamp| at.since(NOW) / 1000;
    Some((hardware, since(found.stamp.created), since(found.stamp.updated), since(found.until)))
}

#[test]
fn who_answers_is_seen_and_the_address_kept_back() {
    let state = seen_at(state(), SEEN, Some("02:00:00:00:00:66"), NOW);
    let view = look(&state, &LeaseBook::default(), &word(SEEN));
    assert_eq!((view.state, view.reasons.len()), (AddressState::Answering, 1));
    assert_eq!(given(&state, hall()), Ok(vec![word("10.0.0.11")]));
    // Nor among all that there are, first or drawn.
    let all = (1..256).rev().find_map(|count| given(&state, Allocation { count, ..hall() }).ok()).expect("some");
    assert!(all.len() > 10 && !all.contains(&word("10.0.0.10")));
    let count = u32::try_from(all.len()).expect("few");
    let drawn = Allocation { count, choice: Choice::Random { seed: [7; 16] }, ..hall() };
    let mut drawn = given(&state, drawn).expect("as many");
    drawn.sort();
    assert_eq!(drawn, all);

    let named = |accept_risk| Allocation {
        choice: Choice::Given(vec![word("10.0.0.10")]),
        purpose: Purpose::Claim { expires: None },
        details: vec![details(Some("02:00:00:00:00:99"))],
        accept_risk,
        ..hall()
    };
    assert_eq!(given(&state, named(false)), Err(Reason::AddressAnswers));
    assert_eq!(given(&state, named(true)), Ok(vec![word("10.0.0.10")]));
    // Claimed at the caller's risk, it is still known who was seen; given back, it is still kept back.
    let claimed = after(state, &Command::Allocate(named(true)), NOW);
    let view = look(&claimed, &LeaseBook::default(), &word(SEEN));
    assert_eq!((view.state, view.reasons.len()), (AddressState::Claimed, 2));
    let released = after(claimed, &Command::Release { name: word(SEEN), etag: None }, NOW);
    assert_eq!(check(&released), Vec::<String>::new());
    assert_eq!(given(&released, hall()), Ok(vec![word("10.0.0.11")]));

    let clear = |etag| Command::ClearSighting { name: word(SEEN), etag };
    let stale = decide(&released, &clear(Some(freehold_core::Revision(0))), NOW).expect_err("another etag");
    assert_eq!((stale.reason, stale.field.as_str()), (Reason::EtagMismatch, "etag"));
    let cleared = after(released, &clear(None), NOW);
    assert_eq!(check(&cleared), Vec::<String>::new());
    assert_eq!(given(&cleared, hall()), Ok(vec![word("10.0.0.10")]));
}

#[test]
fn a_list_shows_who_answers_between_the_gaps() {
    let state = seen_at(state(), "spaces/default/addresses/10.0.0.13", None, NOW);
    let network = state.prefix(&word("spaces/default/prefixes/10.0.0.0-24")).expect("there");
    let rows: Vec<_> = list(&state, &LeaseBook::default(), network, &word("10.0.0.11-10.0.0.15")).collect();
    let told: Vec<_> = rows
        .iter()
        .map(|row| match row {
            Row::Address(view) => format!("{} {:?}", view.name.address, view.state),
            Row::Free(range) | Row::Excluded(range) => format!("{range}"),
        })
        .collect();
    assert_eq!(told, ["10.0.0.11-10.0.0.12", "10.0.0.13 Answering", "10.0.0.14-10.0.0.15"]);
}

#[test]
fn a_sighting_is_renewed_and_forgotten_after_a_week() {
    let week = Sighting::SECONDS;
    let state = seen_at(state(), SEEN, None, NOW);
    assert_eq!(of(&state, SEEN), Some((None, 0, 0, week)));
    let state = seen_at(state, SEEN, Some("02:00:00:00:00:66"), NOW.plus_seconds(100));
    assert_eq!(of(&state, SEEN), Some((Some("02:00:00:00:00:66".to_owned()), 0, 100, week + 100)));
    let other = "spaces/default/addresses/10.0.0.12";
    let state = seen_at(state, other, None, NOW.plus_seconds(50));
    let order: Vec<_> = state.sightings_ending().map(|found| found.name.clone()).collect();
    assert_eq!(order, [word::<AddressName>(other), word(SEEN)]);

    let over = |most, seconds| {
        let changes = decide(&state, &Command::Expire { most }, NOW.plus_seconds(seconds)).expect("nothing is refused");
        changes.iter().map(|change| change.key().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(over(9, week + 49), Vec::<String>::new());
    assert_eq!(over(9, week + 50), [format!("{other}/sighting")]);
    assert_eq!(over(1, week + 900), [format!("{other}/sighting")]);
    assert_eq!(over(9, week + 900), [format!("{other}/sighting"), format!("{SEEN}/sighting")]);
}

#[test]
fn a_space_takes_who_was_seen_in_it_along() {
    let (title, description) = (Text::default(), Text::default());
    let made = Command::CreateSpace { name: word("spaces/guests"), title, description, labels: Labels::NONE };
    let state = seen_at(after(state(), &made, NOW), "spaces/guests/addresses/10.0.0.9", None, NOW);
    let state = seen_at(state, SEEN, None, NOW);
    let state = after(state, &Command::DeleteSpace { name: word("spaces/guests"), etag: None }, NOW);
    assert_eq!(check(&state), Vec::<String>::new());
    assert_eq!(state.sightings().map(|found| found.name.clone()).collect::<Vec<_>>(), [word::<AddressName>(SEEN)]);
}
