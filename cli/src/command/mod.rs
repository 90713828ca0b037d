//! The command line: a file per noun.
//!
//! Each has the arguments as clap reads them, pure functions that make requests out of them, `run`, which sends these, and how
//! the noun is shown. What several nouns share is here: the options that every change takes.

mod agent;
mod conflict;
mod event;
mod export;
mod field;
mod import;
mod ip;
mod labels;
mod lease;
mod net;
mod operator;
mod plan;
mod prefix;
mod profile;
mod reservation;
mod review;
mod scope;
mod search;
mod server;
mod space;
mod token;
mod usage;
mod view;
mod watch;
mod whoami;

use crate::Environment;
use crate::connect::Api;
use crate::error::Failure;
use crate::output::{Format, Screen};
use crate::profile::{Choice, Profiles, path};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use freehold_core::name::ViewName;
use std::ffi::OsString;
use std::path::PathBuf;

/// See and change an address space: prefixes, DHCP scopes, reservations, servers, leases.
///
/// Names may be typed short: berlin-voice for scopes/berlin-voice, 10.1.0.0/16 for a prefix of the default space,
/// berlin-1/kea4 for a server.
#[derive(Debug, Parser)]
#[command(
    name = "freehold",
    version,
    after_help = "Exit status: 0 done, 1 failed, 2 wrongly asked, 3 refused by a server, 4 not applied in time.\n\
        Profiles lie in ~/.config/freehold/config.toml; FREEHOLD_PROFILE chooses one where --profile does not."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// table, or json: canonical protobuf JSON, an array for lists, a line each for watches
    #[arg(long, short, global = true, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    #[arg(help_heading = "Global options")]
    pub output: Format,
    /// The profile to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    profile: Option<String>,
    /// The controller, instead of the profile's
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = "Global options")]
    endpoint: Option<String>,
    /// The folder with identity.pem and roots.pem, instead of the profile's
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    identity: Option<PathBuf>,
    /// The id of a change, for a script that repeats a command of which it does not know what became
    #[arg(long, global = true, value_name = "ID", help_heading = "Global options")]
    request_id: Option<String>,
    /// Set for what stands behind `plan`.
    #[arg(skip)]
    planned: bool,
}

impl Arguments {
    /// Takes the program's name and what was typed behind it. What stands behind `plan` is a command of its own, of which is only asked what would come of it.
    pub fn taken(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let outer = Self::try_parse_from(words)?;
        let Command::Plan(plan) = &outer.command else { return Ok(outer) };
        // Behind `--` it would be a text like any other.
        let end = plan.words.iter().position(|word| word == "--").unwrap_or(plan.words.len());
        let (options, rest) = plan.words.split_at(end);
        let words = ["freehold"].into_iter().chain(options.iter().map(String::as_str));
        let words = words.chain(["--validate-only"]).chain(rest.iter().map(String::as_str));
        let inner = Self::try_parse_from(words).map_err(|error| match error.kind() {
            ErrorKind::UnknownArgument if error.to_string().contains("'--validate-only'") => {
                let what = format!("`{}` changes nothing that can be planned\n", plan.words.join(" "));
                Self::command().error(ErrorKind::InvalidSubcommand, what)
            }
            _ => error,
        })?;
        if matches!(inner.command, Command::Plan(_)) {
            return Err(Self::command().error(ErrorKind::InvalidSubcommand, "a plan has no plan of its own\n"));
        }
        Ok(Self {
            command: inner.command,
            output: if inner.output == Format::default() { outer.output } else { inner.output },
            profile: inner.profile.or(outer.profile),
            endpoint: inner.endpoint.or(outer.endpoint),
            identity: inner.identity.or(outer.identity),
            request_id: inner.request_id.or(outer.request_id),
            planned: true,
        })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Spaces: realms in which every address is unique
    #[command(subcommand)]
    Space(space::Command),
    /// Prefixes: the plan of an address space, as a list, as a tree, and made out of each other
    #[command(subcommand, visible_alias = "net")]
    Prefix(prefix::Command),
    /// Custom fields of spaces, prefixes, scopes and reservations
    #[command(subcommand)]
    Field(field::Command),
    /// Scopes: what DHCP serves of a network, with ranges, exclusions and options
    #[command(subcommand)]
    Scope(scope::Command),
    /// Reservations: fixed addresses for clients
    #[command(subcommand)]
    Reservation(reservation::Command),
    /// Addresses: what each is, and getting free ones
    #[command(subcommand)]
    Ip(ip::Command),
    /// Conflicts: what contradicts itself, and what can be done about it
    #[command(subcommand)]
    Conflict(conflict::Command),
    Review(review::Review),
    /// Leases: what DHCP servers granted
    #[command(subcommand)]
    Lease(lease::Command),
    /// Servers: the DHCP servers that agents found
    #[command(subcommand)]
    Server(server::Command),
    /// Agents beside the servers, and the tokens that enrol them
    #[command(subcommand)]
    Agent(agent::Command),
    /// Operators: who may call the API, and what they may do
    #[command(subcommand)]
    Operator(operator::Command),
    /// Events: the audit trail
    #[command(subcommand)]
    Event(event::Command),
    Plan(plan::Plan),
    Import(import::Import),
    Export(export::Export),
    Search(search::Search),
    Usage(usage::Usage),
    /// Views: groups of prefixes, scopes, addresses or reservations by what they have in common
    #[command(subcommand)]
    View(view::Command),
    /// Follow changes as they happen
    Watch(watch::Watch),
    /// Show who the controller takes you for, and what you may do
    Whoami,
    /// Profiles: which controller, as whom
    #[command(subcommand)]
    Profile(profile::Command),
    /// Print a script that completes this command line
    Completions {
        /// The shell to complete in
        shell: Shell,
    },
}

/// What every change takes.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Change {
    /// Only say what would come of it; change nothing
    #[arg(long)]
    pub validate_only: bool,
}

/// What every change of something that is there takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Guard {
    /// Refuse if it changed since it had this etag
    #[arg(long)]
    etag: Option<String>,
}

impl Guard {
    fn text(&self) -> String {
        self.etag.clone().unwrap_or_default()
    }
}

/// Which rows of a list are wanted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Only {
    /// Only those that match, such as 'tags:voice fields.site = berlin'
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// Only members of this view
    #[arg(long, value_parser = crate::names::view)]
    view: Option<ViewName>,
}

impl Only {
    /// The view's name; empty for all.
    fn view(&self) -> String {
        self.view.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// Runs one command.
pub async fn run(arguments: Arguments, environment: &Environment, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let choice = Choice {
        profile: arguments.profile.or_else(|| environment.profile.clone()),
        endpoint: arguments.endpoint,
        identity: arguments.identity.map(|folder| environment.folder.join(folder)),
    };
    let command = match arguments.command {
        Command::Completions { shell } => return completions(shell, screen),
        Command::Profile(command) => return profile::run(command, &choice, environment, screen),
        command => command,
    };
    let complete = choice.profile.is_none() && choice.endpoint.is_some() && choice.identity.is_some();
    let profiles = if complete { Profiles::default() } else { Profiles::read(&path(environment)?)? };
    let api = Api::connect(&profiles.target(choice)?).await?.repeating(arguments.request_id);
    if arguments.planned {
        // What it would answer is in the preview.
        let mut sink = std::io::sink();
        carry_out(command, &api, environment, &mut screen.onto(&mut sink)).await?;
        return plan::tell(&api, screen).await;
    }
    carry_out(command, &api, environment, screen).await
}

async fn carry_out(
    command: Command,
    api: &Api,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    match command {
        Command::Space(command) => space::run(command, api, screen).await,
        Command::Prefix(command) => prefix::run(command, api, screen).await,
        Command::Field(command) => field::run(command, api, screen).await,
        Command::Scope(command) => scope::run(command, api, screen).await,
        Command::Reservation(command) => reservation::run(command, api, screen).await,
        Command::Ip(command) => ip::run(command, api, screen).await,
        Command::Conflict(command) => conflict::run(command, api, screen).await,
        Command::Review(review) => review::run(review, api, screen).await,
        Command::Lease(command) => lease::run(command, api, screen).await,
        Command::Server(command) => server::run(command, api, screen).await,
        Command::Agent(command) => agent::run(command, api, screen).await,
        Command::Operator(command) => operator::run(command, api, environment, screen).await,
        Command::Event(command) => event::run(command, api, screen).await,
        Command::Import(import) => import::run(import, api, environment, screen).await,
        Command::Export(export) => export::run(&export, api, screen).await,
        Command::Search(search) => search::run(&search, api, screen).await,
        Command::Usage(usage) => usage::run(&usage, api, screen).await,
        Command::View(command) => view::run(command, api, screen).await,
        Command::Watch(watch) => watch::run(&watch, api, screen).await,
        Command::Whoami => whoami::run(api, screen).await,
        Command::Plan(_) | Command::Profile(_) | Command::Completions { .. } => {
            unreachable!("answered without a controller")
        }
    }
}

fn completions(shell: Shell, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::command_line(), "freehold", &mut script);
    Ok(screen.out.write_all(&script)?)
}

/// A field mask of these paths.
fn mask(paths: Vec<&str>) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.into_iter().map(str::to_owned).collect() })
}

/// An update that changes nothing was not meant.
fn some_change(paths: &[&str]) -> Result<(), Failure> {
    match paths {
        [] => Err(Failure::Usage("nothing to change was given; `--help` lists what can be".to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Arguments, Command};
    use clap::Parser;

    /// The command that a line of arguments means.
    pub(super) fn parse(line: &str) -> Command {
        let words = std::iter::once("freehold").chain(line.split_whitespace());
        Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).command
    }

    /// What is wrong with a line of arguments, in a line.
    pub(super) fn refused(line: &str) -> String {
        let words = std::iter::once("freehold").chain(line.split_whitespace());
        let error = Arguments::try_parse_from(words).expect_err(line);
        error.to_string().lines().next().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Command};
    use clap::CommandFactory;
    use std::ffi::OsString;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    fn taken(line: &str) -> Result<Arguments, String> {
        let words = std::iter::once("freehold").chain(line.split_whitespace()).map(OsString::from);
        Arguments::taken(words).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
    }

    #[test]
    fn what_stands_behind_plan_is_a_command_that_is_only_asked_about() {
        let planned = taken("--profile a plan -o json scope delete hall --force --request-id x").expect("a command");
        assert!(planned.planned && matches!(planned.command, Command::Scope(_)));
        assert_eq!(planned.output, crate::output::Format::Json);
        assert_eq!((planned.profile.as_deref(), planned.request_id.as_deref()), (Some("a"), Some("x")));
        assert!(!taken("scope delete hall --force").expect("a command").planned);
        assert_eq!(
            taken("plan scope list").expect_err("a list"),
            "error: `scope list` changes nothing that can be planned"
        );
        let waits = taken("plan scope delete hall --wait").expect_err("it would wait");
        assert!(waits.contains("'--wait'"), "{waits}");
        assert!(taken("plan").is_err());
        assert_eq!(taken("plan plan scope delete hall").expect_err("a plan"), "error: a plan has no plan of its own");
        let described = taken("plan server describe berlin/kea4 -- --odd").expect("a command");
        let Command::Server(described) = described.command else { panic!("another command") };
        let said = format!("{described:?}");
        assert!(said.contains("validate_only: true") && said.contains("--odd"), "{said}");
    }
}
