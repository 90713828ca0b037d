//! Bytes in hexadecimal, as the vendors write them.
//!
//! | notation | written by |
//! |---|---|
//! | `02:00:5e:10:00:01` | Linux, Freehold |
//! | `02-00-5E-10-00-01` | Windows, IEEE 802 |
//! | `0200.5e10.0001` | Cisco IOS |
//! | `0200:5e10:0001` | Cisco and HP switches |
//! | `0200-5e10-0001` | Huawei, H3C |
//! | `02005e-100001` | HP ProCurve |
//! | `02005e100001` | anything |
//!
//! The groups of one text are all of one length and split by one separator: a mixture is more likely a slip of the
//! hand than a notation. Pairs split by dots are not read: `10.11.12.13` is an IPv4 address.

use std::fmt;

/// The digits of `text` as numbers from 0 to 15, in any notation; `None` if it is none of them.
///
/// `partial` takes a beginning: the last group may be short, and a separator may end it.
pub(super) fn digits(text: &str, partial: bool) -> Option<Vec<u8>> {
    let separator = text.bytes().find(|byte| !byte.is_ascii_hexdigit());
    let plain = match separator {
        None => text.to_owned(),
        Some(separator) => {
            let text = text.strip_suffix(char::from(separator)).filter(|_| partial).unwrap_or(text);
            let groups: Vec<&str> = text.split(char::from(separator)).collect();
            let (last, full) = groups.split_last()?;
            let size = full.first().unwrap_or(last).len();
            let known = match separator {
                b':' => [2, 4].contains(&size),
                b'-' => [2, 4, 6].contains(&size),
                b'.' => size == 4,
                _ => false,
            };
            let last_fits = last.len() == size || (partial && (1..size).contains(&last.len()));
            if !known || !last_fits || full.iter().any(|group| group.len() != size) {
                return None;
            }
            groups.concat()
        }
    };
    plain.bytes().map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect()
}

/// The bytes of `text` in any notation; `None` if it is none of them, or has half a byte.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = digits(text, false)?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Bytes that are written at a time: as many as a hardware address has at most.
const AT_ONCE: usize = 20;

/// Writes `bytes` in the one notation that Freehold prints.
pub(super) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, part) in bytes.chunks(AT_ONCE).enumerate() {
        let mut text = [b':'; 3 * AT_ONCE];
        for (place, byte) in text.chunks_exact_mut(3).zip(part) {
            place[1] = DIGITS[usize::from(byte >> 4)];
            place[2] = DIGITS[usize::from(byte & 15)];
        }
        let from = usize::from(at == 0);
        f.write_str(str::from_utf8(&text[from..3 * part.len()]).expect("digits and colons"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Written(Vec<u8>);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(f, &self.0)
        }
    }

    #[test]
    fn bytes_are_written_with_a_colon_between_any_two() {
        for count in [0, 1, 6, 19, 20, 21, 40, 41, 128] {
            let bytes: Vec<u8> = (0..count).map(|at: u8| at.wrapping_mul(7)).collect();
            let expected: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(Written(bytes).to_string(), expected.join(":"));
        }
    }
}
