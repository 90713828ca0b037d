use super::carve::longer;
use super::{PARTS_MAX, fit};
use crate::change::{Change, Record};
use crate::command::{Etag, PrefixDraft};
use crate::decide::obstacles::Obstacles;
use crate::decide::{Moment, lookup, prefix};
use crate::labels::Labels;
use crate::model::{Prefix, PrefixKind, Scope};
use crate::name::PrefixName;
use crate::net::Cidr;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::subnet;
use std::sync::Arc;

/// Splits a prefix into equal parts of `length` bits, which become like it. It goes, or becomes the container of its parts.
///
/// A scope of a network moves into the part that holds its ranges, with all that it has. A prefix inside a container
/// lies in one part, or is one.
pub(in crate::decide) fn split(
    state: &State,
    at: Moment,
    name: &PrefixName,
    etag: Etag,
    length: u8,
    remove_original: bool,
) -> Result<Vec<Change>, Refusal> {
    let whole = lookup::prefix(state, name)?;
    lookup::etag_matches(etag, whole.stamp, name)?;
    longer(name.cidr, length)?;
    match subnet::parts_count(name.cidr, length) {
        Some(0..=PARTS_MAX) => {}
        _ => {
            let message = format!("{} has more than {PARTS_MAX} parts of /{length}; split it in steps", name.cidr);
            return Err(Refusal::new(Reason::TooMany, message).at("length"));
        }
    }
    let mut obstacles = Obstacles::default();
    for child in state.children_of(name).filter(|child| child.name.cidr.prefix_len() < length) {
        obstacles.add(&child.name, || format!("{} is larger than a /{length}", child.name));
    }
    let scope = state.scope_of_network(name).cloned().map(|scope| (part_of(state, &scope, length), scope));
    if let Some((part, scope)) = &scope {
        fit::scope_into(state, scope, *part, &mut obstacles);
    }
    if whole.kind == PrefixKind::Network {
        for part in subnet::parts(name.cidr, length) {
            fit::assignments_into(state, &name.space, part, part, &mut obstacles);
        }
    }
    obstacles.clear(Reason::DoesNotFit, "length", || {
        format!("{name} cannot be split into /{length}, because what it holds does not fit into one part each")
    })?;

    let draft = like(state, &whole, remove_original);
    let mut changes = original(at, &whole, remove_original);
    let names = subnet::parts(name.cidr, length).map(|cidr| PrefixName { space: name.space.clone(), cidr });
    for part in names.filter(|part| state.prefix(part).is_none()) {
        changes.push(prefix::made(state, at, &part, &draft, vec![name.cidr])?);
    }
    changes.extend(scope.map(|(part, scope)| fit::moved(at, scope, part)));
    Ok(changes)
}

/// What becomes of the prefix that is split.
fn original(at: Moment, whole: &Arc<Prefix>, remove: bool) -> Vec<Change> {
    match whole.kind {
        _ if remove => vec![Change::gone(Record::Prefix(Arc::clone(whole)))],
        PrefixKind::Container => Vec::new(),
        PrefixKind::Network => {
            let after = Prefix { kind: PrefixKind::Container, stamp: at.changed(whole.stamp), ..Prefix::clone(whole) };
            vec![Change::changed(Record::Prefix(Arc::clone(whole)), Record::Prefix(Arc::new(after)))]
        }
    }
}

/// What the parts are like: the whole, without the labels that come down to them if it stays around them.
fn like(state: &State, whole: &Prefix, removed: bool) -> PrefixDraft {
    let labels = if removed {
        whole.labels.clone()
    } else {
        let inherited = |name| state.field(name).is_some_and(|definition| definition.inherited);
        let own = whole.labels.fields().iter().filter(|(name, _)| !inherited(name));
        Labels::new(Default::default(), own.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    PrefixDraft {
        kind: whole.kind,
        status: whole.status,
        title: whole.title.clone(),
        description: whole.description.clone(),
        labels,
    }
}

/// The part that a scope goes to: where its first range is, or else its first reservation or router, or else the first.
fn part_of(state: &State, scope: &Scope, length: u8) -> Cidr {
    let range = scope.ranges.first().map(|range| range.start());
    let reserved = || state.reservations_in(&scope.name).next().map(|reservation| reservation.name.address);
    let router = || scope.options.routers().iter().copied().find(|router| scope.network.contains(*router));
    let somewhere = range.or_else(reserved).or_else(router).unwrap_or(scope.network.network());
    Cidr::around(somewhere, length)
}
