//! The lab: named hosts, the segments that join them, and their end.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::host::Host;
use crate::leftovers::Claim;
use crate::link::{Fabric, InterfaceAddress, Link, Segment};
use crate::netns::{self, Namespace};
use crate::process::find;

/// The programs of the system without which nothing here works.
const PROGRAMS: &[&str] = &["ip", "tc", "nft", "setpriv", "kea-dhcp4", "perfdhcp", "udhcpc", "dhclient"];
/// How much of each log is shown when a test fails.
const TAIL_LINES: usize = 40;

/// A lab. Dropping it ends everything in it; what a killed one leaves, the next one removes.
#[derive(Debug)]
pub struct Lab {
    hosts: Mutex<BTreeMap<String, Host>>,
    fabric: Fabric,
    claim: Claim,
}

impl Lab {
    /// Runs a test in an empty lab; when it fails, the ends of all logs are shown. Skipped, loudly, where there can be no lab.
    pub fn with(test: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        match Self::new()? {
            Some(lab) => lab.judge(test(&lab)),
            None => Ok(()),
        }
    }

    /// An empty lab. `None`, loudly, where none can be: not root, or a program missing.
    pub fn new() -> Result<Option<Self>> {
        if let Some(why) = impossible() {
            skip(&why)?;
            return Ok(None);
        }
        let claim = Claim::new()?;
        let fabric = Fabric::new(Namespace::create(&format!("{}-fabric", claim.id()))?)?;
        Ok(Some(Self { hosts: Mutex::default(), fabric, claim }))
    }

    /// The prefix of the names of its namespaces.
    pub fn id(&self) -> &str {
        self.claim.id()
    }

    /// Its folder, gone with it.
    pub fn folder(&self) -> &Path {
        self.claim.folder()
    }

    /// A new host without a link. It keeps its name as long as the lab lives.
    pub fn host(&self, name: &str) -> Result<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(!hosts.contains_key(name), "the lab has a host {name} already");
        let namespace = Namespace::create(&format!("{}-{name}", self.id()))?;
        let host = Host::new(name, namespace, self.folder().join(name))?;
        hosts.insert(name.to_owned(), host.clone());
        Ok(host)
    }

    /// A new segment. The name is a bridge's: 15 characters at most.
    pub fn segment(&self, name: &str) -> Result<Segment> {
        self.fabric.segment(name)
    }

    /// Plugs a host into a segment with a new interface. Without a hardware address it gets one of the lab's own.
    pub fn plug(
        &self,
        host: &Host,
        segment: &Segment,
        interface: &str,
        hardware_address: Option<[u8; 6]>,
        address: Option<InterfaceAddress>,
    ) -> Result<Link> {
        self.fabric.plug(host, segment, interface, hardware_address, address)
    }

    /// Shows the ends of all logs when a test has failed.
    pub(crate) fn judge(&self, result: Result<()>) -> Result<()> {
        if result.is_err() {
            self.show_logs()?;
        }
        result
    }

    /// The ends of all logs, on standard error.
    pub fn show_logs(&self) -> Result<()> {
        for (name, host) in &*self.hosts.lock().unwrap_or_else(PoisonError::into_inner) {
            show_logs(name, host.folder())?;
        }
        Ok(())
    }

    fn end(&self) -> Result<()> {
        if std::thread::panicking() {
            self.show_logs()?;
        }
        for host in self.hosts.lock().unwrap_or_else(PoisonError::into_inner).values() {
            netns::remove(host.namespace())?;
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("the lab {} did not end well: {error:#}", self.id());
        }
    }
}

/// Says that a test, or a part of it, is not run, and why. `cargo verify` lists it at the end.
pub fn skip(why: &str) -> Result<()> {
    let thread = std::thread::current();
    let line = format!("{}: {why}\n", thread.name().unwrap_or("a test"));
    // Not eprint!: the test runner would keep it to itself when the test passes.
    std::io::stderr().write_all(format!("SKIPPED {line}").as_bytes())?;
    if let Some(path) = std::env::var_os("FREEHOLD_SKIPS") {
        let mut file = fs::File::options().append(true).open(&path).context("FREEHOLD_SKIPS names no file")?;
        file.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// Why there can be no lab here.
fn impossible() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root".into());
    }
    let missing: Vec<&str> = PROGRAMS.iter().copied().filter(|program| find(program).is_none()).collect();
    (!missing.is_empty()).then(|| format!("not installed: {} (cargo verify installs them)", missing.join(", ")))
}

/// The ends of the logs in a folder, on standard error.
fn show_logs(host: &str, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            if text.is_empty() {
                continue;
            }
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            eprintln!("--- {host}: {}\n{tail}", path.display());
        }
    }
    Ok(())
}
