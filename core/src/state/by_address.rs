//! Reading the state by address: what is assigned, taken, and planned there, and whom it is for.

use super::State;
use super::packed::Packed;
use crate::access::Reach;
use crate::client::ClientIdentity;
use crate::labels::Labels;
use crate::lease::Lease;
use crate::model::{Assignment, Phase, Prefix, PrefixKind, Reservation, Scope, SubnetId};
use crate::name::{AddressName, PrefixName, SpaceName};
use crate::net::{AddressRange, Cidr, Family, from_number};
use crate::occupied::AddressSet;
use crate::time::Timestamp;
use std::net::IpAddr;
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

/// What people said of an assignment.
#[derive(Clone, Copy)]
pub(crate) struct Described<'a>(&'a Packed);

impl<'a> Described<'a> {
    /// Whether it lies in one of these places.
    pub(crate) fn lies_in(self, reach: &Reach) -> bool {
        reach.is_everywhere() || {
            let name = self.0.name();
            reach.covers_address(&name.space, name.address)
        }
    }

    /// The owner, the comment, and the labels of its own.
    pub(crate) fn said(self) -> (&'a str, &'a str, &'a Labels) {
        self.0.said()
    }

    /// All of it.
    pub(crate) fn open(self) -> Assignment {
        self.0.open()
    }
}

impl State {
    /// What was decided about this address.
    pub fn assignment(&self, name: &AddressName) -> Option<Arc<Assignment>> {
        self.addresses.get(name)
    }

    /// The space of the network that a lease is of; `None` if the subnet is its server's own.
    pub fn space_of_lease(&self, lease: &Lease) -> Option<&SpaceName> {
        SubnetId::new(lease.subnet_id).and_then(|id| self.space_of_subnet(id))
    }

    /// How many addresses are assigned.
    pub fn assignments_len(&self) -> usize {
        self.addresses.len()
    }

    /// All assignments, by space and address.
    pub fn assignments(&self) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        self.addresses.iter()
    }

    /// What people said of each assignment, by space and address.
    pub(crate) fn described(&self) -> impl Iterator<Item = Described<'_>> {
        self.addresses.packed().map(Described)
    }

    /// The assignments of this phase. Looks at all, but opens no other.
    pub fn assignments_in(&self, phase: Phase) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        self.addresses.of_phase(phase)
    }

    /// The assignments of `space` in a range, by address.
    pub fn assignments_within(
        &self,
        space: &SpaceName,
        family: Family,
        range: RangeInclusive<u128>,
    ) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        self.addresses.within(space, family, range)
    }

    /// The assignments for a client, by space and address.
    pub fn assignments_for<'a>(
        &'a self,
        client: &'a ClientIdentity,
    ) -> impl Iterator<Item = Arc<Assignment>> + use<'a> {
        let (kind, bytes) = client.parts();
        self.addresses.of_client(kind, bytes).take_while(move |found| found.client.as_ref() == Some(client))
    }

    /// The assignments for clients whose hardware address begins with these bytes, by that.
    pub fn assignments_of_hardware<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Arc<Assignment>> + use<'a> {
        self.addresses.of_client(0, bytes)
    }

    /// The assignments whose host name begins so (in lower case), by that.
    pub fn assignments_called<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = Arc<Assignment>> + use<'a> {
        self.addresses.called(beginning)
    }

    /// The assignments that end by themselves, the first to end first.
    pub fn assignments_ending(&self) -> impl Iterator<Item = Arc<Assignment>> + use<'_> {
        self.addresses.ending()
    }

    /// The same behind the one of this end and name, whether that is still there or not.
    pub fn assignments_ending_after<'a>(
        &'a self,
        end: Timestamp,
        name: &'a AddressName,
    ) -> impl Iterator<Item = Arc<Assignment>> + use<'a> {
        self.addresses.ending_from(end, name).skip_while(move |found| found.ends() == Some(end) && found.name == *name)
    }

    /// The reservations for a client in any scope.
    pub fn reservations_for<'a>(&'a self, client: &'a ClientIdentity) -> impl Iterator<Item = &'a Arc<Reservation>> {
        let (kind, bytes) = client.parts();
        self.addresses.reservations.of_client(kind, bytes).take_while(move |found| found.client == *client)
    }

    /// The reservations for clients whose hardware address begins with these bytes, by that.
    pub fn reservations_of_hardware<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a Arc<Reservation>> {
        self.addresses.reservations.of_client(0, bytes)
    }

    /// The reservations whose host name begins so (in lower case), by that.
    pub fn reservations_called<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a Arc<Reservation>> {
        self.addresses.reservations.called(beginning)
    }

    /// The addresses of `space` that are assigned or reserved.
    pub fn taken(&self, space: &SpaceName, family: Family) -> &AddressSet {
        self.addresses.taken(space, family)
    }

    /// The addresses of `space` that are held.
    pub fn held(&self, space: &SpaceName, family: Family) -> &AddressSet {
        self.addresses.held(space, family)
    }

    /// The addresses of `space` that are reserved.
    pub fn reserved(&self, space: &SpaceName, family: Family) -> &AddressSet {
        self.addresses.reserved(space, family)
    }

    /// The spaces in which an address is assigned or reserved.
    pub(crate) fn spaces_taken(&self) -> impl Iterator<Item = &SpaceName> {
        self.addresses.spaces()
    }

    /// The network of the plan that `address` lies in.
    pub fn network_at(&self, space: &SpaceName, address: IpAddr) -> Option<&Arc<Prefix>> {
        // Nothing lies in a network, so none begins between its first address and any other.
        let (name, prefix) =
            self.prefixes.get_prev(&PrefixName { space: space.clone(), cidr: Cidr::of_one(address) })?;
        let found = name.space == *space && prefix.kind == PrefixKind::Network && name.cidr.contains(address);
        found.then_some(prefix)
    }

    /// The scope whose network `address` lies in.
    pub fn scope_at(&self, space: &SpaceName, address: IpAddr) -> Option<&Arc<Scope>> {
        let place = PrefixName { space: space.clone(), cidr: Cidr::of_one(address) };
        let (network, scope) = self.scope_by_network.get_prev(&place)?;
        let found = network.space == *space && network.cidr.contains(address);
        self.scopes.get(scope).filter(|_| found)
    }

    /// The scopes whose networks share an address with `block`, by address.
    pub(crate) fn scopes_touching<'a>(
        &'a self,
        space: &'a SpaceName,
        block: Cidr,
    ) -> impl Iterator<Item = &'a Arc<Scope>> {
        let around = self.scope_at(space, block.network()).filter(move |scope| !block.covers(&scope.network));
        let inside = self.scope_by_network.range(PrefixName { space: space.clone(), cidr: block }..);
        let inside = inside
            .take_while(move |(name, _)| name.space == *space && block.covers(&name.cidr))
            .filter_map(|(_, name)| self.scopes.get(name));
        around.into_iter().chain(inside)
    }

    /// The networks that share an address with the range, by address.
    pub(crate) fn networks_touching<'a>(
        &'a self,
        space: &'a SpaceName,
        family: Family,
        range: RangeInclusive<u128>,
    ) -> impl Iterator<Item = &'a Arc<Prefix>> {
        let address = |number| from_number(family, number).expect("a number of the family");
        let (first, last) = (address(*range.start()), address(*range.end()));
        let around = self.network_at(space, first);
        let behind = PrefixName { space: space.clone(), cidr: Cidr::of_one(first) };
        let behind = self.prefixes.range((Bound::Excluded(behind), Bound::Unbounded));
        let behind = behind
            .take_while(move |(name, _)| {
                name.space == *space && name.cidr.family() == family && name.cidr.network() <= last
            })
            .map(|(_, prefix)| prefix)
            .filter(|prefix| prefix.kind == PrefixKind::Network);
        around.into_iter().chain(behind)
    }

    /// What may be leased of `scope`: its pools without the addresses that are held or claimed.
    pub fn pools_of(&self, scope: &Scope) -> Vec<AddressRange> {
        let pools = scope.pools();
        let left = pools
            .iter()
            .flat_map(|pool| pool.without(self.addresses.places_within(&scope.space, pool.family(), pool.numbers())));
        left.collect()
    }
}
