//! The unit of desired state: a bundle is all that one server should run, as resources of canonical
//! bytes, each with a hash, together with a digest.
//!
//! A change from one bundle to another names both digests, is staged, recomputed, and applied only if
//! the digest is the promised one; so a difference can never silently build the wrong state.

use crate::change::RecordKey;
use crate::name::{ReservationName, ScopeName};
use crate::net::parse_address;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A scope.
    Scope,
    /// A reservation in a scope, or a claim in its network that names a client; no address has both.
    Reservation,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: &[ResourceKind] = &[Self::Scope, Self::Reservation];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Reservation => "reservation",
        }
    }

    /// The kind of this name; `None` for one that this version does not know.
    pub fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// What a resource is called in a bundle: `scope` `berlin-voice`, `reservation` `berlin-voice/10.1.2.3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// What it is.
    pub kind: ResourceKind,
    /// Which.
    pub id: String,
}

impl ResourceKey {
    /// A scope's.
    pub fn of_scope(scope: &ScopeName) -> Self {
        Self { kind: ResourceKind::Scope, id: scope.id().to_owned() }
    }

    /// That of an address in the network of `scope` that is fixed for a client: by a reservation, or a claim.
    pub fn of_address(scope: &ScopeName, address: IpAddr) -> Self {
        Self { kind: ResourceKind::Reservation, id: format!("{}/{address}", scope.id()) }
    }

    /// The record that it is made of, if that is not a claim; `None` if the id is not that of one. See
    /// [`State::resource`](crate::State::resource).
    pub fn record(&self) -> Option<RecordKey> {
        match self.kind {
            ResourceKind::Scope => ScopeName::from_id(&self.id).ok().map(RecordKey::Scope),
            ResourceKind::Reservation => {
                let (scope, address) = self.id.split_once('/')?;
                let (scope, address) = (ScopeName::from_id(scope).ok()?, parse_address(address).ok()?);
                Some(RecordKey::Reservation(ReservationName { scope, address }))
            }
        }
    }

    /// The resource that this one makes no sense without.
    pub fn parent(&self) -> Option<ResourceKey> {
        match self.kind {
            ResourceKind::Scope => None,
            ResourceKind::Reservation => self
                .id
                .split_once('/')
                .map(|(scope, _)| ResourceKey { kind: ResourceKind::Scope, id: scope.to_owned() }),
        }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.id)
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The first 16 bytes of the SHA-256 of a resource's canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 16]);

impl Hash {
    /// The hash of canonical bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = [0; 16];
        hash.copy_from_slice(&Sha256::digest(bytes)[..16]);
        Self(hash)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

/// SHA-256 over the sorted (kind, id, hash) of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

/// One resource: canonical bytes and their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    hash: Hash,
    body: Vec<u8>,
}

impl Resource {
    /// The resource with these canonical bytes.
    pub fn new(body: Vec<u8>) -> Self {
        Self { hash: Hash::of(&body), body }
    }

    /// The hash of its bytes.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Its canonical bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// All that one server should run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle(BTreeMap<ResourceKey, Resource>);

/// What turns one bundle into another. Removals come before additions where a server must be told in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Resources that are new or different, whole.
    pub upserts: BTreeMap<ResourceKey, Resource>,
    /// Resources that go.
    pub removes: Vec<ResourceKey>,
}

impl Difference {
    /// Whether the two bundles are the same.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removes.is_empty()
    }
}

impl Bundle {
    /// A bundle of these resources.
    pub fn new(resources: BTreeMap<ResourceKey, Resource>) -> Self {
        Self(resources)
    }

    /// Its resources, in order.
    pub fn resources(&self) -> &BTreeMap<ResourceKey, Resource> {
        &self.0
    }

    /// Its digest: SHA-256 over every (kind, id, hash) in order. Lengths are part of what is hashed, so
    /// that no two bundles read as the same bytes.
    pub fn digest(&self) -> Digest {
        digest(self.0.iter().map(|(key, resource)| (key, resource.hash)))
    }

    /// What turns this bundle into `to`.
    pub fn diff(&self, to: &Bundle) -> Difference {
        let same =
            |key: &ResourceKey, resource: &Resource| self.0.get(key).is_some_and(|ours| ours.hash == resource.hash);
        Difference {
            upserts: to
                .0
                .iter()
                .filter(|(key, resource)| !same(key, resource))
                .map(|(k, r)| (k.clone(), r.clone()))
                .collect(),
            removes: self.0.keys().filter(|key| !to.0.contains_key(*key)).cloned().collect(),
        }
    }

    /// This bundle changed by `difference`.
    #[must_use]
    pub fn patched(&self, difference: &Difference) -> Bundle {
        let mut resources = self.0.clone();
        for key in &difference.removes {
            resources.remove(key);
        }
        resources.extend(difference.upserts.iter().map(|(key, resource)| (key.clone(), resource.clone())));
        Bundle(resources)
    }

    /// This bundle with what `refusal` says in the place of the resources that it knows in their refused form: another form, or
    /// nothing, and nothing then of what makes no sense without those.
    #[must_use]
    pub fn with_refusals<'a>(&'a self, refusal: impl Fn(&ResourceKey, Hash) -> Option<Option<&'a Resource>>) -> Bundle {
        let form = |key: &ResourceKey| {
            let resource = self.0.get(key)?;
            refusal(key, resource.hash).unwrap_or(Some(resource))
        };
        let orphan = |key: &ResourceKey| key.parent().is_some_and(|parent| form(&parent).is_none());
        let kept = self.0.keys().filter(|key| !orphan(key));
        Bundle(kept.filter_map(|key| Some((key.clone(), form(key)?.clone()))).collect())
    }
}

/// The digest of a bundle of which only the hashes are known. `resources` must come in order, each once.
pub fn digest<'a>(resources: impl Iterator<Item = (&'a ResourceKey, Hash)>) -> Digest {
    let mut sha = Sha256::new();
    for (key, hash) in resources {
        for part in [key.kind.as_str(), key.id.as_str()] {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        }
        sha.update(hash.0);
    }
    Digest(sha.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bundles() -> impl Strategy<Value = Bundle> {
        let key = (prop_oneof![Just(ResourceKind::Scope), Just(ResourceKind::Reservation)], "[a-c](/[0-3])?")
            .prop_map(|(kind, id)| ResourceKey { kind, id });
        let resource = proptest::collection::vec(0u8..3, 0..2).prop_map(Resource::new);
        proptest::collection::btree_map(key, resource, 0..12).prop_map(Bundle::new)
    }

    proptest! {
        #[test]
        fn a_bundle_patched_by_the_difference_is_the_other(from in bundles(), to in bundles()) {
            let difference = from.diff(&to);
            prop_assert_eq!(&from.patched(&difference), &to);
            prop_assert_eq!(difference.is_empty(), from == to);
            prop_assert_eq!(from.digest() == to.digest(), from == to);
        }

        #[test]
        fn what_is_refused_is_another_form_or_gone_with_what_needs_it(
            bundle in bundles(), refused in 0u8..3, instead in proptest::option::of(3u8..5)
        ) {
            let hash = Hash::of(&[refused]);
            let instead = instead.map(|form| Resource::new(vec![form]));
            let kept = bundle.with_refusals(|_, h| (h == hash).then_some(instead.as_ref()));
            for (key, resource) in kept.resources() {
                prop_assert_ne!(resource.hash(), hash);
                let wanted = &bundle.resources()[key];
                let changed = wanted.hash() == hash;
                prop_assert_eq!(Some(resource), if changed { instead.as_ref() } else { Some(wanted) });
            }
            for (key, resource) in bundle.resources() {
                let gone = |form: Option<&Resource>| form.is_none_or(|form| form.hash() == hash && instead.is_none());
                let orphan = key.parent().is_some_and(|parent| gone(bundle.resources().get(&parent)));
                prop_assert_eq!(kept.resources().contains_key(key), !orphan && !gone(Some(resource)));
            }
        }
    }

    #[test]
    fn the_digest_is_frozen() {
        let key = ResourceKey { kind: ResourceKind::Scope, id: "berlin-voice".into() };
        let bundle = Bundle::new([(key, Resource::new(b"x".to_vec()))].into());
        assert_eq!(bundle.digest().to_string(), "3832f0202a022d3f8da9e18a70cb74dbe449e4020c701fd3163caa532ba25a59");
        assert_eq!(
            Bundle::default().digest().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
