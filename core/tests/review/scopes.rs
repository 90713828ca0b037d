use crate::world::*;
use freehold_core::command::{Command, NewScope, PrefixPatch};
use freehold_core::lease::LeaseBook;
use freehold_core::model::{Exclusion, LeaseTimes, Link, PrefixStatus, ScopeStatus};
use freehold_core::net::Family;
use freehold_core::review::Check;

const DNS: (&str, &str) = ("domain-name-servers", "192.0.2.53");
const ROUTER: (&str, &str) = ("routers", "10.0.0.1");

fn optioned(list: &[(&str, &str)]) -> NewScope {
    NewScope { options: v4(list), ..hall() }
}

#[test]
fn routers() {
    check_of(&[optioned(&[DNS])], &[(Check::NoRouter, "scopes/hall leases 10.0.0.10-10.0.0.99 and names no router")]);
    check_of(
        &[optioned(&[DNS, ("routers", "10.0.1.1,10.0.0.1")])],
        &[(Check::RouterElsewhere, "the routers of scopes/hall do not lie in 10.0.0.0/24: 10.0.1.1")],
    );
    let asleep = NewScope { status: ScopeStatus::Inactive, ..optioned(&[]) };
    check_of(&[asleep], &[]);
}

#[test]
fn addresses_that_nobody_has() {
    let wrong = [ROUTER, DNS, ("ntp-servers", "127.0.0.1,192.0.2.1"), ("log-servers", "10.0.0.255")];
    check_of(
        &[optioned(&wrong)],
        &[(
            Check::UselessAddress,
            "scopes/hall gives addresses that no host can have: 10.0.0.255 in option 7 (log-servers), \
             127.0.0.1 in option 42 (ntp-servers)",
        )],
    );
    check_of(&[optioned(&[ROUTER, DNS, ("broadcast-address", "10.0.0.255")])], &[]);
    let six = NewScope { options: options(Family::V6, &[("dns-servers", "2001:db8:53::1,::1")]), ..six() };
    check_of(
        &[six],
        &[(Check::UselessAddress, "scopes/six gives addresses that no host can have: ::1 in option 23 (dns-servers)")],
    );
}

#[test]
fn an_address_twice() {
    check_of(
        &[optioned(&[ROUTER, ("domain-name-servers", "192.0.2.53,192.0.2.54,192.0.2.53")])],
        &[(Check::AddressTwice, "scopes/hall gives addresses twice: 192.0.2.53 in option 6 (domain-name-servers)")],
    );
}

#[test]
fn dns_servers() {
    check_of(
        &[optioned(&[ROUTER])],
        &[(Check::NoDnsServers, "scopes/hall leases 10.0.0.10-10.0.0.99 and names no DNS server")],
    );
    let inside = optioned(&[ROUTER, ("domain-name-servers", "10.0.0.20,10.0.0.5,192.0.2.53")]);
    check_of(
        std::slice::from_ref(&inside),
        &[(Check::DnsServerInPool, "DNS servers that scopes/hall gives may be leased: 10.0.0.20 by scopes/hall")],
    );
    // Reserved for it, or excluded, it is right.
    let reserved = reservation("scopes/hall/reservations/10.0.0.20", "02:00:00:00:00:01", "ns");
    check(&after(with(std::slice::from_ref(&inside)), &reserved), &LeaseBook::default(), "", &[]);
    let exclusions = vec![Exclusion { range: word("10.0.0.20-10.0.0.20"), comment: text("") }];
    check_of(&[NewScope { exclusions, ..inside }], &[]);
}

#[test]
fn a_search_list_alone() {
    let search = ("domain-search", "b.example");
    check_of(
        &[optioned(&[ROUTER, DNS, search])],
        &[(Check::SearchWithoutDomain, "scopes/hall has clients search b.example and gives no domain name")],
    );
    check_of(&[optioned(&[ROUTER, DNS, search, ("domain-name", "b.example")])], &[]);
}

#[test]
fn a_small_mtu() {
    let with = |bytes| optioned(&[ROUTER, DNS, ("interface-mtu", bytes)]);
    check_of(&[with("575")], &[(Check::MtuTooSmall, "scopes/hall gives an MTU of 575 bytes")]);
    check_of(&[with("576")], &[]);
}

/// A scope of 4,094 addresses less the router.
fn wide(valid: u32, renew: Option<u32>) -> NewScope {
    NewScope {
        ranges: vec![word("10.0.0.2-10.0.15.254")],
        options: v4(&[ROUTER, DNS]),
        lease_times: LeaseTimes::new(valid, renew, None).expect("times"),
        server: Some(word(KEA4)),
        ..NewScope::of(word("scopes/hall"), network("10.0.0.0-20"))
    }
}

#[test]
fn leases_that_are_renewed_too_often() {
    let says = "4093 clients of scopes/hall renew leases of 600 s after 40 s, which is 102 a second";
    check_of(&[wide(600, Some(40))], &[(Check::RenewStorm, says)]);
    check_of(&[wide(600, Some(41))], &[]);
    let says = "4093 clients of scopes/hall renew leases of 299 s after 149 s, which is 27 a second";
    check_of(&[wide(299, None)], &[(Check::RenewStorm, says)]);
    check_of(&[wide(300, None)], &[]);
    // A small pool may have leases as short as it likes.
    check_of(&[NewScope { lease_times: LeaseTimes::new(60, None, None).expect("times"), ..hall() }], &[]);
}

#[test]
fn clients_that_renew_late() {
    let with = |renew, rebind| NewScope { lease_times: LeaseTimes::new(1000, renew, rebind).expect("times"), ..hall() };
    let says = "clients of scopes/hall renew after 801 s and rebind after 951 s of a lease of 1000 s";
    check_of(&[with(Some(801), Some(951))], &[(Check::LateRenewal, says)]);
    check_of(&[with(Some(800), Some(950))], &[]);
}

#[test]
fn addresses_that_are_deprecated_before_they_are_renewed() {
    let with = |preferred| {
        let times = LeaseTimes::new(1000, Some(500), None).and_then(|times| times.preferred(Some(preferred)));
        NewScope { lease_times: times.expect("times"), ..six() }
    };
    let says = "addresses of scopes/six are preferred for 500 s, and clients renew after 500 s";
    check_of(&[with(500)], &[(Check::PreferredEndsEarly, says)]);
    check_of(&[with(501)], &[]);
}

#[test]
fn pools_that_fill_up() {
    let state = with(&[hall()]);
    let with = |count| leased(&state, "scopes/hall", "10.0.0.10", count);
    check(&state, &with(85), "scopes/hall", &[]);
    let says = "4 addresses of scopes/hall are left, 95.6 % are in use";
    check(&state, &with(86), "scopes/hall", &[(Check::PoolNearlyExhausted, says)]);
    let says = "all 90 addresses of scopes/hall are in use";
    check(&state, &with(90), "scopes/hall", &[(Check::PoolExhausted, says)]);
}

#[test]
fn long_leases_in_a_full_pool() {
    let lasting =
        |days: u32| NewScope { lease_times: LeaseTimes::new(days * 86_400, None, None).expect("times"), ..hall() };
    let look = |days, leases, want: &[(Check, &str)]| {
        let state = with(&[lasting(days)]);
        check(&state, &leased(&state, "scopes/hall", "10.0.0.10", leases), "scopes/hall", want);
    };
    let says = "80.0 % of scopes/hall are in use, and a lease is good for 7.0 days";
    look(7, 72, &[(Check::LongLeasesInFullPool, says)]);
    look(7, 71, &[]);
    look(6, 72, &[]);
}

#[test]
fn delegated_prefixes() {
    let with_pool = |pool: &str| with(&[NewScope { prefix_pools: vec![word(pool)], ..six() }]);
    let state = with_pool("2001:db8:100::/56 by /65");
    let says = "scopes/six delegates 2001:db8:100::/56 by /65";
    check(&state, &LeaseBook::default(), "scopes/six", &[(Check::DelegatedPrefixTooLong, says)]);

    let state = with_pool("2001:db8:100::/60 by /64");
    let subnet = state.scope(&word("scopes/six")).expect("it").subnet_id.number();
    let mut book = LeaseBook::default();
    for n in 0..15u32 {
        book.load(&word(KEA6), lease(word(&format!("2001:db8:100:{n:x}::")), 64, subnet, n));
    }
    check(&state, &book, "scopes/six", &[]);
    book.load(&word(KEA6), lease(word("2001:db8:100:f::"), 64, subnet, 15));
    let says = "16 of the 16 prefixes of scopes/six (2001:db8:100::/60 by /64) are delegated";
    check(&state, &book, "scopes/six", &[(Check::PrefixPoolNearlyExhausted, says)]);
}

#[test]
fn a_scope_that_serves_nobody() {
    let empty = NewScope { ranges: Vec::new(), ..hall() };
    let says = "scopes/hall is active, and nothing in 10.0.0.0/24 can be leased";
    check_of(std::slice::from_ref(&empty), &[(Check::ServesNobody, says)]);
    let reserved = reservation("scopes/hall/reservations/10.0.0.20", "02:00:00:00:00:01", "ns");
    check(&after(with(&[empty]), &reserved), &LeaseBook::default(), "", &[]);
}

#[test]
fn a_range_that_is_excluded_whole() {
    let excluded = |range: &str| NewScope {
        ranges: vec![word("10.0.0.10-10.0.0.19"), word("10.0.0.30-10.0.0.99")],
        exclusions: vec![Exclusion { range: word(range), comment: text("") }],
        ..hall()
    };
    let says = "exclusions of scopes/hall cover all of 10.0.0.10-10.0.0.19";
    check_of(&[excluded("10.0.0.10-10.0.0.19")], &[(Check::RangeExcluded, says)]);
    check_of(&[excluded("10.0.0.11-10.0.0.19")], &[]);
}

#[test]
fn a_scope_that_no_server_has() {
    let alone = NewScope { server: None, ..hall() };
    check_of(&[alone], &[(Check::ScopeWithoutServer, "scopes/hall is active and has no server")]);
}

#[test]
fn a_network_that_is_not_in_use() {
    let patch = PrefixPatch { status: Some(PrefixStatus::Deprecated), ..PrefixPatch::default() };
    let update = Command::UpdatePrefix { name: network("10.0.0.0-24"), etag: None, patch };
    let says = "scopes/hall is active in 10.0.0.0/24, which is deprecated";
    let state = after(with(&[hall()]), &update);
    check(&state, &LeaseBook::default(), "scopes/hall", &[(Check::NetworkNotInUse, says)]);
}

#[test]
fn a_link_that_nothing_tells() {
    let nowhere = NewScope { link: Link::default(), ..six() };
    check_of(&[nowhere], &[(Check::LinkUnknown, "scopes/six has neither an interface nor a relay")]);
}

#[test]
fn a_host_name_for_two_clients() {
    let one = reservation("scopes/hall/reservations/10.0.0.20", "02:00:00:00:00:01", "ward-3");
    let other = reservation("scopes/hall/reservations/10.0.0.21", "02:00:00:00:00:02", "ward-3");
    let state = [one, other].iter().fold(with(&[hall()]), after);
    let says = "scopes/hall gives host names to several clients: ward-3 (10.0.0.20, 10.0.0.21)";
    check(&state, &LeaseBook::default(), "scopes/hall", &[(Check::HostNameTwice, says)]);
}

#[test]
fn two_servers_behind_one_relay() {
    let link = |relay: &str| Link { relays: vec![word(relay)], ..Link::default() };
    let one = || NewScope { link: link("192.0.2.9"), ..hall() };
    let other = |range: &str, relay: &str| NewScope {
        ranges: vec![word(range)],
        options: v4(&[ROUTER, DNS]),
        server: Some(word(OTHER)),
        link: link(relay),
        ..NewScope::of(word("scopes/other"), network("lab:10.0.0.0-24"))
    };
    let findings = review(&with(&[one(), other("10.0.0.90-10.0.0.120", "192.0.2.9")]), &LeaseBook::default());
    let told: Vec<_> =
        findings.iter().map(|found| (found.check, found.place.to_string(), found.related.join(" "))).collect();
    let (here, there) = ("scopes/hall".to_owned(), "scopes/other".to_owned());
    assert_eq!(told, [(Check::PoolsOnOneLink, here.clone(), there.clone()), (Check::PoolsOnOneLink, there, here)]);
    assert_eq!(
        findings[0].message,
        "scopes/hall of spaces/default and scopes/other of spaces/lab lease the same addresses to clients behind the relay 192.0.2.9"
    );
    check_of(&[one(), other("10.0.0.100-10.0.0.120", "192.0.2.9")], &[]);
    check_of(&[one(), other("10.0.0.90-10.0.0.120", "192.0.2.8")], &[]);
}
