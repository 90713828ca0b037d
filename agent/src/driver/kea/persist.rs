//! The file that Kea starts with, kept equal to what it runs.
//!
//! Freehold writes the whole running configuration, in Kea's canonical form: comments and includes of a file written by
//! hand are gone from it. So the first line says who wrote it, with a checksum of the rest, and a file that a hand has touched is
//! kept beside it first, as `kea-dhcp4.conf.before-freehold-1a2b3c4d`. Nothing is written while the file already has Freehold's part
//! as it runs: adopting a server leaves its file alone.

use std::io;
use std::path::Path;

use freehold_core::bundle::Bundle;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::config::Config;
use super::memfile::suffixed;
use super::source;
use crate::files::{self, FileError};

const HEADER: &str = "// Written by Freehold from the running configuration. SHA-256 of what follows: ";

/// Makes the file start Kea with `config`.
pub fn persist(config_file: &Path, config: &Config) -> Result<(), FileError> {
    let content = content(config);
    match files::read(config_file)? {
        Some(before) if before == content => return Ok(()),
        Some(before) if !is_ours(&before) => {
            let kept = suffixed(config_file, &format!(".before-freehold-{}", &hexadecimal(&before)[..8]));
            files::replace(&kept, &before, 0o600)?;
        }
        _ => {}
    }
    files::replace(config_file, &content, 0o640)
}

/// Whether the file starts Kea with `bundle` as Freehold's part. A file that cannot be read as a configuration does not.
pub fn serves(config_file: &Path, bundle: &Bundle) -> bool {
    written(config_file).is_some_and(|config| Config::new(config).read_back().bundle == *bundle)
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
    let mut body = serde_json::to_vec_pretty(&config.whole()).expect("a configuration with text keys is always JSON");
    body.push(b'\n');
    let mut content = format!("{HEADER}{}\n", hexadecimal(&body)).into_bytes();
    content.append(&mut body);
    content
}

/// Whether a file is as Freehold wrote it.
fn is_ours(content: &[u8]) -> bool {
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
    use std::fs;

    #[test]
    fn what_a_hand_wrote_is_kept_once_and_what_freehold_wrote_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kea.conf");
        let config = |name: &str| Config::new(json!({"Dhcp4": {"server-tag": name}}));
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        fs::write(&file, "{\"Dhcp4\": {}} // by hand").unwrap();
        assert!(serves(&file, &Bundle::default()));
        for name in ["a", "b", "b", "c"] {
            persist(&file, &config(name)).unwrap();
        }
        assert_eq!(names().len(), 2, "{:?}", names());
        let kept = folder.path().join(names().pop().unwrap());
        assert_eq!(fs::read_to_string(kept).unwrap(), "{\"Dhcp4\": {}} // by hand");
        let written = fs::read_to_string(&file).unwrap();
        assert_eq!(source::parse(&file, &|path| fs::read_to_string(path)).unwrap().config, config("c").whole());
        // A hand changes one letter of it.
        fs::write(&file, written.replace("\"c\"", "\"d\"")).unwrap();
        persist(&file, &config("e")).unwrap();
        assert_eq!(names().len(), 3, "{:?}", names());
    }

    #[test]
    fn a_file_that_is_no_configuration_serves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!serves(&folder.path().join("none"), &Bundle::default()));
    }
}
