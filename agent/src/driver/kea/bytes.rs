//! Kea's strings are bytes: what it reads as UTF-8 it shows byte by byte, `ü` as `\u00c3\u00bc` (measured on 2.2.0, 2.6.3 and 3.0.3). Pure.
//!
//! So a character of a string that Kea showed is one byte, and is to be given back as that byte: as `\u00XX`. Written as it is, it would
//! become two bytes, and each comment with an umlaut would grow with every change.

use std::fmt::Write;

/// A text as Kea shows it.
pub fn shown(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// A text that Kea shows, if its bytes are UTF-8.
pub fn text(shown: &str) -> Option<String> {
    let bytes = shown.chars().map(u8::try_from).collect::<Result<Vec<_>, _>>().ok()?;
    String::from_utf8(bytes).ok()
}

/// JSON, of strings as Kea shows them, in which Kea reads the same bytes again.
pub fn escaped(json: String) -> String {
    if json.is_ascii() {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for character in json.chars() {
        match character {
            '\u{80}'..='\u{ff}' => {
                write!(escaped, "\\u{:04x}", u32::from(character)).expect("writing to a string does not fail");
            }
            // What Kea shows has none above; what is in its file may, and is read there as it is.
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_byte_is_given_back_as_one() {
        assert_eq!(escaped(serde_json::json!({"n": shown("Küche")}).to_string()), r#"{"n":"K\u00c3\u00bcche"}"#);
        assert_eq!(text("\u{e9}"), None, "a byte that is no UTF-8");
        assert_eq!(escaped("\"\u{e9}€\"".to_owned()), "\"\\u00e9€\"");
    }

    proptest! {
        #[test]
        fn what_is_shown_and_escaped_is_read_again(said in any::<String>()) {
            let json = escaped(serde_json::Value::from(shown(&said)).to_string());
            prop_assert!(json.is_ascii());
            let read: String = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(text(&read), Some(said));
        }
    }
}
