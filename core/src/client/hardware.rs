//! Link-layer addresses, and the beginnings of them that people search by.

use super::hex;
use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use std::fmt;
use std::str::FromStr;

/// The most bytes: those of InfiniBand (RFC 4390). `chaddr` has 16 (RFC 2131 §2), Ethernet 6.
const BYTES_MAX: usize = 20;

/// A link-layer address of 1 to 20 bytes, almost always 6 (RFC 2131 §2 `chaddr`; 20 for InfiniBand, RFC 4390).
///
/// Kept in place, for there are millions. The order is that of the bytes, a beginning before what it begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareAddress {
    /// Zero behind `length`.
    bytes: [u8; BYTES_MAX],
    length: u8,
}

impl HardwareAddress {
    /// Takes raw bytes, as they stand in a packet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        match u8::try_from(bytes.len()) {
            Ok(length @ 1..=20) => {
                let mut padded = [0; BYTES_MAX];
                padded[..bytes.len()].copy_from_slice(bytes);
                Ok(Self { bytes: padded, length })
            }
            _ => Err(Refusal::new(
                Reason::InvalidHardwareAddress,
                format!("a hardware address has 1 to {BYTES_MAX} bytes, not {}", bytes.len()),
            )),
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length.into()]
    }
}

impl fmt::Debug for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HardwareAddress({self})")
    }
}

impl FromStr for HardwareAddress {
    type Err = Refusal;

    /// Takes any notation, in upper or lower case: `02:00:5e:10:00:01`, `02-00-5E-10-00-01`, `0200.5e10.0001`,
    /// `0200:5e10:0001`, `0200-5e10-0001`, `02005e-100001`, `02005e100001`; never a mixture of two.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        hex::bytes(text).and_then(|bytes| Self::from_bytes(&bytes).ok()).ok_or_else(|| {
            Refusal::new(
                Reason::InvalidHardwareAddress,
                format!("{} is not a hardware address, such as 02:00:5e:10:00:01", shown(text)),
            )
        })
    }
}

impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, self.as_bytes())
    }
}

/// The beginning of a hardware address, to the half byte: `02:00:5e` (a vendor), `0200.5e1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwarePrefix {
    /// The whole bytes, and the half one in its upper half.
    bytes: Vec<u8>,
    /// How many hexadecimal digits count.
    digits: usize,
}

impl HardwarePrefix {
    /// Whether `address` begins with it.
    pub fn matches(&self, address: &HardwareAddress) -> bool {
        let (whole, half) = self.bytes.split_at(self.digits / 2);
        let after = address.as_bytes().get(whole.len());
        address.as_bytes().starts_with(whole)
            && half.first().is_none_or(|half| after.is_some_and(|byte| byte & 0xf0 == *half))
    }

    /// Where to begin in addresses sorted by their bytes: no match is before it, and the matches stand together.
    pub fn first(&self) -> &[u8] {
        &self.bytes
    }

    /// How many hexadecimal digits it has; 12 are a whole Ethernet address.
    pub fn digits(&self) -> usize {
        self.digits
    }
}

impl From<&HardwareAddress> for HardwarePrefix {
    fn from(address: &HardwareAddress) -> Self {
        Self { bytes: address.as_bytes().to_vec(), digits: address.as_bytes().len() * 2 }
    }
}

impl FromStr for HardwarePrefix {
    type Err = Refusal;

    /// Takes the beginning of any notation of a hardware address, with or without a separator at its end.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let digits = hex::digits(text, true).filter(|digits| (1..=2 * BYTES_MAX).contains(&digits.len()));
        let digits = digits.ok_or_else(|| {
            Refusal::new(
                Reason::InvalidHardwareAddress,
                format!("{} is not the beginning of a hardware address, such as 02:00:5e or 0200.5e1", shown(text)),
            )
        })?;
        let bytes = digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect();
        Ok(Self { bytes, digits: digits.len() })
    }
}

impl fmt::Display for HardwarePrefix {
    /// Pairs joined by colons, the last one cut where the prefix ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, half) = self.bytes.split_at(self.digits / 2);
        hex::write(f, whole)?;
        match half.first() {
            Some(half) if whole.is_empty() => write!(f, "{:x}", half >> 4),
            Some(half) => write!(f, ":{:x}", half >> 4),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTATIONS: &[(usize, &str)] = &[(2, ":"), (2, "-"), (4, "."), (4, ":"), (4, "-"), (6, "-"), (40, "")];

    fn written(bytes: &[u8], group: usize, separator: &str, upper: bool) -> String {
        let plain: Vec<char> =
            bytes.iter().flat_map(|byte| format!("{byte:02x}").chars().collect::<Vec<_>>()).collect();
        let groups: Vec<String> = plain.chunks(group).map(|group| group.iter().collect()).collect();
        let text = groups.join(separator);
        if upper { text.to_ascii_uppercase() } else { text }
    }

    fn refused<T: FromStr<Err = Refusal> + fmt::Debug>(text: &str) {
        assert_eq!(text.parse::<T>().expect_err(text).reason, Reason::InvalidHardwareAddress, "{text}");
    }

    #[test]
    fn every_notation_names_the_same_hardware_address() {
        let bytes = [0x02, 0x00, 0x5e, 0x10, 0x00, 0x0a];
        for (group, separator) in NOTATIONS {
            for upper in [false, true] {
                let text = written(&bytes, *group, separator, upper);
                assert_eq!(text.parse(), HardwareAddress::from_bytes(&bytes), "{text}");
            }
        }
        assert_eq!("0200.5E10.000A".parse::<HardwareAddress>().map(|a| a.to_string()), Ok("02:00:5e:10:00:0a".into()));
    }

    #[test]
    fn other_text_is_refused() {
        let long = "00".repeat(21);
        let long_pairs = ["00"; 21].join(":");
        let bad = [
            "",
            "0",
            ":",
            "02:",
            ":02",
            "02::5e",
            "02:0:5e:10:00:01",
            "2:0:5e:10:0:1",
            "02:00-5e:10:00:01",
            "0200.5e10:0001",
            "0200.5e10.00",
            "0200:5e10:00",
            "02:005e",
            "02005e:100001",
            "02.00.5e.10.00.01",
            "10.11.12.13",
            "xx:00:5e:10:00:01",
            "02 00 5e 10 00 01",
            " 02:00:5e:10:00:01",
            "02005e10000",
            "+2:00",
            "0x02005e100001",
            "é0",
            "０２",
            long.as_str(),
            long_pairs.as_str(),
        ];
        for text in bad {
            refused::<HardwareAddress>(text);
        }
        let refusal = "02:0".parse::<HardwareAddress>().expect_err("a short group");
        assert_eq!(refusal.message, "\"02:0\" is not a hardware address, such as 02:00:5e:10:00:01");
    }

    #[test]
    fn a_beginning_is_read_to_the_half_byte() {
        let table = [
            ("0", "0", true),
            ("02", "02", true),
            ("02:", "02", true),
            ("02:00:5e", "02:00:5e", true),
            ("02-00-5E-", "02:00:5e", true),
            ("02:00:5", "02:00:5", true),
            ("0200.5e1", "02:00:5e:1", true),
            ("0200.", "02:00", true),
            ("0200:5e10:000", "02:00:5e:10:00:0", true),
            ("02005e-1", "02:00:5e:1", true),
            ("02005e10000", "02:00:5e:10:00:0", true),
            ("02:00:5e:10:00:01", "02:00:5e:10:00:01", true),
            ("02:00:5e:10:00:01:00", "02:00:5e:10:00:01:00", false),
            ("02:00:5e:10:00:01:0", "02:00:5e:10:00:01:0", false),
            ("02:00:6", "02:00:6", false),
            ("03", "03", false),
        ];
        let address: HardwareAddress = "02:00:5e:10:00:01".parse().expect("an address");
        for (text, shown, matches) in table {
            let prefix: HardwarePrefix = text.parse().expect(text);
            assert_eq!((prefix.to_string().as_str(), prefix.matches(&address)), (shown, matches), "{text}");
        }
        let long = "0".repeat(41);
        for text in ["", ":", "0:", "0:0", "02::", "02:00-5e", "0200.5e:1", "02.00", "02:0:5e", "berlin", "-", &long] {
            refused::<HardwarePrefix>(text);
        }
        let refusal = "berlin".parse::<HardwarePrefix>().expect_err("a word");
        assert_eq!(
            refusal.message,
            "\"berlin\" is not the beginning of a hardware address, such as 02:00:5e or 0200.5e1"
        );
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 1..=20)
    }

    proptest! {
        #[test]
        fn whatever_is_written_in_a_notation_reads_back(bytes in bytes(), notation in 0..NOTATIONS.len(), upper: bool) {
            let (group, separator) = NOTATIONS[notation];
            prop_assume!((bytes.len() * 2).is_multiple_of(group) || separator.is_empty());
            let address = HardwareAddress::from_bytes(&bytes)?;
            let text = written(&bytes, group, separator, upper);
            // One group alone shows no separator, so it is read as plain digits; that is the same.
            prop_assert_eq!(text.parse(), Ok(address));
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }

        #[test]
        fn every_beginning_of_a_text_matches_its_address(bytes in bytes(), notation in 0..NOTATIONS.len(), cut in 2usize..64) {
            let (group, separator) = NOTATIONS[notation];
            prop_assume!((bytes.len() * 2).is_multiple_of(group) || separator.is_empty());
            let address = HardwareAddress::from_bytes(&bytes)?;
            let text = written(&bytes, group, separator, false);
            let cut = &text[..cut.max(group + 1).min(text.len())];
            let prefix: HardwarePrefix = cut.parse()?;
            prop_assert!(prefix.matches(&address), "{} {}", cut, prefix);
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }

        #[test]
        fn the_matches_of_a_beginning_stand_together_from_its_first(
            all in proptest::collection::btree_set(proptest::collection::vec(0u8..4, 1..4), 1..40),
            beginning in "0[0-3]{1,5}",
        ) {
            let prefix: HardwarePrefix = beginning.parse()?;
            let sorted: Vec<HardwareAddress> = all.iter().filter_map(|b| HardwareAddress::from_bytes(b).ok()).collect();
            let by_scan: Vec<_> = sorted.iter().filter(|a| prefix.matches(a)).collect();
            let by_index: Vec<_> =
                sorted.iter().skip_while(|a| a.as_bytes() < prefix.first()).take_while(|a| prefix.matches(a)).collect();
            prop_assert_eq!(by_scan, by_index);
        }
    }
}
