//! Whom a change takes something away from.

use crate::world::*;
use freehold_core::command::{Choice, Command, Place, Purpose, ScopePatch};
use freehold_core::impact::{Loss, impact};
use freehold_core::model::ScopeStatus;
use freehold_core::{State, Timestamp};

const DAY: i64 = 86_400;

/// While the world's leases were live.
fn live() -> Timestamp {
    NOW.plus_seconds(-DAY - 60)
}

/// Who loses what by `commands` among these leases of the hall, and how many get other options or times.
fn hit(leases: &[(&str, &str)], commands: &[Command]) -> (Vec<(String, Loss)>, u64) {
    hit_at(live(), leases, commands)
}

fn hit_at(now: Timestamp, leases: &[(&str, &str)], commands: &[Command]) -> (Vec<(String, Loss)>, u64) {
    let before: State = managed(state());
    let after = commands.iter().fold(before.clone(), |state, command| after(state, command, NOW));
    let impact = impact(&before, &after, &leased("scopes/hall", leases), &word("servers/a/kea4"), now);
    let lost = impact.lost.into_iter().map(|hit| {
        assert_eq!(hit.scope, word("scopes/hall"));
        (hit.lease.address.to_string(), hit.why)
    });
    (lost.collect(), impact.renewed)
}

const GUEST: (&str, &str) = ("10.0.0.40", "02:00:00:00:09:09");
const OTHER: (&str, &str) = ("10.0.0.60", "02:00:00:00:09:0a");

#[test]
fn who_is_outside_of_the_pools_loses_its_address() {
    let narrow = [hall(ScopePatch {
        ranges: Some(vec![word("10.0.0.50-10.0.0.99")]),
        exclusions: Some(vec![]),
        ..ScopePatch::default()
    })];
    assert_eq!(hit(&[GUEST, OTHER], &narrow), (vec![("10.0.0.40".to_owned(), Loss::NotInPool)], 0));
    assert_eq!(hit_at(NOW, &[GUEST, OTHER], &narrow), (vec![], 0), "the leases are over");
    let excluded = hall(ScopePatch { exclusions: Some(exclusions(&["10.0.0.60"])), ..ScopePatch::default() });
    assert_eq!(hit(&[GUEST, OTHER], &[excluded]), (vec![("10.0.0.60".to_owned(), Loss::NotInPool)], 0));
    // Who was outside before is not hit by this.
    let excluded_too =
        hall(ScopePatch { exclusions: Some(exclusions(&["10.0.0.25", "10.0.0.60"])), ..ScopePatch::default() });
    assert_eq!(hit(&[("10.0.0.25", GUEST.1)], &[excluded_too]), (vec![], 0));
}

#[test]
fn what_is_served_no_more_is_lost_by_all() {
    let off = hall(ScopePatch { status: Some(ScopeStatus::Inactive), ..ScopePatch::default() });
    let lost = |address: &str| (address.to_owned(), Loss::NotServed);
    assert_eq!(hit(&[OTHER, GUEST], &[off]), (vec![lost("10.0.0.40"), lost("10.0.0.60")], 0));
    let moved = hall(ScopePatch { server: Some(None), ..ScopePatch::default() });
    assert_eq!(hit(&[GUEST], &[moved]).0, [lost("10.0.0.40")]);
}

#[test]
fn who_keeps_it_may_get_other_options() {
    let options = hall(ScopePatch { options: Some(routers("10.0.0.2")), ..ScopePatch::default() });
    assert_eq!(hit(&[GUEST, OTHER], &[options]), (vec![], 2));
    let described = hall(ScopePatch {
        description: Some(freehold_core::text::Text::parse("x").expect("a text")),
        ..ScopePatch::default()
    });
    assert_eq!(hit(&[GUEST, OTHER], &[described]), (vec![], 0));
}

#[test]
fn reservations_and_claims_take_addresses_and_move_their_clients() {
    let anothers = |address: &str| Loss::Anothers(word(&format!("spaces/default/addresses/{address}")));
    let for_another = reservation("scopes/hall/reservations/10.0.0.40", "02:00:00:00:00:77");
    assert_eq!(hit(&[GUEST, OTHER], &[for_another]).0, [("10.0.0.40".to_owned(), anothers("10.0.0.40"))]);
    let its_own = reservation("scopes/hall/reservations/10.0.0.40", GUEST.1);
    assert_eq!(hit(&[GUEST], &[its_own]), (vec![], 0));
    let elsewhere = reservation("scopes/hall/reservations/10.0.0.45", GUEST.1);
    let has = Loss::HasAnother(word("spaces/default/addresses/10.0.0.45"));
    assert_eq!(hit(&[GUEST, OTHER], &[elsewhere]).0, [("10.0.0.40".to_owned(), has.clone())]);

    let claimed = |address: &str, hardware: &str| {
        let network = Place::Network(word("spaces/default/prefixes/10.0.0.0-24"));
        let order = freehold_core::command::Allocation {
            choice: Choice::Given(vec![word(address)]),
            purpose: Purpose::Claim { expires: None },
            details: vec![details(Some(hardware))],
            accept_risk: true,
            ..allocation(network)
        };
        Command::Allocate(order)
    };
    assert_eq!(
        hit(&[GUEST, OTHER], &[claimed("10.0.0.60", "02:00:00:00:00:78")]).0,
        [("10.0.0.60".to_owned(), anothers("10.0.0.60"))]
    );
    assert_eq!(hit(&[GUEST], &[claimed("10.0.0.40", GUEST.1)]), (vec![], 0));
    assert_eq!(hit(&[GUEST], &[claimed("10.0.0.45", GUEST.1)]).0, [("10.0.0.40".to_owned(), has)]);
}

#[test]
fn claims_outside_of_the_pools_count_too() {
    let claim = |address: &str, hardware: &str| {
        let order = freehold_core::command::Allocation {
            choice: Choice::Given(vec![word(address)]),
            purpose: Purpose::Claim { expires: None },
            details: vec![details(Some(hardware))],
            ..allocation(Place::Network(word("spaces/default/prefixes/10.0.0.0-24")))
        };
        Command::Allocate(order)
    };
    let has = Loss::HasAnother(word("spaces/default/addresses/10.0.0.150"));
    assert_eq!(hit(&[GUEST, OTHER], &[claim("10.0.0.150", GUEST.1)]).0, [("10.0.0.40".to_owned(), has)]);
    // Its client has the lease, and then neither the claim nor a pool.
    let before = after(managed(state()), &claim("10.0.0.150", GUEST.1), NOW);
    let released = Command::Release { name: word("spaces/default/addresses/10.0.0.150"), etag: None };
    let gone = after(before.clone(), &released, NOW);
    let leases = leased("scopes/hall", &[("10.0.0.150", GUEST.1)]);
    let impact = impact(&before, &gone, &leases, &word("servers/a/kea4"), live());
    assert_eq!(impact.lost.iter().map(|hit| hit.why.clone()).collect::<Vec<_>>(), [Loss::NotInPool]);
}
