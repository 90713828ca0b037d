//! One identity, one spelling.

use freehold_certs::identity::{Identity, IdentityError, SpiffeId, TrustDomain, Uuid};
use proptest::prelude::*;

const ID: &str = "a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1";

fn parsed(text: &str) -> Result<(String, Identity), IdentityError> {
    let id: SpiffeId = text.parse()?;
    Ok((id.trust_domain.to_string(), id.identity))
}

#[test]
fn every_kind_is_parsed() {
    let uuid = Uuid::from_bytes([0xa1; 16]);
    let table = [
        (format!("spiffe://example.org/agent/{ID}"), "example.org", Identity::Agent(uuid)),
        (format!("spiffe://x/controller/{ID}"), "x", Identity::Controller(uuid)),
        ("spiffe://a-b_c.9/operator/Alice.B-c_1".into(), "a-b_c.9", Identity::Operator("Alice.B-c_1".parse().unwrap())),
        ("spiffe://example.org/service/...".into(), "example.org", Identity::Service("...".parse().unwrap())),
    ];
    for (text, trust_domain, identity) in table {
        assert_eq!(parsed(&text), Ok((trust_domain.to_owned(), identity)), "{text}");
    }
}

#[test]
fn every_other_spelling_is_refused() {
    let uuid = |text: &str| IdentityError::Uuid(text.parse::<Uuid>().unwrap_err());
    let long = "a".repeat(65);
    let table = [
        ("".to_owned(), IdentityError::Scheme),
        (format!("SPIFFE://example.org/agent/{ID}"), IdentityError::Scheme),
        (format!("https://example.org/agent/{ID}"), IdentityError::Scheme),
        (format!(" spiffe://example.org/agent/{ID}"), IdentityError::Scheme),
        ("spiffe://example.org".into(), IdentityError::Path),
        ("spiffe://example.org/".into(), IdentityError::Path),
        ("spiffe://example.org/operator".into(), IdentityError::Path),
        ("spiffe://example.org/operator/alice/x".into(), IdentityError::Path),
        ("spiffe://example.org/operator/alice/".into(), IdentityError::Path),
        ("spiffe:///operator/alice".into(), IdentityError::TrustDomain),
        ("spiffe://Example.org/operator/alice".into(), IdentityError::TrustDomain),
        ("spiffe://example.org:443/operator/alice".into(), IdentityError::TrustDomain),
        ("spiffe://u@example.org/operator/alice".into(), IdentityError::TrustDomain),
        ("spiffe://exämple.org/operator/alice".into(), IdentityError::TrustDomain),
        (format!("spiffe://{}/operator/alice", "a".repeat(256)), IdentityError::TrustDomain),
        ("spiffe://example.org//alice".into(), IdentityError::Kind),
        ("spiffe://example.org/Operator/alice".into(), IdentityError::Kind),
        ("spiffe://example.org/user/alice".into(), IdentityError::Kind),
        ("spiffe://example.org/operator/".into(), IdentityError::Name),
        ("spiffe://example.org/operator/.".into(), IdentityError::Name),
        ("spiffe://example.org/operator/..".into(), IdentityError::Name),
        ("spiffe://example.org/operator/alice?x".into(), IdentityError::Name),
        ("spiffe://example.org/operator/alice#x".into(), IdentityError::Name),
        ("spiffe://example.org/operator/al%69ce".into(), IdentityError::Name),
        ("spiffe://example.org/operator/alice\n".into(), IdentityError::Name),
        ("spiffe://example.org/operator/alice\0".into(), IdentityError::Name),
        (format!("spiffe://example.org/service/{long}"), IdentityError::Name),
        ("spiffe://example.org/agent/alice".into(), uuid("alice")),
        (format!("spiffe://example.org/agent/{}", ID.to_uppercase()), uuid(&ID.to_uppercase())),
        (format!("spiffe://example.org/agent/{{{ID}}}"), uuid(&format!("{{{ID}}}"))),
        (format!("spiffe://example.org/agent/{}", ID.replace('-', "")), uuid(&ID.replace('-', ""))),
    ];
    for (text, error) in table {
        assert_eq!(parsed(&text), Err(error), "{text}");
    }
}

#[test]
fn random_uuids_are_version_4_and_differ() {
    let (one, other) = (Uuid::random(), Uuid::random());
    assert_ne!(one, other);
    let text = one.to_string();
    assert_eq!(text.as_bytes()[14], b'4');
    assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
}

proptest! {
    /// What is parsed is written back byte for byte, so no two texts mean the same caller.
    #[test]
    fn what_parses_is_canonical(text in "spiffe://[a-zA-Z0-9._:@-]{0,8}/(agent|controller|operator|service|x)/[a-fA-F0-9._/-]{0,36}") {
        if let Ok(id) = text.parse::<SpiffeId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn written_identities_parse(bytes: [u8; 16], domain in "[a-z0-9._-]{1,255}", name in "[a-zA-Z0-9_-]{1,64}") {
        let trust_domain: TrustDomain = domain.parse().unwrap();
        let uuid = Uuid::from_bytes(bytes);
        let name: freehold_certs::identity::Name = name.parse().unwrap();
        for identity in [
            Identity::Agent(uuid),
            Identity::Controller(uuid),
            Identity::Operator(name.clone()),
            Identity::Service(name.clone()),
        ] {
            let id = SpiffeId { trust_domain: trust_domain.clone(), identity };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        prop_assert_eq!(text.parse::<SpiffeId>().is_ok(), false);
    }
}
