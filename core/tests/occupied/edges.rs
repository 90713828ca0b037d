//! The first and last numbers of both families, and ranges of none.

use freehold_core::occupied::{AddressSet, Run};

const LAST: u128 = u128::MAX;
const LAST4: u128 = u32::MAX as u128;

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "such a range has to be answered")]
fn an_empty_range_has_nothing() {
    let set = AddressSet::from_iter([3, 4, 5]);
    assert_eq!((set.count_in(5..=3), set.free_in(5..=3)), (0, 0));
    assert_eq!((set.first_free(5..=3, 0), set.nth_free(5..=3, 0)), (None, None));
    assert_eq!((set.iter_in(5..=3).next(), set.runs_in(5..=3).next()), (None, None));
    assert_eq!(set.first_free(0..=10, 11), None);
    let mut used_up = 6..=6;
    used_up.next();
    assert_eq!((set.free_in(used_up.clone()), set.first_free(used_up, 0)), (0, None));
}

#[test]
fn an_empty_set_is_all_free() {
    let set = AddressSet::new();
    assert_eq!((set.len(), set.check()), (0, Ok(())));
    assert_eq!((set.free_in(0..=LAST), set.free_in(1..=LAST), set.free_in(0..=LAST4)), (LAST, LAST, 1 << 32));
    assert_eq!((set.first_free(0..=LAST, LAST), set.nth_free(0..=LAST, LAST)), (Some(LAST), Some(LAST)));
    assert_eq!(set.alone().nth_free_among([0..=LAST], LAST), Some(LAST));
    assert_eq!(set.alone().free_among([0..=0, 1..=LAST]), LAST);
    assert_eq!(set.runs_in(0..=LAST).collect::<Vec<_>>(), [Run { first: 0, last: LAST, taken: false }]);
}

#[test]
fn the_ends_of_both_families_are_members_like_others() {
    let mut set = AddressSet::new();
    for number in [0, LAST, LAST4] {
        assert_eq!((set.remove(number), set.insert(number), set.insert(number)), (false, true, false));
    }
    assert_eq!((set.check(), set.len(), set.free_in(0..=LAST)), (Ok(()), 3, LAST - 2));
    assert_eq!(set.iter_in(0..=LAST).collect::<Vec<_>>(), [0, LAST4, LAST]);
    assert_eq!((set.first_free(0..=LAST, LAST), set.first_free(0..=LAST4, LAST4)), (None, None));
    assert_eq!((set.nth_free(0..=LAST, 0), set.nth_free(0..=LAST, LAST - 3)), (Some(1), Some(LAST - 1)));
    assert_eq!(set.nth_free(0..=LAST, LAST - 2), None);
    assert_eq!(format!("{set:?}"), format!("{{0..=0, {LAST4}..=4294967295, {LAST}..={LAST}}}"));
}
