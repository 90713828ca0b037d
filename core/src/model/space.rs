use super::Stamp;
use crate::labels::Labels;
use crate::name::SpaceName;
use crate::text::Text;

/// A realm in which every address is unique: a VRF, a tenant, a virtual network. `spaces/default`
/// always exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Its name.
    pub name: SpaceName,
    /// A heading for people.
    pub title: Text,
    /// What it is for.
    pub description: Text,
    /// Tags and custom fields of its own.
    pub labels: Labels,
    /// When it was made and changed.
    pub stamp: Stamp,
}
