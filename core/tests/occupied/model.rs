//! What is drawn, and the plain set that answers by going through its members.

use freehold_core::occupied::{AddressSet, Run};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

pub(crate) type Plain = BTreeSet<u128>;

/// One change; the spans are there to fill blocks of 256, 4,096 and 65,536 and to break them up again.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Insert(u128),
    Remove(u128),
    Fill(u128, u32),
    Empty(u128, u32),
}

impl Change {
    /// Does it to both, with the same answer each time.
    pub(crate) fn apply(&self, set: &mut AddressSet, plain: &mut Plain) {
        match *self {
            Change::Insert(number) => assert_eq!(set.insert(number), plain.insert(number), "insert {number}"),
            Change::Remove(number) => assert_eq!(set.remove(number), plain.remove(&number), "remove {number}"),
            Change::Fill(from, count) => {
                span(from, count).for_each(|number| assert_eq!(set.insert(number), plain.insert(number)));
            }
            Change::Empty(from, count) => {
                span(from, count).for_each(|number| assert_eq!(set.remove(number), plain.remove(&number)));
            }
        }
    }
}

fn span(from: u128, count: u32) -> RangeInclusive<u128> {
    from..=from.saturating_add(count.into())
}

/// Numbers that meet: around the bounds of leaves and nodes of several sizes, and at both ends of the families.
pub(crate) fn number() -> impl Strategy<Value = u128> {
    let bound = prop_oneof![
        4 => 0u128..3,
        2 => Just(16),
        2 => Just(256),
        1 => Just(1 << 24),
        1 => Just(1 << 56),
        1 => Just(1 << 112),
    ];
    let start = (0u128..4, bound).prop_map(|(times, size)| 4096 + times * size * 256);
    let near = (start, -3i32..300).prop_map(|(start, by)| start.saturating_add_signed(by.into()));
    prop_oneof![
        12 => near,
        1 => 0u128..4,
        1 => u128::from(u32::MAX) - 2..=u128::from(u32::MAX) + 2,
        1 => u128::MAX - 260..=u128::MAX,
        1 => any::<u128>(),
    ]
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let length = prop_oneof![8 => 0u32..300, 2 => 200u32..1100, 1 => 4000u32..9000];
    prop_oneof![
        6 => number().prop_map(Change::Insert),
        4 => number().prop_map(Change::Remove),
        3 => (number(), length.clone()).prop_map(|(from, count)| Change::Fill(from, count)),
        1 => (number(), length).prop_map(|(from, count)| Change::Empty(from, count)),
    ]
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    proptest::collection::vec(change(), 0..40)
}

/// A range as asked for; one in some is empty.
pub(crate) fn range() -> impl Strategy<Value = RangeInclusive<u128>> {
    let any = (number(), number()).prop_map(|(a, b)| a.min(b)..=a.max(b));
    let swapped = (number(), number()).prop_map(|(a, b)| a..=b);
    let leaf = number().prop_map(|n| n & !255..=n | 255);
    let node =
        (number(), 3u32..32).prop_map(|(n, level)| (n >> (level * 4) << (level * 4))..=n | ((1 << (level * 4)) - 1));
    prop_oneof![6 => any, 1 => swapped, 1 => leaf, 2 => node, 1 => Just(0..=u128::MAX)]
}

/// A set and a plain set after the same changes.
pub(crate) fn both(changes: &[Change]) -> (AddressSet, Plain) {
    let (mut set, mut plain) = (AddressSet::new(), Plain::new());
    changes.iter().for_each(|change| change.apply(&mut set, &mut plain));
    (set, plain)
}

/// The range's members.
pub(crate) fn members(plain: &Plain, range: &RangeInclusive<u128>) -> Vec<u128> {
    if range.is_empty() { Vec::new() } else { plain.range(range.clone()).copied().collect() }
}

/// The range's runs, one member after the other.
pub(crate) fn runs(plain: &Plain, range: &RangeInclusive<u128>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut next = (!range.is_empty()).then_some(*range.start());
    for number in members(plain, range) {
        let start = next.expect("a member is not behind the last number");
        if start < number {
            runs.push(Run { first: start, last: number - 1, taken: false });
        }
        match runs.last_mut().filter(|run| run.taken) {
            Some(run) => run.last = number,
            None => runs.push(Run { first: number, last: number, taken: true }),
        }
        next = number.checked_add(1).filter(|next| next <= range.end());
    }
    runs.extend(next.map(|first| Run { first, last: *range.end(), taken: false }));
    runs
}

/// The range's free runs.
pub(crate) fn gaps(plain: &Plain, range: &RangeInclusive<u128>) -> Vec<RangeInclusive<u128>> {
    runs(plain, range).into_iter().filter(|run| !run.taken).map(|run| run.first..=run.last).collect()
}

/// The free number with so many before it.
pub(crate) fn nth_free(gaps: &[RangeInclusive<u128>], before: u128) -> Option<u128> {
    let mut before = before;
    for gap in gaps {
        if before <= gap.end() - gap.start() {
            return Some(gap.start() + before);
        }
        before -= gap.end() - gap.start() + 1;
    }
    None
}

/// How many numbers the gaps have.
pub(crate) fn size(gaps: &[RangeInclusive<u128>]) -> u128 {
    gaps.iter().fold(0, |size, gap| size.saturating_add((gap.end() - gap.start()).saturating_add(1)))
}

/// Places in a list of `size` that are worth asking for: both ends, what is beyond, and some drawn ones.
pub(crate) fn places(size: u128, drawn: &[u128]) -> Vec<u128> {
    let ends = [0, 1, size / 2, size.saturating_sub(1), size, size.saturating_add(1), u128::MAX];
    ends.into_iter().chain(drawn.iter().map(|place| place % size.max(1))).collect()
}
