//! A real controller on this host's loopback, without a lab: for load and for kills. Needs no root.
//!
//! Its folder lies where the caller says, on a real disk for what is measured. It takes any free port, another at each start;
//! it is learnt from its log. Both outlive a kill; dropping it ends the process and removes the folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use freehold_certs::dial::Dial;
use freehold_certs::folder::IdentityFolder;
use freehold_certs::tls;
use tempfile::TempDir;
use tonic::transport::Channel;

use crate::process::{Outputs, Process, Program};
use crate::wait::until;

const INIT_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// What the log says when the port is open, before the address.
const SERVING: &str = "serving address=";

/// A controller; it may be running or not.
#[derive(Debug)]
pub struct Loopback {
    // Ended before its folder goes.
    process: Option<Process>,
    address: Option<SocketAddr>,
    program: Program,
    folder: TempDir,
}

impl Loopback {
    /// Founds a controller of the program beside this one, in a new folder in `parent`. It is not started yet.
    pub fn found(parent: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("controller-").tempdir_in(parent).context("no folder for it")?;
        let program = Program::built("freehold-controller")?;
        let made = Self { process: None, address: None, program, folder };
        let program = made
            .program
            .clone()
            .args(["init", "--trust-domain", "loopback.example", "--name", "127.0.0.1", "--data"])
            .arg(made.data())
            .arg("--identity-out")
            .arg(made.identity());
        let mut init = made.launch("init", program)?;
        let status = init.wait(INIT_LIMIT)?;
        ensure!(status.success(), "init ended with {status}:\n{}", init.log()?);
        Ok(made)
    }

    /// Starts it, and waits until it serves.
    pub fn start(&mut self, limit: Duration) -> Result<()> {
        ensure!(self.process.is_none(), "the controller runs already");
        let program = self.program.clone().args(["run", "--listen", "127.0.0.1:0", "--data"]).arg(self.data());
        let before = self.log().map_or(0, |log| log.len());
        let mut process = self.launch("controller", program)?;
        let address = until("the controller serves", limit, || match process.ended()? {
            Some(status) => Ok(Err(anyhow!("the controller ended with {status}:\n{}", process.log()?))),
            None => serving(&process.log()?[before..]).context("it does not say so yet").map(Ok),
        })??;
        (self.process, self.address) = (Some(process), Some(address));
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.process.take().context("the controller does not run")?.stop(STOP_LIMIT)?;
        ensure!(status.success(), "the controller ended with {status}:\n{}", self.log()?);
        Ok(())
    }

    /// Kills it (SIGKILL) and waits.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the controller does not run")?.kill()
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("the controller does not run")?.pid())
    }

    /// Where it was last reached.
    pub fn address(&self) -> Result<SocketAddr> {
        self.address.context("the controller was never started")
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it logged since it was founded.
    pub fn log(&self) -> Result<String> {
        std::fs::read_to_string(self.folder.path().join("controller.log")).context("it has no log")
    }

    /// How its first operator, who may do everything, reaches it now.
    pub fn dial(&self) -> Result<Dial> {
        let folder = IdentityFolder::open(&self.identity())?;
        let credentials = folder.credentials()?.context("the first operator has no certificate")?;
        let roots = folder.roots()?.context("the first operator trusts nobody")?;
        let domain = &credentials.leaf().trust_domain;
        let tls = tls::client(Some(&credentials), &roots, domain, tls::system_clock())?;
        Ok(Dial::new(self.address()?.to_string().parse()?, tls))
    }

    /// A new connection as its first operator; it is not dialled again when it breaks.
    pub async fn channel(&self) -> Result<Channel> {
        let dial = self.dial()?;
        Ok(dial.channel(dial.connect().await?).await?)
    }

    /// The identity folder of its first operator, who may do everything.
    pub fn identity(&self) -> PathBuf {
        self.folder.path().join("admin")
    }

    fn launch(&self, name: &str, program: Program) -> Result<Process> {
        let outputs = Outputs::log(self.folder.path().join(format!("{name}.log")))?;
        Process::start_here(self.folder.path(), name, program, &outputs)
    }
}

/// The address that a log says is served.
fn serving(log: &str) -> Option<SocketAddr> {
    let (_, after) = log.split_once(SERVING)?;
    let (address, _) = after.split_once(char::is_whitespace)?;
    address.parse().ok()
}
