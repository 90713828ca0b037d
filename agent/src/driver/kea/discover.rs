//! Finds the Kea server of a protocol on this host: the process, its configuration file, its control socket, its lease file.
//!
//! A running `kea-dhcp4` or `kea-dhcp6` tells its file by `-c`; without one the packaged places are tried. The running daemon is asked for everything
//! that matters (version, configuration in force); the file only says where the control socket is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::control::{ControlError, ControlSocket};
use super::protocol::Protocol;
use super::source::{self, SourceError};

/// Why no Kea can be managed here.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    #[error("cannot look for Kea among the processes of this host")]
    Processes { source: io::Error },
    #[error(
        "several {} run here with {first} and {second}: name the configuration file in the agent's settings", .protocol.kind()
    )]
    Several { protocol: Protocol, first: PathBuf, second: PathBuf },
    #[error(
        "no {} runs here and none of its usual configuration files is there: install Kea, or name the file in the agent's settings", .0.kind()
    )]
    None(Protocol),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{file} has no {}: it is not a configuration of {}", .protocol.root(), .protocol.kind())]
    OtherServer { protocol: Protocol, file: PathBuf },
    #[error(
        "{file} has no control socket: add \"control-socket\": {{\"socket-type\": \"unix\", \"socket-name\": \"{}\"}} to {} and restart Kea", .protocol.usual_socket(), .protocol.root()
    )]
    NoControlSocket { protocol: Protocol, file: PathBuf },
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// What a configuration file says about where to find its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    pub config_file: PathBuf,
    /// Files that it includes.
    pub includes: Vec<PathBuf>,
    pub control_socket: PathBuf,
}

/// Where Kea keeps its leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseStore {
    /// In a file that can be followed.
    Memfile(PathBuf),
    /// In memory only: leases are lost on a restart, and cannot be followed.
    Volatile,
    /// In a database of this type.
    Database(String),
}

/// A Kea server of this host, alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKea {
    pub places: Places,
    pub pid: u32,
    /// As Kea spells it: `2.2.0`.
    pub version: String,
    pub leases: LeaseStore,
}

/// Finds the server; `config_file` as named by the settings wins over what processes tell.
pub async fn discover(protocol: Protocol, config_file: Option<&Path>) -> Result<FoundKea, DiscoverError> {
    let file = match config_file {
        Some(file) => file.to_owned(),
        None => {
            let running = running(protocol).map_err(|source| DiscoverError::Processes { source })?;
            choose(protocol, running, |path| path.exists())?
        }
    };
    let places = places(protocol, &file)?;
    let socket = ControlSocket::at(protocol, &places.control_socket);
    let version = socket.version().await?;
    let status = socket.status().await?;
    let leases = lease_store(protocol, &socket.running_config().await?);
    Ok(FoundKea { places, pid: status.pid, version, leases })
}

/// Reads where the server of a configuration file is to be found.
pub fn places(protocol: Protocol, config_file: &Path) -> Result<Places, DiscoverError> {
    let source = source::parse(config_file, &|path| fs::read_to_string(path))?;
    let file = || config_file.to_owned();
    let root = source.config.get(protocol.root());
    let root = root.ok_or_else(|| DiscoverError::OtherServer { protocol, file: file() })?;
    let control_socket = control_socket(root);
    let control_socket = control_socket.ok_or_else(|| DiscoverError::NoControlSocket { protocol, file: file() })?;
    Ok(Places { config_file: file(), includes: source.includes, control_socket })
}

/// The lease store of a running configuration.
pub fn lease_store(protocol: Protocol, config: &Value) -> LeaseStore {
    let usual = protocol.usual_lease_file();
    let database = &config[protocol.root()]["lease-database"];
    match database["type"].as_str().unwrap_or("memfile") {
        "memfile" if database["persist"] == Value::Bool(false) => LeaseStore::Volatile,
        "memfile" => {
            let name = database["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(usual);
            // Since 2.7.8 Kea takes a bare name and puts the file into its data directory.
            LeaseStore::Memfile(Path::new(usual).with_file_name("").join(name))
        }
        other => LeaseStore::Database(other.to_owned()),
    }
}

/// The unix control socket of a server: `control-socket`, or the first of `control-sockets` (Kea 2.7 and later).
fn control_socket(root: &Value) -> Option<PathBuf> {
    let several = root["control-sockets"].as_array().into_iter().flatten();
    let socket =
        std::iter::once(&root["control-socket"]).chain(several).find(|socket| socket["socket-type"] == "unix")?;
    let name = socket["socket-name"].as_str()?;
    // Since 2.7.9 a bare name is one in Kea's run directory.
    Some(Path::new("/run/kea").join(name))
}

/// The configuration file to take: that of the one running process, or the first usual one there is.
fn choose(protocol: Protocol, running: Vec<PathBuf>, exists: impl Fn(&Path) -> bool) -> Result<PathBuf, DiscoverError> {
    let mut files = running;
    files.sort();
    files.dedup();
    match files.as_slice() {
        [] => {
            let mut usual = protocol.usual_config_files().into_iter().map(PathBuf::from);
            usual.find(|path| exists(path)).ok_or(DiscoverError::None(protocol))
        }
        [one] => Ok(one.clone()),
        [first, second, ..] => Err(DiscoverError::Several { protocol, first: first.clone(), second: second.clone() }),
    }
}

/// The configuration files of a protocol's servers in this network namespace: one in another is another host's.
fn running(protocol: Protocol) -> io::Result<Vec<PathBuf>> {
    let here = fs::read_link("/proc/self/ns/net")?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let folder = entry?.path();
        // A process may end at any moment: what cannot be read is not there. Whose namespace may not be seen is taken to be here.
        let Ok(arguments) = fs::read(folder.join("cmdline")) else {
            continue;
        };
        if fs::read_link(folder.join("ns/net")).is_ok_and(|namespace| namespace != here) {
            continue;
        }
        found.extend(config_file(protocol, &arguments, fs::read_link(folder.join("cwd")).ok().as_deref()));
    }
    Ok(found)
}

/// The file behind `-c` of a server, from a command line as the kernel shows it: each argument ended by a zero byte.
fn config_file(protocol: Protocol, command_line: &[u8], working_folder: Option<&Path>) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(command_line);
    let mut arguments = text.split_terminator('\0');
    if Path::new(arguments.next()?).file_name()? != protocol.kind() {
        return None;
    }
    let mut file = None;
    while let Some(argument) = arguments.next() {
        file = match argument.strip_prefix("-c") {
            Some("") => arguments.next(),
            Some(attached) => Some(attached),
            None => file,
        };
    }
    match (Path::new(file?), working_folder) {
        (file, _) if file.is_absolute() => Some(file.to_owned()),
        (file, folder) => Some(folder?.join(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_configuration_file_of_a_process() {
        let check = |line: &str, folder: Option<&str>, expected: Option<&str>| {
            let line = line.replace(' ', "\0");
            assert_eq!(
                config_file(Protocol::V4, line.as_bytes(), folder.map(Path::new)),
                expected.map(PathBuf::from),
                "{line}"
            );
        };
        check("/usr/sbin/kea-dhcp4 -c /etc/kea/kea-dhcp4.conf ", None, Some("/etc/kea/kea-dhcp4.conf"));
        check("kea-dhcp4 -d -ck.json ", Some("/srv"), Some("/srv/k.json"));
        check("kea-dhcp4 -c k.json ", None, None);
        check("kea-dhcp4 -V ", None, None);
        check("/usr/sbin/kea-dhcp6 -c /etc/kea/kea-dhcp6.conf ", None, None);
        check("vi kea-dhcp4 ", None, None);
        check("", None, None);
    }

    #[test]
    fn one_process_wins_over_the_usual_places_and_two_need_a_decision() {
        let check = |running: &[&str], there: &str| {
            choose(Protocol::V4, running.iter().map(PathBuf::from).collect(), |path| path == Path::new(there))
                .map_err(|error| error.to_string())
        };
        assert_eq!(check(&["/a"], Protocol::V4.usual_config_files()[0]), Ok("/a".into()));
        assert_eq!(check(&["/a", "/a"], Protocol::V4.usual_config_files()[0]), Ok("/a".into()));
        assert_eq!(check(&[], Protocol::V4.usual_config_files()[1]), Ok(Protocol::V4.usual_config_files()[1].into()));
        assert_eq!(check(&[], "/none"), Err(DiscoverError::None(Protocol::V4).to_string()));
        assert!(check(&["/b", "/a"], "").unwrap_err().contains("/a and /b"));
    }

    #[test]
    fn control_sockets_old_and_new() {
        let unix = |name: &str| json!({"socket-type": "unix", "socket-name": name});
        let check =
            |dhcp4: Value, expected: Option<&str>| assert_eq!(control_socket(&dhcp4), expected.map(PathBuf::from));
        check(json!({"control-socket": unix("/tmp/s")}), Some("/tmp/s"));
        check(
            json!({"control-sockets": [{"socket-type": "http"}, unix("kea4-ctrl-socket")]}),
            Some("/run/kea/kea4-ctrl-socket"),
        );
        check(json!({}), None);
    }

    #[test]
    fn lease_stores() {
        let check = |database: Value, expected: LeaseStore| {
            assert_eq!(lease_store(Protocol::V4, &json!({"Dhcp4": {"lease-database": database}})), expected);
        };
        check(
            json!({"type": "memfile", "name": "/srv/l.csv", "persist": true}),
            LeaseStore::Memfile("/srv/l.csv".into()),
        );
        check(json!({"type": "memfile", "name": "l.csv"}), LeaseStore::Memfile("/var/lib/kea/l.csv".into()));
        check(json!({"type": "memfile"}), LeaseStore::Memfile("/var/lib/kea/kea-leases4.csv".into()));
        check(json!({"type": "memfile", "persist": false}), LeaseStore::Volatile);
        check(json!({"type": "postgresql", "name": "kea"}), LeaseStore::Database("postgresql".into()));
        assert_eq!(
            lease_store(Protocol::V4, &json!({"Dhcp4": {}})),
            LeaseStore::Memfile("/var/lib/kea/kea-leases4.csv".into())
        );
    }
}
