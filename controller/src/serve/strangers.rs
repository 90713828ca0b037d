//! Connections that have not shown a certificate, counted by address, so that strangers cannot take every place.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// At most so many of them at once.
const ALL_MAX: usize = 4096;
/// At most so many of them from one address: many agents may sit behind one.
const PER_ADDRESS_MAX: usize = 256;

/// Who has not said who it is.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// A stranger's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Stranger<'a> {
    strangers: &'a Strangers,
    address: IpAddr,
}

impl Strangers {
    /// A place for one more from this address, if there is one.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Stranger<'_>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.all >= ALL_MAX || own >= PER_ADDRESS_MAX {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, own + 1);
        Some(Stranger { strangers: self, address })
    }
}

impl Drop for Stranger<'_> {
    fn drop(&mut self) {
        let mut counts = self.strangers.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        match counts.by_address.get_mut(&self.address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(counts.by_address.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_by_address_and_given_back() {
        let strangers = Strangers::default();
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let held: Vec<_> = (0..PER_ADDRESS_MAX).map(|_| strangers.admit(a).expect("a place")).collect();
        assert!(strangers.admit(a).is_none());
        assert!(strangers.admit(b).is_some());
        drop(held);
        assert_eq!(*strangers.counts.lock().expect("nobody panicked"), Counts::default());
        assert!(strangers.admit(a).is_some());
    }

    #[test]
    fn places_are_limited_in_all() {
        let strangers = Strangers::default();
        let admit = |n: usize| strangers.admit(IpAddr::V4(u32::try_from(n).expect("small").into()));
        let held: Vec<_> = (0..ALL_MAX).map(|n| admit(n).expect("a place")).collect();
        assert!(admit(ALL_MAX).is_none());
        drop(held);
    }
}
