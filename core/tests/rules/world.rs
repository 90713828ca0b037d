//! The world before the wrong command: one of everything, and of what can be wrong with it.
//!
//! `spaces/default` has the container 10.0.0.0/8 with the networks 10.0.0.0/24 (served by `scopes/hall`),
//! 10.0.1.0/24 (by `scopes/yard`, which has no server), 10.0.2.0/24 and, apart, 2001:db8::/64.
//! `scopes/hall` leases .10 to .99 without .20 to .29; its router is .1; .50 is reserved.

use freehold_core::access::Role;
use freehold_core::change::{Actor, Entry, Outcome, Record};
use freehold_core::client::ClientIdentity;
use freehold_core::command::{
    AddressDetails, Allocation, Choice, Command, NewReservation, NewScope, Place, PrefixDraft, Purpose, ScopePatch,
    ServerPatch,
};
use freehold_core::labels::Labels;
use freehold_core::lease::{Lease, LeaseBook, LeaseState};
use freehold_core::model::{
    CertificateRecord, Exclusion, ForeignSubnet, Management, PrefixKind, Report, ScopeStatus, SecretHash, ServerKind,
    SubnetId,
};
use freehold_core::name::PrefixName;
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::text::Text;
use freehold_core::{Change, State, Timestamp, decide};
use std::fmt::Debug;
use std::str::FromStr;

/// When everything is decided.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY: i64 = 86_400;

/// What a word of the tables stands for.
pub(crate) fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|e| panic!("{text:?}: {e:?}"))
}

/// A certificate that ends so many seconds from now.
pub(crate) fn certificate(serial: &str, key: u8, seconds: i64) -> CertificateRecord {
    CertificateRecord { serial: serial.to_owned(), spki_sha256: [key; 32], not_after: NOW.plus_seconds(seconds) }
}

/// The options that name these routers.
pub(crate) fn routers(list: &str) -> Options {
    let mut options = Options::default();
    options.add(OptionCode::ROUTERS, OptionValue::from_text(OptionCode::ROUTERS, list).expect("routers")).expect("fit");
    options
}

/// Exclusions of these ranges.
pub(crate) fn exclusions(ranges: &[&str]) -> Vec<Exclusion> {
    ranges.iter().map(|range| Exclusion { range: word(range), comment: Text::default() }).collect()
}

/// A scope called `name` for `network` of `spaces/default`, with one range.
pub(crate) fn scope(name: &str, network: &str, range: &str) -> NewScope {
    let network = PrefixName { space: word("spaces/default"), cidr: word(network) };
    NewScope { ranges: vec![word(range)], ..NewScope::of(word(name), network) }
}

/// A prefix to create.
pub(crate) fn prefix(name: &str, kind: PrefixKind) -> Command {
    Command::CreatePrefix { name: word(name), draft: PrefixDraft::of(kind) }
}

/// A reservation to create, for a hardware address.
pub(crate) fn reservation(name: &str, hardware: &str) -> Command {
    Command::CreateReservation(NewReservation::of(word(name), client(hardware)))
}

/// A client by its hardware address.
pub(crate) fn client(hardware: &str) -> ClientIdentity {
    ClientIdentity::Hardware(word(hardware))
}

/// Details of an address, for a hardware address if one is given.
pub(crate) fn details(hardware: Option<&str>) -> AddressDetails {
    AddressDetails { client: hardware.map(client), ..AddressDetails::default() }
}

/// The next address of `place`, to be held for ten minutes.
pub(crate) fn allocation(place: Place) -> Allocation {
    Allocation {
        place,
        choice: Choice::Next { from: None },
        count: 1,
        purpose: Purpose::Hold { until: NOW.plus_seconds(600) },
        details: vec![details(None)],
        holder: "operators/alice".into(),
        leases: LeaseBook::default(),
        accept_risk: false,
    }
}

/// The same, with `servers/a/kea4` managed.
pub(crate) fn managed(state: State) -> State {
    let patch = ServerPatch { management: Some(Management::Managed), description: None, confirm_seconds: None };
    after(state, &Command::UpdateServer { name: word("servers/a/kea4"), etag: None, patch }, NOW)
}

/// Leases of `scopes/…` in the world, by `servers/a/kea4`, as address and hardware address. They ended a day ago by
/// their own clock.
pub(crate) fn leased(scope: &str, leases: &[(&str, &str)]) -> LeaseBook {
    let subnet_id = state().scope(&word(scope)).expect("the scope").subnet_id.number();
    let mut book = LeaseBook::default();
    for (address, hardware) in leases {
        let hardware: freehold_core::client::HardwareAddress = word(hardware);
        book.load(
            &word("servers/a/kea4"),
            Lease {
                address: word(address),
                prefix_len: 32,
                subnet_id,
                hardware: hardware.as_bytes().to_vec(),
                client_id: Vec::new(),
                duid: Vec::new(),
                iaid: 0,
                host_name: String::new(),
                cltt: NOW.plus_seconds(-DAY - 3600),
                valid_seconds: 3600,
                state: LeaseState::Granted,
            },
        );
    }
    book
}

/// A server to report, with subnets of its own.
pub(crate) fn server(name: &str, own: &[(&str, u32)]) -> Command {
    let foreign = |(network, subnet_id): &(&str, u32)| ForeignSubnet { network: word(network), subnet_id: *subnet_id };
    Command::ReportServer {
        name: word(name),
        report: Report { foreign_subnets: own.iter().map(foreign).collect(), ..Report::of(ServerKind::KeaDhcp4) },
    }
}

/// A token to create that ends so many seconds from now; its secret is 32 times 1.
pub(crate) fn token(id: &str, agent: &str, seconds: i64) -> Command {
    Command::CreateToken {
        name: word(&format!("enrolmentTokens/{id}")),
        agent: word(agent),
        secret: SecretHash([1; 32]),
        expires: NOW.plus_seconds(seconds),
    }
}

/// The use of a token.
pub(crate) fn enrol(id: &str, secret: u8, identity: u8, certificate: CertificateRecord) -> Command {
    Command::EnrolAgent {
        token: word(&format!("enrolmentTokens/{id}")),
        secret: SecretHash([secret; 32]),
        id: [identity; 16],
        certificate,
    }
}

/// The state with `command` carried out at `now`.
pub(crate) fn after(mut state: State, command: &Command, now: Timestamp) -> State {
    let changes = decide(&state, command, now).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
    state.apply(&Entry {
        revision: state.revision().next(),
        at: now,
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(changes),
    });
    state
}

/// The world.
pub(crate) fn state() -> State {
    let past = NOW.plus_seconds(-400 * DAY);
    let hall = NewScope {
        exclusions: exclusions(&["10.0.0.20-10.0.0.29"]),
        options: routers("10.0.0.1"),
        server: Some(word("servers/a/kea4")),
        ..scope("scopes/hall", "10.0.0.0/24", "10.0.0.10-10.0.0.99")
    };
    let long_ago = [
        token("long-ago", "agents/old", -399 * DAY),
        enrol("long-ago", 1, 2, certificate("a2", 2, -200 * DAY)),
        token("late", "agents/late", -399 * DAY),
        enrol("late", 1, 3, certificate("a3", 3, -10 * DAY)),
        token("expired", "agents/new", -399 * DAY),
        token("burnt", "agents/new", -398 * DAY),
    ];
    let space = |name| Command::CreateSpace {
        name: word(name),
        title: Text::default(),
        description: Text::default(),
        labels: Labels::NONE,
    };
    let operator = |name, role| Command::CreateOperator {
        name: word(name),
        roles: [role].into(),
        grants: [].into(),
        certificate: Some(certificate("c1", 9, DAY)),
    };
    let managed = Command::UpdateServer {
        name: word("servers/a/kea4"),
        etag: None,
        patch: ServerPatch { management: Some(Management::Managed), description: None, confirm_seconds: None },
    };
    let network = |name: &str| prefix(&format!("spaces/default/prefixes/{name}"), PrefixKind::Network);
    let yesterday = [
        space("spaces/default"),
        space("spaces/other"),
        operator("operators/alice", Role::IpamAdministrator),
        operator("operators/bob", Role::Viewer),
        token("fresh", "agents/new", 3600),
        token("again", "agents/new", 3600),
        token("a", "agents/a", 3600),
        enrol("a", 1, 1, certificate("a1", 1, 30 * DAY)),
        token("revoked", "agents/revoked", 3600),
        enrol("revoked", 1, 4, certificate("a4", 4, 30 * DAY)),
        token("revoked-again", "agents/revoked", 3600),
        server("servers/a/kea4", &[]),
        Command::ReportServer { name: word("servers/a/kea6"), report: Report::of(ServerKind::KeaDhcp6) },
        server("servers/a/full", &[("10.0.2.0/24", 7), ("192.0.2.0/24", 1_000_001)]),
        server("servers/revoked/kea4", &[]),
        Command::RevokeAgent { name: word("agents/revoked"), etag: None },
        managed,
        prefix("spaces/default/prefixes/10.0.0.0-8", PrefixKind::Container),
        network("10.0.0.0-24"),
        network("10.0.1.0-24"),
        network("10.0.2.0-24"),
        network("10.0.4.0-24"),
        network("2001:db8::-64"),
        network("2001:db8:7::-64"),
        prefix("spaces/other/prefixes/10.0.0.0-24", PrefixKind::Network),
        Command::CreateScope(hall),
        Command::CreateScope(scope("scopes/yard", "10.0.1.0/24", "10.0.1.10-10.0.1.99")),
        Command::CreateScope(scope("scopes/six", "2001:db8::/64", "2001:db8::10-2001:db8::99")),
        Command::CreateScope(NewScope {
            prefix_pools: vec![word("2001:db8:de00::/40 by /56")],
            ..scope("scopes/seven", "2001:db8:7::/64", "2001:db8:7::10-2001:db8:7::99")
        }),
        Command::CreateReservation(NewReservation {
            prefixes: vec![word("2001:db8:ee00::/56"), word("2001:db8:de00:300::/56")],
            ..NewReservation::of(word("scopes/seven/reservations/2001:db8:7::9"), client("02:00:00:00:00:07"))
        }),
        Command::CreateScope(NewScope {
            status: ScopeStatus::Inactive,
            server: Some(word("servers/a/full")),
            ..scope("scopes/asleep", "10.0.4.0/24", "10.0.4.10-10.0.4.99")
        }),
        reservation("scopes/hall/reservations/10.0.0.50", "02:00:00:00:00:01"),
        reservation("scopes/hall/reservations/10.0.0.51", "02:00:00:00:00:02"),
        server("servers/a/full", &[("10.0.2.0/24", 7), ("10.0.4.0/25", 8), ("192.0.2.0/24", 1_000_001)]),
    ];
    let mut state = long_ago.iter().fold(State::default(), |state, command| after(state, command, past));
    state = yesterday.iter().fold(state, |state, command| after(state, command, NOW.plus_seconds(-60)));
    for _ in 0..5 {
        let wrong = Command::CountWrongSecret { token: word("enrolmentTokens/burnt"), secret: SecretHash([2; 32]) };
        state = after(state, &wrong, past);
    }
    for n in 10..13 {
        let shown = state.agent(&word("agents/late")).and_then(|a| a.certificates.last()).expect("one").serial.clone();
        let next = certificate(&format!("{n:02x}"), n, -DAY);
        state = after(state, &Command::RenewAgent { name: word("agents/late"), shown, certificate: next }, NOW);
    }
    state
}

/// The same, with no subnet id left but the last.
pub(crate) fn without_subnet_ids(mut state: State) -> State {
    let before = Record::NextSubnetId(state.next_subnet_id());
    let last = SubnetId::new(u32::MAX - 1).expect("Kea's last");
    state.apply_changes(&[Change::changed(before, Record::NextSubnetId(last))]);
    state
}

/// The same, with a subnet of its own that `servers/a/kea4` grew where `scopes/hall` is.
pub(crate) fn with_drift(state: State) -> State {
    let unmanaged = Command::UpdateServer {
        name: word("servers/a/kea4"),
        etag: None,
        patch: ServerPatch { management: Some(Management::Unmanaged), description: None, confirm_seconds: None },
    };
    after(after(state, &unmanaged, NOW), &server("servers/a/kea4", &[("10.0.0.128/25", 3)]), NOW)
}

/// A change of `scopes/hall`.
pub(crate) fn hall(patch: ScopePatch) -> Command {
    Command::UpdateScope { name: word("scopes/hall"), etag: None, patch }
}
