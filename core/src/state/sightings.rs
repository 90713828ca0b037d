//! Who answers on addresses that were to be given out, by address and by end.

use super::State;
use crate::model::Sighting;
use crate::name::{AddressName, SpaceName};
use crate::net::{Family, from_number};
use crate::time::Timestamp;
use imbl::{OrdMap, OrdSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// All sightings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sightings {
    by_name: OrdMap<AddressName, Arc<Sighting>>,
    by_end: OrdSet<(Timestamp, AddressName)>,
}

impl Sightings {
    pub(super) fn put(&mut self, sighting: Arc<Sighting>) {
        self.by_end.insert((sighting.until, sighting.name.clone()));
        self.by_name.insert(sighting.name.clone(), sighting);
    }

    pub(super) fn take(&mut self, sighting: &Sighting) {
        self.by_end.remove(&(sighting.until, sighting.name.clone()));
        self.by_name.remove(&sighting.name);
    }

    /// What is counted, for `check` alone.
    pub(super) fn size(&self) -> (&'static str, usize, usize) {
        ("sightings by end", self.by_end.len(), self.by_name.len())
    }
}

impl State {
    /// Who answers on this address, though it was to be given out.
    pub fn sighting(&self, name: &AddressName) -> Option<&Arc<Sighting>> {
        self.sightings.by_name.get(name)
    }

    /// All sightings, by space and address.
    pub fn sightings(&self) -> impl Iterator<Item = &Arc<Sighting>> {
        self.sightings.by_name.values()
    }

    /// The sightings in this part of a space, by address.
    pub fn sightings_within<'a>(
        &'a self,
        space: &'a SpaceName,
        family: Family,
        range: RangeInclusive<u128>,
    ) -> impl Iterator<Item = &'a Arc<Sighting>> {
        let name = |number| Some(AddressName { space: space.clone(), address: from_number(family, number)? });
        let ends = name(*range.start()).zip(name(*range.end()));
        ends.into_iter().flat_map(|(first, last)| self.sightings.by_name.range(first..=last)).map(|(_, found)| found)
    }

    /// The sightings, the first to end first.
    pub fn sightings_ending(&self) -> impl Iterator<Item = &Arc<Sighting>> {
        self.sightings.by_end.iter().filter_map(|(_, name)| self.sighting(name))
    }
}
