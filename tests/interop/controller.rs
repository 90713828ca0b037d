//! The real controller, founded and run as an operator does it, on a port of the loopback.

use anyhow::{Context, Result, bail, ensure};
use freehold_lab::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in tests")
}

/// A program of this workspace, which lies beside the running test.
fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.ancestors().nth(2).context("a test lies in a folder")?.join(name);
    ensure!(path.is_file(), "{name} is not built: run cargo build --workspace");
    Ok(path)
}

/// A running controller; killed when it is dropped.
pub(crate) struct Controller {
    folder: TempDir,
    process: Child,
    port: u16,
}

impl Controller {
    /// Founds a controller and starts it.
    pub(crate) fn start() -> Result<Self> {
        let program = built("freehold-controller")?;
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let init = Command::new(&program)
            .args(["init", "--trust-domain", "example.test", "--name", "localhost", "--data"])
            .arg(&data)
            .output()?;
        ensure!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let log = folder.path().join("log");
        let process = Command::new(&program)
            .args(["run", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdin(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut controller = Self { folder, process, port: 0 };
        controller.port = until("the controller serves", LIMIT, || controller.served(&log))?;
        Ok(controller)
    }

    /// The port that the log names.
    fn served(&mut self, log: &Path) -> Result<u16> {
        let text = fs::read_to_string(log)?;
        if let Some(status) = self.process.try_wait()? {
            bail!("the controller ended with {status}:\n{text}");
        }
        let (_, rest) = text.split_once("address=127.0.0.1:").context("it does not serve yet")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    }

    /// Chain and key of the first operator, in one file.
    pub(crate) fn identity(&self) -> PathBuf {
        self.folder.path().join("data/operator/identity.pem")
    }

    /// The roots that the controller is judged by.
    pub(crate) fn roots(&self) -> PathBuf {
        self.folder.path().join("data/operator/roots.pem")
    }

    /// Where it is, `host:port`.
    pub(crate) fn target(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The address of a method.
    pub(crate) fn url(&self, method: &str) -> String {
        format!("https://{}/{method}", self.target())
    }

    /// Asks it to end, and waits until it has, well.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let status = until("the controller ends", LIMIT, || self.process.try_wait()?.context("it runs"))?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // Both fail only if it has ended, which is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
