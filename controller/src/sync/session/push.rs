//! A change as messages: the difference between what is held and what is wanted, cut into parts (P12).

use freehold_core::bundle::{self, Bundle, Digest, Hash, Resource, ResourceKey};
use freehold_core::name::ServerName;
use freehold_core::time::StorePoint;
use freehold_proto::bundle::{wire, wire_ref};
use freehold_proto::convert::point;
use freehold_proto::sync::ChangeSet;
use std::collections::BTreeMap;

/// Most bytes of resources in a part. A single resource may be larger; it goes alone.
const PART_BYTES: usize = 1 << 20;
/// What a resource costs besides its id and its bytes: tags, lengths, hash, feature.
const RESOURCE_OVERHEAD: usize = 64;

/// What every part of a change says.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) server: &'a ServerName,
    pub(super) change_id: u64,
    pub(super) fence: u64,
    pub(super) target: StorePoint,
    pub(super) to: Digest,
    pub(super) confirm_seconds: u32,
}

/// Everything, for an agent that holds nothing or cannot say what.
pub(super) fn snapshot(header: &Header<'_>, wanted: &Bundle) -> Vec<ChangeSet> {
    parts(header, None, wanted.resources().iter(), &[])
}

/// The difference from a bundle that is known.
pub(super) fn from_bundle(header: &Header<'_>, from: Digest, held: &Bundle, wanted: &Bundle) -> Vec<ChangeSet> {
    let difference = held.diff(wanted);
    parts(header, Some(from), difference.upserts.iter(), &difference.removes)
}

/// The difference from an inventory.
pub(super) fn from_inventory(
    header: &Header<'_>,
    held: &BTreeMap<ResourceKey, Hash>,
    wanted: &Bundle,
) -> Vec<ChangeSet> {
    let from = bundle::digest(held.iter().map(|(key, hash)| (key, *hash)));
    let removes: Vec<_> = held.keys().filter(|key| !wanted.resources().contains_key(*key)).cloned().collect();
    let upserts = wanted.resources().iter().filter(|(key, resource)| held.get(*key) != Some(&resource.hash()));
    parts(header, Some(from), upserts, &removes)
}

fn parts<'a>(
    header: &Header<'_>,
    from: Option<Digest>,
    upserts: impl Iterator<Item = (&'a ResourceKey, &'a Resource)>,
    removes: &[ResourceKey],
) -> Vec<ChangeSet> {
    let mut parts = vec![ChangeSet::default()];
    let mut bytes = 0;
    let mut room = |parts: &mut Vec<ChangeSet>, more: usize| {
        if bytes > 0 && bytes + more > PART_BYTES {
            parts.push(ChangeSet::default());
            bytes = 0;
        }
        bytes += more;
        parts.len() - 1
    };
    for key in removes {
        let at = room(&mut parts, key.id.len() + RESOURCE_OVERHEAD);
        parts[at].removes.push(wire_ref(key));
    }
    for (key, resource) in upserts {
        let at = room(&mut parts, key.id.len() + resource.body().len() + RESOURCE_OVERHEAD);
        parts[at].upserts.push(wire(key, resource));
    }
    let count = u32::try_from(parts.len()).expect("parts of a mebibyte each, out of memory that is smaller than that");
    for (number, part) in (0..).zip(&mut parts) {
        part.server_id = header.server.daemon().to_owned();
        part.change_id = header.change_id;
        part.fence = header.fence;
        part.target = Some(point::message(&header.target));
        part.from_digest = from.map(|digest| digest.0.to_vec()).unwrap_or_default();
        part.to_digest = header.to.0.to_vec();
        part.part = number;
        part.parts = count;
        part.confirm_within_seconds = header.confirm_seconds;
    }
    parts
}
