//! Reservations that get in each other's way.

use super::Look;
use super::finding::{Said, named};

pub(super) fn host_name_twice(look: &Look<'_>) -> Option<Said> {
    let reservations = look.facts.state.reservations_in(&look.scope.name);
    let mut called: Vec<_> = reservations.filter_map(|one| Some((one.host_name.as_ref()?.as_str(), one))).collect();
    called.sort_by_key(|(name, _)| *name);
    let alike = called.chunk_by(|(one, _), (other, _)| one == other);
    let alike = alike.filter(|same| same.iter().any(|(_, one)| one.client != same[0].1.client));
    let words = alike.map(|same| {
        let addresses: Vec<_> = same.iter().map(|(_, one)| one.name.address).collect();
        format!("{} ({})", same[0].0, named(&addresses))
    });
    let words: Vec<_> = words.collect();
    (!words.is_empty())
        .then(|| format!("{} gives host names to several clients: {}", look.scope.name, named(&words)).into())
}
