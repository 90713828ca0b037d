//! Stale addresses: given to somebody whom no DHCP server has heard of for long, and taken back.
//!
//! What is leased tells by its lease when its client was last seen; of the rest the newest event in the history does, as far back as that goes.
//! Nothing else is kept for it.

use super::Api;
use super::call::{at_most, mutation, not_found_at, open, refuse};
use super::history::blocking;
use super::page::{self, Page};
use super::sight::Sight;
use crate::history::last_seen;
use crate::trail::{Trail, TrailError};
use freehold_core::access::{Permission, Spot};
use freehold_core::address::{Kept, kept, look};
use freehold_core::lease::LeaseBook;
use freehold_core::name::{AddressName, PrefixName, ScopeName, SpaceName};
use freehold_core::net::{AddressRange, Family, family, from_number, to_number};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Command, State, Timestamp};
use freehold_proto::convert::time;
use freehold_proto::v1::reclaim_service_server::ReclaimService;
use freehold_proto::v1::{
    ListStaleAddressesRequest, ListStaleAddressesResponse, ReclaimAddressesRequest, ReclaimAddressesResponse,
    StaleAddress,
};
use prost_types::Duration as Span;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// How long an address was not seen if the caller does not say.
const UNSEEN_DEFAULT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Addresses looked at for one page at most.
const LOOKED_AT_MAX: usize = 20_000;
/// Addresses whose history is looked at for one page at most.
const PASTS_MAX: usize = 2_000;
/// Addresses in one request at most.
const RECLAIM_MAX: usize = 1_000;

/// The moment since which nobody must have been seen.
fn before(not_seen_for: Option<Span>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let length = not_seen_for.map_or(Ok(UNSEEN_DEFAULT), Duration::try_from);
    let length = length.ok().filter(|length| !length.is_zero());
    let millis = length.and_then(|length| i64::try_from(length.as_millis()).ok()).ok_or_else(|| {
        Refusal::new(Reason::InvalidValue, "give a length of time, a second at least").at("not_seen_for")
    })?;
    Ok(Timestamp(now.0.saturating_sub(millis)))
}

/// A space, and what of it is looked through.
fn place(sight: &Sight, state: &State, parent: &str) -> Result<(SpaceName, Vec<AddressRange>), Status> {
    let at = |refusal: Refusal| refuse(refusal.at("parent"));
    if parent.starts_with("scopes/") {
        let name: ScopeName = parent.parse().map_err(at)?;
        sight.part_of(&Spot::scope(state.scope(&name)), &name)?;
        let scope = state.scope(&name).ok_or_else(|| not_found_at("parent", Reason::ScopeNotFound, &name))?;
        return Ok((scope.space.clone(), vec![scope.network.range()]));
    }
    if parent.split('/').count() > 2 {
        let name: PrefixName = parent.parse().map_err(at)?;
        sight.part_of(&Spot::Plan(name.clone()), &name)?;
        state.prefix(&name).ok_or_else(|| not_found_at("parent", Reason::PrefixNotFound, &name))?;
        return Ok((name.space, vec![name.cidr.range()]));
    }
    let name: SpaceName = parent.parse().map_err(at)?;
    sight.part_of_space(&name)?;
    state.space(&name).ok_or_else(|| not_found_at("parent", Reason::SpaceNotFound, &name))?;
    let whole = |family, last| {
        let address = |number| from_number(family, number).expect("a number of the family");
        AddressRange::new(address(0), address(last)).expect("ascending, of one family")
    };
    Ok((name, vec![whole(Family::V4, u32::MAX.into()), whole(Family::V6, u128::MAX)]))
}

/// What is left of the ranges behind an address.
fn behind(ranges: Vec<AddressRange>, after: &AddressName) -> Vec<AddressRange> {
    let left = |range: &AddressRange| match family(after.address).cmp(&range.family()) {
        std::cmp::Ordering::Less => Some(*range),
        std::cmp::Ordering::Greater => None,
        std::cmp::Ordering::Equal => {
            let next = to_number(after.address).checked_add(1)?.max(to_number(range.start()));
            AddressRange::new(from_number(range.family(), next)?, range.end()).ok()
        }
    };
    ranges.iter().filter_map(left).collect()
}

/// An address that was not seen, and when it last was, if ever.
struct Unseen {
    kept: Kept,
    seen: Option<Timestamp>,
}

/// The present and the past, to look for who was seen when.
struct Seen {
    state: Arc<State>,
    book: Arc<LeaseBook>,
    trail: Trail,
}

impl Seen {
    /// When somebody was last seen with an address, if that may be after `before`: else the past is looked at too.
    fn last(&self, kept: &Kept, before: Timestamp) -> Result<(Option<Timestamp>, bool), TrailError> {
        if kept.unseen_since(kept.seen) >= before || kept.made.is_none() {
            return Ok((kept.seen, false));
        }
        let name = &kept.view.name;
        let subnet = kept.view.scope.as_ref().map(|scope| scope.subnet_id);
        let other = |id| self.state.scope_of_subnet_id(id).is_some();
        Ok((kept.seen.max(last_seen(&self.trail, name.address, subnet, other)?), true))
    }

    /// A page of what was not seen since `before`: each with when it was, and where to go on, if there may be more.
    fn page(
        &self,
        (space, ranges): (&SpaceName, &[AddressRange]),
        before: Timestamp,
        size: usize,
    ) -> Result<(Vec<Unseen>, Option<AddressName>), TrailError> {
        let (mut found, mut pasts, mut last) = (Vec::new(), 0, None);
        let all = ranges.iter().flat_map(|range| kept(&self.state, &self.book, space, *range));
        for (looked_at, kept) in all.enumerate() {
            if looked_at == LOOKED_AT_MAX || pasts == PASTS_MAX || found.len() == size {
                return Ok((found, last));
            }
            last = Some(kept.view.name.clone());
            let (seen, past) = self.last(&kept, before)?;
            pasts += usize::from(past);
            if kept.unseen_since(seen) < before {
                found.push(Unseen { kept, seen });
            }
        }
        Ok((found, None))
    }

    /// What gives these addresses back, if none of them was seen since `before`.
    fn reclaim(&self, names: &[AddressName], before: Timestamp) -> Result<Result<Vec<Command>, Refusal>, TrailError> {
        let mut commands = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let refuse = |reason, message: String| {
                Ok(Err(Refusal::new(reason, message).at(format!("names[{number}]")).about(name)))
            };
            let kept = Kept::of(look(&self.state, &self.book, name));
            let Some((kept, command)) = kept.and_then(|kept| kept.reclaim().map(|command| (kept, command))) else {
                return refuse(Reason::AssignmentNotFound, format!("{name} is neither claimed nor reserved"));
            };
            let (seen, _) = self.last(&kept, before)?;
            if kept.unseen_since(seen) >= before {
                let message = format!("{name} was seen, claimed or reserved since; leave it out, or list anew");
                return refuse(Reason::AddressSeen, message);
            }
            commands.push(command);
        }
        Ok(Ok(commands))
    }
}

fn parse(names: &[String]) -> Result<Vec<AddressName>, Refusal> {
    if names.is_empty() {
        return Err(Refusal::new(Reason::FieldRequired, "name the addresses").at("names"));
    }
    at_most(names.len(), RECLAIM_MAX, "names")?;
    let parsed = names
        .iter()
        .enumerate()
        .map(|(number, name)| name.parse().map_err(|refusal: Refusal| refusal.at(format!("names[{number}]"))));
    parsed.collect()
}

impl Api {
    async fn seen(&self) -> Result<Seen, Status> {
        // First the picture: whoever is not leased in it any more is in the history by the time that this is read.
        let (state, book) = (self.engine.state(), self.leases.book());
        self.reach().await?;
        Ok(Seen { state, book, trail: self.trail.clone() })
    }
}

#[tonic::async_trait]
impl ReclaimService for Api {
    async fn list_stale_addresses(
        &self,
        request: Request<ListStaleAddressesRequest>,
    ) -> Result<Response<ListStaleAddressesResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let message = request.into_inner();
        let before = before(message.not_seen_for, self.engine.now()).map_err(refuse)?;
        let seen = self.seen().await?;
        let (space, ranges) = place(&sight, &seen.state, &message.parent)?;
        let ranges = sight.reach.cut(&space, ranges);
        let list = format!("stale addresses of {} for {:?}", message.parent, message.not_seen_for);
        let page = Page::parse(message.page_size, &message.page_token, &list)?;
        let ranges = match page.after::<AddressName>()? {
            Some(after) if after.space == space => behind(ranges, &after),
            Some(_) => return Err(page::invalid()),
            None => ranges,
        };
        let (state, book) = (Arc::clone(&seen.state), Arc::clone(&seen.book));
        let size = page.size;
        let (found, next) = blocking(move || seen.page((&space, &ranges), before, size)).await?;
        let addresses = found.iter().map(|Unseen { kept, seen }| StaleAddress {
            address: Some(self.shown_address(&state, &book, &kept.view.name)),
            last_seen_time: seen.map(time::message),
            unseen_since_time: Some(time::message(kept.unseen_since(*seen))),
            reclaimable: kept.reclaim().is_some(),
        });
        let addresses = addresses.collect();
        let next_page_token = next.map(|next| page.token(&next.to_string())).unwrap_or_default();
        Ok(Response::new(ListStaleAddressesResponse { addresses, next_page_token }))
    }

    async fn reclaim_addresses(
        &self,
        request: Request<ReclaimAddressesRequest>,
    ) -> Result<Response<ReclaimAddressesResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let (actor, message) = open(request)?;
        let names = parse(&message.names).map_err(refuse)?;
        for name in &names {
            sight.must(sight.reach.covers_address(&name.space, name.address), name)?;
        }
        let before = before(message.not_seen_for, self.engine.now()).map_err(refuse)?;
        let seen = self.seen().await?;
        // What was carried out before is answered as it was then: by now these addresses may be another's.
        let commands = match seen.state.request(&actor.principal, &message.request_id) {
            Some(_) => Vec::new(),
            None => blocking(move || seen.reclaim(&names, before)).await?.map_err(refuse)?,
        };
        if commands.iter().any(|command| matches!(command, Command::DeleteReservation { .. })) {
            self.still_may(&sight.operator, Permission::ReservationsWrite)?;
        }
        let mutation = mutation!("/freehold.v1.ReclaimService/ReclaimAddresses", message);
        let (_, changes) = self.carry_out_and_tell(actor, mutation, Command::Together(commands)).await?;
        let gone = changes.iter().filter(|change| change.after().is_none());
        let reclaimed = gone.map(|change| change.key().to_string()).collect();
        Ok(Response::new(ReclaimAddressesResponse { reclaimed }))
    }
}
