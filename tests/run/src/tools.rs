//! Programs that come from a language's own registry, fetched into `target/tools`, never installed for the whole machine.

use std::io;
use std::path::Path;
use std::process::Command;

/// A package of the npm registry, at one version.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The registry's name for it.
    package: &'static str,
    version: &'static str,
    /// Its own folder, from the workspace's root.
    folder: &'static str,
    /// The program in it, from the workspace's root.
    pub(crate) program: &'static str,
}

/// buf: lints the .proto files, and is a gRPC client nobody here wrote.
pub(crate) const BUF: Tool = Tool {
    package: "@bufbuild/buf",
    version: "1.75.0",
    folder: "target/tools/buf-1.75.0",
    program: "target/tools/buf-1.75.0/node_modules/.bin/buf",
};

impl Tool {
    /// Makes sure that the tool is there; asks nothing of the network when it is.
    pub(crate) fn provide(&self, root: &Path) -> io::Result<()> {
        if root.join(self.program).exists() {
            return Ok(());
        }
        let name = format!("{}@{}", self.package, self.version);
        eprintln!("Fetching {name} into {}", self.folder);
        let status = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"])
            .args([self.folder, &name])
            .current_dir(root)
            .stdout(io::stderr())
            .status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("npm install {name} ended with {status}"))) }
    }
}
