use super::Moment;
use super::lookup::{self, already_exists, etag_matches};
use crate::change::{Change, Record};
use crate::command::{Etag, NewView, ViewPatch};
use crate::model::{View, ViewKind};
use crate::name::ViewName;
use crate::refusal::{Reason, Refusal};
use crate::rows;
use crate::state::State;
use std::sync::Arc;

/// Most views.
pub const VIEWS_MAX: usize = 1024;

pub(super) fn create(state: &State, at: Moment, new: &NewView) -> Result<Vec<Change>, Refusal> {
    if state.view(&new.name).is_some() {
        return Err(already_exists(&new.name, "view_id"));
    }
    if state.views().len() >= VIEWS_MAX {
        let message = format!("there are {VIEWS_MAX} views, and there can be no more; delete one first");
        return Err(Refusal::new(Reason::TooMany, message).at("view_id"));
    }
    fits(state, at, new.kind, &new.filter).map_err(|refusal| refusal.under("view"))?;
    let view = View {
        name: new.name.clone(),
        title: new.title.clone(),
        description: new.description.clone(),
        kind: new.kind,
        filter: new.filter.clone(),
        stamp: at.made(),
    };
    Ok(vec![Change::made(Record::View(Arc::new(view)))])
}

/// A filter of a view is one that a list of the kind would take at this moment.
fn fits(state: &State, at: Moment, kind: ViewKind, filter: &str) -> Result<(), Refusal> {
    match rows::bind(state, kind, filter, at.now)? {
        Some(filter) if !filter.takes_all() => Ok(()),
        _ => {
            let message = "a view needs a filter; one without would be the whole list";
            Err(Refusal::new(Reason::FieldRequired, message).at("filter"))
        }
    }
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &ViewName,
    etag: Etag,
    patch: &ViewPatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::view(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = View {
        title: patch.title.clone().unwrap_or_else(|| before.title.clone()),
        description: patch.description.clone().unwrap_or_else(|| before.description.clone()),
        filter: patch.filter.clone().unwrap_or_else(|| before.filter.clone()),
        ..View::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    if after.filter != before.filter {
        fits(state, at, after.kind, &after.filter)?;
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::View(before), Record::View(Arc::new(after)))])
}

pub(super) fn delete(state: &State, name: &ViewName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::view(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    Ok(vec![Change::gone(Record::View(before))])
}
