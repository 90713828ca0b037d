//! Subnet arithmetic: free blocks between taken ones, equal parts of a prefix, and prefixes that make a larger one.
//!
//! All of it is over intervals: what is free between ten thousand taken prefixes costs ten thousand steps at most,
//! however many addresses are between them, and the first free block costs what lies before it.

use crate::net::{AddressRange, Cidr, Family, from_number, to_number, width};
use std::iter::Peekable;

/// The size of a prefix of this length, in addresses; its length is at least 1.
fn size(family: Family, length: u8) -> u128 {
    1 << (width(family) - length)
}

fn block(family: Family, start: u128, length: u8) -> Cidr {
    let start = from_number(family, start).expect("a block lies within its family");
    Cidr::aligned(start, length)
}

/// The blocks of `length` bits in `within` that share no address with `taken`, from the first on, each where the one
/// before it ends or later. `taken` is in order; it may lie in one another, or around `within`.
///
/// # Panics
/// If `length` is not longer than that of `within`, or longer than the family has bits.
pub fn free_blocks(within: Cidr, taken: impl Iterator<Item = Cidr>, length: u8) -> impl Iterator<Item = Cidr> {
    let family = within.family();
    assert!(within.prefix_len() < length && length <= width(family), "a block is smaller than what it lies in");
    FreeBlocks {
        family,
        length,
        next: Some(to_number(within.network())),
        end: to_number(within.last()),
        taken: taken.peekable(),
    }
}

struct FreeBlocks<I: Iterator<Item = Cidr>> {
    family: Family,
    length: u8,
    /// Nothing before this is looked at any more; `None` at the end of the family.
    next: Option<u128>,
    end: u128,
    taken: Peekable<I>,
}

impl<I: Iterator<Item = Cidr>> Iterator for FreeBlocks<I> {
    type Item = Cidr;

    fn next(&mut self) -> Option<Cidr> {
        let size = size(self.family, self.length);
        loop {
            let start = self.next?.checked_next_multiple_of(size)?;
            let last = start + (size - 1);
            if last > self.end {
                return None;
            }
            match self.taken.next_if(|taken| to_number(taken.network()) <= last) {
                Some(taken) => self.next = to_number(taken.last()).checked_add(1).map(|after| after.max(start)),
                None => {
                    self.next = last.checked_add(1);
                    return Some(block(self.family, start, self.length));
                }
            }
        }
    }
}

/// The largest block in `within` that shares no address with `taken`, the first of that size; `None` if all is taken. `taken` as above.
pub fn largest_free(within: Cidr, taken: impl Iterator<Item = Cidr>) -> Option<Cidr> {
    let family = within.family();
    let mut largest: Option<Cidr> = None;
    let mut next = Some(to_number(within.network()));
    let mut consider = |from: u128, to: u128| {
        let mut at = Some(from);
        while let Some(start) = at.filter(|start| *start <= to) {
            let fit = largest_at(within, start, to);
            if largest.is_none_or(|largest| fit.prefix_len() < largest.prefix_len()) {
                largest = Some(fit);
            }
            at = to_number(fit.last()).checked_add(1);
        }
    };
    for taken in taken {
        let first = to_number(taken.network());
        if let Some(from) = next.filter(|from| *from < first) {
            consider(from, first - 1);
        }
        next = next.and_then(|from| to_number(taken.last()).checked_add(1).map(|after| after.max(from)));
    }
    if let Some(from) = next {
        consider(from, to_number(within.last()));
    }
    debug_assert!(largest.is_none_or(|largest| largest.family() == family));
    largest
}

/// The largest block that begins at `start`, ends at `to` or before, and lies in `within`.
fn largest_at(within: Cidr, start: u128, to: u128) -> Cidr {
    let family = within.family();
    let mut length = within.prefix_len().max(1);
    while !start.is_multiple_of(size(family, length)) || start + (size(family, length) - 1) > to {
        length += 1;
    }
    if length == 1 && within.prefix_len() == 0 && start == 0 && to == to_number(within.last()) {
        length = 0;
    }
    block(family, start, length)
}

/// The parts of `length` bits that `whole` consists of, in order.
///
/// # Panics
/// If `length` is not longer than that of `whole`, or longer than the family has bits.
pub fn parts(whole: Cidr, length: u8) -> impl Iterator<Item = Cidr> {
    free_blocks(whole, std::iter::empty(), length)
}

/// How many parts of `length` bits `whole` consists of; `None` if they are more than a `u64` counts, or if `length` is
/// shorter than that of `whole`.
pub fn parts_count(whole: Cidr, length: u8) -> Option<u64> {
    1u64.checked_shl(length.checked_sub(whole.prefix_len())?.into())
}

/// The prefix that `pieces` make together: all of it, each address once; `None` if they make none.
pub fn joined(pieces: &[Cidr]) -> Option<Cidr> {
    let mut pieces = pieces.to_vec();
    pieces.sort();
    let (first, last) = (pieces.first()?, pieces.last()?);
    let gapless = pieces.windows(2).all(|pair| {
        pair[0].family() == pair[1].family()
            && to_number(pair[0].last()).checked_add(1) == Some(to_number(pair[1].network()))
    });
    let all = AddressRange::new(first.network(), last.last()).ok()?;
    let whole = std::iter::once(*first).chain(first.ancestors()).find(|whole| whole.range() == all)?;
    gapless.then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn cidr(text: &str) -> Cidr {
        text.parse().expect("a CIDR")
    }

    fn free(within: &str, taken: &[&str], length: u8, most: usize) -> Vec<String> {
        let taken = taken.iter().map(|taken| cidr(taken));
        free_blocks(cidr(within), taken, length).take(most).map(|block| block.to_string()).collect()
    }

    #[test]
    fn blocks_are_aligned_and_the_first_ones_that_fit() {
        assert_eq!(free("10.0.0.0/8", &["10.0.0.0/24", "10.0.1.128/25"], 24, 2), ["10.0.2.0/24", "10.0.3.0/24"]);
        assert_eq!(free("10.0.0.0/8", &["10.0.0.0/24"], 16, 1), ["10.1.0.0/16"]);
        assert_eq!(free("10.0.0.0/30", &["10.0.0.1/32"], 32, 9), ["10.0.0.0/32", "10.0.0.2/32", "10.0.0.3/32"]);
        assert_eq!(free("10.0.0.0/24", &["10.0.0.128/25"], 25, 9), ["10.0.0.0/25"]);
    }

    #[test]
    fn both_ends_of_both_families_are_reached() {
        assert_eq!(free("0.0.0.0/0", &["0.0.0.0/1"], 1, 9), ["128.0.0.0/1"]);
        assert_eq!(free("255.255.255.254/31", &[], 32, 9), ["255.255.255.254/32", "255.255.255.255/32"]);
        assert_eq!(free("::/0", &["::/1", "8000::/2"], 2, 9), ["c000::/2"]);
        assert_eq!(free("::/0", &["8000::/1"], 1, 9), ["::/1"]);
        assert_eq!(free("2001:db8::/32", &["2001:db8::/64"], 64, 1), ["2001:db8:0:1::/64"]);
        assert_eq!(largest_free(cidr("::/0"), std::iter::empty()), Some(cidr("::/0")));
        assert_eq!(largest_free(cidr("0.0.0.0/0"), [cidr("0.0.0.0/1")].into_iter()), Some(cidr("128.0.0.0/1")));
        assert_eq!(largest_free(cidr("0.0.0.0/0"), [cidr("128.0.0.0/1")].into_iter()), Some(cidr("0.0.0.0/1")));
        assert_eq!(largest_free(cidr("10.0.0.0/8"), [cidr("10.0.0.0/8")].into_iter()), None);
    }

    #[test]
    fn pieces_make_a_whole_or_none() {
        let whole = |pieces: &[&str]| joined(&pieces.iter().map(|piece| cidr(piece)).collect::<Vec<_>>());
        assert_eq!(whole(&["10.0.0.128/25", "10.0.0.0/25"]), Some(cidr("10.0.0.0/24")));
        assert_eq!(whole(&["10.0.0.0/25", "10.0.0.128/26", "10.0.0.192/26"]), Some(cidr("10.0.0.0/24")));
        assert_eq!(whole(&["::/1", "8000::/1"]), Some(cidr("::/0")));
        assert_eq!(whole(&["10.0.0.0/24"]), Some(cidr("10.0.0.0/24")));
        for none in [
            &["10.0.1.0/24", "10.0.2.0/24"][..],
            &["10.0.0.0/24", "10.0.2.0/24"],
            &["10.0.0.0/24", "10.0.0.0/25"],
            &[],
            &["10.0.0.0/25", "10.0.0.0/25"],
            &["0.0.0.0/0", "::/0"],
        ] {
            assert_eq!(whole(none), None, "{none:?}");
        }
    }

    /// A prefix of 64 addresses at either end of a family or in the middle, and disjoint prefixes in it, in order.
    fn worlds() -> impl Strategy<Value = (Cidr, Vec<Cidr>)> {
        let bases: &[Cidr] = &[
            cidr("10.0.0.0/26"),
            cidr("0.0.0.0/26"),
            cidr("255.255.255.192/26"),
            cidr("2001:db8::/122"),
            cidr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffc0/122"),
        ];
        let base = proptest::sample::select(bases.to_vec());
        (base, proptest::collection::vec((0u128..64, 0u8..=6), 0..12)).prop_map(|(base, draws)| {
            let mut taken: Vec<Cidr> = Vec::new();
            for (offset, bits) in draws {
                let length = base.prefix_len() + bits;
                let start =
                    to_number(base.network()) + offset / size(base.family(), length) * size(base.family(), length);
                let drawn = block(base.family(), start, length);
                if taken.iter().all(|other| !other.overlaps(&drawn)) {
                    taken.push(drawn);
                }
            }
            taken.sort();
            (base, taken)
        })
    }

    fn address(base: Cidr, offset: u128) -> IpAddr {
        let number = to_number(base.network()) + offset;
        match base.family() {
            Family::V4 => Ipv4Addr::from(u32::try_from(number).expect("IPv4")).into(),
            Family::V6 => Ipv6Addr::from(number).into(),
        }
    }

    /// Every block of `length` bits in a base of 64 addresses that has no taken address, address by address.
    fn enumerated(base: Cidr, taken: &[Cidr], length: u8) -> Vec<Cidr> {
        let size = 1u128 << (width(base.family()) - length);
        let is_free = |start: u128| {
            (start..start + size).all(|offset| taken.iter().all(|taken| !taken.contains(address(base, offset))))
        };
        let starts = (0..64).step_by(usize::try_from(size).expect("small"));
        starts
            .filter(|start| is_free(*start))
            .map(|start| Cidr::new(address(base, start), length).expect("aligned"))
            .collect()
    }

    proptest! {
        #[test]
        fn free_blocks_are_those_that_enumeration_finds((base, taken) in worlds(), bits in 1u8..=6) {
            let length = base.prefix_len() + bits;
            let got: Vec<_> = free_blocks(base, taken.iter().copied(), length).collect();
            prop_assert_eq!(got, enumerated(base, &taken, length));
        }

        #[test]
        fn the_largest_free_block_is_the_first_of_the_shortest_length_that_enumeration_finds((base, taken) in worlds()) {
            let lengths = base.prefix_len()..=base.prefix_len() + 6;
            let wanted = lengths.flat_map(|length| enumerated(base, &taken, length)).next();
            prop_assert_eq!(largest_free(base, taken.into_iter()), wanted);
        }

        #[test]
        fn parts_join_to_the_whole((base, pieces) in worlds(), bits in 1u8..=6) {
            let split: Vec<_> = parts(base, base.prefix_len() + bits).collect();
            prop_assert_eq!(parts_count(base, base.prefix_len() + bits), Some(split.len() as u64));
            prop_assert_eq!(joined(&split), Some(base));
            let covered = (0..64).filter(|offset| pieces.iter().any(|piece| piece.contains(address(base, *offset)))).collect::<Vec<_>>();
            let aligned = covered.len().is_power_of_two()
                && covered[0] % covered.len() as u128 == 0
                && covered[covered.len() - 1] - covered[0] + 1 == covered.len() as u128;
            prop_assert_eq!(joined(&pieces).is_some(), aligned);
        }
    }
}
