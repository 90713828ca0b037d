//! The folder in which an agent, a controller or a person keeps who they are.
//!
//! | file | what | mode |
//! |---|---|---|
//! | `identity.pem` | certificate chain and private key in one text, so that they change together | 0600 |
//! | `roots.pem` | the CA's certificates that the other side is judged by | 0644 |
//! | `pending.key` | a key whose certificate has been asked for and has not arrived | 0600 |
//!
//! The order that survives a crash anywhere: [`pending_key`](IdentityFolder::pending_key) before asking (a second try asks with the same
//! key, so a lost answer costs nothing), [`write_roots`](IdentityFolder::write_roots), then
//! [`accept`](IdentityFolder::accept), which puts `identity.pem` in place and only then removes `pending.key`. A crash between those two
//! leaves a pending key that is already in use; it is recognised and removed by the next `pending_key`.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;

use crate::credentials::{Credentials, CredentialsError, Roots, RootsError};
use crate::files::{self, FileError, PRIVATE, PUBLIC};
use crate::key::{KeyError, PrivateKey};

/// A folder with mode 0700 that holds one identity.
#[derive(Debug, Clone)]
pub struct IdentityFolder {
    path: PathBuf,
}

/// Why an identity could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file's content does not make credentials.
    #[error("{}: {source}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CredentialsError,
    },
    /// A file's content does not make roots.
    #[error("{}: {source}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RootsError,
    },
    /// The pending key.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
    /// A certificate arrived that nobody asked for.
    #[error("{} is missing: no certificate has been asked for", .0.display())]
    NothingPending(PathBuf),
}

impl IdentityFolder {
    /// Opens the folder, and makes it if it is not there; its parent must be.
    ///
    /// # Errors
    /// [`FileError::Exposed`] if others on the host have any right to it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        files::private_folder(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// The file with the chain and the key, for programs that read it themselves.
    pub fn identity_path(&self) -> PathBuf {
        self.path.join("identity.pem")
    }

    /// The file with the trusted roots.
    pub fn roots_path(&self) -> PathBuf {
        self.path.join("roots.pem")
    }

    /// Who this is; `None` before the first certificate.
    pub fn credentials(&self) -> Result<Option<Credentials>, FolderError> {
        let path = self.identity_path();
        let Some(text) = files::read_private_if_there(&path)? else {
            return Ok(None);
        };
        let credentials = Credentials::from_pem(&text).map_err(|source| FolderError::Credentials { path, source })?;
        Ok(Some(credentials))
    }

    /// Puts key and chain in place as one.
    pub fn write_credentials(&self, credentials: &Credentials) -> Result<(), FolderError> {
        let text = credentials.to_pem();
        Ok(files::write_atomically(&self.identity_path(), text.as_bytes(), PRIVATE)?)
    }

    /// The trusted roots; `None` before enrolment.
    pub fn roots(&self) -> Result<Option<Roots>, FolderError> {
        let path = self.roots_path();
        let Some(text) = files::read_if_there(&path)? else {
            return Ok(None);
        };
        let roots = Roots::from_pem(&text).map_err(|source| FolderError::Roots { path, source })?;
        Ok(Some(roots))
    }

    /// Puts the trusted roots in place.
    pub fn write_roots(&self, roots: &Roots) -> Result<(), FolderError> {
        let text = roots.to_pem();
        Ok(files::write_atomically(&self.roots_path(), text.as_bytes(), PUBLIC)?)
    }

    /// The key to ask a certificate for: the one of an attempt that has not been answered, or else a new one, durable before it is used.
    pub fn pending_key(&self) -> Result<PrivateKey, FolderError> {
        if let Some(key) = self.waiting_key()? {
            let in_use = self.credentials()?.is_some_and(|present| present.key().spki_sha256() == key.spki_sha256());
            if !in_use {
                return Ok(key);
            }
        }
        let path = self.pending_path();
        let at = |source| FolderError::Key { path: path.clone(), source };
        let key = PrivateKey::generate().map_err(at)?;
        files::write_atomically(&path, key.to_pem().as_bytes(), PRIVATE)?;
        Ok(key)
    }

    /// Takes the certificate that arrived for the pending key: both become the identity, at once.
    ///
    /// # Errors
    /// [`CredentialsError::KeyMismatch`] if it is for another key; the present identity stays.
    pub fn accept(&self, chain: Vec<CertificateDer<'static>>) -> Result<Credentials, FolderError> {
        let path = self.pending_path();
        let key = self.waiting_key()?.ok_or_else(|| FolderError::NothingPending(path.clone()))?;
        let credentials =
            Credentials::new(key, chain).map_err(|source| FolderError::Credentials { path: path.clone(), source })?;
        self.write_credentials(&credentials)?;
        files::remove_if_there(&path)?;
        Ok(credentials)
    }

    fn pending_path(&self) -> PathBuf {
        self.path.join("pending.key")
    }

    fn waiting_key(&self) -> Result<Option<PrivateKey>, FolderError> {
        let path = self.pending_path();
        let Some(text) = files::read_private_if_there(&path)? else {
            return Ok(None);
        };
        let key = PrivateKey::from_pem(&text).map_err(|source| FolderError::Key { path, source })?;
        Ok(Some(key))
    }
}
