//! What a controller is told: its data directory, and the file `controller.toml` in it.
//!
//! ```toml
//! listen = "[::]:7443"
//! endpoint = "ipam.example.org:7443"
//! names = ["ipam.example.org", "10.0.0.5"]
//! ```
//!
//! | in the data directory | what |
//! |---|---|
//! | `controller.toml` | these settings |
//! | `ledger/` | everything that was ever decided |
//! | `ca/` | the certificate authority |

use freehold_certs::ServerName;
use freehold_certs::token::{Endpoint, EndpointError};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file's name.
pub const FILE: &str = "controller.toml";
/// Where a controller listens unless it is told otherwise.
pub const LISTEN: &str = "[::]:7443";

/// What a running controller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where agents reach it.
    pub endpoint: Endpoint,
    /// Host names and addresses in its certificate.
    pub names: Vec<ServerName<'static>>,
}

/// What may be said at the command line instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Another file.
    pub file: Option<PathBuf>,
    /// Where to listen.
    pub listen: Option<String>,
    /// Where agents reach it.
    pub endpoint: Option<String>,
}

/// The file as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) listen: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) names: Vec<String>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error("cannot read {}; was the controller set up with `freehold-controller init`?", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its text.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// The address to listen on.
    #[error("listen: {0:?} is not an address and port, such as 0.0.0.0:7443 or [::]:7443")]
    Listen(String),
    /// The address for agents.
    #[error("endpoint: {0}")]
    Endpoint(#[from] EndpointError),
    /// A name.
    #[error("names: {0:?} is not a host name or an address")]
    Name(String),
    /// There is no name.
    #[error("names: at least one host name or address of this controller is needed")]
    NoName,
}

impl Settings {
    /// Reads the settings of a data directory.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(data: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let path = overrides.file.clone().unwrap_or_else(|| data.join(FILE));
        let text = fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        let file: File =
            toml::from_str(&text).map_err(|source| ConfigError::Syntax { path, source: Box::new(source) })?;
        let names = parse_names(&file.names)?;
        let listen = overrides.listen.clone().or(file.listen).unwrap_or_else(|| LISTEN.to_owned());
        let listen: SocketAddr = listen.parse().map_err(|_| ConfigError::Listen(listen))?;
        let endpoint = match overrides.endpoint.as_ref().or(file.endpoint.as_ref()) {
            Some(given) => given.parse()?,
            None => endpoint_of(&names[0], listen.port())?,
        };
        Ok(Self { data: data.to_owned(), listen, endpoint, names })
    }
}

/// Host names and addresses; at least one.
pub(crate) fn parse_names(names: &[String]) -> Result<Vec<ServerName<'static>>, ConfigError> {
    if names.is_empty() {
        return Err(ConfigError::NoName);
    }
    let parse = |name: &String| ServerName::try_from(name.clone()).map_err(|_| ConfigError::Name(name.clone()));
    names.iter().map(parse).collect()
}

/// Where agents reach a controller of this name that listens on this port.
fn endpoint_of(name: &ServerName<'_>, port: u16) -> Result<Endpoint, EndpointError> {
    // A test listens on port 0 and is told another one by the system; any port will do in its tokens until it says which.
    format!("{}:{}", name.to_str(), port.max(1)).parse()
}

/// Where the ledger is.
pub fn ledger(data: &Path) -> PathBuf {
    data.join("ledger")
}

/// Where the lease ledger is.
pub fn leases(data: &Path) -> PathBuf {
    data.join("leases")
}

/// Where the certificate authority is.
pub fn authority(data: &Path) -> PathBuf {
    data.join("ca")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, overrides: &Overrides) -> Result<Settings, String> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE), text).expect("written");
        let settings = Settings::load(folder.path(), overrides).map_err(|error| error.to_string())?;
        Ok(Settings { data: PathBuf::new(), ..settings })
    }

    fn settings(listen: &str, endpoint: &str, name: &str) -> Settings {
        Settings {
            data: PathBuf::new(),
            listen: listen.parse().expect("an address"),
            endpoint: endpoint.parse().expect("an endpoint"),
            names: vec![ServerName::try_from(name.to_owned()).expect("a name")],
        }
    }

    #[test]
    fn a_name_is_enough_and_the_command_line_wins() {
        let none = Overrides::default();
        assert_eq!(load("names = ['a.test']", &none), Ok(settings("[::]:7443", "a.test:7443", "a.test")));
        let text = "names = ['::1']\nlisten = '127.0.0.1:1'\nendpoint = 'b.test:2'";
        assert_eq!(load(text, &none), Ok(settings("127.0.0.1:1", "b.test:2", "::1")));
        let given = Overrides { file: None, listen: Some("127.0.0.1:3".into()), endpoint: Some("c.test:4".into()) };
        assert_eq!(load(text, &given), Ok(settings("127.0.0.1:3", "c.test:4", "::1")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wrong) in [
            ("names = []", "names: at least one"),
            ("names = ['a b']", "names: \"a b\" is not"),
            ("names = ['a']\nlisten = 'a:1'", "listen: \"a:1\" is not an address"),
            ("names = ['a']\nendpoint = 'a'", "endpoint: \"a\" has no port"),
            ("names = ['a']\nlissten = 'x'", "unknown field `lissten`"),
        ] {
            let error = load(text, &Overrides::default()).expect_err(text);
            assert!(error.contains(wrong), "{error}");
        }
    }
}
