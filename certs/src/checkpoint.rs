//! The signature under an audit checkpoint: Ed25519 (RFC 8032), by a key of its own beside the CA.
//!
//! The signature covers `"freehold-audit-checkpoint-v1"` followed by the checkpoint's bytes, so that no other signature can pass for one.

use std::fmt;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::files::{self, FileError, PRIVATE};
use crate::pem::{self, PemError};

const CONTEXT: &[u8] = b"freehold-audit-checkpoint-v1";

/// The private key that signs checkpoints.
pub struct CheckpointKey(Ed25519KeyPair);

/// The public key that verifies them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckpointVerifier([u8; 32]);

/// Why a checkpoint key could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointKeyError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not there.
    #[error("{} is missing: restore it from the backup; a new key would make the signed history unverifiable", .0.display())]
    Missing(std::path::PathBuf),
    /// There is a key already.
    #[error("{} is there already, and a key is never overwritten", .0.display())]
    Exists(std::path::PathBuf),
    /// The text.
    #[error("the checkpoint key: {0}")]
    Pem(#[from] PemError),
    /// The key.
    #[error("the checkpoint key is not an Ed25519 key in PKCS#8 form: {0}")]
    Unusable(#[from] aws_lc_rs::error::KeyRejected),
    /// aws-lc-rs made no key.
    #[error("the cryptographic library failed")]
    Library,
}

/// The signature does not belong to the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint is not signed by this key, or was changed since")]
pub struct BadCheckpoint;

impl CheckpointKey {
    /// Makes a new key and keeps it in a file that must not exist yet, mode 0600.
    pub fn create(path: &Path) -> Result<Self, CheckpointKeyError> {
        if files::read_if_there(path)?.is_some() {
            return Err(CheckpointKeyError::Exists(path.to_owned()));
        }
        let key = Ed25519KeyPair::generate().map_err(|_| CheckpointKeyError::Library)?;
        let der = key.to_pkcs8().map_err(|_| CheckpointKeyError::Library)?;
        let text = pem::section("PRIVATE KEY", der.as_ref());
        files::write_atomically(path, text.as_bytes(), PRIVATE)?;
        Ok(Self(key))
    }

    /// Loads the key from its file.
    pub fn load(path: &Path) -> Result<Self, CheckpointKeyError> {
        let text = files::read_private_if_there(path)?.ok_or_else(|| CheckpointKeyError::Missing(path.to_owned()))?;
        let der = pem::private_key(&text)?;
        Ok(Self(Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der())?))
    }

    /// Signs a checkpoint.
    pub fn sign(&self, checkpoint: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(&[CONTEXT, checkpoint].concat());
        signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }

    /// The public half, which goes to agents and into exports.
    pub fn verifier(&self) -> CheckpointVerifier {
        let public = self.0.public_key().as_ref();
        CheckpointVerifier(public.try_into().expect("an Ed25519 public key has 32 bytes"))
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointKey(public {:?})", self.verifier())
    }
}

impl CheckpointVerifier {
    /// Takes a stored public key.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the public key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Verifies a checkpoint's signature.
    pub fn verify(&self, checkpoint: &[u8], signature: &[u8]) -> Result<(), BadCheckpoint> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(&[CONTEXT, checkpoint].concat(), signature)
            .map_err(|_| BadCheckpoint)
    }
}

impl fmt::Debug for CheckpointVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}
