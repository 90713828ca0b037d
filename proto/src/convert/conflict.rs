//! Conflicts.

use super::time;
use crate::v1::{self, conflict::Kind};
use freehold_core::Timestamp;
use freehold_core::conflict::{Conflict, ConflictKind, Resolution};
use freehold_core::refusal::{Reason, Refusal};

/// The message of a conflict as it is at `now`.
pub fn message(conflict: &Conflict, now: Timestamp) -> v1::Conflict {
    let clash = &conflict.clash;
    let place = |(space, cidr): &(freehold_core::name::SpaceName, freehold_core::net::Cidr)| v1::ConflictPlace {
        space: space.to_string(),
        cidr: cidr.to_string(),
    };
    v1::Conflict {
        name: conflict.name.to_string(),
        kind: kind(clash.kind()).into(),
        message: clash.words(now),
        resources: clash.resources(),
        servers: clash.servers().into_iter().map(ToString::to_string).collect(),
        places: clash.places().iter().map(place).collect(),
        start_time: Some(time::message(conflict.since)),
        notice_time: Some(time::message(conflict.first_seen)),
        resolutions: clash.resolutions().into_iter().map(resolution).collect(),
    }
}

fn resolution(way: Resolution) -> v1::Resolution {
    let argument = |(field, value): (&str, String)| v1::ResolutionArgument { field: field.to_owned(), value };
    v1::Resolution {
        message: way.words,
        method: way.method.to_owned(),
        arguments: way.arguments.into_iter().map(argument).collect(),
    }
}

fn kind(kind: ConflictKind) -> Kind {
    match kind {
        ConflictKind::LeaseOnAssigned => Kind::LeaseOnAssigned,
        ConflictKind::LeaseOnReserved => Kind::LeaseOnReserved,
        ConflictKind::LeasedTwice => Kind::LeasedTwice,
        ConflictKind::ClientElsewhere => Kind::ClientElsewhere,
        ConflictKind::AnswersThoughFree => Kind::AnswersThoughFree,
        ConflictKind::ScopesOverlap => Kind::ScopesOverlap,
        ConflictKind::ForeignSubnet => Kind::ForeignSubnet,
        ConflictKind::Refused => Kind::Refused,
    }
}

/// A kind of a message.
pub fn parse_kind(number: i32) -> Result<ConflictKind, Refusal> {
    let found = ConflictKind::ALL.iter().copied().find(|one| i32::from(kind(*one)) == number);
    found.ok_or_else(|| Refusal::new(Reason::InvalidValue, format!("no kind of conflict has the number {number}")))
}
