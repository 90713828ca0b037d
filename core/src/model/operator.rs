use super::{CertificateRecord, Stamp};
use crate::access::{Permission, Role};
use crate::name::OperatorName;
use std::collections::BTreeSet;

/// A person or a service that calls the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its name, and its identity in certificates.
    pub name: OperatorName,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Whether it is shut out.
    pub disabled: bool,
    /// Certificates issued and not revoked, the newest last.
    pub certificates: Vec<CertificateRecord>,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl Operator {
    /// Whether one of its roles holds `permission`, and it is not shut out.
    pub fn may(&self, permission: Permission) -> bool {
        !self.disabled && self.roles.iter().any(|role| role.holds(permission))
    }
}
