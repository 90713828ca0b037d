//! A real Kea server on a host, of DHCPv4 or DHCPv6.
//!
//! Its configuration, control socket, leases and PID file lie in the host's folder. Raw sockets in DHCPv4, a memfile lease database, the hooks
//! lease_cmds and stat_cmds, on Kea 3.0 also host_cmds and subnet_cmds; everything else is the caller's.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use freehold_agent::driver::kea::protocol::Protocol;
use serde_json::{Value, json};

use crate::host::Host;
use crate::process::{Process, Program};
use crate::wait::until;

/// Longer than any measured config-set (7 s at 100,000 reservations).
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
const START_LIMIT: Duration = Duration::from_secs(20);

/// The Keas there are to be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// Debian 12's 2.2, which is installed.
    #[default]
    Kea2_2,
    /// Debian 13's 2.6.
    Kea2_6,
    /// That of Debian 13's backports, 3.0, with the hooks by which it is changed while it serves.
    Kea3_0,
}

impl Generation {
    /// That of the environment variable `FREEHOLD_KEA`: `2.2`, `2.6` or `3.0`; 2.2 if it is not set.
    pub fn from_environment() -> Result<Self> {
        std::env::var("FREEHOLD_KEA").map_or(Ok(Self::default()), |name| name.parse())
    }

    /// Where `cargo verify` unpacked it; the installed one is at home.
    fn root(self) -> Option<PathBuf> {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools");
        match self {
            Self::Kea2_2 => None,
            Self::Kea2_6 => Some(tools.join("kea-2.6")),
            Self::Kea3_0 => Some(tools.join("kea-3.0")),
        }
    }
}

impl FromStr for Generation {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "2.2" => Ok(Self::Kea2_2),
            "2.6" => Ok(Self::Kea2_6),
            "3.0" => Ok(Self::Kea3_0),
            other => bail!("there is no Kea {other:?} here: 2.2, 2.6 or 3.0"),
        }
    }
}

/// Where a Kea is installed.
#[derive(Debug, Clone)]
pub struct Install {
    /// kea-dhcp4 or kea-dhcp6.
    server: PathBuf,
    protocol: Protocol,
    /// kea-lfc, which cleans the lease file up.
    cleanup: PathBuf,
    /// The hook libraries that it loads.
    hooks: Vec<PathBuf>,
}

impl Install {
    /// A Kea of `generation`; Debian's own is copied into `folder`, so that no AppArmor profile is about it.
    pub fn of(generation: Generation, protocol: Protocol, folder: &Path) -> Result<Self> {
        let (root, name) = (generation.root(), protocol.kind());
        let (server, cleanup) = match &root {
            None => (Program::copied(name, folder)?, Program::copied("kea-lfc", folder)?),
            Some(root) => (root.join("usr/sbin").join(name), root.join("usr/sbin/kea-lfc")),
        };
        ensure!(server.exists(), "{} is not there: `cargo verify` fetches it", server.display());
        let at = root.unwrap_or_else(|| "/".into());
        let hooks = at.join(format!("usr/lib/{}-linux-gnu/kea/hooks", std::env::consts::ARCH));
        let live = ["host_cmds", "subnet_cmds"].into_iter().filter(|_| generation == Generation::Kea3_0);
        let names = ["lease_cmds", "stat_cmds"].into_iter().chain(live);
        Ok(Self {
            server,
            protocol,
            cleanup,
            hooks: names.map(|name| hooks.join(format!("libdhcp_{name}.so"))).collect(),
        })
    }
}

/// A Kea server; it may be running or not.
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

    /// A complete configuration that serves `subnets` on `interface`.
    pub fn config(&self, interface: &str, subnets: &Value) -> Value {
        let hooks: Vec<_> = self.install.hooks.iter().map(|hook| json!({ "library": hook })).collect();
        let mut config = json!({
            "interfaces-config": { "interfaces": [interface] },
            "control-socket": { "socket-type": "unix", "socket-name": self.socket_path() },
            "lease-database": { "type": "memfile", "persist": true, "name": self.lease_path(), "lfc-interval": 3600 },
            "hooks-libraries": hooks,
            "valid-lifetime": 3600,
            "loggers": [{ "name": self.kind(), "severity": "INFO", "output_options": [{ "output": "stdout" }] }],
        });
        match self.install.protocol {
            Protocol::V4 => {
                config["interfaces-config"]["dhcp-socket-type"] = json!("raw");
                config["subnet4"] = subnets.clone();
            }
            Protocol::V6 => {
                // Nothing of it is to be kept: it follows from the interface.
                config["server-id"] = json!({ "type": "LL", "persist": false });
                config["subnet6"] = subnets.clone();
            }
        }
        json!({ self.install.protocol.root(): config })
    }

    fn kind(&self) -> &'static str {
        self.install.protocol.kind()
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.host.folder().join(format!("{}.conf", self.kind()))
    }

    /// The control socket.
    pub fn socket_path(&self) -> PathBuf {
        self.host.folder().join(format!("{}.sock", self.install.protocol.server_id()))
    }

    /// The lease file.
    pub fn lease_path(&self) -> PathBuf {
        let name = match self.install.protocol {
            Protocol::V4 => "kea-leases4.csv",
            Protocol::V6 => "kea-leases6.csv",
        };
        self.host.folder().join(name)
    }

    /// Writes the configuration file; Kea reads it when it starts.
    pub fn configure(&self, config: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(config).expect("a Value is JSON");
        std::fs::write(self.config_path(), text).context("cannot write Kea's configuration")
    }

    /// Starts it, and waits until it serves.
    pub fn start(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "Kea on {} runs already", self.host.name());
        // What Kea 2.6 asks of a folder with a control socket in it.
        std::fs::set_permissions(self.host.folder(), Permissions::from_mode(0o750))?;
        let hooks = self.install.hooks.first().and_then(|hook| hook.parent()).context("there are no hooks")?;
        let mut program = Program::new(&self.install.server)
            .arg("-c")
            .arg(self.config_path())
            .env("KEA_HOOKS_PATH", hooks)
            .env("KEA_LFC_EXECUTABLE", &self.install.cleanup);
        // From 2.6 on Kea uses files in certain folders only.
        for folder in
            ["KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_CONTROL_SOCKET_DIR", "KEA_DHCP_DATA_DIR", "KEA_LOG_FILE_DIR"]
        {
            program = program.env(folder, self.host.folder());
        }
        let mut process = self.host.start(self.kind(), program)?;
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

    /// What it runs, without the `hash` that newer ones add and refuse to be given.
    pub fn running_config(&self) -> Result<Value> {
        let mut config = self.command("config-get", None)?;
        config.as_object_mut().context("a configuration is an object")?.shift_remove("hash");
        Ok(config)
    }

    /// The leases of DHCPv4 in force, by address, as the lease files tell after a crash: the cleanup's files first, the last row wins.
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
