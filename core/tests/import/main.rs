//! Files against a state: what comes of each line, and that a plan is what its commands come to.

use freehold_core::access::{Permission, Reach};
use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::exchange::{Asked, Reader, Settings};
use freehold_core::import::{Context, Counts, Limits, Line, Order, Plan, Planner, Verdict};
use freehold_core::lease::LeaseBook;
use freehold_core::model::PrefixKind;
use freehold_core::name::SpaceName;
use freehold_core::{Change, Command, Reason, State, Timestamp, check, decide};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn space() -> SpaceName {
    SpaceName::from_id("default").expect("a name")
}

/// A state with the default space and nothing in it.
fn empty() -> State {
    let mut state = State::default();
    let text = freehold_core::text::Text::default;
    let labels = freehold_core::labels::Labels::NONE;
    let create = Command::CreateSpace { name: space(), title: text(), description: text(), labels };
    let made = decide(&state, &create, NOW).expect("a space");
    commit(&mut state, made);
    state
}

fn commit(state: &mut State, changes: Vec<Change>) {
    let revision = state.revision().next();
    let outcome = Outcome::Done(changes);
    let entry = Entry { revision, at: NOW, actor: Actor::default(), method: String::new(), request: None, outcome };
    state.apply(&entry);
    assert_eq!(check(state), Vec::<String>::new());
}

/// What comes of files, of which all that changes may cost `most`, a unit each.
fn plan_within(state: &State, files: &[&str], most: usize) -> (Vec<Line>, Plan) {
    let order = Order { holder: "operators/alice".into(), now: NOW, create_missing: true };
    let limits = Limits { cost: |_| 1, bytes_max: most };
    let mut planner = Planner::new(state, &LeaseBook::default(), order, limits);
    planner.hold_to(Permission::PrefixesWrite, Reach::Everywhere);
    let mut lines = Vec::new();
    for (number, text) in (0..).zip(files) {
        planner.begin_file(number);
        let mut reader = Reader::new(Settings { space: space(), format: Asked::Any });
        let mut rows = Vec::new();
        reader.feed(text.as_bytes(), &mut |row| rows.push(row));
        let outcome = reader.finish(&mut |row| rows.push(row));
        assert_eq!(outcome.faults.kept(), [], "{text}");
        let context = Context { sheet: outcome.sheet.as_ref().expect("a header"), spaces: &outcome.spaces };
        lines.extend(rows.iter().map(|row| planner.line(context, row)));
    }
    (lines, planner.finish())
}

/// The state after an import of which no line is refused; its commands come to the same.
fn imported(state: &State, files: &[&str]) -> State {
    let (lines, plan) = plan_within(state, files, usize::MAX);
    assert_eq!((plan.counts.refused, plan.base), (0, state.revision()), "{lines:?}");
    let commands = plan.steps.into_iter().map(|step| step.command).collect();
    assert_eq!(decide(state, &Command::Together(commands), NOW).as_ref(), Ok(&plan.changes));
    let mut after = state.clone();
    commit(&mut after, plan.changes);
    let (lines, again) = plan_within(&after, files, usize::MAX);
    assert!(again.changes.is_empty() && again.steps.is_empty(), "twice the same import is one: {lines:?}");
    after
}

fn kinds(state: &State) -> Vec<(String, PrefixKind)> {
    state.prefixes().iter().map(|(name, prefix)| (name.cidr.to_string(), prefix.kind)).collect()
}

#[test]
fn a_prefix_that_nobody_describes_holds_what_comes_to_lie_in_it() {
    let want =
        |rows: &[(&str, PrefixKind)]| rows.iter().map(|(cidr, kind)| (cidr.to_string(), *kind)).collect::<Vec<_>>();
    use PrefixKind::{Container, Network};
    let nested = want(&[("10.0.0.0/8", Container), ("10.1.0.0/16", Container), ("10.1.2.0/24", Network)]);
    for file in [
        "prefix\n10.0.0.0/8\n10.1.0.0/16\n10.1.2.0/24\n",
        "prefix\n10.1.2.0/24\n10.1.0.0/16\n10.0.0.0/8\n",
        "prefix\n10.0.0.0/8\n10.1.2.0/24\n10.1.0.0/16\n",
        "prefix,kind\n10.1.0.0/16,\n10.0.0.0/8,container\n10.1.2.0/24,network\n",
    ] {
        assert_eq!(kinds(&imported(&empty(), &[file])), nested, "{file}");
    }
    // One that a person made a network stays one.
    let state = imported(&empty(), &["prefix,kind\n10.1.0.0/16,network\n"]);
    let (lines, _) = plan_within(&state, &["prefix\n10.1.2.0/24\n"], usize::MAX);
    assert!(matches!(&lines[0].verdict, Verdict::Refuse { refusal, .. } if refusal.reason == Reason::PrefixOverlap));
}

#[test]
fn what_lines_need_is_made_once_and_put_on_every_kind_that_has_it() {
    let state = imported(
        &empty(),
        &[
            "space,prefix,kind,tags,field:site\nlab,10.1.0.0/24,network,voice,berlin\nlab,10.2.0.0/24,network,,berlin\n",
            "scope,space,network,field:site\nyard,lab,10.1.0.0/24,berlin\n",
        ],
    );
    assert_eq!(state.spaces().len(), 2);
    let fields: Vec<_> =
        state.fields().values().map(|field| (field.name.id().to_owned(), field.applies_to.len())).collect();
    assert_eq!(fields, [("site".to_owned(), 2)]);
}

#[test]
fn a_column_that_is_not_there_says_nothing_and_an_empty_cell_that_there_is_nothing() {
    let before = imported(&empty(), &["prefix,title,description,tags,field:a,field:b\n10.1.0.0/24,T,D,voice,1,2\n"]);
    let of = |state: &State| export_of(state);
    assert_eq!(of(&before), "10.1.0.0/24 T D voice a=1 b=2");
    assert_eq!(of(&imported(&before, &["prefix,title\n10.1.0.0/24,New\n"])), "10.1.0.0/24 New D voice a=1 b=2");
    assert_eq!(of(&imported(&before, &["prefix,description\n10.1.0.0/24,\n"])), "10.1.0.0/24 T  voice a=1 b=2");
    assert_eq!(of(&imported(&before, &["prefix,tags,field:a\n10.1.0.0/24,,\n"])), "10.1.0.0/24 T D  b=2");
    assert_eq!(of(&imported(&before, &["prefix,field:b\n10.1.0.0/24,3\n"])), "10.1.0.0/24 T D voice a=1 b=3");
}

fn export_of(state: &State) -> String {
    let prefix = state.prefixes().values().next().expect("a prefix");
    let tags: Vec<_> = prefix.labels.tags().iter().map(ToString::to_string).collect();
    let fields = prefix.labels.fields().iter().map(|(name, value)| format!("{}={value}", name.id()));
    let words =
        [prefix.name.cidr.to_string(), prefix.title.to_string(), prefix.description.to_string(), tags.join(";")];
    words.into_iter().chain(fields).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_too_much_for_one_change_is_refused_at_its_line_and_nothing_behind_it_is_decided() {
    let state = imported(&empty(), &["prefix\n10.0.0.0/24\n"]);
    let file = "prefix\n10.0.0.0/24\n10.1.0.0/24\n10.2.0.0/24\n10.3.0.0/24\n10.0.0.0/24\n";
    let (lines, plan) = plan_within(&state, &[file], 1);
    let Verdict::Refuse { refusal, .. } = &lines[2].verdict else { panic!("{lines:?}") };
    assert_eq!((lines[2].line, refusal.reason), (4, Reason::TooMany));
    assert_eq!((&lines[3].verdict, &lines[4].verdict), (&Verdict::Beyond, &Verdict::Beyond));
    assert_eq!(plan.counts, Counts { created: 1, unchanged: 1, refused: 1, beyond: 2, ..Counts::default() });
    let (_, fits) = plan_within(&state, &[file], 3);
    assert_eq!((fits.counts.created, fits.counts.refused), (3, 0));
}

#[test]
fn a_digest_is_of_what_would_be_done() {
    let state = imported(&empty(), &["prefix,title\n10.0.0.0/24,A\n"]);
    let file = "prefix,title\n10.0.0.0/24,B\n10.1.0.0/24,C\n";
    let digest = |state: &State| plan_within(state, &[file], usize::MAX).1.digest;
    let first = digest(&state);
    let elsewhere = imported(&state, &["prefix\n10.9.0.0/24\n"]);
    assert_eq!(digest(&elsewhere), first);
    let changed = imported(&state, &["prefix,title\n10.0.0.0/24,Z\n"]);
    assert_ne!(digest(&changed), first, "it would overwrite something else");
    let made = imported(&state, &["prefix\n10.1.0.0/24\n"]);
    assert_ne!(digest(&made), first, "it would change what it was to make");
}
