//! A program that runs on a host of the lab, and its log.
//!
//! Every process is waited for: a zombie blocks Kea's next start (its PID file names a process that "exists"). Every process
//! dies with the lab: when it is dropped, and through `setpriv --pdeathsig` also when the test is killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::command::PATH;
use crate::netns::Namespace;
use crate::wait::until;

/// What to run: a program, its arguments and what is added to its environment.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
}

/// Where a program of this workspace is. It lies beside the running test, so `cargo build --workspace` must have been there.
pub fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where am I?")?;
    // target/debug/deps/e2e-1234 and target/debug/freehold-demo both find target/debug/freehold-agent.
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| anyhow!("{name} is not built: run cargo build --workspace"))
}

impl Program {
    /// A program of the system, by name or path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new(), env: BTreeMap::new() }
    }

    /// A program of this workspace; see [`built`].
    pub fn built(name: &str) -> Result<Self> {
        built(name).map(Self::new)
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// The command that runs it, and how it is shown.
    fn command(self, folder: &Path, output: &Outputs) -> Result<(String, Command)> {
        let shown = self.path.display().to_string();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(self.path)
            .args(self.args)
            .current_dir(folder)
            .env("HOME", folder)
            .env("PATH", PATH)
            .env_remove("XDG_CONFIG_HOME")
            .envs(self.env)
            .stdin(Stdio::null())
            .stdout(output.stdout.try_clone()?)
            .stderr(output.stderr.try_clone()?);
        Ok((shown, command))
    }

    /// A copy of a Debian program in `folder`, free of the AppArmor profile that is tied to its path and would keep it out of
    /// the lab's folders.
    pub fn copied(name: &str, folder: &Path) -> Result<PathBuf> {
        let original = find(name).ok_or_else(|| anyhow!("{name} is not installed"))?;
        let copy = folder.join(name);
        if !copy.exists() {
            std::fs::copy(&original, &copy).with_context(|| format!("cannot copy {}", original.display()))?;
        }
        Ok(copy)
    }
}

/// Where a program of the system is.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    PATH.split(':').map(|folder| Path::new(folder).join(name)).find(is_program)
}

/// A running program. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in `namespace`, at home in `folder`.
    pub(crate) fn start(
        namespace: &Namespace,
        folder: &Path,
        name: &str,
        program: Program,
        output: &Outputs,
    ) -> Result<Self> {
        let (shown, mut command) = program.command(folder, output)?;
        let child = namespace.enter(move || command.spawn()).with_context(|| format!("cannot start {shown}"))?;
        Ok(Self { name: name.to_owned(), child, log: output.log.clone() })
    }

    /// Starts `program` in the caller's own network, at home in `folder`.
    pub(crate) fn start_here(folder: &Path, name: &str, program: Program, output: &Outputs) -> Result<Self> {
        let (shown, mut command) = program.command(folder, output)?;
        let child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
        Ok(Self { name: name.to_owned(), child, log: output.log.clone() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it and its predecessors of the same name wrote.
    pub fn log(&self) -> Result<String> {
        std::fs::read_to_string(&self.log).with_context(|| format!("cannot read {}", self.log.display()))
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        until(&format!("{} ends", self.name), limit, || {
            self.ended()?.ok_or_else(|| anyhow!("process {} runs", self.pid()))
        })
    }

    /// Sends a signal, also to one that is stopped.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("cannot send {signal:?} to {}", self.name))
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(mut self, limit: Duration) -> Result<ExitStatus> {
        match self.ended()? {
            Some(status) => bail!("{} had ended already: {status}", self.name),
            None => self.signal(Signal::TERM)?,
        }
        self.wait(limit)
    }

    /// Ends it as a power cut would (SIGKILL), and waits.
    pub fn kill(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        match self.child.kill() {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            Err(error) => return Err(error).with_context(|| format!("cannot kill {}", self.name)),
        }
        self.child.wait().map(drop).with_context(|| format!("cannot wait for {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}

/// Where a process writes.
#[derive(Debug)]
pub(crate) struct Outputs {
    stdout: File,
    stderr: File,
    /// The file to show when something goes wrong.
    log: PathBuf,
}

impl Outputs {
    /// Both into one log, which a restart continues.
    pub(crate) fn log(path: PathBuf) -> Result<Self> {
        let file = File::options().create(true).append(true).open(&path)?;
        Ok(Self { stdout: file.try_clone()?, stderr: file, log: path })
    }

    /// Standard output by itself, new.
    pub(crate) fn apart(stdout: &Path, stderr: PathBuf) -> Result<Self> {
        Ok(Self { stdout: File::create(stdout)?, stderr: File::create(&stderr)?, log: stderr })
    }
}
