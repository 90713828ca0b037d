//! Places with their utilisation, in the order of the plan or by how full they are.

use super::{Place, place, shown};
use crate::api::Api;
use crate::api::call::{not_found_at, refuse};
use crate::api::page::{self, Page};
use crate::api::sight::Sight;
use crate::api::views::Saved;
use freehold_core::State;
use freehold_core::access::{Reach, Spot};
use freehold_core::filter::Filter;
use freehold_core::model::{Prefix, PrefixKind, Scope, ScopeStatus, ViewKind};
use freehold_core::name::PrefixName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::rows::{PrefixRow, ScopeRow, UsedRow, bind_used};
use freehold_core::text::shown as quoted;
use freehold_core::usage::{Counts, Usage, of_scope, used_percent};
use freehold_proto::v1::{ListUtilisationRequest, ListUtilisationResponse, Utilisation};
use std::cmp::Ordering;
use std::iter::once;
use std::ops::Bound;
use std::sync::Arc;
use tonic::Status;

/// What places can be ordered by.
#[derive(Debug, Clone, Copy)]
enum Figure {
    UsedPercent,
    Used,
    Available,
    Leased,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    by: Figure,
    descending: bool,
}

fn order(text: &str) -> Result<Option<Order>, Refusal> {
    let mut words = text.split_whitespace();
    let by = match words.next() {
        None => return Ok(None),
        Some("used_percent") => Some(Figure::UsedPercent),
        Some("used") => Some(Figure::Used),
        Some("available") => Some(Figure::Available),
        Some("leased") => Some(Figure::Leased),
        Some(_) => None,
    };
    let descending = match (words.next(), words.next()) {
        (None | Some("asc"), None) => Some(false),
        (Some("desc"), None) => Some(true),
        _ => None,
    };
    match (by, descending) {
        (Some(by), Some(descending)) => Ok(Some(Order { by, descending })),
        _ => {
            let what = "is not one of used_percent, used, available and leased, with or without desc behind it";
            Err(Refusal::new(Reason::InvalidValue, format!("{} {what}", quoted(text))).at("order_by"))
        }
    }
}

/// A row: a prefix, or the scope of a network, which comes right behind it.
#[derive(Clone, Copy)]
enum Row<'a> {
    Prefix(&'a Arc<Prefix>),
    Scope(&'a PrefixName, &'a Arc<Scope>),
}

impl Row<'_> {
    fn prefix(&self) -> &PrefixName {
        match self {
            Row::Prefix(prefix) => &prefix.name,
            Row::Scope(network, _) => network,
        }
    }

    /// Where it stands in the plan.
    fn place(&self) -> (&PrefixName, bool) {
        (self.prefix(), matches!(self, Row::Scope(..)))
    }

    /// Where it stands, as a token has it.
    fn token(&self) -> String {
        match self {
            Row::Prefix(prefix) => prefix.name.to_string(),
            Row::Scope(network, _) => format!("{network} scope"),
        }
    }

    fn figures(&self, usage: &Usage) -> (Counts, Option<f64>) {
        match self {
            Row::Prefix(prefix) => {
                let tally = usage.of_prefix(&prefix.name);
                (tally.addresses, shown::percent(&tally))
            }
            Row::Scope(_, scope) => {
                let counts = of_scope(usage.state(), usage.book(), scope);
                (counts, used_percent(&counts))
            }
        }
    }
}

/// What [`Row::token`] says.
fn parse(token: &str) -> Result<(PrefixName, bool), Status> {
    let (name, is_scope) = token.strip_suffix(" scope").map_or((token, false), |name| (name, true));
    name.parse().map(|name| (name, is_scope)).map_err(|_| page::invalid())
}

/// A list that is asked for.
pub(super) struct List {
    reach: Reach,
    parent: Option<Place>,
    filter: Option<Filter>,
    view: Option<Saved>,
    order: Option<Order>,
    page: Page,
}

impl Api {
    pub(super) fn utilisation_list(
        &self,
        sight: Sight,
        usage: &Usage,
        message: &ListUtilisationRequest,
    ) -> Result<List, Status> {
        let state = usage.state();
        let parent = match message.parent.as_str() {
            "spaces/-" => None,
            parent => Some(place(parent).map_err(|refusal| refuse(refusal.at("parent")))?),
        };
        match &parent {
            Some(Place::Space(space)) => sight.part_of_space(space)?,
            Some(Place::Prefix(prefix)) => sight.part_of(&Spot::Plan(prefix.clone()), prefix)?,
            None => {}
        }
        match &parent {
            Some(Place::Space(space)) if state.space(space).is_none() => {
                return Err(not_found_at("parent", Reason::SpaceNotFound, space));
            }
            Some(Place::Prefix(prefix)) if state.prefix(prefix).is_none() => {
                return Err(not_found_at("parent", Reason::PrefixNotFound, prefix));
            }
            _ => {}
        }
        let view = match message.view.as_str() {
            "" => None,
            view => Some(self.saved(&sight.operator, state, view, "view", &[ViewKind::Prefixes, ViewKind::Scopes])?),
        };
        let ListUtilisationRequest { parent: place, filter, order_by, view: of, .. } = message;
        let list = format!("utilisation in {place} with {filter:?} of {of} by {order_by}");
        Ok(List {
            reach: sight.reach,
            parent,
            filter: bind_used(state, filter, self.engine.now()).map_err(refuse)?,
            view,
            order: order(order_by).map_err(refuse)?,
            page: Page::parse(message.page_size, &message.page_token, &list)?,
        })
    }
}

impl List {
    /// The page of it.
    pub(super) fn page(&self, usage: &Usage) -> Result<ListUtilisationResponse, Status> {
        let (utilisations, next_page_token) = match self.order {
            Some(order) => self.sorted(usage, order)?,
            None => {
                let after = self.page.after.as_deref().map(parse).transpose()?;
                let rows = self.rows(usage.state(), after.as_ref().map(|(name, _)| name));
                let rows = rows.filter(|row| after.as_ref().is_none_or(|(name, scope)| row.place() > (name, *scope)));
                self.page.filtered(rows, |row| self.takes(usage, row), Row::token, |row| message(usage, row))
            }
        };
        Ok(ListUtilisationResponse { utilisations, next_page_token })
    }

    /// The rows from the one of `from` on.
    fn rows<'a>(&'a self, state: &'a State, from: Option<&'a PrefixName>) -> impl Iterator<Item = Row<'a>> {
        let from = match (from, &self.parent) {
            (Some(from), _) | (None, Some(Place::Prefix(from))) => Bound::Included(from.clone()),
            (None, Some(Place::Space(space))) => Bound::Included(PrefixName::first_of(space)),
            (None, None) => Bound::Unbounded,
        };
        let inside = |name: &PrefixName| match &self.parent {
            None => true,
            Some(Place::Space(space)) => name.space == *space,
            Some(Place::Prefix(prefix)) => name.space == prefix.space && prefix.cidr.covers(&name.cidr),
        };
        let prefixes = state.prefixes().range((from, Bound::Unbounded)).take_while(move |(name, _)| inside(name));
        let prefixes = prefixes.filter(|(name, _)| self.reach.covers_prefix(name));
        prefixes.flat_map(|(name, prefix)| {
            let scope = state.scope_of_network(name).filter(|_| prefix.kind == PrefixKind::Network);
            let active = scope.filter(|scope| scope.status == ScopeStatus::Active);
            once(Row::Prefix(prefix)).chain(active.map(|scope| Row::Scope(name, scope)))
        })
    }

    fn takes(&self, usage: &Usage, row: &Row<'_>) -> bool {
        let state = usage.state();
        let member = |view: &Saved| match (row, view.view.kind) {
            (Row::Prefix(prefix), ViewKind::Prefixes) => view.filter.matches(&PrefixRow::new(state, prefix)),
            (Row::Scope(_, scope), ViewKind::Scopes) => view.filter.matches(&ScopeRow::new(state, scope)),
            _ => false,
        };
        let matches = |filter: &Filter| {
            let (counts, percent) = row.figures(usage);
            match row {
                Row::Prefix(prefix) => filter.matches(&UsedRow::of_prefix(state, prefix, counts, percent)),
                Row::Scope(_, scope) => filter.matches(&UsedRow::of_scope(state, scope, counts, percent)),
            }
        };
        self.view.as_ref().is_none_or(member) && self.filter.as_ref().is_none_or(matches)
    }

    fn sorted(&self, usage: &Usage, order: Order) -> Result<(Vec<Utilisation>, String), Status> {
        let after = match &self.page.after {
            None => None,
            Some(token) => {
                let (value, place) = token.split_once(' ').ok_or_else(page::invalid)?;
                let bits = u64::from_str_radix(value, 16).map_err(|_| page::invalid())?;
                Some((f64::from_bits(bits), parse(place)?))
            }
        };
        let compare = |one: (f64, (&PrefixName, bool)), other: (f64, (&PrefixName, bool))| {
            let values = one.0.total_cmp(&other.0);
            let values = if order.descending { values.reverse() } else { values };
            values.then_with(|| one.1.cmp(&other.1))
        };
        let mut rows: Vec<(f64, Row<'_>)> = Vec::new();
        for row in self.rows(usage.state(), None) {
            let (counts, percent) = row.figures(usage);
            let value = match order.by {
                Figure::UsedPercent => percent,
                Figure::Used => Some(counts.used() as f64),
                Figure::Available => Some(counts.available as f64),
                Figure::Leased => Some(counts.leased as f64),
            };
            let Some(value) = value else { continue };
            let behind = |(at, (name, scope)): &(f64, (PrefixName, bool))| {
                compare((value, row.place()), (*at, (name, *scope))) == Ordering::Greater
            };
            if after.as_ref().is_none_or(behind) && self.takes(usage, &row) {
                rows.push((value, row));
            }
        }
        rows.sort_by(|one, other| compare((one.0, one.1.place()), (other.0, other.1.place())));
        let more = rows.len() > self.page.size;
        rows.truncate(self.page.size);
        let token = |(value, row): &(f64, Row<'_>)| self.page.token(&format!("{:x} {}", value.to_bits(), row.token()));
        let next = rows.last().filter(|_| more).map(token).unwrap_or_default();
        Ok((rows.iter().map(|(_, row)| message(usage, row)).collect(), next))
    }
}

fn message(usage: &Usage, row: &Row<'_>) -> Utilisation {
    match row {
        Row::Prefix(prefix) => shown::prefix(usage, prefix),
        Row::Scope(_, scope) => shown::scope(usage, scope),
    }
}
