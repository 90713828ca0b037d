use super::Moment;
use super::lookup::{self, already_exists, etag_matches};
use crate::access::{GRANTS_MAX, Grant, Role};
use crate::change::{Change, Record};
use crate::command::{Etag, OperatorPatch};
use crate::model::{CertificateRecord, Operator};
use crate::name::OperatorName;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn create(
    state: &State,
    at: Moment,
    name: &OperatorName,
    roles: &BTreeSet<Role>,
    grants: &BTreeSet<Grant>,
    certificate: Option<&CertificateRecord>,
) -> Result<Vec<Change>, Refusal> {
    if state.operator(name).is_some() {
        return Err(already_exists(name, "operator_id"));
    }
    places_exist(state, grants).map_err(|refusal| refusal.under("operator"))?;
    let operator = Operator {
        name: name.clone(),
        roles: roles.clone(),
        grants: grants.clone(),
        disabled: false,
        certificates: certificate.into_iter().cloned().collect(),
        stamp: at.made(),
    };
    Ok(vec![Change::made(Record::Operator(Arc::new(operator)))])
}

pub(super) fn update(
    state: &State,
    at: Moment,
    name: &OperatorName,
    etag: Etag,
    patch: &OperatorPatch,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::operator(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    if let Some(grants) = &patch.grants {
        places_exist(state, grants)?;
    }
    let after = Operator {
        roles: patch.roles.clone().unwrap_or_else(|| before.roles.clone()),
        grants: patch.grants.clone().unwrap_or_else(|| before.grants.clone()),
        disabled: patch.disabled.unwrap_or(before.disabled),
        ..Operator::clone(&before)
    };
    change(state, at, before, after)
}

pub(super) fn add_certificate(
    state: &State,
    at: Moment,
    name: &OperatorName,
    certificate: &CertificateRecord,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::operator(state, name)?;
    let mut after = Operator::clone(&before);
    after.certificates.retain(|kept| kept.not_after > at.now && kept.serial != certificate.serial);
    after.certificates.push(certificate.clone());
    change(state, at, before, after)
}

pub(super) fn revoke_certificate(
    state: &State,
    at: Moment,
    name: &OperatorName,
    serial: &str,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::operator(state, name)?;
    let mut after = Operator::clone(&before);
    after.certificates.retain(|kept| kept.serial != serial);
    if after == *before {
        return Err(Refusal::new(
            Reason::CertificateNotFound,
            format!("{name} has no certificate {serial:?}; nothing was revoked, look up its serial numbers"),
        )
        .at("serial")
        .about(name));
    }
    change(state, at, before, after)
}

pub(super) fn delete(state: &State, name: &OperatorName, etag: Etag) -> Result<Vec<Change>, Refusal> {
    let before = lookup::operator(state, name)?;
    etag_matches(etag, before.stamp, name)?;
    somebody_is_left(state, name)?;
    Ok(vec![Change::gone(Record::Operator(before))])
}

fn change(state: &State, at: Moment, before: Arc<Operator>, mut after: Operator) -> Result<Vec<Change>, Refusal> {
    if after == *before {
        return Ok(Vec::new());
    }
    if !administers(&after) {
        somebody_is_left(state, &before.name)?;
    }
    after.stamp = at.changed(before.stamp);
    Ok(vec![Change::changed(Record::Operator(before), Record::Operator(Arc::new(after)))])
}

/// Refuses grants in spaces that are not there: whoever makes such a space later would not know of them.
fn places_exist(state: &State, grants: &BTreeSet<Grant>) -> Result<(), Refusal> {
    if grants.len() > GRANTS_MAX {
        let message = format!("{} grants; an operator has {GRANTS_MAX} at most", grants.len());
        return Err(Refusal::new(Reason::TooMany, message).at("grants"));
    }
    match grants.iter().find(|grant| state.space(&grant.place.space).is_none()) {
        Some(Grant { place, .. }) => {
            let message =
                format!("{} does not exist, so nobody can be given rights in it; create it first", place.space);
            Err(Refusal::new(Reason::SpaceNotFound, message).at("grants").about(&place.space))
        }
        None => Ok(()),
    }
}

fn administers(operator: &Operator) -> bool {
    !operator.disabled && operator.roles.contains(&Role::IpamAdministrator)
}

/// Refuses to take the last administrator's rights: nobody could give them back.
fn somebody_is_left(state: &State, without: &OperatorName) -> Result<(), Refusal> {
    let was = state.operator(without).is_some_and(|operator| administers(operator));
    let others = state.operators().values().any(|other| other.name != *without && administers(other));
    if was && !others {
        return Err(Refusal::new(
            Reason::LastAdministrator,
            format!(
                "{without} is the last one with the role {}; give it to somebody else first",
                Role::IpamAdministrator
            ),
        )
        .about(without));
    }
    Ok(())
}
