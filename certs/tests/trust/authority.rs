//! The CA on disk, and what it signs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use freehold_certs::authority::{
    Authority, AuthorityError, CONTROLLER_LIFETIME, INTERMEDIATE_LIFETIME, OPERATOR_LIFETIME, ROOT_LIFETIME,
};
use freehold_certs::identity::Identity;
use freehold_certs::renewal;
use freehold_certs::tls::{Usage, verify_chain};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose,
    NameConstraints,
};
use tempfile::TempDir;

use crate::ca::{AGENT, CONTROLLER, Ca, credentials, now};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn files(folder: &Path) -> Vec<(String, u32)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path())))
        .collect();
    found.sort();
    found
}

#[test]
fn a_new_ca_lies_in_private_files_and_loads_as_it_was_made() {
    let ca = Ca::new();
    assert_eq!(mode(&ca.folder), 0o700);
    let expected = [("anchor.pem", 0o644), ("intermediate.pem", 0o600), ("root.key", 0o600), ("trust-domain", 0o644)];
    assert_eq!(files(&ca.folder), expected.map(|(name, mode)| (name.to_owned(), mode)));
    assert_eq!(files(ca.temporary.path()), [("ca".to_owned(), 0o700)], "nothing is left beside it");

    let loaded = Authority::load(&ca.folder).unwrap();
    assert_eq!(loaded.trust_domain(), ca.authority.trust_domain());
    assert_eq!(loaded.roots(), ca.authority.roots());
    assert_eq!(loaded.pin(), ca.authority.pin());
    assert!(!loaded.is_outside());
    let agent = credentials(|key| loaded.issue_agent(key, AGENT, now()).unwrap());
    verify_chain(&ca.authority.roots(), agent.chain(), Usage::Client, now()).unwrap();
}

#[test]
fn lifetimes_are_as_documented() {
    let ca = Ca::new();
    let root = ca.authority.roots().validities().unwrap()[0];
    assert_eq!(root.not_after, now() + ROOT_LIFETIME);
    assert_eq!(ca.authority.intermediate_validity().not_after, now() + INTERMEDIATE_LIFETIME);
    assert_eq!(ca.controller().leaf().validity.not_after, now() + CONTROLLER_LIFETIME);
    assert_eq!(ca.controller().leaf().identity, Identity::Controller(CONTROLLER));
    assert_eq!(ca.operator().leaf().validity.not_after, now() + OPERATOR_LIFETIME);
}

#[test]
fn nothing_outlives_what_signed_it() {
    let ca = Ca::new();
    let end = ca.authority.intermediate_validity().not_after;
    let late = end - Duration::from_secs(60);
    let agent = credentials(|key| ca.authority.issue_agent(key, AGENT, late).unwrap());
    assert_eq!(agent.leaf().validity.not_after, end);
    let made = freehold_certs::request::KeyAndRequest::generate().unwrap();
    let key = freehold_certs::request::RequestedKey::from_request(&made.request).unwrap();
    let issue = |at| ca.authority.issue_agent(&key, AGENT, at);
    assert!(matches!(issue(end + Duration::from_secs(1)), Err(AuthorityError::Expired)));
    assert!(matches!(issue(std::time::UNIX_EPOCH), Err(AuthorityError::Expired)));
}

#[test]
fn a_ca_is_never_overwritten() {
    let ca = Ca::new();
    let before = files(&ca.folder);
    let error = Authority::create(&ca.folder, "other.org".parse().unwrap(), now()).unwrap_err();
    assert!(matches!(error, AuthorityError::Exists(_)), "{error}");
    assert_eq!(files(&ca.folder), before);
    assert_eq!(Authority::load(&ca.folder).unwrap().trust_domain().as_str(), "example.org");
    assert_eq!(files(ca.temporary.path()), [("ca".to_owned(), 0o700)]);

    let file = ca.temporary.path().join("file");
    fs::write(&file, "precious").unwrap();
    let error = Authority::create(&file, "other.org".parse().unwrap(), now()).unwrap_err();
    assert!(matches!(error, AuthorityError::Exists(_)), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn what_a_crash_left_is_replaced_by_the_next_try() {
    let temporary = TempDir::new().unwrap();
    let folder = temporary.path().join("ca");
    fs::create_dir(temporary.path().join("ca.new")).unwrap();
    fs::write(temporary.path().join("ca.new/root.key"), "half a ke").unwrap();
    assert!(matches!(Authority::load(&folder), Err(AuthorityError::Missing(path)) if path == folder));
    Authority::create(&folder, "example.org".parse().unwrap(), now()).unwrap();
    Authority::load(&folder).unwrap();
    assert_eq!(files(temporary.path()), [("ca".to_owned(), 0o700)]);
}

#[test]
fn keys_that_others_may_read_are_refused() {
    for (name, bits) in [("intermediate.pem", 0o640), ("root.key", 0o604), ("", 0o750)] {
        let ca = Ca::new();
        let path = if name.is_empty() { ca.folder.clone() } else { ca.folder.join(name) };
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
        let error = Authority::load(&ca.folder).unwrap_err().to_string();
        let wanted = if name.is_empty() { 700 } else { 600 };
        assert_eq!(
            error,
            format!(
                "{} may be used by others on this host (mode {bits:03o}); take it from them: chmod {wanted} {}",
                path.display(),
                path.display()
            )
        );
    }
}

#[test]
fn a_missing_or_exchanged_file_is_named() {
    for name in ["trust-domain", "anchor.pem", "intermediate.pem"] {
        let ca = Ca::new();
        let path = ca.folder.join(name);
        fs::remove_file(&path).unwrap();
        let error = Authority::load(&ca.folder).unwrap_err();
        assert!(matches!(&error, AuthorityError::Missing(missing) if *missing == path), "{error}");
    }
    let (one, other) = (Ca::new(), Ca::new());
    let part = |ca: &Ca, marker: &str| {
        let whole = fs::read_to_string(ca.folder.join("intermediate.pem")).unwrap();
        let at = whole.find("-----BEGIN PRIVATE KEY").unwrap();
        if marker == "key" { whole[at..].to_owned() } else { whole[..at].to_owned() }
    };
    fs::write(one.folder.join("intermediate.pem"), part(&one, "certificate") + &part(&other, "key")).unwrap();
    assert!(matches!(Authority::load(&one.folder), Err(AuthorityError::KeyMismatch)));
}

#[test]
fn a_renewed_intermediate_signs_and_the_old_ones_leaves_stay_good() {
    let ca = Ca::new();
    let before = ca.agent();
    let at = renewal::renew_intermediate_from(ca.authority.intermediate_validity());
    let renewed = ca.authority.renew_intermediate(&ca.folder, at).unwrap();
    assert_eq!(renewed.intermediate_validity().not_after, at + INTERMEDIATE_LIFETIME);
    assert_eq!(renewed.pin(), ca.authority.pin());
    let loaded = Authority::load(&ca.folder).unwrap();
    assert_eq!(loaded.intermediate_validity(), renewed.intermediate_validity());
    let after = credentials(|key| loaded.issue_agent(key, AGENT, at).unwrap());
    let roots = ca.authority.roots();
    verify_chain(&roots, before.chain(), Usage::Client, now()).unwrap();
    verify_chain(&roots, after.chain(), Usage::Client, at).unwrap();
    assert_ne!(before.chain()[1], after.chain()[1]);
}

#[test]
fn an_intermediate_signs_leaves_only_and_never_outlives_its_root() {
    let ca = Ca::new();
    let chain = ca.agent().chain().to_vec();
    let (_, parsed) = x509_parser::parse_x509_certificate(&chain[1]).unwrap();
    let constraints = parsed.basic_constraints().unwrap().unwrap().value;
    assert_eq!((constraints.ca, constraints.path_len_constraint), (true, Some(0)));

    let end = ca.authority.roots().validities().unwrap()[0].not_after;
    let renew = |at| ca.authority.renew_intermediate(&ca.folder, at);
    let last = renew(end - Duration::from_secs(60)).unwrap();
    assert_eq!(last.intermediate_validity().not_after, end);
    let error = renew(end + Duration::from_secs(1)).unwrap_err();
    assert!(matches!(error, AuthorityError::RootExpired), "{error}");
}

#[test]
fn the_roots_key_may_lie_elsewhere_until_it_is_needed() {
    let ca = Ca::new();
    let key = ca.folder.join("root.key");
    fs::remove_file(&key).unwrap();
    let loaded = Authority::load(&ca.folder).unwrap();
    credentials(|requested| loaded.issue_agent(requested, AGENT, now()).unwrap());
    let error = loaded.renew_intermediate(&ca.folder, now()).unwrap_err();
    assert!(matches!(&error, AuthorityError::Missing(missing) if *missing == key), "{error}");
}

/// An intermediate as another CA would give it: certificate and key in PEM.
fn outside(adjust: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::default();
    params.not_before = (now() - INTERMEDIATE_LIFETIME).into();
    params.not_after = (now() + INTERMEDIATE_LIFETIME).into();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    adjust(&mut params);
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::default();
    root.distinguished_name.push(rcgen::DnType::CommonName, "Somebody's root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let issuer = rcgen::Issuer::new(root, root_key);
    let made = params.signed_by(&key, &issuer).unwrap();
    (made.pem(), key.serialize_pem())
}

fn adopt(given: &(String, String)) -> (TempDir, Result<Authority, AuthorityError>) {
    let temporary = TempDir::new().unwrap();
    let folder = temporary.path().join("ca");
    let domain = "example.org".parse().unwrap();
    let adopted = Authority::adopt(&folder, domain, given.0.as_bytes(), given.1.as_bytes(), now());
    (temporary, adopted)
}

#[test]
fn an_outside_intermediate_is_itself_the_end_of_the_chain() {
    let (temporary, adopted) = adopt(&outside(|_| {}));
    adopted.unwrap();
    let loaded = Authority::load(&temporary.path().join("ca")).unwrap();
    assert!(loaded.is_outside());
    let agent = credentials(|key| loaded.issue_agent(key, AGENT, now()).unwrap());
    assert_eq!(agent.chain().len(), 2);
    assert_eq!(agent.chain()[1..], *loaded.roots().certificates());
    verify_chain(&loaded.roots(), agent.chain(), Usage::Client, now()).unwrap();
    let error = loaded.renew_intermediate(&temporary.path().join("ca"), now()).unwrap_err();
    assert!(matches!(error, AuthorityError::Outside), "{error}");
}

#[test]
fn an_outside_intermediate_that_cannot_serve_is_refused_before_anything_is_written() {
    let no_ca = outside(|params| params.is_ca = IsCa::ExplicitNoCa);
    let no_signing = outside(|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let expired = outside(|params| params.not_after = (now() - Duration::from_secs(1)).into());
    let server_only = outside(|params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth]);
    let constrained = outside(|params| {
        let subtree = GeneralSubtree::DirectoryName(DistinguishedName::new());
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: vec![subtree], excluded_subtrees: vec![] });
    });
    let (one, other) = (outside(|_| {}), outside(|_| {}));
    let mixed = (one.0, other.1);
    let check = |given: &(String, String)| {
        let (temporary, refused) = adopt(given);
        assert_eq!(files(temporary.path()), []);
        refused.unwrap_err()
    };
    assert!(matches!(check(&no_ca), AuthorityError::NotAuthority));
    assert!(matches!(check(&no_signing), AuthorityError::NotAuthority));
    assert!(matches!(check(&mixed), AuthorityError::KeyMismatch));
    let junk = ("no".to_owned(), "no".to_owned());
    assert!(matches!(check(&junk), AuthorityError::Pem { .. }));
    assert!(matches!(check(&expired), AuthorityError::Expired));
    assert!(matches!(check(&server_only), AuthorityError::NotAuthority));
    assert!(matches!(check(&constrained), AuthorityError::TrialRefused(_)));
}
