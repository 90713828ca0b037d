//! Refusals as gRPC statuses: the one place where the two meet.
//!
//! A status carries `google.rpc.ErrorInfo` (reason, domain), and where it applies `BadRequest` (the
//! field), `ResourceInfo` (the resource) and `PreconditionFailure` (each thing that stands against the call), so that
//! programs need not read the words.

use crate::engine::{CommitError, HistoryError};
use crate::trail::TrailError;
use freehold_core::Refusal;
use freehold_core::refusal::{Class, Reason};
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every reason.
pub const DOMAIN: &str = "freehold.dev";

/// The gRPC code of a class of refusals.
fn code(class: Class) -> Code {
    match class {
        Class::Invalid => Code::InvalidArgument,
        Class::NotFound => Code::NotFound,
        Class::Exists => Code::AlreadyExists,
        Class::Precondition => Code::FailedPrecondition,
        Class::Conflict => Code::Aborted,
        Class::Denied => Code::PermissionDenied,
        Class::Exhausted => Code::ResourceExhausted,
        Class::Unimplemented => Code::Unimplemented,
    }
}

/// The status of a refusal.
pub fn refused(refusal: &Refusal) -> Status {
    coded(code(refusal.reason.class()), refusal)
}

/// The status of a caller who did not show who it is.
pub fn unauthenticated(refusal: &Refusal) -> Status {
    coded(Code::Unauthenticated, refusal)
}

/// Bytes of obstacles in one status at most: it travels in trailers, of which clients take 16 KiB by default.
const OBSTACLE_BYTES_MAX: usize = 6 << 10;

fn coded(code: Code, refusal: &Refusal) -> Status {
    let mut details = ErrorDetails::new();
    let mut metadata = HashMap::new();
    if !refusal.field.is_empty() {
        metadata.insert("field".to_owned(), refusal.field.clone());
        details.add_bad_request_violation(&refusal.field, &refusal.message);
    }
    details.set_error_info(refusal.reason.as_str(), DOMAIN, metadata);
    if let Some(resource) = &refusal.resource {
        let kind = resource.split('/').next().unwrap_or_default();
        details.set_resource_info(kind, resource, "", "");
    }
    let mut bytes = 0;
    for obstacle in &refusal.obstacles {
        bytes += obstacle.resource.len() + obstacle.message.len();
        if bytes > OBSTACLE_BYTES_MAX {
            break;
        }
        details.add_precondition_failure_violation(refusal.reason.as_str(), &obstacle.resource, &obstacle.message);
    }
    Status::with_error_details(code, &refusal.message, details)
}

/// The refusal of a message that the transport could not read, if `status` is its word for that: it gives no reason of its own.
pub fn unread(status: &Status) -> Option<Status> {
    let (reason, message) = match status.code() {
        // No reason of ours is of this code.
        Code::OutOfRange => {
            let sizes = status.message().rsplit_once("too large: ").map_or("", |(_, sizes)| sizes);
            (Reason::MessageTooLarge, format!("the message is too large, send less at once: {sizes}"))
        }
        Code::Internal if status.message().starts_with(UNDECODABLE) => (
            Reason::MalformedMessage,
            format!("the request is not the message that this method takes: {}", status.message()),
        ),
        _ => return None,
    };
    Some(refused(&Refusal::new(reason, message)))
}

/// The refusal for want of a right that `status` is, if it is one.
pub fn denied(status: &Status) -> Option<Refusal> {
    let reason = status.get_details_error_info().filter(|info| info.reason == Reason::PermissionDenied.as_str());
    reason.map(|_| Refusal::new(Reason::PermissionDenied, status.message()))
}

/// How prost's word for bytes that are no message begins.
const UNDECODABLE: &str = "failed to decode Protobuf message";

/// The status of a call that the engine did not carry out.
pub fn not_committed(error: &CommitError) -> Status {
    match error {
        CommitError::Refused(refusal) => refused(refusal),
        CommitError::Stopped => Status::unavailable(error.to_string()),
    }
}

/// The status of history that cannot be read: damage, which the log tells in full.
pub fn unreadable(error: &HistoryError) -> Status {
    tracing::error!(error = error as &dyn std::error::Error, "history cannot be read");
    Status::data_loss("the ledger cannot be read at that place; see the controller's log")
}

/// The status of a trail that cannot be read: not yet, or not until the next start.
pub fn untold(error: &TrailError) -> Status {
    tracing::error!(error = error as &dyn std::error::Error, "the history cannot be read");
    match error {
        TrailError::Behind { .. } | TrailError::Ended => Status::unavailable(error.to_string()),
        _ => Status::data_loss("the history cannot be read at that place; see the controller's log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_carries_reason_field_and_resource() {
        let refusal = Refusal::new(Reason::ScopeOverlap, "two scopes").at("scope.network").about("scopes/a");
        let status = refused(&refusal);
        let details = status.get_error_details();
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "two scopes"));
        let info = details.error_info().expect("error info");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("SCOPE_OVERLAP", DOMAIN));
        assert_eq!(details.bad_request().expect("field").field_violations[0].field, "scope.network");
        assert_eq!(details.resource_info().expect("resource").resource_name, "scopes/a");
    }

    #[test]
    fn every_reason_has_a_code_that_is_not_internal() {
        for reason in Reason::ALL {
            let code = refused(&Refusal::new(*reason, "x")).code();
            assert!(!matches!(code, Code::Internal | Code::Unknown | Code::Ok), "{reason}");
        }
    }
}
