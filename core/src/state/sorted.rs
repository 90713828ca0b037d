//! Sets of records in one order or another: an entry is one pointer, and the key is read from the record itself. With ten
//! million records that is what an index may cost.

use equivalent::{Comparable, Equivalent};
use imbl::OrdSet;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound;

/// An order of records.
pub(super) trait Order {
    /// What is ordered: a pointer to it, of which a copy costs nothing.
    type Record: Clone;
    /// A place to begin reading at.
    type Place<'a>;

    /// The order; no two records of a set are equal in it.
    fn order(one: &Self::Record, other: &Self::Record) -> Ordering;

    /// A number that begins the order: of two records with different ones the smaller comes first.
    fn beginning(record: &Self::Record) -> u128;

    /// The order of a place and a record, which is never equal to a record: it lies before the first that it is there for.
    fn order_place(place: &Self::Place<'_>, record: &Self::Record) -> Ordering;
}

/// A record in an order.
pub(super) struct Sorted<O: Order>(pub(super) O::Record);

impl<O: Order> Clone for Sorted<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O: Order> PartialEq for Sorted<O> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<O: Order> Eq for Sorted<O> {}

impl<O: Order> PartialOrd for Sorted<O> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<O: Order> Ord for Sorted<O> {
    fn cmp(&self, other: &Self) -> Ordering {
        O::order(&self.0, &other.0)
    }
}

impl<O: Order<Record: fmt::Debug>> fmt::Debug for Sorted<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

struct Before<'a, O: Order>(O::Place<'a>);

impl<O: Order> Equivalent<Sorted<O>> for Before<'_, O> {
    fn equivalent(&self, _: &Sorted<O>) -> bool {
        false
    }
}

impl<O: Order> Comparable<Sorted<O>> for Before<'_, O> {
    fn compare(&self, record: &Sorted<O>) -> Ordering {
        O::order_place(&self.0, &record.0)
    }
}

/// The set of these records, of which none is there twice, in nodes as full as may be.
///
/// A full node is split in halves. So those that come in order leave every node half empty, and if of each two the first come in order, then
/// the seconds, these fill what those left.
pub(super) fn full<O: Order>(records: impl Iterator<Item = O::Record>) -> OrdSet<Sorted<O>> {
    // Hardly any two need be looked at again, in memory that is far away, if their beginnings are at hand.
    let mut records: Vec<_> = records.map(|record| (O::beginning(&record), Sorted::<O>(record))).collect();
    records.sort_unstable();
    let (firsts, seconds) = (records.iter().step_by(2), records.iter().skip(1).step_by(2));
    let mut set = OrdSet::new();
    for (_, record) in firsts.chain(seconds) {
        set.insert(record.clone());
    }
    set
}

/// The records of `set` from `place` on, in its order.
pub(super) fn from<'a, O: Order>(
    set: &'a OrdSet<Sorted<O>>,
    place: O::Place<'_>,
) -> impl DoubleEndedIterator<Item = &'a O::Record> + use<'a, O> {
    set.range((Bound::Included(Before::<O>(place)), Bound::Unbounded)).map(|sorted| &sorted.0)
}

/// The first record of `set` from `place` on.
pub(super) fn next<'a, O: Order>(set: &'a OrdSet<Sorted<O>>, place: O::Place<'_>) -> Option<&'a O::Record> {
    set.get_next(&Before::<O>(place)).map(|sorted| &sorted.0)
}
