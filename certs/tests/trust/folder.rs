//! The folder of an identity, and what crashes leave in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::key::PrivateKey;
use freehold_certs::request::{KeyAndRequest, RequestedKey};
use freehold_certs::{CertificateDer, authority::Issued};
use tempfile::TempDir;

use crate::ca::{AGENT, Ca, now};

fn open() -> (TempDir, IdentityFolder) {
    let temporary = TempDir::new().unwrap();
    let folder = IdentityFolder::open(&temporary.path().join("identity")).unwrap();
    (temporary, folder)
}

/// What the controller answers to a request for this key.
fn answer(ca: &Ca, key: PrivateKey) -> Vec<CertificateDer<'static>> {
    let request = KeyAndRequest::of(key).unwrap().request;
    let requested = RequestedKey::from_request(&request).unwrap();
    let Issued { chain, .. } = ca.authority.issue_agent(&requested, AGENT, now()).unwrap();
    chain
}

fn names(folder: &IdentityFolder) -> Vec<(String, u32)> {
    let parent = folder.identity_path().parent().unwrap().to_owned();
    let mut found: Vec<_> = fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn from_nothing_to_an_identity_to_the_next() {
    let ca = Ca::new();
    let (_temporary, folder) = open();
    assert!(folder.credentials().unwrap().is_none());
    assert!(folder.roots().unwrap().is_none());

    let chain = answer(&ca, folder.pending_key().unwrap());
    folder.write_roots(&ca.authority.roots()).unwrap();
    let first = folder.accept(chain.clone()).unwrap();
    assert_eq!(names(&folder), [("identity.pem".to_owned(), 0o600), ("roots.pem".to_owned(), 0o644)]);
    let read = folder.credentials().unwrap().unwrap();
    assert_eq!(read.chain(), chain);
    assert_eq!(read.leaf(), first.leaf());
    assert_eq!(folder.roots().unwrap(), Some(ca.authority.roots()));

    let second = folder.accept(answer(&ca, folder.pending_key().unwrap())).unwrap();
    assert_ne!(second.key().spki_sha256(), first.key().spki_sha256());
    assert_eq!(folder.credentials().unwrap().unwrap().leaf(), second.leaf());
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let (_temporary, folder) = open();
    let first = folder.pending_key().unwrap();
    let again = folder.pending_key().unwrap();
    assert_eq!(first.spki_sha256(), again.spki_sha256());
}

#[test]
fn a_crash_after_accepting_does_not_use_the_key_twice() {
    let ca = Ca::new();
    let (_temporary, folder) = open();
    let pending = folder.identity_path().with_file_name("pending.key");
    let key = folder.pending_key().unwrap();
    let left = fs::read(&pending).unwrap();
    let accepted = folder.accept(answer(&ca, key)).unwrap();
    fs::write(&pending, left).unwrap();
    fs::set_permissions(&pending, fs::Permissions::from_mode(0o600)).unwrap();
    let next = folder.pending_key().unwrap();
    assert_ne!(next.spki_sha256(), accepted.key().spki_sha256());
}

#[test]
fn half_a_file_left_by_a_crash_changes_nothing_and_is_replaced() {
    let ca = Ca::new();
    let (_temporary, folder) = open();
    let first = folder.accept(answer(&ca, folder.pending_key().unwrap())).unwrap();
    let beside = folder.identity_path().with_file_name(".identity.pem.new");
    fs::write(&beside, "-----BEGIN CERTIF").unwrap();
    assert_eq!(folder.credentials().unwrap().unwrap().leaf(), first.leaf());
    let second = folder.accept(answer(&ca, folder.pending_key().unwrap())).unwrap();
    assert_eq!(folder.credentials().unwrap().unwrap().leaf(), second.leaf());
    assert_eq!(names(&folder), [("identity.pem".to_owned(), 0o600)]);
}

#[test]
fn another_keys_certificate_is_not_accepted_and_the_identity_stays() {
    let ca = Ca::new();
    let (_temporary, folder) = open();
    let nothing = folder.accept(ca.agent().chain().to_vec()).unwrap_err();
    assert!(matches!(nothing, FolderError::NothingPending(_)), "{nothing}");
    let first = folder.accept(answer(&ca, folder.pending_key().unwrap())).unwrap();
    folder.pending_key().unwrap();
    let error = folder.accept(ca.agent().chain().to_vec()).unwrap_err();
    assert!(error.to_string().contains("the certificate is for another key"), "{error}");
    assert_eq!(folder.credentials().unwrap().unwrap().leaf(), first.leaf());
}

#[test]
fn what_others_may_read_is_refused() {
    let ca = Ca::new();
    let (temporary, folder) = open();
    folder.accept(answer(&ca, folder.pending_key().unwrap())).unwrap();
    fs::set_permissions(folder.identity_path(), fs::Permissions::from_mode(0o644)).unwrap();
    let error = folder.credentials().unwrap_err().to_string();
    assert!(error.contains("mode 644") && error.contains("chmod 600"), "{error}");
    let path = temporary.path().join("identity");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let error = IdentityFolder::open(&path).unwrap_err().to_string();
    assert!(error.contains("mode 755") && error.contains("chmod 700"), "{error}");
}
