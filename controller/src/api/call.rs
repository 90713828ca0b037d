//! From a request to the engine and back.

use super::{Api, status};
use crate::engine::{Call, CommitError, Committed};
use freehold_core::access::Permission;
use freehold_core::change::{Actor, RequestMark};
use freehold_core::name::OperatorName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Change, Command, Revision, State};
use prost::Message;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tonic::{Extensions, Request, Status};

/// A request that changes something, as far as all of them are alike.
pub(super) struct Mutation<'a, M> {
    pub(super) method: &'static str,
    pub(super) message: &'a M,
    pub(super) request_id: &'a str,
    pub(super) validate_only: bool,
}

/// Who calls. The layer in front has put it there for every method that needs a certificate.
pub(super) fn actor(extensions: &Extensions) -> Result<Actor, Status> {
    extensions.get::<Actor>().cloned().ok_or_else(|| Status::internal("the caller was not established"))
}

/// Takes a request apart.
pub(super) fn open<M>(request: Request<M>) -> Result<(Actor, M), Status> {
    let (_, extensions, message) = request.into_parts();
    Ok((actor(&extensions)?, message))
}

/// The operator who calls. Agents are kept from what asks for this.
pub(super) fn operator(extensions: &Extensions) -> Result<OperatorName, Status> {
    actor(extensions)?.principal.parse().map_err(refuse)
}

/// A refusal as a status, for `?`.
pub(super) fn refuse(refusal: Refusal) -> Status {
    status::refused(&refusal)
}

impl Api {
    /// Whether the caller of a stream still has the right that it was let in with.
    pub(super) fn still_may(&self, operator: &OperatorName, permission: Permission) -> Result<(), Status> {
        if self.engine.state().operator(operator).is_some_and(|operator| operator.may(permission)) {
            return Ok(());
        }
        let message = format!("{operator} has lost the permission {permission}, which this stream needs");
        Err(refuse(Refusal::new(Reason::PermissionDenied, message)))
    }

    /// Carries `command` out, or says what would come of it: the state after it.
    pub(super) async fn carry_out<M: Message>(
        &self,
        actor: Actor,
        mutation: Mutation<'_, M>,
        command: Command,
    ) -> Result<Arc<State>, Status> {
        let done = self.submit(actor, mutation, command).await.map_err(|error| status::not_committed(&error))?;
        Ok(done.state)
    }

    /// The same, for those who put a refusal into other words, or have to know what became different.
    pub(super) async fn submit<M: Message>(
        &self,
        actor: Actor,
        mutation: Mutation<'_, M>,
        command: Command,
    ) -> Result<Committed, CommitError> {
        let request = mark(&mutation)?;
        let call =
            Call { actor, method: mutation.method.to_owned(), request, command, ahead: None, reincarnate_above: None };
        if mutation.validate_only {
            let base = self.engine.state();
            let planned = self.engine.plan(&base, &call)?;
            self.previews.keep(&call.actor.principal, base, &planned, self.engine.now());
            return Ok(planned);
        }
        self.engine.commit(call).await
    }

    /// The same, with what became different, or would. A repetition is told what the first time did.
    pub(super) async fn carry_out_and_tell<M: Message>(
        &self,
        actor: Actor,
        mutation: Mutation<'_, M>,
        command: Command,
    ) -> Result<(Arc<State>, Arc<[Change]>), Status> {
        let planned = mutation.validate_only;
        let committed = self.submit(actor, mutation, command).await.map_err(|error| status::not_committed(&error))?;
        if !planned && committed.changes.is_empty() && committed.about.is_some() {
            return Ok((committed.state, self.changes_of(committed.revision).await?));
        }
        Ok((committed.state, committed.changes))
    }

    /// What an entry that is there made different.
    pub(super) async fn changes_of(&self, revision: Revision) -> Result<Arc<[Change]>, Status> {
        let mut entries = self.engine.entries_after(Revision(revision.0 - 1));
        let entry = entries.next(1).await.map_err(|error| status::unreadable(&error))?;
        let entry = entry.and_then(|entries| entries.into_iter().next());
        let entry = entry.ok_or_else(|| status::not_committed(&CommitError::Stopped))?;
        Ok(entry.changes().into())
    }
}

/// The mark of a request that may be repeated, if it has an id.
pub(super) fn mark<M: Message>(mutation: &Mutation<'_, M>) -> Result<Option<RequestMark>, Refusal> {
    let mut sha = Sha256::new();
    sha.update(mutation.method);
    sha.update(mutation.message.encode_to_vec());
    mark_of(mutation.request_id, &sha.finalize())
}

/// The mark of a request with this id, if it has one; `hash` is one of what is asked.
pub(super) fn mark_of(id: &str, hash: &[u8]) -> Result<Option<RequestMark>, Refusal> {
    if id.is_empty() {
        return Ok(None);
    }
    if id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::new(
            Reason::InvalidRequestId,
            "a request id has 1 to 64 printable ASCII characters without spaces",
        )
        .at("request_id"));
    }
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash[..16]);
    Ok(Some(RequestMark { id: id.to_owned(), fingerprint }))
}

/// A record that a command just made or found, which must then be there.
pub(super) fn there<T: Clone>(record: Option<&T>) -> Result<T, Status> {
    record.cloned().ok_or_else(|| {
        let message =
            "the call was carried out, and what it was about is gone again; use a new request id to do it once more";
        refuse(Refusal::new(Reason::ResourceGone, message))
    })
}

/// Refuses a list that is too long before anything in it is looked at.
pub(super) fn at_most(count: usize, most: usize, field: &str) -> Result<(), Refusal> {
    if count <= most {
        return Ok(());
    }
    Err(Refusal::new(Reason::TooMany, format!("{count} items; at most {most} are taken")).at(field))
}

/// A refusal of an update without its resource.
pub(super) fn missing(field: &str) -> Refusal {
    Refusal::new(Reason::FieldRequired, format!("give the {field}")).at(field)
}

/// The status of a request's `name` that nothing has.
pub(super) fn not_found(reason: Reason, name: &impl std::fmt::Display) -> Status {
    not_found_at("name", reason, name)
}

/// The status of a name, in this field of the request, that nothing has.
pub(super) fn not_found_at(field: &str, reason: Reason, name: &impl std::fmt::Display) -> Status {
    refuse(Refusal::new(reason, format!("{name} does not exist")).at(field).about(name))
}

/// The name in a request's `name`.
pub(super) fn named<N: std::str::FromStr<Err = Refusal>>(text: &str) -> Result<N, Status> {
    text.parse().map_err(|refusal: Refusal| refuse(refusal.at("name")))
}

/// What all requests that change something have in common, out of this one.
macro_rules! mutation {
    ($method:literal, $message:expr) => {
        $crate::api::call::Mutation {
            method: $method,
            message: &$message,
            request_id: &$message.request_id,
            validate_only: $message.validate_only,
        }
    };
}
pub(super) use mutation;
