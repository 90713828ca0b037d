//! What is assigned and reserved, by space and address, and found by client, host name and end.
//!
//! Each space keeps, for either family, the set of taken addresses; every question about free ones is asked of it.

use super::orders::{ByAddress, ByClient, ByEnd, ByHostName, ForClient};
use super::sorted::{self, Sorted};
use crate::client::ClientIdentity;
use crate::model::{Assignment, Reservation};
use crate::name::{AddressName, SpaceName};
use crate::net::{Family, family, to_number};
use crate::occupied::AddressSet;
use crate::time::Timestamp;
use imbl::{OrdMap, OrdSet};
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
    pub(super) fn put(&mut self, record: &Arc<T>) {
        if record.client().is_some() {
            self.by_client.insert(Sorted(Arc::clone(record)));
        }
        if record.host_name().is_some() {
            self.by_host_name.insert(Sorted(Arc::clone(record)));
        }
    }

    pub(super) fn take(&mut self, record: &Arc<T>) {
        if record.client().is_some() {
            self.by_client.remove(&Sorted(Arc::clone(record)));
        }
        if record.host_name().is_some() {
            self.by_host_name.remove(&Sorted(Arc::clone(record)));
        }
    }

    /// Those whose client is of this kind and begins with these bytes.
    pub(super) fn of_client<'a>(&'a self, kind: u8, bytes: &'a [u8]) -> impl Iterator<Item = &'a Arc<T>> + use<'a, T> {
        let begins = move |record: &&Arc<T>| {
            record.client().map(ClientIdentity::parts).is_some_and(|(of, all)| of == kind && all.starts_with(bytes))
        };
        sorted::from(&self.by_client, (kind, bytes)).take_while(begins)
    }

    /// Those whose host name begins so.
    pub(super) fn called<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a Arc<T>> + use<'a, T> {
        let begins =
            move |record: &&Arc<T>| record.host_name().is_some_and(|name| name.as_str().starts_with(beginning));
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
    pub(super) found: Found<Assignment>,
    by_end: OrdSet<Sorted<ByEnd>>,
    /// Every holder once, and how many assignments are its.
    holders: OrdMap<Arc<str>, usize>,
    pub(super) reservations: Found<Reservation>,
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

    pub(super) fn get(&self, name: &AddressName) -> Option<&Arc<Assignment>> {
        let plane = self.plane(&name.space, family(name.address))?;
        let next = sorted::next(&plane.assigned, to_number(name.address))?;
        Some(next).filter(|assignment| assignment.name.address == name.address)
    }

    pub(super) fn len(&self) -> usize {
        self.assignments
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Assignment>> {
        self.planes.values().flatten().flat_map(|plane| &plane.assigned).map(|sorted| &sorted.0)
    }

    pub(super) fn within(
        &self,
        space: &SpaceName,
        family: Family,
        range: RangeInclusive<u128>,
    ) -> impl Iterator<Item = &Arc<Assignment>> + use<'_> {
        let (first, last) = range.into_inner();
        let plane = self.plane(space, family).into_iter();
        plane
            .flat_map(move |plane| sorted::from(&plane.assigned, first))
            .take_while(move |assignment| to_number(assignment.name.address) <= last)
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
    pub(super) fn ending(&self) -> impl Iterator<Item = &Arc<Assignment>> {
        sorted::from(&self.by_end, (Timestamp(i64::MIN), None))
    }

    /// The same from this one on.
    pub(super) fn ending_from<'a>(
        &'a self,
        end: Timestamp,
        name: &'a AddressName,
    ) -> impl Iterator<Item = &'a Arc<Assignment>> {
        sorted::from(&self.by_end, (end, Some(name)))
    }

    /// The same assignment with the names that it shares with others: a million holders would cost more than they say.
    pub(super) fn sharing(&self, mut assignment: Assignment) -> Assignment {
        let (space, holder) = self.shared(&assignment);
        assignment.name.space = space.unwrap_or(assignment.name.space);
        assignment.holder = holder.unwrap_or(assignment.holder);
        assignment
    }

    fn shared(&self, assignment: &Assignment) -> (Option<SpaceName>, Option<Arc<str>>) {
        let space = self.planes.get_key_value(&assignment.name.space).map(|(name, _)| name.clone());
        let holder = self.holders.get_key_value(&*assignment.holder).map(|(holder, _)| Arc::clone(holder));
        (space, holder)
    }

    pub(super) fn put(&mut self, assignment: Arc<Assignment>) {
        let (space, holder) = self.shared(&assignment);
        let shares = space.is_none_or(|space| space.is_shared_with(&assignment.name.space))
            && holder.is_none_or(|holder| Arc::ptr_eq(&holder, &assignment.holder));
        let assignment = if shares { assignment } else { Arc::new(self.sharing(Arc::unwrap_or_clone(assignment))) };
        self.assignments += 1;
        *self.holders.entry(Arc::clone(&assignment.holder)).or_default() += 1;
        self.found.put(&assignment);
        if assignment.ends().is_some() {
            self.by_end.insert(Sorted(Arc::clone(&assignment)));
        }
        let AddressName { space, address } = &assignment.name;
        let plane = &mut self.planes.entry(space.clone()).or_default()[side(family(*address))];
        plane.taken.insert(to_number(*address));
        if assignment.is_hold() {
            plane.held.insert(to_number(*address));
        }
        plane.assigned.insert(Sorted(assignment));
    }

    pub(super) fn take(&mut self, assignment: &Arc<Assignment>) {
        self.assignments -= 1;
        if let Some(count) = self.holders.get_mut(&*assignment.holder) {
            *count -= 1;
            if *count == 0 {
                self.holders.remove(&*assignment.holder);
            }
        }
        self.found.take(assignment);
        if assignment.ends().is_some() {
            self.by_end.remove(&Sorted(Arc::clone(assignment)));
        }
        let AddressName { space, address } = &assignment.name;
        if let Some(planes) = self.planes.get_mut(space) {
            planes[side(family(*address))].assigned.remove(&Sorted(Arc::clone(assignment)));
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
    pub(super) fn sizes(&self) -> [(&'static str, usize, usize); 4] {
        let (mut clients, mut host_names, mut ends) = (0, 0, 0);
        for assignment in self.iter() {
            clients += usize::from(assignment.client.is_some());
            host_names += usize::from(assignment.host_name.is_some());
            ends += usize::from(assignment.ends().is_some());
        }
        let [by_client, by_host_name] = self.found.sizes();
        [
            ("assignments by client", by_client, clients),
            ("assignments by host name", by_host_name, host_names),
            ("assignments by end", self.by_end.len(), ends),
            ("assignments by holder", self.holders.values().sum(), self.assignments),
        ]
    }
}
