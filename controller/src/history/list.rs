//! Everything that happened to an address, the newest first.

use super::{Backwards, Noted, Past, Proven, noted};
use crate::trail::{self, Position, Row, TrailError};
use freehold_core::model::Scope;
use freehold_core::{Record, Timestamp};
use freehold_proto::convert::stored::LeaseBatch;

/// Rows looked at for one page at most; a page may be short and still have a next one.
const LOOKED_AT_MAX: usize = 20_000;

/// Something that happened to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A change, and where it was first proven to run.
    Changed(Box<Noted>, Option<Proven>),
    /// An event of a lease, alone in its batch.
    Leased(LeaseBatch),
}

/// Where a page ended, in both ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// In the ledger.
    pub entries: Position,
    /// In the lease ledger.
    pub leases: Position,
}

impl Place {
    /// Before the newest.
    pub const NEWEST: Self = Self { entries: Position::END, leases: Position::END };
}

/// A page of what happened.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Happened>,
    /// Where the next begins, if there may be one.
    pub next: Option<Place>,
}

impl Past<'_> {
    /// Up to `size` rows from `from` on that happened in `times`. Blocks on the disk.
    ///
    /// # Errors
    /// If the trails cannot be read.
    pub fn page(&mut self, from: Place, times: (Timestamp, Timestamp), size: usize) -> Result<Page, TrailError> {
        let (first, until) = (times.0, Timestamp(times.1.0.saturating_sub(1)));
        let mut names = vec![self.name.to_string()];
        names.extend(self.scopes.iter().flat_map(|scope| [scope.to_string(), self.reservation(scope)]));
        names.extend(self.around.iter().map(ToString::to_string));
        let mut changes: Vec<(String, Backwards)> = names
            .into_iter()
            .map(|name| (trail::resource(&name), name))
            .map(|(topic, name)| (name, Backwards::new(topic, from.entries)))
            .collect();
        let mut leases = Backwards::new(trail::leased(self.name.address), from.leases);
        let (mut rows, mut place, trail) = (Vec::new(), from, self.trail);
        for _ in 0..LOOKED_AT_MAX {
            if rows.len() == size {
                return Ok(Page { rows, next: Some(place) });
            }
            let mut newest: Option<(Position, Timestamp, usize)> = None;
            for (index, (_, trail_of_one)) in changes.iter_mut().enumerate() {
                if let Some(row) = trail_of_one.peek(&trail.entries, until)?
                    && newest.is_none_or(|(position, ..)| row.position > position)
                {
                    newest = Some((row.position, row.at, index));
                }
            }
            let change = newest.filter(|(_, at, _)| *at >= first);
            let lease = leases.peek(&trail.leases, until)?.map(|row| row.at).filter(|at| *at >= first);
            match (change, lease) {
                (None, None) => return Ok(Page { rows, next: None }),
                (Some((position, at, index)), lease) if lease.is_none_or(|lease| at >= lease) => {
                    let (name, trail_of_one) = &mut changes[index];
                    place.entries = position;
                    if let Some(row) = trail_of_one.take()
                        && let Some(noted) = noted(&row, name)?
                        && self.is_about(&noted)
                    {
                        let proven = self.proven_of(&noted)?;
                        rows.push(Happened::Changed(Box::new(noted), proven));
                    }
                }
                _ => {
                    if let Some(row) = leases.take() {
                        place.leases = row.position;
                        rows.extend(self.lease_event(&row)?.map(Happened::Leased));
                    }
                }
            }
        }
        Ok(Page { rows, next: Some(place) })
    }

    /// The event of a row of leases, if it is of this address in this space.
    pub(super) fn lease_event(&mut self, row: &Row) -> Result<Option<LeaseBatch>, TrailError> {
        let Some(batch) = trail::batch(row)? else { return Ok(None) };
        let Some(event) = batch.events.first().filter(|event| event.lease.address == self.name.address) else {
            return Ok(None);
        };
        let concerns = self.concerns(event.lease.subnet_id)?;
        Ok(concerns.then_some(batch))
    }

    /// Where a change was first proven to run.
    pub(super) fn proven_of(&self, noted: &Noted) -> Result<Option<Proven>, TrailError> {
        let change = noted.change();
        let server_of = |scope: &Scope| scope.server.clone();
        let server = match change.and_then(|change| change.after().or(change.before())) {
            Some(Record::Scope(scope)) => server_of(scope),
            Some(Record::Address(_) | Record::Reservation(_)) => {
                let right_after = Position(noted.position.0 + 1);
                self.scope(right_after, super::ANY_TIME)?.and_then(|scope| server_of(&scope))
            }
            _ => None,
        };
        let Some(server) = server else { return Ok(None) };
        self.proven(&server, noted.position, noted.entry.revision)
    }
}
