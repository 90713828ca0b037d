//! Profiles: which controller, as whom. Kept in `freehold/config.toml` under `XDG_CONFIG_HOME` or `~/.config`.
//!
//! ```toml
//! current = "berlin"
//!
//! [profiles.berlin]
//! endpoint = "freehold.example:7443"
//! identity = "/home/alice/.config/freehold/identities/berlin"
//! ```
//!
//! The file holds no secret: keys lie in the identity folders. It is replaced as a whole; a crash leaves the old file or the new.

use crate::Environment;
use crate::connect::{ConnectError, Target};
use freehold_certs::token::Endpoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// All profiles, as they stand in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// The one that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// Each by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, Profile>,
}

/// One controller, as one caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// `host:port`.
    pub endpoint: String,
    /// The identity folder, an absolute path.
    pub identity: PathBuf,
}

/// What the command line says about where to go.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// `--profile`, or else `FREEHOLD_PROFILE`.
    pub profile: Option<String>,
    /// `--endpoint`.
    pub endpoint: Option<String>,
    /// `--identity`.
    pub identity: Option<PathBuf>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No folder to keep them in.
    #[error("neither XDG_CONFIG_HOME nor HOME is set: there is no place for profiles")]
    NoHome,
    /// The file cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is not a file of profiles: {}", path.display(), source.message())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// No such profile.
    #[error("there is no profile {0:?}")]
    Unknown(String),
    /// The name is taken by another.
    #[error("there is a profile {0:?} already, and it differs")]
    Taken(String),
    /// A name that would be hard to type.
    #[error("{0:?} is not a name for a profile: use 1 to 63 letters, digits, hyphens, dots and underscores")]
    Name(String),
    /// Nothing says where to go.
    #[error("no profile is chosen, and the command line does not give both --endpoint and --identity")]
    None,
}

impl ProfileError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unknown(_) => "`freehold profile list` shows what there is",
            Self::Taken(_) => "remove it first: freehold profile remove",
            Self::None => "freehold profile add NAME --endpoint HOST:PORT --identity DIR",
            Self::NoHome | Self::File { .. } | Self::Content { .. } | Self::Name(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// Where the profiles are kept.
pub fn path(environment: &Environment) -> Result<PathBuf, ProfileError> {
    // The specification wants a relative XDG_CONFIG_HOME to be ignored.
    let config = environment.config_home.clone().filter(|home| home.is_absolute());
    let config = config.or_else(|| environment.home.as_ref().map(|home| home.join(".config")));
    config.map(|folder| folder.join("freehold/config.toml")).ok_or(ProfileError::NoHome)
}

impl Profiles {
    /// Reads them; a file that is not there has none.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ProfileError::File { doing: "read", path: path.to_owned(), source }),
        };
        toml::from_str(&text)
            .map_err(|source| ProfileError::Content { path: path.to_owned(), source: Box::new(source) })
    }

    /// Writes them in the place of the old file.
    pub fn write(&self, path: &Path) -> Result<(), ProfileError> {
        let failed = |doing| move |source| ProfileError::File { doing, path: path.to_owned(), source };
        let text = toml::to_string(self).expect("profiles are a table of strings");
        let folder = path.parent().expect("the file lies in a folder");
        fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
        let beside = path.with_extension("toml.new");
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(failed("write"))
    }

    /// Adds one; the first becomes the current one. Adding the same again changes nothing.
    pub fn add(&mut self, name: &str, profile: Profile) -> Result<(), ProfileError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if !(1..=63).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(ProfileError::Name(name.chars().take(80).collect()));
        }
        if self.profiles.get(name).is_some_and(|present| *present != profile) {
            return Err(ProfileError::Taken(name.to_owned()));
        }
        self.profiles.insert(name.to_owned(), profile);
        self.current.get_or_insert_with(|| name.to_owned());
        Ok(())
    }

    /// Makes one the current one.
    pub fn make_current(&mut self, name: &str) -> Result<(), ProfileError> {
        self.get(name)?;
        self.current = Some(name.to_owned());
        Ok(())
    }

    /// Removes one; its identity folder stays.
    pub fn remove(&mut self, name: &str) -> Result<(), ProfileError> {
        self.profiles.remove(name).ok_or_else(|| ProfileError::Unknown(name.to_owned()))?;
        self.current.take_if(|current| current == name);
        Ok(())
    }

    fn get(&self, name: &str) -> Result<&Profile, ProfileError> {
        self.profiles.get(name).ok_or_else(|| ProfileError::Unknown(name.to_owned()))
    }

    /// Where to go: what the command line says, and for the rest the chosen or current profile.
    pub fn target(&self, choice: Choice) -> Result<Target, TargetError> {
        let name = choice.profile.as_deref().or(self.current.as_deref());
        let complete = choice.endpoint.is_some() && choice.identity.is_some();
        let profile = match name {
            Some(name) if choice.profile.is_some() || !complete => Some(self.get(name)?),
            _ => None,
        };
        let endpoint = choice.endpoint.or_else(|| profile.map(|p| p.endpoint.clone())).ok_or(ProfileError::None)?;
        let identity = choice.identity.or_else(|| profile.map(|p| p.identity.clone())).ok_or(ProfileError::None)?;
        let endpoint: Endpoint = endpoint.parse().map_err(ConnectError::Endpoint)?;
        Ok(Target { endpoint, identity })
    }
}

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The endpoint.
    #[error(transparent)]
    Endpoint(#[from] ConnectError),
}

impl From<TargetError> for crate::error::Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Profile(error) => error.into(),
            TargetError::Endpoint(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(endpoint: &str) -> Profile {
        Profile { endpoint: endpoint.into(), identity: "/id".into() }
    }

    fn two() -> Profiles {
        let mut profiles = Profiles::default();
        profiles.add("berlin", profile("b:1")).expect("added");
        profiles.add("lab", profile("l:2")).expect("added");
        profiles
    }

    #[test]
    fn profiles_survive_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/freehold/config.toml");
        assert_eq!(Profiles::read(&path).expect("no file"), Profiles::default());
        two().write(&path).expect("written");
        let text = fs::read_to_string(&path).expect("text");
        assert_eq!(
            text,
            "current = \"berlin\"\n\n[profiles.berlin]\nendpoint = \"b:1\"\nidentity = \"/id\"\n\n[profiles.lab]\nendpoint = \"l:2\"\nidentity = \"/id\"\n"
        );
        assert_eq!(Profiles::read(&path).expect("read"), two());
        let names: Vec<_> = fs::read_dir(path.parent().expect("a parent")).expect("a folder").collect();
        assert_eq!(names.len(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        fs::write(&path, "current = 7\n").expect("written");
        let error = Profiles::read(&path).expect_err("not profiles").to_string();
        assert!(error.starts_with(&format!("{} is not a file of profiles: ", path.display())), "{error}");
    }

    #[test]
    fn the_first_is_current_until_another_is_chosen() {
        let mut profiles = two();
        assert_eq!(profiles.current.as_deref(), Some("berlin"));
        profiles.make_current("lab").expect("there");
        profiles.remove("lab").expect("there");
        assert_eq!(profiles.current, None);
        assert!(matches!(profiles.make_current("lab"), Err(ProfileError::Unknown(_))));
        assert!(matches!(profiles.add("berlin", profile("other:1")), Err(ProfileError::Taken(_))));
        assert!(profiles.add("berlin", profile("b:1")).is_ok());
        assert!(matches!(profiles.add("a b", profile("b:1")), Err(ProfileError::Name(_))));
    }

    #[test]
    fn the_command_line_wins_over_the_profile() {
        let went =
            |choice| two().target(choice).map(|t| (t.endpoint.to_string(), t.identity)).map_err(|e| e.to_string());
        let at = |endpoint: &str, identity: &str| Ok((endpoint.to_owned(), PathBuf::from(identity)));
        assert_eq!(went(Choice::default()), at("b:1", "/id"));
        assert_eq!(went(Choice { profile: Some("lab".into()), ..Choice::default() }), at("l:2", "/id"));
        assert_eq!(went(Choice { endpoint: Some("x:9".into()), ..Choice::default() }), at("x:9", "/id"));
        let both = Choice { profile: None, endpoint: Some("x:9".into()), identity: Some("/other".into()) };
        assert_eq!(went(both.clone()), at("x:9", "/other"));
        assert!(Profiles::default().target(both).is_ok());
        assert!(Profiles::default().target(Choice::default()).is_err());
        assert_eq!(
            went(Choice { profile: Some("no".into()), ..Choice::default() }),
            Err("there is no profile \"no\"".to_owned())
        );
    }

    #[test]
    fn the_file_lies_where_the_specification_says() {
        let at = |config: Option<&str>, home: Option<&str>| {
            let environment = Environment {
                config_home: config.map(Into::into),
                home: home.map(Into::into),
                ..Environment::default()
            };
            path(&environment).ok()
        };
        assert_eq!(at(Some("/c"), Some("/h")), Some("/c/freehold/config.toml".into()));
        assert_eq!(at(None, Some("/h")), Some("/h/.config/freehold/config.toml".into()));
        assert_eq!(at(Some("relative"), Some("/h")), Some("/h/.config/freehold/config.toml".into()));
        assert_eq!(at(None, None), None);
    }
}
