//! Short commands that shape the network, and signals.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// Where Debian keeps the programs of an administrator, whatever the caller's path.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// `ip`, and what it said.
pub(crate) fn ip(arguments: &[&str]) -> Result<String> {
    run("ip", arguments, None)
}

/// `tc`.
pub(crate) fn tc(arguments: &[&str]) -> Result<()> {
    run("tc", arguments, None).map(drop)
}

/// Feeds `rules` to nft in the namespace, as one transaction.
pub(crate) fn nft(namespace: &str, rules: &str) -> Result<()> {
    run("ip", &["netns", "exec", namespace, "nft", "-f", "-"], Some(rules)).map(drop)
}

/// Kills a process; one that is gone already is as good.
pub(crate) fn kill(pid: Pid) -> Result<()> {
    match kill_process(pid, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot kill process {pid:?}")),
    }
}

fn run(program: &str, arguments: &[&str], input: Option<&str>) -> Result<String> {
    let line = format!("{program} {}", arguments.join(" "));
    let output = output(program, arguments, input).with_context(|| format!("`{line}` did not run"))?;
    ensure!(
        output.status.success(),
        "`{line}` ended with {}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim(),
        input.map(|text| format!("\ninput was:\n{text}")).unwrap_or_default(),
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn output(program: &str, arguments: &[&str], input: Option<&str>) -> std::io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("PATH", PATH)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(text) = input {
        // Closed at the end of the block: the program sees the end of its input.
        let mut stdin = child.stdin.take().expect("it was asked for");
        stdin.write_all(text.as_bytes())?;
    }
    child.wait_with_output()
}
