//! How far a record has come on the server that should run it.

use crate::presence::Presence;
use freehold_core::bundle::{Bundle, Hash, ResourceKey};
use freehold_core::desired::desired;
use freehold_core::model::{Management, RefusedBundle, Scope, ScopeStatus, ServerStatus};
use freehold_core::name::ServerName;
use freehold_core::{Record, Revision, State};
use freehold_proto::bundle::{bundle, claim_resource, reservation_resource, scope_resource};
use freehold_proto::convert::time;
use freehold_proto::v1::{SyncStatus, sync_status};

/// What `server` should run at `state`: all that is desired, but what it refused in just that form in the form that it goes
/// on with, or not at all.
pub fn desired_bundle(state: &State, server: &ServerName) -> Bundle {
    let status = state.status(server);
    let refusal = |key: &ResourceKey, hash| {
        let rejection = status?.quarantine.get(key).filter(|rejection| rejection.hash == hash)?;
        Some(rejection.instead.as_ref())
    };
    bundle(&desired(state, server)).with_refusals(refusal)
}

/// Whether the server of the scope goes on with another form of it than it has now, because it refused that.
pub fn runs_older_form(state: &State, scope: &Scope) -> bool {
    let status = scope.server.as_ref().and_then(|server| state.status(server));
    status.filter(|status| status.runs_older(scope)).is_some_and(|status| {
        // Only now: a form costs all the pools of its scope.
        let (key, resource) = scope_resource(scope, &state.pools_of(scope));
        status.quarantine.get(&key).is_some_and(|rejection| rejection.hash == resource.hash())
    })
}

/// The hash of the present form of a resource, whoever is to serve it.
pub fn form(state: &State, key: &ResourceKey) -> Option<Hash> {
    let (_, resource) = match state.record(&state.resource(key)?)? {
        Record::Scope(scope) => scope_resource(&scope, &state.pools_of(&scope)),
        Record::Reservation(reservation) => reservation_resource(&reservation),
        Record::Address(claim) => {
            let scope = state.scope_at(&claim.name.space, claim.name.address)?;
            claim_resource(&scope.name, &claim).filter(|_| !claim.is_hold())?
        }
        _ => return None,
    };
    Some(resource.hash())
}

/// What is recorded of `server`, with those of its refusals only that still hold: what has another form by now is sent again.
pub fn recorded(state: &State, server: &ServerName) -> Option<ServerStatus> {
    let desired = bundle(&desired(state, server));
    let mut status = ServerStatus::clone(state.status(server)?);
    status.quarantine.retain(|key, refused| desired.resources().get(key).is_some_and(|now| now.hash() == refused.hash));
    Some(status)
}

/// The refusal of the bundle that `server` should run now, if it was refused as a whole.
pub fn refused_bundle<'a>(state: &'a State, server: &ServerName) -> Option<&'a RefusedBundle> {
    let refused = state.status(server)?.refused.as_ref()?;
    (refused.digest == desired_bundle(state, server).digest()).then_some(refused)
}

/// How far a scope has come.
pub fn of_scope(state: &State, presence: &Presence, scope: &Scope) -> SyncStatus {
    let (key, resource) = scope_resource(scope, &state.pools_of(scope));
    let refused = refusal(state, scope, &key, resource.hash());
    of_record(state, presence, scope, scope.stamp.revision, refused)
}

/// How far a reservation has come.
pub fn of_reservation(
    state: &State,
    presence: &Presence,
    scope: &Scope,
    reservation: &freehold_core::model::Reservation,
) -> SyncStatus {
    let (key, resource) = reservation_resource(reservation);
    let (scope_key, scope_form) = scope_resource(scope, &state.pools_of(scope));
    let refused =
        refusal(state, scope, &key, resource.hash()).or_else(|| refusal(state, scope, &scope_key, scope_form.hash()));
    of_record(state, presence, scope, reservation.stamp.revision, refused)
}

/// How far a server has come towards `revision`.
pub fn of_server(state: &State, presence: &Presence, server: &ServerName, revision: Revision) -> SyncStatus {
    let status = state.status(server).map(AsRef::as_ref);
    let applied = status.and_then(|status| status.applied.as_ref());
    let managed = state.server(server).is_some_and(|server| server.management == Management::Managed);
    let at = if !managed {
        sync_status::State::Unmanaged
    } else if runs(state, server, status, revision) {
        sync_status::State::Applied
    } else if refused_bundle(state, server).is_some() {
        sync_status::State::Rejected
    } else if presence.connected(server.agent()) {
        sync_status::State::Pending
    } else {
        sync_status::State::Disconnected
    };
    SyncStatus {
        server: server.to_string(),
        state: at.into(),
        desired_revision: revision.0,
        applied_revision: applied.map(|applied| applied.revision.0).unwrap_or_default(),
        applied_time: applied.map(|applied| time::message(applied.at)),
        took_ms: applied.map(|applied| applied.took_ms).unwrap_or_default(),
        error: status.map(|status| status.last_error.clone()).unwrap_or_default(),
    }
}

/// The same, told of a thing that the server serves: what the server said of all that it should run is for who may see the server.
pub fn of_served(state: &State, presence: &Presence, server: &ServerName, revision: Revision) -> SyncStatus {
    let status = of_server(state, presence, server, revision);
    SyncStatus { error: told_elsewhere(server, &status.error), ..status }
}

/// Where it is told what a server said, if it said something.
pub fn told_elsewhere(server: &ServerName, words: &str) -> String {
    match words {
        "" => String::new(),
        _ => format!("its last apply failed as a whole; what it said stands with {server}"),
    }
}

fn of_record(
    state: &State,
    presence: &Presence,
    scope: &Scope,
    revision: Revision,
    refused: Option<String>,
) -> SyncStatus {
    let Some(server) = &scope.server else {
        return SyncStatus {
            state: sync_status::State::NotServed.into(),
            desired_revision: revision.0,
            ..SyncStatus::default()
        };
    };
    let mut status = of_served(state, presence, server, revision);
    match refused {
        Some(message) => {
            status.state = sync_status::State::Rejected.into();
            status.error = message;
        }
        None if scope.status == ScopeStatus::Inactive && status.state() == sync_status::State::Applied => {
            status.state = sync_status::State::NotServed.into();
        }
        None => {}
    }
    status
}

/// The server's own words, if it refused the record in just this form.
fn refusal(state: &State, scope: &Scope, key: &ResourceKey, hash: Hash) -> Option<String> {
    let status = state.status(scope.server.as_ref()?)?;
    let rejection = status.quarantine.get(key).filter(|rejection| rejection.hash == hash)?;
    Some(rejection.message.clone())
}

/// A server runs a revision if it was proven to at or after it, or if nothing that it serves became different since.
fn runs(state: &State, server: &ServerName, status: Option<&ServerStatus>, revision: Revision) -> bool {
    let Some(applied) = status.and_then(|status| status.applied.as_ref()) else {
        return false;
    };
    applied.revision >= revision || applied.digest == desired_bundle(state, server).digest()
}
