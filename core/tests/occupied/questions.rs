//! Counting, finding and reading within a range, and within a list of ranges.

use crate::model::{both, changes, gaps, members, nth_free, number, places, range, runs, size};
use proptest::prelude::*;
use std::ops::RangeInclusive;

proptest! {
    #[test]
    fn a_range_is_counted(changes in changes(), ranges in proptest::collection::vec(range(), 10)) {
        let (set, plain) = both(&changes);
        for range in ranges {
            prop_assert_eq!(set.count_in(range.clone()), members(&plain, &range).len() as u64, "{:?}", range);
            prop_assert_eq!(set.free_in(range.clone()), size(&gaps(&plain, &range)), "{:?}", range);
        }
    }

    #[test]
    fn members_come_in_order(changes in changes(), ranges in proptest::collection::vec(range(), 10)) {
        let (set, plain) = both(&changes);
        for range in ranges {
            let read: Vec<u128> = set.iter_in(range.clone()).collect();
            prop_assert_eq!(read, members(&plain, &range), "{:?}", range);
        }
    }

    #[test]
    fn runs_are_as_long_as_can_be(changes in changes(), ranges in proptest::collection::vec(range(), 10)) {
        let (set, plain) = both(&changes);
        for range in ranges {
            let read: Vec<_> = set.runs_in(range.clone()).collect();
            prop_assert_eq!(read, runs(&plain, &range), "{:?}", range);
        }
    }

    #[test]
    fn the_first_free_one_is_found(changes in changes(), asked in proptest::collection::vec((range(), number()), 20)) {
        let (set, plain) = both(&changes);
        for (range, from) in asked {
            let rest = from.max(*range.start())..=*range.end();
            let wanted = gaps(&plain, &rest).first().map(|gap| *gap.start());
            prop_assert_eq!(set.first_free(range.clone(), from), wanted, "{:?} from {}", range, from);
        }
    }

    #[test]
    fn the_nth_free_one_is_found(
        changes in changes(),
        ranges in proptest::collection::vec(range(), 10),
        drawn in proptest::collection::vec(any::<u128>(), 10),
    ) {
        let (set, plain) = both(&changes);
        for range in ranges {
            let gaps = gaps(&plain, &range);
            for place in places(size(&gaps), &drawn) {
                prop_assert_eq!(set.nth_free(range.clone(), place), nth_free(&gaps, place), "{:?}, {}", range, place);
            }
        }
    }

    #[test]
    fn lists_of_ranges_are_one_after_the_other(
        changes in changes(),
        bounds in proptest::collection::btree_set(number(), 0..12),
        from in number(),
        drawn in proptest::collection::vec(any::<u128>(), 10),
    ) {
        let (set, plain) = both(&changes);
        let bounds: Vec<u128> = bounds.into_iter().collect();
        let ranges: Vec<RangeInclusive<u128>> = bounds.chunks_exact(2).map(|pair| pair[0]..=pair[1]).collect();
        let gaps: Vec<RangeInclusive<u128>> = ranges.iter().flat_map(|range| gaps(&plain, range)).collect();
        let set = set.alone();
        prop_assert_eq!(set.free_among(ranges.iter().cloned()), size(&gaps));
        let first = gaps.iter().find(|gap| *gap.end() >= from).map(|gap| from.max(*gap.start()));
        prop_assert_eq!(set.first_free_among(ranges.iter().cloned(), from), first);
        for place in places(size(&gaps), &drawn) {
            prop_assert_eq!(set.nth_free_among(ranges.iter().cloned(), place), nth_free(&gaps, place), "{}", place);
        }
    }
}
