//! `cargo demo`: installs what is missing, builds, and becomes `freehold-demo` (`tests/demo`).

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::packages;
use crate::steps::LAB;

/// Runs the demo with these arguments. Returns only when it could not be started.
pub(crate) fn demo(root: &Path, arguments: &[&str]) -> ExitCode {
    match start(root, arguments) {
        Ok(never) => match never {},
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn start(root: &Path, arguments: &[&str]) -> Result<std::convert::Infallible, String> {
    if !packages::is_root() {
        return Err("the demo makes network namespaces: run it as root".to_owned());
    }
    packages::provide(LAB).map_err(|why| why.to_string())?;
    eprintln!("Building the workspace");
    let built = Command::new("cargo").args(["build", "--workspace"]).current_dir(root).stdout(io::stderr()).status();
    match built {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("cargo build ended with {status}")),
        Err(error) => return Err(format!("cargo did not start: {error}")),
    }
    // It lies beside this program. The demo takes this process's place, so that Ctrl-C and its exit status are its own.
    let program = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    let program = program.with_file_name("freehold-demo");
    let error = Command::new(&program).args(arguments).exec();
    Err(format!("{} did not start: {error}", program.display()))
}
