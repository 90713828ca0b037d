//! A snapshot as a file: in the order of the names, a piece at a time.
//!
//! The place is kept by name, not by an iterator, so an export costs its piece and the snapshot that it holds; a slow reader holds
//! back nobody.

use super::{Answers, Caller};
use crate::api::call::refuse;
use freehold_core::access::{Permission, Reach};
use freehold_core::exchange::{Item, Table, Writer};
use freehold_core::filter::{Filter, Lookup};
use freehold_core::lease::{Lease, LeaseBook};
use freehold_core::model::{Scope, SubnetId, ViewKind};
use freehold_core::name::{PrefixName, ReservationName, ScopeName, ServerName, SpaceName};
use freehold_core::net::{Cidr, Family, family, to_number};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::rows::{self, AddressRow, PrefixRow, ReservationRow, ScopeRow};
use freehold_core::{State, export};
use freehold_proto::v1::export_request::Kind;
use freehold_proto::v1::{ExportRequest, ExportResponse};
use futures_util::{StreamExt, stream};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;
use tonic::Status;

/// Bytes of a piece, about.
const PIECE: usize = 64 << 10;
/// Things that are looked at for one piece at most.
const STRIDE: usize = 2_048;

/// Which part of the plan is exported.
#[derive(Debug, Clone)]
enum Within {
    All,
    Space(SpaceName),
    Prefix(PrefixName),
}

impl Within {
    /// The part of this name. It is refused in the same words whether or not it is there, if nothing of it is seen.
    fn parse(state: &State, parent: &str, seen: impl Fn(&Self) -> Result<(), Refusal>) -> Result<Self, Refusal> {
        let missing = |reason| Refusal::new(reason, format!("{parent} does not exist")).at("parent").about(parent);
        let at = |refusal: Refusal| refusal.at("parent");
        let within = match parent {
            "" | "spaces/-" => Self::All,
            _ if parent.contains("/prefixes/") => Self::Prefix(parent.parse().map_err(at)?),
            _ => Self::Space(parent.parse().map_err(at)?),
        };
        seen(&within)?;
        match &within {
            Self::Prefix(name) if state.prefix(name).is_none() => Err(missing(Reason::PrefixNotFound)),
            Self::Space(name) if state.space(name).is_none() => Err(missing(Reason::SpaceNotFound)),
            Self::All | Self::Space(_) | Self::Prefix(_) => Ok(within),
        }
    }

    /// Whether a part of it lies in a reach.
    fn meets(&self, reach: &Reach) -> bool {
        match self {
            Self::All => true,
            Self::Space(name) => reach.meets_space(name),
            Self::Prefix(name) => reach.meets(&name.space, &name.cidr),
        }
    }

    fn has(&self, space: &SpaceName, cidr: &Cidr) -> bool {
        match self {
            Self::All => true,
            Self::Space(name) => name == space,
            Self::Prefix(name) => name.space == *space && name.cidr.covers(cidr),
        }
    }
}

/// Where an export is: behind this name.
enum Place {
    Prefix(Option<PrefixName>),
    /// The space that comes next, the family in it, and the number of the address that comes next there.
    Address(SpaceName, Family, u128),
    Range(Option<ScopeName>),
    Reservation(Option<ReservationName>),
    Scope(Option<ScopeName>),
    Lease(Option<(ServerName, IpAddr)>),
    End,
}

/// One export under way.
struct Export {
    caller: Caller,
    permission: Permission,
    /// Where the caller has it.
    reach: Reach,
    state: Arc<State>,
    book: Arc<LeaseBook>,
    within: Within,
    filter: Option<Filter>,
    writer: Writer,
    place: Place,
    begun: bool,
}

fn table(kind: Kind) -> Result<(Table, Permission), Refusal> {
    Ok(match kind {
        Kind::Unspecified => {
            return Err(Refusal::new(Reason::FieldRequired, "say what is to be exported").at("kind"));
        }
        Kind::Prefixes => (Table::Prefixes, Permission::PrefixesRead),
        Kind::Addresses => (Table::Addresses, Permission::AddressesRead),
        Kind::Ranges => (Table::Ranges, Permission::ScopesRead),
        Kind::Reservations => (Table::Reservations, Permission::ReservationsRead),
        Kind::Scopes => (Table::Scopes, Permission::ScopesRead),
        Kind::Leases => (Table::Leases, Permission::LeasesRead),
    })
}

/// What the rows of a table are filtered as; ranges are those of the scopes that are taken.
fn filtered(table: Table) -> Option<ViewKind> {
    match table {
        Table::Prefixes => Some(ViewKind::Prefixes),
        Table::Addresses => Some(ViewKind::Addresses),
        Table::Ranges | Table::Scopes => Some(ViewKind::Scopes),
        Table::Reservations => Some(ViewKind::Reservations),
        Table::Leases => None,
    }
}

/// Begins an export; its pieces come as they are read.
pub(super) fn begin(caller: &Caller, request: &ExportRequest) -> Result<Answers<ExportResponse>, Refusal> {
    let kind = Kind::try_from(request.kind)
        .map_err(|_| Refusal::new(Reason::InvalidValue, format!("there is no kind {}", request.kind)).at("kind"))?;
    let (table, permission) = table(kind)?;
    let reach = caller.reach(permission)?;
    let (state, book) = (caller.api.engine.state(), caller.api.leases.book());
    let within = Within::parse(&state, &request.parent, |within| match within.meets(&reach) {
        true => Ok(()),
        false => Err(reach.refuse(&caller.operator, permission, &request.parent)),
    })?;
    let filter = match filtered(table) {
        Some(rows) => rows::bind(&state, rows, &request.filter, caller.api.engine.now())?,
        None if request.filter.is_empty() => None,
        None => {
            let message = "leases are not exported by a filter; leave it out";
            return Err(Refusal::new(Reason::InvalidFilter, message).at("filter"));
        }
    };
    let seen = |scope: &&Arc<Scope>| table == Table::Scopes && reach.covers(&scope.space, &scope.network);
    let options = state.scopes().values().filter(seen);
    let options = options.flat_map(|scope| scope.options.iter().map(|(code, _)| code));
    let writer = Writer::new(table, export::fields(&state, table), options);
    let place = match table {
        Table::Prefixes => Place::Prefix(None),
        Table::Addresses => match state.spaces().keys().next() {
            Some(first) => Place::Address(first.clone(), Family::V4, 0),
            None => Place::End,
        },
        Table::Ranges => Place::Range(None),
        Table::Reservations => Place::Reservation(None),
        Table::Scopes => Place::Scope(None),
        Table::Leases => Place::Lease(None),
    };
    let export =
        Export { caller: caller.clone(), permission, reach, state, book, within, filter, writer, place, begun: false };
    let pieces = stream::unfold(export, |mut export| async move {
        let piece = export.piece().await?;
        Some((piece, export))
    });
    Ok(pieces.boxed())
}

impl Export {
    /// The next piece; `None` at the end.
    async fn piece(&mut self) -> Option<Result<ExportResponse, Status>> {
        let mut text = String::new();
        let mut response = ExportResponse::default();
        if !self.begun {
            self.begun = true;
            self.writer.header(&mut text);
            response.revision = self.state.revision().0;
        }
        while text.len() < PIECE && !matches!(self.place, Place::End) {
            match self.caller.reach(self.permission) {
                Ok(reach) => self.reach = reach,
                Err(lost) => return Some(Err(refuse(lost))),
            }
            for item in self.stride() {
                // Every row is of the table, and every field and option of the snapshot has its column.
                if let Err(error) = self.writer.row(&item, &mut text) {
                    return Some(Err(Status::internal(error.to_string())));
                }
            }
            tokio::task::yield_now().await;
        }
        response.data = text.into_bytes();
        (!response.data.is_empty()).then_some(Ok(response))
    }

    /// The rows of the next things, and the place behind them.
    fn stride(&mut self) -> Vec<Item> {
        let state = &self.state;
        let place = std::mem::replace(&mut self.place, Place::End);
        match place {
            Place::End => Vec::new(),
            Place::Prefix(after) => {
                let mut last = None;
                let found = state.prefixes().range((behind(after), Bound::Unbounded)).take(STRIDE);
                let items = found.filter_map(|(name, prefix)| {
                    last = Some(name.clone());
                    let taken = self.has(&name.space, &name.cidr) && self.takes(&PrefixRow::new(state, prefix));
                    taken.then(|| export::prefix(prefix))
                });
                let items = items.collect();
                self.place = last.map_or(Place::End, |last| Place::Prefix(Some(last)));
                items
            }
            Place::Address(space, family, from) => self.addresses(space, family, from),
            Place::Range(after) => {
                let (scopes, place) = self.scopes(after);
                self.place = place.map_or(Place::End, |last| Place::Range(Some(last)));
                scopes.iter().flat_map(|scope| export::ranges(scope)).collect()
            }
            Place::Scope(after) => {
                let (scopes, place) = self.scopes(after);
                self.place = place.map_or(Place::End, |last| Place::Scope(Some(last)));
                scopes.iter().map(|scope| export::scope(scope)).collect()
            }
            Place::Reservation(after) => {
                let mut last = None;
                let found = state.reservations().range((behind(after), Bound::Unbounded)).take(STRIDE);
                let items = found.filter_map(|(name, reservation)| {
                    last = Some(name.clone());
                    let scope = state.scope(&name.scope)?;
                    let here = self.has(&scope.space, &Cidr::of_one(name.address));
                    (here && self.takes(&ReservationRow::new(state, reservation)))
                        .then(|| export::reservation(reservation))
                });
                let items = items.collect();
                self.place = last.map_or(Place::End, |last| Place::Reservation(Some(last)));
                items
            }
            Place::Lease(after) => self.leases(after),
        }
    }

    /// Whether what lies there is exported.
    fn has(&self, space: &SpaceName, cidr: &Cidr) -> bool {
        self.within.has(space, cidr) && self.reach.covers(space, cidr)
    }

    fn takes(&self, row: &impl Lookup) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(row))
    }

    fn scopes(&self, after: Option<ScopeName>) -> (Vec<Arc<Scope>>, Option<ScopeName>) {
        let mut last = None;
        let found = self.state.scopes().range((behind(after), Bound::Unbounded)).take(STRIDE / 8);
        let scopes = found.filter_map(|(name, scope)| {
            last = Some(name.clone());
            let here = self.has(&scope.space, &scope.network);
            (here && self.takes(&ScopeRow::new(&self.state, scope))).then(|| Arc::clone(scope))
        });
        (scopes.collect(), last)
    }

    fn addresses(&mut self, space: SpaceName, family: Family, from: u128) -> Vec<Item> {
        let mut next = None;
        let found = self.state.assignments_within(&space, family, from..=u128::MAX).take(STRIDE);
        let items = found.filter_map(|claim| {
            next = Some(to_number(claim.name.address).checked_add(1));
            let here = self.has(&space, &Cidr::of_one(claim.name.address));
            (here && self.takes(&AddressRow::new(&self.state, &claim))).then(|| export::claim(&claim))?
        });
        let items = items.collect();
        self.place = match (next.flatten(), family) {
            (Some(from), _) => Place::Address(space, family, from),
            (None, Family::V4) => Place::Address(space, Family::V6, 0),
            (None, Family::V6) => {
                let behind = self.state.spaces().range((Bound::Excluded(space), Bound::Unbounded)).next();
                behind.map_or(Place::End, |(space, _)| Place::Address(space.clone(), Family::V4, 0))
            }
        };
        items
    }

    fn leases(&mut self, after: Option<(ServerName, IpAddr)>) -> Vec<Item> {
        let mut last = None;
        let servers = self.book.servers().skip_while(|(server, _)| after.as_ref().is_some_and(|(at, _)| *server < at));
        let found = servers.flat_map(|(server, leases)| {
            let here = after.as_ref().filter(|(at, _)| at == server).map(|(_, address)| *address);
            let from = here.map_or(Bound::Unbounded, Bound::Excluded);
            leases.leases.range((from, Bound::Unbounded)).map(move |(_, lease)| (server, lease))
        });
        let items = found.take(STRIDE).filter_map(|(server, lease)| {
            last = Some((server.clone(), lease.address));
            self.has_lease(lease).then(|| export::lease(server, lease))
        });
        let items = items.collect();
        self.place = last.map_or(Place::End, |last| Place::Lease(Some(last)));
        items
    }

    /// Whether a lease is of a scope that is exported; without a place in the plan it is only among all.
    fn has_lease(&self, lease: &Lease) -> bool {
        if !self.reach.takes_lease(&self.state, lease) {
            return false;
        }
        if matches!(self.within, Within::All) {
            return true;
        }
        let scope = SubnetId::new(lease.subnet_id).and_then(|id| self.state.scope_of_subnet_id(id));
        scope.is_some_and(|scope| {
            family(lease.address) == scope.network.family()
                && self.within.has(&scope.space, &Cidr::of_one(lease.address))
        })
    }
}

fn behind<T>(after: Option<T>) -> Bound<T> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}
