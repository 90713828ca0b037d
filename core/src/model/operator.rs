use super::{CertificateRecord, Stamp};
use crate::access::{Grant, Permission, Reach, Role};
use crate::name::OperatorName;
use std::collections::BTreeSet;

/// A person or a service that calls the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its name, and its identity in certificates.
    pub name: OperatorName,
    /// What it may do everywhere.
    pub roles: BTreeSet<Role>,
    /// What it may do within places.
    pub grants: BTreeSet<Grant>,
    /// Whether it is shut out.
    pub disabled: bool,
    /// Certificates issued and not revoked, the newest last.
    pub certificates: Vec<CertificateRecord>,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl Operator {
    /// Where it has `permission`: nowhere, if it is shut out.
    pub fn reach(&self, permission: Permission) -> Reach {
        if self.disabled {
            return Reach::NOWHERE;
        }
        if self.roles.iter().any(|role| role.holds(permission)) {
            return Reach::Everywhere;
        }
        let places = self.grants.iter().filter(|grant| permission.has_places() && grant.role.holds(permission));
        Reach::within(places.map(|grant| grant.place.clone()))
    }

    /// Whether it has `permission` somewhere.
    pub fn may(&self, permission: Permission) -> bool {
        let granted = |grant: &Grant| permission.has_places() && grant.role.holds(permission);
        !self.disabled && (self.roles.iter().any(|role| role.holds(permission)) || self.grants.iter().any(granted))
    }
}
