//! Inserting, removing, building, copying and comparing.

use crate::model::{Change, Plain, both, change, changes, number};
use freehold_core::occupied::AddressSet;
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #[test]
    fn changes_answer_as_those_of_a_plain_set_and_leave_a_sound_tree(changes in changes(), others in proptest::collection::vec(number(), 20)) {
        let (mut set, mut plain) = (AddressSet::new(), Plain::new());
        for change in &changes {
            change.apply(&mut set, &mut plain);
            prop_assert_eq!(set.check(), Ok(()), "after {:?}", change);
            prop_assert_eq!(set.len(), plain.len() as u64);
            prop_assert_eq!(set.is_empty(), plain.is_empty());
        }
        for number in others {
            prop_assert_eq!(set.contains(number), plain.contains(&number), "{}", number);
        }
        prop_assert!(set.iter_in(0..=u128::MAX).eq(plain.iter().copied()));
    }

    #[test]
    fn a_clone_stays_as_it_is(before in changes(), after in proptest::collection::vec(change(), 1..8)) {
        let (mut set, mut plain) = both(&before);
        let mut kept = Vec::new();
        for change in &after {
            kept.push((set.clone(), plain.clone()));
            change.apply(&mut set, &mut plain);
        }
        for (set, plain) in kept {
            prop_assert_eq!(set.check(), Ok(()));
            prop_assert_eq!(set.len(), plain.len() as u64);
            prop_assert!(set.iter_in(0..=u128::MAX).eq(plain));
        }
    }

    #[test]
    fn equal_is_of_equal_members(before in changes(), more in proptest::collection::vec(number(), 0..30)) {
        let (set, plain) = both(&before);
        let mut other = set.clone();
        let news: Vec<u128> = more.iter().copied().filter(|number| other.insert(*number)).collect();
        prop_assert_eq!(other == set, news.is_empty());
        for number in news {
            prop_assert!(other.remove(number));
        }
        prop_assert_eq!(&other, &set);
        let mut one_less = set.clone();
        if let Some(last) = plain.last() {
            one_less.remove(*last);
            prop_assert_ne!(&one_less, &set);
        }
    }

    #[test]
    fn what_differs_is_found_and_no_stretch_without_a_difference(
        before in changes(),
        after in changes(),
        shared in any::<bool>(),
    ) {
        let (set, plain) = both(&before);
        let (mut other, mut others) = if shared { (set.clone(), plain.clone()) } else { Default::default() };
        after.iter().for_each(|change| change.apply(&mut other, &mut others));
        let differing: BTreeSet<u128> = plain.symmetric_difference(&others).copied().collect();
        for stretches in [set.differ(&other), other.differ(&set)] {
            for stretch in &stretches {
                prop_assert!(differing.range(stretch.clone()).next().is_some(), "nothing differs in {stretch:x?}");
            }
            let found = |number: &u128| stretches.iter().any(|stretch| stretch.contains(number));
            prop_assert_eq!(differing.iter().find(|number| !found(number)), None);
        }
        prop_assert_eq!(set.differ(&set.clone()), Vec::new());
    }

    #[test]
    fn building_is_inserting(changes in changes(), order in any::<prop::sample::Index>()) {
        let (set, plain) = both(&changes);
        let ascending: AddressSet = plain.iter().copied().collect();
        prop_assert_eq!(ascending.check(), Ok(()));
        prop_assert_eq!(&ascending, &set);
        let mut turned: Vec<u128> = plain.iter().copied().collect();
        if !turned.is_empty() {
            let by = order.index(turned.len());
            turned.rotate_left(by);
            let twice = turned[0];
            turned.push(twice);
        }
        let turned: AddressSet = turned.into_iter().collect();
        prop_assert_eq!(turned.check(), Ok(()));
        prop_assert_eq!(&turned, &set);
    }
}

#[test]
fn what_was_filled_can_be_emptied_in_any_order() {
    let (mut set, mut plain) = both(&[Change::Fill(65_536 - 300, 65_536 + 600)]);
    let full = set.clone();
    assert_eq!(set.check(), Ok(()));
    let numbers: Vec<u128> = plain.iter().copied().collect();
    // 7,919 shares no factor with the count, so that every number has its turn once.
    let turn = |step: usize| numbers[step * 7_919 % numbers.len()];
    for step in 0..numbers.len() {
        Change::Remove(turn(step)).apply(&mut set, &mut plain);
    }
    assert_eq!((set.len(), &set), (0, &AddressSet::new()));
    assert!(full.iter_in(0..=u128::MAX).eq(numbers.iter().copied()));
    for step in 0..numbers.len() {
        set.insert(turn(step));
    }
    assert_eq!(set, full);
}
