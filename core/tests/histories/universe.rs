//! A universe small enough that everything clashes: two spaces, 32 addresses, four scopes, three clients, two
//! agents. Commands are drawn from it at random; times in them are offsets, and etags are choices, until they are
//! resolved against a state.

use freehold_core::access::Role;
use freehold_core::command::{Allocation, Command, Etag, LeaseConversion, NewField, NewScope, PrefixDraft, Purpose};
use freehold_core::labels::Labels;
use freehold_core::model::{CertificateRecord, FieldType, LabelledKind, PrefixKind, Report, SecretHash, ServerKind};
use freehold_core::name::{PrefixName, TokenName};
use freehold_core::text::Text;
use freehold_core::{Record, RecordKey, Revision, State, Timestamp};
use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// What a word of the tests stands for.
pub(crate) fn word<T: FromStr<Err = E>, E: Debug>(text: &str) -> T {
    text.parse().unwrap_or_else(|e| panic!("{text:?}: {e:?}"))
}

/// The `n`th address of the universe, 10.0.0.n.
pub(crate) fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

/// One step of a history.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// What is asked; times in it are offsets from now.
    pub(crate) command: Command,
    /// Which etag comes with it, where one can.
    pub(crate) etag: EtagChoice,
    /// Seconds since the step before.
    pub(crate) wait: i64,
    /// The number of a request id, if one is given.
    pub(crate) request: Option<u8>,
}

/// The etag that a caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EtagChoice {
    /// None.
    Absent,
    /// The one that is right now.
    Right,
    /// Another.
    Wrong,
}

/// Commands that put the universe's hosts and an administrator into place.
pub(crate) fn beginning() -> Vec<Command> {
    let mut commands = vec![
        Command::CreateSpace {
            name: word("spaces/default"),
            title: Text::default(),
            description: Text::default(),
            labels: Labels::NONE,
        },
        Command::CreateSpace {
            name: word("spaces/other"),
            title: Text::default(),
            description: Text::default(),
            labels: Labels::NONE,
        },
        Command::CreateOperator {
            name: word("operators/alice"),
            roles: [Role::IpamAdministrator].into(),
            grants: [].into(),
            certificate: None,
        },
    ];
    commands.push(Command::CreateField(NewField {
        name: word("fieldDefinitions/site"),
        title: Text::default(),
        description: Text::default(),
        value_type: FieldType::Text,
        allowed: Vec::new(),
        required: false,
        applies_to: LabelledKind::ALL.into(),
        inherited: true,
    }));
    for (n, agent) in [(1, "a"), (2, "b")] {
        let token: TokenName = word(&format!("enrolmentTokens/{agent}"));
        commands.push(Command::CreateToken {
            name: token.clone(),
            agent: word(&format!("agents/{agent}")),
            secret: SecretHash([n; 32]),
            expires: Timestamp(3_600_000),
        });
        commands.push(Command::EnrolAgent {
            token,
            secret: SecretHash([n; 32]),
            id: [n; 16],
            certificate: certificate(n, n, 30),
        });
        commands.push(Command::ReportServer {
            name: word(&format!("servers/{agent}/kea4")),
            report: Report::of(ServerKind::KeaDhcp4),
        });
    }
    for network in [
        "spaces/default/prefixes/10.0.0.0-28",
        "spaces/default/prefixes/10.0.0.16-28",
        "spaces/default/prefixes/2001:db8::-64",
        "spaces/other/prefixes/10.0.0.0-28",
    ] {
        commands.push(Command::CreatePrefix { name: word(network), draft: PrefixDraft::of(PrefixKind::Network) });
    }
    commands.push(Command::CreatePrefix {
        name: word("spaces/other/prefixes/10.0.0.0-27"),
        draft: PrefixDraft::of(PrefixKind::Container),
    });
    commands.push(Command::CreateScope(NewScope {
        ranges: vec![word("10.0.0.3-10.0.0.14")],
        server: Some(word("servers/a/kea4")),
        ..NewScope::of(word("scopes/p"), PrefixName { space: word("spaces/default"), cidr: word("10.0.0.0/28") })
    }));
    commands
}

/// A certificate of serial number `serial` for the key `key`, good for `days` from now.
pub(crate) fn certificate(serial: u8, key: u8, days: i64) -> CertificateRecord {
    CertificateRecord {
        serial: format!("{serial:02x}"),
        spki_sha256: [key; 32],
        not_after: Timestamp(days * 86_400_000),
    }
}

/// The command with its offsets made times, and with the etag that was chosen.
pub(crate) fn resolve(step: &Step, state: &State, now: Timestamp) -> Command {
    let mut command = step.command.clone();
    let later = |time: &mut Timestamp| time.0 += now.0;
    match &mut command {
        Command::CreateToken { expires, .. } => later(expires),
        Command::EnrolAgent { certificate, .. }
        | Command::RenewAgent { certificate, .. }
        | Command::AddOperatorCertificate { certificate, .. }
        | Command::CreateOperator { certificate: Some(certificate), .. } => later(&mut certificate.not_after),
        Command::Allocate(Allocation { purpose, .. }) | Command::ConvertLease(LeaseConversion { purpose, .. }) => {
            match purpose {
                Purpose::Hold { until } => later(until),
                Purpose::Claim { expires: Some(expires) } => later(expires),
                Purpose::Claim { expires: None } | Purpose::Reservation => {}
            }
        }
        Command::ExtendHold { until, .. } => later(until),
        Command::ConvertToClaim { expires: Some(expires), .. } => later(expires),
        Command::UpdateAssignment { patch, .. } | Command::ClaimHold { patch, .. } => {
            patch.expires.iter_mut().flatten().for_each(later);
        }
        Command::Settle { name, revision, .. } => {
            *revision = state.assignment(name).map(|found| found.stamp.revision).unwrap_or_default();
        }
        _ => {}
    }
    if let Some((key, etag)) = guarded(&mut command) {
        let there = state.record(&key).and_then(|record| revision(&record)).unwrap_or_default();
        *etag = match step.etag {
            EtagChoice::Absent => None,
            EtagChoice::Right => Some(there),
            EtagChoice::Wrong => Some(Revision(there.0 + 1)),
        };
    }
    command
}

/// The record that an etag guards, and the etag, of commands that have one.
pub(crate) fn guarded(command: &mut Command) -> Option<(RecordKey, &mut Etag)> {
    Some(match command {
        Command::UpdateSpace { name, etag, .. } | Command::DeleteSpace { name, etag } => {
            (RecordKey::Space(name.clone()), etag)
        }
        Command::UpdatePrefix { name, etag, .. }
        | Command::DeletePrefix { name, etag }
        | Command::SplitPrefix { name, etag, .. }
        | Command::ResizePrefix { name, etag, .. } => (RecordKey::Prefix(name.clone()), etag),
        Command::UpdateField { name, etag, .. } | Command::DeleteField { name, etag } => {
            (RecordKey::Field(name.clone()), etag)
        }
        Command::UpdateView { name, etag, .. } | Command::DeleteView { name, etag } => {
            (RecordKey::View(name.clone()), etag)
        }
        Command::UpdateScope { name, etag, .. } | Command::DeleteScope { name, etag, .. } => {
            (RecordKey::Scope(name.clone()), etag)
        }
        Command::UpdateReservation { name, etag, .. } | Command::DeleteReservation { name, etag } => {
            (RecordKey::Reservation(name.clone()), etag)
        }
        Command::MoveReservation { name, etag, .. } | Command::ConvertToClaim { name, etag, .. } => {
            (RecordKey::Reservation(name.clone()), etag)
        }
        Command::ExtendHold { name, etag, .. }
        | Command::UpdateAssignment { name, etag, .. }
        | Command::ClaimHold { name, etag, .. }
        | Command::ConvertToReservation { name, etag, .. }
        | Command::Release { name, etag } => (RecordKey::Address(name.clone()), etag),
        Command::ClearSighting { name, etag } => (RecordKey::Sighting(name.clone()), etag),
        Command::UpdateServer { name, etag, .. } | Command::DeleteServer { name, etag } => {
            (RecordKey::Server(name.clone()), etag)
        }
        Command::RevokeAgent { name, etag } | Command::DeleteAgent { name, etag } => {
            (RecordKey::Agent(name.clone()), etag)
        }
        Command::UpdateOperator { name, etag, .. } | Command::DeleteOperator { name, etag } => {
            (RecordKey::Operator(name.clone()), etag)
        }
        _ => return None,
    })
}

/// The revision that a record was last changed at; the next subnet id has none.
fn revision(record: &Record) -> Option<Revision> {
    Some(match record {
        Record::Space(r) => r.stamp.revision,
        Record::Prefix(r) => r.stamp.revision,
        Record::Scope(r) => r.stamp.revision,
        Record::Reservation(r) => r.stamp.revision,
        Record::Address(r) => r.stamp.revision,
        Record::Sighting(r) => r.stamp.revision,
        Record::Server(r) => r.stamp.revision,
        Record::ServerStatus(r) => r.stamp.revision,
        Record::Agent(r) => r.stamp.revision,
        Record::Token(r) => r.stamp.revision,
        Record::Operator(r) => r.stamp.revision,
        Record::Field(r) => r.stamp.revision,
        Record::View(r) => r.stamp.revision,
        Record::NextSubnetId(_) => return None,
    })
}

/// The variant's name.
pub(crate) fn kind(command: &Command) -> String {
    let shown = format!("{command:?}");
    shown.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}
