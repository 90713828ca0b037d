use super::Moment;
use super::lookup::{self, USERS_NAMED, already_exists, etag_matches, in_use};
use crate::change::{Change, Record};
use crate::command::{Etag, SpacePatch};
use crate::model::Space;
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
) -> Result<Vec<Change>, Refusal> {
    if state.space(name).is_some() {
        return Err(already_exists(name, "space_id"));
    }
    let space = Space { name: name.clone(), title: title.clone(), description: description.clone(), stamp: at.made() };
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
        ..Space::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Space(before), Record::Space(Arc::new(after)))])
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
    Ok(vec![Change::gone(Record::Space(before))])
}
