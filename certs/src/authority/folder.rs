//! The authority on disk.
//!
//! | file | what | mode |
//! |---|---|---|
//! | `trust-domain` | one line | 0644 |
//! | `anchor.pem` | the root's certificate; with an outside CA, the intermediate's | 0644 |
//! | `root.key` | the root's key. May be moved to a safe place and put back to renew the intermediate | 0600 |
//! | `intermediate.pem` | the intermediate's certificate and its key, in one file so that they change together | 0600 |
//!
//! The folder has mode 0700 and appears as a whole: it is made under another name and renamed. A crash while it is made leaves
//! `<folder>.new`, which is not read by anything and is replaced by the next try.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Authority, AuthorityError, make_intermediate, make_root};
use crate::files::{self, PRIVATE, PUBLIC, failed};
use crate::identity::TrustDomain;
use crate::key::PrivateKey;
use crate::pem;
use rustls_pki_types::CertificateDer;

const TRUST_DOMAIN: &str = "trust-domain";
const ANCHOR: &str = "anchor.pem";
const ROOT_KEY: &str = "root.key";
const INTERMEDIATE: &str = "intermediate.pem";

impl Authority {
    /// Makes a new CA with a root of its own in a folder that does not exist yet or is empty.
    ///
    /// # Errors
    /// [`AuthorityError::Exists`] if something is there.
    pub fn create(folder: &Path, trust_domain: TrustDomain, now: SystemTime) -> Result<Self, AuthorityError> {
        let root_key = PrivateKey::generate()?;
        let root = make_root(&root_key, now)?;
        let key = PrivateKey::generate()?;
        let intermediate = make_intermediate(&root, &root_key, &key, now)?;
        let bundle = bundle(&intermediate, &key);
        let authority = Self::assemble(trust_domain, root, intermediate, key)?;
        authority.try_out(now)?;
        authority.lay_down(folder, &bundle, Some(&root_key))?;
        Ok(authority)
    }

    /// Makes a CA from an outside CA's intermediate in a folder that does not exist yet or is empty.
    ///
    /// It is tried out first: a certificate of each use is signed and verified.
    pub fn adopt(
        folder: &Path,
        trust_domain: TrustDomain,
        certificate_pem: &[u8],
        key_pem: &[u8],
        now: SystemTime,
    ) -> Result<Self, AuthorityError> {
        let intermediate = first_certificate(certificate_pem, "the outside intermediate's certificate")?;
        let key = PrivateKey::from_pem(key_pem)?;
        let bundle = bundle(&intermediate, &key);
        let authority = Self::assemble(trust_domain, intermediate.clone(), intermediate, key)?;
        authority.try_out(now)?;
        authority.lay_down(folder, &bundle, None)?;
        Ok(authority)
    }

    /// Loads the CA from its folder.
    ///
    /// # Errors
    /// [`FileError::Exposed`](crate::files::FileError::Exposed) if others on the host may read the folder or a key.
    pub fn load(folder: &Path) -> Result<Self, AuthorityError> {
        if !folder.is_dir() {
            return Err(AuthorityError::Missing(folder.to_owned()));
        }
        files::private_folder(folder)?;
        let trust_domain = String::from_utf8_lossy(&read(&folder.join(TRUST_DOMAIN))?).trim_end().parse()?;
        let anchor = first_certificate(&read(&folder.join(ANCHOR))?, "the CA's anchor.pem")?;
        let bundle = read_private(&folder.join(INTERMEDIATE))?;
        let intermediate = first_certificate(&bundle, "the CA's intermediate.pem")?;
        // Only to hear now, not in a year, that the root's key lies open.
        files::read_private_if_there(&folder.join(ROOT_KEY))?;
        Self::assemble(trust_domain, anchor, intermediate, PrivateKey::from_pem(&bundle)?)
    }

    /// Replaces the intermediate by a new one with a new key, signed by the root, whose key must be in the folder.
    ///
    /// Certificates signed by the old one stay good: each chain carries its own intermediate.
    pub fn renew_intermediate(&self, folder: &Path, now: SystemTime) -> Result<Self, AuthorityError> {
        if self.is_outside() {
            return Err(AuthorityError::Outside);
        }
        let root_key = PrivateKey::from_pem(&read_private(&folder.join(ROOT_KEY))?)?;
        let key = PrivateKey::generate()?;
        let intermediate = make_intermediate(&self.anchor, &root_key, &key, now)?;
        let bundle = bundle(&intermediate, &key);
        let renewed = Self::assemble(self.trust_domain.clone(), self.anchor.clone(), intermediate, key)?;
        renewed.try_out(now)?;
        files::write_atomically(&folder.join(INTERMEDIATE), bundle.as_bytes(), PRIVATE)?;
        Ok(renewed)
    }

    /// Writes the folder under another name and renames it into place.
    fn lay_down(&self, folder: &Path, bundle: &str, root_key: Option<&PrivateKey>) -> Result<(), AuthorityError> {
        let beside = beside(folder);
        if beside.is_dir() {
            fs::remove_dir_all(&beside).map_err(failed("remove", &beside))?;
        }
        files::make_private_folder(&beside)?;
        let domain = format!("{}\n", self.trust_domain);
        files::write_new(&beside.join(TRUST_DOMAIN), domain.as_bytes(), PUBLIC)?;
        let anchor = pem::certificates_to_pem(std::slice::from_ref(&self.anchor));
        files::write_new(&beside.join(ANCHOR), anchor.as_bytes(), PUBLIC)?;
        if let Some(key) = root_key {
            files::write_new(&beside.join(ROOT_KEY), key.to_pem().as_bytes(), PRIVATE)?;
        }
        files::write_new(&beside.join(INTERMEDIATE), bundle.as_bytes(), PRIVATE)?;
        files::sync_folder(&beside)?;
        match fs::rename(&beside, folder) {
            Ok(()) => Ok(files::sync_parent(folder)?),
            Err(error) => {
                fs::remove_dir_all(&beside).map_err(failed("remove", &beside))?;
                Err(match error.kind() {
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                        AuthorityError::Exists(folder.to_owned())
                    }
                    _ => failed("create", folder)(error).into(),
                })
            }
        }
    }
}

/// The name under which a folder is made before it appears.
fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn bundle(certificate: &CertificateDer<'static>, key: &PrivateKey) -> String {
    pem::certificates_to_pem(std::slice::from_ref(certificate)) + &key.to_pem()
}

fn first_certificate(text: &[u8], what: &'static str) -> Result<CertificateDer<'static>, AuthorityError> {
    let all = pem::certificates(text).map_err(|source| AuthorityError::Pem { what, source })?;
    Ok(all.into_iter().next().expect("there is at least one"))
}

fn read(path: &Path) -> Result<Vec<u8>, AuthorityError> {
    files::read_if_there(path)?.ok_or_else(|| AuthorityError::Missing(path.to_owned()))
}

fn read_private(path: &Path) -> Result<Vec<u8>, AuthorityError> {
    files::read_private_if_there(path)?.ok_or_else(|| AuthorityError::Missing(path.to_owned()))
}
