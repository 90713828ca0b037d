//! Bundles that agents may still hold (P7 b): what a session leaves behind is kept for a while, so that the
//! agent that comes back after a broken line is sent the difference from there. Only a saving: whoever is
//! not found here is asked for an inventory.

use freehold_core::bundle::{Bundle, Digest};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Bytes of bundles kept.
pub const BYTES_MAX: usize = 64 << 20;

/// Bundles by digest, the oldest forgotten first.
#[derive(Debug, Clone, Default)]
pub struct Ancestry {
    bundles: BTreeMap<Digest, (Arc<Bundle>, usize)>,
    order: VecDeque<Digest>,
    bytes: usize,
}

impl Ancestry {
    /// Keeps a bundle.
    pub fn keep(&mut self, digest: Digest, bundle: Arc<Bundle>) {
        if self.bundles.contains_key(&digest) {
            return;
        }
        let bytes = bundle.resources().iter().map(|(key, resource)| key.id.len() + resource.body().len() + 64).sum();
        self.bundles.insert(digest, (bundle, bytes));
        self.order.push_back(digest);
        self.bytes += bytes;
        while self.bytes > BYTES_MAX {
            let Some((_, freed)) = self.order.pop_front().and_then(|oldest| self.bundles.remove(&oldest)) else {
                break;
            };
            self.bytes -= freed;
        }
    }

    /// The bundle with this digest, if it is still known.
    pub fn find(&self, digest: &Digest) -> Option<Arc<Bundle>> {
        self.bundles.get(digest).map(|(bundle, _)| Arc::clone(bundle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_core::bundle::{Resource, ResourceKey, ResourceKind};

    fn bundle(fill: u8, megabytes: usize) -> Arc<Bundle> {
        let key = ResourceKey { kind: ResourceKind::Scope, id: "a".into() };
        Arc::new(Bundle::new([(key, Resource::new(vec![fill; megabytes << 20]))].into()))
    }

    #[test]
    fn the_oldest_bundle_makes_room() {
        let mut ancestry = Ancestry::default();
        let bundles: Vec<_> = (0..3).map(|fill| bundle(fill, 30)).collect();
        for bundle in &bundles {
            ancestry.keep(bundle.digest(), Arc::clone(bundle));
        }
        let known: Vec<_> = bundles.iter().map(|bundle| ancestry.find(&bundle.digest()).is_some()).collect();
        assert_eq!(known, [false, true, true]);
    }
}
