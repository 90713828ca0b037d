//! `freehold`, the command line: what people type to see and change an address space.
//!
//! It speaks the public API and nothing else; whatever it can do, any other client can. The tour:
//!
//! - [`command`]: a file per noun; each turns arguments into a request (a pure function), sends it, and shows the answer
//! - [`names`] and [`duration`]: what people type short, made whole with core's own types, so that bad input is
//!   refused here with the words that the controller would use
//! - [`profile`]: which controller, as whom; [`connect`]: the channel to it; [`call`]: one call, repeated where that is safe
//! - [`wait`]: `--wait`, until servers were proven to run a change
//! - [`output`]: tables and JSON; [`error`]: one clear line, and what to do
//!
//! It keeps no state but the profiles. A command that is killed has changed what the controller answered, or had
//! committed without the answer arriving; nothing is left half done on this side.

pub mod call;
pub mod command;
pub mod connect;
pub mod duration;
pub mod error;
pub mod names;
pub mod output;
pub mod page;
pub mod profile;
pub mod wait;

use clap::CommandFactory;
use command::Arguments;
use error::Failure;
use output::Screen;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

/// What the process knows of where it runs; read once, by `main`.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `XDG_CONFIG_HOME`, if set.
    pub config_home: Option<PathBuf>,
    /// `HOME`, if set.
    pub home: Option<PathBuf>,
    /// `FREEHOLD_PROFILE`, if set.
    pub profile: Option<String>,
    /// The working folder; relative paths start here.
    pub folder: PathBuf,
    /// Whether a person can be asked on standard input.
    pub stdin_is_terminal: bool,
    /// Whether a person looks at standard output.
    pub stdout_is_terminal: bool,
    /// Whether a person looks at standard error.
    pub stderr_is_terminal: bool,
}

/// Runs one command line, the program's name first, and gives the exit status: 0 done, 1 failed, 2 wrongly asked,
/// 3 refused by a server, 4 not applied in time.
pub async fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let arguments = match Arguments::taken(arguments) {
        Ok(arguments) => arguments,
        Err(stopped) => return answer_at_once(&stopped, environment, out, err),
    };
    let mut screen = Screen::new(arguments.output, environment, out, err);
    let done = command::run(arguments, environment, &mut screen).await;
    match done {
        Ok(()) => 0,
        Err(failure) => {
            // Where standard error is gone, the exit status still tells.
            if failure.is_told() {
                drop(write!(screen.err, "{}", failure.report()));
            }
            failure.exit_status()
        }
    }
}

/// Help, version, or what is wrong with the arguments.
fn answer_at_once(stopped: &clap::Error, environment: &Environment, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let (to, terminal): (&mut dyn Write, bool) = match stopped.use_stderr() {
        true => (err, environment.stderr_is_terminal),
        false => (out, environment.stdout_is_terminal),
    };
    let text = stopped.render();
    let written = if terminal { write!(to, "{}", text.ansi()) } else { write!(to, "{text}") };
    match written {
        Ok(()) if stopped.use_stderr() => 2,
        Ok(()) => 0,
        Err(error) => Failure::Output(error).exit_status(),
    }
}

/// The whole command line, for completions and for documentation.
pub fn command_line() -> clap::Command {
    Arguments::command()
}
