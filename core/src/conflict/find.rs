use super::clash::{Clash, Firm};
use super::foreign::Foreign;
use super::touch::Place;
use crate::address::leases_there;
use crate::bundle::{Hash, ResourceKey};
use crate::client::ClientIdentity;
use crate::lease::{Lease, LeaseBook, LeaseState};
use crate::model::{Management, Scope, ScopeStatus, SubnetId};
use crate::name::{AddressName, ReservationName, ScopeName, ServerName, SpaceName};
use crate::state::State;
use std::fmt;
use std::sync::Arc;

/// Leases of one client that are looked at: a relay or a broken client may have any number with one hardware address.
const LEASES_MAX: usize = 256;

/// What conflicts follow from.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The plan.
    pub state: &'a State,
    /// What servers lease.
    pub book: &'a LeaseBook,
    /// The hash of the present form of a resource, as its server would be sent it; `None` if there is none.
    pub form: fn(&State, &ResourceKey) -> Option<Hash>,
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facts(revision {}, {:?})", self.state.revision(), self.book)
    }
}

impl<'a> Facts<'a> {
    /// The scope that a lease is of.
    pub(super) fn scope_of(&self, lease: &Lease) -> Option<&'a Arc<Scope>> {
        SubnetId::new(lease.subnet_id).and_then(|id| self.state.scope_of_subnet_id(id))
    }

    /// Everything that a place takes part in.
    pub(super) fn clashes(&self, foreign: &Foreign, place: &Place) -> Vec<Clash> {
        match place {
            Place::Address(name) => self.at_address(name),
            Place::Reserved(name) => self.at_reservation(name),
            Place::Client(client) => self.of_client(client),
            Place::Scope(name) => self.of_scope(foreign, name),
            Place::Server(name) => self.of_server(name),
            Place::Resource(server, key) => self.refused(server, key).into_iter().collect(),
        }
    }

    fn at_address(&self, name: &AddressName) -> Vec<Clash> {
        let leases: Vec<_> = leases_there(self.state, self.book, name).collect();
        let mut clashes = Vec::new();
        if let Some(assignment) = self.state.assignment(name) {
            let is_its = |lease: &Lease| assignment.client.as_ref().is_some_and(|client| lease.is_of(client));
            for (server, lease) in leases.iter().filter(|(_, lease)| !is_its(lease)) {
                let firm = Firm::Assigned(Arc::clone(&assignment));
                clashes.push(Clash::LeaseAgainst { firm, server: (*server).clone(), lease: Arc::clone(lease) });
            }
        } else if let Some(sighting) = self.state.sighting(name).filter(|_| leases.is_empty()) {
            clashes.push(Clash::Answers(Arc::clone(sighting)));
        }
        for (n, one) in leases.iter().enumerate() {
            for other in leases[n + 1..].iter().filter(|other| differ(one.1, other.1)) {
                let owned = |(server, lease): (&ServerName, &Arc<Lease>)| (server.clone(), Arc::clone(lease));
                clashes.push(Clash::LeasedTwice { name: name.clone(), one: owned(*one), other: owned(*other) });
            }
        }
        clashes
    }

    fn at_reservation(&self, name: &ReservationName) -> Vec<Clash> {
        let found = self.state.reservation(name).zip(self.state.scope(&name.scope));
        let Some((reservation, scope)) = found else { return Vec::new() };
        let leases = self.book.leases_on(scope.subnet_id, name.address);
        let against = leases.filter(|(_, lease)| !lease.is_of(&reservation.client));
        let clash = |(server, lease): (&ServerName, &Arc<Lease>)| Clash::LeaseAgainst {
            firm: Firm::Reserved(scope.space.clone(), Arc::clone(reservation)),
            server: server.clone(),
            lease: Arc::clone(lease),
        };
        against.map(clash).collect()
    }

    /// The addresses of its own that a client does not use while it leases others in their networks.
    fn of_client(&self, client: &ClientIdentity) -> Vec<Clash> {
        let twin = client.twin();
        let firm = self.firm(client).chain(twin.iter().flat_map(|twin| self.firm(twin)));
        let firm: Vec<_> = firm.collect();
        if firm.is_empty() {
            return Vec::new();
        }
        let leases: Vec<_> = self.leases_of(client).take(LEASES_MAX).collect();
        let mut clashes = Vec::new();
        for (firm, scope) in firm {
            let own = firm.address().address;
            let here = |lease: &Lease| lease.subnet_id == scope.subnet_id.number();
            if leases.iter().any(|(_, lease)| here(lease) && lease.address == own) {
                continue;
            }
            let granted = |lease: &Lease| here(lease) && lease.state == LeaseState::Granted;
            for (server, lease) in leases.iter().filter(|(_, lease)| granted(lease)) {
                let (server, lease) = ((*server).clone(), Arc::clone(lease));
                clashes.push(Clash::ClientElsewhere { firm: firm.clone(), server, lease });
            }
        }
        clashes
    }

    /// What a client was given, each with the scope that it lies in.
    fn firm<'b>(&'b self, client: &'b ClientIdentity) -> impl Iterator<Item = (Firm, &'a Arc<Scope>)> + 'b {
        let state = self.state;
        let claims = state.assignments_for(client).filter(|found| !found.is_hold());
        let claims = claims.filter_map(move |claim| {
            let scope = state.scope_at(&claim.name.space, claim.name.address)?;
            Some((Firm::Assigned(claim), scope))
        });
        let reservations = state.reservations_for(client).filter_map(move |reservation| {
            let scope = state.scope(&reservation.name.scope)?;
            Some((Firm::Reserved(scope.space.clone(), Arc::clone(reservation)), scope))
        });
        claims.chain(reservations)
    }

    fn leases_of<'b>(
        &'b self,
        client: &'b ClientIdentity,
    ) -> Box<dyn Iterator<Item = (&'b ServerName, &'b Arc<Lease>)> + 'b> {
        match client {
            ClientIdentity::Hardware(address) => {
                let bytes = address.as_bytes();
                Box::new(self.book.leases_of_hardware(bytes).filter(move |(_, lease)| lease.hardware == bytes))
            }
            ClientIdentity::ClientId(id) => Box::new(self.book.leases_of_client(id.as_bytes())),
            ClientIdentity::Duid(duid) => Box::new(self.book.leases_of_client(duid.as_bytes())),
        }
    }

    fn of_scope(&self, foreign: &Foreign, name: &ScopeName) -> Vec<Clash> {
        let Some(scope) = self.state.scope(name).filter(|scope| scope.status == ScopeStatus::Active) else {
            return Vec::new();
        };
        let Some(server) = &scope.server else { return Vec::new() };
        let others = self.state.scopes_of(server).filter(|other| overlap(scope, other));
        let mut clashes: Vec<_> = others.map(|other| overlapping(server, scope, other)).collect();
        let clash = |server: &ServerName, own| Clash::ForeignSubnet {
            server: server.clone(),
            foreign: own,
            scope: Arc::clone(scope),
        };
        let met = foreign.overlapping(scope.network);
        let met = met.filter(|(other, _)| *other == server || self.is_in(other, &scope.space));
        clashes.extend(met.map(|(server, own)| clash(server, own)));
        let own = self.state.server(server).map_or(&[][..], |server| &server.foreign_subnets);
        let numbered = own.iter().filter(|own| own.subnet_id == scope.subnet_id.number());
        let apart = numbered.filter(|own| !own.network.overlaps(&scope.network));
        clashes.extend(apart.map(|own| clash(server, own.clone())));
        clashes
    }

    /// Whether the addresses that a server serves are those of `space`: as its scopes are, or of the default space if it
    /// has none.
    fn is_in(&self, server: &ServerName, space: &SpaceName) -> bool {
        let mut scopes = self.state.scopes_of(server).peekable();
        if scopes.peek().is_none() { space.is_default() } else { scopes.any(|scope| scope.space == *space) }
    }

    fn of_server(&self, name: &ServerName) -> Vec<Clash> {
        let Some(server) = self.state.server(name).filter(|server| !server.foreign_subnets.is_empty()) else {
            return Vec::new();
        };
        let mut spaces: Vec<&SpaceName> = self.state.scopes_of(name).map(|scope| &scope.space).collect();
        spaces.sort_unstable();
        spaces.dedup();
        if spaces.is_empty() {
            spaces.extend(self.state.spaces().keys().find(|space| space.is_default()));
        }
        let mut clashes = Vec::new();
        for own in &server.foreign_subnets {
            let met = spaces.iter().flat_map(|space| self.state.scopes_overlapping(space, &own.network));
            let numbered = SubnetId::new(own.subnet_id).and_then(|id| self.state.scope_of_subnet_id(id));
            let numbered =
                numbered.filter(|scope| scope.server.as_ref() == Some(name) && !scope.network.overlaps(&own.network));
            for scope in met.chain(numbered) {
                if scope.status == ScopeStatus::Active && scope.server.is_some() {
                    let scope = Arc::clone(scope);
                    clashes.push(Clash::ForeignSubnet { server: name.clone(), foreign: own.clone(), scope });
                }
            }
        }
        clashes
    }

    fn refused(&self, server: &ServerName, key: &ResourceKey) -> Option<Clash> {
        let rejection = self.state.status(server)?.quarantine.get(key)?;
        let managed = self.state.server(server)?.management == Management::Managed;
        let id = key.id.split('/').next()?;
        let scope = self.state.scope(&ScopeName::from_id(id).ok()?)?;
        let wanted = managed && scope.server.as_ref() == Some(server) && scope.status == ScopeStatus::Active;
        let record = self.state.resource(key).filter(|_| wanted)?;
        ((self.form)(self.state, key)? == rejection.hash).then(|| Clash::Refused {
            server: server.clone(),
            key: key.clone(),
            record,
            scope: Arc::clone(scope),
            rejection: rejection.clone(),
        })
    }
}

/// Whether a server could not serve both.
fn overlap(scope: &Scope, other: &Scope) -> bool {
    let both = other.status == ScopeStatus::Active && other.name != scope.name;
    both && other.network.overlaps(&scope.network)
}

fn overlapping(server: &ServerName, scope: &Arc<Scope>, other: &Arc<Scope>) -> Clash {
    let (one, other) = if scope.name < other.name { (scope, other) } else { (other, scope) };
    Clash::ScopesOverlap { server: server.clone(), one: Arc::clone(one), other: Arc::clone(other) }
}

/// Whether two leases are of two clients, as far as can be told.
fn differ(one: &Lease, other: &Lease) -> bool {
    let same = |one: &[u8], other: &[u8]| !one.is_empty() && one == other;
    let alike =
        same(&one.hardware, &other.hardware) || same(&one.client_id, &other.client_id) || same(&one.duid, &other.duid);
    one.state == LeaseState::Granted && other.state == LeaseState::Granted && !alike
}
