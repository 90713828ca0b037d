use crate::world::*;
use freehold_core::command::NewScope;
use freehold_core::lease::LeaseBook;
use freehold_core::model::{LeaseTimes, Link, Management};
use freehold_core::review::Check;

#[test]
fn a_server_that_is_not_managed() {
    let state = after(with(&[hall()]), &manage(KEA4, Management::Unmanaged));
    let says = "servers/a/kea4 is not managed, and is to serve scopes/hall";
    check(&state, &LeaseBook::default(), KEA4, &[(Check::ServerUnmanaged, says)]);
}

/// A scope of 4,093 addresses that renews 99 a second when it is full.
fn wide(n: u8) -> NewScope {
    NewScope {
        ranges: vec![word(&format!("10.{n}.0.2-10.{n}.15.254"))],
        options: v4(&[("routers", &format!("10.{n}.0.1")), ("domain-name-servers", "192.0.2.53")]),
        lease_times: LeaseTimes::new(600, Some(41), None).expect("times"),
        server: Some(word(KEA4)),
        ..NewScope::of(word(&format!("scopes/s{n}")), network(&format!("10.{n}.0.0-20")))
    }
}

#[test]
fn a_server_whose_pools_renew_too_much_together() {
    let scopes: Vec<_> = (0..6).map(wide).collect();
    let says =
        "when they are full, the 6 pools of servers/a/kea4 renew 598 leases a second, 99 of these those of scopes/s0";
    check(&with(&scopes), &LeaseBook::default(), KEA4, &[(Check::ServerRenewStorm, says)]);
    check(&with(&scopes[..5]), &LeaseBook::default(), KEA4, &[]);
}

#[test]
fn scopes_with_one_link() {
    let other = |interface: &str| NewScope {
        ranges: vec![word("2001:db8:0:1::10-2001:db8:0:1::ff")],
        link: Link { interface: text(interface), ..Link::default() },
        ..NewScope { name: word("scopes/seven"), network: word("2001:db8:0:1::/64"), ..six() }
    };
    let says = "on servers/a/kea6 several scopes have the same link: interface eth0 of scopes/seven, scopes/six";
    check(&with(&[six(), other("eth0")]), &LeaseBook::default(), KEA6, &[(Check::LinkShared, says)]);
    check(&with(&[six(), other("eth1")]), &LeaseBook::default(), KEA6, &[]);
}

#[test]
fn one_subnet_on_two_servers() {
    let reports = |one: &[(&str, u32)], other: &[(&str, u32)], findings: &[(Check, &str)]| {
        let reports = [report(KEA4, one, findings), report(OTHER, other, findings)];
        reports.iter().fold(ground(&[]), after)
    };
    let (one, other) = ([("10.7.0.0/16", 1), ("10.9.0.0/24", 2)], [("10.7.3.0/24", 1), ("10.7.4.0/24", 3)]);
    let says = "servers/a/kea4 serves by its own configuration what others do, too: 10.7.0.0/16 with servers/b/kea4";
    let look = |state, want: &[(Check, &str)]| check(&state, &LeaseBook::default(), KEA4, want);
    look(reports(&one, &other, &[]), &[(Check::SubnetOnTwoServers, says)]);
    look(reports(&one[1..], &other, &[]), &[]);
    // Two of a pair do so on purpose; each says so itself.
    let pair = reports(&one, &other, &[(Check::HaPair, "one of a pair")]);
    let told = told(&pair, &LeaseBook::default());
    let checks: Vec<_> = told.iter().map(|(check, place, _)| (*check, place.as_str())).collect();
    assert_eq!(checks, [(Check::HaPair, KEA4), (Check::HaPair, OTHER)]);
    // What serves two spaces may serve one network twice.
    let scopes =
        [hall(), NewScope { server: Some(word(OTHER)), ..NewScope { space: word("spaces/lab"), ..hall_of_lab() } }];
    let apart = [report(KEA4, &one, &[]), report(OTHER, &other, &[])].iter().fold(with(&scopes), after);
    look(apart, &[]);
}

fn hall_of_lab() -> NewScope {
    NewScope { name: word("scopes/lab"), ..hall() }
}

#[test]
fn what_an_agent_found_is_said_with_the_rest() {
    let findings = [(Check::LeasesNotKept, "persist is false"), (Check::HaPair, "one of a pair")];
    let state = after(ground(&[]), &report(KEA4, &[], &findings));
    let want = [(Check::LeasesNotKept, "persist is false"), (Check::HaPair, "one of a pair")];
    check(&state, &LeaseBook::default(), KEA4, &want);
    // The same again changes nothing; none any more does.
    let again = [findings[1], findings[0]];
    assert_eq!(after(state.clone(), &report(KEA4, &[], &again)).server(&word(KEA4)), state.server(&word(KEA4)));
    check(&after(state, &report(KEA4, &[], &[])), &LeaseBook::default(), KEA4, &[]);
}
