//! Holds and claims that are soon over, found by their end and not by a look at all addresses.

use crate::api::Api;
use crate::api::call::{not_found_at, refuse};
use crate::api::page::{self, Page};
use crate::api::sight::Sight;
use freehold_core::State;
use freehold_core::access::Spot;
use freehold_core::model::Assignment;
use freehold_core::name::{AddressName, PrefixName, ScopeName, SpaceName};
use freehold_core::net::Cidr;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use freehold_core::time::Timestamp;
use freehold_proto::v1::{ListExpiringAddressesRequest, ListExpiringAddressesResponse};
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// How soon, if the caller does not say.
const WITHIN_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Assignments that are looked at for one page: most may be elsewhere than where the caller asks.
const LOOKED_AT: usize = 20_000;

/// Where they are to be.
struct Site {
    space: Option<SpaceName>,
    cidr: Option<Cidr>,
}

impl Site {
    fn parse(sight: &Sight, state: &State, parent: &str) -> Result<Self, Status> {
        let at = |refusal: Refusal| refuse(refusal.at("parent"));
        match parent.split('/').next() {
            Some("") | None => Ok(Self { space: None, cidr: None }),
            Some("scopes") => {
                let name: ScopeName = parent.parse().map_err(at)?;
                sight.part_of(&Spot::scope(state.scope(&name)), &name)?;
                let scope = state.scope(&name).ok_or_else(|| not_found_at("parent", Reason::ScopeNotFound, &name))?;
                Ok(Self { space: Some(scope.space.clone()), cidr: Some(scope.network) })
            }
            Some("spaces") => {
                let (space, cidr) = match parent.contains("/prefixes/") {
                    true => parent.parse().map(|name: PrefixName| (name.space, Some(name.cidr))).map_err(at)?,
                    false => (parent.parse().map_err(at)?, None),
                };
                match cidr {
                    Some(cidr) => sight.must(sight.reach.meets(&space, &cidr), parent)?,
                    None => sight.part_of_space(&space)?,
                }
                state.space(&space).ok_or_else(|| not_found_at("parent", Reason::SpaceNotFound, &space))?;
                Ok(Self { space: Some(space), cidr })
            }
            Some(_) => {
                let message = format!("{} names no scope, prefix or space", shown(parent));
                Err(at(Refusal::new(Reason::InvalidName, message)))
            }
        }
    }

    fn has(&self, name: &AddressName) -> bool {
        self.space.as_ref().is_none_or(|space| *space == name.space)
            && self.cidr.is_none_or(|cidr| cidr.contains(name.address))
    }
}

/// A place in the order of ends, as a page token has it.
fn token(found: &Assignment) -> String {
    format!("{} {}", found.ends().unwrap_or_default().0, found.name)
}

fn place(token: &str) -> Option<(Timestamp, AddressName)> {
    let (end, name) = token.split_once(' ')?;
    Some((Timestamp(end.parse().ok()?), name.parse().ok()?))
}

impl Api {
    pub(super) fn expiring(
        &self,
        sight: &Sight,
        message: &ListExpiringAddressesRequest,
    ) -> Result<ListExpiringAddressesResponse, Status> {
        let (state, book) = (self.engine.state(), self.leases.book());
        let site = Site::parse(sight, &state, &message.parent)?;
        let wrong = |_| refuse(Refusal::new(Reason::InvalidValue, "what is over is gone; ask ahead").at("within"));
        let within = message.within.map_or(Ok(WITHIN_DEFAULT), Duration::try_from).map_err(wrong)?;
        let list = format!("expiring in {} within {}s, {}", message.parent, within.as_secs(), message.holds);
        let page = Page::parse(message.page_size, &message.page_token, &list)?;
        let after = page.after.as_deref().map(|after| place(after).ok_or_else(page::invalid)).transpose()?;
        let last = self.engine.now().0.saturating_add(i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
        let mut ending: Box<dyn Iterator<Item = _>> = match &after {
            Some((end, name)) => Box::new(state.assignments_ending_after(*end, name)),
            None => Box::new(state.assignments_ending()),
        };
        let soon = ending.by_ref().take_while(|found| found.ends().is_some_and(|end| end.0 <= last));
        let seen = |found: &Arc<Assignment>| sight.reach.covers_address(&found.name.space, found.name.address);
        let mut soon = soon.filter(seen).peekable();
        let mut answer = ListExpiringAddressesResponse::default();
        for _ in 0..LOOKED_AT {
            let Some(found) = soon.next() else { return Ok(answer) };
            if site.has(&found.name) && (message.holds || !found.is_hold()) {
                answer.addresses.push(self.shown_address(&state, &book, &found.name));
            }
            if answer.addresses.len() == page.size || soon.peek().is_none() {
                answer.next_page_token = soon.peek().map(|_| page.token(&token(&found))).unwrap_or_default();
                return Ok(answer);
            }
            answer.next_page_token = page.token(&token(&found));
        }
        Ok(answer)
    }
}
