use super::clash::{Clash, Conflict, ConflictKind, Firm};
use super::find::Facts;
use super::foreign::Foreign;
use super::touch::{Place, Touched, one_way};
use crate::change::{Change, Record};
use crate::lease::Lease;
use crate::name::ConflictName;
use crate::time::Timestamp;
use imbl::{OrdMap, OrdSet};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// The conflicts that are there: by kind, then by place. Copying them costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflicts {
    all: OrdMap<String, Arc<Conflict>>,
    keys: OrdMap<ConflictName, String>,
}

impl Conflicts {
    /// The conflict of this name.
    pub fn get(&self, name: &ConflictName) -> Option<&Arc<Conflict>> {
        self.all.get(self.keys.get(name)?)
    }

    /// Those behind `key`, or all, each with its key.
    pub fn after<'a>(&'a self, key: Option<&'a str>) -> impl Iterator<Item = (&'a String, &'a Arc<Conflict>)> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.all.range::<_, str>((from, Bound::Unbounded))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many of each kind there are.
    pub fn counts(&self) -> BTreeMap<ConflictKind, usize> {
        let mut counts = BTreeMap::new();
        for conflict in self.all.values() {
            *counts.entry(conflict.clash.kind()).or_default() += 1;
        }
        counts
    }
}

/// Keeps [`Conflicts`] up to date.
#[derive(Debug, Clone, Default)]
pub struct Watcher {
    found: Conflicts,
    /// What is bound to each place; a conflict is bound to every place that finds it.
    bound: BTreeMap<Place, OrdSet<String>>,
    foreign: Foreign,
    touched: Touched,
}

impl Watcher {
    /// All conflicts of these facts. Costs the leases, scopes and servers; what is assigned and reserved is found by its leases.
    pub fn of(facts: &Facts<'_>, now: Timestamp) -> Self {
        let mut watcher = Self::default();
        facts.state.servers().values().for_each(|server| watcher.foreign.put(server));
        watcher.look_at_all(facts, now);
        watcher
    }

    /// Looks at everything again, for whoever missed what leases changed. What stays a conflict keeps its times.
    pub fn look_at_all(&mut self, facts: &Facts<'_>, now: Timestamp) {
        self.touched.0.extend(self.bound.keys().cloned());
        self.touched.0.extend(facts.state.servers().keys().cloned().map(Place::Server));
        self.touched.0.extend(facts.state.scopes().keys().cloned().map(Place::Scope));
        let answering = facts.state.sightings().map(|sighting| Place::Address(sighting.name.clone()));
        self.touched.0.extend(answering);
        for status in facts.state.statuses().values() {
            let refused = status.quarantine.keys().map(|key| Place::Resource(status.server.clone(), key.clone()));
            self.touched.0.extend(refused);
        }
        // A lease at a time: the places of a million of them need not be there at once.
        for (_, leases) in facts.book.servers() {
            for lease in leases.leases.values() {
                self.leased(facts, lease);
                self.refresh(facts, now);
            }
        }
        self.refresh(facts, now);
    }

    /// What there is, since the last refresh.
    pub fn found(&self) -> &Conflicts {
        &self.found
    }

    /// Notes what a change of the plan touches. `facts` are those after it, or after later ones too.
    pub fn changed(&mut self, facts: &Facts<'_>, change: &Change) {
        if let Some(Record::Server(before)) = change.before() {
            self.foreign.take(before);
        }
        if let Some(Record::Server(after)) = change.after() {
            self.foreign.put(after);
        }
        self.touched.change(facts, change);
    }

    /// Notes what a lease touches that was granted, changed or ended. Of one that another took the place of, whoever calls
    /// this says both.
    pub fn leased(&mut self, facts: &Facts<'_>, lease: &Lease) {
        self.touched.lease(facts, lease);
    }

    /// How many places are to be looked at.
    pub fn waiting(&self) -> usize {
        self.touched.0.len()
    }

    /// Looks at what was touched again; says whether anything became different.
    pub fn refresh(&mut self, facts: &Facts<'_>, now: Timestamp) -> bool {
        let mut different = false;
        for place in std::mem::take(&mut self.touched.0) {
            let clashes: BTreeMap<String, Clash> =
                facts.clashes(&self.foreign, &place).into_iter().map(|clash| (clash.key(), clash)).collect();
            let before = self.bound.get(&place).cloned().unwrap_or_default();
            for key in before.iter().filter(|key| !clashes.contains_key(*key)) {
                self.end(key);
                different = true;
            }
            for (key, clash) in clashes {
                different |= self.note(key, clash, now);
            }
        }
        different
    }

    fn note(&mut self, key: String, clash: Clash, now: Timestamp) -> bool {
        if let Some(known) = self.found.all.get_mut(&key) {
            if known.clash == clash {
                return false;
            }
            *known = Arc::new(Conflict { clash, ..Conflict::clone(known) });
            return true;
        }
        for place in places_of(&clash) {
            self.bound.entry(place).or_default().insert(key.clone());
        }
        let conflict = Conflict::noticed(clash, &key, now);
        self.found.keys.insert(conflict.name.clone(), key.clone());
        self.found.all.insert(key, Arc::new(conflict));
        true
    }

    fn end(&mut self, key: &String) {
        let Some(conflict) = self.found.all.remove(key) else { return };
        self.found.keys.remove(&conflict.name);
        for place in places_of(&conflict.clash) {
            if let Some(bound) = self.bound.get_mut(&place) {
                bound.remove(key);
                if bound.is_empty() {
                    self.bound.remove(&place);
                }
            }
        }
    }
}

/// The places that find a clash. They follow from what its key follows from, so that it is found again when it is over.
fn places_of(clash: &Clash) -> Vec<Place> {
    match clash {
        Clash::LeaseAgainst { firm: Firm::Assigned(assignment), .. } => vec![Place::Address(assignment.name.clone())],
        Clash::LeaseAgainst { firm: Firm::Reserved(_, reservation), .. } => {
            vec![Place::Reserved(reservation.name.clone())]
        }
        Clash::LeasedTwice { name, .. } => vec![Place::Address(name.clone())],
        Clash::Answers(sighting) => vec![Place::Address(sighting.name.clone())],
        Clash::ClientElsewhere { firm, .. } => {
            firm.client().map(|client| Place::Client(one_way(client))).into_iter().collect()
        }
        Clash::ScopesOverlap { one, other, .. } => [one, other].map(|scope| Place::Scope(scope.name.clone())).into(),
        Clash::ForeignSubnet { server, scope, .. } => {
            vec![Place::Server(server.clone()), Place::Scope(scope.name.clone())]
        }
        Clash::Refused { server, key, .. } => vec![Place::Resource(server.clone(), key.clone())],
    }
}
