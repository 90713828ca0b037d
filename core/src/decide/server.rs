use super::Moment;
use super::lookup::{self, USERS_NAMED, etag_matches, in_use};
use crate::bundle::{Hash, ResourceKey};
use crate::change::{Change, Record, RecordKey};
use crate::command::{Etag, ServerPatch};
use crate::model::{
    Applied, Decided, Left, Management, RefusedBundle, Rejection, Report, Scope, ScopeStatus, Server, ServerStatus,
};
use crate::name::ServerName;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::text::Text;
use crate::time::Revision;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn report(state: &State, at: Moment, name: &ServerName, report: &Report) -> Result<Vec<Change>, Refusal> {
    lookup::active_agent(state, name.agent())?;
    let Report { kind, version, found, mut foreign_subnets, mut findings } = report.clone();
    foreign_subnets.sort();
    foreign_subnets.dedup();
    findings.sort();
    findings.dedup_by_key(|finding| finding.check);
    let Some(before) = state.server(name).cloned() else {
        let server = Server {
            name: name.clone(),
            kind,
            version,
            found,
            management: Management::Unmanaged,
            foreign_subnets,
            findings,
            description: Text::default(),
            confirm_seconds: None,
            stamp: at.made(),
        };
        return Ok(vec![Change::made(Record::Server(Arc::new(server)))]);
    };
    let mut after = Server { kind, version, found, foreign_subnets, findings, ..Server::clone(&before) };
    if after == *before {
        return Ok(Vec::new());
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Server(before), Record::Server(Arc::new(after)))])
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &ServerName,
    etag: Etag,
    patch: &ServerPatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::server(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let mut after = Server {
        management: patch.management.unwrap_or(before.management),
        description: patch.description.clone().unwrap_or_else(|| before.description.clone()),
        confirm_seconds: patch.confirm_seconds.unwrap_or(before.confirm_seconds),
        ..Server::clone(&before)
    };
    if after == *before {
        return Ok(Vec::new());
    }
    if let Some(seconds) = after.confirm_seconds.filter(|seconds| !Server::CONFIRM_SECONDS.contains(seconds)) {
        let message = format!("{seconds} seconds: a confirmation is awaited for 10 to 3600 seconds, or not at all (0)");
        return Err(Refusal::new(Reason::InvalidValue, message).at("confirm_seconds"));
    }
    if after.management == Management::Managed && before.management != Management::Managed {
        plan_leaves_its_own_alone(state, &after)?;
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Server(before), Record::Server(Arc::new(after)))])
}

/// A scope that was planned for the server before it was known must not meet a subnet of its own.
fn plan_leaves_its_own_alone(state: &State, server: &Server) -> Result<(), Refusal> {
    let mut active = state.scopes_of(&server.name).filter(|scope| scope.status == ScopeStatus::Active);
    match active.find_map(|scope| Some((scope, server.foreign_subnet_against(scope)?))) {
        Some((scope, foreign)) => Err(Refusal::new(
            Reason::ServedByServerItself,
            format!(
                "{} would serve {} (subnet id {}), but {} serves {} (subnet id {}) by its own configuration; remove one of them first",
                scope.name, scope.network, scope.subnet_id, server.name, foreign.network, foreign.subnet_id
            ),
        )
        .at("management")
        .about(&scope.name)),
        None => Ok(()),
    }
}

pub(super) fn delete(state: &State, name: &ServerName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::server(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    let users: Vec<_> = state.scopes_of(name).collect();
    if !users.is_empty() {
        let named: Vec<_> = users.iter().take(USERS_NAMED).map(|scope| scope.name.to_string()).collect();
        return Err(in_use(name, &named, users.len(), "give those to another server or to none first"));
    }
    let status = state.status(name).cloned().map(|status| Change::gone(Record::ServerStatus(status)));
    Ok(std::iter::once(Change::gone(Record::Server(before))).chain(status).collect())
}

pub(super) fn record_applied(
    state: &State,
    at: Moment,
    name: &ServerName,
    applied: &Applied,
) -> Result<Vec<Change>, Refusal> {
    change_status(state, at, name, |status| {
        status.applied = Some(applied.clone());
        status.last_error.clear();
    })
}

pub(super) fn record_rejected(
    state: &State,
    at: Moment,
    name: &ServerName,
    rejections: &BTreeMap<ResourceKey, Rejection>,
    error: &str,
    bundle: Option<&RefusedBundle>,
) -> Result<Vec<Change>, Refusal> {
    change_status(state, at, name, |status| {
        for (key, rejection) in rejections {
            let refused_again =
                |known: &&mut Rejection| known.instead.as_ref().is_some_and(|instead| instead.hash() == rejection.hash);
            match status.quarantine.get_mut(key).filter(refused_again) {
                // What ran before does not do any more either: the resource is left out.
                Some(known) => known.instead = None,
                None => drop(status.quarantine.insert(key.clone(), rejection.clone())),
            }
        }
        error.clone_into(&mut status.last_error);
        if let Some(bundle) = bundle {
            // It ran, and was undone because nobody confirmed it: what was proven is not so any more.
            status.applied = status.applied.take().filter(|applied| applied.digest != bundle.digest);
            status.refused = Some(bundle.clone());
        }
    })
}

/// Only what is refused is changed: a server without a status gets none by this.
pub(super) fn lift_refusals(
    state: &State,
    at: Moment,
    name: &ServerName,
    edition: Option<Hash>,
) -> Result<Vec<Change>, Refusal> {
    let stays = |of: Hash| edition.is_some_and(|now| now == of);
    let before = state.status(name).map(AsRef::as_ref);
    let lifts = |status: &ServerStatus| {
        status.refused.as_ref().is_some_and(|refused| !stays(refused.edition))
            || status.quarantine.values().any(|rejection| lifted(rejection, edition))
    };
    if !before.is_some_and(lifts) {
        lookup::server(state, name)?;
        return Ok(Vec::new());
    }
    change_status(state, at, name, |status| {
        status.refused = status.refused.take().filter(|refused| stays(refused.edition));
        status.quarantine.retain(|_, rejection| !lifted(rejection, edition));
        status.last_error.clear();
    })
}

/// Whether a rejection is not held against the resource any more.
fn lifted(rejection: &Rejection, edition: Option<Hash>) -> bool {
    match (rejection.lacking, edition) {
        (_, None) => true,
        (Some(lacking), Some(now)) => lacking != now,
        (None, Some(_)) => false,
    }
}

pub(super) fn note_decision(state: &State, at: Moment, name: &ServerName, what: &str) -> Result<Vec<Change>, Refusal> {
    change_status(state, at, name, |status| {
        // The same decision twice in a millisecond is two decisions.
        status.stamp = at.changed(status.stamp);
        status.decided = Some(Decided { what: what.to_owned(), at: at.now });
    })
}

/// Takes note that a server that was to run this scope is not to any more; `None` if it was never told to.
pub(super) fn leave(state: &State, at: Moment, scope: &Scope) -> Option<Change> {
    let name = scope.server.as_ref()?;
    let told = state.server(name)?.management == Management::Managed
        || state.status(name).is_some_and(|status| status.applied.is_some());
    let left = Left { space: scope.space.clone(), network: scope.network, since: at.revision };
    told.then(|| status_changed(state, at, name, |status| drop(status.left.insert(scope.subnet_id, left)))).flatten()
}

/// What a server was taken off is over: it was proven to run without, and its leases up to then are known.
pub(super) fn forget_left(
    state: &State,
    at: Moment,
    name: &ServerName,
    up_to: Revision,
) -> Result<Vec<Change>, Refusal> {
    lookup::server(state, name)?;
    let forget = |status: &mut ServerStatus| status.left.retain(|_, left| left.since > up_to);
    Ok(status_changed(state, at, name, forget).into_iter().collect())
}

fn change_status(
    state: &State,
    at: Moment,
    name: &ServerName,
    change: impl FnOnce(&mut ServerStatus),
) -> Result<Vec<Change>, Refusal> {
    lookup::server(state, name)?;
    lookup::active_agent(state, name.agent())?;
    Ok(status_changed(state, at, name, change).into_iter().collect())
}

fn status_changed(
    state: &State,
    at: Moment,
    name: &ServerName,
    change: impl FnOnce(&mut ServerStatus),
) -> Option<Change> {
    let before = state.status(name).cloned();
    let mut after = before.as_deref().cloned().unwrap_or_else(|| ServerStatus {
        server: name.clone(),
        applied: None,
        quarantine: BTreeMap::new(),
        left: BTreeMap::new(),
        refused: None,
        last_error: String::new(),
        decided: None,
        stamp: at.made(),
    });
    change(&mut after);
    after.quarantine.retain(|key, _| serves(state, name, key));
    if before.as_deref() == Some(&after) {
        return None;
    }
    after.stamp = at.changed(after.stamp);
    let after = Record::ServerStatus(Arc::new(after));
    Some(match before {
        Some(before) => Change::changed(Record::ServerStatus(before), after),
        None => Change::made(after),
    })
}

/// Whether the resource is one of the server's still; what it refused of others needs no quarantine.
fn serves(state: &State, server: &ServerName, key: &ResourceKey) -> bool {
    let scope = match state.resource(key) {
        Some(RecordKey::Scope(name)) => state.scope(&name),
        Some(RecordKey::Reservation(name)) => state.scope(&name.scope),
        Some(RecordKey::Address(name)) => state.scope_at(&name.space, name.address),
        _ => None,
    };
    scope.is_some_and(|scope| scope.server.as_ref() == Some(server))
}
