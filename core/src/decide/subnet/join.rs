use super::{PARTS_MAX, fit};
use crate::change::{Change, Record};
use crate::command::{Etag, PrefixDraft};
use crate::decide::obstacles::Obstacles;
use crate::decide::{Moment, lookup, prefix};
use crate::labels::{Fields, Labels};
use crate::model::{Prefix, PrefixKind};
use crate::name::PrefixName;
use crate::net::Cidr;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::subnet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Makes one prefix of several that make exactly one larger prefix together. If that is there, as the container around them, it
/// becomes what they are.
pub(in crate::decide) fn join(
    state: &State,
    at: Moment,
    pieces: &[(PrefixName, Etag)],
) -> Result<Vec<Change>, Refusal> {
    let parts = read(state, pieces)?;
    let whole = whole(&parts)?;
    let kind = parts[0].kind;
    let names: BTreeSet<_> = parts.iter().map(|part| &part.name).collect();
    let mut obstacles = Obstacles::default();
    for other in parts.iter().filter(|part| part.kind != kind) {
        obstacles.add(&other.name, || format!("{} is of another kind than {}", other.name, parts[0].name));
    }
    if kind == PrefixKind::Network {
        for between in state.inside_of(&whole).filter(|inner| !names.contains(&inner.name)) {
            obstacles.add(&between.name, || format!("{} would lie in the network {}", between.name, whole.cidr));
        }
    }
    let scopes: Vec<_> = parts.iter().filter_map(|part| state.scope_of_network(&part.name)).collect();
    match scopes.as_slice() {
        [scope] => fit::scope_into(state, scope, whole.cidr, &mut obstacles),
        several => {
            for scope in several {
                obstacles.add(&scope.name, || {
                    format!("{} serves {}, and a network has one scope", scope.name, scope.network)
                });
            }
        }
    }
    if kind == PrefixKind::Network {
        for part in &parts {
            fit::assignments_into(state, &whole.space, part.name.cidr, whole.cidr, &mut obstacles);
        }
        fit::claims_alone(state, &whole, scopes.first().map(|scope| scope.as_ref()), &mut obstacles);
    }
    obstacles.clear(Reason::NotJoinable, "prefixes", || format!("{} cannot be made of these", whole.cidr))?;

    let scope = scopes.first().map(|scope| fit::moved(at, Arc::clone(scope), whole.cidr));
    let made_from: Vec<Cidr> = parts.iter().map(|part| part.name.cidr).collect();
    let mut changes = match state.prefix(&whole) {
        Some(around) => around_becomes(at, around, kind, made_from),
        None => vec![prefix::made(state, at, &whole, &common(&parts), made_from)?],
    };
    changes.extend(parts.into_iter().map(|part| Change::gone(Record::Prefix(part))));
    changes.extend(scope);
    Ok(changes)
}

/// The prefixes, in order.
fn read(state: &State, pieces: &[(PrefixName, Etag)]) -> Result<Vec<Arc<Prefix>>, Refusal> {
    if pieces.len() < 2 || pieces.len() as u64 > PARTS_MAX {
        let message = format!("{} prefixes; give 2 to {PARTS_MAX} to join", pieces.len());
        return Err(Refusal::new(Reason::TooMany, message).at("prefixes"));
    }
    let found = pieces.iter().enumerate().map(|(i, (name, etag))| {
        let read = || {
            let prefix = lookup::prefix(state, name)?;
            lookup::etag_matches(*etag, prefix.stamp, name)?;
            Ok(prefix)
        };
        read().map_err(|refusal: Refusal| refusal.under(&format!("prefixes[{i}]")))
    });
    let mut parts = found.collect::<Result<Vec<_>, Refusal>>()?;
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(parts)
}

/// What the parts make.
fn whole(parts: &[Arc<Prefix>]) -> Result<PrefixName, Refusal> {
    let space = &parts[0].name.space;
    let cidrs: Vec<_> = parts.iter().map(|part| part.name.cidr).collect();
    let same_space = parts.iter().all(|part| part.name.space == *space);
    match subnet::joined(&cidrs).filter(|_| same_space) {
        Some(cidr) => Ok(PrefixName { space: space.clone(), cidr }),
        None => {
            let message = "the prefixes do not make exactly one larger prefix together: they must touch each other, share no address, be of one space, and begin where the larger one begins";
            Err(Refusal::new(Reason::NotJoinable, message).at("prefixes"))
        }
    }
}

/// The container around the parts, as it is without them.
fn around_becomes(at: Moment, around: &Arc<Prefix>, kind: PrefixKind, made_from: Vec<Cidr>) -> Vec<Change> {
    let mut after = Prefix { kind, made_from, ..Prefix::clone(around) };
    after.stamp = at.changed(around.stamp);
    vec![Change::changed(Record::Prefix(Arc::clone(around)), Record::Prefix(Arc::new(after)))]
}

/// What all parts agree on, and the tags of all.
fn common(parts: &[Arc<Prefix>]) -> PrefixDraft {
    fn agreed<T: PartialEq + Clone + Default>(parts: &[Arc<Prefix>], of: impl Fn(&Prefix) -> &T) -> T {
        let first = of(&parts[0]);
        if parts.iter().all(|part| of(part) == first) { first.clone() } else { T::default() }
    }
    let tags = parts.iter().flat_map(|part| part.labels.tags()).cloned().collect();
    let everywhere =
        |(name, value): &(&_, &_)| parts.iter().all(|part| part.labels.fields().get(*name) == Some(*value));
    let fields = parts[0].labels.fields().iter().filter(everywhere);
    let fields: Fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    PrefixDraft {
        kind: parts[0].kind,
        status: agreed(parts, |part| &part.status),
        title: agreed(parts, |part| &part.title),
        description: agreed(parts, |part| &part.description),
        labels: Labels::new(tags, fields),
    }
}
