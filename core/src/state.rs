//! Everything at one revision.
//!
//! A state is made of persistent maps: copying one costs a few pointers, so a reader takes a copy and
//! keeps a consistent picture for as long as it likes while the writer goes on. It changes in one way
//! only: by applying the next [`Entry`].

mod addresses;
mod by_address;
mod delegated;
mod labels;
mod loading;
mod orders;
mod packed;
mod sightings;
mod sorted;
mod tree;

pub use loading::Loading;
pub use tree::{Carved, Children};

use crate::bundle::ResourceKey;
use crate::change::{Change, Entry, Outcome, Record, RecordKey, RequestMark};
use crate::client::ClientIdentity;
use crate::model::{
    Agent, EnrolmentToken, FieldDefinition, Operator, Prefix, Reservation, Scope, Server, ServerStatus, Space,
    SubnetId, View,
};
use crate::name::{
    AddressName, AgentName, FieldName, OperatorName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName,
    TokenName, ViewName,
};
use crate::net::{AddressRange, Cidr, Family};
use crate::time::{Revision, Timestamp};
use addresses::Addresses;
use delegated::Delegated;
use imbl::{OrdMap, OrdSet};
use sightings::Sightings;
use std::net::IpAddr;
use std::sync::Arc;

/// How long a request id is remembered, in seconds.
pub const REQUEST_SECONDS: i64 = 24 * 3600;

/// A request that was carried out, as long as its id is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedRequest {
    /// A hash of what was asked.
    pub fingerprint: [u8; 16],
    /// The entry that carried it out.
    pub revision: Revision,
    /// When.
    pub at: Timestamp,
    /// The record that it was about.
    pub about: Option<RecordKey>,
}

/// Everything at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    revision: Revision,
    next_subnet_id: SubnetId,
    spaces: OrdMap<SpaceName, Arc<Space>>,
    prefixes: OrdMap<PrefixName, Arc<Prefix>>,
    scopes: OrdMap<ScopeName, Arc<Scope>>,
    reservations: OrdMap<ReservationName, Arc<Reservation>>,
    servers: OrdMap<ServerName, Arc<Server>>,
    statuses: OrdMap<ServerName, Arc<ServerStatus>>,
    /// The servers that may still run what they should not.
    leaving: OrdSet<ServerName>,
    agents: OrdMap<AgentName, Arc<Agent>>,
    tokens: OrdMap<TokenName, Arc<EnrolmentToken>>,
    operators: OrdMap<OperatorName, Arc<Operator>>,
    // Assignments, and what is taken by them and by reservations, with indexes of both.
    addresses: Addresses,
    sightings: Sightings,
    fields: OrdMap<FieldName, Arc<FieldDefinition>>,
    views: OrdMap<ViewName, Arc<View>>,
    // Indexes: kept by `put` and `take`, tested by `check`.
    scope_by_network: OrdMap<PrefixName, ScopeName>,
    scope_by_subnet_id: OrdMap<SubnetId, ScopeName>,
    scopes_by_server: OrdSet<(ServerName, ScopeName)>,
    reservation_by_client: OrdMap<(ScopeName, ClientIdentity), IpAddr>,
    delegated: Delegated,
    agent_by_id: OrdMap<[u8; 16], AgentName>,
    carved: OrdMap<PrefixName, Carved>,
    roots: OrdMap<(SpaceName, Family), Carved>,
    field_uses: OrdMap<FieldName, u64>,
    // Requests by principal and id, and the same in the order of their age.
    requests: OrdMap<(String, String), RememberedRequest>,
    requests_by_age: OrdSet<(Timestamp, String, String)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            revision: Revision::default(),
            next_subnet_id: SubnetId::FIRST,
            spaces: OrdMap::new(),
            prefixes: OrdMap::new(),
            scopes: OrdMap::new(),
            reservations: OrdMap::new(),
            servers: OrdMap::new(),
            statuses: OrdMap::new(),
            leaving: OrdSet::new(),
            agents: OrdMap::new(),
            tokens: OrdMap::new(),
            operators: OrdMap::new(),
            addresses: Addresses::default(),
            sightings: Sightings::default(),
            fields: OrdMap::new(),
            views: OrdMap::new(),
            scope_by_network: OrdMap::new(),
            scope_by_subnet_id: OrdMap::new(),
            scopes_by_server: OrdSet::new(),
            reservation_by_client: OrdMap::new(),
            delegated: Delegated::default(),
            agent_by_id: OrdMap::new(),
            carved: OrdMap::new(),
            roots: OrdMap::new(),
            field_uses: OrdMap::new(),
            requests: OrdMap::new(),
            requests_by_age: OrdSet::new(),
        }
    }
}

/// Reading.
impl State {
    /// The last entry that is in it.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The number that the next scope gets.
    pub fn next_subnet_id(&self) -> SubnetId {
        self.next_subnet_id
    }

    /// The record of this name, of any kind.
    pub fn record(&self, key: &RecordKey) -> Option<Record> {
        match key {
            RecordKey::Space(name) => self.spaces.get(name).cloned().map(Record::Space),
            RecordKey::Prefix(name) => self.prefixes.get(name).cloned().map(Record::Prefix),
            RecordKey::Scope(name) => self.scopes.get(name).cloned().map(Record::Scope),
            RecordKey::Reservation(name) => self.reservations.get(name).cloned().map(Record::Reservation),
            RecordKey::Address(name) => self.assignment(name).map(Record::Address),
            RecordKey::Sighting(name) => self.sighting(name).cloned().map(Record::Sighting),
            RecordKey::Server(name) => self.servers.get(name).cloned().map(Record::Server),
            RecordKey::ServerStatus(name) => self.statuses.get(name).cloned().map(Record::ServerStatus),
            RecordKey::Agent(name) => self.agents.get(name).cloned().map(Record::Agent),
            RecordKey::Token(name) => self.tokens.get(name).cloned().map(Record::Token),
            RecordKey::Operator(name) => self.operators.get(name).cloned().map(Record::Operator),
            RecordKey::Field(name) => self.fields.get(name).cloned().map(Record::Field),
            RecordKey::View(name) => self.views.get(name).cloned().map(Record::View),
            RecordKey::NextSubnetId => Some(Record::NextSubnetId(self.next_subnet_id)),
        }
    }

    /// Every record, kind by kind, each in the order of its names.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let plan = self
            .fields
            .values()
            .cloned()
            .map(Record::Field)
            .chain(self.spaces.values().cloned().map(Record::Space))
            .chain(self.prefixes.values().cloned().map(Record::Prefix))
            .chain(self.scopes.values().cloned().map(Record::Scope))
            .chain(self.reservations.values().cloned().map(Record::Reservation))
            .chain(self.assignments().map(Record::Address))
            .chain(self.sightings().cloned().map(Record::Sighting))
            .chain(self.views.values().cloned().map(Record::View));
        let hosts = self
            .servers
            .values()
            .cloned()
            .map(Record::Server)
            .chain(self.statuses.values().cloned().map(Record::ServerStatus))
            .chain(self.agents.values().cloned().map(Record::Agent))
            .chain(self.tokens.values().cloned().map(Record::Token))
            .chain(self.operators.values().cloned().map(Record::Operator));
        plan.chain(hosts).chain(std::iter::once(Record::NextSubnetId(self.next_subnet_id)))
    }

    /// The space of this name.
    pub fn space(&self, name: &SpaceName) -> Option<&Arc<Space>> {
        self.spaces.get(name)
    }

    /// Spaces by name.
    pub fn spaces(&self) -> &OrdMap<SpaceName, Arc<Space>> {
        &self.spaces
    }

    /// The prefix of this name.
    pub fn prefix(&self, name: &PrefixName) -> Option<&Arc<Prefix>> {
        self.prefixes.get(name)
    }

    /// Prefixes by name: by space, then by first address, then by length.
    pub fn prefixes(&self) -> &OrdMap<PrefixName, Arc<Prefix>> {
        &self.prefixes
    }

    /// The scope of this name.
    pub fn scope(&self, name: &ScopeName) -> Option<&Arc<Scope>> {
        self.scopes.get(name)
    }

    /// Scopes by name.
    pub fn scopes(&self) -> &OrdMap<ScopeName, Arc<Scope>> {
        &self.scopes
    }

    /// The scope that serves `network`.
    pub fn scope_of_network(&self, network: &PrefixName) -> Option<&Arc<Scope>> {
        self.scope_by_network.get(network).and_then(|name| self.scopes.get(name))
    }

    /// The scope with this subnet id.
    pub fn scope_of_subnet_id(&self, id: SubnetId) -> Option<&Arc<Scope>> {
        self.scope_by_subnet_id.get(&id).and_then(|name| self.scopes.get(name))
    }

    /// The space of the network that a server leases, or may still lease, by this subnet id, which no other network ever gets.
    pub fn space_of_subnet(&self, id: SubnetId) -> Option<&SpaceName> {
        let left = || self.leaving().find_map(|status| status.left.get(&id)).map(|left| &left.space);
        self.scope_of_subnet_id(id).map(|scope| &scope.space).or_else(left)
    }

    /// A scope of `space` that shares an address with `network`.
    pub fn scope_overlapping(&self, space: &SpaceName, network: &Cidr) -> Option<&Arc<Scope>> {
        self.scopes_overlapping(space, network).next()
    }

    /// The scopes of `space` that share an address with `network`.
    pub fn scopes_overlapping<'a, 's>(
        &'a self,
        space: &'s SpaceName,
        network: &Cidr,
    ) -> impl Iterator<Item = &'a Arc<Scope>> + use<'a, 's> {
        let network = *network;
        let at = move |cidr: Cidr| self.scope_of_network(&PrefixName { space: space.clone(), cidr });
        let first = PrefixName { space: space.clone(), cidr: network };
        let inside = self
            .scope_by_network
            .range(first..)
            .take_while(move |(name, _)| name.space == *space && network.covers(&name.cidr))
            .filter_map(|(_, name)| self.scopes.get(name));
        inside.chain(network.ancestors().filter_map(at))
    }

    /// The scopes that `server` serves, by name.
    pub fn scopes_of<'a>(&'a self, server: &'a ServerName) -> impl Iterator<Item = &'a Arc<Scope>> {
        self.scopes_by_server
            .range((server.clone(), first_scope_name())..)
            .take_while(move |(of, _)| of == server)
            .filter_map(|(_, name)| self.scopes.get(name))
    }

    /// The reservation of this name.
    pub fn reservation(&self, name: &ReservationName) -> Option<&Arc<Reservation>> {
        self.reservations.get(name)
    }

    /// Reservations by scope and address.
    pub fn reservations(&self) -> &OrdMap<ReservationName, Arc<Reservation>> {
        &self.reservations
    }

    /// The reservations in `scope`, by address.
    pub fn reservations_in<'a>(&'a self, scope: &'a ScopeName) -> impl Iterator<Item = &'a Arc<Reservation>> {
        reservations_of(&self.reservations, scope)
    }

    /// The first reservation in `scope` whose address lies in `range`.
    pub fn reservation_within(&self, scope: &ScopeName, range: &AddressRange) -> Option<&Arc<Reservation>> {
        let name = |address| ReservationName { scope: scope.clone(), address };
        self.reservations.range(name(range.start())..=name(range.end())).next().map(|(_, reservation)| reservation)
    }

    /// The address that `scope` reserves for `client`.
    pub fn reserved_for(&self, scope: &ScopeName, client: &ClientIdentity) -> Option<IpAddr> {
        self.reservation_by_client.get(&(scope.clone(), client.clone())).copied()
    }

    /// The record that a resource of a bundle is made of, if it is there.
    pub fn resource(&self, key: &ResourceKey) -> Option<RecordKey> {
        let record = key.record()?;
        if self.record(&record).is_some() {
            return Some(record);
        }
        let RecordKey::Reservation(ReservationName { scope, address }) = record else { return None };
        let name = AddressName { space: self.scopes.get(&scope)?.space.clone(), address };
        self.assignment(&name).map(|claim| RecordKey::Address(claim.name.clone()))
    }

    /// The server of this name.
    pub fn server(&self, name: &ServerName) -> Option<&Arc<Server>> {
        self.servers.get(name)
    }

    /// Servers by name.
    pub fn servers(&self) -> &OrdMap<ServerName, Arc<Server>> {
        &self.servers
    }

    /// The servers that `agent` fronts.
    pub fn servers_of<'a>(&'a self, agent: &'a AgentName) -> impl Iterator<Item = &'a Arc<Server>> {
        self.servers.values().filter(move |server| server.name.agent() == agent)
    }

    /// What is known of a server's obedience.
    pub fn status(&self, name: &ServerName) -> Option<&Arc<ServerStatus>> {
        self.statuses.get(name)
    }

    /// The servers that may still run what they should not, with what is known of them.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = &ServerStatus> {
        self.leaving.iter().filter_map(|name| self.status(name)).map(AsRef::as_ref)
    }

    /// What is known of every server's obedience, by server.
    pub fn statuses(&self) -> &OrdMap<ServerName, Arc<ServerStatus>> {
        &self.statuses
    }

    /// The agent of this name.
    pub fn agent(&self, name: &AgentName) -> Option<&Arc<Agent>> {
        self.agents.get(name)
    }

    /// The agent with this identity.
    pub fn agent_by_id(&self, id: &[u8; 16]) -> Option<&Arc<Agent>> {
        self.agent_by_id.get(id).and_then(|name| self.agents.get(name))
    }

    /// Agents by name.
    pub fn agents(&self) -> &OrdMap<AgentName, Arc<Agent>> {
        &self.agents
    }

    /// The enrolment token of this name.
    pub fn token(&self, name: &TokenName) -> Option<&Arc<EnrolmentToken>> {
        self.tokens.get(name)
    }

    /// Enrolment tokens by name.
    pub fn tokens(&self) -> &OrdMap<TokenName, Arc<EnrolmentToken>> {
        &self.tokens
    }

    /// The operator of this name.
    pub fn operator(&self, name: &OperatorName) -> Option<&Arc<Operator>> {
        self.operators.get(name)
    }

    /// Operators by name.
    pub fn operators(&self) -> &OrdMap<OperatorName, Arc<Operator>> {
        &self.operators
    }

    /// The view of this name.
    pub fn view(&self, name: &ViewName) -> Option<&Arc<View>> {
        self.views.get(name)
    }

    /// Views by name.
    pub fn views(&self) -> &OrdMap<ViewName, Arc<View>> {
        &self.views
    }

    /// What `principal` asked under the request id `id`, while it is remembered.
    pub fn request(&self, principal: &str, id: &str) -> Option<&RememberedRequest> {
        self.requests.get(&(principal.to_owned(), id.to_owned()))
    }

    /// Every remembered request, as (principal, id) and what is remembered.
    pub fn requests(&self) -> &OrdMap<(String, String), RememberedRequest> {
        &self.requests
    }
}

/// Sorts before every real scope name of the same server.
fn first_scope_name() -> ScopeName {
    ScopeName::from_id("0").expect("0 is a name, and no id sorts before it")
}

/// The reservations in `scope`, by address.
fn reservations_of<'a>(
    all: &'a OrdMap<ReservationName, Arc<Reservation>>,
    scope: &'a ScopeName,
) -> impl Iterator<Item = &'a Arc<Reservation>> {
    let first = ReservationName { scope: scope.clone(), address: IpAddr::V4(0.into()) };
    all.range(first..).take_while(move |(name, _)| name.scope == *scope).map(|(_, reservation)| reservation)
}

/// Whether a change leaves a scope where it is, so that the addresses that it reserves are taken as before.
fn scope_stays(change: &Change) -> bool {
    matches!(
        (change.before(), change.after()),
        (Some(Record::Scope(before)), Some(Record::Scope(after))) if before.space == after.space
    )
}

/// Changing.
impl State {
    /// Carries out the next entry.
    ///
    /// # Panics
    /// If `entry` is not the next one: the ledger is contiguous by construction, so a gap here is a bug.
    pub fn apply(&mut self, entry: &Entry) {
        assert_eq!(entry.revision, self.revision.next(), "entries are applied in order, none left out");
        self.revision = entry.revision;
        self.forget_requests(entry.at);
        let Outcome::Done(changes) = &entry.outcome else { return };
        if let Some(RequestMark { id, fingerprint }) = &entry.request {
            let remembered = RememberedRequest {
                fingerprint: *fingerprint,
                revision: entry.revision,
                at: entry.at,
                about: changes.first().map(Change::key),
            };
            self.remember(entry.actor.principal.clone(), id.clone(), remembered);
        }
        for change in changes {
            debug_assert_eq!(self.record(&change.key()).as_ref(), change.before(), "a change begins at what is there");
        }
        self.apply_changes(changes);
    }

    /// Carries out changes alone, without an entry: for plans that are shown and thrown away. The revision stays,
    /// so the next command of a frame is decided on a state that the entry before was applied to, not on this.
    pub fn apply_changes(&mut self, changes: &[Change]) {
        // First everything goes, then everything comes: what one record gives up, such as a client, another may get.
        for change in changes {
            match (change.before(), change.after()) {
                // A prefix that stays has the same around it and in it: it is not counted anew.
                (Some(Record::Prefix(before)), Some(_)) => self.count_fields_out(&before.labels),
                (Some(before), _) => self.take(before, scope_stays(change)),
                (None, _) => {}
            }
        }
        for change in changes {
            if let Some(after) = change.after() {
                self.put(after.clone(), scope_stays(change));
            }
        }
    }

    /// Remembers a request, when a stored state is loaded or an entry is applied.
    fn remember(&mut self, principal: String, id: String, request: RememberedRequest) {
        let at = request.at;
        if let Some(older) = self.requests.insert((principal.clone(), id.clone()), request) {
            self.requests_by_age.remove(&(older.at, principal.clone(), id.clone()));
        }
        self.requests_by_age.insert((at, principal, id));
    }

    fn forget_requests(&mut self, now: Timestamp) {
        let oldest = now.plus_seconds(-REQUEST_SECONDS);
        while let Some((at, principal, id)) = self.requests_by_age.get_min().cloned() {
            if at >= oldest {
                break;
            }
            self.requests_by_age.remove(&(at, principal.clone(), id.clone()));
            self.requests.remove(&(principal, id));
        }
    }

    /// Puts a record in. Where a scope comes the addresses that it reserves count as taken, unless they do already
    /// because it `stays`.
    fn put(&mut self, record: Record, stays: bool) {
        match record {
            Record::Space(space) => {
                self.count_fields_in(&space.labels);
                self.spaces.insert(space.name.clone(), space);
            }
            Record::Prefix(prefix) => {
                self.count_fields_in(&prefix.labels);
                let name = prefix.name.clone();
                if self.prefixes.insert(name.clone(), prefix).is_none() {
                    self.count_in(&name);
                }
            }
            Record::Scope(scope) => {
                self.count_fields_in(&scope.labels);
                self.scope_by_network.insert(scope.prefix(), scope.name.clone());
                self.scope_by_subnet_id.insert(scope.subnet_id, scope.name.clone());
                self.delegated.put_scope(&scope);
                if let Some(server) = &scope.server {
                    self.scopes_by_server.insert((server.clone(), scope.name.clone()));
                }
                if !stays {
                    for reservation in reservations_of(&self.reservations, &scope.name) {
                        self.addresses.reserve(&scope.space, reservation.name.address);
                    }
                }
                self.scopes.insert(scope.name.clone(), scope);
            }
            Record::Reservation(reservation) => {
                self.count_fields_in(&reservation.labels);
                let client = (reservation.name.scope.clone(), reservation.client.clone());
                self.reservation_by_client.insert(client, reservation.name.address);
                if let Some(scope) = self.scopes.get(&reservation.name.scope) {
                    self.addresses.reserve(&scope.space, reservation.name.address);
                }
                self.delegated.put_reservation(&reservation);
                self.addresses.reservations.put(&reservation);
                self.reservations.insert(reservation.name.clone(), reservation);
            }
            Record::Address(assignment) => {
                self.count_fields_in(assignment.labels());
                self.addresses.put(&assignment);
            }
            Record::Sighting(sighting) => self.sightings.put(sighting),
            Record::Server(server) => {
                self.servers.insert(server.name.clone(), server);
            }
            Record::ServerStatus(status) => {
                if !status.left.is_empty() {
                    self.leaving.insert(status.server.clone());
                }
                self.statuses.insert(status.server.clone(), status);
            }
            Record::Agent(agent) => {
                self.agent_by_id.insert(agent.id, agent.name.clone());
                self.agents.insert(agent.name.clone(), agent);
            }
            Record::Token(token) => {
                self.tokens.insert(token.name.clone(), token);
            }
            Record::Operator(operator) => {
                self.operators.insert(operator.name.clone(), operator);
            }
            Record::Field(field) => {
                self.fields.insert(field.name.clone(), field);
            }
            Record::View(view) => {
                self.views.insert(view.name.clone(), view);
            }
            Record::NextSubnetId(id) => self.next_subnet_id = id,
        }
    }

    /// Takes a record out; see [`put`](Self::put).
    fn take(&mut self, record: &Record, stays: bool) {
        match record {
            Record::Space(space) => {
                self.count_fields_out(&space.labels);
                self.spaces.remove(&space.name);
            }
            Record::Prefix(prefix) => {
                self.count_fields_out(&prefix.labels);
                self.prefixes.remove(&prefix.name);
                self.count_out(&prefix.name);
            }
            Record::Scope(scope) => {
                self.count_fields_out(&scope.labels);
                self.scope_by_network.remove(&scope.prefix());
                self.scope_by_subnet_id.remove(&scope.subnet_id);
                self.delegated.take_scope(scope);
                if let Some(server) = &scope.server {
                    self.scopes_by_server.remove(&(server.clone(), scope.name.clone()));
                }
                if !stays {
                    for reservation in reservations_of(&self.reservations, &scope.name) {
                        self.addresses.vacate(&scope.space, reservation.name.address);
                    }
                    self.scopes.remove(&scope.name);
                }
            }
            Record::Reservation(reservation) => {
                self.count_fields_out(&reservation.labels);
                self.reservation_by_client.remove(&(reservation.name.scope.clone(), reservation.client.clone()));
                if let Some(scope) = self.scopes.get(&reservation.name.scope) {
                    self.addresses.vacate(&scope.space, reservation.name.address);
                }
                self.delegated.take_reservation(reservation);
                self.addresses.reservations.take(reservation);
                self.reservations.remove(&reservation.name);
            }
            Record::Address(assignment) => {
                self.count_fields_out(assignment.labels());
                self.addresses.take(assignment);
            }
            Record::Sighting(sighting) => self.sightings.take(sighting),
            Record::Server(server) => {
                self.servers.remove(&server.name);
            }
            Record::ServerStatus(status) => {
                self.leaving.remove(&status.server);
                self.statuses.remove(&status.server);
            }
            Record::Agent(agent) => {
                self.agent_by_id.remove(&agent.id);
                self.agents.remove(&agent.name);
            }
            Record::Token(token) => {
                self.tokens.remove(&token.name);
            }
            Record::Operator(operator) => {
                self.operators.remove(&operator.name);
            }
            Record::Field(field) => {
                self.fields.remove(&field.name);
            }
            Record::View(view) => {
                self.views.remove(&view.name);
            }
            Record::NextSubnetId(_) => {}
        }
    }
}

/// Indexes, for `check` alone.
impl State {
    pub(crate) fn has_indexed_under(&self, server: &ServerName, scope: &ScopeName) -> bool {
        self.scopes_by_server.contains(&(server.clone(), scope.clone()))
    }

    /// Prefixes with what is kept of their direct children.
    pub(crate) fn kept_carved(&self) -> &OrdMap<PrefixName, Carved> {
        &self.carved
    }

    /// Spaces with what is kept of the prefixes that have nothing around them.
    pub(crate) fn kept_roots(&self) -> &OrdMap<(SpaceName, Family), Carved> {
        &self.roots
    }

    /// Custom fields with the number of uses that is kept for them.
    pub(crate) fn kept_field_uses(&self) -> &OrdMap<FieldName, u64> {
        &self.field_uses
    }

    pub(crate) fn index_sizes(&self) -> Vec<(&'static str, usize, usize)> {
        let [by_client, by_host_name] = self.addresses.reservations.sizes();
        let [pools, reserved] = self.delegated.sizes();
        let named = self.reservations.values().filter(|reservation| reservation.host_name.is_some()).count();
        let served = self.scopes.values().filter(|scope| scope.server.is_some()).count();
        let mut sizes = vec![
            ("scopes by network", self.scope_by_network.len(), self.scopes.len()),
            ("scopes by subnet id", self.scope_by_subnet_id.len(), self.scopes.len()),
            ("scopes by server", self.scopes_by_server.len(), served),
            ("reservations by client", self.reservation_by_client.len(), self.reservations.len()),
            ("agents by id", self.agent_by_id.len(), self.agents.len()),
            ("pools of prefixes", pools, self.scopes.values().map(|scope| scope.prefix_pools.len()).sum()),
            ("reserved prefixes", reserved, self.reservations.values().map(|found| found.prefixes.len()).sum()),
            self.sightings.size(),
            ("reservations by client of any scope", by_client, self.reservations.len()),
            ("reservations by host name", by_host_name, named),
        ];
        sizes.extend(self.addresses.sizes());
        sizes
    }
}
