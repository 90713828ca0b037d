//! Spaces and prefixes.

use super::time;
use crate::v1;
use freehold_core::model::{Prefix, PrefixKind, Space};
use freehold_core::name::{PrefixName, SpaceName};
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
    }
}

/// The space of a message, as it was stored.
pub fn parse_space(message: &v1::Space) -> Result<Space, Refusal> {
    Ok(Space {
        name: message.name.parse::<SpaceName>().map_err(|r| r.at("name"))?,
        title: text(&message.title, "title")?,
        description: text(&message.description, "description")?,
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

/// The message of a prefix, without its parent.
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
    }
}

/// The prefix of a message, as it was stored.
pub fn parse_prefix(message: &v1::Prefix) -> Result<Prefix, Refusal> {
    Ok(Prefix {
        name: message.name.parse::<PrefixName>().map_err(|r| r.at("name"))?,
        kind: parse_kind(message.kind)?,
        title: text(&message.title, "title")?,
        description: text(&message.description, "description")?,
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
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
