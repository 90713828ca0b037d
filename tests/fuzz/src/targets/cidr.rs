//! Addresses, CIDRs and ranges.

use super::hardware::reads_back;
use super::{Target, text};
use freehold_core::net::{AddressRange, Cidr, family, from_number, parse_address, subtract, to_number};

pub(super) const TARGET: Target = Target {
    name: "cidr",
    check,
    dictionary: &[
        "10",
        "255",
        "256",
        "0",
        "1",
        "127",
        ".",
        "/",
        "-",
        ":",
        "::",
        "/32",
        "/128",
        "/129",
        "/0",
        "/08",
        "2001",
        "db8",
        "ffff",
        "::ffff:",
        "fe80",
        "%eth0",
        "+",
        " ",
        "1.2.3.4",
        "e",
        "4294967295",
    ],
};

fn check(input: &[u8]) {
    let Some(text) = text(input) else { return };
    if let Ok(address) = parse_address(text) {
        assert_eq!(parse_address(&address.to_string()), Ok(address));
        assert_eq!(from_number(family(address), to_number(address)), Some(address));
        let own: AddressRange = text.parse().expect("an address is a range of one");
        assert_eq!((own.start(), own.end(), own.size()), (address, address, 1));
    }
    if let Some(cidr) = reads_back::<Cidr>(text) {
        let (first, last) = (cidr.network(), cidr.last());
        assert!(first <= last && cidr.contains(first) && cidr.contains(last) && cidr.covers(&cidr));
        assert_eq!(cidr.ancestors().count(), usize::from(cidr.prefix_len()));
        let mut below = cidr;
        for above in cidr.ancestors() {
            assert!(above.covers(&below) && !below.covers(&above) && above.overlaps(&cidr));
            below = above;
        }
        assert_eq!(Cidr::new(first, cidr.prefix_len()), Ok(cidr));
        assert!(!cidr.usable(first) || cidr.contains(first));
        assert_eq!(subtract(&[cidr.range()], &[cidr.range()]), []);
    }
    if let Some(range) = reads_back::<AddressRange>(text) {
        assert!(range.start() <= range.end() && range.size() >= 1);
        assert!(range.covers(&range) && range.overlaps(&range));
        assert_eq!(subtract(&[range], &[]), [range]);
    }
}
