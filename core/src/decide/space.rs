use super::Moment;
use super::labels;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use crate::change::{Change, Record};
use crate::command::{Etag, SpacePatch};
use crate::labels::{Labelled, Labels};
use crate::model::{LabelledKind, Operator, Space};
use crate::name::SpaceName;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::text::Text;
use std::sync::Arc;

pub(super) fn create(
    state: &State,
    at: Moment,
    name: &SpaceName,
    title: &Text,
    description: &Text,
    labels: &Labels,
) -> Result<Vec<Change>, Refusal> {
    if state.space(name).is_some() {
        return Err(already_exists(name, "space_id"));
    }
    let fitting = labels::fitting(state, LabelledKind::Space, labels).map_err(|refusal| refusal.under("space"))?;
    let space = Space {
        name: name.clone(),
        title: title.clone(),
        description: description.clone(),
        labels: fitting,
        stamp: at.made(),
    };
    complete(state, &space).map_err(|refusal| refusal.under("space"))?;
    Ok(vec![Change::made(Record::Space(Arc::new(space)))])
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &SpaceName,
    etag: Etag,
    patch: &SpacePatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::space(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = Space {
        title: patch.title.clone().unwrap_or_else(|| before.title.clone()),
        description: patch.description.clone().unwrap_or_else(|| before.description.clone()),
        labels: labels::patched(state, LabelledKind::Space, &before.labels, &patch.labels)?,
        ..Space::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    if after.labels != before.labels {
        complete(state, &after)?;
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Space(before), Record::Space(Arc::new(after)))])
}

fn complete(state: &State, space: &Space) -> Result<(), Refusal> {
    labels::complete(state, LabelledKind::Space, Labelled::Space(space))
}

pub(super) fn delete(state: &State, name: &SpaceName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::space(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    if name.is_default() {
        return Err(Refusal::new(Reason::BuiltIn, "spaces/default always exists; it cannot be deleted")
            .at("name")
            .about(name));
    }
    let users: Vec<_> = state.prefixes_in(name).collect();
    if !users.is_empty() {
        let named: Vec<_> = users.iter().take(USERS_NAMED).map(|prefix| prefix.name.to_string()).collect();
        return Err(in_use(name, &named, users.len(), "delete those first"));
    }
    let granted = |operator: &&Arc<Operator>| operator.grants.iter().any(|grant| grant.place.space == *name);
    let holders: Vec<_> = state.operators().values().filter(granted).collect();
    if !holders.is_empty() {
        let named: Vec<_> = holders.iter().take(USERS_NAMED).map(|operator| operator.name.to_string()).collect();
        return Err(in_use(name, &named, holders.len(), "take away their rights in it first"));
    }
    // Who answers in a space that is gone is nobody's business.
    let seen = state.sightings().filter(|seen| seen.name.space == *name).cloned();
    Ok([Change::gone(Record::Space(before))].into_iter().chain(seen.map(Record::Sighting).map(Change::gone)).collect())
}
