//! The proof of an agent that comes too late, over real connections.

use freehold_certs::identity::Identity;
use freehold_certs::proof::{self, Challenge, ProofError};
use freehold_certs::request::KeyAndRequest;
use freehold_certs::tls::{self, ClientCertificates};

use crate::ca::{AGENT, Ca, now};
use crate::handshake::{acceptor, at, domain, meet, server_of};

/// The channel bindings that server and client compute for one connection.
async fn bindings(ca: &Ca) -> ([u8; 32], [u8; 32]) {
    let roots = ca.authority.roots();
    let server = server_of(&ca.controller(), &roots, ClientCertificates::Optional, now());
    let client = tls::client(None, &roots, &domain(), at(now())).unwrap();
    let (server, client) = meet(acceptor(server), client).await.both();
    (proof::channel_binding(server.get_ref().1).unwrap(), proof::channel_binding(client.get_ref().1).unwrap())
}

#[tokio::test]
async fn both_ends_of_a_connection_agree_and_no_two_connections_do() {
    let ca = Ca::new();
    let (one, other) = (bindings(&ca).await, bindings(&ca).await);
    assert_eq!(one.0, one.1);
    assert_eq!(other.0, other.1);
    assert_ne!(one.0, other.0);
}

#[test]
fn a_proof_holds_for_its_connection_nonce_request_and_key_alone() {
    let ca = Ca::new();
    let (roots, old) = (ca.authority.roots(), ca.agent());
    let request = KeyAndRequest::generate().unwrap().request;
    let (binding, nonce) = ([1; 32], proof::nonce());
    let challenge = Challenge { binding: &binding, nonce: &nonce, request: &request };
    let signature = proof::sign(&old, challenge).unwrap();
    let verify = |challenge, signature: &[u8]| proof::verify(&roots, &domain(), old.chain(), challenge, signature);
    let peer = verify(challenge, &signature).unwrap();
    assert_eq!(peer.identity, Identity::Agent(AGENT));
    assert_eq!(&peer, old.leaf());

    let other_request = KeyAndRequest::generate().unwrap().request;
    let others = [
        Challenge { binding: &[2; 32], ..challenge },
        Challenge { nonce: &[2; 32], ..challenge },
        Challenge { request: &other_request, ..challenge },
    ];
    for other in others {
        assert!(matches!(verify(other, &signature), Err(ProofError::Signature)), "{other:?}");
    }
    let by_another_key = proof::sign(&ca.agent(), challenge).unwrap();
    assert!(matches!(verify(challenge, &by_another_key), Err(ProofError::Signature)));
    assert!(matches!(verify(challenge, b""), Err(ProofError::Signature)));
}

#[test]
fn only_certificates_of_this_ca_and_trust_domain_prove_anything() {
    let ca = Ca::new();
    let challenge = Challenge { binding: &[1; 32], nonce: &[2; 32], request: b"request" };
    let verify = |old: &freehold_certs::credentials::Credentials, trust_domain: &str| {
        let signature = proof::sign(old, challenge).unwrap();
        let trust_domain = trust_domain.parse().unwrap();
        proof::verify(&ca.authority.roots(), &trust_domain, old.chain(), challenge, &signature)
    };
    verify(&ca.agent(), "example.org").unwrap();
    assert!(matches!(verify(&Ca::new().agent(), "example.org"), Err(ProofError::Chain(_))));
    assert!(matches!(verify(&ca.controller(), "example.org"), Err(ProofError::Chain(_))));
    assert!(matches!(verify(&ca.agent(), "other.org"), Err(ProofError::TrustDomain(_))));
    let roots = ca.authority.roots();
    let none = proof::verify(&roots, &domain(), &[], challenge, b"");
    assert!(matches!(none, Err(ProofError::Chain(_))));
}
