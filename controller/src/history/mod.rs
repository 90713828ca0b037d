//! What happened to an address, and who had it when: read from the [trails](crate::trail), never from what is there now.
//!
//! [`Past`] is one address' past. What concerns the address alone (assignments, reservations, leases) has a trail of its own; a change of a scope or a
//! prefix concerns all of its addresses and is not written down for each, so those trails are found by containment and joined here.

mod list;
mod seen;
#[cfg(test)]
mod tests;
mod who;

use crate::trail::{self, Position, Row, Topic, Trail, TrailError};
use freehold_core::access::{Reach, Spot};
use freehold_core::model::{Prefix, PrefixKind, Scope};
use freehold_core::name::{AddressName, PrefixName, ReservationName, ScopeName, ServerName};
use freehold_core::net::Cidr;
use freehold_core::{Change, Entry, Record, Revision, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use list::{Happened, Page, Place};
pub use seen::last_seen;
pub use who::{Held, Holding, Tenure};

/// Scopes that a network had, one after the other, that are looked at; who has more of them sees those of the last.
const SCOPES_MAX: usize = 256;

/// The past of one address.
#[derive(Debug)]
pub struct Past<'a> {
    trail: &'a Trail,
    name: AddressName,
    /// Every prefix that could contain it, the longest first.
    around: Vec<PrefixName>,
    /// Scopes that served one of these at some time.
    scopes: Vec<ScopeName>,
    /// What of what lies around it is told.
    reach: Reach,
    /// Whether a subnet id is that of a scope around the address; `None` if no scope had it.
    subnets: BTreeMap<u32, Option<bool>>,
}

/// An entry as far as it is about one record, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Where.
    pub position: Position,
    /// The entry, with one change.
    pub entry: Entry,
}

impl Noted {
    /// Its change.
    pub fn change(&self) -> Option<&Change> {
        self.entry.changes().first()
    }

    fn after(&self) -> Option<&Record> {
        self.change()?.after()
    }
}

/// Where and when a server was first proven to run a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Which.
    pub server: ServerName,
    /// When.
    pub at: Timestamp,
    /// The revision that it ran.
    pub revision: Revision,
}

/// After every time.
pub const ANY_TIME: Timestamp = Timestamp(i64::MAX);

impl<'a> Past<'a> {
    /// The past of this address, which lies in `reach`: of what lies around it only what does, too, is told. Blocks on the disk.
    ///
    /// # Errors
    /// If the trails cannot be read.
    pub fn of(trail: &'a Trail, name: AddressName, reach: Reach) -> Result<Self, TrailError> {
        let own = Cidr::of_one(name.address);
        let cidrs = std::iter::once(own).chain(own.ancestors());
        let around: Vec<_> = cidrs.map(|cidr| PrefixName { space: name.space.clone(), cidr }).collect();
        let mut scopes: Vec<ScopeName> = Vec::new();
        for prefix in &around {
            for row in trail.entries.newest(trail::network(prefix), Position::END, ANY_TIME, SCOPES_MAX)? {
                scopes.extend(trail::name::<ScopeName>(&row).filter(|scope| !scopes.contains(scope)));
            }
        }
        Ok(Self { trail, name, around, scopes, reach, subnets: BTreeMap::new() })
    }

    fn reservation(&self, scope: &ScopeName) -> String {
        ReservationName { scope: scope.clone(), address: self.name.address }.to_string()
    }

    /// The newest entry about the record `name` below a position and not after a time.
    fn last(&self, name: &str, below: Position, until: Timestamp) -> Result<Option<Noted>, TrailError> {
        let rows = self.trail.entries.newest(trail::resource(name), below, until, 1)?;
        Ok(rows.first().map(|row| noted(row, name)).transpose()?.flatten())
    }

    /// Whether a scope serves the address.
    fn serves(&self, scope: &Scope) -> bool {
        scope.space == self.name.space && scope.network.contains(self.name.address)
    }

    /// The scope around it right after a position and not after a time.
    fn scope(&self, below: Position, until: Timestamp) -> Result<Option<Arc<Scope>>, TrailError> {
        for name in &self.scopes {
            let last = self.last(&name.to_string(), below, until)?;
            if let Some(Record::Scope(scope)) = last.as_ref().and_then(Noted::after)
                && self.serves(scope)
            {
                return Ok(Some(Arc::clone(scope)));
            }
        }
        Ok(None)
    }

    /// The network around it at a time.
    fn network(&self, until: Timestamp) -> Result<Option<Arc<Prefix>>, TrailError> {
        for name in &self.around {
            let last = self.last(&name.to_string(), Position::END, until)?;
            if let Some(Record::Prefix(prefix)) = last.as_ref().and_then(Noted::after)
                && prefix.kind == PrefixKind::Network
            {
                return Ok(Some(Arc::clone(prefix)));
            }
        }
        Ok(None)
    }

    /// Whether a lease in a subnet of this id is one of the address in its space. Subnets that no scope ever had are of servers' own
    /// configuration, which knows no spaces: their leases are shown in all, to who sees all of them.
    fn concerns(&mut self, subnet_id: u32) -> Result<bool, TrailError> {
        if let Some(known) = self.subnets.get(&subnet_id) {
            return Ok(known.unwrap_or(self.reach.is_everywhere()));
        }
        let rows = self.trail.entries.newest(trail::subnet(subnet_id), Position::END, ANY_TIME, SCOPES_MAX)?;
        let places: Vec<PrefixName> = rows.iter().filter_map(trail::name).collect();
        let known = (!places.is_empty()).then(|| places.iter().any(|place| self.around.contains(place)));
        self.subnets.insert(subnet_id, known);
        Ok(known.unwrap_or(self.reach.is_everywhere()))
    }

    /// When `server` was first proven to run revision `revision`, made at a position.
    fn proven(
        &self,
        server: &ServerName,
        position: Position,
        revision: Revision,
    ) -> Result<Option<Proven>, TrailError> {
        /// Applies that were under way when the change was made, at most.
        const LOOKED_AT: usize = 16;
        let name = format!("{server}/status");
        for row in self.trail.entries.oldest(trail::resource(&name), position, LOOKED_AT)? {
            let Some(noted) = noted(&row, &name)? else { continue };
            if let Some(Record::ServerStatus(status)) = noted.after()
                && let Some(applied) = status.applied.as_ref().filter(|applied| applied.revision >= revision)
            {
                return Ok(Some(Proven { server: server.clone(), at: applied.at, revision: applied.revision }));
            }
        }
        Ok(None)
    }

    /// Whether a record is told of: what is the address' own, and of what lies around it what lies in the reach.
    fn tells(&self, record: &Record) -> bool {
        let own = matches!(record, Record::Address(_) | Record::Reservation(_));
        own || self.reach.is_everywhere() || self.reach.takes(&Spot::of(record, |_| None))
    }

    /// Whether an entry of a trail that was joined is about this address, and told.
    fn is_about(&self, noted: &Noted) -> bool {
        let touches = |record: Option<&Record>| match record {
            Some(Record::Scope(scope)) => self.serves(scope),
            other => other.is_some(),
        };
        noted.change().is_some_and(|change| {
            let told = [change.before(), change.after()].into_iter().flatten().all(|record| self.tells(record));
            told && (touches(change.before()) || touches(change.after()))
        })
    }
}

fn noted(row: &Row, name: &str) -> Result<Option<Noted>, TrailError> {
    let entry = trail::change(row, name)?;
    Ok(entry.map(|entry| Noted { position: row.position, entry }))
}

/// A trail read from the newest row to the oldest, some rows at a time.
#[derive(Debug)]
struct Backwards {
    topic: Topic,
    below: Position,
    rows: std::collections::VecDeque<Row>,
    ended: bool,
}

/// Rows read at a time.
const STRIDE: usize = 64;

impl Backwards {
    fn new(topic: Topic, below: Position) -> Self {
        Self { topic, below, rows: std::collections::VecDeque::new(), ended: false }
    }

    /// The next row; stays there.
    fn peek(&mut self, part: &trail::Part, until: Timestamp) -> Result<Option<&Row>, TrailError> {
        if self.rows.is_empty() && !self.ended {
            let rows = part.newest(self.topic, self.below, until, STRIDE)?;
            self.ended = rows.len() < STRIDE;
            self.below = rows.last().map_or(self.below, |row| row.position);
            self.rows.extend(rows);
        }
        Ok(self.rows.front())
    }

    fn take(&mut self) -> Option<Row> {
        self.rows.pop_front()
    }
}
