//! What the agent is about to do to Kea, on disk before it does it.
//!
//! The file is there from before the first change until the last one is durable. An agent that starts and finds it was cut short, and
//! [`Intent`] says what it was doing and how to get back. It holds Kea's whole configuration, passwords of
//! databases included, so only its owner may read it; it never leaves the host.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::live::Change;
use super::probe::Listening;
use crate::files::{self, FileError};

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IntentError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the note of an unfinished apply is damaged: look at what Kea runs, then remove {file}")]
    Damaged { file: std::path::PathBuf, source: serde_json::Error },
}

/// An apply that has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Digest of the bundle that ran before, in hexadecimal.
    pub from: String,
    /// Digest of the bundle that is to run.
    pub to: String,
    /// The whole configuration that ran before; none where it is changed by single changes, which can be undone.
    pub backup: Option<Value>,
    /// Those changes, in the order in which they are made.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Where Kea listened before.
    pub listening: Listening,
}

impl Intent {
    /// The open intent, if there is one.
    pub fn open(file: &Path) -> Result<Option<Self>, IntentError> {
        let Some(content) = files::read(file)? else { return Ok(None) };
        let intent = serde_json::from_slice(&content)
            .map_err(|source| IntentError::Damaged { file: file.to_owned(), source })?;
        Ok(Some(intent))
    }

    /// Makes the intent durable.
    pub fn write(&self, file: &Path) -> Result<(), FileError> {
        let content = serde_json::to_vec(self).expect("a configuration with text keys is always JSON");
        files::replace(file, &content, 0o600)
    }

    /// The apply is over, one way or the other.
    pub fn close(file: &Path) -> Result<(), FileError> {
        files::remove(file)
    }
}
