//! Debian packages: which are missing, and installing exactly those.
//!
//! A package counts as there when the program it is wanted for is there, wherever it came from. Nothing is asked of the
//! network, and nothing printed, when all are.
//!
//! Services that come with a package are not started: for the time of the installation a `policy-rc.d` refuses it,
//! unless the machine has one of its own, whose word then stands. Ours only speaks while this process lives, so that a
//! killed installation leaves nothing behind that matters; the next one removes it.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// A Debian package that some step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// The DHCPv4 server.
    KeaDhcp4,
    /// The DHCPv6 server.
    KeaDhcp6,
    /// perfdhcp.
    KeaAdmin,
    /// The one-shot DHCP client of busybox.
    Udhcpc,
    /// dhclient.
    IscDhcpClient,
    /// Network namespaces, links, bridges, rate limits.
    Iproute2,
    /// Cut and lossy links.
    Nftables,
    /// Node's package client, for buf.
    Npm,
    /// Python and its package client, for grpcio.
    Pip,
    /// curl, for what browsers send.
    Curl,
    /// Tells a program where its libraries are.
    Patchelf,
}

impl Package {
    fn name(self) -> &'static str {
        match self {
            Self::KeaDhcp4 => "kea-dhcp4-server",
            Self::KeaDhcp6 => "kea-dhcp6-server",
            Self::KeaAdmin => "kea-admin",
            Self::Udhcpc => "udhcpc",
            Self::IscDhcpClient => "isc-dhcp-client",
            Self::Iproute2 => "iproute2",
            Self::Nftables => "nftables",
            Self::Npm => "npm",
            Self::Pip => "python3-pip",
            Self::Curl => "curl",
            Self::Patchelf => "patchelf",
        }
    }

    /// The programs it is wanted for.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::KeaDhcp4 => &["kea-dhcp4"],
            Self::KeaDhcp6 => &["kea-dhcp6"],
            Self::KeaAdmin => &["perfdhcp"],
            Self::Udhcpc => &["udhcpc"],
            Self::IscDhcpClient => &["dhclient"],
            Self::Iproute2 => &["ip", "tc"],
            Self::Nftables => &["nft"],
            Self::Npm => &["npm", "node"],
            Self::Pip => &["python3", "pip3"],
            Self::Curl => &["curl"],
            Self::Patchelf => &["patchelf"],
        }
    }

    fn is_missing(self) -> bool {
        !self.programs().iter().all(|program| is_on_path(program))
    }
}

/// Why packages are not there.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// This user or this system cannot install them; not a fault of the project.
    NotHere(String),
    /// The installation was tried and went wrong.
    Failed(String),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Makes sure that `wanted` are there, and says on stderr what it installs.
pub(crate) fn provide(wanted: &[Package]) -> Result<(), Unavailable> {
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !Path::new("/etc/debian_version").exists() || !is_on_path("apt-get") {
        return Err(Unavailable::NotHere(format!("this is not Debian: install what its packages {list} contain")));
    }
    if !is_root() {
        return Err(Unavailable::NotHere(format!(
            "needs the Debian packages {list}: run as root, or apt-get install {list}"
        )));
    }
    eprintln!("Installing the Debian packages {list}");
    install(&missing).map_err(|why| Unavailable::Failed(format!("could not install {list}: {why}")))?;

    let still = self::missing(wanted);
    if still.is_empty() {
        Ok(())
    } else {
        Err(Unavailable::Failed(format!("apt-get installed {}, yet its programs are not on the path", still.join(" "))))
    }
}

fn missing(wanted: &[Package]) -> Vec<&'static str> {
    wanted.iter().filter(|package| package.is_missing()).map(|package| package.name()).collect()
}

fn install(names: &[&str]) -> io::Result<()> {
    let _no_service_starts = ServicePolicy::refuse_starts()?;
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(names);
    apt_get(&arguments)
}

/// Runs apt-get, which asks nothing and says little.
pub(crate) fn apt_get(arguments: &[&str]) -> io::Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["--quiet", "--quiet"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut command)
}

/// Runs a command that must succeed. Standard output belongs to the caller's story: the command's goes to standard error.
pub(crate) fn run(command: &mut Command) -> io::Result<()> {
    let status = command.stdout(io::stderr()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?} ended with {status}"))) }
}

/// Refuses the start of services while it lives (Debian's invoke-rc.d(8), policy-rc.d).
#[derive(Debug)]
struct ServicePolicy;

impl ServicePolicy {
    const FILE: &'static str = "/usr/sbin/policy-rc.d";
    const MARK: &'static str = "# Written by freehold-run for the time of an installation.";

    /// `None` when the machine has a policy of its own.
    fn refuse_starts() -> io::Result<Option<Self>> {
        match fs::read_to_string(Self::FILE) {
            Ok(text) if text.contains(Self::MARK) => fs::remove_file(Self::FILE)?,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let script = format!("#!/bin/sh\n{}\n[ -d /proc/{} ] && exit 101\nexit 0\n", Self::MARK, std::process::id());
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(Self::FILE)?;
        file.write_all(script.as_bytes())?;
        Ok(Some(Self))
    }
}

impl Drop for ServicePolicy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(Self::FILE) {
            eprintln!("{} could not be removed ({error}); it has no effect any more", Self::FILE);
        }
    }
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A plain user's path leaves out the folders where Debian keeps most of these.
    std::env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into)).any(|folder| {
        fs::metadata(folder.join(program)).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}
