//! Times, revisions and stamps.

use freehold_core::model::Stamp;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Revision, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The message of a time, to the millisecond.
pub fn message(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.0.rem_euclid(1000) * 1_000_000;
    prost_types::Timestamp { seconds: time.0.div_euclid(1000), nanos: i32::try_from(nanos).expect("below 1e9") }
}

/// The time of a message; the start of 1970 where there is none.
pub fn parse(message: Option<&prost_types::Timestamp>) -> Timestamp {
    let millis =
        |m: &prost_types::Timestamp| m.seconds.saturating_mul(1000).saturating_add(i64::from(m.nanos) / 1_000_000);
    Timestamp(message.map_or(0, millis))
}

/// The time that a clock of the system shows.
pub fn from_system(time: SystemTime) -> Timestamp {
    let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp(match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    })
}

/// The etag of a revision.
pub fn etag(revision: Revision) -> String {
    revision.to_string()
}

/// The revision of an etag that a caller sends back; `None` if it sends none.
pub fn parse_etag(etag: &str) -> Result<Option<Revision>, Refusal> {
    match etag {
        "" => Ok(None),
        text => text.parse().map(|number| Some(Revision(number))).map_err(|_| {
            Refusal::new(Reason::InvalidEtag, "the etag is not one that this API gave; read the resource again")
                .at("etag")
        }),
    }
}

/// The stamp that three fields of a stored resource carry.
pub fn stamp(
    created: Option<&prost_types::Timestamp>,
    updated: Option<&prost_types::Timestamp>,
    etag: &str,
) -> Result<Stamp, Refusal> {
    Ok(Stamp { created: parse(created), updated: parse(updated), revision: parse_etag(etag)?.unwrap_or_default() })
}
