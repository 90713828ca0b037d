//! `freehold profile`: which controller, as whom. Needs no controller.

use crate::Environment;
use crate::connect::{ConnectError, read_identity};
use crate::error::Failure;
use crate::output::{Format, Screen, json, table};
use crate::profile::{Choice, Profile, Profiles, path};
use clap::Subcommand;
use freehold_certs::token::Endpoint;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Remember a controller and an identity: freehold profile add NAME --endpoint HOST:PORT --identity DIR
    Add {
        /// A name for it
        name: String,
    },
    /// List profiles
    List,
    /// Use this one where none is named
    Use {
        /// Which
        name: String,
    },
    /// Forget a profile; its identity folder stays
    Remove {
        /// Which
        name: String,
    },
}

pub(crate) fn run(
    command: Command,
    choice: &Choice,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let file = path(environment)?;
    let mut profiles = Profiles::read(&file)?;
    match command {
        Command::List => return list(&profiles, screen),
        Command::Add { name } => {
            let (Some(endpoint), Some(identity)) = (&choice.endpoint, &choice.identity) else {
                return Err(Failure::Usage(
                    "a profile is an endpoint and an identity: give --endpoint HOST:PORT and --identity DIR".to_owned(),
                ));
            };
            let profile = check(endpoint, identity.clone(), screen)?;
            profiles.add(&name, profile)?;
        }
        Command::Use { name } => profiles.make_current(&name)?,
        Command::Remove { name } => profiles.remove(&name)?,
    }
    Ok(profiles.write(&file)?)
}

/// A profile that could work: the endpoint parses, and the folder has an identity.
fn check(endpoint: &str, identity: PathBuf, screen: &mut Screen<'_>) -> Result<Profile, Failure> {
    let endpoint: Endpoint = endpoint.parse().map_err(ConnectError::Endpoint)?;
    let (credentials, _) = read_identity(&identity)?;
    screen.note(&format!("{} at {endpoint}", credentials.leaf().spiffe_id()))?;
    Ok(Profile { endpoint: endpoint.to_string(), identity })
}

fn list(profiles: &Profiles, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let is_current = |name: &String| profiles.current.as_ref() == Some(name);
    let text = match screen.format {
        Format::Table => {
            let rows = profiles.profiles.iter().map(|(name, profile)| {
                let mark = if is_current(name) { "*" } else { "" };
                vec![name.clone(), mark.to_owned(), profile.endpoint.clone(), profile.identity.display().to_string()]
            });
            table::list(&["NAME", "CURRENT", "ENDPOINT", "IDENTITY"], rows, screen.is_terminal())
        }
        Format::Json => {
            let items = profiles.profiles.iter().map(|(name, profile)| {
                json!({
                    "name": name,
                    "current": is_current(name),
                    "endpoint": profile.endpoint,
                    "identity": profile.identity,
                })
            });
            json::pretty(&items.collect())
        }
    };
    Ok(screen.out.write_all(text.as_bytes())?)
}
