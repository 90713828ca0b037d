//! Programs that come from a language's own registry, or from another release of Debian, fetched into `target/tools`, never installed
//! for the whole machine.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::debian;
use crate::packages::run;

/// Packages of a registry, each at one version.
#[derive(Debug)]
pub(crate) struct Tool {
    registry: Registry,
    /// The registry's names for them, with their versions.
    packages: &'static [&'static str],
    /// Their own folder, from the workspace's root.
    folder: &'static str,
    /// What is run, from the workspace's root: a program, or the folder that Python finds its modules in.
    pub(crate) program: &'static str,
}

/// Where packages come from.
#[derive(Debug)]
enum Registry {
    /// npm's.
    Npm,
    /// Python's.
    Pypi,
    /// Debian's, of these releases, the last one preferred.
    Debian {
        suites: &'static [&'static str],
        /// Programs to be run, from the tool's own folder.
        programs: &'static [&'static str],
        /// What their own libraries' names begin with.
        libraries: &'static str,
    },
}

/// What of Kea the tests run.
const KEA: &[&str] = &["kea-dhcp4-server", "kea-dhcp6-server"];
const KEA_PROGRAMS: &[&str] = &["usr/sbin/kea-dhcp4", "usr/sbin/kea-dhcp6", "usr/sbin/kea-lfc"];

/// Kea 2.6, Debian 13's. Debian 12's own is 2.2.
pub(crate) const KEA_2_6: Tool = Tool {
    registry: Registry::Debian { suites: &["trixie"], programs: KEA_PROGRAMS, libraries: "libkea-" },
    packages: KEA,
    folder: "target/tools/kea-2.6",
    program: "target/tools/kea-2.6/usr/sbin/kea-dhcp6",
};

/// Kea 3.0, with the hooks that 2.6 does not have.
pub(crate) const KEA_3_0: Tool = Tool {
    registry: Registry::Debian {
        suites: &["trixie", "trixie-backports"],
        programs: KEA_PROGRAMS,
        libraries: "libkea-",
    },
    packages: KEA,
    folder: "target/tools/kea-3.0",
    program: "target/tools/kea-3.0/usr/sbin/kea-dhcp6",
};

/// buf: lints the .proto files, and is a gRPC client nobody here wrote.
pub(crate) const BUF: Tool = Tool {
    registry: Registry::Npm,
    packages: &["@bufbuild/buf@1.75.0"],
    folder: "target/tools/buf-1.75.0",
    program: "target/tools/buf-1.75.0/node_modules/.bin/buf",
};

/// grpcio and its generator, for a client in Python.
pub(crate) const GRPCIO: Tool = Tool {
    registry: Registry::Pypi,
    packages: &[
        "grpcio==1.85.1",
        "grpcio-tools==1.85.1",
        "grpcio-status==1.85.1",
        "protobuf==7.36.2",
        "googleapis-common-protos==1.76.0",
    ],
    folder: "target/tools/grpcio-1.85.1",
    program: "target/tools/grpcio-1.85.1",
};

impl Tool {
    /// Makes sure that the tool is there; asks nothing of the network when it is. What a broken attempt left is not taken for it.
    pub(crate) fn provide(&self, root: &Path) -> io::Result<()> {
        if root.join(self.program).exists() {
            return Ok(());
        }
        eprintln!("Fetching {} into {}", self.packages.join(" "), self.folder);
        let (folder, part) = (root.join(self.folder), root.join(format!("{}.part", self.folder)));
        if part.exists() {
            fs::remove_dir_all(&part)?;
        }
        fs::create_dir_all(&part)?;
        let mut fetch = match self.registry {
            Registry::Npm => command("npm", &["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]),
            Registry::Pypi => command("python3", &["-m", "pip", "install", "--quiet", "--target"]),
            Registry::Debian { suites, programs, libraries } => {
                debian::unpack(&part, suites, self.packages)?;
                debian::settle(&part, &folder, programs, libraries)?;
                return fs::rename(part, folder);
            }
        };
        run(fetch.arg(&part).args(self.packages).current_dir(root))?;
        fs::rename(part, folder)
    }
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
