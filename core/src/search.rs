//! Finding anything by whatever it is known by, in bounded work.
//!
//! Addresses, hardware addresses, clients and host names are found by the indexes of the [state](State) and the [book](LeaseBook). Titles, descriptions,
//! comments and owners are looked through, [`LOOKED_AT`] records of each kind and no more; what was not looked through to its end is named in the answer.

use crate::access::Reach;
use crate::client::{ClientId, ClientIdentity, Duid, HardwareAddress, HardwarePrefix};
use crate::lease::{Lease, LeaseBook};
use crate::model::{Assignment, Reservation, Scope};
use crate::name::{AddressName, PrefixName, ReservationName, ServerName};
use crate::net::Cidr;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// Records of one kind that are looked through for a part of their text.
pub const LOOKED_AT: usize = 4_000;
/// Matches of one kind in one way.
pub const FOUND_MAX: usize = 1_000;
/// The most bytes of a question.
pub const QUERY_MAX: usize = 256;

/// How well something matches; the best is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// It is exactly that.
    Exact,
    /// It begins so, or lies around or in it.
    Begins,
    /// That is a part of its text.
    Contains,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// How well it matches.
    pub rank: Rank,
    /// What it is.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The field that matches.
    pub field: &'static str,
    /// What that has.
    pub value: String,
    /// Its address or CIDR.
    pub place: String,
}

/// What was found, the best first, and what was not looked through to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The matches, each record once.
    pub matches: Vec<Match>,
    /// Kinds and fields that may have more.
    pub cut_off: BTreeSet<&'static str>,
}

/// Finds what `query` may mean, of what lies in `reach`.
///
/// # Errors
/// If it is empty or too long.
pub fn search(state: &State, book: &LeaseBook, reach: &Reach, query: &str) -> Result<Found, Refusal> {
    let query = query.trim();
    if query.is_empty() {
        return Err(Refusal::new(Reason::FieldRequired, "say what to search for").at("query"));
    }
    if query.len() > QUERY_MAX {
        let message = format!("a question of {} bytes; at most {QUERY_MAX} are taken", query.len());
        return Err(Refusal::new(Reason::InvalidValue, message).at("query"));
    }
    let mut search = Search { state, book, reach, found: Found::default() };
    if let Ok(address) = query.parse::<IpAddr>() {
        search.address(address);
    } else if let Ok(cidr) = query.parse::<Cidr>() {
        search.cidr(&cidr);
    } else {
        search.client(query);
        search.host_name(&query.to_ascii_lowercase());
        search.text(&query.to_lowercase());
    }
    let mut found = search.found;
    found.matches.sort();
    // Of one record the best match is shown.
    let mut shown = BTreeSet::new();
    found.matches.retain(|one| shown.insert((one.kind, one.name.clone())));
    Ok(found)
}

type Leased<'a> = (&'a ServerName, &'a Arc<Lease>);

struct Search<'a> {
    state: &'a State,
    book: &'a LeaseBook,
    reach: &'a Reach,
    found: Found,
}

/// Takes so many, and notes if there were more.
fn some<T>(
    cut_off: &mut BTreeSet<&'static str>,
    what: &'static str,
    all: impl Iterator<Item = T>,
    most: usize,
) -> Vec<T> {
    let mut some: Vec<T> = all.take(most + 1).collect();
    if some.len() > most {
        some.truncate(most);
        cut_off.insert(what);
    }
    some
}

fn is_seen(reach: &Reach, found: &Assignment) -> bool {
    reach.covers_address(&found.name.space, found.name.address)
}

impl Search<'_> {
    fn add(
        &mut self,
        rank: Rank,
        kind: &'static str,
        name: String,
        (field, value): (&'static str, String),
        place: String,
    ) {
        self.found.matches.push(Match { rank, kind, name, field, value, place });
    }

    fn assignment(&mut self, rank: Rank, found: &Assignment, field: (&'static str, String)) {
        self.add(rank, "address", found.name.to_string(), field, found.name.address.to_string());
    }

    fn reservation(&mut self, rank: Rank, found: &Reservation, field: (&'static str, String)) {
        self.add(rank, "reservation", found.name.to_string(), field, found.name.address.to_string());
    }

    fn lease(&mut self, rank: Rank, (server, lease): (&ServerName, &Lease), field: (&'static str, String)) {
        let name = format!("{server}/leases/{}", lease.address);
        self.add(rank, "lease", name, field, lease.address.to_string());
    }

    fn scope(&mut self, rank: Rank, found: &Scope, field: (&'static str, String)) {
        self.add(rank, "scope", found.name.to_string(), field, found.network.to_string());
    }

    fn address(&mut self, address: IpAddr) {
        let (state, book, reach) = (self.state, self.book, self.reach);
        let shown = || ("address", address.to_string());
        let spaces = state.spaces().keys().filter(|space| reach.covers_address(space, address));
        for space in some(&mut self.found.cut_off, "space", spaces, LOOKED_AT) {
            let name = AddressName { space: space.clone(), address };
            if let Some(found) = state.assignment(&name) {
                self.assignment(Rank::Exact, &found, shown());
            }
            let network = state.network_at(space, address);
            if let Some(found) = network.filter(|found| reach.covers_prefix(&found.name)) {
                let cidr = found.name.cidr.to_string();
                self.add(Rank::Begins, "prefix", found.name.to_string(), ("cidr", cidr.clone()), cidr);
            }
            let Some(scope) = state.scope_at(space, address) else { continue };
            if reach.covers(&scope.space, &scope.network) {
                self.scope(Rank::Begins, scope, ("network", scope.network.to_string()));
            }
            let name = ReservationName { scope: scope.name.clone(), address };
            if let Some(found) = state.reservation(&name) {
                self.reservation(Rank::Exact, found, shown());
            }
        }
        let leases = book.leases_at(address, LOOKED_AT).filter(|(_, lease)| reach.takes_lease(state, lease));
        for found in some(&mut self.found.cut_off, "lease", leases, FOUND_MAX) {
            self.lease(Rank::Exact, (found.0, found.1), shown());
        }
    }

    fn cidr(&mut self, cidr: &Cidr) {
        let (state, reach) = (self.state, self.reach);
        let spaces = state.spaces().keys().filter(|space| reach.meets(space, cidr));
        for space in some(&mut self.found.cut_off, "space", spaces, LOOKED_AT) {
            let name = PrefixName { space: space.clone(), cidr: *cidr };
            let mut around = vec![(Rank::Exact, state.prefix(&name)), (Rank::Begins, state.parent_of(&name))];
            let inside = state.inside_of(&name).filter(|found| reach.covers_prefix(&found.name));
            let inside = some(&mut self.found.cut_off, "prefix", inside, FOUND_MAX);
            around.extend(inside.into_iter().map(|prefix| (Rank::Begins, Some(prefix))));
            for (rank, prefix) in around {
                let Some(prefix) = prefix.filter(|found| reach.covers_prefix(&found.name)) else { continue };
                let shown = prefix.name.cidr.to_string();
                self.add(rank, "prefix", prefix.name.to_string(), ("cidr", shown.clone()), shown);
            }
            let within = state.assignments_within(space, cidr.family(), cidr.range().numbers());
            let within = within.filter(|found| is_seen(reach, found));
            for found in some(&mut self.found.cut_off, "address", within, FOUND_MAX) {
                self.assignment(Rank::Begins, &found, ("address", found.name.address.to_string()));
            }
        }
    }

    /// Those that are seen of what was found in one way; `fields` are what was looked in.
    fn seen<'b>(
        &mut self,
        [address, reservation, lease]: [&'static str; 3],
        assigned: impl Iterator<Item = Arc<Assignment>>,
        reserved: impl Iterator<Item = &'b Arc<Reservation>>,
        leased: impl Iterator<Item = Leased<'b>>,
    ) -> (Vec<Arc<Assignment>>, Vec<&'b Arc<Reservation>>, Vec<Leased<'b>>) {
        let (state, reach) = (self.state, self.reach);
        let cut_off = &mut self.found.cut_off;
        (
            some(cut_off, address, assigned.filter(|found| is_seen(reach, found)), FOUND_MAX),
            some(cut_off, reservation, reserved.filter(|found| reach.takes_reservation(state, &found.name)), FOUND_MAX),
            some(cut_off, lease, leased.filter(|(_, lease)| reach.takes_lease(state, lease)), FOUND_MAX),
        )
    }

    fn client(&mut self, query: &str) {
        let (state, book) = (self.state, self.book);
        if let Ok(beginning) = query.parse::<HardwarePrefix>() {
            // Of half a byte only the whole ones before it are sorted by.
            let bytes = &beginning.first()[..beginning.digits() / 2];
            let rank = |whole: &[u8]| if beginning.digits() == whole.len() * 2 { Rank::Exact } else { Rank::Begins };
            let matched =
                |address: &[u8]| HardwareAddress::from_bytes(address).ok().filter(|address| beginning.matches(address));
            let of = |client: Option<&ClientIdentity>| match client {
                Some(ClientIdentity::Hardware(address)) => matched(address.as_bytes()),
                _ => None,
            };
            let fields = ["address.hardware_address", "reservation.hardware_address", "lease.hardware_address"];
            let (assigned, reserved, leased) = self.seen(
                fields,
                state.assignments_of_hardware(bytes),
                state.reservations_of_hardware(bytes),
                book.leases_of_hardware(bytes),
            );
            for found in assigned {
                let Some(address) = of(found.client.as_ref()) else { continue };
                self.assignment(rank(address.as_bytes()), &found, ("hardware_address", address.to_string()));
            }
            for (found, address) in reserved.into_iter().filter_map(|found| Some((found, of(Some(&found.client))?))) {
                self.reservation(rank(address.as_bytes()), found, ("hardware_address", address.to_string()));
            }
            for (found, address) in leased.into_iter().filter_map(|found| Some((found, matched(&found.1.hardware)?))) {
                self.lease(rank(address.as_bytes()), (found.0, found.1), ("hardware_address", address.to_string()));
            }
        }
        let id = query.parse::<ClientId>().ok().map(|id| (id.as_bytes().to_vec(), ClientIdentity::ClientId(id)));
        let duid = query.parse::<Duid>().ok().map(|duid| (duid.as_bytes().to_vec(), ClientIdentity::Duid(duid)));
        for (bytes, client) in [id, duid].into_iter().flatten() {
            let shown = || (client.field(), query.to_owned());
            let fields = ["address.client_id", "reservation.client_id", "lease.client_id"];
            let (assigned, reserved, leased) = self.seen(
                fields,
                state.assignments_for(&client),
                state.reservations_for(&client),
                book.leases_of_client(&bytes),
            );
            assigned.into_iter().for_each(|found| self.assignment(Rank::Exact, &found, shown()));
            reserved.into_iter().for_each(|found| self.reservation(Rank::Exact, found, shown()));
            leased.into_iter().for_each(|found| self.lease(Rank::Exact, (found.0, found.1), shown()));
        }
    }

    fn host_name(&mut self, beginning: &str) {
        let (state, book, reach) = (self.state, self.book, self.reach);
        let rank = |name: &str| if name.eq_ignore_ascii_case(beginning) { Rank::Exact } else { Rank::Begins };
        let cut_off = &mut self.found.cut_off;
        let assigned = some(
            cut_off,
            "address.host_name",
            state.assignments_called(beginning).filter(|found| is_seen(reach, found)),
            FOUND_MAX,
        );
        let reserved = some(
            cut_off,
            "reservation.host_name",
            state.reservations_called(beginning).filter(|found| reach.takes_reservation(state, &found.name)),
            FOUND_MAX,
        );
        let looked_at =
            book.leases_called(beginning).filter(|(_, lease)| reach.takes_lease(state, lease)).take(LOOKED_AT);
        let begins = |name: &str| {
            name.as_bytes().get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
        };
        let mut seen = 0;
        let leased: Vec<_> =
            looked_at.inspect(|_| seen += 1).filter(|(_, lease)| begins(&lease.host_name)).take(FOUND_MAX).collect();
        if seen == LOOKED_AT || leased.len() == FOUND_MAX {
            cut_off.insert("lease.host_name");
        }
        let named = |found: &Arc<Assignment>| found.host_name.as_ref().map(ToString::to_string).unwrap_or_default();
        for found in assigned {
            let name = named(&found);
            self.assignment(rank(&name), &found, ("host_name", name));
        }
        for found in reserved {
            let name = found.host_name.as_ref().map(ToString::to_string).unwrap_or_default();
            self.reservation(rank(&name), found, ("host_name", name));
        }
        for found in leased {
            let name = found.1.host_name.clone();
            self.lease(rank(&name), (found.0, found.1), ("host_name", name));
        }
    }

    fn text(&mut self, part: &str) {
        let (state, reach) = (self.state, self.reach);
        let has = |text: &str| -> Option<Rank> {
            // Most texts are empty or short, and most queries are longer: an address, a host name.
            if text.is_ascii() && text.len() < part.len() {
                return None;
            }
            let text = text.to_lowercase();
            let contains = || text.contains(part).then_some(Rank::Contains);
            if text == part {
                Some(Rank::Exact)
            } else if text.starts_with(part) {
                Some(Rank::Begins)
            } else {
                contains()
            }
        };
        // The first field that matches best.
        let best = |fields: &[(&'static str, &str)]| {
            let matching = fields.iter().filter_map(|(field, text)| Some((has(text)?, (*field, (*text).to_owned()))));
            matching.min_by_key(|(rank, _)| *rank)
        };
        for found in some(
            &mut self.found.cut_off,
            "prefix.title",
            state.prefixes().values().filter(|found| reach.covers_prefix(&found.name)),
            LOOKED_AT,
        ) {
            let fields = [("title", found.title.as_str()), ("description", found.description.as_str())];
            if let Some((rank, field)) = best(&fields) {
                self.add(rank, "prefix", found.name.to_string(), field, found.name.cidr.to_string());
            }
        }
        for found in some(
            &mut self.found.cut_off,
            "scope.description",
            state.scopes().values().filter(|found| reach.covers(&found.space, &found.network)),
            LOOKED_AT,
        ) {
            if let Some((rank, field)) = best(&[("name", found.name.id()), ("description", found.description.as_str())])
            {
                self.scope(rank, found, field);
            }
        }
        for found in some(
            &mut self.found.cut_off,
            "reservation.description",
            state.reservations().values().filter(|found| reach.takes_reservation(state, &found.name)),
            LOOKED_AT,
        ) {
            if let Some((rank, field)) = best(&[("description", found.description.as_str())]) {
                self.reservation(rank, found, field);
            }
        }
        for found in some(
            &mut self.found.cut_off,
            "address.comment",
            state.described().filter(|found| found.lies_in(reach)),
            LOOKED_AT,
        ) {
            let (owner, comment, labels) = found.said();
            let tags = labels.tags().iter().map(|tag| ("tags", tag.as_str()));
            let fields: Vec<_> = [("owner", owner), ("comment", comment)].into_iter().chain(tags).collect();
            if let Some((rank, field)) = best(&fields) {
                self.assignment(rank, &found.open(), field);
            }
        }
    }
}
