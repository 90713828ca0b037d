//! Whatever is asked, nothing becomes different but where the caller has the right: held against a model that looks at the first and
//! the last address of everything.

use crate::History;
use crate::draws::histories;
use crate::universe::{Step, kind, resolve, word};
use freehold_core::access::{Grant, Needs, Permission, Place, Reach, Right, Role};
use freehold_core::change::Change;
use freehold_core::command::{Allocation, Command, Place as Where};
use freehold_core::model::{Operator, Stamp};
use freehold_core::name::SpaceName;
use freehold_core::{Record, RecordKey, State, decide};
use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;
use std::sync::Arc;

fn operators() -> impl Strategy<Value = Operator> {
    let roles = [
        Role::IpamAdministrator,
        Role::AsmAdministrator,
        Role::DhcpAdministrator,
        Role::DhcpReservationsAdministrator,
        Role::Viewer,
    ];
    let places = [
        "spaces/default",
        "spaces/other",
        "spaces/default/prefixes/10.0.0.0-28",
        "spaces/default/prefixes/10.0.0.0-29",
        "spaces/default/prefixes/10.0.0.16-28",
        "spaces/default/prefixes/10.0.0.0-27",
        "spaces/default/prefixes/2001:db8::-32",
        "spaces/other/prefixes/10.0.0.0-8",
    ];
    let grant = (select(roles.to_vec()), select(places.to_vec()));
    let grants = btree_set(grant.prop_map(|(role, place)| Grant { role, place: word(place) }), 0..4);
    let everywhere =
        btree_set(select(roles.to_vec()), 0..2).prop_map(|few| if few.len() > 1 { [].into() } else { few });
    let roles = prop_oneof![3 => Just([].into()), 1 => everywhere];
    (roles, grants, prop::bool::weighted(0.02)).prop_map(|(roles, grants, disabled)| Operator {
        name: word("operators/carol"),
        roles,
        grants,
        disabled,
        certificates: Vec::new(),
        stamp: Stamp::default(),
    })
}

fn needs() -> impl Strategy<Value = Needs> {
    use Permission::{AddressesWrite, PrefixesWrite, ReservationsWrite, ScopesWrite, ServersWrite, SpacesWrite};
    let one = [PrefixesWrite, ScopesWrite, ReservationsWrite, AddressesWrite, ServersWrite, SpacesWrite];
    prop_oneof![4 => select(one.to_vec()).prop_map(Needs::One), 1 => Just(Needs::OfEachKind)]
}

/// The first and the last address of a record, if it lies in the plan.
fn edges(record: &Record, state: &State, after: &State) -> Option<(SpaceName, IpAddr, IpAddr)> {
    match record {
        Record::Prefix(one) => Some((one.name.space.clone(), one.name.cidr.network(), one.name.cidr.last())),
        Record::Scope(one) => Some((one.space.clone(), one.network.network(), one.network.last())),
        Record::Address(one) => Some((one.name.space.clone(), one.name.address, one.name.address)),
        Record::Sighting(one) => Some((one.name.space.clone(), one.name.address, one.name.address)),
        Record::Reservation(one) => {
            let scope = state.scope(&one.name.scope).or_else(|| after.scope(&one.name.scope))?;
            Some((scope.space.clone(), one.name.address, one.name.address))
        }
        _ => None,
    }
}

fn has(place: &Place, space: &SpaceName, address: IpAddr) -> bool {
    let within =
        |first: IpAddr, last: IpAddr| first.is_ipv4() == address.is_ipv4() && first <= address && address <= last;
    place.space == *space && place.cidr.is_none_or(|cidr| within(cidr.network(), cidr.last()))
}

/// Whether the operator has `permission` for a record, as the words of the rule have it.
fn may(who: &Operator, permission: Permission, record: &Record, state: &State, after: &State) -> bool {
    if who.disabled {
        return false;
    }
    if who.roles.iter().any(|role| role.holds(permission)) {
        return true;
    }
    let mut granted = who.grants.iter().filter(|grant| permission.has_places() && grant.role.holds(permission));
    match (record, edges(record, state, after)) {
        (Record::Space(space), _) => granted.any(|grant| grant.place.space == space.name && grant.place.cidr.is_none()),
        (_, Some((space, first, last))) => {
            granted.any(|grant| has(&grant.place, &space, first) && has(&grant.place, &space, last))
        }
        (_, None) => false,
    }
}

/// The permission that a change of a record needs; `None` where it follows from others.
fn needed(needs: Needs, record: &Record, scope_too: bool) -> Option<Permission> {
    let own = match record {
        Record::NextSubnetId(_) | Record::ServerStatus(_) if scope_too => return None,
        Record::NextSubnetId(_) => Permission::ScopesWrite,
        Record::Space(_) => Permission::SpacesWrite,
        Record::Prefix(_) => Permission::PrefixesWrite,
        Record::Scope(_) => Permission::ScopesWrite,
        Record::Reservation(_) => Permission::ReservationsWrite,
        Record::Address(_) | Record::Sighting(_) => Permission::AddressesWrite,
        Record::Server(_) | Record::ServerStatus(_) => Permission::ServersWrite,
        Record::Agent(_) | Record::Token(_) => Permission::AgentsWrite,
        Record::Operator(_) => Permission::OperatorsWrite,
        Record::Field(_) => Permission::FieldsWrite,
        Record::View(_) => Permission::ViewsWrite,
    };
    let of_addresses = |permission| [Permission::AddressesWrite, Permission::ReservationsWrite].contains(&permission);
    match needs {
        Needs::One(permission) if !(of_addresses(permission) && of_addresses(own)) => Some(permission),
        Needs::One(_) | Needs::OfEachKind => Some(own),
    }
}

/// Whether a refusal of what comes of `command` must have been one of what it names already: not so where it names more than it changes.
fn names_what_it_changes(command: &Command) -> bool {
    let some_of = matches!(command, Command::Allocate(Allocation { place: Where::OneOf(_), .. }));
    !some_of && !matches!(command, Command::Together(_) | Command::Expire { .. })
}

fn held_to_its_right(history: &History, step: &Step, who: &Arc<Operator>, needs: Needs) -> Option<Vec<Change>> {
    let state = &history.state;
    let command = resolve(step, state, history.now);
    let changes = decide(state, &command, history.now).ok()?;
    let mut after = state.clone();
    after.apply_changes(&changes);
    let right = Right::new(Arc::clone(who), needs);
    let made = right.may_make(state, &changes);
    let scope_too = changes.iter().any(|change| matches!(change.key(), RecordKey::Scope(_)));

    let sides = |change: &Change| [change.before().cloned(), change.after().cloned()].into_iter().flatten();
    let fits = |record: &Record| {
        needed(needs, record, scope_too).is_none_or(|permission| may(who, permission, record, state, &after))
    };
    let outside: Vec<_> = changes.iter().flat_map(sides).filter(|record| !fits(record)).map(|one| one.key()).collect();
    assert_eq!(made.is_ok(), outside.is_empty(), "{} by {who:?}: {outside:?}, {made:?}", kind(&command));
    if let Err(refusal) = &made {
        let about = refusal.resource.as_deref().expect("it names what lies outside");
        assert!(outside.iter().any(|key| key.to_string() == about), "{about} is not among {outside:?}");
    } else if !changes.is_empty() {
        // Record by record: nothing else became different.
        let rest = |state: &State, other: &State| -> Vec<Record> {
            let kept = |record: &Record| {
                needed(needs, record, scope_too).is_some_and(|permission| !may(who, permission, record, state, other))
            };
            state.records().filter(kept).collect()
        };
        assert_eq!(rest(state, &after), rest(&after, state), "{} by {who:?}", kind(&command));
        let own =
            |record: Record| needed(needs, &record, scope_too).is_none_or(|permission| needs == Needs::One(permission));
        if names_what_it_changes(&command) && changes.iter().flat_map(sides).all(own) {
            assert_eq!(right.may_ask(state, &command), Ok(()), "{} by {who:?}", kind(&command));
        }
    }
    Some(changes)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_becomes_different_but_where_the_caller_has_the_right(
        steps in histories(60), who in operators(), all in proptest::collection::vec(needs(), 60)
    ) {
        let who = Arc::new(who);
        let mut history = History::begin();
        for (step, needs) in steps.iter().zip(all) {
            history.now = history.now.plus_seconds(step.wait);
            if let Some(changes) = held_to_its_right(&history, step, &who, needs) {
                history.commit(step, changes);
            }
        }
    }

    #[test]
    fn a_reach_has_what_any_of_its_places_has(who in operators(), n in 0u8..40, length in 24u8..=32) {
        for permission in Permission::ALL {
            let reach = who.reach(*permission);
            assert_eq!(who.may(*permission), !reach.is_nowhere(), "{permission}");
            let around = |space: &SpaceName| {
                let address = IpAddr::from([10, 0, 0, n]);
                let granted = who.grants.iter().filter(|grant| permission.has_places() && grant.role.holds(*permission));
                let everywhere = who.roles.iter().any(|role| role.holds(*permission));
                let own = everywhere || granted.clone().any(|grant| has(&grant.place, space, address));
                assert_eq!(reach.covers_address(space, address), own && !who.disabled);
                let cidr = freehold_core::net::Cidr::of_one(address);
                let wide = cidr.ancestors().find(|wide| wide.prefix_len() == length).unwrap_or(cidr);
                let both = |place: &Place| has(place, space, wide.network()) && has(place, space, wide.last());
                let all = everywhere || granted.clone().any(|grant| both(&grant.place));
                assert_eq!(reach.covers(space, &wide), all && !who.disabled, "{wide}");
                if let Reach::Within(_) = reach {
                    let parts = reach.cut(space, vec![wide.range()]);
                    let numbers = (0..=255u8).map(|last| IpAddr::from([10, 0, 0, last]));
                    let inside = numbers.filter(|one| wide.contains(*one) && reach.covers_address(space, *one));
                    let cut = (0..=255u8).map(|last| IpAddr::from([10, 0, 0, last]));
                    let cut = cut.filter(|one| parts.iter().any(|part| part.contains(*one)));
                    assert!(inside.eq(cut), "{parts:?}");
                }
            };
            around(&word("spaces/default"));
            around(&word("spaces/other"));
        }
    }
}
