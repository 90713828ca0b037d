use super::Stamp;
use crate::name::FieldName;
use crate::net::parse_address;
use crate::text::Text;
use std::collections::BTreeSet;
use std::fmt;

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldType {
    /// Any text.
    Text,
    /// A decimal number of at most 18 digits.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of the values that the definition allows.
    Enum,
    /// A day, `2026-11-21` (RFC 3339 full-date).
    Date,
    /// An IPv4 or IPv6 address.
    Address,
    /// `SCHEME://…` (RFC 3986), without blanks.
    Url,
}

/// What a field can be put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelledKind {
    /// Spaces.
    Space,
    /// Prefixes.
    Prefix,
    /// Scopes.
    Scope,
    /// Reservations.
    Reservation,
    /// Held and claimed addresses.
    Address,
}

impl LabelledKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Space, Self::Prefix, Self::Scope, Self::Reservation, Self::Address];
}

impl fmt::Display for LabelledKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Space => "spaces",
            Self::Prefix => "prefixes",
            Self::Scope => "scopes",
            Self::Reservation => "reservations",
            Self::Address => "addresses",
        })
    }
}

/// A custom field: what it is called, what its values are, and where it can be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDefinition {
    /// Its name; its id is what values are written under.
    pub name: FieldName,
    /// A heading for people.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// What its values are.
    pub value_type: FieldType,
    /// The values of an [`FieldType::Enum`], in the order that people should see them in; none for other types.
    pub allowed: Vec<Text>,
    /// Whether what it applies to must have a value when it is made, or when its fields are changed.
    pub required: bool,
    /// What it can be put on.
    pub applies_to: BTreeSet<LabelledKind>,
    /// Whether a value holds for everything inside what it is put on.
    pub inherited: bool,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl FieldDefinition {
    /// `text` in the one spelling that its value has, or what it should be instead.
    pub fn value(&self, text: &Text) -> Result<Text, String> {
        let given = text.as_str();
        let canonical = match self.value_type {
            FieldType::Text => {
                (!given.is_empty()).then(|| given.to_owned()).ok_or("text; to have none, leave the field out")
            }
            FieldType::Number => number(given).ok_or("a decimal number of at most 18 digits, such as 42 or -0.5"),
            FieldType::Bool => matches!(given, "true" | "false").then(|| given.to_owned()).ok_or("true or false"),
            FieldType::Enum if self.allowed.contains(text) => Ok(given.to_owned()),
            FieldType::Enum => {
                let allowed: Vec<_> = self.allowed.iter().map(Text::as_str).collect();
                return Err(format!("one of {}", allowed.join(", ")));
            }
            FieldType::Date => date(given).then(|| given.to_owned()).ok_or("a day, such as 2026-11-21"),
            FieldType::Address => parse_address(given)
                .map(|address| address.to_string())
                .map_err(|_| "an IPv4 or IPv6 address, such as 10.1.2.3 or 2001:db8::1"),
            FieldType::Url => url(given).then(|| given.to_owned()).ok_or("a URL, such as https://example.com/racks/7"),
        };
        canonical
            .map(|text| Text::parse(&text).expect("no spelling is longer than what was given, or than an address"))
            .map_err(str::to_owned)
    }
}

/// A decimal number without leading zeros, and without trailing ones behind its point.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    if whole.len() + fraction.len() > 18 {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match (whole, fraction) {
        ("0", "") => "0".to_owned(),
        (whole, "") => format!("{sign}{whole}"),
        (whole, fraction) => format!("{sign}{whole}.{fraction}"),
    })
}

/// Whether `text` is a day of the Gregorian calendar.
fn date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() });
    if !shape {
        return false;
    }
    let part = |range: std::ops::Range<usize>| text[range].parse::<u32>().expect("digits");
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.bytes().all(letters)
        && !rest.is_empty()
        && !rest.chars().any(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value_type: FieldType, cases: &[(&str, Option<&str>)]) {
        let definition = FieldDefinition {
            name: FieldName::from_id("x").expect("a name"),
            title: Text::default(),
            description: Text::default(),
            value_type,
            allowed: ["low", "high"].map(|word| Text::parse(word).expect("text")).into(),
            required: false,
            applies_to: LabelledKind::ALL.into(),
            inherited: false,
            stamp: Stamp::default(),
        };
        for (given, wanted) in cases {
            let got = definition.value(&Text::parse(given).expect("text")).ok().map(|text| text.to_string());
            assert_eq!(got.as_deref(), *wanted, "{given:?} as {value_type:?}");
            if let Some(canonical) = got {
                let again = definition.value(&Text::parse(&canonical).expect("text"));
                assert_eq!(again.map(|text| text.to_string()), Ok(canonical), "one spelling");
            }
        }
    }

    #[test]
    fn values_have_one_spelling() {
        check(FieldType::Text, &[("a b", Some("a b")), ("", None)]);
        check(
            FieldType::Number,
            &[
                ("42", Some("42")),
                ("007", Some("7")),
                ("-0.50", Some("-0.5")),
                ("-0", Some("0")),
                ("1.0", Some("1")),
                ("123456789012345678", Some("123456789012345678")),
                ("1234567890123456789", None),
                ("1e3", None),
                ("+1", None),
                (".5", None),
                ("5.", None),
                ("-", None),
                ("", None),
            ],
        );
        check(FieldType::Bool, &[("true", Some("true")), ("false", Some("false")), ("yes", None)]);
        check(FieldType::Enum, &[("low", Some("low")), ("middle", None), ("", None)]);
        check(
            FieldType::Date,
            &[
                ("2026-11-21", Some("2026-11-21")),
                ("2024-02-29", Some("2024-02-29")),
                ("2026-02-29", None),
                ("1900-02-29", None),
                ("2026-13-01", None),
                ("2026-1-1", None),
                ("2026-01-00", None),
                ("2026é01-0", None),
            ],
        );
        check(
            FieldType::Address,
            &[
                ("10.1.2.3", Some("10.1.2.3")),
                ("2001:DB8:0::1", Some("2001:db8::1")),
                ("::ffff:1.2.3.4", None),
                ("x", None),
            ],
        );
        check(
            FieldType::Url,
            &[
                ("https://a/b", Some("https://a/b")),
                ("ssh://host", Some("ssh://host")),
                ("a/b", None),
                ("://x", None),
                ("http://a b", None),
                ("http://", None),
            ],
        );
    }
}
