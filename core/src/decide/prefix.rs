use super::Moment;
use super::delegation;
use super::labels;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use super::obstacles::Obstacles;
use crate::change::{Change, Record};
use crate::command::{Etag, PrefixDraft, PrefixPatch};
use crate::labels::Labelled;
use crate::model::{LabelledKind, Prefix, PrefixKind};
use crate::name::PrefixName;
use crate::net::Cidr;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::sync::Arc;

pub(super) fn create(
    state: &State,
    at: Moment,
    name: &PrefixName,
    draft: &PrefixDraft,
) -> Result<Vec<Change>, Refusal> {
    lookup::space(state, &name.space).map_err(|refusal| refusal.at("parent"))?;
    if state.prefix(name).is_some() {
        return Err(already_exists(name, "prefix.cidr"));
    }
    fits_into_the_plan(state, name, draft.kind, "prefix.cidr")?;
    Ok(vec![made(state, at, name, draft, Vec::new())?])
}

/// The making of a prefix, once it is known to fit into the plan.
pub(super) fn made(
    state: &State,
    at: Moment,
    name: &PrefixName,
    draft: &PrefixDraft,
    made_from: Vec<Cidr>,
) -> Result<Change, Refusal> {
    let labelled = || {
        let prefix = Prefix {
            name: name.clone(),
            kind: draft.kind,
            status: draft.status,
            title: draft.title.clone(),
            description: draft.description.clone(),
            made_from,
            labels: labels::fitting(state, LabelledKind::Prefix, &draft.labels)?,
            stamp: at.made(),
        };
        complete(state, &prefix)?;
        Ok(prefix)
    };
    let prefix = labelled().map_err(|refusal: Refusal| refusal.under("prefix"))?;
    Ok(Change::made(Record::Prefix(Arc::new(prefix))))
}

fn complete(state: &State, prefix: &Prefix) -> Result<(), Refusal> {
    labels::complete(state, LabelledKind::Prefix, Labelled::Prefix(prefix))
}

/// A network lies in no other network, and nothing lies in a network. Names everything that would.
fn fits_into_the_plan(state: &State, name: &PrefixName, kind: PrefixKind, field: &str) -> Result<(), Refusal> {
    let cidr = name.cidr;
    if let Some(parent) = state.parent_of(name).filter(|parent| parent.kind == PrefixKind::Network) {
        let message = format!(
            "{cidr} lies inside {}, which is a network and holds addresses, not prefixes; convert that to a container first",
            parent.name
        );
        return Err(Refusal::new(Reason::PrefixOverlap, message).at(field).about(&parent.name));
    }
    let mut obstacles = Obstacles::default();
    if kind == PrefixKind::Network {
        if let Some((of, message)) = delegation::delegating(state, &name.space, cidr).next() {
            return Err(Refusal::new(Reason::PrefixOverlap, message).about(of).at(field));
        }
        for inner in state.inside_of(name) {
            obstacles.add(&inner.name, || format!("{} lies inside", inner.name));
        }
    }
    obstacles.clear(Reason::PrefixOverlap, field, || {
        format!("{cidr} cannot be a network, which holds addresses and not prefixes; make it a container")
    })
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
        status: patch.status.unwrap_or(before.status),
        title: patch.title.clone().unwrap_or_else(|| before.title.clone()),
        description: patch.description.clone().unwrap_or_else(|| before.description.clone()),
        labels: labels::patched(state, LabelledKind::Prefix, &before.labels, &patch.labels)?,
        ..Prefix::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    if after.kind != before.kind {
        fits_into_the_plan(state, name, after.kind, "kind")?;
    }
    if after.labels != before.labels {
        complete(state, &after)?;
    }
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
