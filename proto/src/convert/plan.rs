//! Spaces and prefixes.

use super::{label, time};
use crate::v1;
use freehold_core::model::{Prefix, PrefixKind, PrefixStatus, Space};
use freehold_core::name::{PrefixName, SpaceName};
use freehold_core::net::Cidr;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::Text;

/// The message of a space.
pub fn space_message(space: &Space) -> v1::Space {
    v1::Space {
        name: space.name.to_string(),
        title: space.title.to_string(),
        description: space.description.to_string(),
        create_time: Some(time::message(space.stamp.created)),
        update_time: Some(time::message(space.stamp.updated)),
        etag: time::etag(space.stamp.revision),
        tags: label::tags_message(&space.labels),
        fields: label::fields_message(&space.labels),
    }
}

/// The space of a message, as it was stored.
pub fn parse_space(message: &v1::Space) -> Result<Space, Refusal> {
    Ok(Space {
        name: message.name.parse::<SpaceName>().map_err(|r| r.at("name"))?,
        title: text(&message.title, "title")?,
        description: text(&message.description, "description")?,
        labels: label::parse(&message.tags, &message.fields)?,
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

/// The message of a prefix, without what follows from where it lies: its parent, its children and what it inherits.
pub fn prefix_message(prefix: &Prefix) -> v1::Prefix {
    v1::Prefix {
        name: prefix.name.to_string(),
        cidr: prefix.name.cidr.to_string(),
        kind: kind_message(prefix.kind).into(),
        title: prefix.title.to_string(),
        description: prefix.description.to_string(),
        parent: String::new(),
        create_time: Some(time::message(prefix.stamp.created)),
        update_time: Some(time::message(prefix.stamp.updated)),
        etag: time::etag(prefix.stamp.revision),
        status: status_message(prefix.status).into(),
        tags: label::tags_message(&prefix.labels),
        fields: label::fields_message(&prefix.labels),
        effective_tags: Vec::new(),
        effective_fields: Vec::new(),
        child_count: 0,
        made_from: prefix.made_from.iter().map(|cidr| made_from_message(prefix, *cidr)).collect(),
    }
}

/// The prefix of a message, as it was stored.
pub fn parse_prefix(message: &v1::Prefix) -> Result<Prefix, Refusal> {
    Ok(Prefix {
        name: message.name.parse::<PrefixName>().map_err(|r| r.at("name"))?,
        kind: parse_kind(message.kind)?,
        status: parse_status(message.status)?,
        made_from: message.made_from.iter().map(|name| parse_made_from(name)).collect::<Result<_, _>>()?,
        labels: label::parse(&message.tags, &message.fields)?,
        title: text(&message.title, "title")?,
        description: text(&message.description, "description")?,
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

fn made_from_message(prefix: &Prefix, cidr: Cidr) -> String {
    PrefixName { space: prefix.name.space.clone(), cidr }.to_string()
}

fn parse_made_from(name: &str) -> Result<Cidr, Refusal> {
    name.parse::<PrefixName>().map(|name| name.cidr).map_err(|refusal| refusal.at("made_from"))
}

fn status_message(status: PrefixStatus) -> v1::prefix::Status {
    match status {
        PrefixStatus::Planned => v1::prefix::Status::Planned,
        PrefixStatus::Active => v1::prefix::Status::Active,
        PrefixStatus::Deprecated => v1::prefix::Status::Deprecated,
        PrefixStatus::Reserved => v1::prefix::Status::Reserved,
    }
}

/// The status of a prefix; active where none is given.
pub fn parse_status(status: i32) -> Result<PrefixStatus, Refusal> {
    match v1::prefix::Status::try_from(status) {
        Ok(v1::prefix::Status::Planned) => Ok(PrefixStatus::Planned),
        Ok(v1::prefix::Status::Unspecified | v1::prefix::Status::Active) => Ok(PrefixStatus::Active),
        Ok(v1::prefix::Status::Deprecated) => Ok(PrefixStatus::Deprecated),
        Ok(v1::prefix::Status::Reserved) => Ok(PrefixStatus::Reserved),
        Err(_) => {
            let message = format!("no status of prefixes has the number {status}");
            Err(Refusal::new(Reason::InvalidValue, message).at("status"))
        }
    }
}

fn kind_message(kind: PrefixKind) -> v1::prefix::Kind {
    match kind {
        PrefixKind::Container => v1::prefix::Kind::Container,
        PrefixKind::Network => v1::prefix::Kind::Network,
    }
}

/// The kind of a prefix, which must be said.
pub fn parse_kind(kind: i32) -> Result<PrefixKind, Refusal> {
    match v1::prefix::Kind::try_from(kind) {
        Ok(v1::prefix::Kind::Container) => Ok(PrefixKind::Container),
        Ok(v1::prefix::Kind::Network) => Ok(PrefixKind::Network),
        Ok(v1::prefix::Kind::Unspecified) => Err(Refusal::new(
            Reason::FieldRequired,
            "say whether the prefix is a container (holds prefixes) or a network (holds addresses)",
        )
        .at("kind")),
        Err(_) => {
            Err(Refusal::new(Reason::InvalidValue, format!("no kind of prefix has the number {kind}")).at("kind"))
        }
    }
}

/// Free text of a field.
pub fn text(value: &str, field: &str) -> Result<Text, Refusal> {
    Text::parse(value).map_err(|refusal| refusal.at(field))
}
