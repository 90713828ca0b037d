//! Every check of the plan: what it finds, and that it finds nothing where nothing is.

mod scopes;
mod servers;
mod world;

use freehold_core::access::Reach;
use freehold_core::lease::LeaseBook;
use freehold_core::review::{Check, Severity, Subject};
use std::collections::BTreeSet;
use world::*;

#[test]
fn nothing_is_found_where_nothing_is() {
    check_of(&[hall(), six()], &[]);
    check(&ground(&["10.9.0.0-24"]), &LeaseBook::default(), "", &[]);
}

#[test]
fn the_worst_comes_first_and_each_has_a_key_of_its_own() {
    let bad = freehold_core::command::NewScope { options: v4(&[("routers", "10.9.0.1")]), server: None, ..hall() };
    let findings = review(&with(&[bad, six()]), &LeaseBook::default());
    let told: Vec<_> = findings.iter().map(|finding| (finding.severity(), finding.check)).collect();
    assert_eq!(
        told,
        [
            (Severity::Error, Check::RouterElsewhere),
            (Severity::Warning, Check::NoDnsServers),
            (Severity::Warning, Check::ScopeWithoutServer),
        ]
    );
    assert!(findings.is_sorted_by_key(|finding| finding.key()));
    let keys: BTreeSet<_> = findings.iter().map(|finding| finding.key()).collect();
    assert_eq!(keys.len(), findings.len());
}

#[test]
fn findings_are_seen_where_all_that_takes_part_is() {
    let reach = |place: &str| Reach::within([word(place)]);
    let other = freehold_core::command::NewScope {
        ranges: vec![word("10.1.0.10-10.1.0.99")],
        options: v4(&[("routers", "10.1.0.1"), ("domain-name-servers", "10.0.0.20")]),
        ..freehold_core::command::NewScope::of(word("scopes/yard"), network("10.1.0.0-24"))
    };
    let other = freehold_core::command::NewScope { server: Some(word(KEA4)), ..other };
    let state = with(&[hall(), other]);
    let findings = review(&state, &LeaseBook::default());
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].check, findings[0].related.as_slice()),
        (Check::DnsServerInPool, &["scopes/hall".to_owned()][..])
    );
    let seen = |place: &str| findings[0].lies_in(&reach(place));
    let places = ["spaces/default", "spaces/default/prefixes/10.0.0.0-8", "spaces/default/prefixes/10.1.0.0-24"];
    assert_eq!(places.map(seen), [true, true, false]);
    assert!(findings[0].lies_in(&Reach::Everywhere));
}

/// The checks that the tests of this folder are of: one that is added has to be tested here.
#[test]
fn every_check_of_the_plan_is_tested() {
    let texts = [include_str!("scopes.rs"), include_str!("servers.rs"), include_str!("main.rs")].concat();
    let untested = Check::ALL.iter().filter(|check| check.subject() != Subject::Configuration);
    let untested: Vec<_> = untested.filter(|check| !texts.contains(&format!("Check::{check:?},"))).collect();
    assert_eq!(untested, [&Check::NoRouter; 0]);
}

/// The table of the documentation, as the code has it.
fn table() -> String {
    let subject = |check: &Check| match check.subject() {
        Subject::Scope => "scope",
        Subject::Server => "server",
        Subject::Configuration => "configuration",
    };
    let row = |check: &Check| {
        format!(
            "| `{check}` | {} | {} | {} | {} |\n",
            check.severity().word(),
            subject(check),
            check.reason(),
            check.fix()
        )
    };
    let rows: String = Check::ALL.iter().map(row).collect();
    format!("| check | severity | looks at | why | do |\n|---|---|---|---|---|\n{rows}")
}

#[test]
fn the_documentation_has_every_check_in_its_words() {
    let page = include_str!("../../../docs/operate/review.md");
    let said: Vec<_> = page.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(said, table().lines().collect::<Vec<_>>(), "put this into docs/operate/review.md:\n{}", table());
}
