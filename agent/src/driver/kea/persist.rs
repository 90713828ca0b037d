//! The file that Kea starts with, kept equal to what it runs.
//!
//! Freehold writes the whole running configuration, in Kea's canonical form: comments and includes of a file written by
//! hand are gone from it. So the first line says who wrote it, with a checksum of the rest, and a file that a hand has touched is
//! kept beside it first, as `kea-dhcp4.conf.before-freehold-1a2b3c4d`. Nothing is written while the file already has Freehold's part
//! as it runs: adopting a server leaves its file alone.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use freehold_core::bundle::{Bundle, Digest as BundleDigest};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::bytes;
use super::config::Config;
use super::memfile::suffixed;
use super::protocol::Protocol;
use super::source;
use crate::files::{self, FileError};

const HEADER: &str = "// Written by Freehold from the running configuration. SHA-256 of what follows: ";

/// What is known of the file, as long as nobody touches it: reading all of it for each change would take longer than the change.
#[derive(Debug, Clone, Default)]
pub struct Persisted(Option<Found>);

#[derive(Debug, Clone, Copy)]
struct Found {
    stamp: Stamp,
    /// The digest of Freehold's part of it.
    serves: BundleDigest,
    /// Whether it is as Freehold wrote it, so that nothing in it is to be kept.
    is_ours: bool,
}

/// What a file is told by, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let found = fs::metadata(file).ok()?;
        Some(Self {
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl Persisted {
    /// Whether nobody has touched the file since it was written, or found right.
    pub fn is_untouched(&self, config_file: &Path) -> bool {
        self.found(config_file).is_some()
    }

    fn found(&self, config_file: &Path) -> Option<Found> {
        self.0.filter(|found| Stamp::of(config_file) == Some(found.stamp))
    }

    /// Whether the file starts Kea with `bundle` as Freehold's part. A file that cannot be read as a configuration does not.
    pub fn serves(&mut self, protocol: Protocol, config_file: &Path, bundle: &Bundle) -> bool {
        if !self.is_untouched(config_file) {
            let stamp = Stamp::of(config_file);
            let served = written(config_file).map(|config| Config::new(protocol, config).read_back().bundle.digest());
            self.0 = stamp.zip(served).map(|(stamp, serves)| Found { stamp, serves, is_ours: false });
        }
        self.0.is_some_and(|found| found.serves == bundle.digest())
    }

    /// Makes the file start Kea with `config`, whose part of Freehold's is `bundle`.
    pub fn write(&mut self, config_file: &Path, config: &Config, bundle: &Bundle) -> Result<(), FileError> {
        let content = content(config);
        let is_ours = self.found(config_file).is_some_and(|found| found.is_ours);
        let before = if is_ours { None } else { files::read(config_file)? };
        if before.as_ref() != Some(&content) {
            if let Some(before) = before.filter(|before| !is_as_written(before)) {
                let kept = suffixed(config_file, &format!(".before-freehold-{}", &hexadecimal(&before)[..8]));
                files::replace(&kept, &before, 0o600)?;
            }
            files::replace(config_file, &content, 0o640)?;
        }
        let stamp = Stamp::of(config_file);
        self.0 = stamp.map(|stamp| Found { stamp, serves: bundle.digest(), is_ours: true });
        Ok(())
    }
}

/// What the file says, if it can be read as a configuration.
pub fn written(config_file: &Path) -> Option<Value> {
    let read = |path: &Path| match files::read(path) {
        Ok(Some(content)) => String::from_utf8(content).map_err(io::Error::other),
        Ok(None) => Err(io::ErrorKind::NotFound.into()),
        Err(error) => Err(io::Error::other(error)),
    };
    source::parse(config_file, &read).ok().map(|source| source.config)
}

fn content(config: &Config) -> Vec<u8> {
    let body = serde_json::to_string_pretty(config).expect("a configuration with text keys is always JSON");
    let mut body = bytes::escaped(body).into_bytes();
    body.push(b'\n');
    let mut content = format!("{HEADER}{}\n", hexadecimal(&body)).into_bytes();
    content.append(&mut body);
    content
}

/// Whether a file is as Freehold wrote it.
fn is_as_written(content: &[u8]) -> bool {
    let Some(rest) = content.strip_prefix(HEADER.as_bytes()) else { return false };
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let (checksum, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    checksum == hexadecimal(body).as_bytes()
}

/// SHA-256 in hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_hand_wrote_is_kept_once_and_what_freehold_wrote_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kea.conf");
        let config = |name: &str| Config::new(Protocol::V4, json!({"Dhcp4": {"server-tag": name}}));
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        fs::write(&file, "{\"Dhcp4\": {}} // by hand").unwrap();
        let mut persisted = Persisted::default();
        let mut persist = |name: &str| persisted.write(&file, &config(name), &Bundle::default()).unwrap();
        for name in ["a", "b", "b", "c"] {
            persist(name);
        }
        assert_eq!(names().len(), 2, "{:?}", names());
        let kept = folder.path().join(names().pop().unwrap());
        assert_eq!(fs::read_to_string(kept).unwrap(), "{\"Dhcp4\": {}} // by hand");
        let written = fs::read_to_string(&file).unwrap();
        assert_eq!(source::parse(&file, &|path| fs::read_to_string(path)).unwrap().config, config("c").whole());
        // A hand changes one letter of it.
        fs::write(&file, written.replace("\"c\"", "\"d\"")).unwrap();
        persist("e");
        assert_eq!(names().len(), 3, "{:?}", names());
    }

    #[test]
    fn a_file_that_is_no_configuration_serves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Persisted::default().serves(Protocol::V4, &folder.path().join("none"), &Bundle::default()));
    }
}
