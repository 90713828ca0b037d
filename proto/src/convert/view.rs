//! Saved views.

use super::plan::text;
use super::time;
use crate::v1;
use crate::v1::view::Kind;
use freehold_core::model::{View, ViewKind};
use freehold_core::refusal::{Reason, Refusal};

/// The message of a view.
pub fn message(view: &View) -> v1::View {
    let kind = match view.kind {
        ViewKind::Prefixes => Kind::Prefixes,
        ViewKind::Scopes => Kind::Scopes,
        ViewKind::Addresses => Kind::Addresses,
        ViewKind::Reservations => Kind::Reservations,
    };
    v1::View {
        name: view.name.to_string(),
        title: view.title.to_string(),
        description: view.description.to_string(),
        kind: kind.into(),
        filter: view.filter.clone(),
        create_time: Some(time::message(view.stamp.created)),
        update_time: Some(time::message(view.stamp.updated)),
        etag: time::etag(view.stamp.revision),
    }
}

/// The view of a message, as it was stored.
pub fn parse(message: &v1::View) -> Result<View, Refusal> {
    Ok(View {
        name: message.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?,
        title: text(&message.title, "title")?,
        description: text(&message.description, "description")?,
        kind: parse_kind(message)?,
        filter: message.filter.clone(),
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

/// What the members of a view are, which must be said.
pub fn parse_kind(message: &v1::View) -> Result<ViewKind, Refusal> {
    match Kind::try_from(message.kind) {
        Ok(Kind::Prefixes) => Ok(ViewKind::Prefixes),
        Ok(Kind::Scopes) => Ok(ViewKind::Scopes),
        Ok(Kind::Addresses) => Ok(ViewKind::Addresses),
        Ok(Kind::Reservations) => Ok(ViewKind::Reservations),
        Ok(Kind::Unspecified) => {
            let what = "say what the members are: PREFIXES, SCOPES, ADDRESSES or RESERVATIONS";
            Err(Refusal::new(Reason::FieldRequired, what).at("kind"))
        }
        Err(_) => {
            let what = format!("no kind of view has the number {}", message.kind);
            Err(Refusal::new(Reason::InvalidValue, what).at("kind"))
        }
    }
}
