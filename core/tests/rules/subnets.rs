//! What carving, splitting, joining and resizing do, and all that they name when they cannot.

use crate::world::{NOW, after, prefix, reservation, routers, scope, state, word};
use freehold_core::change::RecordKey;
use freehold_core::command::{Command, NewScope, PrefixDraft};
use freehold_core::model::PrefixKind;
use freehold_core::name::PrefixName;
use freehold_core::{Change, State, check, decide};

fn name(prefix: &str) -> PrefixName {
    word(&format!("spaces/default/prefixes/{prefix}"))
}

pub(crate) fn carve(parent: &str, length: u8, count: u32) -> Command {
    Command::CarvePrefixes { parent: name(parent), length, count, draft: PrefixDraft::of(PrefixKind::Network) }
}

pub(crate) fn split(prefix: &str, length: u8) -> Command {
    Command::SplitPrefix { name: name(prefix), etag: None, length, remove_original: false }
}

pub(crate) fn join(prefixes: &[&str]) -> Command {
    Command::JoinPrefixes { pieces: prefixes.iter().map(|prefix| (name(prefix), None)).collect() }
}

pub(crate) fn resize(prefix: &str, cidr: &str) -> Command {
    Command::ResizePrefix { name: name(prefix), etag: None, cidr: word(cidr) }
}

/// What a command does, a word and a name each, and the state after it.
fn done(state: &State, command: &Command) -> (Vec<String>, State) {
    let changes = decide(state, command, NOW).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
    let word = |change: &Change| match (change.before(), change.after()) {
        (None, _) => "made",
        (_, None) => "gone",
        _ => "changed",
    };
    let line = |change: &Change| {
        format!("{} {}", word(change), change.key().to_string().replace("spaces/default/prefixes/", ""))
    };
    let lines = changes.iter().map(line).collect();
    let next = after(state.clone(), command, NOW);
    assert_eq!(check(&next), Vec::<String>::new());
    (lines, next)
}

fn obstacles(state: &State, command: &Command) -> Vec<(String, String)> {
    let refusal = decide(state, command, NOW).expect_err("refused");
    refusal.obstacles.into_iter().map(|obstacle| (obstacle.resource, obstacle.message)).collect()
}

/// 10.0.5.0/24 with a scope in its lower half, with a router and a reservation.
fn lower(state: State) -> State {
    let lower =
        NewScope { options: routers("10.0.5.1"), ..scope("scopes/lower", "10.0.5.0/24", "10.0.5.10-10.0.5.99") };
    [
        prefix("spaces/default/prefixes/10.0.5.0-24", PrefixKind::Network),
        Command::CreateScope(lower),
        reservation("scopes/lower/reservations/10.0.5.20", "02:00:00:00:05:20"),
    ]
    .iter()
    .fold(state, |state, command| after(state, command, NOW))
}

#[test]
fn the_first_free_blocks_are_carved() {
    let (lines, next) = done(&state(), &carve("10.0.0.0-8", 24, 3));
    assert_eq!(lines, ["made 10.0.3.0-24", "made 10.0.5.0-24", "made 10.0.6.0-24"]);
    assert_eq!(next.child_count(&name("10.0.0.0-8")), 7);
    let refusal = decide(&state(), &carve("10.0.0.0-8", 9, 2), NOW).expect_err("one is taken");
    assert_eq!(refusal.message, "spaces/default/prefixes/10.0.0.0-8 has not 2 free /9: 1 are free");
}

#[test]
fn a_scope_goes_with_its_part_and_back() {
    let before = lower(state());
    let scope_before = before.scope(&word("scopes/lower")).expect("there").clone();
    let (lines, halves) = done(&before, &split("10.0.5.0-24", 25));
    assert_eq!(lines, ["changed 10.0.5.0-24", "made 10.0.5.0-25", "made 10.0.5.128-25", "changed scopes/lower"]);
    let moved = halves.scope(&word("scopes/lower")).expect("there");
    assert_eq!((moved.network, moved.subnet_id), (word("10.0.5.0/25"), scope_before.subnet_id));
    assert_eq!(halves.prefix(&name("10.0.5.128-25")).expect("made").made_from, [word("10.0.5.0/24")]);

    let (lines, whole) = done(&halves, &join(&["10.0.5.128-25", "10.0.5.0-25"]));
    assert_eq!(lines, ["changed 10.0.5.0-24", "gone 10.0.5.0-25", "gone 10.0.5.128-25", "changed scopes/lower"]);
    let back = whole.scope(&word("scopes/lower")).expect("there");
    assert_eq!((back.network, back.subnet_id), (scope_before.network, scope_before.subnet_id));
    assert_eq!(whole.prefix(&name("10.0.5.0-24")).map(|prefix| prefix.kind), Some(PrefixKind::Network));
}

#[test]
fn all_that_does_not_fit_a_part_is_named() {
    let state = lower(state());
    let told = obstacles(&state, &split("10.0.5.0-24", 28));
    assert_eq!(
        told.iter().map(|(resource, _)| resource.as_str()).collect::<Vec<_>>(),
        ["scopes/lower", "scopes/lower/reservations/10.0.5.20"]
    );
    assert_eq!(told[0].1, "the range 10.0.5.10-10.0.5.99 of scopes/lower does not lie in 10.0.5.0/28");
    let told = obstacles(&state, &resize("10.0.5.0-24", "10.0.5.64/26"));
    assert_eq!(told.len(), 3, "range, router and reservation: {told:?}");
    let told = obstacles(&state, &join(&["10.0.0.0-24", "10.0.1.0-24"]));
    assert_eq!(told.iter().map(|(resource, _)| resource.as_str()).collect::<Vec<_>>(), ["scopes/hall", "scopes/yard"]);
    let told = obstacles(&state, &resize("10.0.4.0-24", "10.0.0.0/20"));
    assert_eq!(told.len(), 4, "four networks would be overlapped: {told:?}");
}

#[test]
fn a_resized_prefix_is_another_that_says_what_it_was() {
    let before = lower(state());
    let old = before.prefix(&name("10.0.5.0-24")).expect("there").clone();
    let (lines, next) = done(&before, &resize("10.0.5.0-24", "10.0.5.0/25"));
    assert_eq!(lines, ["made 10.0.5.0-25", "gone 10.0.5.0-24", "changed scopes/lower"]);
    let new = next.prefix(&name("10.0.5.0-25")).expect("made");
    assert_eq!((new.stamp.created, &new.made_from), (old.stamp.created, &vec![word("10.0.5.0/24")]));
    let (lines, next) = done(&next, &resize("10.0.5.0-25", "10.0.5.0/24"));
    assert_eq!(lines, ["made 10.0.5.0-24", "gone 10.0.5.0-25", "changed scopes/lower"]);
    assert_eq!(next.reservations(), before.reservations());
}

#[test]
fn a_container_is_split_around_what_it_holds() {
    let (lines, next) = done(
        &state(),
        &Command::SplitPrefix { name: name("10.0.0.0-8"), etag: None, length: 9, remove_original: true },
    );
    assert_eq!(lines, ["gone 10.0.0.0-8", "made 10.0.0.0-9", "made 10.128.0.0-9"]);
    assert_eq!((next.child_count(&name("10.0.0.0-9")), next.child_count(&name("10.128.0.0-9"))), (4, 0));
    let (lines, back) = done(&next, &join(&["10.0.0.0-9", "10.128.0.0-9"]));
    assert_eq!(lines, ["made 10.0.0.0-8", "gone 10.0.0.0-9", "gone 10.128.0.0-9"]);
    assert_eq!(back.child_count(&name("10.0.0.0-8")), 4);
}

/// `scopes/seven` delegates out of 2001:db8:de00::/40, and reserves a prefix in that and one outside of it.
#[test]
fn what_is_delegated_is_carved_for_nobody_and_no_network_grows_over_it() {
    let state = after(state(), &prefix("spaces/default/prefixes/2001:db8:dc00::-38", PrefixKind::Container), NOW);
    let (lines, next) = done(&state, &carve("2001:db8:dc00::-38", 40, 3));
    let made = ["made 2001:db8:dc00::-40", "made 2001:db8:dd00::-40", "made 2001:db8:df00::-40"];
    assert_eq!(lines, made);
    let refusal = decide(&next, &carve("2001:db8:dc00::-38", 41, 1), NOW).expect_err("nothing is left");
    assert!(refusal.message.ends_with("has not 1 free /41: all of it is taken"), "{}", refusal.message);
    let grown = obstacles(&next, &resize("2001:db8:df00::-40", "2001:db8:de00::/39"));
    let delegates = |what: &str| format!("scopes/seven{what}, which shares addresses with 2001:db8:de00::/39");
    assert_eq!(
        grown,
        [
            ("scopes/seven".to_owned(), delegates(" delegates prefixes out of 2001:db8:de00::/40")),
            (
                "scopes/seven/reservations/2001:db8:7::9".to_owned(),
                delegates("/reservations/2001:db8:7::9 delegates 2001:db8:de00:300::/56")
            ),
        ]
    );
}

#[test]
fn a_tree_shows_what_is_asked_for_and_goes_on_where_it_ended() {
    let state = after(state(), &prefix("spaces/default/prefixes/10.0.0.0-16", PrefixKind::Container), NOW);
    let space = word("spaces/default");
    let rows = |root: Option<&PrefixName>, depth, after: Option<&PrefixName>| -> Vec<(usize, String)> {
        state.tree(&space, root, depth, after).map(|(level, prefix)| (level, prefix.name.cidr.to_string())).collect()
    };
    let row = |level: usize, cidr: &str| (level, cidr.to_owned());
    assert_eq!(rows(None, 1, None), [row(1, "10.0.0.0/8"), row(1, "2001:db8::/64"), row(1, "2001:db8:7::/64")]);
    let ten = name("10.0.0.0-8");
    assert_eq!(rows(Some(&ten), 1, None), [row(1, "10.0.0.0/16")]);
    let all = rows(None, 9, None);
    assert_eq!(all.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [1, 2, 3, 3, 3, 3, 1, 1]);
    for depth in 1..4 {
        let all = rows(None, depth, None);
        for (i, (_, cidr)) in all.iter().enumerate() {
            let last = PrefixName { space: space.clone(), cidr: word(cidr) };
            assert_eq!(rows(None, depth, Some(&last)), all[i + 1..], "after {cidr}, {depth} deep");
        }
    }
    assert!(
        matches!(decide(&state, &carve("10.0.0.0-16", 24, 1), NOW).expect("free")[0].key(), RecordKey::Prefix(made) if made == name("10.0.3.0-24"))
    );
}
