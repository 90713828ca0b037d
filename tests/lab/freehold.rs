//! Freehold's own programs on hosts of the lab: a controller, agents, and the `freehold` command line.
//!
//! They are the real programs, built beside the test (`cargo build --workspace`). Their data lie in their hosts' folders: the
//! controller's in `data`, the first operator's identity in `admin`, an agent's home in `agent`. All of it outlives a kill; [`Controller::run`] and
//! [`Agent::run`] start again on what is there. Command lines run on the controller's host, as the first operator.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use freehold_certs::dial::Dial;
use freehold_certs::folder::IdentityFolder;
use freehold_certs::tls;
use serde_json::Value;
use tokio::runtime::Handle;
use tonic::transport::Channel;

use crate::host::{Host, Output};
use crate::process::{Process, Program};
use crate::site::{Branch, Site};
use crate::wait::until;

/// Longer than any command line of a test waits, its own `--timeout` included.
const CLI_LIMIT: Duration = Duration::from_secs(150);
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A controller; it may be running or not.
#[derive(Debug)]
pub struct Controller {
    host: Host,
    address: SocketAddr,
    process: Option<Process>,
}

impl Controller {
    /// Makes a controller on the site's controller host. It is not started yet.
    pub fn init(site: &Site) -> Result<Self> {
        let address = SocketAddr::from((Site::CONTROLLER, 7443));
        let controller = Self { host: site.controller.clone(), address, process: None };
        let program = Program::built("freehold-controller")?
            .args(["init", "--trust-domain", "lab.example", "--name"])
            .arg(address.ip().to_string())
            .arg("--data")
            .arg(controller.data())
            .arg("--identity-out")
            .arg(controller.identity());
        controller.host.run("freehold-controller-init", program, START_LIMIT)?.success()?;
        Ok(controller)
    }

    /// Starts it, and waits until it listens.
    pub fn run(&mut self) -> Result<()> {
        self.run_with(&BTreeMap::new())
    }

    /// Starts it with these environment variables, and waits until it listens.
    pub fn run_with(&mut self, environment: &BTreeMap<&str, &str>) -> Result<()> {
        ensure!(self.process.is_none(), "the controller runs already");
        let program = Program::built("freehold-controller")?
            .arg("run")
            .arg("--data")
            .arg(self.data())
            .args(["--listen", &self.endpoint()]);
        let program = environment.iter().fold(program, |program, (name, value)| program.env(name, value));
        let mut process = self.host.start("freehold-controller", program)?;
        let address = self.address;
        until("the controller listens", START_LIMIT, || match process.ended()? {
            Some(status) => Ok(Err(anyhow!("the controller ended with {status}:\n{}", process.log()?))),
            None => {
                let limit = Duration::from_secs(1);
                self.host.enter(move || TcpStream::connect_timeout(&address, limit)).map(|_| Ok(())).map_err(Into::into)
            }
        })??;
        self.process = Some(process);
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.running()?.stop(STOP_LIMIT)?;
        ensure!(status.success(), "the controller ended with {status}");
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

    /// Where it runs.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Where agents and callers reach it, `address:port`.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.host.folder().join("data")
    }

    /// The identity folder of its first operator, who may do everything.
    pub fn identity(&self) -> PathBuf {
        self.host.folder().join("admin")
    }

    /// Runs `freehold` with these arguments, whatever comes of it.
    pub fn cli<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Output> {
        let program = Program::built("freehold")?
            .args(["--endpoint", &self.endpoint(), "--identity"])
            .arg(self.identity())
            .args(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self.host.run("freehold", program, CLI_LIMIT)
    }

    /// Runs `freehold --output json` with these arguments, which must end well, and reads what it said.
    pub fn json<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Value> {
        let arguments: Vec<String> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let line = format!("freehold {}", arguments.join(" "));
        let all = ["--output", "json"].map(str::to_owned).into_iter().chain(arguments);
        let text = self.cli(all)?.success().with_context(|| format!("`{line}`"))?;
        serde_json::from_str(&text).with_context(|| format!("`{line}` said {text:?}"))
    }

    /// A connection as the first operator, for calls that the command line does not make. It is not dialled again when it breaks.
    ///
    /// `runtime` drives it and must have threads of its own; call this from outside of it or from `spawn_blocking`.
    pub fn channel(&self, runtime: &Handle) -> Result<Channel> {
        let folder = IdentityFolder::open(&self.identity())?;
        let credentials = folder.credentials()?.context("the first operator has no certificate")?;
        let roots = folder.roots()?.context("the first operator trusts nobody")?;
        let domain = &credentials.leaf().trust_domain;
        let tls = tls::client(Some(&credentials), &roots, domain, tls::system_clock())?;
        let dial = Dial::new(self.endpoint().parse()?, tls);
        let runtime = runtime.clone();
        // A socket belongs to the namespace of the thread that makes it.
        let channel = self.host.enter(move || runtime.block_on(async { dial.channel(dial.connect().await?).await }));
        Ok(channel?)
    }

    /// Waits until the agent of `server` (`berlin/kea4`) is connected, and hands back the server as the API shows it.
    pub fn wait_connected(&self, server: &str, limit: Duration) -> Result<Value> {
        until(&format!("{server} is connected"), limit, || {
            let shown = self.json(["server", "show", server])?;
            ensure!(shown["status"]["connected"] == true, "it is not: {shown}");
            Ok(shown)
        })
    }

    /// Waits until every server of `scope` (`berlin-office`) was proven to run it, and hands back the scope as the API shows it.
    pub fn wait_applied(&self, scope: &str, limit: Duration) -> Result<Value> {
        until(&format!("{scope} is applied"), limit, || {
            let shown = self.json(["scope", "show", scope])?;
            let sync = shown["sync"].as_array().map(Vec::as_slice).unwrap_or_default();
            let applied = !sync.is_empty() && sync.iter().all(|server| server["state"] == "STATE_APPLIED");
            ensure!(applied, "it is not: {shown}");
            Ok(shown)
        })
    }

    /// Waits until the API shows the lease of `address` on `server`, and hands it back.
    pub fn wait_lease(&self, server: &str, address: &str, limit: Duration) -> Result<Value> {
        until(&format!("the lease of {address} is seen"), limit, || self.json(["lease", "show", server, address]))
    }

    fn running(&mut self) -> Result<Process> {
        self.process.take().ok_or_else(|| anyhow!("the controller does not run"))
    }
}

/// An agent beside a branch's Kea, named like the branch; it may be running or not.
#[derive(Debug)]
pub struct Agent {
    host: Host,
    kea_configs: [PathBuf; 2],
    process: Option<Process>,
}

impl Agent {
    /// Makes the branch's host an agent: a token from the controller, used there. It is not started yet.
    pub fn enrol(controller: &Controller, branch: &Branch) -> Result<Self> {
        let agent = Self {
            host: branch.host.clone(),
            kea_configs: [branch.kea.config_path(), branch.kea6.config_path()],
            process: None,
        };
        let token = controller.cli(["agent", "token", "create", agent.name()])?.success()?;
        agent.enrol_with(token.trim())?.success()?;
        Ok(agent)
    }

    /// Tries to enrol with a token of any kind.
    pub fn enrol_with(&self, token: &str) -> Result<Output> {
        let program = self.program("enrol")?.arg(token);
        self.host.run("freehold-agent-enrol", program, START_LIMIT)
    }

    /// Starts it. It runs when this returns; whether it is connected, [`Controller::wait_connected`] tells.
    pub fn run(&mut self) -> Result<()> {
        self.run_with(&BTreeMap::new())
    }

    /// Starts it with these environment variables, such as `FREEHOLD_FAILPOINT`.
    pub fn run_with(&mut self, environment: &BTreeMap<&str, &str>) -> Result<()> {
        ensure!(self.process.is_none(), "the agent {} runs already", self.name());
        let [kea4, kea6] = &self.kea_configs;
        let program = self.program("run")?.arg("--kea4-config").arg(kea4);
        // A branch without DHCPv6 has no such file.
        let program = if kea6.exists() { program.arg("--kea6-config").arg(kea6) } else { program };
        let program = environment.iter().fold(program, |program, (name, value)| program.env(name, value));
        self.process = Some(self.host.start("freehold-agent", program)?);
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.running()?.stop(STOP_LIMIT)?;
        ensure!(status.success(), "the agent {} ended with {status}", self.name());
        Ok(())
    }

    /// Kills it (SIGKILL) and waits.
    pub fn kill(&mut self) -> Result<()> {
        self.running()?.kill()
    }

    /// Waits until it has ended by itself, as it does at a failpoint, and says how.
    pub fn wait_ended(&mut self, limit: Duration) -> Result<std::process::ExitStatus> {
        self.running()?.wait(limit)
    }

    /// The running process.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// The name of its server, such as `berlin/kea4`.
    pub fn server(&self) -> String {
        format!("{}/kea4", self.name())
    }

    /// Its own folder.
    pub fn home(&self) -> PathBuf {
        self.host.folder().join("agent")
    }

    /// What it last said of itself, at most 2 seconds old while it runs.
    pub fn status(&self) -> Result<freehold_agent::status::Status> {
        let path = self.home().join("status.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} says {text:?}", path.display()))
    }

    /// The last lease event that is durable in its spool.
    pub fn spooled(&self) -> Result<u64> {
        let status = self.status()?;
        let server = status.servers.first().ok_or_else(|| anyhow!("{} has no server", self.name()))?;
        Ok(server.spool_last_seq)
    }

    fn program(&self, command: &str) -> Result<Program> {
        Ok(Program::built("freehold-agent")?.arg("--home").arg(self.home()).arg(command))
    }

    fn running(&mut self) -> Result<Process> {
        self.process.take().ok_or_else(|| anyhow!("the agent {} does not run", self.name()))
    }
}
