//! Who had an address at a moment.

use super::{Backwards, Noted, Past, Proven};
use crate::trail::{self, Position, TrailError};
use freehold_core::Record;
use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseEvent, LeaseEventKind};
use freehold_core::model::{Assignment, Prefix, Reservation, Scope};
use freehold_core::name::ServerName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that are looked at behind the one that answers, for what other servers granted and for the beginning of a tenure.
const BEHIND: usize = 4_096;
/// Losses of one server's events that are looked at.
const LOSSES: usize = 64;

/// A client's time with an address, on one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure {
    /// The server.
    pub server: ServerName,
    /// The lease as it was told last before the moment.
    pub lease: Lease,
    /// Since when.
    pub from: Timestamp,
    /// Whether the client may have had it before that.
    pub from_earlier: bool,
    /// Until when.
    pub until: Timestamp,
    /// What ended it, if not its own clock.
    pub ended_by: Option<LeaseEventKind>,
}

impl Tenure {
    /// Whether the client had the address at `time`.
    pub fn covers(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.until
    }
}

/// Whom an address was given to at a moment, of what is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Leases.
    pub leases: Vec<Tenure>,
    /// Hold or claim.
    pub assignment: Option<Arc<Assignment>>,
    /// Reservation.
    pub reservation: Option<Arc<Reservation>>,
    /// The scope around it.
    pub scope: Option<Arc<Scope>>,
    /// The network around it.
    pub network: Option<Arc<Prefix>>,
    /// The last change before, and where it was first proven to run.
    pub last_change: Option<(Noted, Option<Proven>)>,
    /// What is not known.
    pub unknown: Vec<Held>,
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The moment lies before the first entry of the store.
    BeforeTheStore {
        /// When that was; `None` if there is none.
        began: Option<Timestamp>,
    },
    /// Nothing of what this server leased is known before this.
    BeforeTheStream {
        /// Which.
        server: ServerName,
        /// When its first events came.
        began: Timestamp,
    },
    /// Events of this server between the two may be missing.
    Gap {
        /// Which.
        server: ServerName,
        /// The last before.
        from: Timestamp,
        /// The first after.
        until: Timestamp,
        /// How many were lost; `None` if that is not known.
        lost: Option<u64>,
    },
    /// This server is not connected, and may have leased it since this.
    Silent {
        /// Which.
        server: ServerName,
        /// When the last of its events came.
        since: Option<Timestamp>,
    },
}

/// What is known of one server's leases of the address, going back.
#[derive(Debug, Default)]
struct Telling {
    /// The tenure that the events so far belong to, or what ended the one before them.
    newer: Option<Tenure>,
    ended: Option<(Timestamp, LeaseEventKind)>,
    /// The event at the moment was met.
    met: bool,
    done: bool,
}

impl Past<'_> {
    /// Who had the address at `time`. `connected` says which servers can be heard now. Blocks on the disk.
    ///
    /// # Errors
    /// If the trails cannot be read.
    pub fn holding(&mut self, time: Timestamp, connected: &dyn Fn(&ServerName) -> bool) -> Result<Holding, TrailError> {
        let scope = self.scope(Position::END, time)?;
        let mut last = self.last(&self.name.to_string(), Position::END, time)?;
        let assignment = match last.as_ref().and_then(Noted::after) {
            Some(Record::Address(assignment)) => Some(Arc::clone(assignment)),
            _ => None,
        };
        let mut reservation = None;
        for name in &self.scopes {
            let reserved = self.last(&self.reservation(name), Position::END, time)?;
            if let Some(Record::Reservation(found)) = reserved.as_ref().and_then(Noted::after)
                && scope.as_ref().is_some_and(|scope| scope.name == *name)
            {
                reservation = Some(Arc::clone(found));
            }
            let around = self.last(&name.to_string(), Position::END, time)?.filter(|noted| self.is_about(noted));
            last = [last, reserved, around].into_iter().flatten().max_by_key(|noted| noted.position);
        }
        for name in &self.around {
            let around = self.last(&name.to_string(), Position::END, time)?.filter(|noted| self.is_about(noted));
            last = [last, around].into_iter().flatten().max_by_key(|noted| noted.position);
        }
        let last_change = match last {
            Some(noted) => {
                let proven = self.proven_of(&noted)?;
                Some((noted, proven))
            }
            None => None,
        };
        let leases = self.tenures(time)?;
        let mut servers: Vec<ServerName> = leases.iter().map(|tenure| tenure.server.clone()).collect();
        servers.extend(scope.as_ref().and_then(|scope| scope.server.clone()));
        servers.sort();
        servers.dedup();
        let mut unknown = self.before_the_store(time)?;
        for server in servers {
            unknown.extend(self.missing(&server, time, connected(&server))?);
        }
        let leases = leases.into_iter().filter(|tenure| tenure.covers(time)).collect();
        let network = self.network(time)?.filter(|network| self.reach.covers_prefix(&network.name));
        let scope = scope.filter(|scope| self.reach.covers(&scope.space, &scope.network));
        Ok(Holding { leases, assignment, reservation, scope, network, last_change, unknown })
    }

    /// The tenures around `time`, one a server that has any, whether they cover it or ended before.
    fn tenures(&mut self, time: Timestamp) -> Result<Vec<Tenure>, TrailError> {
        let mut rows = Backwards::new(trail::leased(self.name.address), Position::END);
        let (mut told, mut behind) = (BTreeMap::<ServerName, Telling>::new(), 0);
        while rows.peek(&self.trail.leases, super::ANY_TIME)?.is_some() && behind < BEHIND {
            let Some(row) = rows.take() else { break };
            behind += usize::from(row.at <= time);
            let Some(batch) = self.lease_event(&row)? else { continue };
            let Some(event) = batch.events.first() else { continue };
            let telling = told.entry(batch.server.clone()).or_default();
            telling.go_back(&batch.server, event, time);
        }
        let cut = behind == BEHIND;
        let met = told.into_values().filter(|telling| telling.met);
        let tenures = met.filter_map(|telling| {
            let from_earlier = cut && !telling.done;
            telling.newer.map(|tenure| Tenure { from_earlier: tenure.from_earlier || from_earlier, ..tenure })
        });
        Ok(tenures.collect())
    }

    fn before_the_store(&self, time: Timestamp) -> Result<Vec<Held>, TrailError> {
        let first = self.trail.entries.history().read(1)?.next().transpose()?;
        let entries = first.map(|frame| freehold_proto::convert::stored::decode_frame(&frame.payload)).transpose()?;
        let began = entries.and_then(|entries| entries.first().map(|entry| entry.at));
        let known = began.is_some_and(|began| began <= time);
        Ok(if known { Vec::new() } else { vec![Held::BeforeTheStore { began }] })
    }

    /// What may be missing of a server's events around `time`.
    fn missing(&self, server: &ServerName, time: Timestamp, connected: bool) -> Result<Vec<Held>, TrailError> {
        let leases = &self.trail.leases;
        let mut missing = Vec::new();
        let losses = leases.newest(trail::stream(server), Position::END, super::ANY_TIME, LOSSES)?;
        let mut epochs = losses.iter().skip(1).map(trail::batch);
        for row in &losses {
            let before = epochs.next().transpose()?.flatten();
            let Some(batch) = trail::batch(row)?.filter(|batch| batch.server == *server) else { continue };
            let frame = Position::new(row.position.frame(), 0);
            let last = leases.newest(trail::server(server), frame, super::ANY_TIME, 1)?;
            let Some(from) = last.first().map(|row| row.at) else {
                if time < row.at {
                    missing.push(Held::BeforeTheStream { server: server.clone(), began: row.at });
                }
                continue;
            };
            let same_spool = before.is_none_or(|before| before.epoch == batch.epoch);
            let lost = batch.next_seq.saturating_sub(batch.first_seq);
            // What came after tells of every lease that was still there; only what began and ended in between is gone.
            if from <= time && time < row.at && (!same_spool || lost > 0) {
                let lost = same_spool.then_some(lost);
                missing.push(Held::Gap { server: server.clone(), from, until: row.at, lost });
            }
        }
        let newest = leases.newest(trail::server(server), Position::END, super::ANY_TIME, 1)?;
        let since = newest.first().map(|row| row.at);
        if !connected && since.is_none_or(|since| since <= time) {
            missing.push(Held::Silent { server: server.clone(), since });
        }
        Ok(missing)
    }
}

impl Telling {
    /// Takes in the event before those so far.
    fn go_back(&mut self, server: &ServerName, event: &LeaseEvent, time: Timestamp) {
        if self.done {
            return;
        }
        let at = trail::effective(event);
        let grants = matches!(event.kind, LeaseEventKind::Seen | LeaseEventKind::Granted | LeaseEventKind::Renewed);
        if !grants {
            if self.met {
                self.done = true;
            } else if at <= time {
                // Over before the moment: whose it was is not asked.
                (self.met, self.done, self.newer) = (true, true, None);
            } else {
                (self.newer, self.ended) = (None, Some((at, event.kind)));
            }
            return;
        }
        let ended = self.ended.take();
        let same = |newer: &Tenure| same_client(&newer.lease, &event.lease) && newer.from <= event.lease.ends();
        match self.newer.take() {
            Some(newer) if same(&newer) => {
                // Of a tenure the last word before the moment is shown.
                let lease = if self.met { newer.lease } else { event.lease.clone() };
                let from_earlier = event.kind == LeaseEventKind::Seen || event.kind == LeaseEventKind::Renewed;
                self.newer = Some(Tenure { lease, from: at.min(newer.from), from_earlier, ..newer });
            }
            Some(newer) if self.met => {
                self.newer = Some(newer);
                self.done = true;
            }
            newer => {
                let taken = newer.map(|newer| (newer.from, LeaseEventKind::Removed));
                let early = ended.or(taken).filter(|(end, _)| *end < event.lease.ends());
                let (until, ended_by) = match early {
                    Some((end, kind)) => (end, Some(kind)),
                    None => (event.lease.ends(), None),
                };
                self.newer = Some(Tenure {
                    server: server.clone(),
                    lease: event.lease.clone(),
                    from: at,
                    from_earlier: matches!(event.kind, LeaseEventKind::Seen | LeaseEventKind::Renewed),
                    until,
                    ended_by,
                });
            }
        }
        self.met |= at <= time;
        self.done |= self.met && event.kind == LeaseEventKind::Granted;
    }
}

fn same_client(one: &Lease, other: &Lease) -> bool {
    (&one.hardware, &one.client_id, &one.duid, one.iaid) == (&other.hardware, &other.client_id, &other.duid, other.iaid)
}
