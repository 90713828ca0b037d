//! A named host: a network namespace, a folder, and what runs there.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::netns::Namespace;
use crate::process::{Outputs, Process, Program};

/// A host of the lab. Cloning it gives another handle to the same host.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    folder: PathBuf,
    runs: AtomicU32,
    namespace: Namespace,
}

/// What a program that has ended left.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Its standard output, if it ended well.
    pub fn success(self) -> Result<String> {
        ensure!(self.status.success(), "it ended with {}:\n{}{}", self.status, self.stdout, self.stderr);
        Ok(self.stdout)
    }
}

impl Host {
    pub(crate) fn new(name: &str, namespace: Namespace, folder: PathBuf) -> Result<Self> {
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // An IPv6 address is there at once, not after a second of asking whether somebody has it.
        namespace
            .enter(|| std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0"))
            .context("the kernel has no IPv6")?;
        Ok(Self(Arc::new(Inner { name: name.to_owned(), folder, runs: AtomicU32::new(0), namespace })))
    }

    /// Its name in the lab.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name of its namespace, for `ip netns exec`.
    pub fn namespace(&self) -> &str {
        self.0.namespace.name()
    }

    /// Its folder: the home and working folder of its programs.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Runs a short `job` inside the host's network, e.g. opens a socket.
    pub fn enter<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        self.0.namespace.enter(job)
    }

    /// Starts a program that stays; it logs to `<name>.log` in the host's folder.
    pub fn start(&self, name: &str, program: Program) -> Result<Process> {
        let outputs = Outputs::log(self.folder().join(format!("{name}.log")))?;
        Process::start(&self.0.namespace, self.folder(), name, program, &outputs)
            .with_context(|| format!("on the host {}", self.name()))
    }

    /// Runs a program to its end.
    pub fn run(&self, name: &str, program: Program, limit: Duration) -> Result<Output> {
        let run = self.0.runs.fetch_add(1, Ordering::Relaxed);
        let stdout = self.folder().join(format!("{name}-{run}.out"));
        let stderr = self.folder().join(format!("{name}-{run}.err"));
        let outputs = Outputs::apart(&stdout, stderr.clone())?;
        let mut process = Process::start(&self.0.namespace, self.folder(), name, program, &outputs)?;
        let status = process.wait(limit).with_context(|| format!("on the host {}", self.name()))?;
        let read = |path: &Path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Output { status, stdout: read(&stdout)?, stderr: read(&stderr)? })
    }
}
