//! Words that are wrong, each with the reason and the field of the refusal.

use freehold_core::access::{Permission, Role};
use freehold_core::client::{ClientId, Duid, HardwareAddress};
use freehold_core::labels::Tag;
use freehold_core::model::LeaseTimes;
use freehold_core::name::{PrefixName, ReservationName, ScopeName, ServerName, SpaceName};
use freehold_core::net::{AddressRange, Cidr, Family, parse_address};
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::text::{HostName, Text};
use freehold_core::{Reason, Refusal};
use std::net::IpAddr;

type Parse = fn(&str) -> Result<(), Refusal>;
type Case = (String, Result<(), Refusal>, Reason, &'static str);

fn unit<T>(parsed: Result<T, Refusal>) -> Result<(), Refusal> {
    parsed.map(|_| ())
}

fn option(name: &str, text: &str) -> Result<(), Refusal> {
    let code = OptionCode::from_name(Family::V4, name)?;
    Options::default().add(code, OptionValue::from_text(code, text)?)
}

fn given(code: OptionCode, value: OptionValue) -> Result<(), Refusal> {
    Options::default().add(code, value)
}

/// Every line.
pub(crate) fn cases() -> Vec<Case> {
    let of = |reason, parse: Parse, bad: &[&str]| -> Vec<Case> {
        bad.iter().map(|text| (format!("{text:?}"), parse(text), reason, "")).collect()
    };
    let long = "x".repeat(300);
    let names = ["", "Berlin", "a\"b", "a'b", "a\u{7}b", "a/b", "-a", "a-", "-", &long];
    let texts = ["line\nline", "\u{0}", "\u{1b}[31m", "\u{9b}", "right\u{202e}left", &long];
    let cidrs =
        ["10.0.0.0", "10.0.0.0/33", "10.0.0.1/24", "10.0.0.0/024", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129", "/8x"];
    let addresses = [
        "",
        "10.0.0",
        "10.0.0.256",
        "010.0.0.1",
        "0x0a.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a00:1",
        "fe80::1%eth0",
        "10.0.0.1 ",
    ];
    let ranges = ["10.0.0.9-10.0.0.1", "10.0.0.1-2001:db8::1"];
    let hosts = ["", "a_b", "a b", "a.", ".a", "-a", "é", &long];
    let mut cases = [
        of(Reason::InvalidName, |text| unit(ScopeName::from_id(text)), &names),
        of(
            Reason::InvalidName,
            |text| unit(text.parse::<SpaceName>()),
            &["default", "scopes/x", "spaces/", "spaces/-"],
        ),
        of(Reason::InvalidName, |text| unit(text.parse::<ServerName>()), &["servers/a", "servers/a/b/c", "servers/a/"]),
        of(
            Reason::InvalidName,
            |text| unit(text.parse::<ReservationName>()),
            &["scopes/a", "scopes/A/reservations/10.0.0.1"],
        ),
        of(Reason::InvalidName, |text| unit(text.parse::<PrefixName>()), &["spaces/a/prefix/10.0.0.0-8"]),
        of(
            Reason::InvalidCidr,
            |text| unit(text.parse::<PrefixName>()),
            &["spaces/a/prefixes/10.0.0.0", "spaces/a/prefixes/10.0.0.1-8"],
        ),
        of(
            Reason::InvalidAddress,
            |text| unit(text.parse::<ReservationName>()),
            &["scopes/a/reservations/::ffff:10.0.0.1"],
        ),
        of(Reason::InvalidText, |text| unit(Text::parse(text)), &texts),
        of(Reason::InvalidTag, |text| unit(text.parse::<Tag>()), &["", "Voice", "a b", "site=berlin", "-a", &long]),
        of(Reason::InvalidCidr, |text| unit(text.parse::<Cidr>()), &cidrs),
        of(Reason::InvalidAddress, |text| unit(text.parse::<Cidr>()), &["10/8", "::ffff:10.0.0.0/104", "fe80::%1/64"]),
        of(Reason::InvalidAddress, |text| unit(parse_address(text)), &addresses),
        of(Reason::InvalidRange, |text| unit(text.parse::<AddressRange>()), &ranges),
        of(
            Reason::InvalidAddress,
            |text| unit(text.parse::<AddressRange>()),
            &["10.0.0.1-", "::ffff:10.0.0.1-::ffff:10.0.0.2"],
        ),
        of(
            Reason::InvalidHardwareAddress,
            |text| unit(text.parse::<HardwareAddress>()),
            &["", "2", "0:1:2", "02:00:00:00:00:0g"],
        ),
        of(
            Reason::InvalidClientIdentifier,
            |text| unit(text.parse::<ClientId>()),
            &["", "01", "zz:zz", &"00".repeat(256)],
        ),
        of(Reason::InvalidClientIdentifier, |text| unit(text.parse::<Duid>()), &["", "00:01", &"00".repeat(131)]),
        of(Reason::InvalidHostName, |text| unit(HostName::parse(text)), &hosts),
        of(Reason::InvalidValue, |text| unit(text.parse::<Role>()), &["", "root", "Viewer"]),
        of(Reason::InvalidValue, |text| unit(text.parse::<Permission>()), &["", "scopes.*"]),
        of(
            Reason::InvalidOption,
            |text| unit(OptionCode::from_name(Family::V4, text)),
            &["", "0", "1", "51", "61", "82", "255", "256", "-3", "router"],
        ),
    ]
    .concat();
    let shapes = [
        ("routers", ""),
        ("routers", "10.0.0.1;10.0.0.2"),
        ("routers", "2001:db8::1"),
        ("swap-server", "10.0.0.1,10.0.0.2"),
        ("domain-name", "a.example,b.example"),
        ("domain-name", "under_score"),
        ("domain-search", ""),
        ("interface-mtu", "65536"),
        ("default-ip-ttl", "256"),
        ("time-offset", "1.5"),
        ("ip-forwarding", "1"),
        ("root-path", ""),
        ("43", "0"),
        ("43", "0x01"),
        ("43", &"00".repeat(256)),
    ];
    cases.extend(
        shapes.iter().map(|(name, text)| (format!("{name}={text}"), option(name, text), Reason::InvalidOption, "")),
    );
    cases.push((
        "an address where a name goes".to_owned(),
        given(OptionCode::DOMAIN_NAME, OptionValue::Addresses(vec![IpAddr::from([10, 0, 0, 1])])),
        Reason::InvalidOption,
        "",
    ));
    cases.push((
        "no address".to_owned(),
        given(OptionCode::ROUTERS, OptionValue::Addresses(Vec::new())),
        Reason::InvalidOption,
        "",
    ));
    let twice = || {
        let mut options = Options::default();
        options.add(OptionCode::ROUTERS, OptionValue::Addresses(vec![IpAddr::from([10, 0, 0, 1])]))?;
        options.add(OptionCode::ROUTERS, OptionValue::Addresses(vec![IpAddr::from([10, 0, 0, 2])]))
    };
    cases.push(("an option twice".to_owned(), twice(), Reason::InvalidOption, ""));
    let times = [
        ("a lease of nothing", unit(LeaseTimes::new(0, None, None)), "valid_seconds"),
        ("a lease of two years", unit(LeaseTimes::new(63_072_000, None, None)), "valid_seconds"),
        ("a renewal after the rebinding", unit(LeaseTimes::new(3600, Some(1800), Some(900))), "renew_seconds"),
        ("a rebinding after the end", unit(LeaseTimes::new(3600, None, Some(3600))), "rebind_seconds"),
    ];
    cases.extend(times.map(|(what, got, field)| (what.to_owned(), got, Reason::InvalidLeaseTime, field)));
    cases
}

/// What every parser of text says to `text`, which none of them takes.
pub(crate) fn refusals_of(text: &str) -> Vec<Refusal> {
    let parses: &[Parse] = &[
        |text| unit(ScopeName::from_id(text)),
        |text| unit(text.parse::<SpaceName>()),
        |text| unit(text.parse::<ServerName>()),
        |text| unit(format!("servers/{text}").parse::<ServerName>()),
        |text| unit(text.parse::<ReservationName>()),
        |text| unit(format!("scopes/a/reservations/{text}").parse::<ReservationName>()),
        |text| unit(text.parse::<PrefixName>()),
        |text| unit(format!("spaces/a/prefixes/{text}").parse::<PrefixName>()),
        |text| unit(Text::parse(text)),
        |text| unit(text.parse::<Cidr>()),
        |text| unit(parse_address(text)),
        |text| unit(text.parse::<AddressRange>()),
        |text| unit(text.parse::<HardwareAddress>()),
        |text| unit(text.parse::<ClientId>()),
        |text| unit(text.parse::<Duid>()),
        |text| unit(HostName::parse(text)),
        |text| unit(text.parse::<Role>()),
        |text| unit(text.parse::<Permission>()),
        |text| unit(OptionCode::from_name(Family::V4, text)),
        |text| option("routers", text),
    ];
    parses.iter().map(|parse| parse(text).expect_err("no parser takes it")).collect()
}
