//! A plan at which nothing is found, to be spoiled.

use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::command::{Command, NewReservation, NewScope, PrefixDraft, ServerPatch};
use freehold_core::labels::Labels;
use freehold_core::lease::{Lease, LeaseBook, LeaseState};
use freehold_core::model::{
    CertificateRecord, ForeignSubnet, Link, Management, OwnFinding, PrefixKind, Report, SecretHash, ServerKind,
};
use freehold_core::name::PrefixName;
use freehold_core::net::Family;
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::review::{Check, Finding, Review};
use freehold_core::text::Text;
use freehold_core::usage::Usage;
use freehold_core::{State, Timestamp, decide};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::Arc;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// The server of the sound scopes.
pub(crate) const KEA4: &str = "servers/a/kea4";
pub(crate) const KEA6: &str = "servers/a/kea6";
/// Another one.
pub(crate) const OTHER: &str = "servers/b/kea4";

pub(crate) fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|e| panic!("{text:?}: {e:?}"))
}

pub(crate) fn text(text: &str) -> Text {
    Text::parse(text).expect("text")
}

/// Options by name.
pub(crate) fn options(family: Family, list: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    for (name, value) in list {
        let code = OptionCode::from_name(family, name).expect("an option");
        options.add(code, OptionValue::from_text(code, value).expect("a value")).expect("it fits");
    }
    options
}

pub(crate) fn v4(list: &[(&str, &str)]) -> Options {
    options(Family::V4, list)
}

/// A scope at which nothing is found.
pub(crate) fn hall() -> NewScope {
    NewScope {
        ranges: vec![word("10.0.0.10-10.0.0.99")],
        options: v4(&[("routers", "10.0.0.1"), ("domain-name-servers", "192.0.2.53")]),
        server: Some(word(KEA4)),
        ..NewScope::of(word("scopes/hall"), network("10.0.0.0-24"))
    }
}

/// The same of IPv6.
pub(crate) fn six() -> NewScope {
    NewScope {
        ranges: vec![word("2001:db8::10-2001:db8::ff")],
        options: options(Family::V6, &[("dns-servers", "2001:db8:53::1")]),
        link: Link { interface: text("eth0"), ..Link::default() },
        server: Some(word(KEA6)),
        ..NewScope::of(word("scopes/six"), network("2001:db8::-64"))
    }
}

/// A network of the default space, or of the space before the colon of `lab:10.0.0.0-24`.
pub(crate) fn network(name: &str) -> PrefixName {
    match name.strip_prefix("lab:") {
        Some(name) => word(&format!("spaces/lab/prefixes/{name}")),
        None => word(&format!("spaces/default/prefixes/{name}")),
    }
}

pub(crate) fn reservation(name: &str, hardware: &str, host_name: &str) -> Command {
    let new = NewReservation {
        host_name: Some(freehold_core::text::HostName::parse(host_name).expect("a name")),
        ..NewReservation::of(word(name), ClientIdentity::Hardware(word(hardware)))
    };
    Command::CreateReservation(new)
}

/// What a server reports of itself.
pub(crate) fn report(name: &str, own: &[(&str, u32)], findings: &[(Check, &str)]) -> Command {
    let foreign = |(network, subnet_id): &(&str, u32)| ForeignSubnet { network: word(network), subnet_id: *subnet_id };
    let finding = |(check, message): &(Check, &str)| OwnFinding { check: *check, message: text(message) };
    let report = Report {
        foreign_subnets: own.iter().map(foreign).collect(),
        findings: findings.iter().map(finding).collect(),
        ..Report::of(if name.ends_with('6') { ServerKind::KeaDhcp6 } else { ServerKind::KeaDhcp4 })
    };
    Command::ReportServer { name: word(name), report }
}

pub(crate) fn manage(name: &str, management: Management) -> Command {
    let patch = ServerPatch { management: Some(management), description: None, confirm_seconds: None };
    Command::UpdateServer { name: word(name), etag: None, patch }
}

pub(crate) fn after(mut state: State, command: &Command) -> State {
    let changes = decide(&state, command, NOW).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
    state.apply(&Entry {
        revision: state.revision().next(),
        at: NOW,
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(changes),
    });
    state
}

/// Two spaces, two agents with managed servers, and these networks.
pub(crate) fn ground(networks: &[&str]) -> State {
    let space = |name: &str| Command::CreateSpace {
        name: word(name),
        title: Text::default(),
        description: Text::default(),
        labels: Labels::NONE,
    };
    let token = |id: &str| Command::CreateToken {
        name: word(&format!("enrolmentTokens/{id}")),
        agent: word(&format!("agents/{id}")),
        secret: SecretHash([1; 32]),
        expires: NOW.plus_seconds(3600),
    };
    let enrol = |id: &str, n: u8| Command::EnrolAgent {
        token: word(&format!("enrolmentTokens/{id}")),
        secret: SecretHash([1; 32]),
        id: [n; 16],
        certificate: CertificateRecord {
            serial: id.to_owned(),
            spki_sha256: [n; 32],
            not_after: NOW.plus_seconds(9999),
        },
    };
    let mut commands =
        vec![space("spaces/default"), space("spaces/lab"), token("a"), enrol("a", 1), token("b"), enrol("b", 2)];
    commands.extend([KEA4, KEA6, OTHER].map(|server| report(server, &[], &[])));
    commands.extend([KEA4, KEA6, OTHER].map(|server| manage(server, Management::Managed)));
    let draft = || PrefixDraft::of(PrefixKind::Network);
    commands.extend(networks.iter().map(|name| Command::CreatePrefix { name: network(name), draft: draft() }));
    commands.iter().fold(State::default(), after)
}

/// The ground with these scopes, each in a network of its own.
pub(crate) fn with(scopes: &[NewScope]) -> State {
    let name = |scope: &NewScope| {
        let lab = if scope.space.is_default() { "" } else { "lab:" };
        format!("{lab}{}", scope.network.to_string().replace('/', "-"))
    };
    let networks: Vec<_> = scopes.iter().map(name).collect();
    let networks: Vec<_> = networks.iter().map(String::as_str).collect();
    scopes.iter().fold(ground(&networks), |state, scope| after(state, &Command::CreateScope(scope.clone())))
}

/// Leases of a scope: so many addresses from this one on.
pub(crate) fn leased(state: &State, scope: &str, first: &str, count: u32) -> LeaseBook {
    let scope = state.scope(&word(scope)).expect("the scope");
    let first: Ipv4Addr = word(first);
    let mut book = LeaseBook::default();
    for n in 0..count {
        let address = IpAddr::from(Ipv4Addr::from(u32::from(first) + n));
        book.load(scope.server.as_ref().expect("a server"), lease(address, 32, scope.subnet_id.number(), n));
    }
    book
}

pub(crate) fn lease(address: IpAddr, prefix_len: u8, subnet_id: u32, n: u32) -> Lease {
    let hardware = HardwareAddress::from_bytes(&[&[2, 0][..], &n.to_be_bytes()].concat()).expect("six bytes");
    Lease {
        address,
        prefix_len,
        subnet_id,
        hardware: hardware.as_bytes().to_vec(),
        client_id: Vec::new(),
        duid: Vec::new(),
        iaid: 0,
        host_name: String::new(),
        cltt: NOW,
        valid_seconds: 3600,
        state: LeaseState::Granted,
    }
}

/// All findings.
pub(crate) fn review(state: &State, book: &LeaseBook) -> Vec<Finding> {
    let mut usage = Usage::default();
    usage.follow(&Arc::new(state.clone()), &Arc::new(book.clone()));
    Review::of(&usage).all()
}

/// What is found, as check, place and message.
pub(crate) fn told(state: &State, book: &LeaseBook) -> Vec<(Check, String, String)> {
    let told = |finding: Finding| (finding.check, finding.place.to_string(), finding.message);
    review(state, book).into_iter().map(told).collect()
}

/// Looks that this, and nothing else, is found in a plan of these scopes, at the first of them.
pub(crate) fn check_of(scopes: &[NewScope], want: &[(Check, &str)]) {
    check(&with(scopes), &LeaseBook::default(), &scopes[0].name.to_string(), want);
}

pub(crate) fn check(state: &State, book: &LeaseBook, place: &str, want: &[(Check, &str)]) {
    let want: Vec<_> = want.iter().map(|(check, says)| (*check, place.to_owned(), (*says).to_owned())).collect();
    assert_eq!(told(state, book), want);
}
