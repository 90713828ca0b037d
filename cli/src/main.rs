//! `freehold`: reads the arguments and the environment, and exits with the status that the library gives.

use freehold_cli::Environment;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::{env, io};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(Into::into);
    let environment = Environment {
        config_home: path("XDG_CONFIG_HOME"),
        home: path("HOME"),
        profile: env::var("FREEHOLD_PROFILE").ok().filter(|name| !name.is_empty()),
        folder: env::current_dir().unwrap_or_default(),
        stdin_is_terminal: io::stdin().is_terminal(),
        stdout_is_terminal: io::stdout().is_terminal(),
        stderr_is_terminal: io::stderr().is_terminal(),
    };
    freehold_cli::run(env::args_os(), &environment, &mut io::stdout(), &mut io::stderr()).await.into()
}
