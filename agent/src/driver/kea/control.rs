//! The client of Kea's unix control socket: one JSON request a connection, the answer up to end of file.
//!
//! Every exchange has a time limit and a size limit, and every error names the socket and the command.
//! Kea's result codes become [`Outcome`]; its own words are kept as they are, because a person will
//! read them. A configuration travels as text ([`ConfigText`]), so that the positions in Kea's complaints
//! (`<wire>:0:2381`) can be looked up in exactly the bytes that were sent.
//!
//! A time-out says nothing about what Kea did: the caller has to read back.

use std::io;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::bytes;
use super::protocol::Protocol;

/// Time allowed for a command that only looks something up.
pub(super) const LOOKUP_TIME_MAX: Duration = Duration::from_secs(10);
/// Time allowed for a command that works through a whole configuration (100,000 reservations took 7 s).
const CONFIG_TIME_MAX: Duration = Duration::from_secs(60);
/// Largest answer taken: `config-get` of 100,000 reservations is about 30 MB.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What went wrong between the agent and Kea's control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens, or the socket may not be used by this user.
    #[error(
        "cannot connect to Kea's control socket {socket} for {command}: is {} running, and may this user open the socket?", .protocol.kind()
    )]
    Connect { protocol: Protocol, socket: PathBuf, command: &'static str, source: io::Error },
    /// The connection broke.
    #[error("Kea's control socket {socket} broke off during {command}")]
    Broken { socket: PathBuf, command: &'static str, source: io::Error },
    /// No whole answer in time. What Kea did is unknown.
    #[error(
        "Kea's control socket {socket} gave no answer to {command} within {limit:?}; what Kea did is unknown until it is read back"
    )]
    TimedOut { socket: PathBuf, command: &'static str, limit: Duration },
    /// The answer is larger than anything Kea should say.
    #[error("Kea's control socket {socket} answered {command} with more than {limit_bytes} bytes")]
    TooLarge { socket: PathBuf, command: &'static str, limit_bytes: u64 },
    /// The answer is not what the command promises.
    #[error("Kea's control socket {socket} answered {command} in an unexpected form: {what}")]
    Form {
        socket: PathBuf,
        command: &'static str,
        what: String,
        #[source]
        source: Option<serde_json::Error>,
    },
    /// Kea understood and refused.
    #[error("Kea at {socket} refused {command} ({outcome:?}): {text}")]
    Refused { socket: PathBuf, command: &'static str, outcome: Outcome, text: String },
}

/// Kea's result code (`src/lib/cc/command_interpreter.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 0
    Success,
    /// 1
    Error,
    /// 2: this Kea, or the hooks it loaded, has no such command.
    Unsupported,
    /// 3: understood, nothing found.
    Empty,
    /// 4: refused because of a conflict (Kea 2.4 and later).
    Conflict,
    /// A code this client does not know.
    Other(i64),
}

impl Outcome {
    fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Success,
            1 => Self::Error,
            2 => Self::Unsupported,
            3 => Self::Empty,
            4 => Self::Conflict,
            other => Self::Other(other),
        }
    }
}

/// One answer of Kea.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub outcome: Outcome,
    /// Kea's own words; empty when it said none.
    pub text: String,
    /// `null` when there are none.
    pub arguments: Value,
}

/// A configuration as the exact text that is sent, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigText(String);

impl ConfigText {
    /// The text of `{"Dhcp4": …}` or `{"Dhcp6": …}`.
    pub fn of(config: &Value) -> Self {
        Self(bytes::escaped(config.to_string()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What Kea said to a whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Accepted,
    /// Not taken. For `config-set` on 2.2.0 this means that the DHCP sockets are closed.
    Refused(Complaint),
}

/// Kea's complaint about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Kea's own words.
    pub text: String,
    /// Byte offset in the [`ConfigText`] that was sent, when Kea gave a position.
    pub offset: Option<usize>,
}

/// The control socket of one Kea daemon.
#[derive(Debug, Clone)]
pub struct ControlSocket {
    protocol: Protocol,
    path: PathBuf,
}

impl ControlSocket {
    /// The socket at `path`. Nothing is opened yet.
    pub fn at(protocol: Protocol, path: impl Into<PathBuf>) -> Self {
        Self { protocol, path: path.into() }
    }

    /// What the clients of its server speak.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Where the socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The running configuration, `{"Dhcp4": …}` or `{"Dhcp6": …}`, without the `hash` that newer Keas add (they refuse it in `config-set`).
    pub async fn running_config(&self) -> Result<Value, ControlError> {
        let text = json!({"command": "config-get"}).to_string();
        let answer = self.exchange("config-get", &text, CONFIG_TIME_MAX).await?;
        let mut config = self.success("config-get", answer)?.arguments;
        match config.as_object_mut() {
            Some(members) if members.contains_key(self.protocol.root()) => {
                members.shift_remove("hash");
                Ok(config)
            }
            _ => Err(self.form("config-get", format!("no {} in the answer", self.protocol.root()), None)),
        }
    }

    /// Asks Kea to check a configuration. No packet is lost.
    pub async fn test_config(&self, config: &ConfigText) -> Result<Verdict, ControlError> {
        self.submit("config-test", config).await
    }

    /// Makes Kea run a configuration. After [`Verdict::Refused`] the DHCP sockets may be closed.
    pub async fn set_config(&self, config: &ConfigText) -> Result<Verdict, ControlError> {
        self.submit("config-set", config).await
    }

    /// Sends one command and takes only [`Outcome::Success`].
    pub(super) async fn ask(&self, command: &'static str, arguments: Option<Value>) -> Result<Answer, ControlError> {
        let request = match arguments {
            Some(arguments) => json!({"command": command, "arguments": arguments}),
            None => json!({"command": command}),
        };
        let answer = self.exchange(command, &request.to_string(), LOOKUP_TIME_MAX).await?;
        self.success(command, answer)
    }

    async fn submit(&self, command: &'static str, config: &ConfigText) -> Result<Verdict, ControlError> {
        let head = format!(r#"{{"command":"{command}","arguments":"#);
        let request = format!("{head}{}}}", config.as_str());
        let answer = self.exchange(command, &request, CONFIG_TIME_MAX).await?;
        Ok(match answer.outcome {
            Outcome::Success => Verdict::Accepted,
            _ => Verdict::Refused(Complaint {
                offset: wire_offset(&answer.text).and_then(|at| at.checked_sub(head.len())),
                text: answer.text,
            }),
        })
    }

    pub(super) async fn exchange(
        &self,
        command: &'static str,
        request: &str,
        limit: Duration,
    ) -> Result<Answer, ControlError> {
        let answer = tokio::time::timeout(limit, self.round_trip(command, request))
            .await
            .map_err(|_| ControlError::TimedOut { socket: self.path.clone(), command, limit })??;
        parse_answer(&answer).map_err(|(what, source)| self.form(command, what, source))
    }

    async fn round_trip(&self, command: &'static str, request: &str) -> Result<Vec<u8>, ControlError> {
        let socket = || self.path.clone();
        let mut stream = UnixStream::connect(&self.path).await.map_err(|source| ControlError::Connect {
            protocol: self.protocol,
            socket: socket(),
            command,
            source,
        })?;
        let broken = |source| ControlError::Broken { socket: socket(), command, source };
        stream.write_all(request.as_bytes()).await.map_err(broken)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer).await.map_err(broken)?;
        if answer.len() as u64 > ANSWER_BYTES_MAX {
            return Err(ControlError::TooLarge { socket: socket(), command, limit_bytes: ANSWER_BYTES_MAX });
        }
        Ok(answer)
    }

    pub(super) fn success(&self, command: &'static str, answer: Answer) -> Result<Answer, ControlError> {
        match answer.outcome {
            Outcome::Success => Ok(answer),
            outcome => Err(ControlError::Refused { socket: self.path.clone(), command, outcome, text: answer.text }),
        }
    }

    pub(super) fn arguments<T: serde::de::DeserializeOwned>(
        &self,
        command: &'static str,
        answer: Answer,
    ) -> Result<T, ControlError> {
        serde_json::from_value(answer.arguments)
            .map_err(|source| self.form(command, "unexpected arguments".into(), Some(source)))
    }

    pub(super) fn form(&self, command: &'static str, what: String, source: Option<serde_json::Error>) -> ControlError {
        ControlError::Form { socket: self.path.clone(), command, what, source }
    }
}

/// Reads `{"result": …, "text": …, "arguments": …}`.
fn parse_answer(bytes: &[u8]) -> Result<Answer, (String, Option<serde_json::Error>)> {
    #[derive(Deserialize)]
    struct Wire {
        result: i64,
        #[serde(default)]
        text: String,
        #[serde(default)]
        arguments: Value,
    }
    if bytes.is_empty() {
        return Err(("the connection was closed without an answer".into(), None));
    }
    let wire: Wire = serde_json::from_slice(bytes).map_err(|error| {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        (format!("{} bytes that start with {start:?}", bytes.len()), Some(error))
    })?;
    Ok(Answer { outcome: Outcome::from_code(wire.result), text: wire.text, arguments: wire.arguments })
}

/// The last `(<wire>:0:N)` of a complaint: a byte offset in a request of one line.
fn wire_offset(text: &str) -> Option<usize> {
    let (_, after) = text.rsplit_once("<wire>:0:")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tokio::net::UnixListener;

    /// Answers one connection with `answer` once a whole JSON request came in, and returns that request.
    pub(in super::super) async fn served(
        answer: &'static str,
    ) -> (tempfile::TempDir, ControlSocket, tokio::task::JoinHandle<Value>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kea.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            loop {
                stream.read_buf(&mut request).await.unwrap();
                if let Ok(value) = serde_json::from_slice::<Value>(&request) {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    return value;
                }
            }
        });
        (folder, ControlSocket::at(Protocol::V4, path), server)
    }

    #[tokio::test]
    async fn a_refused_configuration_names_the_place_in_the_text_that_was_sent() {
        let (_folder, socket, server) =
            served(r#"{"result":1,"text":"invalid pool definition: zz. Two formats (<wire>:0:54)"}"#).await;
        let config = ConfigText::of(&json!({"Dhcp4": {"pool": "zz"}}));
        let verdict = socket.test_config(&config).await.unwrap();
        let Verdict::Refused(complaint) = verdict else { panic!("accepted") };
        assert_eq!(complaint.text, "invalid pool definition: zz. Two formats (<wire>:0:54)");
        assert_eq!(&config.as_str()[complaint.offset.unwrap()..], r#""zz"}}"#);
        assert_eq!(server.await.unwrap(), json!({"command": "config-test", "arguments": {"Dhcp4": {"pool": "zz"}}}));
    }

    #[tokio::test]
    async fn an_unknown_command_is_told_apart_and_the_error_names_socket_and_command() {
        let (_folder, socket, _server) =
            served(r#"{"result":2,"text":"'stat-lease4-get' command not supported."}"#).await;
        let error = socket.subnet_counters().await.unwrap_err();
        assert!(matches!(error, ControlError::Refused { outcome: Outcome::Unsupported, .. }));
        assert_eq!(
            error.to_string(),
            format!(
                "Kea at {} refused stat-lease4-get (Unsupported): 'stat-lease4-get' command not supported.",
                socket.path().display()
            )
        );
    }

    #[tokio::test]
    async fn nobody_there_and_an_answer_cut_short_are_different_errors() {
        let folder = tempfile::tempdir().unwrap();
        let error = ControlSocket::at(Protocol::V4, folder.path().join("none")).version().await.unwrap_err();
        assert!(matches!(error, ControlError::Connect { command: "version-get", .. }));
        let (_folder, socket, _server) = served(r#"{"result":0,"te"#).await;
        assert!(matches!(socket.version().await.unwrap_err(), ControlError::Form { command: "version-get", .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kea_that_never_answers_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kea.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let error = ControlSocket::at(Protocol::V4, path).status().await.unwrap_err();
        assert!(matches!(error, ControlError::TimedOut { command: "status-get", limit: LOOKUP_TIME_MAX, .. }));
    }
}
