//! A real Kea DHCPv4 server on a host.
//!
//! Its configuration, control socket, leases and PID file lie in the host's folder. Raw sockets, a memfile lease database, the hooks
//! lease_cmds and stat_cmds; everything else is the caller's.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use crate::host::Host;
use crate::process::{Process, Program};
use crate::wait::until;

/// Longer than any measured config-set (7 s at 100,000 reservations).
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
const START_LIMIT: Duration = Duration::from_secs(20);

/// Where a version of Kea is installed.
#[derive(Debug, Clone)]
pub struct Install {
    /// kea-dhcp4.
    pub server: PathBuf,
    /// kea-lfc, which cleans the lease file up.
    pub cleanup: PathBuf,
    /// The folder of the hook libraries.
    pub hooks: PathBuf,
}

impl Install {
    /// Debian's packages, copied into `folder`.
    pub fn debian(folder: &Path) -> Result<Self> {
        let hooks = ["x86_64", "aarch64"].map(|cpu| PathBuf::from(format!("/usr/lib/{cpu}-linux-gnu/kea/hooks")));
        Ok(Self {
            server: Program::copied("kea-dhcp4", folder)?,
            cleanup: Program::copied("kea-lfc", folder)?,
            hooks: hooks
                .into_iter()
                .find(|hooks| hooks.is_dir())
                .ok_or_else(|| anyhow!("Kea's hooks are not installed"))?,
        })
    }
}

/// A Kea DHCPv4 server; it may be running or not.
#[derive(Debug)]
pub struct Kea {
    host: Host,
    install: Install,
    process: Option<Process>,
}

/// A lease in Kea's lease file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeaLease {
    /// The client's hardware address, as Kea writes it.
    pub hardware_address: String,
    /// Seconds from the grant to the expiry.
    pub valid_lifetime: u32,
    /// When it expires, seconds since 1970.
    pub expire: u64,
    /// Kea's subnet id.
    pub subnet_id: u32,
    /// 0 in use, 1 declined, 2 expired and reclaimed.
    pub state: u32,
}

/// The hardware address of a lease that is nobody's: Freehold keeps addresses by such until Kea's configuration does.
pub const NOBODY: &str = "00:00:00:00:00:00";

impl Kea {
    /// A Kea on `host` that is not started yet.
    pub fn new(host: &Host, install: Install) -> Self {
        Self { host: host.clone(), install, process: None }
    }

    /// A complete configuration that serves `subnet4` on `interface`.
    pub fn config(&self, interface: &str, subnet4: &Value) -> Value {
        let hook = |name: &str| json!({ "library": self.install.hooks.join(name) });
        json!({ "Dhcp4": {
            "interfaces-config": { "interfaces": [interface], "dhcp-socket-type": "raw" },
            "control-socket": { "socket-type": "unix", "socket-name": self.socket_path() },
            "lease-database": { "type": "memfile", "persist": true, "name": self.lease_path(), "lfc-interval": 3600 },
            "hooks-libraries": [hook("libdhcp_lease_cmds.so"), hook("libdhcp_stat_cmds.so")],
            "valid-lifetime": 3600,
            "loggers": [{ "name": "kea-dhcp4", "severity": "INFO", "output_options": [{ "output": "stdout" }] }],
            "subnet4": subnet4,
        } })
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.host.folder().join("kea-dhcp4.conf")
    }

    /// The control socket.
    pub fn socket_path(&self) -> PathBuf {
        self.host.folder().join("kea4.sock")
    }

    /// The lease file.
    pub fn lease_path(&self) -> PathBuf {
        self.host.folder().join("kea-leases4.csv")
    }

    /// Writes the configuration file; Kea reads it when it starts.
    pub fn configure(&self, config: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(config).expect("a Value is JSON");
        std::fs::write(self.config_path(), text).context("cannot write Kea's configuration")
    }

    /// Starts it, and waits until it serves.
    pub fn start(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "Kea on {} runs already", self.host.name());
        let program = Program::new(&self.install.server)
            .arg("-c")
            .arg(self.config_path())
            .env("KEA_PIDFILE_DIR", self.host.folder())
            .env("KEA_LOCKFILE_DIR", self.host.folder())
            .env("KEA_LFC_EXECUTABLE", &self.install.cleanup);
        let mut process = self.host.start("kea-dhcp4", program)?;
        let started = until("Kea serves", START_LIMIT, || match process.ended()? {
            Some(status) => Ok(Err(anyhow!("Kea on {} ended with {status}:\n{}", self.host.name(), process.log()?))),
            None => self.serves().map(Ok),
        })?;
        started?;
        self.process = Some(process);
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.running()?.stop(Duration::from_secs(10))?;
        ensure!(status.success(), "Kea ended with {status}");
        Ok(())
    }

    /// Kills it (SIGKILL) and waits.
    pub fn kill(&mut self) -> Result<()> {
        self.running()?.kill()
    }

    /// The running process.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Sends a command, and hands back Kea's whole answer, whatever its result.
    pub fn answer(&self, command: &str, arguments: Option<Value>) -> Result<Value> {
        let mut request = json!({ "command": command });
        if let Some(arguments) = arguments {
            request["arguments"] = arguments;
        }
        let text =
            ask(&self.socket_path(), &request.to_string()).with_context(|| format!("{command} got no answer"))?;
        serde_json::from_str(&text).with_context(|| format!("{command} was answered with {text:?}"))
    }

    /// Sends a command that must succeed, and hands back its arguments (null if none).
    pub fn command(&self, command: &str, arguments: Option<Value>) -> Result<Value> {
        let mut answer = self.answer(command, arguments)?;
        ensure!(answer["result"] == 0, "Kea refused {command}: {answer}");
        Ok(answer["arguments"].take())
    }

    /// The leases in force, by address, as the lease files tell after a crash: the cleanup's files first, the last row wins.
    pub fn leases(&self) -> Result<BTreeMap<Ipv4Addr, KeaLease>> {
        let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", self.lease_path().display()));
        let completed = beside(".completed");
        let older = if completed.exists() { vec![completed] } else { vec![beside(".2"), beside(".1")] };
        let mut leases = BTreeMap::new();
        for path in older.into_iter().filter(|path| path.exists()).chain([self.lease_path()]) {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            for row in text.split_inclusive('\n').skip(1).filter(|row| row.ends_with('\n')) {
                let (address, lease) =
                    parse_row(row.trim_end()).with_context(|| format!("{} says {row:?}", path.display()))?;
                if lease.hardware_address == NOBODY {
                    continue;
                }
                if lease.valid_lifetime == 0 {
                    leases.remove(&address);
                } else {
                    leases.insert(address, lease);
                }
            }
        }
        Ok(leases)
    }

    fn serves(&self) -> Result<()> {
        let status = self.command("status-get", None)?;
        ensure!(status["sockets"]["status"] == "ready", "its sockets are not ready: {status}");
        Ok(())
    }

    fn running(&mut self) -> Result<Process> {
        self.process.take().ok_or_else(|| anyhow!("Kea on {} does not run", self.host.name()))
    }
}

/// One request per connection; Kea answers and closes.
fn ask(socket: &Path, request: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket).with_context(|| format!("cannot connect to {}", socket.display()))?;
    stream.set_read_timeout(Some(COMMAND_LIMIT))?;
    stream.set_write_timeout(Some(COMMAND_LIMIT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A row `address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context`.
fn parse_row(row: &str) -> Result<(Ipv4Addr, KeaLease)> {
    let columns: Vec<&str> = row.split(',').collect();
    let [address, hardware_address, _client_id, valid_lifetime, expire, subnet_id, _, _, _hostname, state, ..] =
        columns[..]
    else {
        bail!("it has {} columns", columns.len());
    };
    let lease = KeaLease {
        hardware_address: hardware_address.to_owned(),
        valid_lifetime: valid_lifetime.parse()?,
        expire: expire.parse()?,
        subnet_id: subnet_id.parse()?,
        state: state.parse()?,
    };
    Ok((address.parse()?, lease))
}
