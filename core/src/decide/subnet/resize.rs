use super::fit;
use crate::change::{Change, Record};
use crate::command::Etag;
use crate::decide::obstacles::Obstacles;
use crate::decide::{Moment, delegation, lookup};
use crate::model::{Prefix, PrefixKind};
use crate::name::PrefixName;
use crate::net::Cidr;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::sync::Arc;

/// Grows or shrinks a prefix to `cidr`, with all that it is and holds.
pub(in crate::decide) fn resize(
    state: &State,
    at: Moment,
    name: &PrefixName,
    etag: Etag,
    cidr: Cidr,
) -> Result<Vec<Change>, Refusal> {
    let before = lookup::prefix(state, name)?;
    lookup::etag_matches(etag, before.stamp, name)?;
    if cidr == name.cidr {
        return Ok(Vec::new());
    }
    if !cidr.overlaps(&name.cidr) {
        let message = format!("{cidr} shares no address with {}; a prefix grows or shrinks where it is", name.cidr);
        return Err(Refusal::new(Reason::InvalidCidr, message).at("cidr"));
    }
    let resized = PrefixName { space: name.space.clone(), cidr };
    if state.prefix(&resized).is_some() {
        return Err(lookup::already_exists(&resized, "cidr"));
    }
    let scope = state.scope_of_network(name).cloned();
    let mut obstacles = Obstacles::default();
    if cidr.covers(&name.cidr) {
        if before.kind == PrefixKind::Network {
            for inner in state.inside_of(&resized).filter(|inner| inner.name != *name) {
                obstacles.add(&inner.name, || format!("{} would lie in the network {cidr}", inner.name));
            }
        }
    } else {
        for child in state.children_of(name).filter(|child| !cidr.covers(&child.name.cidr)) {
            obstacles.add(&child.name, || format!("{} does not lie in {cidr}", child.name));
        }
    }
    if let Some(scope) = &scope {
        fit::scope_into(state, scope, cidr, &mut obstacles);
    }
    if before.kind == PrefixKind::Network {
        fit::assignments_into(state, &name.space, name.cidr, cidr, &mut obstacles);
        for (of, message) in delegation::delegating(state, &name.space, cidr) {
            obstacles.add(of, || message);
        }
    }
    obstacles.clear(Reason::DoesNotFit, "cidr", || format!("{name} cannot be resized to {cidr}"))?;

    let after =
        Prefix { name: resized, made_from: vec![name.cidr], stamp: at.changed(before.stamp), ..Prefix::clone(&before) };
    let mut changes = vec![Change::made(Record::Prefix(Arc::new(after))), Change::gone(Record::Prefix(before))];
    changes.extend(scope.map(|scope| fit::moved(at, scope, cidr)));
    Ok(changes)
}
