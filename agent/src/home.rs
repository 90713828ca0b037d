//! The agent's own folder: who it is, where its controller is, and what it must remember over a crash.
//!
//! ```text
//! status.json       how the running agent is
//! membership.toml   which controller and store it belongs to, written by `enrol`
//! identity/         certificate, key, trusted roots
//! memory/           what the session knows durably: store, fence, bundles
//! servers/kea4/     a folder a server (kea4, kea6): an apply under way, the lease spool, how far the lease file was read
//! ```

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::token::Endpoint;
use freehold_core::name::AgentName;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError};

const MEMBERSHIP: &str = "membership.toml";

/// Which controller and store the agent belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Where the controller is.
    pub controller: Endpoint,
    /// The agent's name.
    pub agent: AgentName,
    /// The store that it obeys, and no other.
    pub store_id: [u8; 16],
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file of it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The identity in it.
    #[error(transparent)]
    Identity(#[from] FolderError),
    /// A folder of it cannot be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The agent was not enrolled.
    #[error("{} is missing: this host is no agent yet; get a token with `freehold agent token create NAME`, then run `freehold-agent enrol TOKEN`", .0.display())]
    NotEnrolled(PathBuf),
    /// The agent was enrolled before.
    #[error("this host is {agent} of {controller} already; to begin anew, stop the agent and remove {}", path.display())]
    Enrolled {
        /// Its name.
        agent: AgentName,
        /// Its controller.
        controller: Endpoint,
        /// The file that says so.
        path: PathBuf,
    },
    /// The membership does not read.
    #[error("{} does not read: {why}; enrol this host again", path.display())]
    Membership {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipFile {
    controller: String,
    agent: String,
    store_id: String,
}

/// The agent's own folder.
#[derive(Debug, Clone)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// The folder at `path`, made if it is not there; nobody else may look into it.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        let home = Self { path: path.to_owned() };
        home.folder(path)?;
        Ok(home)
    }

    /// The folder with the agent's certificate, key and roots.
    pub fn identity(&self) -> Result<IdentityFolder, HomeError> {
        let path = self.path.join("identity");
        self.folder(&path)?;
        Ok(IdentityFolder::open(&path)?)
    }

    /// What one server needs to be remembered of, made if it is not there.
    pub fn server(&self, id: &str) -> Result<PathBuf, HomeError> {
        let path = self.path.join("servers").join(id);
        self.folder(&path)?;
        Ok(path)
    }

    /// Where the session's memory is.
    pub fn memory_path(&self) -> PathBuf {
        self.path.join("memory")
    }

    /// Where the session's memory is, made if it is not there.
    pub fn make_memory(&self) -> Result<PathBuf, HomeError> {
        let path = self.memory_path();
        self.folder(&path)?;
        Ok(path)
    }

    /// Where the running agent says how it is.
    pub fn status_path(&self) -> PathBuf {
        self.path.join("status.json")
    }

    /// Which controller the agent belongs to.
    pub fn membership(&self) -> Result<Membership, HomeError> {
        self.find_membership()?.ok_or_else(|| HomeError::NotEnrolled(self.membership_path()))
    }

    /// Which controller the agent belongs to, if it belongs to one.
    pub fn find_membership(&self) -> Result<Option<Membership>, HomeError> {
        let path = self.membership_path();
        let Some(bytes) = files::read(&path)? else {
            return Ok(None);
        };
        let parse = || {
            let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
            let file: MembershipFile = toml::from_str(text).map_err(|error| error.to_string())?;
            let store_id = HEXLOWER.decode(file.store_id.as_bytes()).map_err(|error| error.to_string())?;
            Ok(Membership {
                controller: file.controller.parse().map_err(|error| format!("{error}"))?,
                agent: file.agent.parse().map_err(|error| format!("{error}"))?,
                store_id: store_id.try_into().map_err(|_| "the store id has not 16 bytes".to_owned())?,
            })
        };
        parse().map(Some).map_err(|why: String| HomeError::Membership { path, why })
    }

    /// Makes the agent belong to a controller, durably.
    pub fn join(&self, membership: &Membership) -> Result<(), HomeError> {
        let file = MembershipFile {
            controller: membership.controller.to_string(),
            agent: membership.agent.to_string(),
            store_id: HEXLOWER.encode(&membership.store_id),
        };
        let text = toml::to_string(&file).expect("three strings make a table");
        Ok(files::replace(&self.membership_path(), text.as_bytes(), 0o600)?)
    }

    /// The file that says which controller the agent belongs to.
    pub fn membership_path(&self) -> PathBuf {
        self.path.join(MEMBERSHIP)
    }

    fn folder(&self, path: &Path) -> Result<(), HomeError> {
        files::make_private_folder(path).map_err(|source| HomeError::Folder { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_reads_back_and_damage_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(&folder.path().join("agent")).expect("a home");
        assert!(matches!(home.membership(), Err(HomeError::NotEnrolled(_))));
        let membership = Membership {
            controller: "[2001:db8::1]:7443".parse().expect("an endpoint"),
            agent: AgentName::from_id("berlin-1").expect("a name"),
            store_id: [7; 16],
        };
        home.join(&membership).expect("joined");
        assert_eq!(home.membership().expect("read"), membership);
        std::fs::write(home.membership_path(), "controller = 1").expect("written");
        assert!(matches!(home.membership(), Err(HomeError::Membership { .. })));
    }
}
