//! The addresses of a network or a scope, in rows.

use crate::api::Api;
use crate::api::call::{not_found_at, refuse};
use crate::api::page::{self, Page};
use crate::api::sight::Sight;
use freehold_core::State;
use freehold_core::access::Spot;
use freehold_core::address::{Row, list};
use freehold_core::model::{Prefix, PrefixKind};
use freehold_core::name::{PrefixName, ScopeName};
use freehold_core::net::{AddressRange, family, from_number, parse_address, to_number};
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::v1::{ListAddressesRequest, ListAddressesResponse};
use std::net::IpAddr;
use std::sync::Arc;
use tonic::Status;

/// A network, and what of it is seen and listed, in order.
fn listed(sight: &Sight, state: &State, parent: &str) -> Result<(Arc<Prefix>, Vec<AddressRange>), Status> {
    let at = |refusal: Refusal| refuse(refusal.at("parent"));
    if parent.starts_with("scopes/") {
        let name: ScopeName = parent.parse().map_err(at)?;
        sight.part_of(&Spot::scope(state.scope(&name)), &name)?;
        let missing = || not_found_at("parent", Reason::ScopeNotFound, &name);
        let scope = state.scope(&name).ok_or_else(missing)?;
        let network = state.prefix(&scope.prefix()).ok_or_else(missing)?;
        return Ok((Arc::clone(network), sight.reach.cut(&scope.space, scope.ranges.clone())));
    }
    let name: PrefixName = parent.parse().map_err(at)?;
    sight.part_of(&Spot::Plan(name.clone()), &name)?;
    let network = state.prefix(&name).ok_or_else(|| not_found_at("parent", Reason::PrefixNotFound, &name))?;
    if network.kind == PrefixKind::Container {
        let message = format!("{name} is a container and holds prefixes; list the addresses of a network in it");
        return Err(at(Refusal::new(Reason::NotANetwork, message).about(&name)));
    }
    Ok((Arc::clone(network), sight.reach.cut(&name.space, vec![name.cidr.range()])))
}

/// Where the page begins: behind the one before, or where the caller says.
fn first(page: &Page, from: &str) -> Result<Option<IpAddr>, Status> {
    if let Some(after) = page.after.as_deref() {
        let after = parse_address(after).map_err(|_| page::invalid())?;
        let next = to_number(after).checked_add(1).and_then(|next| from_number(family(after), next));
        return next.map(Some).ok_or_else(page::invalid);
    }
    let from = (!from.is_empty()).then(|| parse_address(from)).transpose();
    from.map_err(|refusal| refuse(refusal.at("from")))
}

impl Api {
    pub(super) fn address_rows(
        &self,
        sight: &Sight,
        message: &ListAddressesRequest,
    ) -> Result<ListAddressesResponse, Status> {
        let (state, book) = (self.engine.state(), self.leases.book());
        let (network, ranges) = listed(sight, &state, &message.parent)?;
        let list_of = format!("addresses of {} from {}", message.parent, message.from);
        let page = Page::parse(message.page_size, &message.page_token, &list_of)?;
        let first = first(&page, &message.from)?;
        if first.is_some_and(|first| family(first) != network.name.cidr.family()) {
            let message = format!("{} has no addresses of the family of this one", network.name);
            return Err(refuse(Refusal::new(Reason::InvalidAddress, message).at("from")));
        }
        let left = |range: &AddressRange| match first {
            Some(first) if first > range.end() => None,
            Some(first) => AddressRange::new(first.max(range.start()), range.end()).ok(),
            None => Some(*range),
        };
        let ranges: Vec<_> = ranges.iter().filter_map(left).collect();
        let rows = ranges.iter().flat_map(|range| list(&state, &book, &network, range)).take(page.size + 1);
        let (rows, next_page_token) = page.cut(rows.collect(), |row: &Row| row.last().to_string());
        let rows = rows.iter().map(|row| self.shown_row(&state, &book, row)).collect();
        Ok(ListAddressesResponse { rows, next_page_token })
    }
}
