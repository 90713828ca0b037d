//! Several sets asked as if they were one.

use crate::model::{Plain, both, changes, gaps, members, nth_free, number, places, range, runs, size};
use freehold_core::occupied::{AddressSet, Union};
use proptest::prelude::*;
use std::ops::RangeInclusive;

fn check<const N: usize>(
    union: Union<'_, N>,
    plain: &Plain,
    asked: &[(RangeInclusive<u128>, u128)],
    drawn: &[u128],
) -> Result<(), TestCaseError> {
    for (range, from) in asked {
        prop_assert_eq!(union.contains(*from), plain.contains(from));
        let wanted = members(plain, range);
        prop_assert_eq!(union.count_in(range.clone()), wanted.len() as u64, "{:?}", range);
        prop_assert_eq!(union.first_taken(range.clone()), wanted.first().copied(), "{:?}", range);
        prop_assert_eq!(union.iter_in(range.clone()).collect::<Vec<_>>(), wanted, "{:?}", range);
        prop_assert_eq!(union.runs_in(range.clone()).collect::<Vec<_>>(), runs(plain, range), "{:?}", range);
        let rest = *from.max(range.start())..=*range.end();
        let wanted = gaps(plain, &rest).first().map(|gap| *gap.start());
        prop_assert_eq!(union.first_free(range.clone(), *from), wanted, "{:?} from {}", range, from);
        let gaps = gaps(plain, range);
        prop_assert_eq!(union.free_in(range.clone()), size(&gaps), "{:?}", range);
        for place in places(size(&gaps), drawn) {
            prop_assert_eq!(union.nth_free(range.clone(), place), nth_free(&gaps, place), "{:?}, {}", range, place);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn two_sets_answer_as_their_union(
        (one, other) in (changes(), changes()),
        asked in proptest::collection::vec((range(), number()), 10),
        drawn in proptest::collection::vec(any::<u128>(), 6),
    ) {
        let ((one, first), (other, second)) = (both(&one), both(&other));
        let plain: Plain = first.union(&second).copied().collect();
        check(Union::of([&one, &other]), &plain, &asked, &drawn)?;
        check(Union::of([&other, &one]), &plain, &asked, &drawn)?;
        check(Union::of([&one, &AddressSet::new(), &other]), &plain, &asked, &drawn)?;
    }
}

#[test]
fn two_halves_that_interleave_leave_nothing_free() {
    let all = 0u128..100_000;
    let even: AddressSet = all.clone().filter(|number| number % 2 == 0).collect();
    let odd: AddressSet = all.clone().filter(|number| number % 2 == 1).collect();
    let union = Union::of([&even, &odd]);
    assert_eq!(union.count_in(0..=99_999), 100_000);
    assert_eq!(union.first_free(0..=99_999, 0), None);
    assert_eq!(union.first_free(0..=u128::MAX, 0), Some(100_000));
    assert_eq!(union.nth_free(0..=100_009, 9), Some(100_009));
    assert_eq!(union.runs_in(0..=200_000).count(), 2);
}
