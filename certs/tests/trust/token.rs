//! The one string: what is written parses, and every damaged part is named.

use freehold_certs::pin::Pin;
use freehold_certs::token::{Endpoint, EndpointError, EnrolmentToken, Secret, SecretHash, TokenError};
use proptest::prelude::*;

const GOOD: &str = "fh1.0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA._____________________________________________.ddi.example.org:8443";

fn pin() -> Pin {
    Pin::from_bytes([7; 32])
}

fn token(endpoint: &str) -> EnrolmentToken {
    EnrolmentToken::generate(pin(), endpoint.parse().unwrap())
}

#[test]
fn a_written_token_parses() {
    for endpoint in ["ddi.example.org:8443", "10.1.2.3:1", "[2001:db8::1]:65535", "[::]:443", "localhost:443"] {
        let made = token(endpoint);
        let revealed = made.reveal();
        assert_eq!(revealed.parse(), Ok(made.clone()), "{revealed}");
        assert_eq!(format!("  {revealed}\n").parse(), Ok(made.clone()));
        assert_eq!(made.endpoint.to_string(), endpoint);
        let unquoted = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
        assert!(revealed.chars().all(unquoted), "{revealed}");
    }
}

#[test]
fn brackets_around_ipv6_are_understood() {
    let made = token("[2001:db8::1]:8443");
    let revealed = made.reveal();
    assert!(revealed.ends_with(".2001:db8::1:8443"), "{revealed}");
    let bracketed = revealed.replace("2001:db8::1", "[2001:db8::1]");
    assert_eq!(bracketed.parse(), Ok(made));
}

#[test]
fn every_damaged_part_is_named() {
    let good = GOOD.replace("_____________________________________________", &pin().to_string());
    assert_eq!(good.parse::<EnrolmentToken>().map(|token| token.reveal()), Ok(good.clone()));
    let secret = "A".repeat(43);
    let table = [
        ("".to_owned(), TokenError::Version),
        ("hello".into(), TokenError::Version),
        (good.replace("fh1", "fh2"), TokenError::Version),
        (good.replace("fh1", "FH1"), TokenError::Version),
        ("fh1".into(), TokenError::Missing("id")),
        ("fh1.".into(), TokenError::Missing("id")),
        ("fh1.0123456789abcdef".into(), TokenError::Missing("secret")),
        (format!("fh1.0123456789abcdef.{secret}"), TokenError::Missing("root fingerprint")),
        (format!("fh1.0123456789abcdef.{secret}.{}", pin()), TokenError::Missing("controller address")),
        (format!("fh1.0123456789abcdef.{secret}.{}.", pin()), TokenError::Missing("controller address")),
        (good.replace("0123456789abcdef", "0123456789ABCDEF"), TokenError::Id),
        (good.replace("0123456789abcdef", "0123456789abcde"), TokenError::Id),
        (good.replace("0123456789abcdef", "0123456789abcdef00"), TokenError::Id),
        (good.replace(&secret, &secret[1..]), TokenError::Secret),
        (good.replace(&secret, &format!("{}B", &secret[1..])), TokenError::Secret),
        (good.replace(&secret, &format!("{}+", &secret[1..])), TokenError::Secret),
        (good.replace(&pin().to_string(), "short"), TokenError::Root),
        (good.replace(":8443", ""), TokenError::Endpoint(EndpointError::NoPort("ddi.example.org".into()))),
        (good.replace(":8443", ":"), TokenError::Endpoint(EndpointError::Port("".into()))),
        (good.replace("8443", "0"), TokenError::Endpoint(EndpointError::Port("0".into()))),
        (good.replace("8443", "65536"), TokenError::Endpoint(EndpointError::Port("65536".into()))),
        (good.replace("8443", "+443"), TokenError::Endpoint(EndpointError::Port("+443".into()))),
        (
            good.replace("ddi.example.org", "ddi example"),
            TokenError::Endpoint(EndpointError::Host("ddi example".into())),
        ),
        (good.replace("ddi.example.org", "[10.1.2.3]"), TokenError::Endpoint(EndpointError::Host("[10.1.2.3]".into()))),
        (
            good.replace("ddi.example.org", "[fe80::1%eth0]"),
            TokenError::Endpoint(EndpointError::Host("[fe80::1%eth0]".into())),
        ),
        (good.replace("ddi.example.org", ""), TokenError::Endpoint(EndpointError::Host("".into()))),
    ];
    for (text, error) in table {
        assert_eq!(text.parse::<EnrolmentToken>(), Err(error), "{text}");
    }
}

#[test]
fn only_the_hash_is_needed_to_know_a_secret_again() {
    let made = token("a:1");
    let stored = SecretHash::from_bytes(*made.secret_hash().as_bytes());
    assert!(stored.matches(&made.id, &made.secret));
    let other = token("a:1");
    assert!(!stored.matches(&made.id, &other.secret));
    assert!(!stored.matches(&other.id, &made.secret), "a hash is for its own token");
    let mut near = *made.secret.as_bytes();
    near[31] ^= 1;
    assert!(!stored.matches(&made.id, &Secret::from_bytes(near)));
}

#[test]
fn debug_output_hides_the_secret() {
    let made = token("a:1");
    let secret = made.reveal().split('.').nth(2).unwrap().to_owned();
    assert!(!format!("{made:?}").contains(&secret));
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>(), tail in any::<String>()) {
        prop_assert!(text.parse::<EnrolmentToken>().is_err());
        // The same behind a good beginning; what parses keeps its meaning when written.
        let text = format!("fh1.0123456789abcdef.{}.{}.{tail}", "A".repeat(43), pin());
        if let Ok(token) = text.parse::<EnrolmentToken>() {
            prop_assert_eq!(token.reveal().parse(), Ok(token));
        }
    }

    #[test]
    fn endpoints_are_written_as_they_parse(address: std::net::IpAddr, port in 1..=u16::MAX) {
        let socket = std::net::SocketAddr::new(address, port);
        let endpoint: Endpoint = socket.to_string().parse().unwrap();
        prop_assert_eq!(endpoint.to_string(), socket.to_string());
        let made = EnrolmentToken::generate(pin(), endpoint);
        prop_assert_eq!(made.reveal().parse(), Ok(made));
    }
}
