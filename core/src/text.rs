//! Free text that people write: bounded, and without characters that break a terminal or a configuration.

use crate::refusal::{Reason, Refusal};
use std::fmt;

/// The beginning of what somebody sent, quoted, to be named in a message: it may be megabytes long.
pub fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// Longest text, in characters.
pub const TEXT_CHARS_MAX: usize = 256;

/// Text for people: at most [`TEXT_CHARS_MAX`] characters, no control characters. May be empty.
///
/// Quotes and any script are allowed: whoever renders a text quotes it for where it goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(String);

impl Text {
    /// Takes `text` as it is, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let chars = text.chars().count();
        if chars > TEXT_CHARS_MAX {
            return Err(Refusal::new(
                Reason::InvalidText,
                format!("the text has {chars} characters; at most {TEXT_CHARS_MAX} are kept, shorten it"),
            ));
        }
        if let Some(position) = text.chars().position(controls) {
            return Err(Refusal::new(
                Reason::InvalidText,
                format!("the text has a control character at position {}; remove it", position + 1),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// What was a text before.
    pub(crate) fn kept(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `c` is a control character, or ends a line or turns the direction of writing without being one
/// (Unicode's line and paragraph separators, and the embeddings, overrides and isolates of UAX #9).
pub(crate) fn controls(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A host name as DHCP hands it out: labels of letters, digits and hyphens (RFC 1123 §2.1), at most
/// 253 characters, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Box<str>);

impl HostName {
    /// Takes a host name or domain name, without a trailing dot.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let fits = !text.is_empty() && text.len() <= 253 && text.split('.').all(is_label);
        if !fits {
            return Err(Refusal::new(
                Reason::InvalidHostName,
                format!(
                    "{} is not a host name: use labels of 1 to 63 letters, digits and inner hyphens, joined by dots, at most 253 characters",
                    shown(text)
                ),
            ));
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// What was a host name before.
    pub(crate) fn kept(name: &str) -> Self {
        Self(name.into())
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_takes_quotes_and_refuses_control_characters_and_length() {
        assert_eq!(Text::parse("\"Ü\" 'x'").map(|t| t.to_string()), Ok("\"Ü\" 'x'".into()));
        for bad in ["a\nb", "\u{7f}", "\u{0}", "a\u{202e}b", "a\u{2028}b", &"x".repeat(257)] {
            assert_eq!(Text::parse(bad).map_err(|r| r.reason), Err(Reason::InvalidText));
        }
    }

    #[test]
    fn host_names_follow_rfc_1123() {
        assert_eq!(HostName::parse("Printer-7.Berlin").map(|n| n.to_string()), Ok("printer-7.berlin".into()));
        for bad in ["", "-a", "a-", "a..b", "a.", "a_b", "a b", &"x".repeat(64), "é"] {
            assert_eq!(HostName::parse(bad).map_err(|r| r.reason), Err(Reason::InvalidHostName), "{bad}");
        }
    }
}
