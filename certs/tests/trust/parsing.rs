//! No bytes from outside make a parser panic, and nothing but the certificate itself parses as it.

use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::identity::Identity;
use freehold_certs::peer::{PeerCertificate, PeerCertificateError};
use freehold_certs::request::{KeyAndRequest, REQUEST_BYTES_MAX, RequestError, RequestedKey};
use freehold_certs::validity::Validity;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, SanType, SerialNumber};

use crate::ca::{AGENT, CONTROLLER, Ca, DAY, now};

#[test]
fn a_certificate_is_read_whole() {
    let ca = Ca::new();
    let agent = ca.agent();
    let read = PeerCertificate::from_der(&agent.chain()[0]).unwrap();
    assert_eq!(read.trust_domain.as_str(), "example.org");
    assert_eq!(read.identity, Identity::Agent(AGENT));
    assert_eq!(read.serial.as_bytes().len(), 16);
    assert_eq!(read.serial.to_string().len(), 32);
    assert_eq!(read.spki_sha256, agent.key().spki_sha256());
    let backdate = std::time::Duration::from_secs(300);
    assert_eq!(read.validity, Validity { not_before: now() - backdate, not_after: now() + 30 * DAY });
    assert_eq!(read.spiffe_id().to_string(), format!("spiffe://example.org/agent/{AGENT}"));
}

/// A self-made certificate with these alternative names.
fn with_names(names: Vec<SanType>) -> Result<PeerCertificate, PeerCertificateError> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    PeerCertificate::from_der(made.der())
}

#[test]
fn exactly_one_uri_and_no_names_that_an_identity_never_has() {
    let uri = |text: &str| SanType::URI(text.to_owned().try_into().unwrap());
    let dns = || SanType::DnsName("ddi.example.org".try_into().unwrap());
    let mail = || SanType::Rfc822Name("a@example.org".try_into().unwrap());
    let alice = || uri("spiffe://example.org/operator/alice");
    let controller = || uri(&format!("spiffe://example.org/controller/{CONTROLLER}"));
    let identity = |names| with_names(names).map(|peer| peer.identity);
    use PeerCertificateError::{OtherNames, UriCount};
    assert_eq!(identity(vec![]), Err(UriCount(0)));
    assert_eq!(identity(vec![dns()]), Err(UriCount(0)));
    assert_eq!(identity(vec![alice(), alice()]), Err(UriCount(2)));
    assert_eq!(identity(vec![alice(), dns()]), Err(OtherNames));
    assert_eq!(identity(vec![controller(), mail()]), Err(OtherNames));
    assert_eq!(identity(vec![alice()]), Ok(Identity::Operator("alice".parse().unwrap())));
    assert_eq!(identity(vec![dns(), controller()]), Ok(Identity::Controller(CONTROLLER)));
}

#[test]
fn the_common_name_means_nothing() {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "spiffe://example.org/operator/alice");
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(PeerCertificate::from_der(made.der()), Err(PeerCertificateError::UriCount(0)));
}

#[test]
fn a_ca_is_nobody_and_a_leaf_is_no_root() {
    let ca = Ca::new();
    let chain = ca.agent().chain().to_vec();
    assert_eq!(PeerCertificate::from_der(&chain[1]), Err(PeerCertificateError::IsAuthority));
    assert_eq!(PeerCertificate::from_der(&chain[2]), Err(PeerCertificateError::IsAuthority));
    let error = Roots::new(vec![chain[0].clone()]).unwrap_err();
    assert_eq!(error.to_string(), "a trusted root is not a CA's certificate");
    assert_eq!(Roots::new(vec![]).unwrap_err().to_string(), "there is no trusted root");
}

#[test]
fn serial_numbers_are_bounded() {
    let serial = |bytes: &[u8]| {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI("spiffe://example.org/operator/alice".try_into().unwrap())];
        params.serial_number = Some(SerialNumber::from_slice(bytes));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        PeerCertificate::from_der(made.der()).map(|peer| peer.serial.to_string())
    };
    assert_eq!(serial(&[1]), Ok("01".into()));
    assert_eq!(serial(&[0x80, 1]), Ok("8001".into()));
    assert_eq!(serial(&[0xff; 20]), Ok("ff".repeat(20)));
    assert_eq!(serial(&[1; 21]), Err(PeerCertificateError::Serial));
    assert_eq!(serial(&[0]), Err(PeerCertificateError::Serial));
}

#[test]
fn only_the_key_is_taken_from_a_request() {
    let ca = Ca::new();
    let key = KeyPair::generate().unwrap();
    let mut greedy = CertificateParams::new(vec!["ddi.example.org".to_owned()]).unwrap();
    greedy.subject_alt_names.push(SanType::URI("spiffe://example.org/operator/root".try_into().unwrap()));
    greedy.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    greedy.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    greedy.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let request = greedy.serialize_request(&key).unwrap();
    let requested = RequestedKey::from_request(request.der()).unwrap();
    let issued = ca.authority.issue_agent(&requested, AGENT, now()).unwrap();
    assert_eq!(issued.leaf, PeerCertificate::from_der(&issued.chain[0]).unwrap());
    assert_eq!(issued.leaf.identity, Identity::Agent(AGENT));
    assert_eq!(issued.leaf.spki_sha256, requested.spki_sha256());
    let text = x509_text(&issued.chain[0]);
    assert_eq!(text, "subject= ca=false server=false client=true usage=Digital Signature");
}

/// What else a leaf says that could give rights.
fn x509_text(der: &[u8]) -> String {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    format!(
        "subject={} ca={} server={} client={} usage={}",
        parsed.subject(),
        parsed.is_ca(),
        usage.server_auth,
        usage.client_auth,
        parsed.key_usage().unwrap().unwrap().value
    )
}

#[test]
fn requests_with_other_keys_foreign_signatures_or_junk_are_refused() {
    let request = |algorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let made = CertificateParams::default().serialize_request(&key).unwrap();
        RequestedKey::from_request(made.der())
    };
    assert_eq!(request(&PKCS_ECDSA_P384_SHA384), Err(RequestError::KeyKind));
    assert_eq!(request(&PKCS_ED25519), Err(RequestError::KeyKind));
    assert_eq!(request(&PKCS_RSA_SHA256), Err(RequestError::KeyKind));

    let good = KeyAndRequest::generate().unwrap().request.to_vec();
    let mut resigned = good.clone();
    *resigned.last_mut().unwrap() ^= 1;
    assert_eq!(RequestedKey::from_request(&resigned), Err(RequestError::Signature));
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(RequestedKey::from_request(&longer), Err(RequestError::Malformed("1 bytes follow it".into())));
    let huge = vec![0x30; REQUEST_BYTES_MAX + 1];
    assert_eq!(RequestedKey::from_request(&huge), Err(RequestError::TooLong(REQUEST_BYTES_MAX + 1)));
}

#[test]
fn a_key_with_another_keys_certificate_is_refused() {
    let ca = Ca::new();
    let (one, other) = (ca.agent(), ca.agent());
    let mixed = pem_parts(&one).0 + &pem_parts(&other).1;
    let error = Credentials::from_pem(mixed.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the certificate is for another key: it holds {}, the private key makes {}",
            one.key().spki_sha256(),
            other.key().spki_sha256()
        )
    );
    let two_keys = one.to_pem() + &other.key().to_pem();
    assert_eq!(
        Credentials::from_pem(two_keys.as_bytes()).unwrap_err().to_string(),
        "the key file: it holds 2 private keys in PKCS#8 form (BEGIN PRIVATE KEY), and must hold one"
    );
}

fn pem_parts(credentials: &Credentials) -> (String, String) {
    let whole = credentials.to_pem();
    let key = credentials.key().to_pem();
    (whole.strip_suffix(&key).unwrap().to_owned(), key)
}

/// Real inputs that the properties below damage.
fn samples() -> Vec<Vec<u8>> {
    let ca = Ca::new();
    let mut all: Vec<Vec<u8>> = ca.controller().chain().iter().map(|der| der.to_vec()).collect();
    all.push(ca.agent().chain()[0].to_vec());
    all.push(KeyAndRequest::generate().unwrap().request.to_vec());
    all.push(ca.agent().to_pem().into_bytes());
    all
}

/// Gives bytes to every parser that meets bytes from outside; the point is that it returns.
fn feed(bytes: &[u8]) -> Option<PeerCertificate> {
    let request = RequestedKey::from_request(bytes);
    let credentials = Credentials::from_pem(bytes);
    let roots = Roots::from_pem(bytes);
    let root = Roots::new(vec![bytes.to_vec().into()]);
    drop((request, credentials, roots, root));
    PeerCertificate::from_der(bytes).ok()
}

#[test]
fn damaged_certificates_are_survived() {
    let samples = samples();
    let strategy = (
        0..samples.len(),
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        any::<prop::sample::Index>(),
        0..4_u8,
    );
    let config = ProptestConfig::with_cases(4_000);
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |(sample, edits, cut, cutting)| {
            let mut bytes = samples[sample].clone();
            for (at, value) in edits {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if cutting == 0 {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Some(peer) = feed(&bytes) {
                // Whatever still parses is an identity in its one spelling.
                let id = peer.spiffe_id();
                prop_assert_eq!(id.to_string().parse(), Ok(id));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_prefix_of_a_certificate_is_refused() {
    let leaf = Ca::new().agent().chain()[0].to_vec();
    for end in 0..leaf.len() {
        assert_eq!(feed(&leaf[..end]), None, "{end} bytes");
    }
    assert!(feed(&leaf).is_some());
    assert_eq!(feed(&[&leaf[..], &[0]].concat()), None);
}

proptest! {
    #[test]
    fn random_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(feed(&bytes), None);
    }
}
