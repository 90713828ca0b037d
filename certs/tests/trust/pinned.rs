//! Enrolment's first connection: trust in one key, and in nothing else.

use freehold_certs::authority::ROOT_LIFETIME;
use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::pin::Pin;
use freehold_certs::tls::{ClientCertificates, pinned_client};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

use crate::ca::{CONTROLLER, Ca, DAY, credentials, now};
use crate::handshake::{Met, acceptor, at, meet, server_of};

/// A server that shows this chain with this key.
fn showing(ca: &Ca, own: &Credentials, time: std::time::SystemTime) -> TlsAcceptor {
    acceptor(server_of(own, &ca.authority.roots(), ClientCertificates::Optional, time))
}

async fn enrol(pin: Pin, server: TlsAcceptor) -> Met {
    meet(server, pinned_client(pin, at(now())).unwrap()).await
}

#[tokio::test]
async fn the_right_pin_gets_through_and_gives_the_root() {
    let ca = Ca::new();
    let (_server, client) = enrol(ca.authority.pin(), showing(&ca, &ca.controller(), now())).await.both();
    let shown = client.get_ref().1.peer_certificates().unwrap();
    assert_eq!(Roots::pinned(&ca.authority.pin(), shown).unwrap(), ca.authority.roots());
}

#[tokio::test]
async fn a_wrong_pin_is_refused() {
    let ca = Ca::new();
    let wrong = Ca::new().authority.pin();
    let refused = enrol(wrong, showing(&ca, &ca.controller(), now())).await.client_refused();
    assert!(refused.contains("PinMissing"), "{refused}");
    let error = Roots::pinned(&wrong, ca.controller().chain()).unwrap_err().to_string();
    assert!(error.contains(&wrong.to_string()), "{error}");
}

/// Credentials whose chain is changed after the leaf.
fn with_chain(own: Credentials, rest: &[freehold_certs::CertificateDer<'static>]) -> Credentials {
    let text = own.to_pem();
    let leaf = own.chain()[0].clone();
    let key = freehold_certs::key::PrivateKey::from_pem(text.as_bytes()).unwrap();
    Credentials::new(key, [&[leaf], rest].concat()).unwrap()
}

#[tokio::test]
async fn showing_the_true_root_does_not_help_an_impostor() {
    let (ca, foreign) = (Ca::new(), Ca::new());
    let root = ca.authority.roots().certificates().to_vec();
    // Its own leaf, its own intermediate, and the root that everybody may copy.
    let own = foreign.controller();
    let rest = [&own.chain()[1..], &root[..]].concat();
    let impostor = with_chain(own, &rest);
    let refused = enrol(ca.authority.pin(), showing(&foreign, &impostor, now())).await.client_refused();
    assert_eq!(refused, "invalid peer certificate: UnknownIssuer");
}

#[tokio::test]
async fn an_agent_of_the_same_ca_does_not_pass_for_a_controller() {
    let ca = Ca::new();
    let refused = enrol(ca.authority.pin(), showing(&ca, &ca.agent(), now())).await.client_refused();
    assert!(refused.contains("extended key usage"), "{refused}");
}

#[tokio::test]
async fn the_pin_of_a_leaf_is_no_root() {
    let ca = Ca::new();
    let own = ca.controller();
    let pin = own.leaf().spki_sha256;
    let refused = enrol(pin, showing(&ca, &own, now())).await.client_refused();
    assert!(refused.contains("PinMissing"), "{refused}");
    // Nor when the leaf is shown a second time, where roots are looked for.
    let twice = with_chain(ca.controller(), &[]);
    let leaf = twice.chain().to_vec();
    let pin = twice.leaf().spki_sha256;
    let refused = enrol(pin, showing(&ca, &with_chain(twice, &leaf), now())).await.client_refused();
    assert!(refused.contains("PinUnusable"), "{refused}");
}

#[tokio::test]
async fn a_chain_without_the_root_is_refused() {
    let ca = Ca::new();
    let own = ca.controller();
    let intermediate = own.chain()[1..2].to_vec();
    let short = with_chain(own, &intermediate);
    let refused = enrol(ca.authority.pin(), showing(&ca, &short, now())).await.client_refused();
    assert!(refused.contains("PinMissing"), "{refused}");
}

#[tokio::test]
async fn expired_leaves_and_expired_roots_are_refused() {
    let ca = Ca::new();
    let own = ca.controller();
    let met_at = async |time| {
        let client = pinned_client(ca.authority.pin(), at(time)).unwrap();
        meet(showing(&ca, &own, now()), client).await.client_refused()
    };
    let refused = met_at(now() + 91 * DAY).await;
    assert!(refused.contains("certificate expired"), "{refused}");
    let refused = met_at(now() + ROOT_LIFETIME + Duration::from_secs(1)).await;
    assert!(refused.contains("PinExpired"), "{refused}");
}

#[tokio::test]
async fn an_outside_intermediate_is_pinned_itself() {
    let ca = Ca::new();
    let bundle = std::fs::read(ca.folder.join("intermediate.pem")).unwrap();
    let folder = ca.temporary.path().join("outside");
    let outside =
        freehold_certs::authority::Authority::adopt(&folder, "o.org".parse().unwrap(), &bundle, &bundle, now())
            .unwrap();
    let own = credentials(|key| outside.issue_controller(key, CONTROLLER, &[], now()).unwrap());
    let (_server, client) = enrol(outside.pin(), showing(&ca, &own, now())).await.both();
    let shown = client.get_ref().1.peer_certificates().unwrap();
    assert_eq!(Roots::pinned(&outside.pin(), shown).unwrap(), outside.roots());
}
