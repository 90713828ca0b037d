//! What went wrong, told in one clear line: what, where, and what to do next. And the exit status.
//!
//! The controller sends its refusals with `google.rpc` details; this module reads the stable reason and the fields from
//! them and shows the controller's own words. It adds a hint only where the next step is a command or a place to look.

use crate::connect::{ConnectError, chain};
use crate::output::printable;
use crate::profile::ProfileError;
use freehold_certs::dial::DialError;
use freehold_certs::token::Endpoint;
use freehold_core::Refusal;
use freehold_proto::v1::SyncStatus;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// What was typed cannot be meant.
    Usage(String),
    /// The profiles.
    Profile(ProfileError),
    /// The way to the controller, or the caller's identity.
    Connect(ConnectError),
    /// The controller refused, or could not.
    Call {
        /// What it answered.
        status: Box<Status>,
        /// After how many tries.
        tries: u32,
    },
    /// The connection broke during a call.
    Broken {
        /// To where.
        endpoint: Endpoint,
        /// What this side saw.
        seen: String,
        /// What the controller said when asked again.
        said: Option<String>,
        /// After how many tries.
        tries: u32,
    },
    /// No answer in time.
    Late {
        /// From where.
        endpoint: Endpoint,
        /// How long was waited.
        limit: Duration,
    },
    /// A stream that should go on ended.
    Ended {
        /// From where.
        endpoint: Endpoint,
    },
    /// Servers refused a change.
    Rejected {
        /// What was to be applied.
        resource: String,
        /// Each server that refused.
        servers: Vec<SyncStatus>,
    },
    /// So many servers would refuse a change that was only asked about.
    WouldRefuse(usize),
    /// Servers did not get there in time.
    NotApplied {
        /// What was to be applied.
        resource: String,
        /// How long was waited, as people write it.
        waited: String,
        /// Each server.
        servers: Vec<SyncStatus>,
    },
    /// An address that was given out belongs to another by what a server says.
    Conflict {
        /// Which address.
        resource: String,
        /// Who has it.
        who: String,
    },
    /// Lines of files cannot be imported.
    NotImported {
        /// How many.
        refused: u64,
    },
    /// A file that is to be imported.
    File {
        /// Which.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The controller's answer makes no sense.
    Odd(String),
    /// Standard output.
    Output(io::Error),
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::Profile(error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Usage(refusal.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// 1 failed, 2 wrongly asked, 3 refused by a server, 4 not applied in time. A reader that went away (`| head`) is no failure.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Output(_) if !self.is_told() => 0,
            Self::Usage(_) => 2,
            Self::Rejected { .. } | Self::WouldRefuse(_) => 3,
            Self::NotApplied { .. } => 4,
            _ => 1,
        }
    }

    /// Whether there is anybody and anything to tell.
    pub fn is_told(&self) -> bool {
        !matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the controller refused because the resource changed since it was read.
    pub fn is_etag_mismatch(&self) -> bool {
        matches!(self, Self::Call { status, .. } if reason(status).as_deref() == Some("ETAG_MISMATCH"))
    }

    /// The text for standard error, lines ended.
    pub fn report(&self) -> String {
        let (message, hint) = match self {
            Self::Usage(message) | Self::Odd(message) => (message.clone(), None),
            Self::Profile(error) => (chain(error), error.hint()),
            Self::Connect(error) => (chain(error), connect_hint(error)),
            Self::Call { status, tries } => (refusal_line(status), refusal_hint(status, *tries)),
            Self::Broken { endpoint, seen, said, tries } => broken(endpoint, seen, said.as_deref(), *tries),
            Self::Late { endpoint, limit } => (
                format!("no answer from {endpoint} within {} s", limit.as_secs()),
                Some("a change may still be carried out; look before you repeat".to_owned()),
            ),
            Self::Ended { endpoint } => {
                (format!("{endpoint} ended the stream"), Some("the controller may be stopping; try again".to_owned()))
            }
            Self::Rejected { resource, servers } => {
                let words: Vec<_> =
                    servers.iter().map(|on| format!("{} refused {resource}: {}", on.server, on.error)).collect();
                let hint = "it is stored and kept out of the server's configuration; change it, and it is sent again";
                (words.join("\n"), Some(hint.to_owned()))
            }
            Self::WouldRefuse(servers) => {
                let servers = if *servers == 1 { "a server".to_owned() } else { format!("{servers} servers") };
                (
                    format!("{servers} would refuse the change"),
                    Some("change what is told above, and plan again".to_owned()),
                )
            }
            Self::NotApplied { resource, waited, servers } => not_applied(resource, waited, servers),
            Self::Conflict { resource, who } => (
                format!("{resource} is in conflict: {who}"),
                Some(
                    "do not use it: release it (`freehold ip release`), or take it from the other client first"
                        .to_owned(),
                ),
            ),
            Self::NotImported { refused } => {
                let lines = if *refused == 1 { "a line".to_owned() } else { format!("{refused} lines") };
                let hint = "mend what is told above by file, line and column, and import again";
                (format!("{lines} cannot be imported; nothing was changed"), Some(hint.to_owned()))
            }
            Self::File { path, source } => (format!("cannot read {}: {source}", path.display()), None),
            Self::Output(error) => (format!("cannot write: {error}"), None),
        };
        let mut text = String::new();
        for (i, line) in message.lines().enumerate() {
            let start = if i == 0 { "error: " } else { "  " };
            text += &format!("{start}{}\n", printable(line));
        }
        if let Some(hint) = hint {
            text += &format!("  hint: {}\n", printable(&hint));
        }
        text
    }
}

/// The controller's words, the fields that they are about, and the stable reason.
fn refusal_line(status: &Status) -> String {
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let message = match status.message() {
        "" => format!("the controller answered {}", code_name(status.code())),
        message => message.to_owned(),
    };
    let reason = reason(status).unwrap_or_else(|| code_name(status.code()));
    let mut line = message.clone();
    match fields {
        [one] if one.description.is_empty() || message.contains(&one.description) => {
            if !one.field.is_empty() {
                line += &format!(" (at {})", one.field);
            }
        }
        several => {
            for violation in several {
                line += &format!("\n{}: {}", violation.field, violation.description);
            }
        }
    }
    let obstacles = details.precondition_failure().map(|failure| failure.violations.as_slice()).unwrap_or_default();
    for obstacle in obstacles.iter().filter(|obstacle| !message.contains(&obstacle.description)) {
        line += &format!("\n{}", obstacle.description);
    }
    match line.split_once('\n') {
        Some((first, rest)) => format!("{first} [{reason}]\n{rest}"),
        None => format!("{line} [{reason}]"),
    }
}

fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

fn refusal_hint(status: &Status, tries: u32) -> Option<String> {
    let reason = reason(status).unwrap_or_default();
    let hint = match (status.code(), reason.as_str()) {
        (_, "ETAG_MISMATCH") => {
            "somebody changed it since it was read: look at it again (`show`), then repeat with its new etag"
        }
        (Code::Unauthenticated, "IDENTITY_REVOKED") => {
            "this certificate is shut out; an administrator can issue another: freehold operator certificate issue"
        }
        // Somebody else's identity: the controller has said all.
        (_, "IDENTITY_REVOKED") => return None,
        (Code::NotFound, reason) => return reason.strip_suffix("_NOT_FOUND").and_then(list_hint),
        (Code::PermissionDenied, _) => {
            "`freehold whoami` shows your roles and permissions; an administrator gives roles with `freehold operator roles`"
        }
        (Code::Unauthenticated, _) => {
            "the controller does not know this certificate; check --identity and the profile (freehold profile list)"
        }
        (Code::Unavailable, _) => {
            return Some(format!("tried {tries} times; is the controller starting or stopping? Try again"));
        }
        (Code::DeadlineExceeded, _) => "the controller may still carry it out; look before you repeat",
        (Code::Unimplemented, _) => "the controller is older than this command; update it, or use an older freehold",
        (Code::Internal | Code::DataLoss | Code::Unknown, _) => "the controller has a fault: its log has more",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn list_hint(kind: &str) -> Option<String> {
    let command = match kind {
        "SPACE" | "PREFIX" | "SCOPE" | "RESERVATION" | "LEASE" | "CONFLICT" | "SERVER" | "AGENT" | "OPERATOR"
        | "EVENT" => {
            format!("{} list", kind.to_lowercase())
        }
        "FIELD_DEFINITION" => "field list".to_owned(),
        "TOKEN" => "agent token list".to_owned(),
        "ASSIGNMENT" => return Some("`freehold ip show` says what the address is".to_owned()),
        _ => return None,
    };
    Some(format!("`freehold {command}` shows what there is"))
}

fn connect_hint(error: &ConnectError) -> Option<String> {
    let hint = match error {
        ConnectError::Endpoint(_) | ConnectError::Dial(DialError::Http { .. }) => return None,
        ConnectError::NoFolder(_) | ConnectError::Missing(_) => {
            "give the folder with identity.pem and roots.pem: --identity DIR, or `freehold profile add`"
        }
        ConnectError::Identity(_) | ConnectError::Tls(_) => {
            "the identity folder holds identity.pem (0600) and roots.pem; an administrator can issue another: freehold operator certificate issue"
        }
        ConnectError::Dial(DialError::Unreachable { source, .. })
            if source.kind() == io::ErrorKind::ConnectionRefused =>
        {
            "nothing listens there: is freehold-controller running, and is the port right?"
        }
        ConnectError::Dial(DialError::Unreachable { .. } | DialError::Late(_)) => {
            "check the endpoint (freehold profile list), the network and any firewall in between"
        }
        ConnectError::Dial(DialError::Handshake { source, .. }) => {
            return Some(certificate_hint(&source.to_string()));
        }
    };
    Some(hint.to_owned())
}

/// What to look at when TLS fails, by what the failure says.
fn certificate_hint(words: &str) -> String {
    let words = words.to_lowercase();
    let has = |part: &str| words.contains(part);
    if has("alert") && has("expired") {
        "the controller refused your certificate because it has expired; an administrator can issue another: freehold operator certificate issue"
    } else if has("alert") && has("revoked") {
        "the controller refused your certificate because it is revoked; an administrator can issue another: freehold operator certificate issue"
    } else if has("alert") {
        "the controller refused your certificate; is --identity the folder for this controller? Its log says why it refused"
    } else if has("expired") || has("notvalidyet") || has("not valid yet") {
        "the controller's certificate does not hold now; check this host's clock, then the controller's"
    } else if has("unknownissuer") || has("badsignature") {
        "the controller's certificate is not from the CA in roots.pem: is this the right endpoint for this identity?"
    } else if has("certificate") {
        "the other side did not prove to be your controller; check the endpoint and roots.pem"
    } else {
        "whoever listens there does not speak TLS 1.3 as a controller does; check the endpoint, and the controller's log"
    }
    .to_owned()
}

fn broken(endpoint: &Endpoint, seen: &str, said: Option<&str>, tries: u32) -> (String, Option<String>) {
    match said {
        Some(said) => (format!("{endpoint} broke the connection off: {said}"), Some(certificate_hint(said))),
        None => (
            format!("the connection to {endpoint} broke during the call ({seen})"),
            Some(format!(
                "tried {tries} time(s); a change may have been carried out, look before you repeat. The controller may have stopped, or refused the certificate: its log says which"
            )),
        ),
    }
}

fn not_applied(resource: &str, waited: &str, servers: &[SyncStatus]) -> (String, Option<String>) {
    let mut message = format!("{resource} is stored, and was not proven to run everywhere within {waited}");
    for on in servers {
        message += &format!("\n{}: {}", on.server, crate::output::state(on));
    }
    let has = |state| servers.iter().any(|on| on.state() == state);
    let hint = if has(freehold_proto::v1::sync_status::State::Disconnected) {
        "it is sent when the agent comes back; `freehold agent list` shows which are connected"
    } else if has(freehold_proto::v1::sync_status::State::Unmanaged) {
        "nothing is sent to a server that is not managed: freehold server manage"
    } else {
        "it stays on its way; `show` says how far it has come"
    };
    (message, Some(hint.to_owned()))
}

fn code_name(code: Code) -> String {
    // `NotFound` → `NOT_FOUND`, as everybody else writes it.
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_proto::v1::sync_status::State;
    use tonic_types::ErrorDetails;

    fn check(failure: &Failure, status: u8, want: &str) {
        assert_eq!((failure.exit_status(), failure.report().as_str()), (status, want));
    }

    fn call(code: Code, message: &str, details: ErrorDetails) -> Failure {
        // Over the wire and back: the details are read from their encoded form.
        let sent = Status::with_error_details(code, message, details);
        let mut headers = tonic::metadata::MetadataMap::new().into_headers();
        sent.add_header(&mut headers).expect("headers");
        Failure::Call { status: Box::new(Status::from_header_map(&headers).expect("a status")), tries: 4 }
    }

    fn because(reason: &str) -> ErrorDetails {
        ErrorDetails::with_error_info(reason, "freehold", [])
    }

    #[test]
    fn a_refusal_says_what_and_where() {
        let mut details = because("INVALID_CIDR");
        let words = "10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16?";
        details.add_bad_request_violation("prefix.cidr", words);
        check(
            &call(Code::InvalidArgument, words, details),
            1,
            "error: 10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16? (at prefix.cidr) [INVALID_CIDR]\n",
        );
    }

    #[test]
    fn several_fields_get_a_line_each() {
        let mut details = because("INVALID_VALUE");
        details.add_bad_request_violation("scope.ranges[0].start", "not an address");
        details.add_bad_request_violation("scope.server", "no such form");
        check(
            &call(Code::InvalidArgument, "two fields are wrong", details),
            1,
            "error: two fields are wrong [INVALID_VALUE]\n  scope.ranges[0].start: not an address\n  scope.server: no such form\n",
        );
    }

    #[test]
    fn what_is_not_there_or_not_allowed_has_a_next_step() {
        check(
            &call(Code::NotFound, "there is no scopes/x", because("SCOPE_NOT_FOUND")),
            1,
            "error: there is no scopes/x [SCOPE_NOT_FOUND]\n  hint: `freehold scope list` shows what there is\n",
        );
        check(
            &call(Code::PermissionDenied, "needs scopes.write", because("PERMISSION_DENIED")),
            1,
            "error: needs scopes.write [PERMISSION_DENIED]\n  hint: `freehold whoami` shows your roles and permissions; an administrator gives roles with `freehold operator roles`\n",
        );
        let stale = call(Code::Aborted, "scopes/x is at 7, not 5", because("ETAG_MISMATCH"));
        assert!(stale.is_etag_mismatch());
        check(
            &stale,
            1,
            "error: scopes/x is at 7, not 5 [ETAG_MISMATCH]\n  hint: somebody changed it since it was read: look at it again (`show`), then repeat with its new etag\n",
        );
    }

    #[test]
    fn a_status_without_details_or_words_still_says_something() {
        check(
            &call(Code::FailedPrecondition, "", ErrorDetails::new()),
            1,
            "error: the controller answered FAILED_PRECONDITION [FAILED_PRECONDITION]\n",
        );
        check(
            &call(Code::Unavailable, "starting", ErrorDetails::new()),
            1,
            "error: starting [UNAVAILABLE]\n  hint: tried 4 times; is the controller starting or stopping? Try again\n",
        );
    }

    #[test]
    fn a_server_speaks_for_itself_and_cannot_play_with_the_terminal() {
        let on = SyncStatus {
            server: "servers/berlin-1/kea4".into(),
            error: "bad option \u{1b}[2J".into(),
            ..Default::default()
        };
        check(
            &Failure::Rejected { resource: "scopes/x".into(), servers: vec![on] },
            3,
            "error: servers/berlin-1/kea4 refused scopes/x: bad option \\u{1b}[2J\n  hint: it is stored and kept out of the server's configuration; change it, and it is sent again\n",
        );
    }

    #[test]
    fn time_that_is_up_says_where_it_hangs() {
        let on =
            SyncStatus { server: "servers/b/kea4".into(), state: State::Disconnected.into(), ..Default::default() };
        check(
            &Failure::NotApplied { resource: "scopes/x".into(), waited: "30s".into(), servers: vec![on] },
            4,
            "error: scopes/x is stored, and was not proven to run everywhere within 30s\n  servers/b/kea4: disconnected\n  hint: it is sent when the agent comes back; `freehold agent list` shows which are connected\n",
        );
    }

    #[test]
    fn nobody_there_is_told_apart_from_not_welcome() {
        let endpoint: Endpoint = "localhost:7443".parse().expect("an endpoint");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        check(
            &Failure::Connect(ConnectError::Dial(DialError::Unreachable {
                endpoint: endpoint.clone(),
                source: refused,
            })),
            1,
            "error: cannot connect to localhost:7443: connection refused\n  hint: nothing listens there: is freehold-controller running, and is the port right?\n",
        );
        let said = Some("received fatal alert: CertificateExpired".to_owned());
        check(
            &Failure::Broken { endpoint, seen: "operation was canceled".into(), said, tries: 1 },
            1,
            "error: localhost:7443 broke the connection off: received fatal alert: CertificateExpired\n  hint: the controller refused your certificate because it has expired; an administrator can issue another: freehold operator certificate issue\n",
        );
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        assert_eq!(Failure::Output(io::ErrorKind::BrokenPipe.into()).exit_status(), 0);
        assert_eq!(Failure::Output(io::ErrorKind::StorageFull.into()).exit_status(), 1);
    }
}
