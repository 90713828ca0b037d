use super::find::Facts;
use crate::bundle::ResourceKey;
use crate::change::{Change, Record};
use crate::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use crate::lease::Lease;
use crate::model::{Assignment, Reservation, Scope, ServerStatus};
use crate::name::{AddressName, ReservationName, ScopeName, ServerName};
use crate::net::from_number;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What conflicts are bound to: whoever changes a fact about it has it looked at again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// An address, with what is assigned and leased there, and who answers on it.
    Address(AddressName),
    /// A reserved address, with what is leased there.
    Reserved(ReservationName),
    /// A client, in the one of two ways to say it that [`one_way`] chooses.
    Client(ClientIdentity),
    /// A scope, with what else is served of its addresses.
    Scope(ScopeName),
    /// A server, with its own subnets.
    Server(ServerName),
    /// What a server may have refused.
    Resource(ServerName, ResourceKey),
}

/// Of the two ways to say an Ethernet client, that by hardware address.
pub(super) fn one_way(client: &ClientIdentity) -> ClientIdentity {
    match client {
        ClientIdentity::ClientId(_) => client.twin().unwrap_or_else(|| client.clone()),
        ClientIdentity::Hardware(_) | ClientIdentity::Duid(_) => client.clone(),
    }
}

/// The places that are to be looked at again.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched(pub(super) BTreeSet<Place>);

impl Touched {
    /// What a change of the plan touches.
    pub(super) fn change(&mut self, facts: &Facts<'_>, change: &Change) {
        for record in [change.before(), change.after()].into_iter().flatten() {
            match record {
                Record::Address(assignment) => self.assignment(facts, assignment),
                Record::Reservation(reservation) => self.reservation(facts, reservation),
                Record::Scope(scope) => self.scope(facts, scope),
                Record::Server(server) => {
                    self.0.insert(Place::Server(server.name.clone()));
                    self.refusals(facts, &server.name);
                }
                Record::Sighting(sighting) => {
                    self.0.insert(Place::Address(sighting.name.clone()));
                }
                Record::Space(_)
                | Record::Prefix(_)
                | Record::ServerStatus(_)
                | Record::Agent(_)
                | Record::Token(_)
                | Record::Operator(_)
                | Record::Field(_)
                | Record::View(_)
                | Record::NextSubnetId(_) => {}
            }
        }
        match (change.before(), change.after()) {
            (Some(Record::Scope(before)), Some(Record::Scope(after)))
                if (&before.space, before.network, before.subnet_id)
                    == (&after.space, after.network, after.subnet_id) => {}
            (Some(Record::Scope(before)), Some(Record::Scope(after))) => {
                self.all_leased(facts, before);
                self.all_leased(facts, after);
            }
            (Some(Record::Scope(scope)), None) | (None, Some(Record::Scope(scope))) => self.all_leased(facts, scope),
            (Some(Record::ServerStatus(before)), Some(Record::ServerStatus(after))) => {
                self.refused(before, after);
                if before.left != after.left {
                    self.left(facts, before);
                    self.left(facts, after);
                }
            }
            (Some(Record::ServerStatus(status)), None) | (None, Some(Record::ServerStatus(status))) => {
                self.refused_keys(&status.server, status.quarantine.keys());
                self.left(facts, status);
            }
            _ => {}
        }
    }

    fn client(&mut self, client: Option<&ClientIdentity>) {
        self.0.extend(client.map(|client| Place::Client(one_way(client))));
    }

    fn assignment(&mut self, facts: &Facts<'_>, assignment: &Assignment) {
        let AddressName { space, address } = &assignment.name;
        self.0.insert(Place::Address(assignment.name.clone()));
        self.client(assignment.client.as_ref());
        if let Some(scope) = facts.state.scope_at(space, *address) {
            self.refusal_of(facts, scope, ResourceKey::of_address(&scope.name, *address));
            // A held or claimed address is no part of the pools that its scope is served with.
            self.refusal_of(facts, scope, ResourceKey::of_scope(&scope.name));
        }
    }

    fn reservation(&mut self, facts: &Facts<'_>, reservation: &Reservation) {
        let name = &reservation.name;
        self.0.insert(Place::Reserved(name.clone()));
        self.client(Some(&reservation.client));
        if let Some(scope) = facts.state.scope(&name.scope) {
            self.refusal_of(facts, scope, ResourceKey::of_address(&name.scope, name.address));
        }
    }

    fn scope(&mut self, facts: &Facts<'_>, scope: &Scope) {
        self.0.insert(Place::Scope(scope.name.clone()));
        let Some(server) = &scope.server else { return };
        self.refusals(facts, server);
        // The first scope of a space makes the server one of that space, the last one takes it out.
        let alike = facts.state.scopes_of(server).filter(|other| other.space == scope.space);
        let owns = facts.state.server(server).is_some_and(|server| !server.foreign_subnets.is_empty());
        if owns && alike.take(2).count() < 2 {
            self.0.insert(Place::Server(server.clone()));
        }
    }

    fn refusal_of(&mut self, facts: &Facts<'_>, scope: &Scope, key: ResourceKey) {
        let Some(server) = &scope.server else { return };
        if facts.state.status(server).is_some_and(|status| status.quarantine.contains_key(&key)) {
            self.0.insert(Place::Resource(server.clone(), key));
        }
    }

    fn refusals(&mut self, facts: &Facts<'_>, server: &ServerName) {
        let keys = facts.state.status(server).into_iter().flat_map(|status| status.quarantine.keys());
        self.refused_keys(server, keys);
    }

    fn refused_keys<'a>(&mut self, server: &ServerName, keys: impl Iterator<Item = &'a ResourceKey>) {
        self.0.extend(keys.map(|key| Place::Resource(server.clone(), key.clone())));
    }

    fn refused(&mut self, before: &ServerStatus, after: &ServerStatus) {
        if before.quarantine != after.quarantine {
            self.refused_keys(&after.server, before.quarantine.keys().chain(after.quarantine.keys()));
        }
    }

    /// What is leased where a server was taken off and may lease still.
    fn left(&mut self, facts: &Facts<'_>, status: &ServerStatus) {
        for (id, left) in &status.left {
            let family = left.network.family();
            let leased = facts.book.leased(*id, family).iter_in(0..=u128::MAX);
            let addresses = leased.filter_map(|number| from_number(family, number));
            self.0.extend(addresses.map(|address| Place::Address(AddressName { space: left.space.clone(), address })));
        }
    }

    /// What is leased in a scope that came, went or lies elsewhere now.
    fn all_leased(&mut self, facts: &Facts<'_>, scope: &Scope) {
        let family = scope.network.family();
        for number in facts.book.leased(scope.subnet_id, family).iter_in(0..=u128::MAX) {
            let Some(address) = from_number(family, number) else { continue };
            self.address(scope, address);
            for (_, lease) in facts.book.leases_on(scope.subnet_id, address) {
                self.clients(lease);
            }
        }
    }

    fn address(&mut self, scope: &Scope, address: IpAddr) {
        self.0.insert(Place::Address(AddressName { space: scope.space.clone(), address }));
        self.0.insert(Place::Reserved(ReservationName { scope: scope.name.clone(), address }));
    }

    /// What a lease that was granted, changed or ended touches.
    pub(super) fn lease(&mut self, facts: &Facts<'_>, lease: &Lease) {
        if let Some(space) = facts.state.space_of_lease(lease) {
            self.0.insert(Place::Address(AddressName { space: space.clone(), address: lease.address }));
        }
        if let Some(scope) = facts.scope_of(lease) {
            self.address(scope, lease.address);
            self.clients(lease);
        }
    }

    fn clients(&mut self, lease: &Lease) {
        self.client(HardwareAddress::from_bytes(&lease.hardware).ok().map(ClientIdentity::Hardware).as_ref());
        self.client(ClientId::from_bytes(&lease.client_id).ok().map(ClientIdentity::ClientId).as_ref());
        self.client(Duid::from_bytes(&lease.duid).ok().map(ClientIdentity::Duid).as_ref());
    }
}
