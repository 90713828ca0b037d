use super::Moment;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use crate::change::{Change, Record};
use crate::command::{Etag, PrefixPatch};
use crate::model::{Prefix, PrefixKind};
use crate::name::PrefixName;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::text::Text;
use std::sync::Arc;

pub(super) fn create(
    state: &State,
    at: Moment,
    name: &PrefixName,
    kind: PrefixKind,
    title: &Text,
    description: &Text,
) -> Result<Vec<Change>, Refusal> {
    lookup::space(state, &name.space).map_err(|refusal| refusal.at("parent"))?;
    if state.prefix(name).is_some() {
        return Err(already_exists(name, "prefix.cidr"));
    }
    let prefix =
        Prefix { name: name.clone(), kind, title: title.clone(), description: description.clone(), stamp: at.made() };
    fits_into_the_plan(state, &prefix).map_err(|refusal| refusal.at("prefix.cidr"))?;
    Ok(vec![Change::made(Record::Prefix(Arc::new(prefix)))])
}

/// A network lies in no other network, and nothing lies in a network.
fn fits_into_the_plan(state: &State, prefix: &Prefix) -> Result<(), Refusal> {
    let overlap =
        |message: String, other: &Prefix| Err(Refusal::new(Reason::PrefixOverlap, message).about(&other.name));
    if let Some(parent) = state.parent_of(&prefix.name).filter(|parent| parent.kind == PrefixKind::Network) {
        return overlap(
            format!(
                "{} lies inside {}, which is a network and holds addresses, not prefixes; convert that to a container first",
                prefix.name.cidr, parent.name
            ),
            parent,
        );
    }
    if prefix.kind == PrefixKind::Network
        && let Some(inner) = state.inside_of(&prefix.name).next()
    {
        return overlap(
            format!(
                "{} would hold {}, but a network holds addresses, not prefixes; make it a container",
                prefix.name.cidr, inner.name
            ),
            inner,
        );
    }
    Ok(())
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &PrefixName,
    etag: Etag,
    patch: &PrefixPatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::prefix(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = Prefix {
        kind: patch.kind.unwrap_or(before.kind),
        title: patch.title.clone().unwrap_or_else(|| before.title.clone()),
        description: patch.description.clone().unwrap_or_else(|| before.description.clone()),
        ..Prefix::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    fits_into_the_plan(state, &after).map_err(|refusal| refusal.at("kind"))?;
    if after.kind == PrefixKind::Container
        && let Some(scope) = state.scope_of_network(name)
    {
        let hint = "a container serves no scope: delete the scope first";
        return Err(in_use(name, &[scope.name.to_string()], 1, hint).at("kind"));
    }
    if after.kind == PrefixKind::Container {
        holds_no_assignment(state, name, "a container has no addresses: release them first")
            .map_err(|refusal| refusal.at("kind"))?;
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Prefix(before), Record::Prefix(Arc::new(after)))])
}

pub(super) fn delete(state: &State, name: &PrefixName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::prefix(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let inner: Vec<_> = state.inside_of(name).collect();
    if !inner.is_empty() {
        let named: Vec<_> = inner.iter().take(USERS_NAMED).map(|prefix| prefix.name.to_string()).collect();
        return Err(in_use(name, &named, inner.len(), "delete those first"));
    }
    if let Some(scope) = state.scope_of_network(name) {
        return Err(in_use(name, &[scope.name.to_string()], 1, "delete the scope first"));
    }
    holds_no_assignment(state, name, "release them first")?;
    Ok(vec![Change::gone(Record::Prefix(before))])
}

/// Refuses to give up a network in which addresses are held or claimed, naming the first few of them.
fn holds_no_assignment(state: &State, name: &PrefixName, hint: &str) -> Result<(), Refusal> {
    if state.prefix(name).is_some_and(|prefix| prefix.kind == PrefixKind::Container) {
        return Ok(());
    }
    let range = name.cidr.range();
    let inside = || state.assignments_within(&name.space, range.family(), range.numbers());
    let named: Vec<_> = inside().take(USERS_NAMED).map(|found| found.name.to_string()).collect();
    if named.is_empty() { Ok(()) } else { Err(in_use(name, &named, inside().count(), hint)) }
}
