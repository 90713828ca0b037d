//! Hardware addresses, their beginnings, client identifiers and DUIDs: bytes in hexadecimal.

use super::{Target, text};
use freehold_core::Refusal;
use freehold_core::client::{ClientId, Duid, HardwareAddress, HardwarePrefix};
use std::fmt::{Debug, Display};
use std::str::FromStr;

pub(super) const TARGET: Target = Target {
    name: "hardware",
    check,
    dictionary: &[
        "02", "00", "5e", "FF", "aB", "0", "f", "0200", "5E10", "02005e", "100001", ":", "-", ".", "::", " ", "x",
        "0x", "é", "10.1.2.3",
    ],
};

fn check(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();

    if let Some(address) = reads_back::<HardwareAddress>(text) {
        assert!((1..=20).contains(&address.as_bytes().len()));
        assert_eq!(hex(address.as_bytes()), digits, "the digits of the text, and no others");
        for end in 1..=text.len() {
            let beginning: HardwarePrefix = text[..end].parse().expect("the beginning of an address is one");
            assert!(beginning.matches(&address), "{beginning} begins {address}");
        }
    }
    if let Some(prefix) = reads_back::<HardwarePrefix>(text) {
        assert_eq!(prefix.digits(), digits.len());
        assert!(hex(prefix.first()).starts_with(&digits));
        if let Ok(lowest) = HardwareAddress::from_bytes(prefix.first()) {
            assert!(prefix.matches(&lowest), "the first that matches");
        }
    }
    if let Some(id) = reads_back::<ClientId>(text) {
        assert_eq!(hex(id.as_bytes()), digits);
    }
    if let Some(duid) = reads_back::<Duid>(text) {
        assert_eq!(hex(duid.as_bytes()), digits);
    }
}

/// The value of `text`, printed and read again the same; `None` if it is refused, in few words.
pub(super) fn reads_back<T: FromStr<Err = Refusal> + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            assert_eq!(printed.parse::<T>().as_ref(), Ok(&value), "{printed} reads back");
            Some(value)
        }
        Err(refusal) => {
            // Each of 80 characters shown may be escaped to ten, twice.
            assert!(!refusal.message.is_empty() && refusal.message.len() < 2_000, "{} bytes", refusal.message.len());
            None
        }
    }
}
