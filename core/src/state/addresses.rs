//! What is assigned and reserved, by space and address, and found by client, host name and end.
//!
//! Each space keeps, for either family, the set of taken addresses; every question about free ones is asked of it.

use super::orders::{ByAddress, ByClient, ByEnd, ByHostName, ForClient};
use super::packed::Packed;
use super::sorted::{self, Sorted};
use crate::model::{Assignment, Phase, Reservation};
use crate::name::{AddressName, SpaceName};
use crate::net::{Family, family, to_number};
use crate::occupied::AddressSet;
use crate::time::Timestamp;
use imbl::{OrdMap, OrdSet};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The addresses of one space and family.
#[derive(Debug, Clone, Default)]
struct Plane {
    assigned: OrdSet<Sorted<ByAddress>>,
    /// Assigned or reserved.
    taken: AddressSet,
    /// Of these, those that are held. What is claimed is the rest, and costs no set of its own.
    held: AddressSet,
    /// Of these, those that are reserved.
    reserved: AddressSet,
}

/// The set's own order knows the address only; a state is the same only if all of it is.
impl PartialEq for Plane {
    fn eq(&self, other: &Self) -> bool {
        self.taken == other.taken
            && self.held == other.held
            && self.reserved == other.reserved
            && self.assigned.len() == other.assigned.len()
            && self.assigned.iter().zip(&other.assigned).all(|(ours, theirs)| ours.0 == theirs.0)
    }
}

impl Eq for Plane {}

/// Records of one kind, by whom they are for.
#[derive(Debug, Clone)]
pub(super) struct Found<T: ForClient> {
    by_client: OrdSet<Sorted<ByClient<T>>>,
    by_host_name: OrdSet<Sorted<ByHostName<T>>>,
}

impl<T: ForClient> Default for Found<T> {
    fn default() -> Self {
        Self { by_client: OrdSet::new(), by_host_name: OrdSet::new() }
    }
}

impl<T: ForClient> PartialEq for Found<T> {
    fn eq(&self, other: &Self) -> bool {
        self.by_client == other.by_client && self.by_host_name == other.by_host_name
    }
}

impl<T: ForClient> Eq for Found<T> {}

impl<T: ForClient> Found<T> {
    pub(super) fn put(&mut self, record: &T) {
        if record.client().is_some() {
            self.by_client.insert(Sorted(record.clone()));
        }
        if record.host_name().is_some() {
            self.by_host_name.insert(Sorted(record.clone()));
        }
    }

    fn of(records: &[T]) -> Self {
        Self {
            by_client: sorted::full(records.iter().filter(|record| record.client().is_some()).cloned()),
            by_host_name: sorted::full(records.iter().filter(|record| record.host_name().is_some()).cloned()),
        }
    }

    pub(super) fn take(&mut self, record: &T) {
        if record.client().is_some() {
            self.by_client.remove(&Sorted(record.clone()));
        }
        if record.host_name().is_some() {
            self.by_host_name.remove(&Sorted(record.clone()));
        }
    }

    /// Those whose client is of this kind and begins with these bytes.
    pub(super) fn of_client<'a>(&'a self, kind: u8, bytes: &'a [u8]) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let begins = move |record: &&T| record.client().is_some_and(|(of, all)| of == kind && all.starts_with(bytes));
        sorted::from(&self.by_client, (kind, bytes)).take_while(begins)
    }

    /// Those whose host name begins so.
    pub(super) fn called<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let begins = move |record: &&T| record.host_name().is_some_and(|name| name.starts_with(beginning.as_bytes()));
        sorted::from(&self.by_host_name, beginning).take_while(begins)
    }

    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.by_client.len(), self.by_host_name.len()]
    }
}

/// All addresses of all spaces that something was decided about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// By space, IPv4 first.
    planes: OrdMap<SpaceName, [Plane; 2]>,
    assignments: usize,
    found: Found<Packed>,
    by_end: OrdSet<Sorted<ByEnd>>,
    pub(super) reservations: Found<Arc<Reservation>>,
}

fn opened(packed: &Packed) -> Arc<Assignment> {
    Arc::new(packed.open())
}

fn side(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

impl Addresses {
    fn plane(&self, space: &SpaceName, family: Family) -> Option<&Plane> {
        self.planes.get(space).map(|planes| &planes[side(family)])
    }

    pub(super) fn get(&self, name: &AddressName) -> Option<Arc<Assignment>> {
        let plane = self.plane(&name.space, family(name.address))?;
        let next = sorted::next(&plane.assigned, to_number(name.address))?;
        (next.address() == name.address).then(|| opened(next))
    }

    pub(super) fn len(&self) -> usize {
        self.assignments
    }

    pub(super) fn packed(&self) -> impl Iterator<Item = &Packed> {
        self.planes.values().flatten().flat_map(|plane| &plane.assigned).map(|sorted| &sorted.0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        self.packed().map(opened)
    }

    pub(super) fn of_phase(&self, phase: Phase) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        self.packed().filter(move |packed| packed.phase() == phase).map(opened)
    }

    fn packed_within(
        &self,
        space: &SpaceName,
        family: Family,
        range: RangeInclusive<u128>,
    ) -> impl Iterator<Item = &Packed> + use<'_> {
        let (first, last) = range.into_inner();
        let plane = self.plane(space, family).into_iter();
        plane
            .flat_map(move |plane| sorted::from(&plane.assigned, first))
            .take_while(move |packed| to_number(packed.address()) <= last)
    }

    pub(super) fn within(
        &self,
        space: &SpaceName,
        family: Family,
        range: RangeInclusive<u128>,
    ) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        self.packed_within(space, family, range).map(opened)
    }

    /// Only where they are.
    pub(super) fn places_within(
        &self,
        space: &SpaceName,
        family: Family,
        range: RangeInclusive<u128>,
    ) -> impl Iterator<Item = IpAddr> + use<'_> {
        self.packed_within(space, family, range).map(Packed::address)
    }

    /// Those whose client is of this kind and begins with these bytes.
    pub(super) fn of_client<'a>(
        &'a self,
        kind: u8,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Arc<Assignment>> + use<'a> {
        self.found.of_client(kind, bytes).map(opened)
    }

    /// Those whose host name begins so.
    pub(super) fn called<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = Arc<Assignment>> + use<'a> {
        self.found.called(beginning).map(opened)
    }

    pub(super) fn taken(&self, space: &SpaceName, family: Family) -> &AddressSet {
        self.plane(space, family).map_or(AddressSet::none(), |plane| &plane.taken)
    }

    pub(super) fn held(&self, space: &SpaceName, family: Family) -> &AddressSet {
        self.plane(space, family).map_or(AddressSet::none(), |plane| &plane.held)
    }

    pub(super) fn reserved(&self, space: &SpaceName, family: Family) -> &AddressSet {
        self.plane(space, family).map_or(AddressSet::none(), |plane| &plane.reserved)
    }

    /// The spaces in which something is assigned or reserved.
    pub(super) fn spaces(&self) -> impl Iterator<Item = &SpaceName> {
        self.planes.keys()
    }

    /// Those that end by themselves, the first to end first.
    pub(super) fn ending(&self) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        sorted::from(&self.by_end, (Timestamp(i64::MIN), None)).map(opened)
    }

    /// The same from this one on.
    pub(super) fn ending_from(
        &self,
        end: Timestamp,
        name: &AddressName,
    ) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        sorted::from(&self.by_end, (end, Some(name))).map(opened)
    }

    pub(super) fn put(&mut self, assignment: &Assignment) {
        let packed = Packed::new(assignment);
        self.assignments += 1;
        self.found.put(&packed);
        if assignment.ends().is_some() {
            self.by_end.insert(Sorted(packed.clone()));
        }
        let AddressName { space, address } = &assignment.name;
        let plane = &mut self.planes.entry(space.clone()).or_default()[side(family(*address))];
        plane.taken.insert(to_number(*address));
        if assignment.is_hold() {
            plane.held.insert(to_number(*address));
        }
        plane.assigned.insert(Sorted(packed));
    }

    /// Puts so many in at once, where there are none yet; no address twice.
    pub(super) fn fill(&mut self, assigned: Vec<Packed>) {
        self.assignments = assigned.len();
        self.found = Found::of(&assigned);
        self.by_end = sorted::full(assigned.iter().filter(|packed| packed.keys().end.is_some()).cloned());
        let mut of_planes: BTreeMap<Vec<u8>, [Vec<Packed>; 2]> = BTreeMap::new();
        for packed in assigned {
            let (space, side) = (packed.keys().space, side(family(packed.address())));
            if let Some(of_space) = of_planes.get_mut(space) {
                of_space[side].push(packed);
            } else {
                of_planes.entry(space.to_vec()).or_default()[side].push(packed);
            }
        }
        for assigned in of_planes.into_values().flatten() {
            let Some(AddressName { space, address }) = assigned.first().map(Packed::name) else { continue };
            let plane = &mut self.planes.entry(space).or_default()[side(family(address))];
            for packed in &assigned {
                plane.taken.insert(to_number(packed.address()));
                if packed.is_hold() {
                    plane.held.insert(to_number(packed.address()));
                }
            }
            plane.assigned = sorted::full(assigned.into_iter());
        }
    }

    pub(super) fn take(&mut self, assignment: &Assignment) {
        let packed = Packed::new(assignment);
        self.assignments -= 1;
        self.found.take(&packed);
        if assignment.ends().is_some() {
            self.by_end.remove(&Sorted(packed.clone()));
        }
        let AddressName { space, address } = &assignment.name;
        if let Some(planes) = self.planes.get_mut(space) {
            planes[side(family(*address))].assigned.remove(&Sorted(packed));
        }
        self.vacate(space, *address);
    }

    /// Counts a reserved address as taken.
    pub(super) fn reserve(&mut self, space: &SpaceName, address: IpAddr) {
        let planes = self.planes.entry(space.clone()).or_default();
        let plane = &mut planes[side(family(address))];
        plane.taken.insert(to_number(address));
        plane.reserved.insert(to_number(address));
    }

    /// Counts an address as taken no more.
    pub(super) fn vacate(&mut self, space: &SpaceName, address: IpAddr) {
        let Some(planes) = self.planes.get_mut(space) else { return };
        let plane = &mut planes[side(family(address))];
        for set in [&mut plane.taken, &mut plane.held, &mut plane.reserved] {
            set.remove(to_number(address));
        }
        if planes.iter().all(|plane| plane.taken.is_empty()) {
            self.planes.remove(space);
        }
    }

    /// What is counted, for `check` alone.
    pub(super) fn sizes(&self) -> [(&'static str, usize, usize); 3] {
        let (mut clients, mut host_names, mut ends) = (0, 0, 0);
        for keys in self.packed().map(Packed::keys) {
            clients += usize::from(keys.client.is_some());
            host_names += usize::from(keys.host_name.is_some());
            ends += usize::from(keys.end.is_some());
        }
        let [by_client, by_host_name] = self.found.sizes();
        [
            ("assignments by client", by_client, clients),
            ("assignments by host name", by_host_name, host_names),
            ("assignments by end", self.by_end.len(), ends),
        ]
    }
}
