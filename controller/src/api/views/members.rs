//! What matches a view, in pages.

use super::Saved;
use crate::api::page::Page;
use crate::api::sight::Sight;
use crate::api::{Api, prefixes};
use freehold_core::State;
use freehold_core::access::{Permission, Reach};
use freehold_core::model::ViewKind;
use freehold_core::name::{AddressName, OperatorName, PrefixName, ReservationName, ScopeName};
use freehold_core::net::{Family, family, to_number};
use freehold_core::rows::{AddressRow, PrefixRow, ReservationRow, ScopeRow};
use freehold_proto::convert::assignment;
use freehold_proto::v1::view_member::Member;
use freehold_proto::v1::{ListViewMembersRequest, ListViewMembersResponse, ViewMember};
use std::ops::Bound;
use tonic::Status;

const KINDS: &[ViewKind] = &[ViewKind::Prefixes, ViewKind::Scopes, ViewKind::Addresses, ViewKind::Reservations];

/// Without which nobody sees such members.
fn needed(kind: ViewKind) -> Permission {
    match kind {
        ViewKind::Prefixes => Permission::PrefixesRead,
        ViewKind::Scopes => Permission::ScopesRead,
        ViewKind::Addresses => Permission::AddressesRead,
        ViewKind::Reservations => Permission::ReservationsRead,
    }
}

fn member(member: Member) -> ViewMember {
    ViewMember { member: Some(member) }
}

/// Behind the row that the page before ended with.
fn behind<N>(after: Option<N>) -> (Bound<N>, Bound<N>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

impl Api {
    pub(super) fn members(
        &self,
        operator: &OperatorName,
        message: &ListViewMembersRequest,
    ) -> Result<ListViewMembersResponse, Status> {
        let state = self.engine.state();
        let saved = self.saved(operator, &state, &message.parent, "parent", KINDS)?;
        self.still_may(operator, needed(saved.view.kind))?;
        let reach = Sight::with(operator.clone(), needed(saved.view.kind), &state).reach;
        let list = format!("members of {} with {}", saved.view.name, saved.view.filter);
        let page = Page::parse(message.page_size, &message.page_token, &list)?;
        let (members, next_page_token) = match saved.view.kind {
            ViewKind::Prefixes => {
                let rows = state.prefixes().range(behind(page.after::<PrefixName>()?)).map(|(_, prefix)| prefix);
                let rows = rows.filter(|prefix| reach.covers_prefix(&prefix.name));
                page.filtered(
                    rows,
                    |prefix| saved.filter.matches(&PrefixRow::new(&state, prefix)),
                    |prefix| prefix.name.to_string(),
                    |prefix| member(Member::Prefix(prefixes::shown(&state, prefix))),
                )
            }
            ViewKind::Scopes => {
                let rows = state.scopes().range(behind(page.after::<ScopeName>()?)).map(|(_, scope)| scope);
                let rows = rows.filter(|scope| reach.covers(&scope.space, &scope.network));
                page.filtered(
                    rows,
                    |scope| saved.filter.matches(&ScopeRow::new(&state, scope)),
                    |scope| scope.name.to_string(),
                    |scope| member(Member::Scope(self.shown_scope(&state, scope))),
                )
            }
            ViewKind::Reservations => {
                let rows = state.reservations().range(behind(page.after::<ReservationName>()?)).map(|(_, found)| found);
                let rows = rows.filter(|found| reach.takes_reservation(&state, &found.name));
                page.filtered(
                    rows,
                    |found| saved.filter.matches(&ReservationRow::new(&state, found)),
                    |found| found.name.to_string(),
                    |found| member(Member::Reservation(self.shown_reservation(&state, found))),
                )
            }
            ViewKind::Addresses => addresses(&state, &reach, &saved, &page)?,
        };
        Ok(ListViewMembersResponse { members, next_page_token })
    }
}

/// By space, IPv4 before IPv6.
fn addresses(state: &State, reach: &Reach, saved: &Saved, page: &Page) -> Result<(Vec<ViewMember>, String), Status> {
    let after = page.after::<AddressName>()?;
    let spaces = state.spaces().keys().filter(|space| after.as_ref().is_none_or(|after| **space >= after.space));
    let planes =
        spaces.filter(|space| reach.meets_space(space)).flat_map(|space| [(space, Family::V4), (space, Family::V6)]);
    let rows = planes.flat_map(|(space, of)| {
        let after = after.as_ref().filter(|after| after.space == *space);
        let from = match after.map(|after| (family(after.address), to_number(after.address))) {
            Some((Family::V6, _)) if of == Family::V4 => None,
            Some((family, number)) if family == of => number.checked_add(1),
            _ => Some(0),
        };
        from.into_iter().flat_map(move |from| state.assignments_within(space, of, from..=u128::MAX))
    });
    let rows = rows.filter(|found| reach.covers_address(&found.name.space, found.name.address));
    Ok(page.filtered(
        rows,
        |found| saved.filter.matches(&AddressRow::new(state, found)),
        |found| found.name.to_string(),
        |found| member(Member::Address(assignment::message(found))),
    ))
}
